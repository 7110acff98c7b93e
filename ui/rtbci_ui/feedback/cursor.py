"""A ball that the accumulated evidence pulls towards targets; without Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

MOST_TARGETS = 8
"""More targets than this around a circle are too close to each other."""
SMOOTH_SECONDS = 0.12
"""Time constant with which the ball follows: decisions come in steps of a tenth of a second, and look like jumps else."""
_NAMED = {
    "left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, -1.0), "tongue": (0.0, -1.0), "down": (0.0, 1.0),
    "feet": (0.0, 1.0), "foot": (0.0, 1.0),
}  # fmt: skip


def targets(classes: Sequence[str], rest: frozenset[int] = frozenset()) -> Points:
    """Where the target of each class stands, (n_classes, 2) with y downwards, on the unit circle.

    Classes whose names say where (left, right, up, tongue, down, feet) stand there, if all of them do and no two say the
    same; two must be opposite, for the ball needs an axis. Else two stand left and right, and more around the circle,
    clockwise from the left. A class of ``rest`` stands in the middle, where the ball lies when nothing pulls.
    """
    moving = [k for k in range(len(classes)) if k not in rest]
    places = np.zeros((len(classes), 2))
    found = {k: at for k in moving for word, at in _NAMED.items() if word in classes[k].lower()}
    named = len(set(found.values())) == len(moving)
    if named and len(moving) == 2:
        (ax, ay), (bx, by) = found.values()
        named = (ax + bx, ay + by) == (0.0, 0.0)
    for place, k in enumerate(moving):
        angle = math.pi + 2.0 * math.pi * place / len(moving)
        places[k] = found[k] if named else (math.cos(angle), math.sin(angle))
    return np.round(places, 12)


class Cursor:
    """The ball.

    Attributes
    ----------
    position : (2,) float64 in units of the targets' distance from the middle; it never leaves the circle.
    """

    def __init__(self) -> None:
        self.position = np.zeros(2)

    def follow(self, posterior: NDArray[np.float64], places: Points, seconds: float) -> None:
        """Go on for ``seconds`` towards where ``posterior`` (n_classes,) pulls among ``places`` (n_classes, 2).

        That is the mean of the places, weighted by their probabilities: the middle where nothing is known of evenly spread
        targets, a target where its class is certain.
        """
        goal = posterior @ places
        share = -math.expm1(-max(seconds, 0.0) / SMOOTH_SECONDS)
        self.position = self.position + share * (goal - self.position)

    def rest(self) -> None:
        """Back to the middle, as for another decoder."""
        self.position = np.zeros(2)
