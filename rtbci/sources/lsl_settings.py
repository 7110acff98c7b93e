"""Checks of what an experiment file says of an LSL stream: every refusal begins with ``key = value``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rtbci.errors import SourceError
from rtbci.sources.lsl_header import is_known_unit


def check_settings(
    *,
    texts: Mapping[str, object],
    lists: Mapping[str, object],
    seconds: Mapping[str, object],
    flags: Mapping[str, object],
    unit: object,
) -> None:
    """Refuse values that cannot be, whatever their type: they come from a file that a person wrote.

    Raises
    ------
    SourceError
        For the first of them.
    """
    for key, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise SourceError(f"{key} = {text!r}: must be a string")
    for key, names in lists.items():
        if not isinstance(names, list | tuple) or not all(isinstance(each, str) and each for each in names):
            raise SourceError(f"{key} = {names!r}: must be a list of names")
        if len(set(names)) != len(names):
            raise SourceError(f"{key} = {list(names)!r}: every name may stand there once")
    for key, number in seconds.items():
        usable = isinstance(number, int | float) and not isinstance(number, bool)
        if not usable or not 0.0 < float(str(number)) < math.inf:
            raise SourceError(f"{key} = {number!r}: must be seconds greater than 0")
    for key, flag in flags.items():
        if not isinstance(flag, bool):
            raise SourceError(f"{key} = {flag!r}: must be true or false")
    if unit is not None and not (isinstance(unit, str) and is_known_unit(unit)):
        raise SourceError(f'unit = {unit!r}: must be a unit such as "uV", "V", "fT", "T" or "SI"')
