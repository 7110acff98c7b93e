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

from rtbci.kernels.evidence import accumulate

LogProbs = NDArray[np.float64]
"""``(n_classes,)`` or ``(n_windows, n_classes)`` float64, natural logarithms."""


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
        self._state = np.array([1.0, -1.0, 0.0])  # see rtbci.kernels.evidence

    def go_on_from(self, posterior: LogProbs) -> None:
        """Have accumulated what led to ``posterior`` (n_classes,), natural logarithms, in another run.

        What classes share drops out of a posterior, so that one accumulates as what it came from would. For how long a class
        has been above the threshold is not known from it, and stays as it is.
        """
        self._sum[:] = posterior

    def add(self, log_probs: LogProbs, fresh: int) -> tuple[LogProbs, int]:
        """Take one window's ``log_probs`` (n_classes,), of whose samples ``fresh`` are new.

        Returns
        -------
        posterior : (n_classes,) float64, natural logarithms.
        answer : the class that is claimed, or -1 while nothing is.
        """
        posteriors, answers = self.add_many(log_probs[None], np.array([fresh], np.int64))
        return posteriors[0], int(answers[0])

    def add_many(self, log_probs: LogProbs, fresh: NDArray[np.int64]) -> tuple[LogProbs, NDArray[np.int64]]:
        """Take ``log_probs`` (n, n_classes) of windows in their order, of whose samples ``fresh`` (n,) are new.

        Returns
        -------
        posteriors : (n, n_classes) float64, natural logarithms, after each window; the bits that `add` gives one by one.
        answers : (n,) int64, the class that is claimed after each, or -1 while nothing is.
        """
        posteriors = np.empty(log_probs.shape)
        answers = np.empty(len(log_probs), np.int64)
        accumulate(
            self._sum,
            self._state,
            np.ascontiguousarray(log_probs, np.float64),
            fresh,
            self.hop,
            self.length,
            self.rate,
            self.threshold,
            self.dwell,
            self.time_constant,
            posteriors,
            answers,
        )
        return posteriors, answers
