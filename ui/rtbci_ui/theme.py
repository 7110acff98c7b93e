"""Colours and fonts: one place, so that the same thing has the same colour everywhere, on a dark ground and on a light one.

The colours are attributes of this module (``theme.PANEL``), set by `use`; a window that was built before keeps the ones that
it was built with, so whoever changes the theme builds the window anew. Nobody may keep a copy at import time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

_DARK: Mapping[str, str] = {
    "BACKGROUND": "#16181d", "PANEL": "#1e2127", "RAISED": "#24282f", "TROUGH": "#2a2f37", "EDGE": "#343942",
    "TEXT": "#e6e9ee", "STRONG": "#ffffff", "DIM": "#98a1ad", "STALE": "#6d747e", "ACCENT": "#4f8fc4",
    "GOOD": "#5fd08a", "WARNING": "#f0b34a", "ALARM": "#ff6b5e", "RECORDING": "#ff5a5a",
    "ALARM_BACK": "#8f1d16", "WARNING_BACK": "#6b4a10", "NOTICE_BACK": "#24415f",
    "MARKER": "#ffd75f", "GRID": "#2a2f38", "HATCH": "#4a3030", "BAD": "#5a6068",
    "FIELD": "#121419", "BUTTON": "#2b3038", "HIGHLIGHT": "#2f6fa8", "LINK": "#7cc4f2",
}  # fmt: skip
_LIGHT: Mapping[str, str] = {
    "BACKGROUND": "#ffffff", "PANEL": "#f4f5f7", "RAISED": "#e6e8ec", "TROUGH": "#dcdfe4", "EDGE": "#c3c8d0",
    "TEXT": "#1c2026", "STRONG": "#000000", "DIM": "#59616c", "STALE": "#8a919b", "ACCENT": "#2f6fa8",
    "GOOD": "#137a3f", "WARNING": "#8f5a00", "ALARM": "#bf1d12", "RECORDING": "#c8201a",
    "ALARM_BACK": "#b3261e", "WARNING_BACK": "#8a5a0c", "NOTICE_BACK": "#2d5f92",
    "MARKER": "#8a6d00", "GRID": "#e3e6ea", "HATCH": "#f0d2cf", "BAD": "#a9afb8",
    "FIELD": "#ffffff", "BUTTON": "#e9ebee", "HIGHLIGHT": "#2f6fa8", "LINK": "#0b5c9e",
}  # fmt: skip
_CLASSES: Mapping[str, tuple[str, ...]] = {
    "dark": ("#56b4e9", "#e69f00", "#2fc49a", "#ec8fc4", "#f0e442", "#e8743b", "#9d8df1", "#b8bec7"),
    "light": ("#0072b2", "#c46a00", "#00795a", "#c0529a", "#4f4600", "#a3241a", "#5a45b8", "#5b6169"),
}
_KINDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "dark": {
        "eeg": ("#7cc4f2", "#a9d8f5"), "mag": ("#e8b45c", "#f0cd92"), "grad": ("#79d3a6", "#a8e3c5"),
        "eog": ("#d69cf0", "#d69cf0"), "ecg": ("#ff8d85", "#ff8d85"), "emg": ("#f5b7a3", "#f5b7a3"),
        "stim": ("#e8e06a", "#e8e06a"), "": ("#b0b6bf", "#c8ccd2"),
    },
    "light": {
        "eeg": ("#0b5c9e", "#2f7fb8"), "mag": ("#8a5a00", "#a87410"), "grad": ("#0d6b45", "#2b8a62"),
        "eog": ("#7a2f9a", "#7a2f9a"), "ecg": ("#b3261e", "#b3261e"), "emg": ("#9a4a2c", "#9a4a2c"),
        "stim": ("#6f6400", "#6f6400"), "": ("#454c56", "#626a75"),
    },
}  # fmt: skip

THEMES = ("dark", "light")
name = "dark"
"""The theme in use."""
CLASSES = _CLASSES["dark"]
"""Okabe and Ito's palette, lightened for a dark ground and darkened for a light one: told apart with any colour vision."""

