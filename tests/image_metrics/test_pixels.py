"""Pictures compared by pixels: against scikit-image, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.image_metrics.pixels import SIDE, pix_corr, resized, ssim
from tests.image_metrics.drawn import noisy, patches, waves

GREY = np.full((500, 500, 3), 128, np.uint8)
PAIRS = {
    "noisy": (waves(2, 425, 425), noisy(waves(2, 425, 425), 1)),
    "another wave": (waves(2, 300, 500), waves(3, 300, 500)),
    "negative": (waves(1, 64, 64), 255 - waves(1, 64, 64)),
    "noise": (noisy(GREY, 2), noisy(GREY, 3)),
}
# Of the pictures above, brought to 425 x 425 by Pillow as float32 channels: structural_similarity(rgb2gray(a), rgb2gray(b),
# gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0) of scikit-image 0.26.0 in float64, and
# numpy.corrcoef of all values.
KNOWN = {
    "noisy": (0.15478260696403626, 0.9404977602275133),
    "another wave": (0.5435827838399985, 0.11064817145523863),
    "negative": (0.39530828828654924, -1.0),
    "noise": (0.13034937939636634, -0.000983547876641351),
}


@pytest.mark.parametrize("name", PAIRS)
def test_similarity_is_scikit_images_and_correlation_numpys(name):
    shown, reconstructed = (resized(picture, SIDE) for picture in PAIRS[name])
    assert ssim(shown, reconstructed) == pytest.approx(KNOWN[name][0], abs=1e-6)
    assert pix_corr(shown, reconstructed) == pytest.approx(KNOWN[name][1], abs=1e-6)
    assert ssim(reconstructed, shown) == pytest.approx(ssim(shown, reconstructed), abs=1e-12)


def test_a_picture_is_its_own_best_reconstruction_whatever_its_shape():
    picture = resized(patches(1, (61, 97)), SIDE)
    assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.float32
    assert pix_corr(picture, picture) == pytest.approx(1.0)
    assert ssim(picture, picture) == pytest.approx(1.0)


def test_a_single_grey_correlates_with_nothing_however_it_was_resized():
    for level in (0, 77, 255):
        grey = resized(np.full((33, 57, 3), level, np.uint8), SIDE)
        np.testing.assert_allclose(grey, level / 255.0, atol=1e-6)
        assert pix_corr(grey, resized(patches(1), SIDE)) is None


def test_resizing_averages_what_it_shrinks():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    np.testing.assert_allclose(resized(stripes, 50)[5:-5, 5:-5], 100 / 255, atol=0.01)
