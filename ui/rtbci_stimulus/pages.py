"""The pages around a run: what is to be done before it, and how it went."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rtbci_stimulus.scene import ACCENT, BRIGHT, DIM, Scene, Shape, Text, page
from rtbci_stimulus.schedule import Schedule

_LINE = 0.055
_WIDTH = 84
"""Characters in a line of the instructions."""


def start_page(title: str, schedule: Schedule, display: str, received: bool, ready: bool, waiting: bool) -> Scene:
    """Instructions, how long it takes, whether the display is synchronised, and whether anybody hears the markers."""
    minutes, seconds = divmod(round(schedule.seconds), 60)
    length = f"{schedule.n_trials} trials, {minutes} min {seconds:02d} s without pauses"
    shapes: list[Shape] = [Text(title, 0.0, -0.38, 0.075, BRIGHT, bold=True)]
    told = [part for line in schedule.instructions.split("\n") for part in textwrap.wrap(line, _WIDTH) or [""]]
    shapes += _lines("\n".join(told), -0.25, 0.042, BRIGHT)
    markers = "Markers are received" if received else "Nobody receives the markers yet"
    details = [length, display[:1].upper() + display[1:], markers, *schedule.notes[:2]]
    if len(schedule.notes) > 2:
        details.append(f"and {len(schedule.notes) - 2} more notes, in the log")
    shapes += _lines("\n".join(details), 0.04, 0.03, DIM)
    if not ready:
        asked = "Loading pictures …"
    else:
        asked = "Waiting for a receiver of the markers …" if waiting else "Space starts"
    shapes.append(Text(asked, 0.0, 0.36, 0.05, ACCENT, bold=True))
    shapes.append(Text("P pauses before the next trial     Esc twice ends", 0.0, 0.43, 0.03, DIM))
    return page(*shapes)


def end_page(title: str, summary: Mapping[str, Any]) -> Scene:
    """Trials, dropped frames and frame intervals."""
    ended = "Done" if summary["completed"] else "Ended early"
    dropped = summary["dropped"]
    lines = [f"{summary['trials']} of {summary['planned_trials']} trials, {summary['markers']} markers"]
    if summary["interval_median_ms"] is not None:
        lines.append(
            f"{dropped} dropped frame{'' if dropped == 1 else 's'} of {summary['frames'] + dropped}; "
            f"frame interval {summary['interval_median_ms']:.2f} ms, p99 {summary['interval_p99_ms']:.2f} ms"
        )
    lines.append(str(summary["display"])[:1].upper() + str(summary["display"])[1:])
    if answers := summary["answers"]:
        right = sum(item["answer"] == item["truth"] for item in answers)
        lines.append(f"{right} of {len(answers)} counts were right")
    shapes: list[Shape] = [
        Text(title, 0.0, -0.3, 0.05, DIM),
        Text(ended, 0.0, -0.2, 0.09, BRIGHT, bold=True),
        *_lines("\n".join(lines), -0.05, 0.036, BRIGHT),
        Text("Thank you. Space closes", 0.0, 0.3, 0.045, ACCENT),
    ]
    return page(*shapes)


def _lines(text: str, top: float, size: float, ink: float | tuple[float, float, float]) -> list[Shape]:
    lines = text.split("\n")
    step = _LINE * size / 0.042
    return [Text(line, 0.0, top + k * step, size, ink) for k, line in enumerate(lines)]
