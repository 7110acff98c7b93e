"""What networks ask of their arguments; whatever is refused is refused in one line that says what would do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count


def require_positive(**values: float) -> None:
    """Raise ValueError for a count below 1, or a rate that is not above 0."""
    for name, value in values.items():
        if isinstance(value, int) and value < 1:
            raise ValueError(f"{name} = {value}; at least 1 would be right")
        if not value > 0:
            raise ValueError(f"{name} = {value}; more than 0 would be right")


def require_probability(**values: float) -> None:
    """Raise ValueError for what cannot be the probability of leaving something out: outside [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} = {value}; a probability from 0 to below 1 would be right")


def frames(n_times: int, length: int, stride: int = 1) -> int:
    """How many positions a filter or pool of ``length`` samples has in ``n_times``; 0 or less where it has none."""
    return (n_times - length) // stride + 1


def frames_left(n_times: int, left: Callable[[int], int], network: str) -> int:
    """``left(n_times)``, the frames that ``network`` makes of a window.

    Raises ValueError where none is left, with the shortest window that leaves one.
    """
    n_frames = left(n_times)
    if n_frames < 1:
        enough = next(n for n in count(max(n_times, 0) + 1) if left(n) >= 1)
        raise ValueError(
            f"n_times = {n_times}: too short for the filters and pools of {network}; {enough} samples or more would do"
        )
    return n_frames
