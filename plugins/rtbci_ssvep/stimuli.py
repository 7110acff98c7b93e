"""Which class flickers at which frequency: what an experiment file says, checked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError

_RIGHT = "it must be a list of frequencies in Hz in the order of the classes, such as [13.0, 17.0, 21.0]"


@dataclass(frozen=True, slots=True)
class Stimuli:
    """Frequencies in the order of the classes.

    ``given`` : Hz of each class; 0 for the one that looks at nothing that flickers (rest, idle). Classes beyond the list's
    end have none either, and one class in all may be without.
    """

    given: tuple[float, ...]

    @property
    def frequencies(self) -> tuple[float, ...]:
        """The frequencies that there are, in Hz."""
        return tuple(frequency for frequency in self.given if frequency > 0)

    def columns(self, n_classes: int) -> NDArray[np.int64]:
        """For each class (n_classes,) the position of its frequency in `frequencies`, -1 for the one without.

        Raises DecoderError where the list does not fit the classes.
        """
        shown = list(self.given)
        if len(shown) > n_classes:
            raise DecoderError(
                f"frequencies = {shown}: {len(shown)} for {n_classes} classes; one for each class would be right"
            )
        padded = [*shown, *[0.0] * (n_classes - len(shown))]
        without = padded.count(0.0)
        if without > 1:
            raise DecoderError(
                f"frequencies = {shown}: {without} of {n_classes} classes are without a frequency and could not be told "
                "apart; at most one (rest) may be"
            )
        order = iter(range(n_classes))
        return np.array([next(order) if frequency > 0 else -1 for frequency in padded], np.int64)


def stimuli(value: object, *, distinct: bool) -> Stimuli:
    """The argument ``frequencies``. Raises DecoderError; ``distinct``: two of the same frequency are refused too."""
    if not isinstance(value, (list, tuple)) or not all(_is_number(item) and item >= 0 for item in value):
        raise DecoderError(f"frequencies = {_shown(value)}: {_RIGHT}")
    found = Stimuli(tuple(float(item) for item in value))
    if not found.frequencies:
        raise DecoderError(f"frequencies = {_shown(value)}: none above 0; {_RIGHT}")
    if distinct and len(set(found.frequencies)) < len(found.frequencies):
        raise DecoderError(f"frequencies = {_shown(value)}: two classes with the same one cannot be told apart here")
    return found


def whole(key: str, value: object) -> int:
    """``value`` if it is a whole number of 1 or more. Raises DecoderError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DecoderError(f"{key} = {_shown(value)}: it must be a whole number, 1 or more")
    return value


def yes_or_no(key: str, value: object) -> bool:
    """``value`` if it is true or false. Raises DecoderError."""
    if isinstance(value, bool):
        return value
    raise DecoderError(f"{key} = {_shown(value)}: it must be true or false")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)
