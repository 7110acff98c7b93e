"""The desktop application, started from a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from rtbci.cli.live import window_problem
from rtbci.cli.output import command, finish


@command(
    "rtbci gui",
    "rtbci gui experiment.toml",
    "rtbci gui --attach sessions/2026-11-23_21-54-03_fists-or-feet",
    name="gui",
    short_help="The desktop application.",
)
@click.argument("experiment", type=click.Path(path_type=Path), required=False)
@click.option("--attach", type=click.Path(path_type=Path), help="Look at this session, which is running.")
@click.option("--theme", type=click.Choice(("dark", "light")), help="Colours; as chosen last where it is not given.")
def gui(experiment: Path | None, attach: Path | None, theme: str | None, as_json: bool) -> int:
    """The desktop application: choose or write an experiment, calibrate, train, run a session, rehearse with a recording.

    It looks at sessions, which are processes of their own. Closing it, or its death, ends none; --attach looks again.
    """
    from rtbci.errors import RtbciError

    if problem := window_problem():
        raise RtbciError(problem)
    arguments = [sys.executable, "-m", "rtbci_ui"]
    arguments += ["--theme", theme] if theme else []
    arguments += ["--attach", str(attach)] if attach else []
    arguments += [str(experiment)] if experiment else []
    code, said = _shown(arguments)
    if code == 2:
        raise RtbciError(said.strip().splitlines()[-1] if said.strip() else "the window could not be shown")
    click.echo(said, nl=False, err=True)
    how = "was closed" if code == 0 else f"ended with exit code {code}" if code > 0 else f"died ({_named(-code)})"
    goes_on = "" if code == 0 else "; sessions go on without it, and `rtbci gui` shows those that run"
    finish({"window": code}, f"the window {how}{goes_on}", as_json)
    return 0 if code == 0 else 1


def _shown(arguments: Sequence[str]) -> tuple[int, str]:
    """Run the window until it is closed: its exit code, and what it said on stderr.

    Ctrl-C, and a signal to us alone, are passed on: the window closes itself and keeps what is to be remembered.
    """
    child = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, errors="replace")

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        said = child.communicate()[1]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return child.returncode, said


def _named(number: int) -> str:
    """The name of signal ``number``."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
