"""Every shortcut, once: the menus, the help overlay and the window are made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortcut:
    """``name`` is the window's method, ``keys`` Qt's names for the keys, ``shown`` what the help says they are."""

    menu: str
    text: str
    name: str
    keys: tuple[str, ...]
    shown: str


SHORTCUTS = (
    Shortcut("Session", "Mark…", "mark", ("M",), "M"),
    Shortcut("Session", "Save screenshot", "screenshot", ("Ctrl+S",), "Ctrl+S"),
    Shortcut("Session", "Open or edit an experiment…", "edit_experiment", ("Ctrl+E",), "Ctrl+E"),
    Shortcut("Session", "Stop session…", "stop_session", ("Ctrl+Shift+Q",), "Ctrl+Shift+Q"),
    Shortcut("Session", "Close this window (the session goes on)", "close", ("Ctrl+Q",), "Ctrl+Q"),
    Shortcut("Traces", "Larger", "larger", ("+", "=", "Up"), "+  or wheel"),
    Shortcut("Traces", "Smaller", "smaller", ("-", "Down"), "−  or wheel"),
    Shortcut("Traces", "Automatic gain", "rescale", ("A",), "A"),
    Shortcut("Traces", "Shorter page", "shorter", ("[",), "["),
    Shortcut("Traces", "Longer page", "longer", ("]",), "]"),
    Shortcut("Traces", "Previous channels", "previous_channels", ("PgUp",), "Page Up"),
    Shortcut("Traces", "Next channels", "next_channels", ("PgDown",), "Page Down"),
    Shortcut("Traces", "All channels at once", "all_channels", ("0",), "0"),
    Shortcut("Traces", "Freeze", "freeze", ("Space",), "Space"),
    Shortcut("Images", "Traces or decoded images", "images", ("I",), "I"),
    Shortcut("Images", "Decoded images alone, full screen", "images_alone", ("F11", "Shift+I"), "F11  or Shift+I"),
    Shortcut("Decoder", "Next decoder", "next_decoder", ("D",), "D"),
    Shortcut("Decoder", "Restart this decoder…", "restart_decoder", ("Ctrl+R",), "Ctrl+R"),
    Shortcut("Help", "Shortcuts", "help", ("H", "F1"), "H"),
)
