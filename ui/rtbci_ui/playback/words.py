"""Replay in words: places, speeds, and what each fault does."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtbci_ui import wording
from rtbci_ui.playback.model import LoopDraft, Playback

SPEEDS: tuple[tuple[str, float | None], ...] = (
    ("0.5", 0.5), ("1", 1.0), ("2", 2.0), ("4", 4.0), ("8", 8.0), ("max", None),
)  # fmt: skip


LONGEST_NAME = 36


@dataclass(frozen=True, slots=True)
class FaultWords:
    """A fault for people: what happens, the unit of its value, what is counted."""

    text: str
    unit: str
    counted: str


FAULTS = {
    "drop": FaultWords("Lose samples", "share, in packets of 40 ms", "samples"),
    "nan": FaultWords("Samples that are no numbers", "share of packets, one channel", "samples"),
    "dead": FaultWords("Dead channels", "names, such as C3,Cz", "samples"),
    "jitter": FaultWords("Jitter of time stamps", "s, at most", "samples"),
    "drift": FaultWords("Drift of the clock", "ppm", "samples"),
    "late-markers": FaultWords("Late markers", "s", "markers"),
    "lost-markers": FaultWords("Lost markers", "share", "markers"),
    "disconnect": FaultWords("Disconnect once", "s away", "times"),
}
"""What is known of the faults that a session may name."""


def fault_words(name: str) -> FaultWords:
    """What is to be said of fault ``name``, also of one that is new."""
    return FAULTS.get(name, FaultWords(name.replace("-", " ").capitalize(), "", "times"))


def struck(name: str, count: int) -> str:
    """How often fault ``name`` has struck; "" where it has not."""
    counted = fault_words(name).counted
    if not count:
        return ""
    return f"struck {wording.count(count)} {counted.removesuffix('s') if count == 1 else counted}"


def place(seconds: float, whole: bool = False) -> str:
    """A place in a recording: m:ss.s, or m:ss; from one hour on h:mm:ss."""
    seconds = max(0.0, seconds)
    tenths = int(seconds * 10.0 + 1e-6)  # cut, not rounded: a clock does not show a second that has not begun
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{tenths // 10:02d}"
    return f"{minutes}:{tenths // 10:02d}" + ("" if whole else f".{tenths % 10}")


def title(playback: Playback) -> str:
    """What this is, so that nobody takes it for what it is not."""
    if playback.live:
        return "REHEARSAL – a live stream with faults"
    name = playback.file
    if len(name) > LONGEST_NAME:  # both ends tell recordings apart
        name = f"{name[: LONGEST_NAME // 2]}…{name[-LONGEST_NAME // 2 + 1 :]}"
    return f"REPLAY of {name} – not live"


def speed(playback: Playback) -> str:
    """How fast it goes, or that it stands."""
    if playback.paused:
        return "at the end" if playback.ended else "paused"
    return f"{playback.rate:.0f}× now" if playback.speed is None else f"{playback.speed:g}×"


def next_speed(factor: float | None, by: int) -> list[float | None]:
    """The speed of the buttons above (``by`` 1) or below (-1) ``factor``, or none; any number is below "max"."""
    order = [math.inf if one is None else one for _, one in SPEEDS]
    now = math.inf if factor is None else factor
    others = [one for one in order if (one > now if by > 0 else one < now)]
    found = others[:1] if by > 0 else others[-1:]
    return [None if one == math.inf else one for one in found]


def loop(playback: Playback, draft: LoopDraft) -> str:
    """What the button of the loop says."""
    if playback.loop is not None:
        return f"Loop {place(playback.loop[0], True)}–{place(playback.loop[1], True)} ×"
    return "Loop from here" if draft.begun is None else f"Loop {place(draft.begun, True)} to here"


def faults(playback: Playback) -> str:
    """What the button of the faults says."""
    on = playback.on
    if not on:
        return "Faults…"
    return f"{len(on)} fault{'s' if len(on) > 1 else ''} on…"
