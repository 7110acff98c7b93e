"""Two pictures compared by their pixels: correlation, and structural similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.image_metrics.pairs import Picture

Floats = NDArray[np.float64]

SIDE = 425
"""Pixels that both pictures are brought to; those of the Natural Scenes Dataset are shown so large."""
LUMINANCE = (0.2125, 0.7154, 0.0721)
"""Of red, green and blue (ITU-R BT.709), as scikit-image's ``rgb2gray`` has them."""
SIGMA, TRUNCATE = 1.5, 3.5
"""Standard deviation of the Gaussian window in pixels, and where it ends, in standard deviations: 11 x 11 pixels."""
K1, K2 = 0.01, 0.03
ONE_COLOUR = 1e-4
"""Spread below which a picture has no structure: a fortieth of one step of 8 bits, and above what resizing rounds."""


def resized(picture: Picture, side: int) -> NDArray[np.float32]:
    """The picture as (side, side, 3) float32 from 0 to 1, bilinear, with antialiasing where it shrinks.

    A picture that is not square is squeezed: a pair is compared pixel by pixel, whatever the shapes. This is what
    torchvision's ``Resize`` does to a square tensor of floats.
    """
    from PIL import Image

    channels = np.moveaxis(picture.astype(np.float32) / np.float32(255.0), 2, 0)
    small = [np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BILINEAR)) for c in channels]
    whole: NDArray[np.float32] = np.stack(small, axis=2)
    return whole.clip(0.0, 1.0)


def pix_corr(shown: NDArray[np.float32], reconstructed: NDArray[np.float32]) -> float | None:
    """Pearson correlation over all pixels and colours of two pictures (side, side, 3); None where one is a single grey."""
    first, second = (picture.astype(np.float64).ravel() for picture in (shown, reconstructed))
    if min(np.ptp(first), np.ptp(second)) < ONE_COLOUR:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def ssim(shown: NDArray[np.float32], reconstructed: NDArray[np.float32]) -> float:
    """Mean structural similarity of two pictures (side, side, 3) from 0 to 1, in grey (Wang et al. 2004, eq. 13).

    Gaussian window, population covariances, a border of half a window left out of the mean: scikit-image's
    ``structural_similarity`` with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0``.
    """
    from scipy.ndimage import gaussian_filter

    def local(values: Floats) -> Floats:
        smooth: Floats = gaussian_filter(values, SIGMA, truncate=TRUNCATE, mode="reflect")
        return smooth

    x, y = (picture.astype(np.float64) @ np.array(LUMINANCE) for picture in (shown, reconstructed))
    mean_x, mean_y = local(x), local(y)
    var_x, var_y = local(x * x) - mean_x**2, local(y * y) - mean_y**2
    covariance = local(x * y) - mean_x * mean_y
    c1, c2 = K1**2, K2**2  # times the data range, 1
    above = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    border = int(TRUNCATE * SIGMA + 0.5)
    return float((above / below)[border:-border, border:-border].mean())
