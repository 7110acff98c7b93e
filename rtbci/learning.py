"""Supervised adaptation: a decoder learns from labelled trials while it runs, at places that a second run finds again.

A trial is learnt from *before* the first window is decided that ends after the trial did, never earlier, and trials in
the order in which they became complete::

    trial    [-------------------)
    windows     |-----|                          decided before it was learnt from
                         |-----|                 the trial's last window: the same
                           |-----|              ends later: first the trial is learnt from, then this is decided

What is learnt from are the windows of the trial that were decided, cut anew from the ring. Live, a marker may come so late
that more windows were decided before; each decision therefore says how many trials had been learnt from, and a second run
that is told this number learns where the first one did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from rtbci.asking import blamed_on, name_of
from rtbci.errors import DecoderError
from rtbci.interfaces import Adapts, Decoder, Saves
from rtbci.trials import Gathered
from rtbci.types import Decision, Samples

Decided = Gathered[tuple[Decision, int]]
Named = tuple[float, str]
"""What tells a trial from others: time and label of its marker."""
D = TypeVar("D", bound=Decoder)


def require_adapts(decoder: D) -> D:
    """``decoder``, if it can learn while it runs and what it learnt can be kept. Raises DecoderError otherwise."""
    missing = [
        name
        for name, protocol in (("adapt(windows, label)", Adapts), ("arrays() and restore()", Saves))
        if not isinstance(decoder, protocol)
    ]
    if missing:
        raise DecoderError(
            f"{name_of(decoder)} has no {' and no '.join(missing)}; adapt = false, or a decoder that learns while it runs "
            "(rtbci.interfaces.Adapts) and can be saved (Saves), would be right"
        )
    return decoder


class Learner:
    """Lets one decoder learn from the trials of one pipeline.

    Parameters
    ----------
    decoder : one that `require_adapts` lets pass.
    recut : gives the samples (n_windows, n_channels, n_samples) float32 of the windows that begin at the given absolute
        indices and are still there.

    Attributes
    ----------
    learnt : trials learnt from so far, those of an earlier run that the decoder's state comes from included.
    order : trials as a first run learnt from them, where one is repeated; others come after them.
    """

    def __init__(self, decoder: Decoder, recut: Callable[[Sequence[int]], Samples]) -> None:
        self._name = name_of(decoder)
        self._decoder = require_adapts(decoder)
        self._recut = recut
        self._waiting: list[Decided] = []
        self.learnt = 0
        self.order: Sequence[Named] = ()

    def add(self, trial: Decided) -> None:
        """``trial`` is complete."""
        self._waiting.append(trial)

    def learn(self, stop: int, learnt: int | None = None) -> None:
        """Learn from the trials that end before a window which stops at sample ``stop``, until ``learnt`` (None: all).

        Raises
        ------
        DecoderError
            When the decoder's ``adapt`` raises something.
        """
        place = {trial: i for i, trial in enumerate(self.order)}
        self._waiting.sort(
            key=lambda t: place.get((t.marker.time, t.marker.label), math.inf)
        )  # stable: else as they came
        while learnt is None or self.learnt < learnt:
            at = next((i for i, trial in enumerate(self._waiting) if trial.last < stop), None)
            if at is None:
                return
            self._learn_from(self._waiting.pop(at))

    def practise(self, start: int) -> None:
        """Learn from the window that begins at sample ``start`` as if it were a trial: the decoder is no good afterwards."""
        self._adapt([start], 0)

    def _learn_from(self, trial: Decided) -> None:
        if self._adapt([decision.start for decision, _ in trial.items], trial.truth):
            self.learnt += 1

    def _adapt(self, starts: Sequence[int], truth: int) -> bool:
        windows = self._recut(starts)
        if not len(windows):
            return False  # a marker so late that the trial's samples are gone
        assert isinstance(self._decoder, Adapts)
        with blamed_on(f"{self._name}.adapt"):
            self._decoder.adapt(windows, truth)
        return True
