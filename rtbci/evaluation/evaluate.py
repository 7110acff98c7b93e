"""An evaluation from beginning to end: recordings, folds, tasks, scores, report."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rtbci import __version__, assemble, training
from rtbci.config import DecoderConfig, Experiment
from rtbci.devices import tolerance_of
from rtbci.errors import DecoderError
from rtbci.evaluation import catalogue, cautions, drawn, schedule, scores, splits, statistics
from rtbci.evaluation.evaluated import Evaluated
from rtbci.evaluation.nouns import Fold
from rtbci.evaluation.report_html import write
from rtbci.evaluation.store import Store, claim_key, key_of
from rtbci.evaluation.survey import Surveyed, survey
from rtbci.evaluation.task import Claim, Task
from rtbci.interfaces import Decoder, MarksBads, PredictsMany

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
    batched: bool = False
    pattern: str | None = None


def evaluate(
    experiment: Experiment,
    recordings: Sequence[str],
    out: Path,
    options: Options = Options(),
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
    drawn.prepared(experiment)  # what cannot draw is refused before an hour of work, too
    batched = {}
    for config in chosen:
        training.check_space(experiment, config)
        splits.check_split(options.split, config)
        decoder = assemble.make_decoder(experiment, config)  # what cannot be made is refused before an hour of work
        batched[config.name] = options.batched and _differs_in_batches(experiment, config, decoder)
    found = catalogue.find(recordings, experiment.recording.subject, options.pattern)
    surveyed = survey(experiment, found, progress)
    tasks: dict[str, Task | Claim] = {}
    contents = {one.recorded.path: one.content for one in surveyed}
    folds: dict[str, Sequence[Fold]] = {}
    for config in chosen:
        folds[config.name] = splits.folds(experiment, config, surveyed, options.split, options.blocks)
        for fold in folds[config.name]:
            task = Task(
                experiment.text,
                experiment.path,
                config.name,
                fold,
                options.shuffles,
                options.seed,
                __version__,
                batched[config.name],
            )
            tasks[key_of(task, contents)] = task
        for claim in _claim_tasks(experiment, config, surveyed, options):
            tasks[claim_key(claim, contents)] = claim
    progress("looking for confounds")
    cautions_before = cautions.before_work(experiment, chosen, surveyed, folds, options.seed)
    store = Store(out)
    finished, failed = schedule.run(tasks, store, jobs=options.jobs, scheduler=options.scheduler, progress=progress)
    ordered = finished.outcomes()
    progress("counting")
    summary = scores.summary(ordered, options.seed)
    for name, one in _claims(finished.tasks, finished.results).items():
        if name in summary:
            summary[name]["flattering"] = one
    for name, pictures in drawn.measured(experiment, ordered, out, progress).items():
        summary[name]["pictures"] = pictures
    evaluated = Evaluated(
        name=experiment.name,
        split=options.split,
        split_text=splits.SPLITS[options.split],
        outcomes=tuple(ordered),
        rows=[scores.row(outcome, options.seed) for outcome in ordered],
        summary=summary,
        comparisons=statistics.compare(ordered),
        warnings=(*cautions_before, *cautions.after_work(ordered, options.seed)),
        failed=[{"task": one.task.name, "error": one.error} for one in failed],
        about=_about(experiment, surveyed, options),
    )
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
        "resumed": finished.resumed,
        "report": str(report),
    }


def _differs_in_batches(experiment: Experiment, config: DecoderConfig, decoder: Decoder) -> bool:
    """Whether it matters that ``decoder`` is asked in batches: it would be, and answers them within a tolerance only."""
    judged = any(isinstance(step, MarksBads) for step in assemble.make_transforms(experiment, config))
    asked = isinstance(decoder, PredictsMany) and config.hop is not None and not config.adapt and not judged
    return asked and tolerance_of(decoder) > 0.0


def _claim_tasks(
    experiment: Experiment, config: DecoderConfig, surveyed: Sequence[Surveyed], options: Options
) -> Iterator[Claim]:
    """One for each subject, where they are asked for."""
    if options.flattery:
        for subject in dict.fromkeys(one.recorded.subject for one in surveyed):
            own = tuple(one.recorded for one in surveyed if one.recorded.subject == subject)
            yield Claim(experiment.text, experiment.path, config.name, own, options.seed, __version__)


def _claims(tasks: Mapping[str, Task | Claim], results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What zero-phase filters and random folds would claim, by decoder: the mean over the subjects that came to an end."""
    found: dict[str, list[dict[str, Any]]] = {}
    for key, task in tasks.items():
        if isinstance(task, Claim) and key in results:
            found.setdefault(task.decoder, []).append(results[key])
    return {name: _mean_of(claims) for name, claims in found.items()}


def _mean_of(claims: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"subjects": len(claims)}
    for key in ("window_accuracy", "trial_accuracy", "auc"):
        values = [one[key] for one in claims if one.get(key) is not None]
        result[key] = sum(values) / len(values) if len(values) == len(claims) else None
    return result


def _about(experiment: Experiment, surveyed: Sequence[Surveyed], options: Options) -> dict[str, str]:
    versions = [(name, metadata.version(name)) for name in ("rtbci", "numpy", "scikit-learn", "pyriemann", "mne")]
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions),
        "seed": f"{options.seed}, {options.shuffles} shuffled-label controls for each fold",
        "recordings": "\n".join(f"{one.recorded}: {one.recorded.path} (sha256 {one.sha256[:16]}…)" for one in surveyed),
        "experiment": experiment.text,
    }
