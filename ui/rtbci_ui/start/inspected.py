"""What `rtbci info --json` says of a recording, as plain facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtbci_ui.facts import Fact
from rtbci_ui.start.past import Session, ago, cut_short, ended_words


def recording_facts(path: Path, result: Mapping[str, Any] | None, complaint: str) -> list[Fact]:
    """Facts of the recording at ``path``; ``complaint`` is what stderr said where there is no result."""
    told = (result or {}).get("error") or complaint
    if result is None or "streams" not in result:
        return [Fact("Recording", str(path)), Fact("Problem", str(told or "rtbci info said nothing"), "alarm")]
    size = float(result.get("size") or 0.0) / 1e6
    found = [Fact("Recording", str(path)), Fact("Format", f"{result.get('format')}, {size:.1f} MB")]
    for stream in result["streams"]:
        found += _markers(stream) if stream.get("markers") is not None else _signal(stream)
    found += [Fact("Note", str(note), "warning") for note in result.get("notes") or ()]
    return found


def value_in_words(unit: str) -> str:
    """A unit as people write it."""
    return {"uV": "µV", "": "no unit"}.get(unit, unit)


def _signal(stream: Mapping[str, Any]) -> list[Fact]:
    minutes, seconds = divmod(float(stream["duration"]), 60.0)
    rate, effective = float(stream["nominal_rate"]), float(stream["effective_rate"])
    measured = f" (effective {effective:.2f})" if rate and abs(effective / rate - 1.0) > 1e-4 else ""
    shown = ", ".join(stream["channels"][:12]) + (" …" if len(stream["channels"]) > 12 else "")
    units = ", ".join(f"{n} in {value_in_words(unit)}" for unit, n in stream["units"].items())
    gaps, lost = int(stream["gaps"]), float(stream["gap_seconds"])
    found = [
        Fact(
            "Signal", f"{stream['name'] or 'no name'} ({stream['type'] or 'no type'}), {stream['n_channels']} channels"
        ),
        Fact("Rate", f"{rate:g} Hz{measured}" if rate else f"none given, effective {effective:.2f} Hz"),
        Fact("Length", f"{minutes:.0f} min {seconds:.0f} s"),
        Fact("Channels", f"{shown}; {units}"),
        Fact("Gaps", f"{gaps}, {lost:.1f} s" if gaps else "none", "warning" if gaps else ""),
    ]
    return found + [Fact("Note", str(note), "warning") for note in stream.get("notes") or ()]


def _markers(stream: Mapping[str, Any]) -> list[Fact]:
    counts = list(stream["markers"].items())
    shown = ", ".join(f"{label} × {n}" for label, n in counts[:10]) + (
        f" and {len(counts) - 10} more" * (len(counts) > 10)
    )
    return [Fact("Markers", f"{stream['name'] or 'no name'}: {shown or 'none'}")]


def session_facts(session: Session) -> list[Fact]:
    """Facts of a session's folder."""
    found = [
        Fact("Session", str(session.path)),
        Fact("Experiment", session.experiment),
        Fact("Began", ago(session.started)),
    ]
    if session.runs:
        return [*found, Fact("State", "runs now", "good")]
    if session.state == "running":
        return [*found, Fact("State", cut_short(session.path), "warning")]
    return [*found, Fact("State", session.state), Fact("Outcome", ended_words(session.path))]
