"""A decision among the items of a bank: softmax over all of them, evidence over time and repeats, and when to abstain.

A window's log-probabilities are ``scale * cosines`` minus the logarithm of their sum of exponentials. That last part is the
same for all items, and a cosine is linear in the embedding, so the evidence of many windows is that of one vector,

    E = E * exp(-fresh / (rate * tau)) + (fresh / length) * scale * z          posterior = softmax(X E)

with ``z`` (n_dims,) of length 1 and ``X`` (n_items, n_dims): what `rtbci.evidence` does for classes, whatever the bank's
size. Of windows locked to a marker ``z`` is that of the mean of all windows that showed the same item, and n of them count
n times (of independent noise, and a linear decoder, it is the sum of their log-probabilities).

What is claimed is an item where the window is surer than nearly all windows of rest were. Let ``rest`` of them be kept from
calibration: then ``p = (1 + those at least as sure) / (1 + n)`` is at most α in a share α of windows without a picture, if
these are like the ones in calibration (conformal p-value; Vovk, Gammerman and Shafer 2005, section 2.2). Without rest, it is
claimed above the experiment's threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.averages import Averages
from rtbci.bank.bank import Bank
from rtbci.bank.meaning import Meaning
from rtbci.bank.search import Search
from rtbci.bank.searches import EXACT, search_of
from rtbci.errors import BankError
from rtbci.interfaces import Embeds
from rtbci.kernels.bank import log_sum_exp
from rtbci.retrieval import Kind
from rtbci.retrieved import Found
from rtbci.trials import Gathered
from rtbci.types import Retrieved, Window

Floats = NDArray[np.float32]
Shown = tuple[Floats, int]
"""The embedding (n_dims,) of a window, and how many of its samples were new."""
MOMENTS = 12
"""Moments of a trial, at most, at which it is told at which rank the truth stands: each is a search."""


class Index:
    """The items of a bank, and the centres of its classes, to be searched: made once, used by any number of retrievers.

    Parameters
    ----------
    how : the items are searched (`rtbci.bank.searches.search_of`).

    Raises
    ------
    BankError
        For a search that is not there, fails, or finds some items only: probabilities are of all of them.
    """

    def __init__(self, bank: Bank, how: str = EXACT) -> None:
        self.bank = bank
        self.items = search_of(bank, how)
        if not self.items.exact:
            raise BankError(
                f'search = "{how}": misses items, and probabilities are of all of them; "{EXACT}" or "gpu" would be right'
            )
        self.centres = (
            Search(np.stack([bank.centre(name) for name in bank.classes]).astype(np.float16)) if bank.classes else None
        )

    @property
    def tolerance(self) -> float:
        """How far cosines may differ from those of the exact search; 0: not by a bit."""
        return float(getattr(self.items, "tolerance", 0.0))

    def size(self, kind: Kind) -> int:
        """How many candidates there are."""
        return len(self.bank.items) if kind == "item" else len(self.bank.classes)


class Retriever:
    """Retrieves with one decoder, window after window.

    Parameters
    ----------
    index : what is searched. decoder : fitted; of the bank's space.
    classes : of the experiment, with their marker labels.
    length, rate, n_channels : of a window: samples, samples per second, channels.
    hop : samples between windows that slide, or None for windows locked to markers.
    time_constant, threshold : as for `rtbci.evidence.Evidence`.
    rest : (n,) float64, how sure windows without a picture were in calibration (`surety`).
    top, average, false_alarms : as in the experiment's ``[bank]``.
    """

    def __init__(
        self,
        index: Index,
        decoder: Embeds,
        classes: Mapping[str, Sequence[str]],
        *,
        length: int,
        rate: float,
        n_channels: int,
        hop: int | None,
        time_constant: float,
        threshold: float,
        rest: NDArray[np.float64] | None = None,
        top: int = 10,
        average: bool = True,
        false_alarms: float = 0.05,
    ) -> None:
        self._index = index
        self._decoder = decoder
        self._meaning = Meaning(index.bank, classes)
        self._length, self._rate, self._hop = length, rate, hop
        self._time_constant, self._threshold = time_constant, threshold
        self._rest = np.sort(rest) if rest is not None and len(rest) else None
        self._alarms = false_alarms
        self.k = min(top, len(index.bank.items))
        self._averages = Averages(length, n_channels) if average and hop is None else None
        self.reset()

    @property
    def bank(self) -> Bank:
        """What is searched."""
        return self._index.bank

    @property
    def averages(self) -> bool:
        """Whether what is decided depends on the order of windows before."""
        return self._averages is not None

    @property
    def tolerance(self) -> float:
        """How far cosines may differ from those of another run; 0: not by a bit."""
        return self._index.tolerance

    def reset(self) -> None:
        """Forget the evidence of windows that slide: samples were missing."""
        self._evidence: NDArray[np.float64] | None = None

    def retrieve(self, window: Window, embedding: Floats) -> tuple[Retrieved, list[Found]]:
        """What is found by ``window``, whose own embedding is ``embedding`` (n_dims,), and how well where a marker tells it.

        ``ready_time`` is left 0. Raises what the decoder raises when it is asked about a mean of windows.
        """
        scale = float(self._decoder.item_scale)
        alone = self._index.items.scores(embedding)
        sure = surety(alone, scale)
        repeats, evidence = 1, scale * _unit(embedding)
        truth = -1
        if window.marker is None:
            evidence = self._add(evidence, window.fresh)
        else:
            item = self._meaning.item(window.marker.label)
            truth = -1 if item is None else item
            if item is not None and self._averages is not None:
                repeats, mean = self._averages.add(item, window.samples)
                if repeats > 1:
                    evidence = repeats * scale * _unit(self._decoder.embed(replace(window, samples=mean)))
        length = float(np.sqrt(np.sum(evidence * evidence)))
        direction = (evidence / max(length, 1e-300)).astype(np.float32)
        cosines = alone if repeats == 1 and window.marker is not None else self._index.items.scores(direction)
        items = _best(cosines, self.k)
        log_probs = length * cosines[items].astype(np.float64) - log_sum_exp(cosines, length)
        rest = self._p_value(sure)
        claimed = math.exp(log_probs[0]) > self._threshold if math.isnan(rest) else rest <= self._alarms
        found = Retrieved(
            start=window.start,
            stop=window.stop,
            sample=window.sample,
            items=items,
            log_probs=log_probs,
            cosines=cosines[items].astype(np.float64),
            answer=int(items[0]) if claimed else -1,
            embedding=direction,
            signal_time=window.time,
            arrival_time=window.arrival,
            ready_time=0.0,
            rest=rest,
            repeats=repeats,
            truth=truth,
            rank=_rank(cosines, truth),
            rank_alone=_rank(alone, truth),
            marker_time=math.nan if window.marker is None else window.marker.time,
        )
        return found, list(self._judged(window, found, embedding, alone, cosines))

    def _judged(
        self, window: Window, found: Retrieved, embedding: Floats, alone: Floats, cosines: Floats
    ) -> Iterator[Found]:
        """At which ranks stood what the marker of ``window`` says: by the window alone, and by the mean of repeats."""
        if window.marker is None:
            return
        marker = window.marker
        seconds = window.time - marker.time
        if found.truth >= 0:
            one = _found(marker.time, marker.label, "item", alone, found.truth, seconds, claimed=found.answer)
            yield one
            if found.repeats > 1:
                several = _found(marker.time, marker.label, "item", cosines, found.truth, seconds, found.repeats)
                yield replace(several, claimed=found.answer)
        yield from self._centre(marker.time, marker.label, embedding, seconds)

    def _centre(
        self, time: float, label: str, embedding: Floats, seconds: float, whole: bool = True
    ) -> Iterator[Found]:
        category, centres = self._meaning.category(label), self._index.centres
        if category is not None and centres is not None:
            yield _found(time, label, "centre", centres.scores(embedding), category, seconds, whole=whole)

    def judge(self, trial: Gathered[Shown]) -> list[Found]:
        """At which ranks stood what a ``trial`` of windows that slide showed, as its evidence grew, from nothing."""
        label, time = trial.marker.label, trial.marker.time
        item = self._meaning.item(label)
        n = len(trial.items)
        told = {n - 1, *(np.linspace(0, n - 1, min(n, MOMENTS)).astype(int).tolist())}
        evidence: NDArray[np.float64] | None = None
        found: list[Found] = []
        for i, (embedding, fresh) in enumerate(trial.items):
            evidence = self._grown(evidence, float(self._decoder.item_scale) * _unit(embedding), fresh)
            if i not in told:
                continue
            direction = evidence.astype(np.float32)
            # windows of a trial end a hop apart
            seconds = (trial.last - trial.begin - (n - 1 - i) * (self._hop or 0)) / self._rate
            whole = i == n - 1
            if item is not None:
                scores = self._index.items.scores(direction)
                claimed = self._claimed(embedding, evidence, scores) if whole else -1
                found.append(_found(time, label, "item", scores, item, seconds, whole=whole, claimed=claimed))
            if whole:
                found += self._centre(time, label, direction, seconds)
        return found

    def _claimed(self, newest: Floats, evidence: NDArray[np.float64], scores: Floats) -> int:
        """The item that is claimed after a trial's last window, or -1: as `retrieve` claims one."""
        scale = float(self._decoder.item_scale)
        best, length = int(_best(scores, 1)[0]), float(np.sqrt(np.sum(evidence * evidence)))
        rest = self._p_value(surety(self._index.items.scores(newest), scale))
        if not math.isnan(rest):
            return best if rest <= self._alarms else -1
        return best if math.exp(surety(scores, length)) > self._threshold else -1

    def _add(self, new: NDArray[np.float64], fresh: int) -> NDArray[np.float64]:
        self._evidence = self._grown(self._evidence, new, fresh)
        return self._evidence

    def _grown(self, before: NDArray[np.float64] | None, new: NDArray[np.float64], fresh: int) -> NDArray[np.float64]:
        step = self._length if self._hop is None else self._hop
        count = min(step if before is None else fresh, self._length)
        grown = new * (count / self._length)
        if before is not None:
            grown += before * math.exp(-count / self._rate / self._time_constant)
        return grown

    def _p_value(self, sure: float) -> float:
        if self._rest is None:
            return math.nan
        as_sure = len(self._rest) - int(np.searchsorted(self._rest, sure, side="left"))
        return (1 + as_sure) / (1 + len(self._rest))


