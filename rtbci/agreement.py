"""Whether two decisions about one window agree: bit for bit, or within a tolerance of their log-probabilities.

Let every log-probability of the two runs differ by at most ``ε``. Evidence (`rtbci.evidence`) is the softmax of ``L``, with
``L = L * exp(-f / τ) + (f / W) * log p`` for ``f`` fresh seconds of a window of ``W``. Then ``L`` differs by at most
``d = ε * (1 + τ / W)``, whatever was decided before: at first it does not differ at all, and with each window

    d * exp(-f / τ) + (f / W) * ε  <=  d        because  f <= W  and  1 - exp(-x) >= x / (1 + x)

A logarithm of the sum of exponentials moves no further than what is summed, so the log posterior differs by ``2 d`` at most,
and so does the distance of two classes. An answer can differ where the leading posterior is that near to the threshold or
to the second; with a dwell, until the leader has been clear of both for that long.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtbci.devices import shown
from rtbci.evidence import Evidence
from rtbci.types import Decision, Flag, Retrieved

EXACT = ("sample", "signal_time", "adapted")
"""What no device and no batch may change."""
ROUNDING = 1e-12
"""Added to a tolerance above 0 where evidence is compared: sums of float64 round, too."""


def bound_of(tolerance: float, evidence: Evidence) -> float:
    """How far two log posteriors may differ when log-probabilities do by ``tolerance``: the module's ``2 d``."""
    window = evidence.length / evidence.rate
    return 2.0 * tolerance * (1.0 + evidence.time_constant / window) + ROUNDING


def bits_differ(before: Decision, now: Decision) -> str | None:
    """What differs between two decisions about one window, or None when all is equal bit for bit."""
    for name in ("sample", "answer", "signal_time", "adapted"):
        if getattr(before, name) != getattr(now, name):
            return _told(before, now, name)
    for name in ("log_probs", "evidence"):
        if getattr(before, name).tobytes() != getattr(now, name).tobytes():
            return _told(before, now, name)
    return None


FOUND = ("items", "log_probs", "cosines", "answer", "rest", "repeats", "truth", "rank", "rank_alone", "signal_time")
"""What is compared of two retrievals."""


def retrieval_differs(before: Retrieved | None, now: Retrieved | None, tolerance: float) -> str | None:
    """What differs between what two runs found by one window, or None when it is equal.

    With a ``tolerance`` above 0 candidates may trade places: cosines may differ by it, from the first to the last, and what
    was shown must be the same.
    """
    if before is None or now is None:
        return None if before is now or before is None else f"window {before.start} to {before.stop}: found nothing now"
    names = ("cosines", "repeats", "truth", "signal_time") if tolerance else FOUND
    for name in names:
        was, here = np.asarray(getattr(before, name)), np.asarray(getattr(now, name))
        near = was.shape == here.shape and bool(np.allclose(was, here, rtol=0.0, atol=tolerance, equal_nan=True))
        if not near:
            where = f"window {before.start} to {before.stop}"
            return f"{where}: {name} found was {was.tolist()!r} live, is {here.tolist()!r} now"
    return None


def _told(before: Decision, now: Decision, name: str, more: str = "") -> str:
    was, here = (getattr(decision, name) for decision in (before, now))
    if isinstance(was, np.ndarray):
        was, here = was.tolist(), here.tolist()
    return f"window {before.start} to {before.stop}: {name} was {was!r} live, is {here!r} now{more}"


class Agreement:
    """Compares the decisions of one run, in their order, with those of another that ran on something else.

    Parameters
    ----------
    tolerance : how far a log-probability may differ, above 0.
    evidence : the settings by which evidence is accumulated; it is not changed.
    known : whether both runs begin from nothing; otherwise what they claim is not known to be equal until it is clear.

    Attributes
    ----------
    largest : the largest difference of a log-probability that was seen.
    """

    def __init__(self, tolerance: float, evidence: Evidence, *, known: bool = True) -> None:
        self.tolerance = tolerance
        self.bound = bound_of(tolerance, evidence)
        self.largest = 0.0
        self._claims = _Claims(evidence, self.bound, known)

    def differ(self, before: Decision, now: Decision) -> str | None:
        """What differs by more than it may, or None."""
        apart = _apart(before.log_probs, now.log_probs)
        self.largest = max(self.largest, apart)
        sure = self._claims.are_sure(now)
        for name in EXACT:
            if getattr(before, name) != getattr(now, name):
                return _told(before, now, name)
        if not apart <= self.tolerance:
            return _told(before, now, "log_probs", f", {apart:.2g} apart; {shown(self.tolerance)} is allowed")
        apart = _apart(before.evidence, now.evidence)
        if not apart <= self.bound:
            return _told(before, now, "evidence", f", {apart:.2g} apart; {self.bound:.2g} is allowed")
        if before.answer != now.answer and sure:
            return _told(before, now, "answer", ", and the evidence is not near the threshold")
        return None


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.abs(a - b).max()) if a.shape == b.shape else math.inf


class _Claims:
    """Knows when two runs, whose log posteriors differ by at most ``bound``, must claim the same class.

    ::

        known --near the threshold, or to the second--> unknown --clear of both for the dwell--> known
                                                           +------- clearly below --------------> known
    """

    def __init__(self, evidence: Evidence, bound: float, known: bool) -> None:
        self._evidence = evidence
        self._bound = bound
        self._known = known
        self._held = 0.0 if known else -1.0
        self._stop: int | None = None

    def are_sure(self, decision: Decision) -> bool:
        """Whether both must answer as ``decision`` does, which is the next of its run."""
        evidence = self._evidence
        fresh = evidence.hop if self._stop is None else min(evidence.length, decision.stop - self._stop)
        self._stop = decision.stop
        if decision.flags & (Flag.AFTER_GAP | Flag.EVENT):
            self._known = True  # both have begun from nothing
        second, first = np.sort(decision.evidence)[-2:]
        above = float(first) - math.log(evidence.threshold)
        if above < -self._bound:
            self._known = True
        elif above <= self._bound or float(first - second) <= self._bound:
            self._known, self._held = False, -1.0
            return False
        elif not self._known:
            self._held = 0.0 if self._held < 0.0 else self._held + fresh / evidence.rate
            # the one that noticed last has held it for that long, the other for longer
            self._known = self._held + 0.5 / evidence.rate >= evidence.dwell
        return self._known
