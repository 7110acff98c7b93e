"""Pictures of every size and shape come to one square; what is no picture is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rtbci.errors import BankError
from rtbci_vision import PictureStatistics
from rtbci_vision.square import SIDE, square
from rtbci_vision.statistics import N_FEATURES
from tests.plugins.vision.drawn import scene

SIDES = st.one_of(st.integers(1, 40), st.sampled_from([127, 128, 129, 300, 3000]))


@settings(max_examples=25)
@given(SIDES, st.integers(1, 60), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_size_and_shape_is_described(one, other, upright, seed):
    shape = (one, other, 3) if upright else (other, one, 3)
    picture = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    described = PictureStatistics().describe([picture])
    assert described.shape == (1, N_FEATURES)
    assert described.dtype == np.float32
    assert np.isfinite(described).all()
    assert np.abs(described).max() < 10  # the features' unit is of order 1


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (12, 200, 90)])
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (200, 200)])
def test_a_constant_picture_has_its_colour_and_no_edge_or_wave(colour, shape):
    picture = np.full((*shape, 3), colour, np.uint8)
    described = PictureStatistics().describe([picture, np.full((50, 50, 3), colour, np.uint8)])
    np.testing.assert_array_equal(described[0], described[1])
    np.testing.assert_allclose(described[0, 48:96], 0, atol=1e-6)  # spreads of L*, a* and b*
    np.testing.assert_allclose(described[0, 153:], 0, atol=1e-5)  # gradients and texture


def test_the_square_in_the_middle_counts_alone():
    picture = np.asarray(Image.fromarray(scene(3)).resize((180, 120)))
    outside = picture.copy()
    outside[:, :29], outside[:, 151:] = 0, 255
    # the filter that reduces reaches a pixel or two over the rim
    inner = np.s_[:, 3:-3]
    np.testing.assert_array_equal(square(outside)[inner], square(picture[:, 30:150])[inner])
    np.testing.assert_array_equal(square(outside.transpose(1, 0, 2)), square(outside).transpose(1, 0, 2))


def test_the_middle_half_of_a_long_picture_counts():
    long = np.zeros((10, 400, 3), np.uint8)
    long[:, 100:200] = 255
    seen = square(long)[..., 0]
    assert seen.shape == (SIDE, SIDE)
    assert (seen[:, 1 : SIDE // 2 - 2] == 255).all()
    assert (seen[:, SIDE // 2 + 2 :] == 0).all()


def test_fine_stripes_average_to_grey_rather_than_to_coarse_stripes():
    stripes = np.zeros((1501, 1501, 3), np.uint8)
    stripes[:, ::2] = 255
    seen = square(stripes)[:, 2:-2].astype(int)
    assert np.abs(seen - 127.5).max() < 2


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (np.zeros((4, 4), np.uint8), r"uint8 of shape \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 of shape \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 of shape \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float32), r"float32 of shape \(4, 4, 3\)"),
        (Image.new("RGB", (4, 4)), "Image"),
        ("a cat", "str"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_place_in_the_list(item, said):
    with pytest.raises(BankError, match=rf"^picture 1 is {said}; \(height, width, 3\) uint8"):
        PictureStatistics().describe([scene(0), item])
