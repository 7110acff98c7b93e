"""Real motor imagery, filtered causally: train on the first runs, decode the last, as a session does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from rtbci.types import Window
from rtbci_baseline import Csp, LogVariance
from rtbci_riemann import Mdm, Tangent

FIRST, LAST, LENGTH, HOP = 0.5, 3.5, 2.0, 0.1  # seconds


def causal(samples: np.ndarray, rate: float) -> np.ndarray:
    """8-30 Hz, fourth order, forward only; (n, n_channels) float32 in uV."""
    sections = butter(4, [8.0, 30.0], "band", fs=rate, output="sos")
    return sosfilt(sections, samples - samples[0], axis=0).astype(np.float32)


def windows_of(samples: np.ndarray, rate: float, cues: list[tuple[int, int]]):
    """Windows within 0.5-3.5 s after each cue (sample, class): samples, starts, labels, trials."""
    length, hop = round(LENGTH * rate), round(HOP * rate)
    cut, starts, labels, trials = [], [], [], []
    for trial, (cue, label) in enumerate(cues):
        for start in range(cue + round(FIRST * rate), cue + round(LAST * rate) - length + 1, hop):
            if start + length <= len(samples):
                cut.append(samples[start : start + length].T)
                starts.append(start)
                labels.append(label)
                trials.append(trial)
    return np.stack(cut), np.array(starts), np.array(labels, np.int64), np.array(trials)


def edf_run(folder: Path, run: int):
    import mne

    raw = mne.io.read_raw_edf(next(folder.rglob(f"S001R{run:02d}.edf")), preload=True, verbose="error")
    rate = raw.info["sfreq"]
    cues = [
        (round(a["onset"] * rate), {"T1": 0, "T2": 1}[a["description"]])
        for a in raw.annotations
        if a["description"] != "T0"
    ]
    return windows_of(causal(raw.get_data().T * 1e6, rate), rate, cues)


def xdf_run(path: Path):
    import pyxdf

    streams, _ = pyxdf.load_xdf(str(path))
    eeg = next(s for s in streams if s["info"]["type"][0] == "EEG")
    markers = next(s for s in streams if s["info"]["type"][0] == "Markers" and len(s["time_stamps"]))
    samples = np.asarray(eeg["time_series"], np.float64)[:, :7]  # the eighth is the eye
    cues = [
        (int(np.searchsorted(eeg["time_stamps"], time)), int(value[0]) - 1)
        for time, value in zip(markers["time_stamps"], markers["time_series"], strict=True)
        if int(value[0]) in (1, 2)
    ]
    return windows_of(causal(samples, 250.0), 250.0, cues)


def trial_accuracy(decoder, training, testing) -> float:
    """Share of trials whose windows' log-probabilities add up to the right class."""
    decoder.fit(np.concatenate([run[0] for run in training]), np.concatenate([run[2] for run in training]))
    samples, starts, labels, trials = testing
    said = np.array([decoder.predict(Window(w, int(s), 0, 0.0, 0.0)) for w, s in zip(samples, starts, strict=True)])
    numbers = np.unique(trials)
    return float(np.mean([said[trials == n].sum(axis=0).argmax() == labels[trials == n][0] for n in numbers]))


@pytest.fixture(scope="module")
def fists_or_feet(data_dir):
    folder = data_dir / "eegmmidb_S001"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return [edf_run(folder, run) for run in (6, 10, 14)]


@pytest.fixture(scope="module")
def right_or_left(data_dir):
    paths = sorted((data_dir / "mi_errp_xdf_2d").rglob("sub-P002*.xdf"))
    if not paths:
        pytest.skip(f"no recordings of P002 in {data_dir}")
    return [xdf_run(path) for path in paths]


@pytest.mark.parametrize(("make", "least"), [(Tangent, 0.85), (Mdm, 0.85), (Csp, 0.85), (LogVariance, 0.6)])
def test_fists_or_feet_64_channels(fists_or_feet, make, least):
    accuracy = trial_accuracy(make(), fists_or_feet[:2], fists_or_feet[2])
    print(f"{make.__name__}: trial accuracy {accuracy:.3f}")
    assert accuracy >= least


# chance is .50; 20 to 30 trials, so a standard error near .08
@pytest.mark.parametrize(("make", "least"), [(Tangent, 0.75), (Mdm, 0.7), (Csp, 0.7)])
def test_right_or_left_7_channels(right_or_left, make, least):
    accuracy = trial_accuracy(make(), right_or_left[:-1], right_or_left[-1])
    print(f"{make.__name__}: trial accuracy {accuracy:.3f}")
    assert accuracy >= least
