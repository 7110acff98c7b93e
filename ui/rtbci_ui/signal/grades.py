"""How a grade looks: a colour and a symbol, so that it is not told by colour alone."""

from __future__ import annotations

from rtbci_ui import theme
from rtbci_ui.signal.quality import Grade

SYMBOLS = {Grade.GOOD: "●", Grade.FAIR: "▲", Grade.BAD: "✖", Grade.UNKNOWN: "○"}
WORDS = {Grade.GOOD: "good", Grade.FAIR: "fair", Grade.BAD: "bad", Grade.UNKNOWN: "unknown"}


def grade_colour(grade: Grade) -> str:
    """The theme's colour for a grade; the symbol says it as well."""
    return {Grade.GOOD: theme.GOOD, Grade.FAIR: theme.WARNING, Grade.BAD: theme.ALARM}.get(grade, theme.DIM)
