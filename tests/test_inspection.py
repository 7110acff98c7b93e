"""What `inspect` says of real recordings, against the libraries that read them."""

import json

import numpy as np
import pytest

from rtbci.errors import SourceError
from rtbci.inspection import inspect
from rtbci.sources.file import load

SUFFIXES = {".fif", ".edf", ".bdf", ".gdf", ".set", ".con", ".xdf", ".csv"}


def test_every_recording_that_can_be_read_can_be_inspected_and_agrees_with_what_is_read(data_dir):
    paths = [p for p in sorted(data_dir.rglob("*")) if p.suffix in SUFFIXES and not p.name.endswith("-eve.fif")]
    assert len(paths) > 60
    for path in paths:
        summary = inspect(path)
        assert json.loads(json.dumps(summary.as_json()))["path"] == str(path)
        assert summary.as_text().count("\n") >= len(summary.streams)
        try:
            recording = load(path)
        except SourceError:
            continue
        shapes = [(s.n_samples, s.n_channels) for s in summary.streams if not s.is_markers]
        assert recording.samples.shape in shapes, path
        counted = sum(sum(s.markers.values()) for s in summary.streams if s.is_markers)
        assert counted == len(recording.markers), path


def test_edf(data_dir):
    signal, marks = inspect(data_dir / "eegmmidb_S001/S001R06.edf").streams
    assert (signal.n_channels, signal.n_samples, signal.nominal_rate, signal.effective_rate) == (64, 20000, 160, 160)
    assert signal.duration == pytest.approx(19999 / 160)
    assert (signal.gaps, signal.units, signal.kinds) == (0, {"uV": 64}, {"eeg": 64})
    assert marks.markers == {"T0": 15, "T2": 8, "T1": 7}


def test_xdf_with_a_clock_reset_shows_the_gap_and_the_true_rate(data_dir):
    streams = inspect(data_dir / "xdf_example_files/clock_resets.xdf").streams
    eeg = next(s for s in streams if s.type == "EEG")
    assert (eeg.gaps, eeg.nominal_rate) == (1, 100.0)
    assert eeg.gap_seconds == pytest.approx(273.869, abs=0.01)
    assert eeg.effective_rate == pytest.approx(92.93, abs=0.01)
    marks = next(s for s in streams if s.is_markers)
    assert sum(marks.markers.values()) == 175


def test_streams_without_samples_are_shown_too(data_dir):
    streams = inspect(data_dir / "xdf_example_files/empty_streams.xdf").streams
    assert [(s.n_samples, s.is_markers) for s in streams] == [(0, False), (10, False), (1, True), (0, True)]
    assert streams[0].start is None
    muse = inspect(next((data_dir / "xdf_muselsl2/data").rglob("sub-P001*.xdf"))).streams
    assert sorted((s.type, s.n_samples > 0) for s in muse) == [
        ("ACC", True),
        ("EEG", True),
        ("GYRO", True),
        ("PPG", False),
    ]


def test_the_smallest_file(data_dir):
    signal, text = inspect(data_dir / "xdf_example_files/minimal.xdf").streams
    assert (signal.n_channels, signal.n_samples, signal.nominal_rate) == (3, 9, 10.0)
    assert signal.effective_rate == pytest.approx(10.0)
    assert text.markers["Hello"] == 2


def test_bad_channels_are_named(data_dir):
    summary = inspect(data_dir / "mne_testing_data/SSS/mgh70_raw.fif")
    assert "EEG004" in summary.as_text()


def test_annotations_without_a_signal_can_be_looked_at(data_dir):
    signal, marks = inspect(data_dir / "mne_testing_data/EDF/SC4001EC-Hypnogram.edf").streams
    assert (signal.n_channels, signal.n_samples) == (0, 0)
    assert marks.markers == {"Sleep stage W": 1}


def test_uneven_stamps_of_text_are_no_gaps(data_dir):
    path = next((data_dir / "muse_eegnotebooks").rglob("*.csv"))
    signal, marks = inspect(path).streams
    assert signal.gaps == 0
    assert signal.effective_rate == pytest.approx(256, rel=0.001)
    assert set(marks.markers) == {"1", "2"}


def test_long_labels_do_not_flood_the_terminal(data_dir):
    text = inspect(data_dir / "xdf_example_files/minimal.xdf").as_text()
    assert max(map(len, text.splitlines())) < 300


def test_what_is_no_recording(tmp_path):
    (tmp_path / "a.xdf").write_bytes(np.arange(100).tobytes())
    with pytest.raises(SourceError, match="not an XDF file"):
        inspect(tmp_path / "a.xdf")
