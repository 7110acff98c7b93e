"""What `rtbci check` found, and what may be started on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONG = 110
"""Characters that a reason may have before only its first part is given."""
MARKS = {"fits": "✓", "differs": "✗", "note": "·"}


@dataclass(frozen=True, slots=True)
class Line:
    """One finding: "fits", "differs" or "note", what it is about, and the words, with the name of the decoder."""

    verdict: str
    about: str
    text: str

    @property
    def mark(self) -> str:
        """The sign that stands before it."""
        return MARKS.get(self.verdict, "·")


@dataclass(frozen=True, slots=True)
class Check:
    """What a check said; ``problem`` is why it could not be made, ``stream`` name, type and source id of the one to take."""

    lines: tuple[Line, ...] = ()
    problem: str = ""
    stream: tuple[str, str, str] | None = None

    @property
    def differs(self) -> tuple[Line, ...]:
        """What the session would refuse."""
        return tuple(line for line in self.lines if line.verdict == "differs")

    def refusal(self, *, model: bool) -> str:
        """Why a session cannot be started, "" where it can; without a ``model`` only the stream counts: it records."""
        if self.problem:
            return self.problem
        counting = [line for line in self.differs if model or line.about == "stream"]
        if not counting:
            return ""
        more = f" (and {len(counting) - 1} more)" if len(counting) > 1 else ""
        text = counting[0].text  # whole, it stands in the list above
        return (text.split("; ")[0] if len(text) > LONG else text) + more


def read_check(code: int, result: Mapping[str, Any] | None, complaint: str) -> Check:
    """Read what `rtbci check --json` printed; ``complaint`` is the last line of its stderr."""
    if result is None or "findings" not in result:
        told = str(
            (result or {}).get("error") or complaint or f"rtbci check ended with exit code {code} and said nothing"
        )
        return Check(problem=told)
    lines = []
    for finding in result["findings"]:
        whose = f"{finding['decoder']}: " if finding.get("decoder") else ""
        lines.append(Line(str(finding["verdict"]), str(finding["about"]), whose + str(finding["text"])))
    found = result.get("stream")
    stream = (str(found["name"]), str(found["type"]), str(found["source_id"])) if isinstance(found, Mapping) else None
    return Check(tuple(lines), stream=stream)
