"""Balanced orders, as functions of a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
MOST_IN_A_ROW = 3
"""Of one class: longer runs invite guessing what comes next."""
_TRIES = 2000


def balanced(n_classes: int, each: int, rng: np.random.Generator, most: int = MOST_IN_A_ROW) -> list[int]:
    """``each`` of every class 0 … ``n_classes`` - 1 in random order, at most ``most`` of one in a row.

    Drawn anew until it holds; with one class, or where luck fails, the order with the shortest run.
    """
    numbers = np.repeat(np.arange(n_classes), each)
    best: list[int] = []
    shortest = len(numbers) + 1
    for _ in range(_TRIES if n_classes > 1 else 1):
        order = rng.permutation(numbers).tolist()
        run = longest_run(order)
        if run < shortest:
            best, shortest = order, run
        if shortest <= most:
            break
    return best


def longest_run(order: Sequence[object]) -> int:
    """Length of the longest stretch of equal neighbours."""
    longest = run = 0
    before: object = None
    for item in order:
        run = run + 1 if run and item == before else 1
        longest, before = max(longest, run), item
    return longest


def repeats(items: Sequence[T], times: int, rng: np.random.Generator) -> list[T]:
    """All ``items`` in random order, ``times`` over; the last of one round is never the first of the next."""
    order: list[int] = []
    for _ in range(times):
        round_ = rng.permutation(len(items)).tolist()
        if order and len(items) > 1 and round_[0] == order[-1]:
            other = int(rng.integers(1, len(items)))
            round_[0], round_[other] = round_[other], round_[0]
        order += round_
    return [items[k] for k in order]
