"""The same samples give the same decisions, bit for bit, however they were chunked; gaps and bad samples included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.pipeline import Pipeline, Plan
from rtbci.replay import run
from rtbci.report import DecisionHash, DecoderTally
from rtbci.transforms.artifacts import MarkBad
from rtbci.transforms.filters import BandPass
from rtbci.transforms.resample import Resample
from rtbci.transforms.spatial import ReReference
from rtbci.trials import Trial
from rtbci.types import Channel, Flag, Marker, Samples, StreamInfo, Times, Window

RATE = 100.0
INFO = StreamInfo("test", RATE, tuple(Channel(name) for name in "abcd"))


class Chunked:
    """Prepared samples in the chunks that a test asks for; markers may come late."""

    def __init__(
        self, samples: Samples, times: Times, markers: Sequence[Marker], chunks: Sequence[int], late: int = 0
    ) -> None:
        self._samples, self._times = samples, times
        self._markers = list(markers)
        self._chunks = list(chunks)
        self._late = late
        self._at = 0
        self._turn = 0

    def open(self) -> StreamInfo:
        return INFO

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        left = len(self._samples) - self._at
        if left == 0:
            raise EOFError
        n = min(self._chunks[self._turn % len(self._chunks)], left, len(samples))
        self._turn += 1
        samples[:n] = self._samples[self._at : self._at + n]
        times[:n] = self._times[self._at : self._at + n]
        self._at += n
        return n

    def markers(self) -> Sequence[Marker]:
        seen = self._at - self._late if self._at < len(self._samples) else self._at
        now = self._times[seen - 1] if seen > 0 else -1.0
        due = [m for m in self._markers if m.time <= now]
        self._markers = [m for m in self._markers if m.time > now]
        return due

    def now(self) -> float:
        return float(self._times[self._at - 1])

    def close(self) -> None:
        self._at = len(self._samples)


class Sums:
    """A decoder whose answer depends on every bit of its window."""

    def fit(self, windows: Samples, labels: np.ndarray) -> object:
        return self

    def predict(self, window: Window) -> np.ndarray:
        x = np.array(window.samples, np.float64)
        logit = float(np.sin((x * np.arange(1, x.shape[1] + 1)).sum()) + len(window.bads))
        return np.array([-np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)])


def recording() -> tuple[Samples, Times, list[Marker]]:
    random = np.random.default_rng(3)
    samples = (random.normal(size=(1500, 4)) * 10 + 20_000).astype(np.float32)
    samples[300:420, 2] = 0.0  # a flat channel
    samples[700:705, 1] = np.nan
    samples[900:930, 0] = np.inf
    times = np.arange(1500) / RATE
    times[500:] += 2.0  # a gap
    times[1200:] -= 0.5  # a clock that was set back
    markers = [
        Marker(t, label) for t, label in ((0.52, "x"), (2.0, "y"), (5.5, "x"), (8.2, "y"), (9.0, "y"), (13.003, "x"))
    ]
    return samples, times, markers


def pipeline_of(chunks: Sequence[int], hop: float | None, late: int = 0) -> Pipeline:
    samples, times, markers = recording()
    plan = Plan(
        classes=("x", "y"),
        labels={"x": 0, "y": 1},
        window=0.8,
        hop=hop,
        trial=(0.2, 1.5),
        offset=-0.1,
        baseline=None if hop else 0.2,
    )
    steps = [ReReference(), BandPass(4.0, 30.0), Resample(80.0), MarkBad(seconds=0.5)]
    source = Chunked(samples, times, markers, chunks, late)
    return Pipeline(source, INFO, plan, steps, Sums(), rows=2000)


def decide(chunks: Sequence[int], hop: float | None, late: int = 0) -> tuple[str, list[Trial], Pipeline, list]:
    pipeline = pipeline_of(chunks, hop, late)
    digest, trials, decisions, ended = DecisionHash(), [], [], False
    while not ended:
        try:
            pipeline.ingest(0.0)
        except EOFError:
            ended = True
        while (window := pipeline.next_window()) is not None:
            decision = pipeline.decode(window)
            decisions.append(decision)
            digest.add(decision)
        trials += pipeline.finished_trials(ended)
    return digest.hexdigest(), sorted(trials, key=lambda t: t.time), pipeline, decisions


@given(chunks=st.lists(st.integers(1, 400), min_size=1, max_size=8), late=st.integers(0, 60))
@settings(max_examples=25, deadline=None)
def test_sliding_decisions_and_trials_do_not_depend_on_chunks_or_late_markers(chunks: list[int], late: int) -> None:
    whole = decide([2000], 0.1)
    parts = decide(chunks, 0.1, late)
    assert parts[0] == whole[0]
    assert parts[1] == whole[1]
    assert len(whole[3]) > 50


@given(chunks=st.lists(st.integers(1, 400), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_event_decisions_do_not_depend_on_chunks(chunks: list[int]) -> None:
    whole, parts = decide([2000], None), decide(chunks, None)
    assert parts[0] == whole[0]
    assert parts[1] == whole[1]
    assert len(whole[3]) >= 3


def test_no_decided_window_touches_a_gap_or_a_bad_sample() -> None:
    _, _, pipeline, decisions = decide([37], 0.1)
    assert [gap.index for gap in pipeline.gaps] == [500, 1200]
    assert pipeline.gaps[0].missing == 200
    for decision in decisions:
        first, last = decision.start / 0.8, (decision.stop - 1) / 0.8
        for hole in ((500, 500), (700, 704), (705, 705), (900, 929), (1200, 1200)):
            touches = first < hole[0] <= last or hole[0] <= first < hole[1]
            assert not touches, (decision.start, decision.stop, hole)
    assert sum(bool(d.flags & Flag.AFTER_GAP) for d in decisions) == 4
    assert pipeline.over_hole > 0


def test_decisions_carry_the_times_of_the_sources_newest_sample() -> None:
    _, times, _ = recording()
    _, _, _, decisions = decide([11], 0.1)
    for decision in decisions:
        assert decision.signal_time == times[decision.sample]
        # sample k of the resampled stream needs input sample ceil(k * 5 / 4)
        assert decision.sample == -(-(decision.stop - 1) * 5 // 4)
        if decision.sample < 1180:  # before the clock was set back
            assert decision.ready_time >= decision.arrival_time >= decision.signal_time


@pytest.mark.parametrize("hop", [0.1, None])
def test_as_a_replay_or_in_training_no_trial_is_lost_when_many_windows_are_due_at_once(hop: float | None) -> None:
    _, trials, _, decisions = decide([40], hop)
    for chunk in (1, 2000):
        pipeline = pipeline_of([chunk], hop)
        tally = DecoderTally(("x", "y"))
        found = run(pipeline, tally, lambda decision: None)
        assert sorted(found, key=lambda t: t.time) == trials
        assert tally.decoded == len(decisions)
    assert len(trials) >= 3


@given(at=st.floats(0.5, 3.5))
@settings(max_examples=30, deadline=None)
def test_a_trial_as_long_as_a_window_has_one_wherever_its_marker_falls(at: float) -> None:
    samples = np.random.default_rng(1).normal(size=(500, 4)).astype(np.float32)
    plan = Plan(classes=("x", "y"), labels={"x": 0, "y": 1}, window=0.8, hop=0.1, trial=(0.1, 0.9))
    source = Chunked(samples, np.arange(500) / RATE, [Marker(at, "x")], [50])
    pipeline = Pipeline(source, INFO, plan, [], Sums())
    (trial,) = run(pipeline, DecoderTally(("x", "y")), lambda decision: None)
    assert trial.windows == 1
