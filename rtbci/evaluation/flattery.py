"""The same decoder scored as papers often score it, so that the size of the flattery is seen.

What differs from the honest evaluation, and nothing else:

* filters run forwards and backwards over the whole recording (zero phase: every sample has seen the future);
* folds are random over windows, which overlap, so that nearly the same window is in training and test.

Such a score cannot be had live. It is shown beside the honest one only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble, training
from rtbci.asking import log_probs_of
from rtbci.config import DecoderConfig, Experiment
from rtbci.evaluation.nouns import Recorded
from rtbci.interfaces import Source, Transform
from rtbci.pipeline import aligned_empty
from rtbci.training_set import Piece, source_of
from rtbci.types import Marker, Samples, StreamInfo, Times, Window

FOLDS = 5
FILTERS = ("band-pass", "high-pass", "notch")


class ZeroPhaseSource:
    """A recording, held whole, through filters that ran forwards and then backwards over it.

    Filters act on every channel alike, so they may stand before the spatial steps, whatever their order was.
    """

    def __init__(self, source: Source, make_filters: Callable[[], Sequence[Transform]]) -> None:
        self._source = source
        self._make_filters = make_filters
        self._at = 0

    def open(self) -> StreamInfo:
        """Read and filter everything."""
        info = self._source.open()
        rows, times = np.empty((8192, info.n_channels), np.float32), np.empty(8192, np.float64)
        samples: list[Samples] = []
        stamps: list[Times] = []
        self._markers: list[Marker] = []
        while True:
            try:
                n = self._source.read(rows, times, 0.0)
            except EOFError:
                break
            samples.append(rows[:n].copy())
            stamps.append(times[:n].copy())
            self._markers.extend(self._source.markers())
        self._markers.extend(self._source.markers())
        self._times = np.concatenate(stamps)
        self._samples = self._filtered(np.nan_to_num(np.concatenate(samples)), info)
        return info

    def _filtered(self, samples: Samples, info: StreamInfo) -> Samples:
        for _ in range(2):
            for causal in self._make_filters():
                causal.start(info)
                out, _ = causal.transform(samples, self._times)
                samples = np.array(out)
            samples = np.ascontiguousarray(samples[::-1])
        return samples

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """As a recording's source does."""
        n = min(len(samples), len(self._samples) - self._at)
        if n == 0:
            raise EOFError("the recording ends here")
        samples[:n] = self._samples[self._at : self._at + n]
        times[:n] = self._times[self._at : self._at + n]
        self._at += n
        return n

    def markers(self) -> Sequence[Marker]:
        """All at once: nothing here is live."""
        markers, self._markers = self._markers, []
        return markers

    def now(self) -> float:
        """The newest sample's time."""
        return float(self._times[max(0, self._at - 1)])

    def close(self) -> None:
        """Close the recording."""
        self._source.close()


def flattering(
    experiment: Experiment, config: DecoderConfig, recordings: Sequence[Recorded], seed: int = 0
) -> dict[str, Any]:
    """Window and trial accuracy of ``config`` on one subject's ``recordings`` with zero-phase filters and random folds.

    A trial's answer is that of the summed log-probabilities of its windows, which other windows of the same trial have
    trained. Raises what training raises.
    """
    from sklearn.model_selection import StratifiedKFold

    assemble.limit_threads()
    filters = replace(config, transforms=tuple(step for step in config.transforms if step.use in FILTERS))
    rest = replace(config, transforms=tuple(step for step in config.transforms if step.use not in FILTERS))

    def zero_phase(recording: Path) -> Source:
        return ZeroPhaseSource(source_of(experiment, recording), lambda: assemble.make_transforms(experiment, filters))

    pieces = [Piece(one.path, subject=one.subject, session=one.session) for one in recordings]
    data = training.gather(experiment, rest, pieces, open_source=zero_phase).data
    n_classes = len(experiment.classes)
    log_probs = np.zeros((len(data.labels), n_classes))
    n_folds = min(FOLDS, int(np.bincount(data.labels).min()))
    if n_folds < 2:
        return {"window_accuracy": None, "trial_accuracy": None, "windows": len(data.labels), "folds": 0}
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for train, test in folds.split(data.labels, data.labels):
        decoder = assemble.make_decoder(experiment, config)
        training.fit(experiment, config, decoder, data.only(train))
        for i in test:
            log_probs[i] = log_probs_of(decoder, _window(data.windows[i]), n_classes)
    trials = [np.flatnonzero(data.trial == k) for k in range(len(data.moments))]
    right = [log_probs[rows].sum(axis=0).argmax() == data.labels[rows[0]] for rows in trials]
    return {
        "window_accuracy": float((log_probs.argmax(axis=1) == data.labels).mean()),
        "trial_accuracy": float(np.mean(right)),
        "auc": _auc(data.labels, log_probs),
        "windows": len(data.labels),
        "folds": n_folds,
    }


def _window(samples: Samples) -> Window:
    buffer = aligned_empty(samples.shape[1], samples.shape[0])
    buffer[:] = samples.T
    return Window(buffer.T, 0, len(buffer) - 1, 0.0, 0.0, fresh=len(buffer))


def _auc(truth: NDArray[np.int64], log_probs: NDArray[np.float64]) -> float | None:
    from rtbci import metrics

    return metrics.score(truth, log_probs.argmax(axis=1), np.exp(log_probs), log_probs.shape[1], None)["auc"]
