"""The spherical head against MNE's own forward model and against what must hold for any potential."""

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import SourceError
from rtbci.sources.head import HEAD_RADIUS, LAYOUT_64, SHELLS, projection, scalp_potentials, standard_montage

mne.set_log_level("error")


@pytest.fixture(scope="module")
def montage():
    return standard_montage()


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_potentials_are_those_of_mne_s_sphere_model(montage):
    rng = np.random.default_rng(0)
    positions = unit(rng.normal(size=(6, 3))) * np.array([0.01, 0.03, 0.05, 0.06, 0.07, 0.075])[:, None]
    moments = unit(rng.normal(size=(6, 3)))
    directions = montage.directions(LAYOUT_64)
    ours = scalp_potentials(directions, positions, moments)
    info = mne.create_info(list(LAYOUT_64), 100.0, "eeg")
    places = dict(zip(LAYOUT_64, directions * HEAD_RADIUS, strict=True))
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"))
    sphere = mne.make_sphere_model((0.0, 0.0, 0.0), HEAD_RADIUS)
    grid = mne.setup_volume_source_space(pos={"rr": positions, "nn": moments}, sphere=sphere, sphere_units="m")
    gain = mne.make_forward_solution(info, trans=None, src=grid, bem=sphere, meg=False)["sol"]["data"]
    theirs = np.einsum("eij,ij->ei", gain.reshape(64, 6, 3), moments)
    # MNE replaces the shells by a few dipoles in one sphere (Berg and Scherg): good to half a percent
    assert np.all(np.abs(ours - theirs).max(0) < 0.005 * np.abs(theirs).max(0))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), eccentricity=st.floats(0.05, 0.8))
def test_a_potential_is_linear_in_the_moment_and_turns_with_the_head(seed, eccentricity):
    rng = np.random.default_rng(seed)
    electrodes, at = unit(rng.normal(size=(20, 3))), unit(rng.normal(size=(1, 3))) * eccentricity * HEAD_RADIUS
    first, second = rng.normal(size=(2, 1, 3))
    both = scalp_potentials(electrodes, at, 2 * first + second)
    apart = 2 * scalp_potentials(electrodes, at, first) + scalp_potentials(electrodes, at, second)
    np.testing.assert_allclose(both, apart, rtol=1e-9, atol=1e-9 * np.abs(both).max())
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = scalp_potentials(electrodes @ turn.T, at @ turn.T, first @ turn.T)
    np.testing.assert_allclose(
        turned, scalp_potentials(electrodes, at, first), rtol=1e-6, atol=1e-9 * np.abs(both).max()
    )


def test_the_mean_over_the_whole_scalp_is_nothing():
    # no net current leaves a dipole; nodes of a product rule that is exact for the low orders
    x, weights = np.polynomial.legendre.leggauss(60)
    angle = np.arange(120) * 2 * np.pi / 120
    ring = np.sqrt(1 - x**2)
    nodes = np.stack([np.outer(ring, np.cos(angle)), np.outer(ring, np.sin(angle)), np.outer(x, np.ones(120))], -1)
    values = scalp_potentials(nodes.reshape(-1, 3), np.array([[0.01, 0.02, 0.05]]), np.array([[1.0, -2.0, 0.5]]))
    mean = (values.reshape(60, 120).mean(1) * weights).sum() / 2
    assert abs(mean) < 1e-9 * np.abs(values).max()


def test_a_radial_dipole_is_seen_most_where_it_points(montage):
    up = montage.directions(["C3"])
    volts = projection(montage, LAYOUT_64, up * 0.07, up)[:, 0]
    assert LAYOUT_64[int(volts.argmax())] == "C3"
    assert 0.05 < volts.max() < 1.0  # uV for 1 nAm


def test_dipoles_outside_the_brain_are_refused():
    with pytest.raises(ValueError, match="within"):
        scalp_potentials(np.eye(3), np.array([[0.0, 0.0, SHELLS[0][0] * HEAD_RADIUS]]), np.ones((1, 3)))


def test_places_are_in_head_coordinates(montage):
    left, right, front = montage.at(["C3", "C4", "Fz"])
    assert left[0] < -0.04
    assert right[0] > 0.04
    assert front[1] > 0.04


@pytest.mark.parametrize("n", [1, 16, 64, 128, 306])
def test_any_number_of_different_places(montage, n):
    names = montage.layout(n)
    assert len(set(names)) == n
    assert len(np.unique(montage.at(names).round(6), axis=0)) == n


def test_a_place_that_does_not_exist(montage):
    with pytest.raises(SourceError, match="'Q9'"):
        montage.at(["C3", "Q9"])
    with pytest.raises(SourceError, match="5000"):
        montage.layout(5000)
