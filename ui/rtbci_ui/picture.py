"""The picture of the traces: a ring of columns, of which only the new ones are drawn.

No Qt here: the picture is an array of pixels that a widget shows in two parts (`Picture.parts`), or swept over the page
before. Samples come from the session's ring, or from a piece of the past (`Picture.hold`), or from what a display filter
makes of either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.kernels import raster
from rtbci.ring import Ring
from rtbci.types import Times
from rtbci_ui.baseline import BLOCKS_PER_SECOND, MEAN_BLOCKS, Baseline, baseline_of
from rtbci_ui.positions import Positions
from rtbci_ui.scales import PAGES
from rtbci_ui.traces.columns import Columns
from rtbci_ui.traces.filtering import SETTLING_SECONDS, Choice, Filtered, design
from rtbci_ui.traces.signals import Signal, Still

LATE_SECONDS = 0.3
"""Without samples for this long the picture scrolls on empty: chunks arrive more often, a lost stream does not."""
BEFORE_SECONDS = max(SETTLING_SECONDS, (MEAN_BLOCKS + 1) / BLOCKS_PER_SECOND)
"""Signal before a page that its running mean and its filter need."""
_MARGIN = 0.02
"""Part of the ring that is left alone, because the writer may overwrite it while it is drawn."""
STEP_VALUES, STEP_FILTERED, STEP_CELLS = 1 << 21, 1 << 18, 1 << 15
"""What one refresh does at most: samples times channels as they are, or through a filter, and columns times lanes painted.

