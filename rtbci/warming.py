"""Before the first real window: every compiled kernel and every lazy import is run once, on noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtbci import assemble
from rtbci.assemble import Fitted
from rtbci.config import DecoderConfig, Experiment
from rtbci.types import Marker, Samples, StreamInfo, Times, Window

if TYPE_CHECKING:
    from rtbci.bank.retriever import Index


class _Noise:
    """A source of seeded noise, to run every compiled kernel and every lazy import once before the first real window."""

    def __init__(self, info: StreamInfo, n_samples: int, label: str) -> None:
        self._info = info
        self._left = n_samples
        self._at = 0
        self._label = label
        self._random = np.random.default_rng(0)

    def open(self) -> StreamInfo:
        return self._info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        n = min(self._left, len(samples))
        if n == 0:
            raise EOFError
        samples[:n] = self._random.normal(scale=10.0, size=(n, self._info.n_channels))
        times[:n] = (self._at + np.arange(n)) / self._info.rate
        self._left -= n
        self._at += n
        return n

    def markers(self) -> Sequence[Marker]:
        label, self._label = self._label, ""
        return [Marker(self._at / self._info.rate / 2, label)] if label else []

    def now(self) -> float:
        return self._at / self._info.rate

    def close(self) -> None:
        self._left = 0


def warm_up(
    experiment: Experiment, config: DecoderConfig, fitted: Fitted, info: StreamInfo, index: Index | None = None
) -> Window | None:
    """Decide noise until three windows have been decided; the last of them, or None where a window is too long.

    A decoder that adapts learns from it, and is to be loaded anew. ``index``: where what is seen is looked for.
    """
    label = next(label for labels in experiment.classes.values() for label in labels)
    # enough for one window, wherever a marker in its middle puts it, plus whatever a transform holds back
    reach = 3 * config.window + 2 * abs(config.offset) + 2 * (config.baseline or 0.0) + 1.0
    noise = _Noise(info, int(reach * info.rate) + 64, label)
    model = fitted.model
    pipeline = assemble.make_pipeline(
        experiment, config, noise, info, model.decoder, fitted.channels, calibrated=model.calibrated
    )
    if index is not None:
        assemble.retrieve_in(experiment, index, pipeline, model.rest)
    decided = 0
    last: Window | None = None
    try:
        while decided < 3:
            pipeline.ingest(0.0)
            while (window := pipeline.next_window()) is not None and decided < 3:
                pipeline.decode(window)
                decided += 1
                last = window
    except EOFError:
        pipeline.finished_trials(ended=True)
    if config.adapt:
        pipeline.practise_adapting()
    return last
