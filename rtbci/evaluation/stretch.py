"""The decisions on one part of a recording, made by the live pipeline, with the truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble
from rtbci import model as models
from rtbci.config import DecoderConfig, Experiment
from rtbci.evaluation.nouns import Stretch
from rtbci.interfaces import Decoder, Source
from rtbci.model import Calibrated, Rest
from rtbci.pipeline import Pipeline
from rtbci.replay import run
from rtbci.report import DecisionHash, DecoderTally
from rtbci.signature import Signature
from rtbci.training_set import Piece, source_of
from rtbci.trials import Gathered, Trial, answer
from rtbci.truth import Truth, stretches
from rtbci.types import Decision, Marker, Retrieved, Samples, StreamInfo, Times

if TYPE_CHECKING:
    from rtbci.bank.retriever import Index

ROWS = 8192
"""Samples that are taken at a time: no decision depends on it."""


@dataclass(frozen=True, slots=True)
class OnePart:
    """A fitted decoder, the stream it was fitted on, what its transforms begin with, and the piece that it is to decide.

    ``batched`` is as for `rtbci.pipeline.Pipeline`; ``index`` what is searched for what was seen, and ``rest`` what is known
    of rest (`rtbci.bank.rest`).
    """

    decoder: Decoder
    signature: Signature
    calibrated: Calibrated
    piece: Piece
    batched: bool = False
    index: Index | None = None
    rest: Rest | None = None


class _Until:
    """A recording that ends before sample ``stop``."""

    def __init__(self, source: Source, stop: int | None) -> None:
        self._source = source
        self._left = stop

    def open(self) -> StreamInfo:
        return self._source.open()

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        if self._left is None:
            return self._source.read(samples, times, timeout)
        if self._left == 0:
            raise EOFError("the part ends here")
        n = self._source.read(samples[: self._left], times[: self._left], timeout)
        self._left -= n
        return n

    def markers(self) -> Sequence[Marker]:
        return self._source.markers()

    def now(self) -> float:
        return self._source.now()

    def close(self) -> None:
        self._source.close()


def decide(experiment: Experiment, chosen: DecoderConfig, one: OnePart, digest: DecisionHash) -> Stretch:
    """Decide every window of the part, in order; ``digest`` takes every decision.

    The transforms run from the recording's first sample, as they would have in a session that began there. Raises what
    `rtbci.replay` raises.
    """
    source = _Until(source_of(experiment, one.piece.recording), one.piece.stop)
    info = source.open()
    try:
        channels = models.match(one.signature, info).indices
        pipeline = assemble.make_pipeline(
            experiment,
            chosen,
            source,
            info,
            one.decoder,
            channels,
            rows=ROWS,
            calibrated=one.calibrated,
            subject=one.piece.whose[0],
            batched=one.batched,
        )
        if one.index is not None:
            assemble.retrieve_in(experiment, one.index, pipeline, one.rest)
        begin = -(-one.piece.start * round(pipeline.info.rate * 1e6) // round(pipeline.source_rate * 1e6))
        if begin:
            pipeline.forget_before(begin - 1, 0)
        decisions: list[Decision] = []
        shown: list[Retrieved] = []

        def decided(decision: Decision) -> None:
            digest.add(decision)
            decisions.append(decision)
            if pipeline.retrieved is not None and pipeline.retrieved.truth >= 0:
                shown.append(pipeline.retrieved)

        tally = DecoderTally(tuple(experiment.classes))
        trials = [trial for trial in run(pipeline, tally, decided) if trial.begin >= begin]
        there = {trial.time for trial in trials}
        found = tuple(one for one in tally.found if one.time in there)
        shown = [one for one in shown if one.marker_time in there]
        return replace(
            _with_truth(experiment, pipeline, decisions, trials, begin, one.piece),
            found=found,
            seen_truth=np.array([one.truth for one in shown], np.int64),
            seen=np.stack([one.embedding for one in shown]) if shown else np.zeros((0, 0), np.float32),
        )
    finally:
        source.close()


def _with_truth(
    experiment: Experiment,
    pipeline: Pipeline,
    decisions: Sequence[Decision],
    trials: Sequence[Trial],
    begin: int,
    piece: Piece,
) -> Stretch:
    rate = pipeline.info.rate
    labelled = stretches([(t.begin, t.end, t.truth) for t in trials], experiment.idle)
    truth = Truth(labelled)
    if experiment.idle is not None:
        trials = _with_idle(experiment, pipeline, decisions, trials, truth)
    n_classes = len(experiment.classes)
    first = pipeline.trial_span[0]
    seconds = max(0.0, pipeline.written - begin) / rate
    return Stretch(
        recording=str(piece.recording),
        seconds=seconds,
        began=begin / rate,
        time=np.array([d.stop - begin for d in decisions]) / rate,
        log_probs=_rows([d.log_probs for d in decisions], n_classes),
        evidence=_rows([d.evidence for d in decisions], n_classes),
        answer=np.array([d.answer for d in decisions], np.int64),
        truth=_of_markers(decisions, trials)
        if pipeline.hop is None
        else truth.labels([(d.start, d.stop) for d in decisions], majority=experiment.idle is not None),
        trials=tuple(trials),
        spans=np.array([(t.begin - begin, t.end - begin) for t in trials]).reshape(-1, 2) / rate,
        cues=np.array([t.begin - begin - (0 if t.truth == experiment.idle else first) for t in trials]) / rate,
    )


def _of_markers(decisions: Sequence[Decision], trials: Sequence[Trial]) -> NDArray[np.int64]:
    """The class (n,) of the marker that each window is locked to, however closely markers follow each other."""
    truths = {trial.time: trial.truth for trial in trials}
    return np.array([truths.get(decision.marker_time, -1) for decision in decisions], np.int64)


def _rows(rows: Sequence[NDArray[np.float64]], n_classes: int) -> NDArray[np.float64]:
    return np.array(rows, np.float64).reshape(len(rows), n_classes)


def _with_idle(
    experiment: Experiment, pipeline: Pipeline, decisions: Sequence[Decision], trials: Sequence[Trial], truth: Truth
) -> list[Trial]:
    """``trials`` and, after each that another one follows, a trial of idle, no longer than a trial is."""
    idle = experiment.idle
    assert idle is not None
    longest = pipeline.trial_span[1] - pipeline.trial_span[0]
    name = list(experiment.classes)[idle]
    found = list(trials)
    for stretch in truth.stretches:
        if stretch.label != idle:
            continue
        end = min(stretch.end, stretch.begin + longest)
        items = tuple(_with_fresh(pipeline, decisions, stretch.begin, end))
        if items:
            marker = Marker(items[0][0].signal_time, name)
            gathered = Gathered(marker, idle, stretch.begin, stretch.begin, end, items)
            found.append(answer(gathered, pipeline.evidence, pipeline.info.rate))
    return sorted(found, key=lambda t: t.begin)


def _with_fresh(
    pipeline: Pipeline, decisions: Sequence[Decision], begin: int, end: int
) -> Sequence[tuple[Decision, int]]:
    """The decisions whose windows lie in ``[begin, end)``, each with the samples that the one before had not seen."""
    items = []
    for before, decision in zip([None, *decisions], decisions, strict=False):
        if decision.start >= begin and decision.stop <= end:
            fresh = pipeline.length if before is None else min(pipeline.length, decision.stop - before.stop)
            items.append((decision, fresh))
    return items
