"""What decoders are trained on: the windows that the pipeline cuts, and the same signal for windows that are moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci import assemble, config
from rtbci.calibration import Calibration
from rtbci.errors import DecoderError
from rtbci.spool import Room, Spool
from rtbci.training_set import Piece, collect, source_of
from rtbci.types import Channel, StreamInfo
from tests import live

LOCKED = """
[[decoder]]
name = "locked"
use = "log-variance"
lock = "marker"
window = 0.8
offset = 0.1
baseline = 0.2
transforms = [{ use = "band-pass", low = 1.0, high = 30.0 }, { use = "resample", rate = 100.0 }]
"""
SLIDING = """
[[decoder]]
name = "sliding"
use = "log-variance"
window = 1.0
hop = 0.2
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
"""


def experiment(tmp_path: Path, decoder: str, idle: bool = False) -> config.Experiment:
    text = live.EXPERIMENT.format(name="test", stream="s", decoders=decoder)
    path = tmp_path / "experiment.toml"
    path.write_text(text.replace("[trial]", "[idle]\n[trial]") if idle else text)
    return config.load(path)


@pytest.fixture(scope="module")
def recording() -> Path:
    from rtbci import bundled

    return bundled.calibration()


def through_the_pipeline(made: config.Experiment, recording: Path) -> dict[int, np.ndarray]:
    """Every window that the pipeline cuts, by its first sample."""
    chosen = made.decoders[0]
    source = source_of(made, recording)
    info = source.open()
    pipeline = assemble.make_pipeline(made, chosen, source, info, None, assemble.default_channels(info, chosen))
    found, ended = {}, False
    while not ended:
        try:
            pipeline.ingest(0.0)
        except EOFError:
            ended = True
        while (window := pipeline.next_window()) is not None:
            found[window.start] = np.array(window.samples)
    source.close()
    return found


@pytest.mark.parametrize(("decoder", "idle"), [(LOCKED, False), (SLIDING, False), (SLIDING, True)])
@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["in memory", "in a scratch file"])
def test_windows_are_those_of_the_pipeline_to_the_bit(tmp_path, recording, decoder, idle, memory):
    made = experiment(tmp_path, decoder, idle)
    data = collect(made, made.decoders[0], [recording], room=Room(memory, tmp_path))
    live_windows = through_the_pipeline(made, recording)
    assert len(data) >= 40
    for k in range(len(data)):
        wanted = np.ascontiguousarray(live_windows[int(data.places.start[k])])
        assert data.cut([k])[0].tobytes() == wanted.tobytes()
    assert data.windows.shape == (len(data), data.info.n_channels, data.n_samples)
    assert not list(tmp_path.glob("rtbci-signal-*"))  # a scratch file has no name


def test_a_piece_of_a_recording_gives_the_windows_that_lie_in_it(tmp_path, recording):
    made = experiment(tmp_path, SLIDING)
    whole = collect(made, made.decoders[0], [recording])
    rate = whole.info.rate
    part = collect(made, made.decoders[0], [Piece(recording, int(60 * rate), int(150 * rate))])
    assert 0 < len(part) < len(whole)
    held = {whole.cut([k])[0].tobytes() for k in range(len(whole))}
    assert all(part.cut([k])[0].tobytes() in held for k in range(len(part)))
    assert len(part.signals[0].samples) < len(whole.signals[0].samples) / 1.5  # what came before is not kept


def test_moved_windows_stay_within_their_trial_and_are_other_samples_of_the_same_signal(tmp_path, recording):
    made = experiment(tmp_path, SLIDING)
    data = collect(made, made.decoders[0], [recording])
    places = data.places
    assert (places.lowest <= places.start).all() and (places.start <= places.highest).all()
    assert (places.highest - places.lowest > 0).all()
    for trial in range(3):
        rows = np.flatnonzero(places.trial == trial)
        assert len(set(places.lowest[rows])) == len(set(places.highest[rows])) == 1
        assert places.lowest[rows[0]] <= places.start[rows].min()
        assert places.highest[rows[0]] >= places.start[rows].max()
    shift = np.array([places.highest[5] - places.start[5]])
    start = int(places.highest[5])
    assert np.array_equal(data.cut([5], shift)[0], data.signals[0].samples[start : start + data.n_samples].T)


def test_the_baseline_stays_before_the_marker_when_a_window_is_moved(tmp_path, recording):
    made = experiment(tmp_path, LOCKED)
    data = collect(made, made.decoders[0], [recording])
    signal, start = data.signals[0].samples, int(data.places.start[3])
    assert data.baseline == (-30, -10)  # 0.2 s before a marker that lies 0.1 s before the window, at 100 Hz
    before = signal[start - 30 : start - 10].astype(np.float64).mean(axis=0).astype(np.float32)
    moved = data.cut([3], np.array([7]))[0]
    assert np.array_equal(moved, (signal[start + 7 : start + 87] - before).T)


def test_whose_a_recording_is_comes_with_its_signal(tmp_path, recording):
    import shutil

    copy = tmp_path / "sub-07_ses-02_run-1_eeg.edf"
    shutil.copy(recording, copy)
    made = experiment(tmp_path, SLIDING)
    data = collect(made, made.decoders[0], [copy, Piece(recording, subject="ann", session="9")])
    assert [(s.subject, s.session) for s in data.signals] == [("07", "02"), ("ann", "9")]
    sessions = data.sessions()
    assert list(sessions) == [("07", "02"), ("ann", "9")]
    assert sorted(np.concatenate(list(sessions.values()))) == list(range(len(data)))


def test_too_many_windows_to_stack_are_refused_with_what_would_help(monkeypatch):
    info = StreamInfo("s", 100.0, (Channel("C1"),))
    data = Calibration.of_windows(info, np.zeros((10, 1, 50), np.float32), np.arange(10) % 2)
    monkeypatch.setattr("rtbci.calibration.LARGEST_STACK", 1000)
    with pytest.raises(DecoderError, match=r"10 windows of 1 channels and 50 samples are .*rtbci.interfaces.Learns"):
        _ = data.windows


def test_windows_that_were_cut_elsewhere_are_a_calibration_too():
    info = StreamInfo("s", 100.0, (Channel("C1"), Channel("C2")))
    windows = np.random.default_rng(0).standard_normal((6, 2, 30)).astype(np.float32)
    data = Calibration.of_windows(info, windows, np.array([0, 1, 2, 0, 1, 2]), ("a", "b", "c"))
    assert np.array_equal(data.windows, windows)
    assert data.classes == ("a", "b", "c") and data.markers == ("a", "b", "c") * 2
    assert data.trial.tolist() == list(range(6))


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 3000), st.integers(1, 5))
def test_a_spool_gives_back_what_it_was_given_wherever_it_lies(sizes, room, n_channels):
    random = np.random.default_rng(0)
    parts = [random.standard_normal((n, n_channels)).astype(np.float32) for n in sizes]
    shared = Room(room)
    spools = [Spool(n_channels, shared) for _ in range(2)]
    for part in parts:
        for spool in spools:
            spool.add(part)
    want = np.concatenate([np.empty((0, n_channels), np.float32), *parts])
    for spool in spools:
        whole = spool.whole()
        assert whole.tobytes() == want.tobytes() and not whole.flags.writeable
    assert shared.used <= room
