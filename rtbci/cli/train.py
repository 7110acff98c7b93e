"""The command that makes a model."""

from __future__ import annotations

from pathlib import Path

import click

from rtbci.cli.output import clear_progress, command, finish, progress


@command(
    "rtbci train experiment.toml --recording S001R06.edf --recording S001R10.edf --out fists.rtbci",
    name="train",
    short_help="Fit decoders on recordings; write a model.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    type=click.Path(path_type=Path),
    help='A calibration recording; give the option once per file. Default: the path of a [source] with use = "file".',
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Model file to write, such as fists.rtbci.")
def train(experiment: Path, recordings: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Fit every decoder of EXPERIMENT on recordings and write one model file.

    The windows are cut by the pipeline that runs live, with the same causal transforms.
    """
    from rtbci import config
    from rtbci import training as work

    loaded = config.load(experiment)
    report = work.train(loaded, work.recordings_of(loaded, recordings), out, progress(as_json))
    clear_progress()
    lines = [f"note: {note}" for note in report.notes]
    for name, made in report.decoders.items():
        classes = ", ".join(f"{c}: {n['trials']} trials, {n['windows']} windows" for c, n in made["classes"].items())
        lines.append(f"{name}: {classes}; {len(made['channels'])} channels")
        if made["trials_without_data"]:
            lines.append(f"  {made['trials_without_data']} trials had no whole window and were left out")
    lines.append(f"{report.model} written in {report.seconds:.1f} s")
    finish(report.as_json(), "\n".join(lines), as_json)
