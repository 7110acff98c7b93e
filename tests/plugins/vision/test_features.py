"""Each group of features measures what it says, in its unit."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci_vision import PictureStatistics
from rtbci_vision.cells import cells
from rtbci_vision.colour import colour
from rtbci_vision.gradients import gradients
from rtbci_vision.lab import cielab
from rtbci_vision.square import SIDE, square
from rtbci_vision.texture import ORIENTATIONS, texture
from tests.plugins.vision.drawn import scene

X, Y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # sRGB and CIELAB of the corners of the colour cube under D65, as published tables have them
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((128, 128, 128), (53.59, 0, 0)),
        ((5, 5, 5), (1.37, 0, 0)),
    ],
)
def test_cielab_is_that_of_the_tables(rgb, lab):
    np.testing.assert_allclose(cielab(np.full((1, 1, 3), rgb, np.uint8))[:, 0, 0], lab, atol=0.02)


def test_greys_have_no_chroma():
    grey = np.repeat(scene(1)[..., :1], 3, axis=2)
    described = PictureStatistics().describe([grey])[0]
    assert np.abs(described[16:48]).max() < 1e-6  # means of a* and b*
    assert np.abs(described[64:96]).max() < 1e-6  # their spreads
    assert described[16:48].size == 2 * 4 * 4


def test_cells_keep_the_mean_of_a_constant_and_weigh_neighbours_an_eighth():
    np.testing.assert_allclose(cells(np.full((2, 8, 8), 3.0)), 3.0)
    spot = np.zeros((1, 8, 8))
    spot[0, 2, 5] = 1.0
    expected = np.outer([1 / 8, 3 / 8, 0, 0], [0, 0, 3 / 8, 1 / 8])
    np.testing.assert_allclose(cells(spot)[0], expected)


def test_colour_says_where_in_units_of_a_hundred():
    lab = np.zeros((3, SIDE, SIDE), np.float32)
    lab[0] = 50
    lab[2, :, SIDE // 2 :] = 40
    means, spreads = colour(lab)[:96].reshape(2, 3, 4, 4)
    np.testing.assert_allclose(means[0], 0.5)
    np.testing.assert_allclose(means[1], 0)
    np.testing.assert_allclose(means[2], np.tile([0, 0.05, 0.35, 0.4], (4, 1)), atol=1e-6)
    # a share s of 40 and the rest 0: 40 * sqrt(s (1 - s))
    np.testing.assert_allclose(
        spreads[2], np.tile([0, 0.4 * np.sqrt(7) / 8, 0.4 * np.sqrt(7) / 8, 0], (4, 1)), atol=1e-6
    )


def test_histograms_share_a_colour_between_the_bins_beside_it():
    lab = np.zeros((3, SIDE, SIDE), np.float32)
    lab[0] = 100 * 2.25 / 7
    lab[1] = 10 * np.sinh(1)
    shares = (colour(lab)[96:] + np.sqrt(0.01)) ** 2 - 0.01
    np.testing.assert_allclose(shares[:8], [0, 0, 0.75, 0.25, 0, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(shares[8:].reshape(7, 7)[4], [0, 0, 0, 1, 0, 0, 0], atol=1e-5)
    assert shares.sum() == pytest.approx(2)


@pytest.mark.parametrize("orientation", range(8))
def test_a_slope_votes_for_its_orientation_alone(orientation):
    angle = np.pi * orientation / 8
    slope = 0.4
    histograms = gradients(slope * (np.cos(angle) * X + np.sin(angle) * Y))[:512].reshape(8, 8, 8)
    inner = histograms[:, 2:-2, 2:-2]  # the picture's rim has no gradient across it
    expected = slope / np.sqrt(slope**2 + 1)  # contrast normalised, where 1 L* per pixel counts as quiet
    np.testing.assert_allclose(inner[orientation], expected, atol=1e-3)
    assert np.abs(np.delete(inner, orientation, axis=0)).max() < 1e-3


def test_a_slope_between_two_orientations_is_shared():
    angle = np.pi * 0.25 / 8
    inner = gradients(0.4 * (np.cos(angle) * X + np.sin(angle) * Y))[:512].reshape(8, 8, 8)[:, 2:-2, 2:-2]
    np.testing.assert_allclose(inner[1] / inner[0], 1 / 3, atol=1e-3)


def test_contrast_leaves_histograms_and_stays_in_the_strengths():
    busy = cielab(square(scene(5)))[0]
    faint, strong = gradients(10 * busy)[:576], gradients(20 * busy)[:576]
    np.testing.assert_allclose(faint[:512], strong[:512], atol=0.02)
    np.testing.assert_allclose(strong[512:] - faint[512:], np.log(2), atol=0.2)


@pytest.mark.parametrize("scale", range(4))
@pytest.mark.parametrize("orientation", [0, 3])
def test_a_wave_has_its_amplitude_at_its_scale_and_orientation(scale, orientation):
    along = X if orientation == 0 else Y
    wave = (50 + 20 * np.cos(2 * np.pi * along / (4 << scale) + 0.3)).astype(np.float32)
    amplitudes = np.expm1(texture(wave).reshape(4, ORIENTATIONS, 4, 4))
    # 5 %: a wave does not end where it began, and that step is taken for the smooth part
    np.testing.assert_allclose(amplitudes[scale, orientation], 20, rtol=0.05)
    beside = amplitudes[scale, (orientation + 1) % ORIENTATIONS]
    np.testing.assert_allclose(beside, 20 * np.cos(np.pi / ORIENTATIONS) ** (ORIENTATIONS - 1), rtol=0.1)
    assert np.delete(amplitudes, scale, axis=0).max() < 3


def test_a_ramp_is_no_texture_for_all_that_its_edges_differ():
    fine = np.expm1(texture((X / 2 + Y / 4).astype(np.float32)).reshape(4, -1))
    assert fine[:2].max() < 0.1
