"""The command that trains what draws: a generator of pictures, on a bank."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from rtbci.cli.output import clear_progress, command, finish, progress


@command(
    "rtbci bank train-generator pictures.bank",
    "rtbci bank train-generator pictures.bank --epochs 10 --size 96 --device cuda --json",
    name="train-generator",
    short_help="Train a generator that draws what is seen.",
)
@click.argument("path", metavar="BANK", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Its folder; without it, within the bank's.")
@click.option("--renderer", default="generator", show_default=True, help="The renderer whose generator is trained.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the pictures; without it, some minutes on a CPU.")
@click.option(
    "--size", type=click.IntRange(1), help="Pixels a side of what it draws; without it, what it takes by itself."
)
@click.option("--device", default="auto", show_default=True, help="auto (a GPU where there is one), cpu or cuda.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the CPU.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed and threads: the same generator.")
def train_generator(
    path: Path,
    out: Path | None,
    renderer: str,
    epochs: int | None,
    size: int | None,
    device: str,
    threads: int,
    seed: int,
    as_json: bool,
) -> None:
    """Train a generator on the pictures of BANK: with a [renderer] in the experiment it draws what a decoder says was seen.

    One item in ten is held out and judges it: how like the true picture is what it draws, against the mean picture and
    against the nearest item of the others. The bank's own files stay as they are.
    """
    from rtbci import plugins
    from rtbci.errors import BankError
    from rtbci.interfaces import TrainsGenerator
    from rtbci.training_run import TrainingRun

    made: object = plugins.load("renderers", renderer)
    if not isinstance(made, TrainsGenerator):
        raise BankError(
            f'renderer "{renderer}" trains no generator; one that does, such as "generator", would be right'
        )
    run = TrainingRun(say=progress(as_json))
    done = made.train(path, out, run, epochs=epochs or 0, size=size or 0, device=device, seed=seed, threads=threads)
    clear_progress()
    finish(dict(done), "\n".join(_lines(done)), as_json)


def _lines(done: Mapping[str, Any]) -> list[str]:
    judged = done["judged"]
    lines = [
        f"learnt from {done['items']} pictures and {done['copies']} altered copies, {done['epochs']} epochs on "
        f"{done['device']}, {done['seconds']:.0f} s"
    ]
    lines += [f"note: {note}" for note in done["notes"]]
    if judged["items"]:
        lines.append(f"{judged['items']} pictures that it never saw, pixel correlation with what it drew of them:")
        noisy = f"of noisy embeddings (cosine {judged['noisy_cosine']:g})"
        for name, what in (("exact", "of their own embeddings"), ("noisy", noisy)):
            of = judged[name]
            lines.append(
                f"  {what}: {of['generator']:.2f} (nearest other picture {of['nearest']:.2f}, mean picture {of['mean']:.2f})"
            )
    return [*lines, f"{done['out']} written"]