Each is some 2 to 5 ms. A new picture of more, such as one of 306 channels, comes in pieces, the oldest first.
"""
KEPT_SECONDS = 2.5
"""Filtered signal that is kept: what is drawn needs less, and the gain is chosen from 2 s of it."""
_GROUND_LANES = 20
"""What the background of a column costs, in lanes."""


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
    """Draws columns of a ring's samples into an array of pixels: the newest ones, or those that it is held at.

    Attributes
    ----------
    pixels : (height, width) uint32, 0xffRRGGBB; column k of time stands at ``k % width``.
    width : columns in the picture.
    head : number of columns since the stream began: the newest column that is shown is ``head - 1``.
    step : positions (samples, missing ones counted) per column.
    choice : the display filter.
    """

    def __init__(self, ring: Ring, rate: float, shades: tuple[int, int, int]) -> None:
        self._ring = ring
        self._rate = rate
        self._shades = np.array(shades, np.uint32)
        self.positions = Positions(ring, rate)
        self._live = Baseline(ring, rate, min(max(PAGES), ring.capacity / rate))
        self._baseline = self._live
        self._restarts = 0
        self._still: Still | None = None
        self.choice = Choice()
        self._filtered: Filtered | None = None
        self._lanes: Lanes | None = None
        self._tick = rate
        self._drawn = 0  # samples below this one are in finished columns or in the newest, unfinished one
        self._whole = True
        self._other = False  # what the columns hold is another page
        self._partial = False  # the page is drawn up to `_drawn`, and there is more
        self._again: int | None = None  # the next column that is to be painted with other lanes or another scale
        self.head = 0
        self.step = 1.0
        self.resize(1, 1, 10.0)

    # what is drawn -------------------------------------------------------------------------------------------------

    def resize(self, width: int, height: int, seconds: float) -> None:
        """Show ``seconds`` in ``width`` columns of ``height`` pixels; everything is drawn anew at the next refresh."""
        self.width = width
        self.pixels: NDArray[np.uint32] = np.full((height, width), self._shades[0], np.uint32)
        self._kinds = np.zeros(width, np.uint8)
        self._lo = np.full((width, self._ring.n_channels), np.nan, np.float32)
        self._hi = np.full((width, self._ring.n_channels), np.nan, np.float32)
        end = self.head * self.step
        self.step = seconds * self._rate / width
        self.head = round(end / self.step)
        self._drop_filter()
        self._whole = True

    def show(self, lanes: Lanes, tick_seconds: float) -> None:
        """Show other channels, scales or grid; what the columns hold is kept, so this works on a held picture too."""
        others = self._lanes is not None and not np.array_equal(self._lanes.rows, lanes.rows)
        self._lanes = lanes
        self._tick = tick_seconds * self._rate
        self._again = self.head - self.width
        if others and self.width > self._step_columns:
            self.pixels[:] = self._shades[0]  # traces of other channels must not stand beside these names
        self._paint_again()

    def filter(self, choice: Choice) -> None:
        """Draw through another display filter from the next refresh on."""
        self.choice = choice
        self._drop_filter()
        self._whole = True

    def hold(self, still: Still, head: int | None = None, baseline: Baseline | None = None) -> None:
        """Show a piece of the past: the page that ends with column ``head``, or the one that is shown already, as it is.

        ``baseline`` is its `baseline_of`, where somebody has made it already.
        """
        self._still = still
        self._baseline = baseline or baseline_of(still, self._rate)
        self._drop_filter()
        self._whole = head is not None or self._partial
        self._other = self._other or head not in (None, self.head)
        self.head = self.head if head is None else head

    def release(self) -> None:
        """Show the newest samples again."""
        if self._still is not None:
            self._still, self._baseline = None, self._live
            self._drop_filter()
            self._whole = True

    def _drop_filter(self) -> None:
        if self._filtered is not None:
            self._filtered.close()
            self._filtered = None

    @property
    def held(self) -> bool:
        """Whether a piece of the past is shown."""
        return self._still is not None

    @property
    def signal(self) -> Signal:
        """Where samples come from: the ring, or the piece of the past that is shown."""
        return self._ring if self._still is None else self._still

    def page_samples(self, head: int | None = None) -> tuple[int, int]:
        """First and stop of the samples that the page to column ``head`` (None: the one that is shown) needs."""
        head = self.head if head is None else head
        before = BEFORE_SECONDS * self._rate
        first = self.positions.at_position(max((head - self.width) * self.step - 1.0, 0.0))
        stop = self.positions.at_position(max(head * self.step, 0.0)) + 1
        first = max(int(first - before), 0)
        return first - first % self._live.block, max(stop, first)

    def safe(self) -> int:
        """The oldest sample of the ring that the writer is not about to overwrite."""
        oldest = self._ring.oldest
        return oldest + int(self._ring.capacity * _MARGIN) if oldest else 0

    # drawing -------------------------------------------------------------------------------------------------------

    def refresh(self, now: float | None = None) -> bool:
        """Draw what has come since the last call; say whether the picture changed.

        ``now`` is the time on the source's clock, up to which the picture scrolls while nothing comes; without it, it stops.
        """
        if self._still is not None and not self._whole and not self._partial:
            return self._paint_again()
        signal = self.signal
        written = signal.written  # before the gaps are looked at: those of the samples below it are in the table
        self.positions.refresh()
        self._baseline.refresh()
        if written == 0:
            return False
        if self._baseline.restarts != self._restarts:
            self._restarts = self._baseline.restarts
            self._whole = True
        head = self.head if self._still is not None else self._newest(written, now)
        if head < self.head or self._drawn < signal.oldest:
            self._whole = True
        if not self._whole and written == self._drawn and head == self.head:
            return self._paint_again()
        try:
            self._advance(head, written)
        except Overrun:
            self._drop_filter()
            self._whole = True  # the writer lapped us while we looked: the next refresh draws everything
            return False
        if not self._partial:
            self._paint_again()
        return True

    @property
    def unfinished(self) -> bool:
        """Whether another refresh has something to do even where nothing has come."""
        return self._partial or self._again is not None

    def _advance(self, head: int, written: int) -> None:
        """Draw the next piece: up to sample ``written`` and column ``head``, or as far as one step goes."""
        left = head - self.width
        start = left if self._whole else max(int(self.positions.of(self._drawn - 1) / self.step), left)
        oldest = self.safe() if self._still is None else self._still.oldest
        first = min(max(self.positions.at_position(start * self.step) - 1, oldest), written)
        columns = self.positions.at_position((start + self._step_columns) * self.step)
        most = min(max(columns, (first if self._whole else self._drawn) + 1), written)
        signal, stop = self._source(first, oldest, most)
        self._partial = stop < written
        if self._partial:
            self._clear(head)
        self.head, self._other = head, False
        if stop > first or not self._partial:
            end = min(int(self.positions.of(stop - 1) / self.step) + 1, head) if self._partial else head
            self._measure(signal, start, end, first, stop)
            self._drawn, self._whole = stop, False
            self._paint(start, end)

    def _clear(self, head: int) -> None:
        """Empty what is not of the page that ends with column ``head``, until it is drawn."""
        left = head - self.width
        fresh = np.arange(left if self._other or head < self.head else max(self.head, left), head)
        if len(fresh):
            self._kinds[fresh % self.width] = raster.EMPTY
            self._paint(int(fresh[0]), head)

    def _newest(self, written: int, now: float | None) -> int:
        """Columns up to the newest sample, or up to ``now`` where nothing has come for a while."""
        last = self.positions.of(written - 1)
        late = 0.0 if now is None else now - float(self._ring.view(written - 1, written)[1][0])
        return int((last + (late * self._rate if late > LATE_SECONDS else 0.0)) / self.step) + 1

    def _source(self, first: int, oldest: int, stop: int) -> tuple[Signal, int]:
        """The signal, or what the display filter makes of it, from ``first`` on, and how far to ``stop`` it goes now."""
        signal, n_channels = self.signal, self._ring.n_channels
        if self.choice.off:
            begun = first if self._whole else max(self._drawn, first)
            return signal, min(begun + STEP_VALUES // n_channels + 1, stop)
        begin = min(max(first - int(SETTLING_SECONDS * self._rate), oldest), stop)
        filtered, most = self._filtered, STEP_FILTERED // n_channels + 1
        if filtered is not None and (filtered.written < begin or filtered.oldest > first):
            self._drop_filter()  # nobody looked for so long, or it keeps too little of the page: it is begun anew
        if self._filtered is None:
            keep = int(KEPT_SECONDS * self._rate + 2.0 * min(self._step_columns, self.width) * self.step) + 2 * most
            sections = design(self.choice, self._rate)
            self._filtered = Filtered(signal, self.positions, sections, begin, keep)
        self._filtered.refresh(max(min(self._filtered.written + most, stop), self._filtered.written))
        return self._filtered, min(self._filtered.written, stop)

    def _measure(self, signal: Signal, start: int, head: int, first: int, written: int) -> None:
        """Fill columns ``start`` to ``head`` of the envelope from samples ``first`` to ``written`` of ``signal``."""
        width, step = self.width, self.step
        first = min(max(first, signal.oldest), written)
        rows = np.arange(start, head) % width
        self._lo[rows] = np.nan
        self._hi[rows] = np.nan
        knots, knots_first = self._baseline.knots, self._baseline.first
        if self.choice.high_pass is not None:  # nothing is left to take off
            knots, knots_first = np.zeros((1, self._ring.n_channels)), 0
        left_end, right_end = self.positions.of(first), self.positions.of(written - 1)
        columns = np.arange(start, head)
        kinds = np.full(len(columns), raster.GAP, np.uint8)
        kinds[columns + 1 <= left_end / step] = raster.EMPTY
        kinds[columns > right_end / step] = raster.PENDING
        for stretch in self.positions.stretches(first, written):
            samples, _, _ = signal.view(stretch.start, stretch.stop)
            left = max(int((stretch.start + stretch.shift) / step), start)
            right = min(int((stretch.stop - 1 + stretch.shift) / step) + 1, head)
            raster.envelope(
                samples, stretch.start, stretch.shift, step, left, right,
                knots, knots_first, self._baseline.block, self._lo, self._hi,
            )  # fmt: skip
            kinds[max(left - start, 0) : max(right - start, 0)] = raster.DATA
        if self._still is not None:  # in no recording, and no longer in the ring
            kinds[(kinds == raster.DATA) & np.isnan(self._hi[rows]).all(axis=1)] = raster.PENDING
        self._kinds[rows] = kinds
        if not signal.intact(first):
            raise Overrun(first, signal.oldest)

    @property
    def _step_columns(self) -> int:
        """Columns that are painted in one step."""
        shown = 0 if self._lanes is None else len(self._lanes.rows)
        return max(STEP_CELLS // (shown + _GROUND_LANES), 8)

    def _paint_again(self) -> bool:
        """Paint the next piece of what is to be seen in another way, from what was measured; False where there is none."""
        if self._again is None:
            return False
        start = max(self._again, self.head - self.width)
        stop = min(start + self._step_columns, self.head)
        self._paint(start, stop)
        self._again = None if stop >= self.head else stop
        return True

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

    # what is asked -------------------------------------------------------------------------------------------------

    def columns(self, sweep: bool, bar: int) -> Columns:
        """Where columns stand on the screen."""
        return Columns(self.head, self.width, self.step, sweep, bar)

    def parts(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(first column, columns) of the older and of the newer part of the ring of columns, in this order."""
        seam = self.head % self.width
        return (seam, self.width - seam), (0, seam)

    def column(self, position: float) -> float:
        """Where ``position`` stands, in columns from the left edge of a picture that scrolls."""
        return position / self.step - (self.head - self.width)

    @property
    def left(self) -> float:
        """Position at the left edge."""
        return (self.head - self.width) * self.step

    def recent(self, seconds: float) -> tuple[NDArray[np.float32], Times]:
        """Copies of the newest samples (n, n_channels) as they are drawn, and times (n,): at most ``seconds`` of them."""
        signal: Signal = self.signal if self._filtered is None else self._filtered
        written = signal.written
        start = max(written - int(seconds * self._rate), signal.oldest)
        samples, times, _ = signal.view(start, written)
        return samples.copy(), times.copy()

    def value(self, position: float, channel: int, *, less_mean: bool = True) -> float | None:
        """What ``channel`` was at ``position``, unfiltered, less its running mean or not; None where unknown."""
        signal = self.signal
        index = self.positions.at_position(position)
        if self.positions.of(index) - position > 1.0:
            return None  # within a gap
        try:
            value = float(signal.view(index, index + 1)[0][0, channel])
        except (Overrun, IndexError):
            return None
        if not np.isfinite(value):
            return None
        return value - self._baseline.at(index, channel) if less_mean else value
