"""The warnings of an evaluation: what `rtbci.evaluation.guards` finds in its recordings, folds, steps and controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble
from rtbci.config import DecoderConfig, Experiment
from rtbci.evaluation import guards
from rtbci.evaluation.nouns import Fold, Outcome, Part
from rtbci.evaluation.survey import Surveyed
from rtbci.interfaces import Source
from rtbci.training_set import source_of
from rtbci.types import Samples, StreamInfo

TRIED = 20.0
"""Seconds of the first recording on which it is tried whether a decoder's steps see the future."""


def before_work(
    experiment: Experiment,
    chosen: Sequence[DecoderConfig],
    surveyed: Sequence[Surveyed],
    folds: Mapping[str, Sequence[Fold]],
    seed: int,
) -> list[str]:
    """What can be said before any decoder was trained; the same sentence about several decoders is told once."""
    shown = [
        guards.Shown(
            str(one.recorded),
            np.array([at for at, _ in one.onsets]) / one.rate,
            np.array([label for _, label in one.onsets], np.int64),
        )
        for one in surveyed
    ]
    told = guards.warnings_of_order(shown, seed)
    rates = {one.recorded.path: one.rate for one in surveyed}
    contents = {one.recorded.path: one.sha256 for one in surveyed}
    cued = [name for name, labels in experiment.classes.items() if labels]
    info, samples = _beginning(experiment, surveyed[0])
    for config in chosen:
        own = folds[config.name]
        told += guards.warnings_of_folds(own, config.window, rates, contents)
        told += guards.warnings_of_classes(
            cued, [(f.name, _labels(f.train, surveyed), _labels(f.test, surveyed)) for f in own]
        )
        told += _causality(experiment, config, info, samples)
    return list(dict.fromkeys(told))


def after_work(outcomes: Sequence[Outcome], seed: int) -> list[str]:
    """What the controls and the number of trials have to say."""
    told = []
    for name in dict.fromkeys(outcome.decoder for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.decoder == name]
        truths = [np.array([trial.truth for trial in outcome.trials], np.int64) for outcome in own]
        n_classes = len(own[0].classes)
        asked = [outcome.time_only >= 0 for outcome in own]
        told += guards.warnings_of_time_control(
            [truth[which] for truth, which in zip(truths, asked, strict=True)],
            [outcome.time_only[which] for outcome, which in zip(own, asked, strict=True)],
            n_classes - (own[0].idle is not None),
            seed,
        )
        told += guards.warnings_of_number(name, sum(map(len, truths)), n_classes)
    told += [note for outcome in outcomes for note in outcome.notes]
    return list(dict.fromkeys(told))


def _labels(parts: Sequence[Part], surveyed: Sequence[Surveyed]) -> NDArray[np.int64]:
    """Classes of the trials whose markers lie within ``parts``."""
    by_path = {one.recorded.path: one for one in surveyed}
    found = [
        label
        for part in parts
        for at, label in by_path[part.recorded.path].onsets
        if at >= part.start and (part.stop is None or at < part.stop)
    ]
    return np.array(found, np.int64)


def _beginning(experiment: Experiment, one: Surveyed) -> tuple[StreamInfo, Samples]:
    """The first seconds of a recording, values that are no number held at 0."""
    source: Source = source_of(experiment, one.recorded.path)
    info = source.open()
    try:
        n = min(one.n_samples, round(TRIED * info.rate))
        samples, times = np.zeros((n, info.n_channels), np.float32), np.zeros(n)
        at = 0
        while at < n:
            at += source.read(samples[at:], times[at:], 0.0)
    finally:
        source.close()
    return info, np.nan_to_num(samples)


def _causality(experiment: Experiment, config: DecoderConfig, info: StreamInfo, samples: Samples) -> list[str]:
    channels = assemble.default_channels(info, config)
    picked = replace(info, channels=tuple(info.channels[i] for i in channels))
    steps = {
        f"{number} ({config.transforms[number - 1].use})": (
            lambda number=number: assemble.make_transforms(experiment, config)[:number]
        )
        for number in range(1, len(config.transforms) + 1)
    }
    return guards.warnings_of_causality(config.name, steps, picked, np.ascontiguousarray(samples[:, channels]))
