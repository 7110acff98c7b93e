"""The command that makes a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbci.cli.output import clear_progress, command, finish, progress

if TYPE_CHECKING:
    from rtbci.training import TrainReport


@command(
    "rtbci train experiment.toml --recording S001R06.edf --recording S001R10.edf --out fists.rtbci",
    "rtbci train experiment.toml --recording sub-02_run-1.xdf --from ten-people.rtbci --train local --out sub-02.rtbci",
    name="train",
    short_help="Fit decoders on recordings; write a model.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    help="A calibration recording: a file, a session, a folder of sessions, a BIDS folder or moabb:DATASET; once for each. "
    'Default: the path of a [source] with use = "file".',
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Model file to write, such as fists.rtbci.")
@click.option(
    "--from",
    "begin",
    type=click.Path(path_type=Path),
    help="A model whose networks those of the experiment begin from, such as one of several other people.",
)
@click.option(
    "--train",
    "part",
    type=click.Choice(["all", "local"]),
    default="all",
    show_default=True,
    help="With --from: train everything, or only the input block, which belongs to a person and a cap.",
)
@click.option("--fresh", is_flag=True, help="Begin anew, even where an interrupted training has left a checkpoint.")
@click.option(
    "--memory",
    type=click.FloatRange(min=0.0),
    default=2.0,
    show_default=True,
    help="GiB of signal to keep in memory; what is more lies in a scratch file beside the model.",
)
def train(
    experiment: Path,
    recordings: tuple[str, ...],
    out: Path,
    begin: Path | None,
    part: str,
    fresh: bool,
    memory: float,
    as_json: bool,
) -> None:
    """Fit every decoder of EXPERIMENT on recordings and write one model file.

    The windows are cut by the pipeline that runs live, with the same causal transforms. Networks show how far they are,
    and a training that was interrupted goes on where it was when the same command is given again.

    \b
    Several GPUs or processes:  torchrun --nproc-per-node 2 -m rtbci train EXPERIMENT ...
    """
    from rtbci import config
    from rtbci import training as work
    from rtbci.cli.recordings import pieces_of

    if part == "local" and begin is None:
        raise click.UsageError("--train local: there is nothing else to take the rest from; --from MODEL is needed.")
    loaded = config.load(experiment)
    rank, of = ranks()
    options = work.Options(begin, "local" if part == "local" else "all", not fresh, round(memory * 2**30), rank, of)
    show = progress(as_json) if rank == 0 else lambda text: None
    pieces = pieces_of(loaded, recordings) or work.recordings_of(loaded, ())
    report = work.train(loaded, pieces, out, show, options)
    if rank > 0:
        return
    clear_progress()
    finish(report.as_json(), _in_words(report), as_json)


def ranks() -> tuple[int, int]:
    """Number of this process and how many there are, where ``torchrun`` has started it; 0 of 1 otherwise."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def _in_words(report: TrainReport) -> str:
    lines = [f"note: {note}" for note in report.notes]
    for name, made in report.decoders.items():
        classes = ", ".join(f"{c}: {n['trials']} trials, {n['windows']} windows" for c, n in made["classes"].items())
        lines.append(f"{name}: {classes}; {len(made['channels'])} channels")
        if made["trials_without_data"]:
            lines.append(f"  {made['trials_without_data']} trials had no whole window and were left out")
    lines.append(f"{report.model} written in {report.seconds:.1f} s")
    return "\n".join(lines)
