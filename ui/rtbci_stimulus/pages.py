"""The pages around a run: what is to be done before it, and how it went."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rtbci_stimulus.scene import ACCENT, BRIGHT, DIM, Scene, Shape, Text, page
from rtbci_stimulus.schedule import Schedule

_LARGE, _SMALL = 0.042, 0.03
_INSTRUCTIONS_TOP, _DETAILS_TOP, _DETAILS_BOTTOM = -0.25, 0.04, 0.31
_UNWAITED = 0.05
"""Share of swaps within a refresh that had one: fewer are stamps that came late."""
_WIDTH = 84
"""Characters in a line of the instructions."""


def start_page(
    title: str, schedule: Schedule, display: str, received: bool, ready: bool, waiting: bool, failure: str = ""
) -> Scene:
    """Instructions, how long it takes, whether the display is synchronised, and whether anybody hears the markers.

    ``failure`` is what has gone wrong already, such as a picture that cannot be read, or "".
    """
    minutes, seconds = divmod(round(schedule.seconds), 60)
    length = f"{schedule.n_trials} trials, {minutes} min {seconds:02d} s without pauses"
    shapes: list[Shape] = [Text(title, 0.0, -0.38, 0.075, BRIGHT, bold=True)]
    told = [part for line in schedule.instructions.split("\n") for part in textwrap.wrap(line, _WIDTH) or [""]]
    markers = "Markers are received" if received else "Nobody receives the markers yet"
    details = [length, _sentence(display), markers, *schedule.notes[:2]]
    if len(schedule.notes) > 2:
        details.append(f"and {len(schedule.notes) - 2} more notes, in the log")
    # long instructions push the details down, and where that is not enough they are written smaller
    lowest = _DETAILS_BOTTOM - _pitch(_SMALL) * (len(details) - (not failure))
    tall = _pitch(_LARGE) * (len(told) - 1)
    top = max(_DETAILS_TOP, min(_INSTRUCTIONS_TOP + tall + _pitch(_SMALL), lowest))
    room = top - _pitch(_SMALL) - _INSTRUCTIONS_TOP
    size = _LARGE if tall <= room else _LARGE * room / tall
    shapes += _lines("\n".join(told), _INSTRUCTIONS_TOP, size, BRIGHT)
    shapes += _lines("\n".join(details), top, _SMALL, DIM)
    if failure:
        shapes += _lines(_sentence(failure), top + _pitch(_SMALL) * len(details), _SMALL, ACCENT)
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
    lines.append(_sentence(str(summary["display"])))
    lines += [_sentence(line) for line in troubles(summary)]
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


def troubles(summary: Mapping[str, Any]) -> list[str]:
    """What makes a run worth less than its numbers of trials and markers say, a line each."""
    lines = []
    if summary["synchronised"] and summary["unwaited"] > _UNWAITED * summary["frames"]:
        lines.append(
            f"{summary['unwaited']} swaps did not wait for the display: markers may lie a refresh beside the light"
        )
    if unheard := summary["unheard"]:
        lines.append(f"{unheard} of {summary['markers']} markers were sent while nobody received them")
    if late := summary.get("pictures_late"):
        lines.append(f"{late} picture{'' if late == 1 else 's'} came late, having to be loaded first")
    if failure := summary.get("failure"):
        lines.append(str(failure))
    return lines


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _lines(text: str, top: float, size: float, ink: float | tuple[float, float, float]) -> list[Shape]:
    lines = text.split("\n")
    return [Text(line, 0.0, top + k * _pitch(size), size, ink) for k, line in enumerate(lines)]


def _pitch(size: float) -> float:
    """From one line to the next, of letters of ``size``."""
    return size * 0.055 / 0.042
