"""Which metrics there are, and all of them measured on the same pairs: a value, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rtbci.errors import BankError
from rtbci.image_metrics import features, maps, pixels
from rtbci.image_metrics.pairs import Pair, read
from rtbci.training_run import TrainingRun

Way = Literal[
    "pixel correlation", "structural similarity", "two-way identification", "mean correlation distance", "FID"
]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: what it is called, how it compares, and by which feature map ("": by pixels)."""

    name: str
    title: str
    way: Way
    feature_map: str = ""

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which values are better."""
        return "lower" if self.way in ("mean correlation distance", "FID") else "higher"

    @property
    def chance(self) -> float | None:
        """What reconstructions reach that have nothing to do with what was shown; None where it depends on the pictures."""
        return 0.5 if self.way == "two-way identification" else None


METRICS: tuple[Metric, ...] = (
    Metric("pixcorr", "PixCorr", "pixel correlation"),
    Metric("ssim", "SSIM", "structural similarity"),
    Metric("alexnet2", "AlexNet(2)", "two-way identification", "alexnet2"),
    Metric("alexnet5", "AlexNet(5)", "two-way identification", "alexnet5"),
    Metric("inception", "Inception", "two-way identification", "inception"),
    Metric("clip", "CLIP", "two-way identification", "clip"),
    Metric("effnet-b", "EffNet-B", "mean correlation distance", "effnet-b"),
    Metric("swav", "SwAV", "mean correlation distance", "swav"),
    Metric("fid", "FID", "FID", "inception"),
)
"""Those of the literature, in the order in which its tables have them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of ``n`` pairs: its value, or None and ``why_not``; ``note`` says what one must know of the value."""

    metric: Metric
    n: int
    value: float | None
    why_not: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it by name; ``not_computed`` is the reason, None where there is a value."""
        return {
            "value": self.value,
            "n": self.n,
            "chance": self.metric.chance,
            "better": self.metric.better,
            "measures": self.metric.way,
            "not_computed": self.why_not or None,
            "note": self.note or None,
        }


def metrics_there() -> tuple[Metric, ...]:
    """`METRICS`, and a two-way identification by each further feature map that is installed, under the map's name."""
    known = {name for metric in METRICS for name in (metric.name, metric.feature_map)}
    more = [name for name in maps.names() if name not in known]
    return METRICS + tuple(Metric(name, name, "two-way identification", name) for name in more)


def measure(pairs: Sequence[Pair], metrics: Sequence[Metric], run: TrainingRun | None = None) -> list[Measured]:
    """Measure ``metrics`` on at least one pair, in their order.

    A feature map that several metrics need is asked once. What cannot be computed has a reason instead of a value.
    """
    run = run or TrainingRun()
    found: dict[str, Measured] = {}
    by_pixels = [metric for metric in metrics if not metric.feature_map]
    if by_pixels:
        found |= _by_pixels(pairs, by_pixels, run)
    for name in dict.fromkeys(metric.feature_map for metric in metrics if metric.feature_map):
        found |= _by_features(pairs, name, [metric for metric in metrics if metric.feature_map == name], run)
    return [found[metric.name] for metric in metrics]


def _by_pixels(pairs: Sequence[Pair], metrics: Sequence[Metric], run: TrainingRun) -> dict[str, Measured]:
    values: dict[str, list[float | None]] = {metric.name: [] for metric in metrics}
    for number, pair in enumerate(pairs):
        shown, reconstructed = (pixels.resized(read(file), pixels.SIDE) for file in (pair.shown, pair.reconstructed))
        for metric in metrics:
            compare = pixels.pix_corr if metric.way == "pixel correlation" else pixels.ssim
            values[metric.name].append(compare(shown, reconstructed))
        run.progress(number + 1, len(pairs), "pairs compared by pixels")
    return {metric.name: _mean(metric, values[metric.name]) for metric in metrics}


def _mean(metric: Metric, values: Sequence[float | None]) -> Measured:
    """The mean, where a pair that has no value counts as 0: leaving blank reconstructions out would reward them."""
    lacking = sum(value is None for value in values)
    if lacking == len(values):
        return Measured(metric, len(values), None, "every pair has a picture of a single grey")
    note = f"{lacking} of them with a picture of a single grey, counted as 0" if lacking else ""
    return Measured(metric, len(values), float(np.mean([value or 0.0 for value in values])), note=note)


def _by_features(
    pairs: Sequence[Pair], feature_map: str, metrics: Sequence[Metric], run: TrainingRun
) -> dict[str, Measured]:
    n = len(pairs)
    needs_two = [metric for metric in metrics if metric.way != "mean correlation distance"] if n < 2 else []
    found = {m.name: Measured(m, n, None, f"{n} pair; at least 2 would be right") for m in needs_two}
    rest = [metric for metric in metrics if metric.name not in found]
    if not rest:
        return found
    files = [pair.shown for pair in pairs] + [pair.reconstructed for pair in pairs]
    try:
        both = maps.features_of(feature_map, files, run)
    except BankError as error:
        return found | {metric.name: Measured(metric, n, None, str(error)) for metric in rest}
    return found | {metric.name: _compared(metric, both[:n], both[n:]) for metric in rest}


def _compared(metric: Metric, shown: features.Features, reconstructed: features.Features) -> Measured:
    n, dims = shown.shape
    if metric.way == "FID":
        note = f"fewer pictures than the {dims} features: too large, comparable at this N only" if n <= dims else ""
        return Measured(metric, n, features.frechet(shown, reconstructed), note=note)
    blank = features.without_structure(shown) | features.without_structure(reconstructed)
    if blank.all():
        return Measured(metric, n, None, f"the features of every pair by {metric.feature_map} are all equal")
    note = f"{int(blank.sum())} of them with features that are all equal, counted as unlike" if blank.any() else ""
    if metric.way == "mean correlation distance":
        return Measured(metric, n, features.distance(shown, reconstructed), note=note)
    return Measured(metric, n, features.identification(shown, reconstructed).n_way(2), note=note)
