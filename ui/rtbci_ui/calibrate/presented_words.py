"""A presentation in words: before it, and how it goes. No Qt here."""

from __future__ import annotations

from collections.abc import Sequence

from rtbci.types import Marker
from rtbci_ui.calibrate.presented import Presented
from rtbci_ui.calibrate.presenting import Outlook
from rtbci_ui.facts import Fact

MOST_LABELS = 8


def headline(outlook: Outlook, presented: Presented | None, running: bool) -> str:
    """The large line."""
    if presented is None:
        return "–" if outlook.problem else outlook.words
    state = {
        "opening": "opening …", "ready": "waits for the space bar", "running": "", "done": "done",
        "ended early": "ended early",
    }[presented.state]  # fmt: skip
    if not running and not presented.over:
        state = "ended without a word"
    return f"{presented.trials} of {presented.planned} trials" + (f" · {state}" if state else "")


def before(outlook: Outlook) -> list[Fact]:
    """What would be presented, and the keys."""
    labels = ", ".join(outlook.classes[:MOST_LABELS])
    if len(outlook.classes) > MOST_LABELS:
        labels += f" and {len(outlook.classes) - MOST_LABELS} more"
    told = [
        Fact("Markers", f"stream “{outlook.stream}”: {labels}"),
        Fact("Length", f"without pauses, on a display of {outlook.rate:.0f} Hz"),
    ]
    return [
        *(told if not outlook.problem else []),
        Fact("Space bar", "starts, and goes on after a pause"),
        Fact("P", "pauses before the next trial"),
        Fact("Esc, Esc", "ends; what was presented until then stays recorded"),
    ]


def during(presented: Presented, markers: Sequence[Marker]) -> list[Fact]:
    """How it goes; ``markers`` are those that the session has heard."""
    rate = f" at {presented.refresh_rate:.1f} Hz" if presented.refresh_rate else ""
    if presented.synchronised is None:
        display = Fact("Display", "is being measured …")
    elif presented.synchronised:
        display = Fact("Display", f"synchronised{rate}", "good")
    else:
        display = Fact("Display", presented.display or "not synchronised to the display", "warning")
    n_heard = heard(presented, markers)
    deaf = presented.markers > 0 and n_heard == 0
    return [
        display,
        Fact("Dropped frames", f"{presented.dropped}", "warning" if presented.dropped else "good"),
        Fact("Markers sent", f"{presented.markers}"),
        Fact(
            "Markers heard",
            f"{n_heard} by the session" + (f": it does not listen to “{presented.stream}”" if deaf else ""),
            "alarm" if deaf else "",
        ),
        *(Fact("Warning", warning, "warning") for warning in presented.warnings),
        *(Fact("Note", note) for note in presented.notes),
    ]


def heard(presented: Presented, markers: Sequence[Marker]) -> int:
    """Markers of the presentation's stream that the session has, since its first."""
    since = presented.first_marker
    if since is None:
        return 0
    return sum(marker.stream == presented.stream and marker.time >= since - 1.0 for marker in markers)
