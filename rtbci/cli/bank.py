"""The commands of banks: what decoders of pictures choose from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rtbci.cli.bank_index import index
from rtbci.cli.generator import train_generator
from rtbci.cli.output import clear_progress, command, example, finish, progress

SHOWN = 5
"""Items that are named where many were left out."""


@click.group(
    short_help="Banks of pictures (captions, sounds) that decoders choose from.",
    epilog=example("rtbci bank build pictures/ --out pictures.bank", "rtbci bank info pictures.bank"),
)
def bank() -> None:
    """Banks of pictures, captions or sounds: what a decoder of what is seen or heard chooses from.

    \b
    Pictures:      rtbci bank draw pictures/            (where you have none)
    Build one:     rtbci bank build pictures/ --out pictures.bank
    Look at it:    rtbci bank info pictures.bank
    Learn to draw: rtbci bank train-generator pictures.bank
    """


@command(
    "rtbci bank build pictures/ --out pictures.bank",
    "rtbci bank build pictures/ --items shown.csv --set dims=128 --jobs 4 --out pictures.bank",
    "rtbci bank build new-pictures/ --like pictures.bank --out new.bank",
    name="build",
    short_help="Build a bank from a folder.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--embedder", default="statistics", show_default=True, help="See `rtbci plugins list`.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An argument of the embedder, as in TOML.")
@click.option(
    "--items",
    type=click.Path(path_type=Path),
    help="CSV file with the columns file, and if wanted class, id, caption. Without it: every file, sub-folders as classes.",
)
@click.option(
    "--like", type=click.Path(path_type=Path), help="A bank whose space is taken, so that both can be compared."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that read and describe.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option("--overwrite", is_flag=True, help="Replace a bank that is there.")
def build(
    folder: Path,
    embedder: str,
    settings: tuple[str, ...],
    items: Path | None,
    like: Path | None,
    jobs: int,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Build a bank of what is in FOLDER: embeddings, thumbnails, names and classes.

    Pictures of any size are taken (JPEG, PNG, WebP and others); what cannot be read is left out and told. A build that was
    interrupted goes on where it was when it is started again.
    """
    from functools import partial

    from rtbci import __version__, plugins
    from rtbci.bank import Bank, listing
    from rtbci.bank.build import Plan
    from rtbci.bank.build import build as build_bank
    from rtbci.training_run import TrainingRun

    args = _arguments(settings)
    taken = None if like is None else Bank.open(like)
    if taken is not None:
        if args or embedder not in ("statistics", taken.manifest["embedder"]["use"]):
            raise click.UsageError(
                f"--like takes the embedder of {like}; leaving --embedder and --set out would be right."
            )
        embedder, args = taken.manifest["embedder"]["use"], dict(taken.manifest["embedder"]["args"])
    make = partial(plugins.make, "embedders", embedder, args, None, "--embedder")
    kind = make().kind
    entries = listing.of_folder(folder, kind) if items is None else listing.of_table(items, folder, kind)
    offered = next((p for p in plugins.names("embedders") if p.name == embedder), None)
    named = {
        "use": embedder,
        "args": args,
        "distribution": offered.distribution if offered else "",
        "version": offered.version if offered else "",
    }
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, rtbci {__version__}"
    run = TrainingRun(say=progress(as_json))
    done = build_bank(
        Plan(folder, entries, make, named, taken), out, jobs=jobs, overwrite=overwrite, made=made, run=run
    )
    clear_progress()
    lines = _lines(done.bank)
    if done.resumed:
        lines.append(f"went on after an interruption; {done.resumed} chunks had been described before")
    if done.skipped:
        lines.append(f"{len(done.skipped)} left out:")
        lines += [f"  {name}: {why}" for name, why in done.skipped[:SHOWN]]
        if len(done.skipped) > SHOWN:
            lines.append(f"  … all of them in {out / 'bank.json'}")
    finish(_as_json(done.bank), "\n".join([*lines, f"{out} written"]), as_json)


