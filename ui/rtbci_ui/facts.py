"""A row of title and value, as panels show what is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A title and its value; ``mood`` is "", "good", "warning" or "alarm"."""

    title: str
    value: str
    mood: str = ""
