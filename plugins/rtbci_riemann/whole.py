"""Constructor arguments that count something, refused in the experiment file's words as in `rtbci_riemann.options`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rtbci.errors import DecoderError


def whole(key: str, value: object, least: int = 1) -> int:
    """``value`` if it is a whole number of ``least`` or more. Raises DecoderError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise DecoderError(f"{key} = {_shown(value)}: it must be a whole number, {least} or more")


def whole_numbers(key: str, value: object, least: int = 1) -> tuple[int, ...]:
    """``value`` as ascending distinct whole numbers of ``least`` or more, if it is a list of them. Raises DecoderError."""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value):
        return tuple(sorted({whole(key, item, least) for item in value}))
    raise DecoderError(
        f"{key} = {_shown(value)}: it must be a list of whole numbers, {least} or more, such as [1, 2, 4]"
    )


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)