BACKGROUND = _DARK["BACKGROUND"]
"""Behind signals."""
PANEL = _DARK["PANEL"]
"""Behind words and slow plots."""
RAISED = _DARK["RAISED"]
TROUGH = _DARK["TROUGH"]
"""What a bar runs in."""
EDGE = _DARK["EDGE"]
TEXT = _DARK["TEXT"]
STRONG = _DARK["STRONG"]
DIM = _DARK["DIM"]
STALE = _DARK["STALE"]
"""What is too old to act upon."""
ACCENT = _DARK["ACCENT"]
"""What is selected."""
GOOD = _DARK["GOOD"]
WARNING = _DARK["WARNING"]
ALARM = _DARK["ALARM"]
RECORDING = _DARK["RECORDING"]
ALARM_BACK = _DARK["ALARM_BACK"]
"""Behind white words, as the next two."""
WARNING_BACK = _DARK["WARNING_BACK"]
NOTICE_BACK = _DARK["NOTICE_BACK"]
MARKER = _DARK["MARKER"]
GRID = _DARK["GRID"]
HATCH = _DARK["HATCH"]
"""Missing samples."""
BAD = _DARK["BAD"]
"""A bad channel."""
FIELD = _DARK["FIELD"]
BUTTON = _DARK["BUTTON"]
HIGHLIGHT = _DARK["HIGHLIGHT"]
LINK = _DARK["LINK"]


def use(theme: str) -> None:
    """Take the colours of ``theme``, one of `THEMES`, for everything that is built from now on."""
    global name, CLASSES
    if theme not in THEMES:
        raise ValueError(f"theme is {theme!r}; {' or '.join(THEMES)} would be right")
    name = theme
    CLASSES = _CLASSES[theme]
    globals().update(_DARK if theme == "dark" else _LIGHT)


def is_light() -> bool:
    """Whether the ground is light: what is painted over it then gets darker, not lighter."""
    return name == "light"


def pixel(colour: str) -> int:
    """``colour`` ("#rrggbb") as 0xffrrggbb."""
    return 0xFF000000 | int(colour[1:], 16)


def class_colour(index: int) -> str:
    """Colour of class number ``index``."""
    return CLASSES[index % len(CLASSES)]


def mood_colour(mood: str) -> str:
    """Colour of a value whose `rtbci_ui.facts.Fact.mood` is ``mood``."""
    return {"good": GOOD, "warning": WARNING, "alarm": ALARM}.get(mood, TEXT)


def channel_colour(kind: str, index: int, bad: bool) -> str:
    """Colour of a channel: its kind's, two shades in turn so that neighbours can be told apart, grey where it is bad."""
    kinds = _KINDS[name]
    return BAD if bad else kinds.get(kind, kinds[""])[index % 2]


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


def apply(app: QApplication, theme: str | None = None) -> None:
    """Give ``app`` the colours of ``theme`` (None: the one in use), and those to whatever is built from now on.

    The palette does it: the colour-scheme hint has no effect on some platforms (bare X, offscreen).
    """
    use(name if theme is None else theme)
    app.setStyle("Fusion")
    palette = QPalette(QColor(PANEL))
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, RAISED), (roles.Base, FIELD), (roles.AlternateBase, PANEL), (roles.Button, BUTTON),
        (roles.Text, TEXT), (roles.WindowText, TEXT), (roles.ButtonText, TEXT), (roles.ToolTipBase, PANEL),
        (roles.ToolTipText, TEXT), (roles.Highlight, HIGHLIGHT), (roles.HighlightedText, "#ffffff"),
        (roles.PlaceholderText, STALE), (roles.Link, LINK),
    ):  # fmt: skip
        palette.setColor(role, QColor(colour))
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(STALE))
    app.setPalette(palette)
    font = app.font()
    font.setPointSizeF(9.5)
    app.setFont(font)
