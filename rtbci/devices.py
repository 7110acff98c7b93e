"""What is asked of a decoder that may run on a GPU (`rtbci.interfaces.UsesDevice`), with plain answers for every other one.

Such a decoder is known by its ``use_device``: its ``runs_on`` need not be there before it was prepared, and many a decoder
calls something else its tolerance.
"""

from __future__ import annotations

import math

from rtbci.asking import blamed_on, name_of
from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder

CPU = "cpu"
"""What `use_device` takes everywhere, and what the words for it begin with."""


def uses_device(decoder: object) -> bool:
    """Whether ``decoder`` may run on a GPU."""
    return callable(getattr(decoder, "use_device", None))


def device_of(decoder: object) -> str | None:
    """What a prepared ``decoder`` runs on, in its own words; None where it knows no devices."""
    device = getattr(decoder, "runs_on", None) if uses_device(decoder) else None
    return None if device is None else str(device)


def tolerance_of(decoder: Decoder | None) -> float:
    """How far the log-probabilities of ``decoder`` may differ in batches or on another device; 0: not by a bit.

    Raises
    ------
    DecoderError
        When it uses devices and does not say.
    """
    if decoder is None or not uses_device(decoder):
        return 0.0
    said: object = getattr(decoder, "tolerance", None)
    if isinstance(said, int | float) and not isinstance(said, bool) and 0.0 <= said < math.inf:
        return float(said)
    raise DecoderError(f"{name_of(decoder)}.tolerance is {said!r}; a number such as 1e-4, or 0.0, would be right")


def use_device(decoder: Decoder, device: str) -> None:
    """Let ``decoder`` run on ``device`` from its next ``prepare`` on, where it uses one at all.

    Raises
    ------
    DecoderError
        When it raises something.
    """
    if uses_device(decoder):
        with blamed_on(f"{name_of(decoder)}.use_device"):
            decoder.use_device(device)  # type: ignore[attr-defined]


def is_cpu(device: str | None) -> bool:
    """Whether a decoder's words for its device mean the processor: "cpu, 1 thread"."""
    return device is not None and device.lower().startswith(CPU)


def shown(tolerance: float) -> str:
    """``tolerance`` as people write it: "1e-4"."""
    mantissa, exponent = f"{tolerance:.3e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}" if tolerance else "0"
