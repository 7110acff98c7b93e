"""What a choice of channels and band is worth: evaluated with the choice made anew in every fold, from its past alone.

To choose on all trials and to test on the same ones is circular: what is chosen fits their noise, too (Kriegeskorte et al.
2009, Nat. Neurosci. 12, 535-540). Here each fold makes its feature maps and its choice from the trials that it trains on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtbci import __version__, config
from rtbci.config import Experiment
from rtbci.errors import ConfigError, DecoderError
from rtbci.evaluation import catalogue, schedule, scores, splits
from rtbci.evaluation.evaluate import Options, Progress
from rtbci.evaluation.nouns import Fold
from rtbci.evaluation.store import Store, key_of
from rtbci.evaluation.survey import survey
from rtbci.evaluation.task import Task
from rtbci.feature_choice import Choice, chosen, suggest
from rtbci.feature_epochs import Options as MapOptions
from rtbci.feature_epochs import measure
from rtbci.training_set import Piece


def evaluate(
    experiment: Experiment,
    recordings: Sequence[str],
    out: Path,
    options: Options,
    map_options: MapOptions,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Score the decoders of ``experiment`` where each fold of ``options.split`` chooses channels and band by itself.

    Returns ``summary`` as `rtbci.evaluation.evaluate`, and ``folds``: what each chose. A fold in which no cell survives
    decides with the experiment as it is.

    Raises
    ------
    ConfigError, SourceError, DecoderError
        Before any decoder is trained.
    """
    if not experiment.decoders:
        raise DecoderError(f"{experiment.file}: has no [[decoder]] table; there is nothing to evaluate")
    found = catalogue.find(recordings, experiment.recording.subject, options.pattern)
    surveyed = survey(experiment, found, progress)
    contents = {one.recorded.path: one.content for one in surveyed}
    tasks: dict[str, Task] = {}
    told: list[dict[str, Any]] = []
    known: dict[tuple[Piece, ...], tuple[str, Choice]] = {}
    for decoder in experiment.decoders:
        splits.check_split(options.split, decoder)
        for fold in splits.folds(experiment, decoder, surveyed, options.split, options.blocks):
            pieces = _pieces(fold)
            if pieces not in known:
                progress(f"{fold.name}: choosing channels and band")
                known[pieces] = _chosen(experiment, pieces, map_options)
            text, choice = known[pieces]
            told.append(
                {"decoder": decoder.name, "fold": fold.name, "channels": list(choice.channels),
                 "band": choice.band, "why": choice.why}
            )  # fmt: skip
            task = Task(text, experiment.path, decoder.name, fold, options.shuffles, options.seed, __version__)
            tasks[key_of(task, contents)] = task
    finished, failed = schedule.run(
        tasks, Store(out), jobs=options.jobs, scheduler=options.scheduler, progress=progress
    )
    return {
        "split": options.split,
        "summary": scores.summary(finished.outcomes(), options.seed),
        "folds": told,
        "failed": [{"task": one.task.name, "error": one.error} for one in failed],
    }


def _pieces(fold: Fold) -> tuple[Piece, ...]:
    return tuple(
        Piece(part.recorded.path, part.start, part.stop, part.recorded.subject, part.recorded.session)
        for part in fold.train
    )


def _chosen(experiment: Experiment, pieces: Sequence[Piece], options: MapOptions) -> tuple[str, Choice]:
    """Text of the experiment with what ``pieces`` suggest, and what they suggest."""
    try:
        choice = suggest(measure(experiment, pieces, options))
    except ConfigError as error:  # the first folds of few trials
        choice = Choice((), None, str(error))
    if not choice.justified:
        return experiment.text, choice
    made = chosen(experiment, choice.channels, choice.band)
    if made.bank is not None:  # its path is relative to the experiment, not to the scratch file
        made = replace(made, bank=replace(made.bank, path=experiment.resolve(made.bank.path)))
    with tempfile.TemporaryDirectory(prefix="rtbci-choice-") as folder:
        scratch = Path(folder) / "experiment.toml"
        config.save(made, scratch)
        return scratch.read_text(encoding="utf-8"), choice
