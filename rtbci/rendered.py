"""A picture that a renderer drew, as it travels: one file that is replaced, so that readers see the newest or the last."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import RecordingError


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A drawn picture, and of what.

    Attributes
    ----------
    pixels : (height, width, 3) uint8 RGB.
    decoder, renderer : names.
    start, stop, signal_time : of the newest window whose evidence was drawn, as in its `rtbci.types.Retrieved`.
    asked_time, ready_time : seconds of the LSL clock when the renderer took the request, and when the picture was drawn.
    caption : in words, where the renderer has some.
    number : pictures drawn so far; ``overtaken``: requests that were given up for a newer one.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    decoder: str
    renderer: str
    start: int
    stop: int
    signal_time: float
    asked_time: float
    ready_time: float
    caption: str = ""
    number: int = 0
    overtaken: int = 0


def write(path: Path, picture: Rendered) -> None:
    """Replace what is at ``path``."""
    head = {name: value for name, value in asdict(picture).items() if name != "pixels"}
    height, width, _ = picture.pixels.shape
    line = json.dumps({**head, "height": height, "width": width}).encode() + b"\n"
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(line + np.ascontiguousarray(picture.pixels, np.uint8).tobytes())
    scratch.replace(path)


def read(path: Path) -> Rendered | None:
    """The newest picture at ``path``, or None while there is none. Raises RecordingError for a file that is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    line, _, rest = data.partition(b"\n")
    try:
        head = json.loads(line)
        shape = head.pop("height"), head.pop("width"), 3
        return Rendered(pixels=np.frombuffer(rest, np.uint8).reshape(shape), **head)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{path} is no picture that a renderer drew ({error!r})") from error
