"""Where a column of time stands in the picture: scrolled, or swept over the page before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are in sight.

    ``head`` columns have been drawn since the stream began, the newest ``width`` of them are shown, ``step`` positions
    (samples, missing ones counted) each. Scrolled, the newest stands at the right edge; ``sweep`` lets column k stand at
    ``k % width``, where a bar of ``bar`` columns after the newest hides the oldest.
    """

    head: int
    width: int
    step: float
    sweep: bool = False
    bar: int = 0

    @property
    def first(self) -> int:
        """The oldest column that is in sight."""
        return self.head - self.width + (self.bar if self.sweep else 0)

    def x(self, position: float) -> float | None:
        """Where ``position`` stands, in columns from the left edge, None where it is not in sight."""
        column = position / self.step
        if not self.first <= column < self.head:
            return None
        return column % self.width if self.sweep else column - self.first

    def pieces(self, start: float, stop: float) -> list[tuple[float, float]]:
        """Left and right ends, in columns from the left edge, of what is in sight of positions ``start`` to ``stop``."""
        left, right = max(start / self.step, float(self.first)), min(stop / self.step, float(self.head))
        if right < left:
            return []
        if not self.sweep:
            return [(left - self.first, right - self.first)]
        found = []
        while True:
            page = left // self.width
            edge = (page + 1) * self.width
            end = min(right, edge)
            found.append((left - page * self.width, end - page * self.width))
            if end >= right:
                return found
            left = end

    def position(self, x: float) -> float | None:
        """The position at ``x`` columns from the left edge, None beyond the edges and within the bar."""
        if not 0.0 <= x < self.width:
            return None
        if not self.sweep:
            return (self.first + x) * self.step
        column = self.head - self.head % self.width + x
        if column >= self.head:
            column -= self.width
        return column * self.step if column >= self.first else None

    @property
    def bars(self) -> list[tuple[int, int]]:
        """(first column from the left edge, columns) of the bar of a sweep: one piece, or two at the edges; [] scrolled."""
        if not self.sweep or self.bar < 1:
            return []
        at = self.head % self.width
        first = min(self.bar, self.width - at)
        return [(at, first)] + ([(0, self.bar - first)] if first < self.bar else [])
