"""Every shortcut, once: the menus, the help overlay and the window are made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortcut:
    """``name`` is a method of the window, or of ``panel``; ``keys`` are as Qt names them, ``shown`` as the help does."""

    menu: str
    text: str
    name: str
    keys: tuple[str, ...]
    shown: str
    panel: str = ""


SHORTCUTS = (
    Shortcut("Session", "Mark…", "mark", ("M",), "M"),
    Shortcut("Session", "Note…", "note_down", ("N",), "N"),
    Shortcut("Session", "Start or stop recording", "toggle_recording", ("Ctrl+Shift+R",), "Ctrl+Shift+R"),
    Shortcut("Session", "Start or stop decoding", "toggle_decoding", ("Ctrl+Shift+D",), "Ctrl+Shift+D"),
    Shortcut("Session", "Save screenshot", "screenshot", ("Ctrl+S",), "Ctrl+S"),
    Shortcut("Session", "Open or edit an experiment…", "edit_experiment", ("Ctrl+E",), "Ctrl+E"),
    Shortcut("Session", "Stop session…", "stop_session", ("Ctrl+Shift+Q",), "Ctrl+Shift+Q"),
    Shortcut("Session", "Close this window", "close", ("Ctrl+Q",), "Ctrl+Q"),
    Shortcut("View", "Traces", "show_traces", ("Ctrl+1",), "Ctrl+1"),
    Shortcut("View", "Signal", "show_signal", ("Ctrl+2",), "Ctrl+2"),
    Shortcut("View", "Images", "show_images", ("Ctrl+3", "I"), "Ctrl+3  or I"),
    Shortcut("View", "Decisions", "show_decisions", ("Ctrl+4",), "Ctrl+4"),
    Shortcut("View", "Health", "show_health", ("Ctrl+5",), "Ctrl+5"),
    Shortcut("View", "Log and notes", "show_log", ("Ctrl+6",), "Ctrl+6"),
    Shortcut("View", "Calibrate", "show_calibrate", ("Ctrl+7",), "Ctrl+7"),
    Shortcut(
        "View", "Images alone, for the participant's screen", "images_alone", ("F11", "Shift+I"), "F11  or Shift+I"
    ),
    Shortcut("View", "Feedback for the participant's screen", "feedback", ("F9",), "F9"),
    Shortcut("View", "Full screen", "full_screen", ("Ctrl+F11",), "Ctrl+F11"),
    Shortcut("View", "Dark or light", "switch_theme", ("Ctrl+T",), "Ctrl+T"),
    Shortcut("View", "All panels beside each other", "spread_layout", ("Ctrl+9",), "Ctrl+9"),
    Shortcut("View", "Layout as at first", "reset_layout", ("Ctrl+0",), "Ctrl+0"),
    Shortcut("Traces", "Larger", "larger", ("+", "=", "Up"), "+  or wheel", "traces"),
    Shortcut("Traces", "Smaller", "smaller", ("-", "Down"), "−  or wheel", "traces"),
    Shortcut("Traces", "Automatic gain", "rescale", ("A",), "A", "traces"),
    Shortcut("Traces", "Shorter page", "shorter", ("[",), "[  or Ctrl+wheel", "traces"),
    Shortcut("Traces", "Longer page", "longer", ("]",), "]  or Ctrl+wheel", "traces"),
    Shortcut("Traces", "Previous channels", "previous_channels", ("PgUp",), "Page Up", "traces"),
    Shortcut("Traces", "Next channels", "next_channels", ("PgDown",), "Page Down", "traces"),
    Shortcut("Traces", "All channels at once", "all_channels", ("0",), "0", "traces"),
    Shortcut("Traces", "Next group of channels", "next_group", ("G",), "G", "traces"),
    Shortcut("Traces", "Sweep or scroll", "sweep", ("W",), "W", "traces"),
    Shortcut("Traces", "Next display filter", "next_filter", ("X",), "X", "traces"),
    Shortcut("Traces", "Pause", "freeze", ("Space",), "Space", "traces"),
    Shortcut("Traces", "Look back", "back", ("Left",), "←", "traces"),
    Shortcut("Traces", "Look forward", "forward", ("Right",), "→", "traces"),
    Shortcut("Traces", "Far back", "far_back", ("Ctrl+Shift+Left",), "Ctrl+Shift+←", "traces"),
    Shortcut("Traces", "Far forward", "far_forward", ("Ctrl+Shift+Right",), "Ctrl+Shift+→", "traces"),
    Shortcut("Traces", "To the beginning", "to_start", ("Home",), "Home", "traces"),
    Shortcut("Traces", "Back to now", "to_live", ("End",), "End", "traces"),
    Shortcut("Signal", "Next view of the signal", "next_tab", ("S",), "S", "signal"),
    Shortcut("Signal", "Next channel", "next_channel", ("Shift+PgDown",), "Shift+Page Down", "signal"),
    Shortcut("Signal", "Previous channel", "previous_channel", ("Shift+PgUp",), "Shift+Page Up", "signal"),
    Shortcut("Decoder", "Next decoder", "next_decoder", ("D",), "D"),
    Shortcut("Decoder", "Longer or shorter timeline", "next_span", ("T",), "T", "decisions"),
    Shortcut("Decoder", "Count trials or windows", "trials_or_windows", ("E",), "E", "decisions"),
    Shortcut("Decoder", "Other page of the decisions", "turn_page", ("V",), "V", "decisions"),
    Shortcut("Decoder", "Put this decoder in charge", "take_charge", ("Ctrl+D",), "Ctrl+D"),
    Shortcut("Decoder", "Restart this decoder…", "restart_decoder", ("Ctrl+R",), "Ctrl+R"),
    Shortcut("Help", "Shortcuts", "help", ("H", "F1"), "H"),
)
