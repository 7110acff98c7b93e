"""Constructor arguments come from an experiment file: wrong ones are refused in that file's words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from rtbci.errors import DecoderError

ESTIMATORS = ("oas", "lwf", "scm", "cov")
"""Covariance estimators, by pyRiemann's names."""
METRICS = ("riemann", "logeuclid", "euclid")
"""Metrics of the space of covariance matrices, by pyRiemann's names."""
LOGARITHMS = ("auto", "eigh", "chebyshev")
"""How logarithms of matrices are computed: `rtbci_riemann.logarithm.condition_for`."""
COUNTED = ("trials", "windows")
"""What a class mean is taken to be a mean of when it moves towards a new trial."""


def one_of(key: str, value: object, allowed: Sequence[str]) -> str:
    """``value`` if it is one of ``allowed``. Raises DecoderError."""
    if isinstance(value, str) and value in allowed:
        return value
    listed = ", ".join(f'"{name}"' for name in allowed)
    raise DecoderError(f"{key} = {_shown(value)}: not known; it must be one of {listed}")


def number(
    key: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> float:
    """``value`` as a finite float within its bounds. Raises DecoderError."""
    bound = "a number" if above is None and at_least is None else ""
    bound = bound or (f"a number above {above:g}" if above is not None else f"a number, {at_least:g} or more")
    bound += "" if at_most is None else f", {at_most:g} at most"
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if good:
        assert isinstance(value, (int, float))
        high_enough = (above is None or value > above) and (at_least is None or value >= at_least)
        if high_enough and (at_most is None or value <= at_most):
            return float(value)
    raise DecoderError(f"{key} = {_shown(value)}: it must be {bound}")


def yes_or_no(key: str, value: object) -> bool:
    """``value`` if it is true or false. Raises DecoderError."""
    if isinstance(value, bool):
        return value
    raise DecoderError(f"{key} = {_shown(value)}: it must be true or false")


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)
