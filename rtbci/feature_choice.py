"""A choice of channels and frequency band: suggested by feature maps, and written into a copy of an experiment.

The rule is the heuristic of Blankertz et al. 2008, IEEE Signal Process. Mag. 25(1), 41-56 (algorithm 1: selection of a
discriminative frequency band), with signed r² as the score and bounded by significance: without a cell that survives the
false discovery rate there is no choice. What was chosen on some trials must not be validated on the same ones:
`rtbci.evaluation.choosing` chooses anew in every fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtbci.config import Component, DecoderConfig, Experiment
from rtbci.errors import ConfigError
from rtbci.feature_maps import FREQUENCY, FeatureMap, FeatureMaps
from rtbci.separability import FALSE_DISCOVERIES

KEEP = 0.05
"""The band reaches as far as the score is this share of its largest value, as published."""
NARROWEST = 4.0
"""Hz: a narrower band-pass takes longer to settle than short windows last."""
FEWEST_CHANNELS = 3
"""Fewer are not suggested: covariances of one or two channels decode little. All are kept then."""
CIRCULAR = (
    "Chosen on all these trials: an accuracy on the same trials would flatter. Only one where every fold chooses anew, or a "
    "new recording, tells what the choice is worth."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Channels and a band in Hz; ``why`` in words. No band and no channels where nothing can be justified."""

    channels: tuple[str, ...]
    band: tuple[float, float] | None
    why: str

    @property
    def justified(self) -> bool:
        """Whether there is anything to choose."""
        return self.band is not None


def suggest(maps: FeatureMaps) -> Choice:
    """Channels and band by the rule above, from the maps over frequency.

    Of each comparison: channels with a significant cell count. Each channel's signed r² is turned to be positive at the
    frequency at which the sum of |r²| is largest; the band begins where the sum of what was turned is largest, and is
    extended to both sides while the sum is at least 5 % of that. Both frequencies are ones with a significant cell.
    Several comparisons: the smallest band that holds theirs. Channels: those that have a significant cell within the band.
    """
    found = [(one, bins) for one in maps.of(FREQUENCY) if (bins := _band(one)) is not None]
    if not found:
        return Choice(
            (), None, f"no cell survives FDR {100 * FALSE_DISCOVERIES:g} %: no choice can be justified by these data"
        )
    low, high = min(bins[0] for _, bins in found), max(bins[1] for _, bins in found)
    cells = np.any([one.significant[:, low : high + 1] for one, _ in found], axis=(0, 2))
    channels = tuple(name for name, kept in zip(maps.channels, cells, strict=True) if kept)
    half = maps.frequency_width / 2
    band = _wide_enough(float(maps.frequencies[low]) - half, float(maps.frequencies[high]) + half, maps)
    strongest = max(float(np.abs(one.r2[:, low : high + 1]).max()) for one, _ in found)
    why = (
        f"{len(channels)} of {len(maps.channels)} channels differ between {band[0]:g} and {band[1]:g} Hz, "
        f"r² up to {strongest:.2f}"
    )
    if len(channels) < FEWEST_CHANNELS:
        why += f"; fewer than {FEWEST_CHANNELS} channels would decode little, so all are kept"
        channels = maps.channels
    return Choice(channels, band, why)


def _band(one: FeatureMap) -> tuple[int, int] | None:
    """First and last bin of the band of one comparison."""
    counting = one.significant.any(axis=1)
    if not counting.any():
        return None
    r2: NDArray[np.float64] = one.r2[counting]
    there: NDArray[np.bool_] = np.asarray(one.significant.any(axis=0))
    peak = int(np.where(there, np.abs(r2).sum(axis=0), -1.0).argmax())
    score = (r2 * np.where(r2[:, peak] < 0, -1.0, 1.0)[:, None]).sum(axis=0)
    best = int(np.where(there, score, -np.inf).argmax())
    low = high = best
    while low > 0 and score[low - 1] >= KEEP * score[best]:
        low -= 1
    while high < len(score) - 1 and score[high + 1] >= KEEP * score[best]:
        high += 1
    return low, high


def _wide_enough(low: float, high: float, maps: FeatureMaps) -> tuple[float, float]:
    """The band, widened about its middle where it is narrower than `NARROWEST`."""
    if high - low >= NARROWEST:
        return low, high
    floor = max(float(maps.frequencies[0]) - maps.frequency_width / 2, 0.5)
    low = max((low + high - NARROWEST) / 2, floor)
    return low, low + NARROWEST


def chosen(
    experiment: Experiment, channels: Sequence[str], band: tuple[float, float] | None, name: str = ""
) -> Experiment:
    """``experiment`` with ``channels`` and ``band`` for the decoder called ``name``, or all of them.

    A `pick` becomes the first transform (one that is there already is replaced), and the first band-pass gets the band (put
    after the pick where there is none). None for the band, or no channels, leave theirs as they are. Models that the
    experiment names do not fit any more and are left out. Raises ConfigError.
    """
    if not channels and band is None:
        raise ConfigError("neither channels nor a band are chosen; at least one of them would be right")
    if band is not None and not 0.0 < band[0] < band[1]:
        raise ConfigError(
            f"the band is {band[0]:g} to {band[1]:g} Hz; a lower edge above 0 and below the upper one would be right"
        )
    if name:
        experiment.decoder(name)
    decoders = tuple(
        _decoder(config, channels, band) if name in ("", config.name) else config for config in experiment.decoders
    )
    return replace(experiment, decoders=decoders)


def _decoder(config: DecoderConfig, channels: Sequence[str], band: tuple[float, float] | None) -> DecoderConfig:
    steps = list(config.transforms)
    if channels:
        steps = [step for step in steps if step.use != "pick"]
        # a reference is made of all channels before some are left out; what comes after sees the chosen ones alone
        at = next((k + 1 for k, step in reversed(list(enumerate(steps))) if step.use == "re-reference"), 0)
        steps.insert(at, Component("pick", {"channels": list(channels)}))
    if band is not None:
        edges = {"low": float(band[0]), "high": float(band[1])}
        at = next((k for k, step in enumerate(steps) if step.use == "band-pass"), -1)
        if at >= 0:
            steps[at] = Component("band-pass", {**steps[at].args, **edges})
        else:
            steps.insert(
                next((k + 1 for k, step in enumerate(steps) if step.use == "pick"), 0), Component("band-pass", edges)
            )
    return replace(config, transforms=tuple(steps), model=None)
