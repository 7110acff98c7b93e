"""Trials: which windows belong to one, and what its answer is; the same code live, in replay and in training.

A trial begins at the sample nearest to a class marker. Its windows lie wholly within ``[start, stop]`` seconds after it,
counted in samples; a trial with less room than a window and a hop is that little longer (`rtbci.pipeline.Pipeline`).
Its answer is the class with most evidence accumulated over its windows, from nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from rtbci.evidence import Evidence
from rtbci.types import Decision, Marker

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial: what was shown, what was answered, and how many windows said so.

    ``evidence`` holds the (natural) log posterior after the trial's last window; ``claimed`` the first class that the
    decision rule claimed within the trial (-1: it abstained throughout) and ``seconds_to_claim`` how long after the marker.
    ``begin`` and ``end`` are absolute samples, counted after the transforms: its first, and the one after its last.
    """

    time: float
    label: str
    truth: int
    answer: int
    windows: int
    correct: int
    evidence: tuple[float, ...]
    claimed: int
    seconds_to_claim: float | None
    begin: int = -1
    end: int = -1

    def as_json(self) -> dict[str, Any]:
        """A line of the trial log."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Trial:
        """Read what `as_json` made."""
        return cls(**{**fields, "evidence": tuple(fields["evidence"])})


@dataclass(frozen=True, slots=True)
class Gathered(Generic[T]):
    """One complete trial: its marker, the class it stands for, and what was added for its windows.

    ``begin`` is the sample nearest to the marker; the trial is the samples ``[first, last)``.
    """

    marker: Marker
    truth: int
    begin: int
    first: int
    last: int
    items: tuple[T, ...]


@dataclass(frozen=True, slots=True)
class _Open:
    marker: Marker
    truth: int
    begin: int


class Gatherer(Generic[T]):
    """Sorts windows into trials, whichever comes first, the window or the (late) marker.

    ``truths`` gives the class of a marker's label; ``first`` and ``last`` are samples from the marker to the trial's begin
    and end; ``locate`` is as for `rtbci.windows.EventWindows`; ``keep`` windows are remembered for late markers.
    """

    def __init__(
        self,
        truths: Mapping[str, int],
        first: int,
        last: int,
        locate: Callable[[float], int | None],
        keep: int = 2048,
    ) -> None:
        self._truths = truths
        self._first = first
        self._last = last
        self._locate = locate
        self._unplaced: list[Marker] = []
        self._open: list[_Open] = []
        self._windows: deque[tuple[int, int, T]] = deque(maxlen=keep)
        self._left_out: frozenset[float] = frozenset()
        self.without_data = 0

    def leave_out(self, times: Collection[float]) -> None:
        """Markers at these ``times`` have had their trial in an earlier run of the same session: they have no second one."""
        self._left_out = frozenset(times)

    def add_marker(self, marker: Marker) -> None:
        """A marker became known; one that means no class is none of ours."""
        if marker.label in self._truths and marker.time not in self._left_out:
            self._unplaced.append(marker)

    def add(self, start: int, stop: int, item: T) -> None:
        """There is a window ``[start, stop)``, and ``item`` is what there is to remember of it."""
        self._windows.append((start, stop, item))

    def finished(self, done: int) -> list[Gathered[T]]:
        """Trials that are complete now that every window which stops at or before sample ``done`` was added."""
        self._place()
        ready = sorted((t for t in self._open if t.begin + self._last <= done), key=lambda t: (t.begin, t.marker.time))
        if not ready:
            return []
        self._open = [t for t in self._open if t.begin + self._last > done]
        gathered = []
        for trial in ready:
            first, last = trial.begin + self._first, trial.begin + self._last
            items = tuple(item for start, stop, item in self._windows if start >= first and stop <= last)
            if items:
                gathered.append(Gathered(trial.marker, trial.truth, trial.begin, first, last, items))
            else:
                self.without_data += 1
        return gathered

    def abandon(self) -> None:
        """The stream has ended: what is still open has no data."""
        self.without_data += len(self._unplaced) + len(self._open)
        self._unplaced, self._open = [], []

    def _place(self) -> None:
        waiting = []
        for marker in self._unplaced:
            at = self._locate(marker.time)
            if at is None:
                waiting.append(marker)
            elif at < 0:
                self.without_data += 1
            else:
                self._open.append(_Open(marker, self._truths[marker.label], at))
        self._unplaced = waiting


def answer(trial: Gathered[tuple[Decision, int]], evidence: Evidence, rate: float) -> Trial:
    """What the decisions of ``trial`` (each with its number of fresh samples) say, accumulated from nothing.

    ``evidence`` lends its settings; ``rate`` is the sampling rate of the windows in Hz.
    """
    total = evidence.fresh_copy()
    correct = 0
    final = claimed = -1
    seconds: float | None = None
    posterior: list[float] = []
    for decision, fresh in trial.items:
        log_posterior, claim = total.add(decision.log_probs, fresh)
        correct += int(decision.log_probs.argmax()) == trial.truth
        final, posterior = int(log_posterior.argmax()), log_posterior.tolist()
        if claim >= 0 and claimed < 0:
            claimed, seconds = claim, (decision.stop - trial.begin) / rate
    return Trial(
        time=trial.marker.time,
        label=trial.marker.label,
        truth=trial.truth,
        answer=final,
        windows=len(trial.items),
        correct=correct,
        evidence=tuple(posterior),
        claimed=claimed,
        seconds_to_claim=seconds,
        begin=trial.first,
        end=trial.last,
    )
