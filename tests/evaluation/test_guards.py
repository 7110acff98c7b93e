"""Warnings come where there is something to warn of, say so with numbers, and not elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtbci.errors import SourceError
from rtbci.evaluation import guards
from rtbci.evaluation.nouns import Fold, Part, Recorded
from rtbci.sources.file import FileSource
from rtbci.transforms.filters import BandPass
from rtbci.transforms.resample import Resample
from rtbci.transforms.spatial import ReReference
from rtbci.types import Samples, StreamInfo, Times


def shown(name: str, labels) -> guards.Shown:
    labels = np.array(labels, np.int64)
    return guards.Shown(name, 3.0 + 8.0 * np.arange(len(labels)), labels)


def random_order(seed: int, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.arange(n) % 2)


def test_runs_by_hand():
    runs, expected, few, many = guards.runs_test(np.array([0] * 5 + [1] * 5))
    assert runs == 2
    assert expected == pytest.approx(1 + 2 * 5 * 5 / 10, abs=0.1)  # Wald and Wolfowitz
    assert few == pytest.approx(2 / 252, abs=0.004)  # two orders of 252 have two runs
    assert many == 1.0
    runs, _, few, many = guards.runs_test(np.array([0, 1] * 5))
    assert (runs, few) == (10, 1.0) and many == pytest.approx(2 / 252, abs=0.004)


def test_blocks_are_told_with_the_number_of_runs():
    clock, blocks = guards.warnings_of_order([shown("run-2", [0] * 20 + [1] * 20)])
    assert clock.startswith("the class goes with the time of the trial in run-2 (40 trials, p = ")
    assert blocks.startswith("classes come in blocks in run-2 (2 runs in 40 trials, 21 in a random order): ")
    assert "random order" in blocks


def test_several_recordings_are_told_in_one_sentence_with_the_worst_of_them():
    found = guards.warnings_of_order(
        [
            shown("a", [0] * 10 + [1] * 20 + [0] * 10),
            shown("b", [0, 0, 0, 0, 1, 1, 1, 1] * 5),
            shown("c", random_order(0)),
        ]
    )
    assert len(found) == 1
    assert "in a (3 runs in 40 trials" in found[0] and "and in 1 more recordings" in found[0]


def test_an_order_that_alternates_is_told():
    (found,) = guards.warnings_of_order([shown("a", [0, 1] * 10)])
    assert found.startswith("classes alternate too regularly in a (20 runs in 20 trials, 11 in a random order)")


def test_random_orders_are_seldom_told():
    told = [
        guards.warnings_of_order([shown(str(s), random_order(s)), shown("b", random_order(900 + s))]) for s in range(60)
    ]
    # three tests of each of 120 recordings at .005: 1.8 expected
    assert sum(map(len, told)) <= 7
    assert (
        guards.warnings_of_order([shown("few", [0, 0, 0, 1, 1, 1]), shown("one class", [1] * 30), shown("none", [])])
        == []
    )


def test_real_runs_of_motor_imagery_were_shown_in_a_fair_order(data_dir):
    from rtbci.types import Marker

    runs = []
    for number in (4, 8, 12):
        source = FileSource(str(data_dir / f"eegmmidb_S001/S001R{number:02d}.edf"))
        info = source.open()
        rows, times, markers = np.empty((8192, info.n_channels), np.float32), np.empty(8192), list[Marker]()
        begin = None
        try:
            while True:
                source.read(rows, times, 0.0)
                begin = times[0] if begin is None else begin
                markers += source.markers()
        except EOFError:
            markers += source.markers()
        source.close()
        cues = [m for m in markers if m.label in ("T1", "T2")]
        seconds = np.array([m.time for m in cues]) - begin
        runs.append(guards.Shown(f"run-{number}", seconds, np.array([int(m.label == "T2") for m in cues])))
    assert {len(run.labels) for run in runs} == {15}
    assert guards.warnings_of_order(runs) == []


def test_a_time_control_that_answers_is_told_and_one_that_guesses_is_not():
    truth = np.arange(40) % 2
    (found,) = guards.warnings_of_time_control([truth], [np.where(np.arange(40) < 36, truth, 1 - truth)], 2)
    assert "answers 90% of 40 trials right" in found and "must beat 90%, not chance" in found
    assert guards.warnings_of_time_control([truth], [np.repeat([0, 1], 20)], 2) == []
    assert guards.warnings_of_time_control([], [], 2) == []


A, B = Recorded("1", "1", "1", Path("a.fif")), Recorded("1", "1", "2", Path("b.fif"))
RATES = {A.path: 100.0, B.path: 100.0}
CONTENTS = {A.path: "aa", B.path: "bb"}


def fold(train: Part, test: Part, past: bool = True) -> Fold:
    return Fold("block 2 of 4", (train,), (test,), past)


def test_a_fold_needs_a_window_between_training_and_test():
    near = fold(Part(A, 0, 1000), Part(A, 1100))
    assert guards.warnings_of_folds([near], 1.0, RATES, CONTENTS) == []
    (found,) = guards.warnings_of_folds([near], 2.0, RATES, CONTENTS)
    assert "closer together than a window of 2 s in fold block 2 of 4 of sub-1 ses-1 run-1 (1.00 s apart)" in found
    (found,) = guards.warnings_of_folds([fold(Part(A), Part(A, 500)), near], 2.0, RATES, CONTENTS)
    assert "(they overlap), and in 1 more folds" in found
    assert guards.seconds_between(Part(A, 1200), Part(A, 0, 1000), 100.0) == 2.0  # training after the test


def test_the_same_recording_twice_and_training_on_the_future_are_told():
    assert guards.warnings_of_folds([fold(Part(A), Part(B))], 2.0, RATES, CONTENTS) == []
    (found,) = guards.warnings_of_folds([fold(Part(A), Part(B))], 2.0, RATES, {A.path: "aa", B.path: "aa"})
    assert "(a.fif and b.fif)" in found and "each recording once" in found
    folds = [fold(Part(A), Part(B)), fold(Part(B), Part(A), past=False)]
    (found,) = guards.warnings_of_folds(folds, 2.0, RATES, CONTENTS)
    assert found.startswith("in 1 of 2 folds") and "chronological" in found


def test_missing_classes_are_told_for_training_and_test():
    both, one = np.array([0, 1, 0]), np.array([1, 1])
    assert guards.warnings_of_classes(("fists", "feet"), [("run 2", both, both)]) == []
    train, test = guards.warnings_of_classes(
        ("fists", "feet"), [("run 2", one, both), ("run 3", both, one), ("run 4", both, one)]
    )
    assert train.startswith("there is no training trial of fists in fold run 2 (2 trials): ")
    assert test.startswith("there is no test trial of fists in fold run 3 (2 trials), and in 1 more folds: ")


def test_too_few_trials_are_told_with_how_many_would_be_right():
    (found,) = guards.warnings_of_number("csp", 12, 2)
    assert "12 trials" in found and "below 83%" in found and "18 trials or more" in found
    (found,) = guards.warnings_of_number("csp", 3, 2)
    assert "any accuracy may be guessing" in found
    assert guards.warnings_of_number("csp", 18, 2) == guards.warnings_of_number("csp", 7, 4)[1:] == []


class Standardise:
    """A step that is fitted to all that it is given, as offline code often is."""

    delay_seconds = 0.0

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        return info

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        return ((samples - samples.mean(axis=0)) / samples.std(axis=0)).astype(np.float32), times

    def resume(self) -> None:
        pass


class ZeroPhase(Standardise):
    """A filter that runs backwards too."""

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        from scipy.signal import butter

        self.sections = butter(4, [8, 30], "bandpass", fs=info.rate, output="sos")
        return info

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        from scipy.signal import sosfiltfilt

        return sosfiltfilt(self.sections, samples, axis=0).astype(np.float32), times


@pytest.fixture(scope="module")
def real(data_dir) -> tuple[StreamInfo, Samples]:
    """Ten seconds of 64 channels of EEG."""
    source = FileSource(str(data_dir / "eegmmidb_S001/S001R04.edf"))
    try:
        info = source.open()
    except SourceError as error:
        pytest.skip(str(error))
    samples, times = np.empty((1600, info.n_channels), np.float32), np.empty(1600)
    n = 0
    while n < len(samples):
        n += source.read(samples[n:], times[n:], 0.0)
    source.close()
    return info, samples


def test_our_filters_do_not_see_the_future_of_real_eeg(real):
    assert guards.causal(lambda: [BandPass(8.0, 30.0), ReReference(), Resample(100.0)], *real)
    assert guards.causal(lambda: [], *real)


@pytest.mark.parametrize("make", [Standardise, ZeroPhase])
def test_what_is_fitted_to_the_future_is_found_and_named(make, real):
    assert not guards.causal(lambda: [make()], *real)
    steps = {"band-pass": lambda: [BandPass(8.0, 30.0)], "mine": lambda: [BandPass(8.0, 30.0), make()]}
    (found,) = guards.warnings_of_causality("csp", steps, *real)
    assert found.startswith("csp: the transform mine changes what it said of the past") and "10 s" in found
    assert guards.warnings_of_causality("csp", {"band-pass": steps["band-pass"]}, *real) == []