@command(
    "rtbci bank info pictures.bank",
    "rtbci bank info pictures.bank --check --json",
    name="info",
    short_help="Say what a bank holds.",
)
@click.argument("path", metavar="BANK", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Read all of it and compare it with what was written.")
def info(path: Path, check: bool, as_json: bool) -> None:
    """Say what a bank holds: items, classes, the space of its embeddings, where it came from, what was left out."""
    from rtbci.bank import Bank
    from rtbci.errors import BankError

    opened = Bank.open(path)
    lines = _lines(opened)
    manifest = opened.manifest
    lines.append(f"built    {manifest['made']}, from {manifest['source']}")
    lines += [f"left out {one['file']}: {one['why']}" for one in manifest["skipped"][:SHOWN]]
    if len(manifest["skipped"]) > SHOWN:
        lines.append(f"         … {len(manifest['skipped'])} in all, in bank.json")
    if check:
        if damage := opened.damage():
            raise BankError(f"{path} is damaged: {damage}; building it anew would be right")
        lines.append("checked  every file is what was written")
    finish(_as_json(opened), "\n".join(lines), as_json)


@command(
    "rtbci bank draw pictures/ --n 200",
    "rtbci bank build pictures/ --items pictures/items.csv --out pictures.bank",
    name="draw",
    short_help="Draw pictures to try banks with.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--n", "count", type=click.IntRange(2, 12800), default=200, show_default=True, help="Pictures.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed draws the same pictures.")
def draw(folder: Path, count: int, seed: int, as_json: bool) -> None:
    """Draw pictures into FOLDER: objects of ten shapes, the classes, that differ in colour, texture, number and place.

    Beside them comes items.csv, which has a caption for each.
    """
    from rtbci.bank import drawing
    from rtbci.errors import BankError
    from rtbci.training_run import TrainingRun

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BankError(f"{folder} exists and is not empty; another folder would be right")
    run = TrainingRun(say=progress(as_json))
    try:
        table = drawing.write(folder, count, seed, lambda done: run.progress(done, count, "pictures"))
    except OSError as error:
        raise BankError(f"{folder} cannot be written ({error.strerror})") from error
    clear_progress()
    finish(
        {"folder": str(folder), "items": count, "table": str(table)}, f"{count} pictures and {table} written", as_json
    )


def _lines(opened: Any) -> list[str]:
    use = opened.manifest["embedder"]
    told = ", ".join(f"{name} = {value}" for name, value in use["args"].items())
    lines = [
        f"{opened.path}: {len(opened.items)} {opened.kind}s, {opened.dim} dimensions",
        f"space    {opened.space_id}",
        f"embedder {use['use']}" + (f" ({told})" if told else ""),
    ]
    counts = {name: len(opened.of_class(name)) for name in opened.classes[:12]}
    more = f", … {len(opened.classes)} in all" if len(opened.classes) > len(counts) else ""
    lines.append("classes  " + (", ".join(f"{name} ({n})" for name, n in counts.items()) + more or "none"))
    return lines


def _as_json(opened: Any) -> dict[str, Any]:
    return {
        "bank": str(opened.path),
        "kind": opened.kind,
        "items": len(opened.items),
        "dim": opened.dim,
        "space": opened.space_id,
        "classes": list(opened.classes),
        "embedder": opened.manifest["embedder"],
        "skipped": opened.manifest["skipped"],
    }


def _arguments(settings: tuple[str, ...]) -> dict[str, Any]:
    import tomllib

    args: dict[str, Any] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or not name.strip().isidentifier():
            raise click.UsageError(f"--set {setting}: NAME=VALUE would be right, such as dims=128.")
        try:
            args[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            args[name.strip()] = value.strip()  # a word without quotes
    return args


bank.add_command(build)
bank.add_command(info)
bank.add_command(draw)
bank.add_command(index)
bank.add_command(train_generator)
