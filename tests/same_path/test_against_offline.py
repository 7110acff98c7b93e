"""The live pipeline against offline computations that share no line with it: scipy, MNE, pyRiemann and scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfilt, sosfilt_zi, sosfiltfilt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from rtbci import config
from rtbci.config import Experiment
from rtbci.pipeline import Pipeline, Plan
from rtbci.replay import replay
from rtbci.sources.file import load
from rtbci.training import collect, train
from rtbci.transforms.resample import Resample
from rtbci.types import Decision, Marker, Samples, StreamInfo, Times

FISTS_OR_FEET = """
name = "fists or feet"
[source]
use = "lsl"
[classes]
fists = ["T1"]
feet = ["T2"]
[trial]
start = 0.5
stop = 3.5
[[decoder]]
name = "tangent"
use = "tangent"
window = 2.0
hop = 0.1
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
"""
FACE_OR_HOUSE = """
name = "faces and houses"
[source]
use = "lsl"
[classes]
face = [1]
house = [2]
[[decoder]]
name = "evoked"
use = "./xdawn.py:evoked"
window = 0.6
lock = "marker"
offset = 0.1
baseline = 0.1
transforms = [{ use = "band-pass", low = 1.0, high = 30.0 }]
"""
EVOKED = """
from pyriemann.estimation import XdawnCovariances
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


def evoked():
    return make_pipeline(XdawnCovariances(2, estimator="oas"), TangentSpace(), LogisticRegression(max_iter=500))
"""
MUSE = "muse_eegnotebooks/data/visual/N170/subject1/session1/data_2017-09-13-15."


def causal(samples: np.ndarray, rate: float, low: float, high: float) -> np.ndarray:
    """Band-passed forward only, from the steady state of the first sample; (n, n_channels) in uV."""
    sections = butter(4, [low, high], "band", fs=rate, output="sos")
    start = sosfilt_zi(sections)[:, :, None] * samples[0]
    return sosfilt(sections, samples, axis=0, zi=start)[0].astype(np.float32)


def run(folder: Path, number: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Filtered samples of one run, and the sample and class of each cue as MNE counts them."""
    raw = mne.io.read_raw_edf(folder / f"eegmmidb_S001/S001R{number:02d}.edf", preload=True, verbose="error")
    events, _ = mne.events_from_annotations(raw, {"T1": 0, "T2": 1}, verbose="error")
    samples = (raw.get_data().T * 1e6).astype(np.float32).astype(np.float64)
    return causal(samples, 160.0, 8.0, 30.0), [(int(sample), int(label)) for sample, _, label in events]


def on_grid(cue: int, length: int = 320, hop: int = 16) -> list[int]:
    """First samples of the windows that lie within 0.5 to 3.5 s after sample ``cue``, on the grid of the hop."""
    first, last = cue + 80, cue + 560
    return [start for start in range(0, last, hop) if start >= first and start + length <= last]


@pytest.fixture(scope="module")
def runs(data_dir: Path) -> dict[int, tuple[np.ndarray, list[tuple[int, int]]]]:
    return {number: run(data_dir, number) for number in (6, 10, 14)}


def edf(data_dir: Path, number: int) -> Path:
    return data_dir / f"eegmmidb_S001/S001R{number:02d}.edf"


def test_windows_of_training_are_those_that_mne_and_scipy_cut(data_dir: Path, runs: dict[int, Any]) -> None:
    experiment = config.loads(FISTS_OR_FEET)
    got = collect(experiment, experiment.decoders[0], [edf(data_dir, 6), edf(data_dir, 10)])
    windows, labels, trials = [], [], []
    for number in (6, 10):
        samples, cues = runs[number]
        for cue, label in cues:
            for start in on_grid(cue):
                windows.append(samples[start : start + 320].T)
                labels.append(label)
                trials.append((number, cue))
    assert got.windows.shape == (len(windows), 64, 320)
    assert got.labels.tolist() == labels
    assert len(np.unique(got.trial)) == len(set(trials)) == 30
    # one float32 rounding of numbers of up to some 100 uV apart
    np.testing.assert_allclose(got.windows, np.stack(windows), rtol=1e-6, atol=1e-5)


