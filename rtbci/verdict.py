"""What comes of verifying a session: counts, and the first few differences in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtbci.devices import shown

SHOWN = 5
"""Differences that are spelt out, per decoder; all are counted."""


@dataclass(slots=True)
class DecoderVerdict:
    """What came of comparing one decoder's decisions.

    Attributes
    ----------
    equal, within : decisions that are equal bit for bit, and others that agree within ``tolerance`` (`rtbci.agreement`).
    tolerance : how far log-probabilities were allowed to differ, at most; 0 where all had to be equal.
    largest : the largest difference of a log-probability among those that were allowed one.
    unrecorded : decisions on samples that are in no part of the recording.
    unsettled : decisions at the beginning of a part that depend on signal from before it, which was not recorded.
    notes : what could not be compared, and why.
    devices, again_on : what it decided on live, in order, and what it decided on again; nothing where it knows no devices.
    """

    compared: int = 0
    equal: int = 0
    within: int = 0
    skipped: int = 0
    missing: int = 0
    unrecorded: int = 0
    unsettled: int = 0
    tolerance: float = 0.0
    largest: float = 0.0
    devices: list[str] = field(default_factory=list)
    again_on: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def different(self) -> int:
        """Decisions that the second run made otherwise, or did not make at all."""
        return self.compared - self.equal - self.within

    def as_json(self) -> dict[str, Any]:
        """Counts and the first few differences."""
        return {
            "compared": self.compared,
            "equal": self.equal,
            "within": self.within,
            "different": self.different,
            "skipped": self.skipped,
            "missing": self.missing,
            "unrecorded": self.unrecorded,
            "unsettled": self.unsettled,
            "tolerance": self.tolerance,
            "largest": self.largest,
            "devices": self.devices,
            "again_on": self.again_on,
            "notes": self.notes,
            "examples": self.examples,
        }

    def as_text(self) -> str:
        """The counts in a line."""
        said = [f"{self.compared} decisions compared", f"{self.equal} equal"]
        if self.tolerance:
            where = f"decided on {', '.join(self.devices)}, verified on {', '.join(self.again_on)}"
            said.append(f"{self.within} within {shown(self.tolerance)}" + (f" ({where})" if self.devices else ""))
        said.append(f"{self.different} different")
        if self.unsettled:
            said.append(f"{self.unsettled} not compared at the beginning of a part, whose past was not recorded")
        return f"{', '.join(said)}, {self.skipped} windows skipped live, {self.unrecorded} beyond the recording"


@dataclass(slots=True)
class Verdict:
    """What came of verifying a session."""

    session: Path
    decoders: dict[str, DecoderVerdict]
    parts: int = 1

    @property
    def proves_nothing(self) -> bool:
        """Whether there were decoders, and not one decision could be compared."""
        return bool(self.decoders) and not self.total("compared")

    def total(self, what: str) -> int:
        """Sum of one count over the decoders."""
        return sum(int(getattr(verdict, what)) for verdict in self.decoders.values())

    def as_json(self) -> dict[str, Any]:
        """The verdict as one JSON object."""
        named = ("compared", "equal", "within", "different", "skipped", "unrecorded", "unsettled")
        counts = {what: self.total(what) for what in named}
        decoders = {name: verdict.as_json() for name, verdict in self.decoders.items()}
        return {"session": str(self.session), "parts": self.parts, **counts, "decoders": decoders}
