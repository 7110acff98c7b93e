"""What the stimulus process is told: a paradigm by file or by name, settings, and where to show it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtbci import config
from rtbci.config_file import Problems, Table, names, read_text
from rtbci.config_file import parse as parse_toml
from rtbci.errors import ConfigError
from rtbci.experiment import Experiment
from rtbci_stimulus.paradigms import PARADIGMS, Paradigm, kind, make
from rtbci_stimulus.settings import describe, from_word

WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Given:
    """The command line. ``wait`` are the seconds for which a receiver of the markers is waited for before the first cue."""

    file: Path | None
    use: str | None
    experiment: Path | None
    words: tuple[str, ...]
    screen: int
    windowed: tuple[int, int] | None
    refresh: float | None
    log: Path | None
    wait: float
    auto: bool
    describe: bool
    screenshots: Path | None


def parse_size(text: str) -> tuple[int, int]:
    """``WIDTHxHEIGHT`` in pixels."""
    width, _, height = text.partition("x")
    if width.isdigit() and height.isdigit() and int(width) and int(height):
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text} is not WIDTHxHEIGHT; 1280x720 would be right")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 10.0 <= rate <= 1000.0:
        raise argparse.ArgumentTypeError(f"{text} is no refresh rate in Hz; one such as 60 would be right")
    return rate


def parse_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all options to ``parser``."""
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="TOML file with a [paradigm], or an experiment"
    )
    parser.add_argument("--paradigm", metavar="NAME", help=f"one of {', '.join(PARADIGMS)}")
    parser.add_argument(
        "--experiment", type=Path, metavar="FILE", help="experiment whose classes and marker labels are used"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the paradigm")
    parser.add_argument("--screen", type=int, default=0, metavar="N", help="number of the screen (default 0)")
    parser.add_argument("--windowed", type=parse_size, metavar="WxH", help="in a window of this size instead")
    parser.add_argument("--refresh", type=_rate, metavar="HZ", help="refresh rate, where the system states a wrong one")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="append every event to this file, one JSON object a line"
    )
    parser.add_argument(
        "--wait-for-consumer",
        action=argparse.BooleanOptionalAction,
        default=True,
        help=f"wait up to {WAIT_SECONDS:g} s for a receiver of the markers before the first trial (default)",
    )
    parser.add_argument("--auto", action="store_true", help="begin, go on after pauses, and close without a key")
    parser.add_argument("--describe", action="store_true", help="print all paradigms and settings as JSON, and leave")
    parser.add_argument(
        "--screenshots", type=Path, metavar="FOLDER", help="save pictures of the screens there, and leave"
    )


def parse(argv: Sequence[str] | None) -> Given:
    """Read the command line; argparse ends the process with code 2 where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m rtbci_stimulus",
        description="Present a cued paradigm and send its markers as an LSL stream.",
        epilog="Example: python -m rtbci_stimulus --paradigm motor-imagery --set trials=10",
    )
    parse_arguments(parser)
    args = parser.parse_args(argv)
    return Given(
        args.file,
        args.paradigm,
        args.experiment,
        tuple(args.set),
        args.screen,
        args.windowed,
        args.refresh,
        args.log,
        WAIT_SECONDS if args.wait_for_consumer else 0.0,
        args.auto,
        args.describe,
        args.screenshots,
    )


def paradigm(given: Given) -> Paradigm:
    """The paradigm that the command line means. Raises ConfigError."""
    experiment = None if given.experiment is None else config.load(given.experiment)
    use, table, file = given.use, dict[str, Any](), given.file
    if file is not None:
        text = read_text(file)
        tables = parse_toml(text, str(file))
        if "source" in tables:  # an experiment: judged as a whole
            experiment = config.loads(text, file) if experiment is None else experiment
        in_file, table = _table(tables, file)
        use = use or in_file
        if in_file and use != in_file:
            table = {}  # settings of another paradigm
    elif experiment is not None and experiment.paradigm is not None and use in (None, experiment.paradigm.use):
        use, table, file = experiment.paradigm.use, dict(experiment.paradigm.args), given.experiment
    if use is None:
        where = (
            f"{file or given.experiment}: has no [paradigm]; " if file or given.experiment else "no paradigm is named; "
        )
        raise ConfigError(f"{where}--paradigm with one of {', '.join(PARADIGMS)} would be right")
    cls = kind(use)
    base = Path() if file is None else file.absolute().parent
    table = {key: _below(base, value) if key in cls.paths else value for key, value in table.items()}
    table.update(from_word(cls, word) for word in given.words)
    classes = None if experiment is None else experiment.classes
    if experiment is not None and "pictures" in cls.paths and not table.get("pictures") and experiment.bank is not None:
        table["pictures"] = str(experiment.resolve(experiment.bank.path))
    if experiment is not None and experiment.markers.streams:
        table.setdefault("stream", experiment.markers.streams[0])  # the one that it listens to
    return make(use, table, classes=_without_bank(experiment, classes), file=str(file or "command line"))


def class_note(given: Given, sent: Sequence[str]) -> tuple[str, ...]:
    """A note where an experiment has classes that no marker ``sent`` stands for: nothing would be learnt of them."""
    experiment = None if given.experiment is None else config.load(given.experiment)
    if experiment is None and given.file is not None and "source" in parse_toml(read_text(given.file), str(given.file)):
        experiment = config.load(given.file)
    if experiment is None or not experiment.own_classes:
        return ()
    missing = [name for name, labels in experiment.classes.items() if labels and not set(labels) & set(sent)]
    return (f"no marker of this run stands for {names(missing)} of the experiment",) if missing else ()


def _below(base: Path, value: Any) -> Any:
    return str(base / Path(value).expanduser()) if isinstance(value, str) and value else value


def _without_bank(experiment: Experiment | None, classes: Mapping[str, tuple[str, ...]] | None) -> Any:
    """Classes that a bank gave are pictures; nobody imagines or spells them."""
    return None if experiment is None or not experiment.own_classes else classes


def _table(tables: Mapping[str, Any], file: Path) -> tuple[str | None, dict[str, Any]]:
    """``use`` and the settings of the file's [paradigm] table."""
    problems = Problems(str(file))
    top = Table(tables, "", problems)
    if "source" not in tables:
        top.only(("paradigm",))
    table = top.table("paradigm", 'with use = "motor-imagery"')
    if table is None:
        if "paradigm" not in tables and "source" not in tables:
            top.missing("[paradigm]", 'a table with use = "motor-imagery"')
        use, settings = None, dict[str, Any]()
    else:
        use, settings = table.text("use", example="motor-imagery"), table.arguments(("use",))
    if problems:
        problems.raise_first()
    return use, settings


def description() -> dict[str, Any]:
    """Every paradigm with its title and settings."""
    return {name: {"title": cls.title, "settings": describe(cls)} for name, cls in PARADIGMS.items()}
