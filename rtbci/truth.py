"""What is true at every sample: the class of its trial, idle between trials, nothing before the first and after the last.

A window's truth is the exact majority of its samples, counted, of two equal shares the later one. (The published
pseudo-online protocol decides at the first window that touches a boundary; with 90 % overlap that mislabels 20 to 30 % of
windows: Carrara and Papadopoulo 2023, moabb's branch ``PseudoOnline``.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples ``[begin, end)`` of class ``label``; ``trial`` is the running number of its trial or idle stretch."""

    begin: int
    end: int
    label: int
    trial: int


def stretches(trials: Sequence[tuple[int, int, int]], idle: int | None) -> tuple[Stretch, ...]:
    """The labelled stretches of a stream with ``trials`` (begin, end, class), in samples, in order of their begin.

    Where trials overlap, the later one holds. With an ``idle`` class, what lies between two trials is idle.
    """
    found: list[tuple[int, int, int]] = []
    for begin, end, label in sorted(trials):
        if found and found[-1][1] > begin:
            earlier = found.pop()
            if earlier[0] < begin:
                found.append((earlier[0], begin, earlier[2]))
        if idle is not None and found and found[-1][1] < begin:
            found.append((found[-1][1], begin, idle))
        found.append((begin, end, label))
    return tuple(Stretch(begin, end, label, k) for k, (begin, end, label) in enumerate(found))


class Truth:
    """The truth about windows of a stream, from its `stretches`."""

    def __init__(self, labelled: Sequence[Stretch]) -> None:
        self.stretches = tuple(labelled)
        self._begins = [stretch.begin for stretch in self.stretches]

    def majority(self, start: int, stop: int) -> Stretch | None:
        """The stretch that gives the window ``[start, stop)`` its label; None where most samples belong to no class.

        Samples are counted per class; among the stretches of the winning class the latest is returned.
        """
        counts: dict[int, int] = {}
        latest: dict[int, Stretch] = {}
        inside = 0
        for stretch in self.stretches[max(0, bisect_right(self._begins, start) - 1) :]:
            if stretch.begin >= stop:
                break
            n = min(stop, stretch.end) - max(start, stretch.begin)
            if n > 0:
                counts[stretch.label] = counts.get(stretch.label, 0) + n
                latest[stretch.label] = stretch
                inside += n
        if not counts:
            return None
        most = max(counts.values())
        label = max((k for k, n in counts.items() if n == most), key=lambda k: latest[k].begin)
        return latest[label] if most >= stop - start - inside else None

    def within(self, start: int, stop: int) -> Stretch | None:
        """The stretch in which the window ``[start, stop)`` lies wholly, if any."""
        at = bisect_right(self._begins, start) - 1
        if at >= 0 and stop <= self.stretches[at].end:
            return self.stretches[at]
        return None

    def labels(self, windows: Sequence[tuple[int, int]], majority: bool) -> NDArray[np.int64]:
        """Classes (n_windows,) of ``windows`` (start, stop): by ``majority``, or of those wholly in a trial; -1: none."""
        judge = self.majority if majority else self.within
        found = (judge(start, stop) for start, stop in windows)
        return np.array([-1 if stretch is None else stretch.label for stretch in found], np.int64)