def test_tangent_space_decisions_are_pyriemanns(data_dir: Path, runs: dict[int, Any], tmp_path: Path) -> None:
    experiment = config.loads(FISTS_OR_FEET)
    model = tmp_path / "m.rtbci"
    train(experiment, [edf(data_dir, 6), edf(data_dir, 10)], model)
    decided: list[Decision] = []
    report = replay(
        experiment, model, edf(data_dir, 14), chunk=160, decided=lambda name, decision: decided.append(decision)
    )

    windows = [
        (runs[number][0][start : start + 320].T, label)
        for number in (6, 10)
        for cue, label in runs[number][1]
        for start in on_grid(cue)
    ]
    offline = make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=2000))
    offline.fit(np.stack([w for w, _ in windows]).astype(np.float64), [label for _, label in windows])
    samples, cues = runs[14]
    assert [(d.start, d.stop) for d in decided] == [(s, s + 320) for s in range(0, len(samples) - 319, 16)]
    log_probs = offline.predict_log_proba(np.stack([samples[d.start : d.stop].T for d in decided]).astype(np.float64))
    np.testing.assert_allclose([d.log_probs for d in decided], log_probs, rtol=0.0, atol=1e-6)
    assert all(d.sample == d.stop - 1 and d.signal_time == d.sample / 160.0 for d in decided)

    # a trial's answer: the class with most evidence over its windows, the newest weighing most
    right = 0
    for cue, label in cues:
        rows = [i for i, d in enumerate(decided) if d.start in on_grid(cue)]
        decay = np.exp(-0.1 / 4.0) ** np.arange(len(rows))[::-1]
        right += int((decay[:, None] * log_probs[rows]).sum(axis=0).argmax() == label)
    assert report["decoders"]["tangent"]["trial_accuracy"] == right / len(cues)
    assert report["decoders"]["tangent"]["trials"] == len(cues) == 15


