"""Where candidates lie: the best and the true one large, the others in as many columns as make their pictures largest."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF

HEAD, FOOT, GAP, PAD = 50, 46, 10, 10
"""Pixels above and below the large pictures, between them, and at the edges."""
BELOW, NAME, ROW = 23, 15, 34
"""Pixels below a small picture, and more for its name; pixels of a candidate that is no picture."""
NAMED = 84
"""Pixels that a small picture must be wide for its name below it to be worth the place."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie: the large picture, the true one, and of each further candidate picture and words.

    ``named`` is whether there is room for names below small pictures.
    """

    best: QRectF
    true: QRectF
    others: list[QRectF]
    named: bool = False


def places(width: float, height: float, others: int, zoom: float = 1.0, pictures: bool = True) -> Places:
    """Arrange ``others`` candidates beside two large pictures.

    Small pictures lie in as many columns as make them largest; candidates that are no ``pictures`` are lines of words.
    """
    head, foot = HEAD * zoom, FOOT * zoom
    side = max(40.0, min(height - head - foot - 6, (width - 2 * PAD) * 0.3))
    best = QRectF(PAD, head, side, side)
    true = best.translated(side + GAP, 0)
    left = true.right() + 1.5 * GAP
    room = QRectF(left, head, width - left - PAD + 6, height - head - 4)
    if others < 1:
        return Places(best, true, [])
    if not pictures:
        high = min(room.height() / others, ROW * zoom)
        rows = [QRectF(room.left(), room.top() + k * high, room.width() - 6, high - 2) for k in range(others)]
        return Places(best, true, rows)

    def largest(columns: int, below: float) -> float:
        return min(room.height() / -(-others // columns) - below, room.width() / columns - 6)

    below = BELOW * zoom
    columns = max(range(1, 7), key=lambda n: largest(n, below))
    named = largest(columns, below + NAME * zoom) >= NAMED
    below += NAME * zoom if named else 0.0
    columns = max(range(1, 7), key=lambda n: largest(n, below))
    small = max(16.0, largest(columns, below))
    wide, high = room.width() / columns, min(room.height() / -(-others // columns), small + below + 8)
    cells = [
        QRectF(room.left() + (k % columns) * wide, room.top() + (k // columns) * high, wide - 6, small)
        for k in range(others)
    ]
    return Places(best, true, cells, named)
