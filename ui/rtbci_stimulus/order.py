"""Balanced orders, as functions of a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
MOST_IN_A_ROW = 3
"""Of one class: longer runs invite guessing what comes next."""
_DRAWN = 20_000
"""Numbers that are drawn in all: a window judges settings while they are typed, and 2000 orders of 200 took a second."""


def balanced(n_classes: int, each: int, rng: np.random.Generator, most: int = MOST_IN_A_ROW) -> list[int]:
    """``each`` of every class 0 … ``n_classes`` - 1 in random order, at most ``most`` of one in a row.

    All orders that hold are equally likely where one is found by drawing; where none is, in long runs, one is put together
    trial by trial. With one class there is but one order.
    """
    numbers = np.repeat(np.arange(n_classes), each)
    if n_classes == 1:
        return [0] * each
    for _ in range(_DRAWN // len(numbers) + 1):
        order: list[int] = rng.permutation(numbers).tolist()
        if longest_run(order) <= most:
            return order
    return _one_by_one(n_classes, each, rng, most)


def _one_by_one(n_classes: int, each: int, rng: np.random.Generator, most: int) -> list[int]:
    """Each next one drawn from what is left, among those after which the rest can still be ordered."""
    left = [each] * n_classes
    order: list[int] = []
    run = 0
    while any(left):
        weights = np.array([n * _can_follow(k, left, order[-1:], run, most) for k, n in enumerate(left)], float)
        kind = int(rng.choice(n_classes, p=weights / weights.sum()))
        run = run + 1 if order[-1:] == [kind] else 1
        order.append(kind)
        left[kind] -= 1
    return order


def _can_follow(kind: int, left: Sequence[int], before: list[int], run: int, most: int) -> bool:
    """Whether ``kind`` may come next: its run stays short, and of no class is so much left that it had to come in a row."""
    run = run + 1 if before == [kind] else 1
    after = [n - (k == kind) for k, n in enumerate(left)]
    total = sum(after)
    return run <= most and all(n <= most * (total - n + 1) - run * (k == kind) for k, n in enumerate(after))


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
