"""Which channels of a stream are the impedances of others. No Qt here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rtbci.types import Channel

JUDGED = ("eeg", "mag", "grad", "eog", "ecg", "emg")
"""Kinds of channels that are judged."""
_IMPEDANCE = re.compile(r"(_imp|_impedance| impedance|_z|Z)$")


def impedance_channels(channels: Sequence[Channel]) -> dict[int, int]:
    """Which channel holds the impedance of which: {signal channel: impedance channel}.

    LSL has no field for impedances; amplifiers that stream them send further channels. Those of kind "impedance" or in ohms
    count, or whose name is another channel's with "_imp", "_z", "Z" or "impedance" behind it; one that names no other is not
    given to any.
    """
    by_name = {
        channel.name.lower(): i
        for i, channel in enumerate(channels)
        if channel.kind in JUDGED and ohms(channel) is None
    }
    found: dict[int, int] = {}
    for i, channel in enumerate(channels):
        base = _IMPEDANCE.sub("", channel.name)
        if base == channel.name and ohms(channel) is None:
            continue
        of = by_name.get(base.lower())
        if of is not None and of != i:
            found[of] = i
    return found


def ohms(channel: Channel) -> float | None:
    """Factor from a channel's unit to kOhm, or None where it is no impedance."""
    unit = channel.unit.lower().replace("ω", "ohm").replace("Ω", "ohm").rstrip("s")
    factors = {"kohm": 1.0, "kiloohm": 1.0, "ohm": 1e-3, "mohm": 1e3}
    if unit in factors:
        return factors[unit]
    return 1.0 if channel.kind == "impedance" else None
