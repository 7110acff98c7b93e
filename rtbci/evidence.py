"""Evidence over time: leaky accumulation of overlapping windows, and the rule by which a class is claimed.

Overlapping windows are not independent. A window of 2 s that comes 0.1 s after the last one brings 0.1 s of new signal,
so its log-probabilities count for 0.1/2: ``weight = fresh / length``. Then confidence does not grow with the overlap.

    L_t = L_{t-1} * exp(-fresh / (rate * tau)) + weight * log p_t          posterior = softmax(L_t)

Every window of a run weighs the same, the first one too (it brings more, but one window is not to outvote the rest), so
that a steady signal settles at ``tau / window`` times one window's evidence. Weights follow the samples, not the clock: a
skipped window's share goes to the next one, live and in replay alike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LogProbs = NDArray[np.float64]
"""``(n_classes,)`` float64, natural logarithms."""


def log_softmax(values: LogProbs) -> LogProbs:
    """Normalise log-weights ``(n,)`` to log-probabilities, summing in a fixed order."""
    top = float(values.max())
    total = 0.0
    for value in values:
        total += math.exp(float(value) - top)
    result: LogProbs = values - (top + math.log(total))
    return result


class Evidence:
    """Accumulates the log-probabilities of one decoder's windows and says when a class may be claimed.

    ::

        abstain --posterior > threshold for dwell seconds--> claim k --posterior <= threshold--> abstain
           ^                                                                                        |
           +-------------------------------- reset() (a gap, a new trial) --------------------------+

    Parameters
    ----------
    n_classes : number of classes.
    length : samples in a window.
    hop : samples from one window to the next; ``length`` for windows that stand alone.
    rate : sampling rate of the windows in Hz.
    threshold : posterior above which a class is claimed.
    dwell : seconds for which it must stay above, without a break, before it is claimed.
    time_constant : seconds after which old evidence has decayed to 1/e.
    """

    def __init__(
        self,
        n_classes: int,
        length: int,
        hop: int,
        rate: float,
        *,
        threshold: float = 0.7,
        dwell: float = 0.0,
        time_constant: float = 4.0,
    ) -> None:
        self.n_classes = n_classes
        self.length = length
        self.hop = min(hop, length)
        self.rate = rate
        self.threshold = threshold
        self.dwell = dwell
        self.time_constant = time_constant
        self.reset()

    def fresh_copy(self) -> Evidence:
        """An accumulator of the same settings that has seen nothing."""
        return Evidence(
            self.n_classes,
            self.length,
            self.hop,
            self.rate,
            threshold=self.threshold,
            dwell=self.dwell,
            time_constant=self.time_constant,
        )

    def reset(self) -> None:
        """Forget everything."""
        self._sum: LogProbs = np.zeros(self.n_classes)
        self._empty = True
        self._leader = -1
        self._held = 0.0

    def add(self, log_probs: LogProbs, fresh: int) -> tuple[LogProbs, int]:
        """Take one window's ``log_probs`` (n_classes,), of whose samples ``fresh`` are new.

        Returns
        -------
        posterior : (n_classes,) float64, natural logarithms.
        answer : the class that is claimed, or -1 while nothing is.
        """
        fresh = self.hop if self._empty else min(fresh, self.length)
        seconds = fresh / self.rate
        if not self._empty:
            self._sum *= math.exp(-seconds / self.time_constant)
        self._sum += (fresh / self.length) * log_probs
        posterior = log_softmax(self._sum)
        leader = int(np.argmax(posterior))
        if math.exp(float(posterior[leader])) <= self.threshold:
            self._leader, self._held = -1, 0.0
        elif leader != self._leader:
            self._leader, self._held = leader, 0.0
        else:
            self._held += seconds
        self._empty = False
        # half a sample of slack: dwell is given in seconds, held is a sum of whole hops
        claimed = self._leader >= 0 and self._held + 0.5 / self.rate >= self.dwell
        return posterior, self._leader if claimed else -1
