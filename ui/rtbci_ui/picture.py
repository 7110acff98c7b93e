"""The scrolling picture of the traces: a ring of columns, of which only the new ones are drawn.

No Qt here: the picture is an array of pixels that a widget shows in two parts (`Picture.parts`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.kernels import raster
from rtbci.ring import Ring
from rtbci.types import Times
from rtbci_ui.baseline import Baseline
from rtbci_ui.positions import Positions
from rtbci_ui.scales import PAGES

LATE_SECONDS = 0.3
"""Without samples for this long the picture scrolls on empty: chunks arrive more often, a lost stream does not."""
_MARGIN = 0.02
"""Part of the ring that is left alone, because the writer may overwrite it while it is drawn."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """Which channels are shown and how.

    Attributes
    ----------
    rows : (n_shown,) int64, channel numbers from top to bottom.
    units : (n_shown,) float32, height of a lane in the channel's unit.
    colours : (n_shown,) uint32, 0xffRRGGBB.
    """

    rows: NDArray[np.int64]
    units: NDArray[np.float32]
    colours: NDArray[np.uint32]


class Picture:
    """Draws the newest columns of a ring's samples into an array of pixels.

    Attributes
    ----------
    pixels : (height, width) uint32, 0xffRRGGBB; column k of time stands at ``k % width``.
    width : columns in the picture.
    head : number of columns since the stream began: the newest column is ``head - 1``.
    step : positions (samples, missing ones counted) per column.
    """

    def __init__(self, ring: Ring, rate: float, shades: tuple[int, int, int]) -> None:
        self._ring = ring
        self._rate = rate
        self._shades = np.array(shades, np.uint32)
        self.positions = Positions(ring, rate)
        self._baseline = Baseline(ring, rate, min(max(PAGES), ring.capacity / rate))
        self._restarts = 0
        self._lanes: Lanes | None = None
        self._tick = rate
        self._drawn = 0  # samples below this one are in finished columns or in the newest, unfinished one
        self._whole = True
        self.head = 0
        self.step = 1.0
        self.resize(1, 1, 10.0)

    def resize(self, width: int, height: int, seconds: float) -> None:
        """Show ``seconds`` in ``width`` columns of ``height`` pixels; everything is drawn anew at the next refresh."""
        self.width = width
        self.pixels: NDArray[np.uint32] = np.full((height, width), self._shades[0], np.uint32)
        self._kinds = np.zeros(width, np.uint8)
        self._lo = np.full((width, self._ring.n_channels), np.nan, np.float32)
        self._hi = np.full((width, self._ring.n_channels), np.nan, np.float32)
        self.step = seconds * self._rate / width
        self._whole = True

    def show(self, lanes: Lanes, tick_seconds: float) -> None:
        """Show other channels, scales or grid; what the columns hold is kept, so this works on a frozen picture too."""
        self._lanes = lanes
        self._tick = tick_seconds * self._rate
        self._paint(self.head - self.width, self.head)

    def refresh(self, now: float | None = None) -> bool:
        """Draw what has come since the last call; say whether the picture changed.

        ``now`` is the time on the source's clock, up to which the picture scrolls while nothing comes; without it, it stops.
        """
        ring = self._ring
        self.positions.refresh()
        self._baseline.refresh()
        written = ring.written
        if written == 0:
            return False
        if self._baseline.restarts != self._restarts:
            self._restarts = self._baseline.restarts
            self._whole = True
        last = self.positions.of(written - 1)
        late = 0.0 if now is None else now - float(ring.view(written - 1, written)[1][0])
        end = last + (late * self._rate if late > LATE_SECONDS else 0.0)
        head = int(end / self.step) + 1
        if head < self.head or self._drawn < ring.oldest:
            self._whole = True
        if not self._whole and written == self._drawn and head == self.head:
            return False
        width = self.width
        start = head - width if self._whole else int(self.positions.of(self._drawn - 1) / self.step)
        start = max(start, head - width)
        try:
            self._measure(start, head, written)
        except Overrun:
            self._whole = True  # the writer lapped us while we looked: the next refresh draws everything
            return False
        self.head, self._drawn, self._whole = head, written, False
        self._paint(start, head)
        return True

    def _measure(self, start: int, head: int, written: int) -> None:
        """Fill columns ``start`` to ``head`` of the envelope from the ring."""
        ring, width, step = self._ring, self.width, self.step
        safe = ring.oldest + int(ring.capacity * _MARGIN) if ring.oldest else 0
        first = min(max(self.positions.at_position(start * step) - 1, safe, 0), written)
        rows = np.arange(start, head) % width
        self._lo[rows] = np.nan
        self._hi[rows] = np.nan
        oldest, newest = self.positions.of(first), self.positions.of(written - 1)
        columns = np.arange(start, head)
        kinds = np.full(len(columns), raster.GAP, np.uint8)
        kinds[columns + 1 <= oldest / step] = raster.EMPTY
        kinds[columns > newest / step] = raster.PENDING
        for stretch in self.positions.stretches(first, written):
            samples, _, _ = ring.view(stretch.start, stretch.stop)
            left = max(int((stretch.start + stretch.shift) / step), start)
            right = min(int((stretch.stop - 1 + stretch.shift) / step) + 1, head)
            raster.envelope(
                samples, stretch.start, stretch.shift, step, left, right,
                self._baseline.knots, self._baseline.first, self._baseline.block, self._lo, self._hi,
            )  # fmt: skip
            kinds[max(left - start, 0) : max(right - start, 0)] = raster.DATA
        self._kinds[rows] = kinds
        if not ring.intact(first):
            raise Overrun(first, ring.oldest)

    def _paint(self, start: int, head: int) -> None:
        lanes = self._lanes
        if lanes is None or head <= 0:
            return
        height = self.pixels.shape[0]
        lane = height / max(len(lanes.rows), 1)
        centres = ((np.arange(len(lanes.rows)) + 0.5) * lane).astype(np.float32)
        scale = (lane / lanes.units).astype(np.float32)
        raster.paint(
            self.pixels, start, head, self._kinds, self._lo, self._hi, lanes.rows, centres, scale, lanes.colours,
            max(2.5 * lane, 12.0), self.step, self._tick, self._shades,
        )  # fmt: skip

    def parts(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(first column, columns) of the older and of the newer part of the ring of columns, in this order."""
        seam = self.head % self.width
        return (seam, self.width - seam), (0, seam)

    def column(self, position: float) -> float:
        """Where ``position`` stands, in columns from the left edge."""
        return position / self.step - (self.head - self.width)

    @property
    def left(self) -> float:
        """Position at the left edge."""
        return (self.head - self.width) * self.step

    def recent(self, seconds: float) -> tuple[NDArray[np.float32], Times]:
        """Copies of the newest samples (n, n_channels) and times (n,), at most ``seconds`` of them."""
        written = self._ring.written
        start = max(written - int(seconds * self._rate), self._ring.oldest)
        samples, times, _ = self._ring.read(start, written)
        return samples, times
