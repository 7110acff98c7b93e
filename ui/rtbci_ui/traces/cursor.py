"""What is under the cursor: when, which channel, its value, and the marker or gap there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtbci.types import StreamInfo
from rtbci_ui import scales, wording
from rtbci_ui.picture import Picture


@dataclass(frozen=True, slots=True)
class Reading:
    """``seconds`` since the stream began; ``value`` in ``unit``, unfiltered, or None.

    It is less the running mean where ``less_mean``; a trigger's code is a number, not a level.
    """

    seconds: float
    channel: str
    value: float | None
    unit: str
    less_mean: bool = True
    markers: tuple[str, ...] = ()
    gap: str = ""

    @property
    def lines(self) -> list[str]:
        """As the screen says it."""
        value = wording.UNKNOWN if self.value is None else reading(self.value, self.unit)
        gap = [self.gap] if self.gap else []
        return [scales.precise_label(self.seconds), f"{self.channel}  {value}", *self.markers, *gap]


def reading(value: float, unit: str) -> str:
    """A measured value with three digits or so, its sign and its unit."""
    shown = {"uV": "µV"}.get(unit, unit)
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    return f"{value:+.{digits}f} {shown}".replace("-", "\N{MINUS SIGN}").strip()


def read(
    picture: Picture,
    info: StreamInfo,
    position: float,
    channel: int,
    markers: Iterable[tuple[str, float]],
    reach: float,
) -> Reading:
    """Read ``channel`` at ``position``; ``markers`` are labels and positions, those within ``reach`` positions count."""
    near = tuple(label for label, at in markers if abs(at - position) <= reach)
    gap = ""
    for found in reversed(picture.positions.gaps):
        stop = picture.positions.of(found.index)
        if stop < position:
            break
        if stop - found.missing - 1 < position < stop:
            gap = f"gap of {wording.age_ms(found.missing / info.rate)}, {found.missing} samples missing"
    about = info.channels[channel]
    less_mean = about.kind != "stim"
    value = None if gap else picture.value(position, channel, less_mean=less_mean)
    return Reading(position / info.rate, about.name, value, about.unit, less_mean, near, gap)
