"""Where a decoder began to decide, and on what: so that what it decided from there on can be decided again alike.

A line of JSON for each origin, in the order in which its worker began there::

    {"origin": 0, "device": "cuda:0 (NVIDIA H100)", "exact": true}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rtbci.errors import RecordingError


@dataclass(frozen=True, slots=True)
class Origin:
    """One beginning.

    Attributes
    ----------
    origin : absolute index of the source's sample from which the transforms ran without a break.
    device : what the decoder ran on, in its own words; None for one that knows no devices.
    exact : whether its windows were decided one by one; otherwise some were, in one batch, with those of other decoders.
    """

    origin: int
    device: str | None = None
    exact: bool = True


def kept_for(session: Path, decoder: str) -> Path:
    """Where the folder of a ``session`` keeps the origins of ``decoder``."""
    return session / "decisions" / f"{decoder}.origins.jsonl"


def add(path: Path, origin: Origin) -> None:
    """Write one more line. Raises OSError when that cannot be done."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(origin)) + "\n")


def read(path: Path) -> dict[int, Origin]:
    """What `add` wrote, by sample; nothing for a session of before origins were written.

    Raises
    ------
    RecordingError
        When the file cannot be read, or holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} cannot be read ({error}); the session's own is needed") from error
    found: dict[int, Origin] = {}
    for number, line in enumerate(lines, 1):
        try:
            if line:
                fields = json.loads(line)
                origin = Origin(int(fields["origin"]), fields["device"], bool(fields["exact"]))
                found[origin.origin] = origin
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # the worker was killed in the middle of this line
                break
            raise RecordingError(
                f"{path} line {number}: is not an origin ({error!r}); the file has been changed"
            ) from error
    return found
