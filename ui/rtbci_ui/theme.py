"""Colours and the dark palette: one place, so that the same thing has the same colour everywhere."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

BACKGROUND = "#16181d"
PANEL = "#1e2127"
EDGE = "#343942"
TEXT = "#e6e9ee"
DIM = "#98a1ad"
STALE = "#6d747e"
GOOD = "#5fd08a"
WARNING = "#f0b34a"
ALARM = "#ff6b5e"
ALARM_BACK = "#8f1d16"
WARNING_BACK = "#6b4a10"
NOTICE_BACK = "#24415f"
MARKER = "#ffd75f"
GRID = "#2a2f38"
HATCH = "#4a3030"

CLASSES = ("#56b4e9", "#e69f00", "#2fc49a", "#ec8fc4", "#f0e442", "#e8743b", "#9d8df1", "#b8bec7")
"""Okabe and Ito's palette, lightened for a dark ground: told apart with any colour vision."""
_KINDS = {
    "eeg": ("#7cc4f2", "#a9d8f5"),
    "mag": ("#e8b45c", "#f0cd92"),
    "grad": ("#79d3a6", "#a8e3c5"),
    "eog": ("#d69cf0", "#d69cf0"),
    "ecg": ("#ff8d85", "#ff8d85"),
    "emg": ("#f5b7a3", "#f5b7a3"),
    "stim": ("#e8e06a", "#e8e06a"),
}
BAD = "#5a6068"


def pixel(colour: str) -> int:
    """``colour`` ("#rrggbb") as 0xffrrggbb."""
    return 0xFF000000 | int(colour[1:], 16)


def class_colour(index: int) -> str:
    """Colour of class number ``index``."""
    return CLASSES[index % len(CLASSES)]


def channel_colour(kind: str, index: int, bad: bool) -> str:
    """Colour of a channel: its kind's, two shades in turn so that neighbours can be told apart, grey where it is bad."""
    return BAD if bad else _KINDS.get(kind, ("#b0b6bf", "#c8ccd2"))[index % 2]


@lru_cache(maxsize=64)
def font(points: float, *, bold: bool = False, fixed: bool = False) -> QFont:
    """The interface's font; ``fixed`` for numbers that change in place."""
    if fixed:
        found = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    else:
        found = QFont(QApplication.font())
    found.setPointSizeF(points)
    found.setBold(bold)
    return found


def apply(app: QApplication) -> None:
    """Make ``app`` dark. The palette does it: the colour-scheme hint has no effect on some platforms (bare X, offscreen)."""
    app.setStyle("Fusion")
    palette = QPalette(QColor(PANEL))
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, "#24282f"), (roles.Base, "#121419"), (roles.AlternateBase, PANEL), (roles.Button, "#2b3038"),
        (roles.Text, TEXT), (roles.WindowText, TEXT), (roles.ButtonText, TEXT), (roles.ToolTipBase, PANEL),
        (roles.ToolTipText, TEXT), (roles.Highlight, "#2f6fa8"), (roles.HighlightedText, "#ffffff"),
        (roles.PlaceholderText, STALE), (roles.Link, "#7cc4f2"),
    ):  # fmt: skip
        palette.setColor(role, QColor(colour))
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(STALE))
    app.setPalette(palette)
    font = app.font()
    font.setPointSizeF(9.5)
    app.setFont(font)
