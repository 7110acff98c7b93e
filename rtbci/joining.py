"""Which decoders of a worker decide together: those that have a window due at one moment and join in one batch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rtbci.asking import blamed_on, log_probs_joined, log_probs_of, name_of
from rtbci.deciding import Decider
from rtbci.interfaces import Joins
from rtbci.types import Window

Due = tuple[Decider, Window]


class Joining:
    """Knows who joins whom among ``deciders``, whose decoders have been prepared; it is asked once.

    One that adapts is joined by nobody: it learns before it decides, and differs from one window to the next. Nor is one
    that looks in a bank, which needs embeddings.
    """

    def __init__(self, deciders: Sequence[Decider]) -> None:
        pairs = itertools.combinations(deciders, 2)
        self._joined = {(one.name, other.name) for one, other in pairs if _joins(one, other)}

    def is_exact(self, decider: Decider) -> bool:
        """Whether ``decider`` decides all its windows alone."""
        return not any(decider.name in pair for pair in self._joined)

    def groups(self, due: Sequence[Due]) -> Iterator[list[Due]]:
        """The windows that are ``due``, those together that are decided in one batch; in order of the deciders."""
        left = {decider.name: (decider, window) for decider, window in due}
        while left:
            first = next(iter(left))
            yield [left.pop(name) for name in list(left) if name == first or (first, name) in self._joined]


def _joins(one: Decider, other: Decider) -> bool:
    if not isinstance(one.decoder, Joins) or one.config.adapt or other.config.adapt or one.retrieves or other.retrieves:
        return False
    with blamed_on(f"{name_of(one.decoder)}.joins"):
        return bool(one.decoder.joins(other.decoder))


def ask(group: Sequence[Due]) -> list[NDArray[np.float64]]:
    """Log-probabilities (n_classes,) of each window of ``group``, of several in one batch. Raises DecoderError."""
    (first, window), *_ = group
    if len(group) == 1:
        return [log_probs_of(first.decoder, window, first.n_classes)]
    assert isinstance(first.decoder, Joins)
    others = [decider.decoder for decider, _ in group[1:]]
    return log_probs_joined(first.decoder, others, [window for _, window in group], first.n_classes)


def decide(group: Sequence[Due]) -> None:
    """Decide the windows of ``group``, and let the session see it. Raises DecoderError."""
    since = time.monotonic_ns()
    for decider, _ in group:
        decider.busy(since)
    try:
        if len(group) == 1:
            decisions = [decider.pipeline.decode(window) for decider, window in group]
        else:
            fresh = [(decider, decider.pipeline.with_fresh(window)) for decider, window in group]
            decisions = [d.pipeline.conclude(window, said) for (d, window), said in zip(fresh, ask(fresh), strict=True)]
    finally:
        for decider, _ in group:
            decider.busy(0)  # a worker that is dying of an exception does not hang
    for (decider, _), decision in zip(group, decisions, strict=True):
        decider.publish(decision)
