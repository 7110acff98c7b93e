"""Regression of the eyes: what the EOG channels predict of each other channel is subtracted, learnt while it runs.

He, Wilson and Russell, Removal of ocular artifacts from electro-encephalogram by adaptive filtering, Med. Biol. Eng. Comput.
42, 2004: recursive least squares with one finite impulse response per reference, here by orthogonal updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtbci.errors import TransformError
from rtbci.kernels.mixing import regress_out
from rtbci.transforms.arguments import check_stream, find_channels, flag, listed, name_list, number, refuse, whole
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.transforms.spatial import BRAIN
from rtbci.transforms.spd import aligned_zeros
from rtbci.types import Samples, StreamInfo, Times

SETTLE_SECONDS = 1.0
"""Signal before the first coefficients are used: a few samples of smooth references fit anything."""
PRIOR = 1e-6
"""Root of the sum of squares (in the references' unit) that the coefficients 0 weigh with at the start."""


class RegressEog:
    """Subtracts from every channel measured on the brain what the EOG channels predict of it, by recursive least squares.

    The coefficients that clean a sample come from the samples before it; the first second passes unchanged. They are of
    departures from running means, so the offsets of electrodes do not enter and the channels keep theirs. Best after a
    high-pass of all channels, and before an average reference, which spreads the eyes over the head. Whatever brain signal
    the EOG channels see is taken off with the eyes.

    A decoder has EOG channels only where a transform asks for them; this one does.

    ``settle_seconds`` is one time constant, or 10 s where that is shorter.

    Parameters
    ----------
    channels : names of the references; empty: all channels of kind "eog".
    forget : weight of a sample in the next one's coefficients, above 0 and at most 1 (1: nothing is forgotten). The time
        constant is 1/(1 - forget) samples: 40 s at 250 Hz for 0.9999, which He et al. used.
    taps : newest samples of each reference that predict, 1 to 16. Volume conduction has no delay, so 1 is right unless
        the channels were filtered differently; He et al. used 3.
    keep : whether the references come out too, unchanged; otherwise they are dropped.
    keep_over_gaps : whether the coefficients outlive missing samples; otherwise they are learnt anew.
    """

    delay_seconds = 0.0

    def __init__(
        self,
        channels: Sequence[str] = (),
        forget: float = 0.9999,
        taps: int = 1,
        keep: bool = False,
        keep_over_gaps: bool = False,
    ) -> None:
        self.channels = name_list("channels", channels)
        self.forget = number("forget", forget, above=0, right="a weight above 0 and at most 1")
        if self.forget > 1:
            raise refuse("forget", forget, "must be at most 1, which forgets nothing")
        self.taps = whole("taps", taps, 1, 16)
        self.keep = flag("keep", keep)
        self.keep_over_gaps = flag("keep_over_gaps", keep_over_gaps)
        self.settle_seconds = 10.0
        self._n_channels = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Look up the channels, allocate and forget all state; say what comes out.

        Raises TransformError when a reference is missing or marked bad, or no channel is left to clean.
        """
        check_stream(info)
        references = find_channels("channels", self.channels, self.channels, info)
        if not self.channels:
            references = [i for i, c in enumerate(info.channels) if c.kind == "eog" and c.name not in info.bads]
            if not references:
                kinds = sorted({c.kind for c in info.channels})
                raise refuse(
                    "channels",
                    [],
                    f'the stream has no good channel of kind "eog", its kinds are {listed(kinds)}; name some',
                )
        bad = [info.names[i] for i in references if info.names[i] in info.bads]
        if bad:
            raise refuse("channels", self.channels, f"{listed(bad)} is marked bad; a reference must be a good channel")
        cleaned = [i for i, c in enumerate(info.channels) if c.kind in BRAIN and i not in references]
        if not cleaned:
            raise TransformError("the stream has no channel measured on the brain beside the references to clean")
        self._n_channels = n = info.n_channels
        self._references = np.array(references, np.int64)
        self._columns = np.array(cleaned, np.int64)
        self._kept = np.array([i for i in range(n) if self.keep or i not in references], np.int64)
        self._drops = len(self._kept) < n
        self._settled = max(1, round(SETTLE_SECONDS * info.rate))
        self.settle_seconds = min(10.0, 1.0 / max(1.0 - self.forget, 1e-9) / info.rate)
        m = len(references) * self.taps
        self._mean, self._lags = aligned_zeros((n,)), aligned_zeros((m,))
        self._root, self._cross = aligned_zeros((m, m)), aligned_zeros((m, len(cleaned)))
        self._peak = aligned_zeros((m,))
        self._coefficients = aligned_zeros((m, len(cleaned)))
        self._all = OutputBuffer(n)
        self._out = OutputBuffer(len(self._kept))
        self._primed, self._count = False, 0
        self._forget()
        channels = tuple(info.channels[i] for i in self._kept)
        return replace(info, channels=channels, bads=info.bads & {c.name for c in channels})

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Clean ``samples`` (n, n_channels) float32; the result stands in a buffer that the next call reuses."""
        samples = contiguous(samples, self._n_channels)
        everything = self._all.first(len(samples))
        if len(samples) and not self._primed:
            self._mean[:] = samples[0]
            self._primed = True
        regress_out(
            samples,
            self._columns,
            self._references,
            self.forget,
            self._count,
            self._settled,
            self._mean,
            self._lags,
            self._root,
            self._peak,
            self._cross,
            self._coefficients,
            everything,
        )
        self._count += len(samples)
        if not self._drops:
            return everything, times
        out = self._out.first(len(samples))
        np.take(everything, self._kept, axis=1, out=out)
        return out, times

    def resume(self) -> None:
        """Forget the lags and, unless ``keep_over_gaps``, all that was learnt; the next sample then primes the means."""
        self._lags[:] = 0.0
        if not self.keep_over_gaps or self._count < self._settled:
            self._forget()

    def _forget(self) -> None:
        self._primed = False
        self._count = 0
        self._root[:] = PRIOR * np.eye(len(self._root))
        self._peak[:] = 0.0
        self._cross[:] = 0.0
        self._coefficients[:] = 0.0