def surety(cosines: Floats, scale: float) -> float:
    """Log-probability of the best item by the ``cosines`` (n_items,) of one window: how sure a decoder is."""
    return scale * float(cosines.max()) - float(log_sum_exp(cosines, scale))


def _unit(embedding: Floats) -> NDArray[np.float64]:
    wide = np.asarray(embedding, np.float64)
    unit: NDArray[np.float64] = wide / max(float(np.sqrt(np.sum(wide * wide))), 1e-300)
    return unit


def _best(cosines: Floats, k: int) -> NDArray[np.int64]:
    """Numbers (k,) of the largest, best first; of equals the lower number first."""
    some = np.arange(len(cosines)) if k == len(cosines) else np.argpartition(-cosines, k - 1)[:k]
    # an equal of the last one may have been left out though its number is lower
    some = np.flatnonzero(cosines >= cosines[some].min())
    order = np.lexsort((some, -cosines[some]))
    best: NDArray[np.int64] = some[order][:k].astype(np.int64)
    return best


def _rank(cosines: Floats, truth: int) -> int:
    return int(np.count_nonzero(cosines >= cosines[truth])) if truth >= 0 else 0


def _found(
    time: float,
    label: str,
    kind: Kind,
    scores: Floats,
    truth: int,
    seconds: float,
    averaged: int = 1,
    *,
    whole: bool = True,
    claimed: int = -1,
) -> Found:
    best = int(scores.argmax())
    tied = np.count_nonzero(scores == scores[best]) > 1
    rank = _rank(scores, truth)
    return Found(time, label, kind, truth, -1 if tied else best, rank, len(scores), averaged, seconds, whole, claimed)
