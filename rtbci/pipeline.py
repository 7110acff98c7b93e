"""The one path from samples to decisions: live, in replay, in training and in verification.

::

    source.read() -> holes? -> transforms -> ring -> windows -> decoder -> evidence -> Decision
                                                               bank -> evidence -> Retrieved
                                                        source.markers() -> trials -> Trial

It starts no thread and reads no clock but its source's. What it computes depends on the samples and their times alone,
never on how they were chunked, when they came, what was skipped in between, or how many windows were decided at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtbci.asking import embedded, log_probs_of
from rtbci.batches import Batch, log_probs_of_many
from rtbci.cutting import HISTORY_SECONDS, Cutter, aligned_empty
from rtbci.devices import tolerance_of
from rtbci.evidence import Evidence
from rtbci.intake import KnowsArrivals
from rtbci.interfaces import Decoder, Embeds, PredictsMany, Source, Transform
from rtbci.learning import Decided, Learner, Named
from rtbci.plan import Plan
from rtbci.retrieved import Found
from rtbci.trials import Gatherer, Trial, answer
from rtbci.types import Decision, Flag, Marker, Retrieved, StreamInfo, Times, Window

if TYPE_CHECKING:
    from rtbci.bank.retriever import Retriever

__all__ = ["HISTORY_SECONDS", "KnowsArrivals", "Pipeline", "Plan", "aligned_empty"]

FLAGS = tuple(Flag(bits) for bits in range(32))
"""Every combination, made once: combining flags takes ten times as long as looking them up."""
ABSTAINED, AFTER_GAP, LATE, BAD_CHANNELS, EVENT = (
    int(flag) for flag in (Flag.ABSTAINED, Flag.AFTER_GAP, Flag.LATE, Flag.BAD_CHANNELS, Flag.EVENT)
)


class Pipeline(Cutter):
    """Takes samples from ``source``, hands out windows, and turns windows into decisions and trials.

    Parameters
    ----------
    source : an opened source of ``info``.
    origin : absolute index of the first sample that ``source`` will give.
    transforms : in order; they are started here.
    decoder : fitted, or None where only windows are wanted (training).
    rows : samples that one `ingest` takes at most.
    batched : whether a decoder that has a tolerance (`rtbci.interfaces.UsesDevice`) may answer batches within it; every
        other one answers them to the bit, and is asked so anyway.

    Attributes
    ----------
    retrieved : what was found by the window that was decided last, where a bank is searched (`retrieve_with`).
    paced : whether samples come as time goes. Where they come as fast as they are decoded, nothing is late, and a decision
        is ready when its newest sample has arrived plus the time that was spent on it (on a batch: shared equally).
    began : when a window was last asked for, on the source's clock; transforms up to it run from there on.

    Raises
    ------
    DecoderError
        When the plan says that the decoder adapts and it cannot.
    """

    def __init__(
        self,
        source: Source,
        info: StreamInfo,
        plan: Plan,
        transforms: Sequence[Transform],
        decoder: Decoder | None,
        *,
        origin: int = 0,
        rows: int = 4096,
        batched: bool = False,
    ) -> None:
        super().__init__(source, info, plan, transforms, origin=origin, rows=rows)
        self.decoder = decoder
        self.batched = batched
        self.paced = True
        rate = self.info.rate
        step = self.length if self.hop is None else self.hop
        self._newest_stop = self._first
        self.evidence = Evidence(
            len(plan.classes),
            self.length,
            step,
            rate,
            threshold=plan.threshold,
            dwell=plan.dwell,
            time_constant=plan.time_constant,
        )
        # a marker is found as long as its samples are in the ring, and so are all windows of its trial that are wanted then
        keep = math.ceil((self._ring.capacity + max(0, -self.trial_span[0])) / step) + 16
        self.trials: Gatherer[tuple[Decision, int]] = Gatherer(plan.labels, *self.trial_span, self.locate, keep)
        self._finished: list[Decided] = []
        adapts = plan.adapt and decoder is not None
        self._learner = Learner(decoder, self.cut_again) if adapts and decoder is not None else None
        self.began = 0.0
        self._retriever: Retriever | None = None
        self._shown: Gatherer[tuple[NDArray[np.float32], int]] | None = None
        self._found: list[Found] = []
        self.retrieved: Retrieved | None = None

    def _add_marker(self, marker: Marker) -> None:
        super()._add_marker(marker)
        self.trials.add_marker(marker)
        if self._shown is not None:
            self._shown.add_marker(marker)

    # ------------------------------------------------------------------ retrieval

    def retrieve_with(self, retriever: Retriever) -> None:
        """From now on look, by each window that is decided, for what was seen; ``retriever`` is of the decoder here.

        Before the first sample: `retrieved` is then what the newest decision found, and `found` how well.
        """
        self._retriever = retriever
        if self.hop is not None:
            keep = math.ceil((self._ring.capacity + max(0, -self.trial_span[0])) / self.hop) + 16
            self._shown = Gatherer(self.plan.labels, *self.trial_span, self.locate, keep)

    @property
    def retriever(self) -> Retriever | None:
        """What looks for what was seen, or None where nothing does."""
        return self._retriever

    def leave_out(self, times: Collection[float]) -> None:
        """Markers at these ``times`` have had their trial in an earlier run of the same session: they have no second one."""
        self.trials.leave_out(times)
        if self._shown is not None:
            self._shown.leave_out(times)

    def found(self) -> list[Found]:
        """At which ranks stood what markers say was shown, as far as it became known since the last call."""
        found, self._found = self._found, []
        return found

    # ------------------------------------------------------------------ adaptation

    @property
    def adapted(self) -> int:
        """Trials that the decoder has learnt from while it ran."""
        return 0 if self._learner is None else self._learner.learnt

    def go_on_adapting(self, learnt: int, order: Sequence[Named] = ()) -> None:
        """The decoder has learnt from ``learnt`` trials already; ``order`` is that of a run that is to be repeated."""
        if self._learner is not None:
            self._learner.learnt = learnt
            self._learner.order = order

    def practise_adapting(self) -> None:
        """Let the decoder learn once from the newest window, so that nothing is imported or compiled for the first trial."""
        if self._learner is not None:
            self._learner.practise(self._newest_stop - self.length)

    # ------------------------------------------------------------------ decisions

    @property
    def takes_batches(self) -> bool:
        """Whether many windows may be decided at once: `cuts_batches`, and the decoder is the same for all of them."""
        return self.cuts_batches and self._learner is None and self._retriever is None

    @property
    def batch_tolerance(self) -> float:
        """How far log-probabilities may differ from those of a decoder that is asked window by window; 0: not by a bit."""
        asks_many = self.takes_batches and self.batched and not self.paced and isinstance(self.decoder, PredictsMany)
        return tolerance_of(self.decoder) if asks_many else 0.0

    def next_window(self) -> Window | None:
        """The next window that is complete and touches no hole; its samples stand until the next call."""
        self.began = self.source.now()
        return super().next_window()

    def next_windows(self, limit: int) -> Batch | None:
        """The next windows that are complete, at most ``limit``, with no hole in or between them; None: none is yet."""
        self.began = self.source.now()
        return super().next_windows(limit)

    def decode(self, window: Window, adapted: int | None = None) -> Decision:
        """Ask the decoder about ``window`` and add its answer to the evidence.

        A decoder that adapts learns first from the trials that ended before ``window`` does (`rtbci.learning`): from all,
        or until it has learnt from ``adapted``, where a logged decision is repeated.

        Raises
        ------
        DecoderError
            When the decoder raises something, or what it returned is not ``(n_classes,)`` log-probabilities.
        """
        assert self.decoder is not None, "a pipeline without a decoder only cuts windows"
        if self._learner is not None and (adapted is None or self.adapted < adapted):
            self._gather(window.stop - 1)
            self._learner.learn(window.stop, adapted)
        window = self.with_fresh(window)
        n_classes = len(self.plan.classes)
        if self._retriever is None:
            return self.conclude(window, log_probs_of(self.decoder, window, n_classes))
        assert isinstance(self.decoder, Embeds), "who retrieves gives embeddings"
        embedding, log_probs = embedded(self.decoder, window, n_classes)
        if window.marker is not None or self.holes.separate(self._newest_stop, window.start):
            self._retriever.reset()
        retrieved, found = self._retriever.retrieve(window, embedding)
        decision = self.conclude(window, log_probs)  # after the search, which is part of its age
        self.retrieved = replace(retrieved, ready_time=decision.ready_time, origin=self.origin)
        self._found += found
        if self._shown is not None:
            self._shown.add(window.start, window.stop, (embedding, window.fresh))
        return decision

    def with_fresh(self, window: Window) -> Window:
        """``window``, which says how many of its samples no window before it has seen."""
        new = self.length if window.marker is not None else min(self.length, window.stop - self._newest_stop)
        return replace(window, fresh=new)

    def conclude(self, window: Window, log_probs: NDArray[np.float64]) -> Decision:
        """The decision on ``window`` (of `with_fresh`), of which the decoder has said ``log_probs`` (n_classes,) float64."""
        event = window.marker is not None
        after_hole = self.holes.separate(self._newest_stop, window.start)
        if event or after_hole:
            self.evidence.reset()
        self._newest_stop = window.stop
        evidence, claimed = self.evidence.add(log_probs, window.fresh)
        (ready,), (flags,) = (x.tolist() for x in self._ready(np.array([window.time]), np.array([window.arrival])))
        flags += AFTER_GAP * after_hole + EVENT * event
        if claimed < 0:
            flags += ABSTAINED
        if window.bads:
            flags += BAD_CHANNELS
        decision = Decision(
            start=window.start,
            stop=window.stop,
            sample=window.sample,
            log_probs=log_probs,
            evidence=evidence,
            answer=claimed,
            signal_time=window.time,
            arrival_time=window.arrival,
            ready_time=ready,
            skipped=self.skipped,
            origin=self.origin,
            flags=FLAGS[flags],
            marker_time=window.marker.time if window.marker else math.nan,
            adapted=self.adapted,
        )
        self.trials.add(decision.start, decision.stop, (decision, window.fresh))
        return decision

    def _ready(self, times: Times, arrivals: Times) -> tuple[Times, NDArray[np.int64]]:
        """When decisions on samples of ``times`` that came at ``arrivals`` are ready, and `LATE` or 0 for each."""
        now = self.source.now()
        if not self.paced:
            return arrivals + (now - self.began) / len(times), np.zeros(len(times), np.int64)
        allowed = self.plan.hop if self.plan.hop is not None else self.plan.window
        return np.full(len(times), now), LATE * (now - times > allowed)

    def decode_many(self, batch: Batch) -> list[Decision]:
        """Decide the windows of ``batch`` as `decode` would one by one: to the bit, or within `batch_tolerance`.

        Raises
        ------
        DecoderError
            As `decode` does; then no window of the batch is decided.
        """
        assert self.decoder is not None, "a pipeline without a decoder only cuts windows"
        n = len(batch.starts)
        stops = batch.starts + self.length
        after_hole = self.holes.separate(self._newest_stop, int(batch.starts[0]))
        fresh = np.full(n, min(self.length, self.hop or self.length), np.int64)
        fresh[0] = min(self.length, int(stops[0]) - self._newest_stop)
        log_probs = self._ask(batch, fresh)
        if after_hole:
            self.evidence.reset()
        evidence, answers = self.evidence.add_many(log_probs, fresh)
        self._newest_stop = int(stops[-1])
        ready, flags = self._ready(batch.times, batch.arrivals)
        flags += ABSTAINED * (answers < 0)
        flags[0] += AFTER_GAP * after_hole
        columns = (batch.starts, stops, batch.sample, answers, batch.times, batch.arrivals, ready, flags, fresh)
        rows = zip(*(column.tolist() for column in columns), log_probs, evidence, strict=True)
        skipped, origin, add = self.skipped, self.origin, self.trials.add
        decisions = []
        # what every window of a replay goes through: by position, and in one step, which takes a third of the time
        for start, stop, sample, claim, time, arrival, at, bits, new, own, total in rows:
            decision = Decision(start, stop, sample, own, total, claim, time, arrival, at, skipped, origin, FLAGS[bits])
            add(start, stop, (decision, new))
            decisions.append(decision)
        return decisions

    def _ask(self, batch: Batch, fresh: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``batch``, from a decoder that takes batches or one by one."""
        assert self.decoder is not None
        n_classes = len(self.plan.classes)
        if isinstance(self.decoder, PredictsMany) and (self.batched or tolerance_of(self.decoder) == 0.0):
            return log_probs_of_many(self.decoder, batch, n_classes)
        log_probs = np.empty((len(batch.starts), n_classes))
        for i, start in enumerate(batch.starts.tolist()):
            self._fill(self._staging, start)
            window = Window(
                self._window,
                start,
                int(batch.sample[i]),
                float(batch.times[i]),
                float(batch.arrivals[i]),
                fresh=int(fresh[i]),
            )
            log_probs[i] = log_probs_of(self.decoder, window, n_classes)
        return log_probs

    # ------------------------------------------------------------------ trials

    def _gather(self, done: int) -> None:
        if self._shown is not None and self._retriever is not None:
            for shown in self._shown.finished(done):
                self._found += self._retriever.judge(shown)
        for trial in self.trials.finished(done):
            self._finished.append(trial)
            if self._learner is not None:
                self._learner.add(trial)

    def finished_trials(self, ended: bool = False) -> list[Trial]:
        """Trials that are complete; ask when no window is due any more. ``ended``: nothing more will come."""
        self._gather(self.decided_before())
        gathered, self._finished = self._finished, []
        finished = [answer(trial, self.evidence, self.info.rate) for trial in gathered]
        if ended:
            self.trials.abandon()
        return finished