def rows_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Four channels in uV and the marker column of a Muse recording, as numpy reads the text."""
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, 1:5].astype(np.float32).astype(np.float64), table[:, -1].astype(int)


def face_or_house(tmp_path: Path) -> Experiment:
    (tmp_path / "xdawn.py").write_text(EVOKED)
    (tmp_path / "experiment.toml").write_text(FACE_OR_HOUSE)
    return config.load(tmp_path / "experiment.toml")


def epochs_of(path: Path) -> tuple[np.ndarray, list[int], list[int]]:
    """Epochs from 0.1 to 0.7 s after each marker less the mean of the 0.1 s before it; labels; first samples."""
    samples, markers = rows_of(path)
    filtered = causal(samples, 256.0, 1.0, 30.0)
    epochs, labels, starts = [], [], []
    for row in np.flatnonzero(markers):
        start, base = row + 26, row - 26  # 0.1 s is 25.6 samples
        if base >= 0 and start + 154 <= len(filtered):  # 0.6 s is 153.6
            epochs.append((filtered[start : start + 154] - filtered[base:row].mean(axis=0, dtype=np.float64)).T)
            labels.append(int(markers[row]) - 1)
            starts.append(int(start))
    return np.stack(epochs), labels, starts


def test_marker_locked_windows_with_a_baseline_are_those_of_the_text_file(data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / f"{MUSE}30.01.csv"
    experiment = face_or_house(tmp_path)
    got = collect(experiment, experiment.decoders[0], [path])
    epochs, labels, _ = epochs_of(path)
    assert got.picked.names == ("TP9", "AF7", "AF8", "TP10")  # nothing was plugged into "Right AUX"
    assert got.labels.tolist() == labels
    assert len(labels) > 150
    np.testing.assert_allclose(got.windows, epochs, rtol=1e-6, atol=1e-4)


def test_marker_locked_decisions_are_the_estimators_own_and_no_chunk_loses_a_trial(
    data_dir: Path, tmp_path: Path
) -> None:
    experiment = face_or_house(tmp_path)
    first, last = (data_dir / f"{MUSE}{time}.csv" for time in ("30.01", "45.08"))
    report = train(experiment, [first], tmp_path / "m.rtbci")
    epochs, labels, _ = epochs_of(first)
    assert (report.windows, report.decoders["evoked"]["trials_without_data"]) == (len(labels), 0)

    space: dict[str, Any] = {}
    exec(EVOKED, space)
    offline = space["evoked"]().fit(epochs.astype(np.float64), labels)
    tests, truth, starts = epochs_of(last)
    log_probs = offline.predict_log_proba(tests.astype(np.float64))
    said = []
    for chunk in (7, 1_000_000):
        decided: list[Decision] = []
        said.append(
            replay(experiment, tmp_path / "m.rtbci", last, chunk=chunk, decided=lambda _, d, to=decided: to.append(d))[  # type: ignore[misc]
                "decoders"
            ]["evoked"]
        )
        assert [d.start for d in decided] == starts
        np.testing.assert_allclose([d.log_probs for d in decided], log_probs, rtol=0.0, atol=1e-5)
    assert said[0]["decisions_sha256"] == said[1]["decisions_sha256"]
    for each in said:
        assert (each["trials"], each["trials_without_data"]) == (len(truth), 0)
        assert each["trial_accuracy"] == np.mean(log_probs.argmax(axis=1) == truth)


class Prepared:
    """Real samples with their own markers, in chunks of 31."""

    def __init__(self, info: StreamInfo, samples: Samples, markers: list[Marker]) -> None:
        self.info, self.all, self.waiting, self.at = info, samples, markers, 0

    def open(self) -> StreamInfo:
        return self.info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        n = min(31, len(self.all) - self.at, len(samples))
        if n == 0:
            raise EOFError
        samples[:n] = self.all[self.at : self.at + n]
        times[:n] = np.arange(self.at, self.at + n) / self.info.rate
        self.at += n
        return n

    def markers(self) -> list[Marker]:
        fresh, self.waiting = self.waiting, []
        return fresh

    def now(self) -> float:
        return self.at / self.info.rate

    def close(self) -> None: ...


@pytest.mark.parametrize("rate", [100.0, 80.0, 250.0])
def test_resampled_windows_show_what_happened_at_the_markers_time(data_dir: Path, rate: float) -> None:
    recording = load(data_dir / "eegmmidb_S001/S001R14.edf")
    info, raw = recording.info, recording.samples
    heard = [m for m in recording.markers if m.label in ("T1", "T2")]
    # so smooth that a spline through its samples knows it everywhere
    smooth = sosfiltfilt(butter(6, 12.0, fs=160.0, output="sos"), raw.astype(np.float64), axis=0).astype(np.float32)
    happened = CubicSpline(np.arange(len(smooth)) / 160.0, smooth, axis=0)
    plan = Plan(("fists", "feet"), {"T1": 0, "T2": 1}, window=1.0, hop=None, trial=(0.0, 1.0), offset=0.5)
    transform = Resample(rate)
    pipeline = Pipeline(Prepared(info, smooth, list(heard)), info, plan, [transform], None)
    seen, ended = 0, False
    while not ended:
        try:
            pipeline.ingest(0.0)
        except EOFError:
            ended = True
        while (window := pipeline.next_window()) is not None:
            assert window.marker == heard[seen]
            seen += 1
            # when the window's first sample happened: the output nearest to the marker, and half a second
            times = np.arange(window.start, window.stop) / rate - transform.delay_seconds
            assert abs(times[0] - 0.5 - window.marker.time) <= 0.5 / rate + 1e-9
            np.testing.assert_allclose(window.samples.T, happened(times), atol=0.02 * smooth.std())
            # it came out when the sample was there that its newest output sample asked for
            assert window.time == window.sample / 160.0
            assert 0.0 <= window.time - (times[-1] + transform.delay_seconds) < 1 / 160.0 + 1e-9
    assert seen == len(heard) == 15
