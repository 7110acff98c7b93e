"""Where channels sit on the map of the head, and that the table says what MNE says."""

import json
from pathlib import Path

import mne
import numpy as np
import pytest

from rtbci import montage
from rtbci.montage import directions, electrode, places, project
from rtbci.types import Channel


def eeg(*names):
    return [Channel(name) for name in names]


def at(found, channels, name):
    return found.xy[[channels[i].name for i in found.channels].index(name)]


def test_the_table_is_what_mne_says_today():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "replay_data"))
        import electrodes
    assert json.loads(electrodes.PATH.read_text()) == electrodes.table()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_map_is_the_one_that_mne_draws():
    names = ["Fp1", "Fp2", "C3", "Cz", "C4", "O1", "O2", "T7", "T8", "Fpz", "Oz", "P7"]
    info = mne.create_info(names, 100.0, "eeg")
    info.set_montage("standard_1005")
    from mne.channels.layout import _find_topomap_coords

    found = places(eeg(*names), "eeg")
    theirs = _find_topomap_coords(info, None, sphere="eeglab")
    centre = np.array(montage._table()["horizon_centre"]) * 1e-3
    radii = np.linalg.norm([np.array(electrode(name)) - centre for name in names], axis=1)
    # MNE multiplies each angle with its electrode's own distance, in metres, and puts the sphere's centre in the middle
    np.testing.assert_allclose((theirs - centre[:2]) / radii[:, None], found.xy, atol=3e-3)


def test_left_is_left_and_front_is_up():
    channels = eeg("C3", "C4", "Fz", "Oz", "Cz")
    found = places(channels, "eeg")
    assert at(found, channels, "C3")[0] < -0.4 < 0.4 < at(found, channels, "C4")[0]
    assert at(found, channels, "Oz")[1] < -0.8 < 0.3 < at(found, channels, "Fz")[1]
    assert np.hypot(*at(found, channels, "Cz")) < 0.1


def test_names_are_found_in_any_case_by_old_names_and_with_what_recordings_put_around_them():
    for name, plain in (("FP1", "Fp1"), ("cz", "Cz"), ("EEG Fp1-REF", "Fp1"), ("Fc5.", "FC5"), ("Cz..", "Cz")):
        assert electrode(name) == electrode(plain)
    for old, new in (("T3", "T7"), ("T4", "T8"), ("T5", "P7"), ("T6", "P8")):
        np.testing.assert_allclose(electrode(old), electrode(new), atol=2e-4)


@pytest.mark.parametrize("name", ["ch7", "C3-C4", "EOG", "", "X1"])
def test_a_name_that_is_not_in_the_system_is_not_guessed(name):
    assert electrode(name) is None


def test_channels_without_a_place_are_listed():
    found = places([*eeg("Cz", "B17", "C3"), Channel("EOG1", "eog")], "eeg")
    assert found.without == ("B17",)
    assert list(found.channels) == [0, 2]


def test_the_streams_own_positions_win_over_names_and_nothing_is_mixed():
    own = [Channel("Cz", position=(0.0, 0.1, 0.04)), Channel("C3")]
    found = places(own, "eeg")
    assert found.source == "positions sent by the stream"
    assert found.without == ("C3",)
    assert found.xy[0][1] > 0.9  # to the front, where the stream says, not at the vertex


def test_positions_in_another_frame_give_the_same_map():
    names = list(montage._table()["eeg"])[:94]
    shift = np.array([0.0, -0.015, -0.04])  # a cap file's origin in the middle of the head
    moved = [Channel(n, position=tuple(np.array(electrode(n)) + shift)) for n in names]
    np.testing.assert_allclose(places(moved, "eeg").xy, places(eeg(*names), "eeg").xy, atol=0.03)


def test_sensors_of_a_neuromag_helmet_are_found_by_name_and_a_triplet_is_one_site():
    channels = [
        *(Channel(f"MEG 0{k}", "grad" if k % 10 > 1 else "mag") for k in (113, 112, 111)),
        Channel("MEG2631", "mag"),
        Channel("MEG0151", "mag"),  # no such sensor
    ]
    mags, grads = places(channels, "mag"), places(channels, "grad")
    assert mags.without == ("MEG0151",)
    assert at(mags, channels, "MEG2631")[0] > 0.5  # right of the helmet
    assert mags.xy[0][0] < -0.8  # left temporal
    np.testing.assert_array_equal(grads.xy[0], grads.xy[1])


def test_directions_undo_the_projection():
    rng = np.random.default_rng(0)
    off = rng.standard_normal((200, 3))
    off /= np.linalg.norm(off, axis=1, keepdims=True)
    np.testing.assert_allclose(directions(project(0.09 * off, np.zeros(3))), off, atol=1e-12)


def test_no_channel_of_a_kind_is_an_empty_map():
    found = places(eeg("Cz"), "mag")
    assert (len(found.channels), found.xy.shape, found.without, found.source) == (0, (0, 2), (), "")
