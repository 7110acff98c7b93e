"""Where the age of one decoder's decisions comes from, as its worker and this window have measured it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.stages import STAGES, StageRing
from rtbci_ui.feed import AGES, percentiles

DRAW = "draw"
READY = "ready"
MEANINGS = {
    "transport": "From the time stamp of the newest sample to its arrival at the session: amplifier, chunk, network",
    "wait": "Until the worker begins with the window, and until it is this decoder's turn",
    "transform": "The transforms up to the window's newest sample, and the cut",
    "decode": "From the window in the decoder's hands to evidence that is ready",
    "draw": "From the decision being ready to the decision on this screen",
    "ready": "From the time stamp of the newest sample to the decision being ready: the four stages above together",
}


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage with its percentiles in milliseconds over ``n`` decisions; None of none."""

    name: str
    found: tuple[float, float, float] | None
    n: int

    @property
    def p50(self) -> float:
        """The median; 0 of none, for what is drawn."""
        return self.found[0] if self.found else 0.0


class StageFeed:
    """Follows the ring of stages of one decoder; there is none before its worker has loaded.

    Attributes
    ----------
    rows : (n, 4) float64, the stages of the newest 2000 decisions, in seconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ring: StageRing | None = None
        self._count = 0
        self.rows: NDArray[np.float64] = np.empty((0, len(STAGES)))

    def refresh(self) -> bool:
        """Look for new decisions; say whether there were any. Raises RecordingError where the file is no ring."""
        if self._ring is None:
            if not self._path.exists():
                return False
            self._ring = StageRing.attach(self._path)
        count = self._ring.count
        if count == self._count:
            return False
        try:
            self.rows = self._ring.newest(AGES)
        except Overrun:
            return False  # this process slept meanwhile: it looks again
        self._count = count
        return True

    def close(self) -> None:
        """Let go of the ring."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None


def table(rows: NDArray[np.float64], drawing: Sequence[float]) -> list[StageRow]:
    """The stages, what they sum to, and drawing, from ``rows`` (n, 4) and ``drawing``, in seconds."""
    columns = [*rows.T, np.array(drawing, np.float64), rows.sum(axis=1)]
    return [
        StageRow(name, percentiles(np.asarray(column) * 1e3), len(column))
        for name, column in zip((*STAGES, DRAW, READY), columns, strict=True)
    ]
