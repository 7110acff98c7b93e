"""Steps across channels, sample by sample: re-reference, bipolar, pick, rescale. None has a memory or a delay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtbci.kernels.spatial import scale, subtract_mean, subtract_pairs
from rtbci.transforms.arguments import (
    check_stream,
    find_channels,
    flag,
    listed,
    name_list,
    number,
    refuse,
    shown,
)
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.types import Channel, Samples, StreamInfo, Times

BRAIN = ("eeg", "mag", "grad", "seeg", "ecog", "dbs", "csd")
"""Kinds of channels that are measured on the brain."""
NO_SIGNAL = ("stim", "misc", "syst", "exci", "ias")
"""Kinds of channels that carry codes or housekeeping, never a signal with a reference."""


class Spatial(ABC):
    """What the steps of this module share: they allocate in `start` and work on each sample by itself."""

    delay_seconds = 0.0

    def __init__(self) -> None:
        self._n_in = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Look up the channels and say what comes out. Raises TransformError when the stream has not what is needed."""
        check_stream(info)
        out = self._plan(info)
        check_stream(out)
        self._n_in = info.n_channels
        self._out = OutputBuffer(out.n_channels)
        return out

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Take ``samples`` (n, n_channels) float32; the result stands in a buffer that the next call reuses."""
        samples = contiguous(samples, self._n_in)
        out = self._out.first(len(samples))
        self._fill(samples, out)
        return out, times

    def resume(self) -> None:  # noqa: B027 - a step without memory has nothing to do
        """Nothing is remembered from one sample to the next, so nothing is forgotten."""

    @abstractmethod
    def _plan(self, info: StreamInfo) -> StreamInfo:
        """Look up what ``_fill`` needs; say what comes out."""

    @abstractmethod
    def _fill(self, samples: Samples, out: Samples) -> None:
        """Compute ``out`` (n, n_channels out) from ``samples`` (n, n_channels in)."""


class ReReference(Spatial):
    """Subtracts a reference from every channel of the stream's main kind: their average, or the mean of named channels.

    The main kind is the most frequent one among the channels measured on the brain (else among all that carry a signal).
    Other kinds (stim, EOG, …) and channels in ``exclude`` come out as they went in and are left out of the average.
    Channels marked bad are left out of it too, and are re-referenced all the same. ``channels`` may name channels of any
    kind in the same unit, but no bad ones.
    """

    def __init__(self, channels: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        super().__init__()
        self.channels = name_list("channels", channels)
        self.exclude = name_list("exclude", exclude)
        both = [name for name in self.exclude if name in self.channels]
        if both:
            raise refuse("exclude", exclude, f"{listed(both)} is named in channels too; one of the two would be right")

    def _plan(self, info: StreamInfo) -> StreamInfo:
        excluded = set(find_channels("exclude", self.exclude, self.exclude, info))
        named = find_channels("channels", self.channels, self.channels, info)
        main = main_kind(info.channels)
        targets = [i for i, c in enumerate(info.channels) if c.kind == main and i not in excluded]
        bad = [name for name in self.channels if name in info.bads]
        if bad:
            raise refuse("channels", self.channels, f"{listed(bad)} is marked bad; a reference must be a good channel")
        if not targets:
            raise refuse("exclude", self.exclude, f"leaves no {main} channel; at least one is needed")
        reference = named or [i for i in targets if info.channels[i].name not in info.bads]
        if not reference:
            raise refuse(
                "channels", self.channels, f"all {main} channels are marked bad; at least one good one is needed"
            )
        units = _units(info.channels[i] for i in (*targets, *reference))
        if len(units) > 1:
            raise refuse(
                "channels",
                self.channels,
                f"the channels have units {listed(units)}; a mean needs one unit, rescale first",
            )
        self._targets = np.array(targets, np.int64)
        self._reference = np.array(reference, np.int64)
        return info

    def _fill(self, samples: Samples, out: Samples) -> None:
        subtract_mean(samples, self._reference, self._targets, out)


class Bipolar(Spatial):
    """Differences of channels: the pair ``["C3", "C4"]`` comes out as the channel ``C3-C4``, of C3's kind and no position.

    A derivation is bad when either of its channels is. With ``keep_rest``, channels that are in no pair follow unchanged.
    """

    def __init__(self, pairs: Sequence[Sequence[str]], keep_rest: bool = False) -> None:
        super().__init__()
        example = 'must be a list of pairs of channel names such as [["C3", "C4"]]'
        if isinstance(pairs, str) or not isinstance(pairs, list | tuple) or not pairs:
            raise refuse("pairs", pairs, example)
        for pair in pairs:
            if (
                not isinstance(pair, list | tuple)
                or len(pair) != 2
                or not all(isinstance(name, str) and name for name in pair)
            ):
                raise refuse("pairs", pairs, f"{example}; {shown(pair)} is none")
            if pair[0] == pair[1]:
                raise refuse("pairs", pairs, f"{pair[0]} less itself is 0; two different channels would be right")
        self.pairs = tuple((pair[0], pair[1]) for pair in pairs)
        self.keep_rest = flag("keep_rest", keep_rest)

    def _plan(self, info: StreamInfo) -> StreamInfo:
        used = _in_order(name for pair in self.pairs for name in pair)
        at = dict(zip(used, find_channels("pairs", self.pairs, used, info), strict=True))
        channels: list[Channel] = []
        bads = set()
        for first, second in self.pairs:
            a, b = info.channels[at[first]], info.channels[at[second]]
            if a.unit != b.unit:
                raise refuse(
                    "pairs", self.pairs, f"{first} and {second} have units {listed(_units((a, b)))}; one is needed"
                )
            channels.append(replace(a, name=f"{first}-{second}", position=None))
            if {first, second} & info.bads:
                bads.add(f"{first}-{second}")
        plus = [at[first] for first, _ in self.pairs]
        minus = [at[second] for _, second in self.pairs]
        if self.keep_rest:
            rest = [i for i, name in enumerate(info.names) if name not in at]
            channels += [info.channels[i] for i in rest]
            bads |= {info.names[i] for i in rest} & info.bads
            plus += rest
            minus += [-1] * len(rest)
        twice = [name for name, count in Counter(c.name for c in channels).items() if count > 1]
        if twice:
            raise refuse("pairs", self.pairs, f"makes {listed(twice)} more than once; each pair once would be right")
        self._plus, self._minus = np.array(plus, np.int64), np.array(minus, np.int64)
        return replace(info, channels=tuple(channels), bads=frozenset(bads))

    def _fill(self, samples: Samples, out: Samples) -> None:
        subtract_pairs(samples, self._plus, self._minus, out)


class Pick(Spatial):
    """Keeps ``channels`` in the order given, or all of ``kinds`` in the stream's order, or all; less those in ``drop``."""

    def __init__(
        self,
        channels: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        drop: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.channels = name_list("channels", [] if channels is None else channels)
        self.kinds = name_list("kinds", [] if kinds is None else kinds, "kinds of channels")
        self.drop = name_list("drop", drop)
        if self.channels and self.kinds:
            raise refuse("kinds", kinds, "channels is given too; one of the two would be right")
        if not (self.channels or self.kinds or self.drop):
            raise refuse(
                "channels", [], 'nothing is picked; channels = ["C3"], kinds = ["eeg"] or drop = ["EOG"] would be'
            )
        both = [name for name in self.drop if name in self.channels]
        if both:
            raise refuse("drop", drop, f"{listed(both)} is named in channels too; one of the two would be right")

    def _plan(self, info: StreamInfo) -> StreamInfo:
        dropped = set(find_channels("drop", self.drop, self.drop, info))
        if self.channels:
            kept = find_channels("channels", self.channels, self.channels, info)
        else:
            there = _in_order(c.kind for c in info.channels)
            for kind in self.kinds:
                if kind not in there:
                    raise refuse(
                        "kinds", self.kinds, f"the stream has no channel of kind {kind}; it has {listed(there)}"
                    )
            kept = [
                i for i, c in enumerate(info.channels) if i not in dropped and (not self.kinds or c.kind in self.kinds)
            ]
        if not kept:
            raise refuse("drop", self.drop, "leaves no channel; at least one is needed")
        self._kept = np.array(kept, np.int64)
        self._alone: NDArray[np.int64] = np.full(len(kept), -1, np.int64)
        channels = tuple(info.channels[i] for i in kept)
        return replace(info, channels=channels, bads=info.bads & {c.name for c in channels})

    def _fill(self, samples: Samples, out: Samples) -> None:
        subtract_pairs(samples, self._kept, self._alone, out)


class Rescale(Spatial):
    """Samples times ``factor`` plus ``offset``, computed in float64; trigger channels (stim) are codes and pass unchanged.

    ``unit`` is what the result is in; without it the stream's own unit stands: the samples had been scaled wrongly for it.
    ``offset`` is in the unit that comes out.
    """

    def __init__(self, factor: float, unit: str | None = None, offset: float = 0.0) -> None:
        super().__init__()
        self.factor = number("factor", factor, right="a number other than 0")
        if self.factor == 0.0:
            raise refuse("factor", factor, "must be a number other than 0, which would leave nothing of the signal")
        self.offset = number("offset", offset)
        if unit is not None and (not isinstance(unit, str) or not unit):
            raise refuse("unit", unit, 'must be the name of a unit such as "uV"')
        self.unit = unit

    def _plan(self, info: StreamInfo) -> StreamInfo:
        scaled = [c.kind != "stim" for c in info.channels]
        units = _units(c for c, is_scaled in zip(info.channels, scaled, strict=True) if is_scaled)
        if self.unit is not None and len(units) > 1:
            raise refuse(
                "unit",
                self.unit,
                f"the channels have units {listed(units)}, which become one; pick the channels of one first",
            )
        self._factors = np.where(scaled, self.factor, 1.0)
        self._offsets = np.where(scaled, self.offset, 0.0)
        if self.unit is None:
            return info
        channels = [
            replace(c, unit=self.unit) if is_scaled else c for c, is_scaled in zip(info.channels, scaled, strict=True)
        ]
        return replace(info, channels=tuple(channels))

    def _fill(self, samples: Samples, out: Samples) -> None:
        scale(samples, self._factors, self._offsets, out)


def main_kind(channels: Sequence[Channel]) -> str:
    """The most frequent kind among channels measured on the brain, else among those with a signal, else among all.

    The first in the stream wins a tie.
    """
    kinds = [c.kind for c in channels]
    for wanted in (
        [kind for kind in kinds if kind in BRAIN],
        [kind for kind in kinds if kind not in NO_SIGNAL],
    ):
        if wanted:
            return Counter(wanted).most_common(1)[0][0]
    return Counter(kinds).most_common(1)[0][0]


def _in_order(items: Iterable[str]) -> list[str]:
    """Distinct items in order of first appearance."""
    return list(dict.fromkeys(items))


def _units(channels: Iterable[Channel]) -> list[str]:
    """Distinct units of ``channels``, with words where there is none."""
    return _in_order(c.unit or "no unit" for c in channels)
