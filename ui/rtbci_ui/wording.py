"""Numbers as an experimenter reads them: units, thin rounding, and a dash where nothing is known."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from rtbci_ui.status import DecoderStatus, RecordingStatus

UNKNOWN = "–"


def age_ms(seconds: float | None) -> str:
    """An age: milliseconds below a second, then seconds, then minutes."""
    if seconds is None or math.isnan(seconds):
        return UNKNOWN
    if abs(seconds) < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return duration(seconds)


def milliseconds(value: float | None) -> str:
    """A measured delay, given in ms: one decimal below 100 ms."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:.1f} ms" if abs(value) < 100.0 else f"{value:.0f} ms"


def duration(seconds: float | None) -> str:
    """m:ss, or h:mm:ss from one hour on."""
    if seconds is None:
        return UNKNOWN
    whole = timedelta(seconds=int(max(seconds, 0.0)))
    minutes, second = divmod(int(whole.total_seconds()), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def size(n_bytes: int | None) -> str:
    """Bytes in decimal units."""
    if n_bytes is None:
        return UNKNOWN
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000.0
    return f"{value:.2f} TB"


def count(value: int | None) -> str:
    """A whole number with thin spaces between thousands."""
    return UNKNOWN if value is None else f"{value:,}".replace(",", " ")


def hertz(value: float | None) -> str:
    """A sampling rate: two decimals, none where it is whole."""
    if value is None:
        return UNKNOWN
    return f"{value:.2f}".removesuffix(".00") + " Hz"


def probability(value: float) -> str:
    """A probability with two decimals and no zero before the point."""
    return "1.0" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def share(value: float) -> str:
    """A share such as an accuracy: as `probability`, but never all or nothing where it is not quite that."""
    if 0.995 <= value < 1.0:
        return f"{math.floor(1000.0 * value + 1e-9) / 1000.0:.3f}".removeprefix("0")
    if 0.0 < value < 0.01:
        return f"{value:.3f}".removeprefix("0") if value >= 0.001 else "<.001"
    return probability(value)


def accuracy(decoder: DecoderStatus) -> str:
    """Trial accuracy beside the number of trials and the chance level; never a percentage without its ground."""
    if decoder.trials == 0 or decoder.trial_accuracy is None:
        return "no trials yet"
    right = round(decoder.trial_accuracy * decoder.trials)
    chance = UNKNOWN if decoder.chance is None else share(decoder.chance)
    noun = "trial" if decoder.trials == 1 else "trials"
    return f"{right} of {decoder.trials} {noun}, {share(decoder.trial_accuracy)}, chance {chance}"


def worker(decoder: DecoderStatus, ended: bool) -> str:
    """The state of a decoder's worker; one that was restarted says so for the rest of the session."""
    if ended:
        return "ended"
    return f"{decoder.state}, restarted {decoder.restarts}×" if decoder.restarts else decoder.state


def recording(status: RecordingStatus) -> str:
    """The recording's state with its duration and size, or the problem that stopped it."""
    if status.state == "off":
        return "off: nothing is kept"
    kept = f"{duration(status.seconds)}, {size(status.bytes)}"
    if status.state == "stopped":
        return f"STOPPED after {kept}" + (f": {status.problem}" if status.problem else "")
    return kept if status.state == "recording" else f"{status.state} {kept}"


def value_in(value: float, unit: str) -> str:
    """A scale's value with its unit, "uV" written as people write it."""
    shown = {"uV": "µV"}.get(unit, unit)
    if value >= 1000.0 and unit in ("fT", "fT/cm", "uV"):
        larger = {"fT": "pT", "fT/cm": "pT/cm", "uV": "mV"}[unit]
        return f"{value / 1000.0:g} {larger}"
    return f"{value:g} {shown}".strip()


NOT_KNOWN = "unknown"
"""A figure that cannot be had; it is never shown as 0."""
MARKS = {"good": "✓", "warning": "▲", "alarm": "✖"}
"""A mood for whoever cannot tell its colour."""


def percent(value: float | None) -> str:
    """A load."""
    return NOT_KNOWN if value is None else f"{value:.0f} %"


def megabytes(value: float | None) -> str:
    """A size that is given in megabytes."""
    return NOT_KNOWN if value is None else size(round(value * 1e6))


def clock_offset(milliseconds: float | None) -> str:
    """By how much two clocks differ: they count from when their machines were started, which may be weeks apart."""
    if milliseconds is None or math.isnan(milliseconds):
        return NOT_KNOWN
    return f"{milliseconds:+.2f} ms" if abs(milliseconds) < 1000.0 else f"{milliseconds / 1000.0:+.1f} s"


def roughly(seconds: float) -> str:
    """A time to come that is an estimate."""
    for least, unit, name in ((172_800.0, 86_400.0, "d"), (3600.0, 3600.0, "h"), (60.0, 60.0, "min")):
        if seconds >= least:
            return f"≈ {seconds / unit:.{0 if seconds >= 10.0 * unit else 1}f} {name}"
    return f"≈ {seconds:.0f} s"


def time_of_day(wall: float) -> str:
    """Local time of ``wall``, seconds since 1970."""
    return datetime.fromtimestamp(wall).strftime("%H:%M:%S")
