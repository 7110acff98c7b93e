"""Where the age of a decision comes from: four stages that sum to it, as the worker saw them.

::

    time stamp of the newest sample                                                     signal_time
        transport   from there until the session has it: amplifier, chunk, network      arrival_time
        wait        until the worker begins with its window, and, in a worker of
                    several decoders, from the cut window until it is this one's turn
        transform   what is left of the transforms up to that sample, and the cut
        decode      from the window in the decoder's hands to evidence that is ready    ready_time

On the source's clock ``transport + wait + transform + decode == ready_time - signal_time``, to the rounding of float64. A
fifth stage, *draw*, lasts until the decision is on a screen; only the window that draws it can tell.

Transforms of samples before the last chunk ran while that one was on its way: they made nobody wait and are in no stage.
Nor is what a worker does when a decision has been published. Stages are measured beside the decisions and are no part of
them: logs, hashes and `rtbci verify` know nothing of them. A worker publishes them with its reports, four times a
second: one at a time they took it 4 µs each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.ring import Ring
from rtbci.types import Decision

STAGES = ("transport", "wait", "transform", "decode")
"""In order of time; columns of the ring, in seconds."""
KEPT = 4096
"""Decisions whose stages are kept: more than any window shows, in 0.5 MB."""


class StageRing:
    """Stages of one decoder's decisions: one writer (its worker), any number of readers.

    Rows are in the order of the decisions; the time of each is its decision's ``signal_time``. What a worker had not
    published when it was killed is missing.
    """

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self._noted: list[tuple[Decision, float, float, float]] = []

    @classmethod
    def create(cls, path: Path) -> StageRing:
        """Make a ring for the last `KEPT` decisions. Raises RecordingError."""
        return cls(Ring.create(path, KEPT, len(STAGES), dtype=np.float64, max_gaps=1, meta={"stages": list(STAGES)}))

    @classmethod
    def attach(cls, path: Path) -> StageRing:
        """Map an existing one. Raises RecordingError."""
        return cls(Ring.attach(path))

    @property
    def count(self) -> int:
        """Decisions whose stages were ever kept."""
        return self.ring.written

    def note(self, decision: Decision, began: float, cut: float, asked: float) -> None:
        """Keep the stages of ``decision`` until they are published.

        Times are in seconds of the source's clock: ``began``, when the worker began with the window; ``cut``, when the
        window was cut; ``asked``, when the decoder was given it.
        """
        self._noted.append((decision, began, cut, asked))

    def publish(self) -> None:
        """Let readers see what was noted."""
        if not self._noted:
            return
        moments = [(d.signal_time, d.arrival_time, b, c, a, d.ready_time) for d, b, c, a in self._noted]
        self._noted.clear()
        signal, arrival, began, cut, asked, ready = np.array(moments).T
        rows = np.stack([arrival - signal, (began - arrival) + (asked - cut), cut - began, ready - asked], axis=1)
        self.ring.push(rows, signal, float(ready[-1]))

    def newest(self, limit: int) -> NDArray[np.float64]:
        """Stages (n, 4) float64 in seconds of the newest decisions, at most ``limit``, oldest first. Raises Overrun."""
        stop = self.count
        rows, _, _ = self.ring.read(max(0, stop - min(limit, KEPT - 16)), stop)
        return np.asarray(rows)

    def close(self) -> None:
        """Unmap."""
        self.ring.close()
