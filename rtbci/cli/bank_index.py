"""``rtbci bank index``: an approximate index for very large banks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from rtbci.cli.output import clear_progress, command, finish, progress


@command(
    "rtbci bank index pictures.bank",
    "rtbci bank index pictures.bank --recall 0.99",
    name="index",
    short_help="Make an approximate index of a very large bank.",
)
@click.argument("path", metavar="BANK", type=click.Path(path_type=Path))
@click.option(
    "--recall",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.95,
    show_default=True,
    help="Share of the ten nearest items that it should find.",
)
@click.option(
    "--noise",
    type=click.FloatRange(0.0),
    default=1.0,
    show_default=True,
    help="Length of the noise of trial queries, where items have length 1; more for a weak decoder.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 2), default=0, show_default=True, help="Of codes and trial queries."
)
def index(path: Path, recall: float, noise: float, seed: int, as_json: bool) -> None:
    """Make an index of BANK, in its folder, for a search that is faster and may miss items.

    Banks of up to some 100 000 items need none: they are searched exactly in milliseconds. How many of the ten nearest the
    index finds is measured on noisy items and told; it is made anew where one is there. Needs faiss: pip install rtbci[ann].
    """
    from rtbci import __version__
    from rtbci.bank import Bank, approximate, indexing
    from rtbci.errors import BankError
    from rtbci.training_run import TrainingRun

    bank = Bank.open(path)
    run = TrainingRun(say=progress(as_json))
    made, about = indexing.make(
        bank.embeddings,
        recall=recall,
        noise=noise,
        seed=seed,
        say=lambda done, of: run.progress(done, of, f"{bank.kind}s"),
    )
    clear_progress()
    versions = f"rtbci {__version__}, faiss {approximate.library().__version__}"
    about = replace(
        about,
        embeddings=bank.manifest["sha256"]["embeddings.npy"],
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {versions}",
    )
    try:
        approximate.write(bank, made, about)
    except OSError as error:
        raise BankError(f"{path / approximate.INDEX} cannot be written ({error.strerror or error})") from error
    text = (
        f"{path / approximate.INDEX} written: of {len(bank.items)} {bank.kind}s {about.depth} are ranked for a query\n"
        f"of the ten nearest to {about.queries} {bank.kind}s with noise of length {about.noise:g}, "
        f"{about.recall:.1%} were found"
    )
    if about.recall < recall:
        text += f" (asked for: {recall:.1%}, which others that chose that number had reached)"
    finish(
        {
            "bank": str(path),
            "index": str(path / approximate.INDEX),
            "items": len(bank.items),
            "depth": about.depth,
            "recall": about.recall,
            "queries": about.queries,
            "noise": about.noise,
        },
        text,
        as_json,
    )
