"""What comes of verifying a session: counts, and the first few differences in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHOWN = 5
"""Differences that are spelt out, per decoder; all are counted."""


@dataclass(slots=True)
class DecoderVerdict:
    """What came of comparing one decoder's decisions."""

    compared: int = 0
    equal: int = 0
    skipped: int = 0
    missing: int = 0
    unrecorded: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def different(self) -> int:
        """Decisions that the second run made otherwise, or did not make at all."""
        return self.compared - self.equal

    def as_json(self) -> dict[str, Any]:
        """Counts and the first few differences."""
        return {
            "compared": self.compared,
            "equal": self.equal,
            "different": self.different,
            "skipped": self.skipped,
            "missing": self.missing,
            "unrecorded": self.unrecorded,
            "examples": self.examples,
        }


@dataclass(slots=True)
class Verdict:
    """What came of verifying a session."""

    session: Path
    decoders: dict[str, DecoderVerdict]

    def total(self, what: str) -> int:
        """Sum of one count over the decoders."""
        return sum(int(getattr(verdict, what)) for verdict in self.decoders.values())

    def as_json(self) -> dict[str, Any]:
        """The verdict as one JSON object."""
        counts = {what: self.total(what) for what in ("compared", "equal", "different", "skipped", "unrecorded")}
        decoders = {name: verdict.as_json() for name, verdict in self.decoders.items()}
        return {"session": str(self.session), **counts, "decoders": decoders}
