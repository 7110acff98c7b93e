"""An evaluation from beginning to end: recordings, folds, tasks, scores, report."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rtbci import __version__, assemble
from rtbci.config import Experiment
from rtbci.errors import DecoderError
from rtbci.evaluation import catalogue, flattery, guards, schedule, scores, splits, statistics
from rtbci.evaluation.nouns import Fold, Outcome
from rtbci.evaluation.report_html import Evaluated, write
from rtbci.evaluation.store import Store, key_of
from rtbci.evaluation.survey import Surveyed, survey
from rtbci.evaluation.task import Task

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to evaluate; see ``rtbci evaluate --help``."""

    split: str = "chronological"
    blocks: int | None = None
    decoders: tuple[str, ...] = ()
    shuffles: int = 3
    seed: int = 0
    jobs: int = 1
    scheduler: str | None = None
    flattery: bool = False
    pattern: str | None = None


def evaluate(
    experiment: Experiment,
    recordings: Sequence[str],
    out: Path,
    options: Options = Options(),  # noqa: B008 - frozen
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Evaluate the decoders of ``experiment`` on ``recordings`` and write the report into ``out``.

    Raises
    ------
    ConfigError, SourceError, DecoderError
        In one line, before any decoder is trained. What fails later is reported under ``failed`` and stops nothing else.
    """
    if not experiment.decoders:
        raise DecoderError(f"{experiment.path or 'experiment'}: has no [[decoder]] table; there is nothing to evaluate")
    chosen = [experiment.decoder(name) for name in options.decoders or [one.name for one in experiment.decoders]]
    for config in chosen:
        splits.check_split(options.split, config)
        assemble.make_decoder(experiment, config)  # what cannot be made is refused before an hour of work
    found = catalogue.find(recordings, experiment.recording.subject, options.pattern)
    surveyed = survey(experiment, found, progress)
    tasks: dict[str, Task] = {}
    contents = {one.recorded.path: one.sha256 for one in surveyed}
    folds: dict[str, Sequence[Fold]] = {}
    for config in chosen:
        folds[config.name] = splits.folds(experiment, config, surveyed, options.split, options.blocks)
        for fold in folds[config.name]:
            task = Task(
                experiment.text, experiment.path, config.name, fold, options.shuffles, options.seed, __version__
            )
            tasks[key_of(task, contents)] = task
    store = Store(out)
    outcomes, failed = schedule.run(
        tasks, store, jobs=options.jobs, scheduler=options.scheduler, progress=progress
    )
    ordered = schedule.in_order(outcomes, tasks)
    progress("counting")
    evaluated = _evaluated(experiment, surveyed, folds, ordered, options)
    evaluated = replace(
        evaluated, failed=[{"task": one.task.name, "error": one.error} for one in failed], about=_about(experiment, surveyed)
    )
    flattering = _flattering(experiment, surveyed, options, progress) if options.flattery else {}
    for name, entry in evaluated.summary.items():
        if name in flattering:
            entry["flattering"] = flattering[name]
    progress("writing the report")
    report = write(out, evaluated)
    return {
        "name": experiment.name,
        "split": options.split,
        "rows": evaluated.rows,
        "summary": evaluated.summary,
        "comparisons": evaluated.comparisons,
        "warnings": list(evaluated.warnings),
        "failed": evaluated.failed,
        "resumed": len(tasks) - 0 if not tasks else sum(1 for _ in ()),
        "report": str(report),
    }


def _evaluated(
    experiment: Experiment,
    surveyed: Sequence[Surveyed],
    folds: dict[str, Sequence[Fold]],
    outcomes: Sequence[Outcome],
    options: Options,
) -> Evaluated:
    return Evaluated(
        name=experiment.name,
        split=options.split,
        split_text=splits.SPLITS[options.split],
        outcomes=tuple(outcomes),
        rows=[scores.row(outcome, options.seed) for outcome in outcomes],
        summary=scores.summary(outcomes, options.seed),
        comparisons=statistics.compare(outcomes),
        warnings=(),
        failed=[],
        about={},
    )
