r"""What a decoder has learnt while it ran, as a file: a worker that is restarted goes on with it.

One line of JSON, then the decoder's arrays as a model file holds them (`rtbci.weights`)::

    {"adapted": 12, "sha256": "..."}\n<bytes>

It replaces the one before it whole, so that whoever is killed at any instant leaves the old or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from rtbci.errors import DecoderError, DeviceLost, ModelError
from rtbci.interfaces import Decoder
from rtbci.weights import from_bytes, to_bytes


def kept_for(session: Path, decoder: str, origin: int) -> Path:
    """Where the folder of a ``session`` keeps what ``decoder`` knew when it began anew at sample ``origin``."""
    return session / "decisions" / f"{decoder}.{origin}.learnt"


def write(path: Path, decoder: Decoder, adapted: int) -> None:
    """Write what ``decoder`` knows after ``adapted`` trials.

    Raises
    ------
    ModelError
        When it cannot be told without pickle.
    OSError
        When the file cannot be written.
    """
    data = to_bytes(decoder, str(path))
    head = json.dumps({"adapted": adapted, "sha256": hashlib.sha256(data).hexdigest()})
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(head.encode() + b"\n" + data)
    scratch.replace(path)


def read(path: Path, decoder: Decoder) -> int:
    """Let ``decoder`` know what `write` wrote; from how many trials that is.

    Raises
    ------
    ModelError
        When the file cannot be read, is damaged, or is not of such a decoder; the decoder is then to be made anew.
    """
    try:
        head, _, data = path.read_bytes().partition(b"\n")
        fields = json.loads(head)
        adapted, digest = int(fields["adapted"]), fields["sha256"]
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error!r})") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelError(f"{path} is damaged (its SHA-256 is not the one it was written with)")
    try:
        from_bytes(decoder, data, str(path))
    except DeviceLost:
        raise
    except DecoderError as error:
        raise ModelError(f"{path}: {error}") from error
    return adapted
