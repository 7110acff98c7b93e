"""Where the parts of the decisions panel stand in the room that there is; without Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Place = tuple[int, int, int, int]
"""Row, column, rows and columns that are spanned."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Cells of "cards", "minute", "compared" and "table"; those that are missing are on the other page.

    ``rows`` and ``columns`` are their stretches; ``pages`` says whether there is another page.
    """

    places: Mapping[str, Place]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    pages: bool


_WIDE = Arrangement(
    {"cards": (0, 0, 2, 1), "minute": (0, 1, 1, 2), "compared": (1, 1, 1, 1), "table": (1, 2, 1, 1)},
    (16, 10), (36, 44, 30), False,
)  # fmt: skip
_SQUARE = Arrangement(
    {"cards": (0, 0, 1, 1), "minute": (0, 1, 1, 1), "compared": (1, 0, 1, 1), "table": (1, 1, 1, 1)},
    (11, 10), (11, 10), False,
)  # fmt: skip
_TALL = Arrangement(
    {"cards": (0, 0, 1, 1), "minute": (1, 0, 1, 1), "compared": (2, 0, 1, 1), "table": (3, 0, 1, 1)},
    (14, 10, 10, 10), (1,), False,
)  # fmt: skip
_ABOVE = (
    Arrangement({"cards": (0, 0, 1, 1), "minute": (1, 0, 1, 1)}, (18, 10), (1,), True),
    Arrangement({"compared": (0, 0, 1, 1), "table": (1, 0, 1, 1)}, (15, 10), (1,), True),
)
_BESIDE = (
    Arrangement({"cards": (0, 0, 1, 1), "minute": (0, 1, 1, 1)}, (1,), (10, 12), True),
    Arrangement({"compared": (0, 0, 1, 1), "table": (0, 1, 1, 1)}, (1,), (12, 10), True),
)


def arrangement(width: int, height: int, page: int) -> Arrangement:
    """The arrangement for so many pixels; ``page`` counts where not everything fits."""
    if width >= 1120 and height >= 380:
        return _WIDE
    if width >= 680 and height >= 430:
        return _SQUARE
    if height >= 640:
        return _TALL
    return (_BESIDE if width >= 680 else _ABOVE)[page]
