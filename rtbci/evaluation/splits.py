"""How recordings are divided into what a decoder is trained on and what it is tested on.

* ``chronological``: every fold is trained on the past. With several recordings of a subject each but the first is tested,
  trained on all before it; a single one is cut into blocks of equally many trials, each but the first tested on the model
  of all blocks before it.
* ``leave-one-run-out``, ``leave-one-session-out``: trained on the subject's other runs or sessions, later ones too.
* ``leave-one-subject-out``: trained on the other subjects.

Within a recording a *purge gap* of at least a window lies between training and test, so that no sample is in both; windows
never span recordings. A random split of windows is refused: see `refuse_random`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rtbci.config import DecoderConfig, Experiment
from rtbci.config_file import did_you_mean
from rtbci.errors import ConfigError
from rtbci.evaluation.nouns import Fold, Part, Recorded
from rtbci.evaluation.survey import Surveyed

SPLITS = {
    "chronological": "trained on the past: on earlier recordings of the subject, or earlier blocks of the only one",
    "leave-one-run-out": "trained on the subject's other runs, later ones too",
    "leave-one-session-out": "trained on the subject's other sessions, later ones too",
    "leave-one-subject-out": "trained on the other subjects",
}
RANDOM = ("random", "shuffle", "shuffled", "k-fold", "kfold", "stratified", "stratified-k-fold", "cross-validation")
BLOCKS = 5
"""Blocks that a single recording is cut into, unless told otherwise."""


def check_split(split: str, config: DecoderConfig | None = None) -> None:
    """Raise ConfigError where ``split`` is not known, or would flatter."""
    if split in SPLITS:
        return
    known = ", ".join(SPLITS)
    if split.lower().replace("_", "-") in RANDOM:
        raise ConfigError(f"--split {split}: {_why_not_random(config)}; one of {known} would be right")
    near = did_you_mean(split, tuple(SPLITS)) or ";"
    raise ConfigError(f"--split {split}: is not known{near} one of {known} would be right")


def _why_not_random(config: DecoderConfig | None) -> str:
    if config is None or config.hop is None:
        return "would train on the future of what it tests, which no subject ever had"
    shared = max(0.0, 1.0 - config.hop / config.window)
    return (
        f"windows of {config.window:g} s every {config.hop:g} s share {100 * shared:.0f} % of their samples with the next "
        "one, so a random split puts nearly the same window into training and test, and scores memory as decoding"
    )


def folds(
    experiment: Experiment, config: DecoderConfig, surveyed: Sequence[Surveyed], split: str, blocks: int | None = None
) -> tuple[Fold, ...]:
    """The folds of ``split`` for one decoder.

    Raises
    ------
    ConfigError
        When the split is not known or there are too few recordings or trials for it.
    """
    check_split(split, config)
    if split == "leave-one-subject-out":
        found = _leave_out(surveyed, lambda r: r.subject, "subject", "all recordings")
    else:
        found = []
        for subject in dict.fromkeys(one.recorded.subject for one in surveyed):
            own = [one for one in surveyed if one.recorded.subject == subject]
            if split == "chronological":
                found += _chronological(experiment, config, own, blocks)
            elif split == "leave-one-run-out":
                found += _leave_out(own, lambda r: f"{r.session}/{r.run}", "run", f"subject {subject}")
            else:
                found += _leave_out(own, lambda r: r.session, "session", f"subject {subject}")
    return tuple(found)


def _chronological(
    experiment: Experiment, config: DecoderConfig, own: Sequence[Surveyed], blocks: int | None
) -> list[Fold]:
    if len(own) == 1:
        return _blocks(experiment, config, own[0], BLOCKS if blocks is None else blocks)
    if blocks is not None:
        raise ConfigError(
            f"--blocks {blocks}: cuts the only recording of a subject, but subject {own[0].recorded.subject} has "
            f"{len(own)}, which are the folds; no --blocks would be right"
        )
    wanted = {k for k, labels in enumerate(experiment.classes.values()) if labels}
    found = []
    for i in range(1, len(own)):
        before = own[:i]
        if wanted <= frozenset().union(*(one.classes for one in before)) and own[i].onsets:
            train = tuple(Part(one.recorded) for one in before)
            found.append(Fold(_name(own[i].recorded), train, (Part(own[i].recorded),)))
    if not found:
        raise ConfigError(
            f"--split chronological: of the {len(own)} recordings of subject {own[0].recorded.subject} none has trials and "
            "comes after trials of every class; recordings with trials of every class would be right"
        )
    return found


def _name(recorded: Recorded) -> str:
    return f"ses-{recorded.session} run-{recorded.run}"


def _blocks(experiment: Experiment, config: DecoderConfig, one: Surveyed, blocks: int) -> list[Fold]:
    wanted = {k for k, labels in enumerate(experiment.classes.values()) if labels}
    n = len(one.onsets)
    if blocks < 2 or n < 2 * blocks:
        raise ConfigError(
            f"{one.recorded.path}: holds {n} trials, too few for {blocks} blocks in order of time with two or more each; "
            "more trials, or a --blocks of at least 2 and fewer than half the trials, would be right"
        )
    found = []
    for k in range(1, blocks):
        first, last = round(k * n / blocks), round((k + 1) * n / blocks)
        test_start = _before(config, one, first)
        train_stop = test_start - purge(config, one.rate)
        test_stop = None if last == n else one.onsets[last][0]
        trained = {label for at, label in one.onsets[:first] if at < train_stop}
        if not wanted <= trained:
            continue
        test = Part(one.recorded, test_start, test_stop)
        found.append(Fold(f"block {k + 1} of {blocks}", (Part(one.recorded, 0, train_stop),), (test,)))
    if not found:
        raise ConfigError(
            f"{one.recorded.path}: in no block of {blocks} have all classes been shown before; classes come in blocks, "
            "and a recording in which they alternate would be right"
        )
    return found


def _before(config: DecoderConfig, one: Surveyed, trial: int) -> int:
    """Where the test begins: what the first trial's windows reach back to, but not before the last trial's marker."""
    reach = config.window if config.hop is not None else max(config.baseline or 0.0, -config.offset, 0.0) + 2 / one.rate
    return max(one.onsets[trial][0] - math.ceil(reach * one.rate), one.onsets[trial - 1][0] + 1)


def purge(config: DecoderConfig, rate: float) -> int:
    """Samples between the last one trained on and the first one tested: a window."""
    return math.ceil(config.window * rate)


def _leave_out(surveyed: Sequence[Surveyed], key: Callable[[Recorded], str], what: str, where: str) -> list[Fold]:
    groups = list(dict.fromkeys(key(one.recorded) for one in surveyed))
    if len(groups) < 2:
        raise ConfigError(
            f"--split leave-one-{what}-out: {where}: there is one {what} ({groups[0] if groups else 'none'}); two or more, "
            "or --split chronological, would be right"
        )
    found = []
    for group in groups:
        test = [one.recorded for one in surveyed if key(one.recorded) == group]
        train = [one.recorded for one in surveyed if key(one.recorded) != group]
        past = what == "subject" or max(train) < min(test)
        name = f"{what} {group}" if what != "run" else _name(test[0])
        found.append(Fold(name, tuple(map(Part, train)), tuple(map(Part, test)), past))
    return found
