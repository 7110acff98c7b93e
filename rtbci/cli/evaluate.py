"""The command that compares decoders on recordings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click

from rtbci.cli.output import clear_progress, command, finish, progress


@command(
    "rtbci evaluate experiment.toml --recording S001R06.edf --recording S001R10.edf --recording S001R14.edf",
    "rtbci evaluate experiment.toml --recording moabb:BNCI2014_001/1,2 --split leave-one-session-out --jobs 4",
    "rtbci evaluate experiment.toml --recording study/ --split leave-one-subject-out --out results --json",
    name="evaluate",
    short_help="Compare decoders on recordings, honestly.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    required=True,
    help="A recording, a session folder of rtbci, a BIDS folder, or moabb:DATASET[/SUBJECTS]; once for each.",
)
@click.option(
    "--decoder", "decoders", multiple=True, help="Evaluate this decoder of the experiment only; once for each."
)
@click.option(
    "--split",
    default="chronological",
    show_default=True,
    help="chronological (train on the past), leave-one-run-out, leave-one-session-out or leave-one-subject-out.",
)
@click.option(
    "--blocks", type=click.IntRange(2), help="Blocks in time that a subject's only recording is cut into.  [default: 5]"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the report and of finished tasks.  [default: evaluations/NAME]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=min(4, os.cpu_count() or 1),
    show_default="cores, at most 4",
    help="Processes on this machine.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask scheduler to send the tasks to, such as tcp://10.0.0.5:8786."
)
@click.option(
    "--shuffles",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Times each decoder is trained on shuffled labels.",
)
@click.option("--seed", default=0, show_default=True, help="Of shuffling, bootstrap and permutations.")
@click.option(
    "--flattery",
    is_flag=True,
    help="Show beside it what zero-phase filters and random folds, as papers often use them, would have claimed.",
)
@click.option(
    "--batched",
    is_flag=True,
    help="Let decoders that have a tolerance (networks) decide many windows at once: faster; log-probabilities may differ "
    "from live by the decoder's tolerance; the report says so.",
)
@click.option(
    "--pattern",
    metavar="REGEX",
    help="Whose a recording is, from its path: a regular expression with groups subject, session, run, such as "
    r"'(?P<subject>S\d+)R(?P<run>\d+)'.",
)
def evaluate(
    experiment: Path,
    recordings: tuple[str, ...],
    decoders: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train decoders on the past, replay the rest through the live pipeline, and report what a subject would have got.

    Every fold is trained on one part of the recordings and decides another, with a purge gap between them. Beside every
    accuracy stand its interval, chance, the same decoder trained on shuffled labels, and a control that knows only the
    time. Tasks that are finished are kept in the folder: after a stop, the same command goes on where it was.

    Exit code 1 if a task failed.
    """
    from rtbci import config
    from rtbci.evaluation import evaluate as work

    loaded = config.load(experiment)
    folder = out or Path("evaluations") / re.sub(r"[^A-Za-z0-9_-]+", "-", loaded.name).strip("-")
    options = work.Options(decoders=decoders, **settings)
    result = work.evaluate(loaded, recordings, folder, options, progress(as_json))
    clear_progress()
    finish(result, as_text(result), as_json)
    return 1 if result["failed"] else 0


def as_text(result: dict[str, Any]) -> str:
    """The evaluation for a person."""
    lines = [f"warning: {warning}" for warning in result["warnings"]]
    lines += [f"failed: {one['task']}: {one['error']}" for one in result["failed"]]
    width = max((len(name) for name in result["summary"]), default=7)
    head = f"{'decoder':<{width}}  trials  accuracy  95 % interval  chance  shuffled  time only   nMCC"
    lines += ["", f"{result['name']}, {result['split']}", head]
    for name, one in result["summary"].items():
        interval = "{:.2f} to {:.2f}".format(*one["ci"]) if one["ci"] else "not computed"
        cells = [_number(one.get(key)) for key in ("trial_accuracy", "chance", "shuffled", "time_only", "nmcc")]
        lines.append(
            f"{name:<{width}}  {one['trials']:>6}  {cells[0]:>8}  {interval:>13}  {cells[1]:>6}  {cells[2]:>8}  "
            f"{cells[3]:>9}  {cells[4]:>5}"
        )
        if "flattering" in one:
            lines.append(
                f"{'':<{width}}  zero-phase filter and random folds would claim: windows "
                f"{_number(one['flattering']['window_accuracy'])} (honestly {_number(one['window_accuracy'])}), trials "
                f"{_number(one['flattering']['trial_accuracy'])}"
            )
    from rtbci.evaluation import retrieved

    lines += retrieved.as_text(result["summary"])
    lines += ["", f"report     {result['report']}"]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
