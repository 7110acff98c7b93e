"""The desktop application, started from a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    done = subprocess.run(arguments, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode == 2:
        raise RtbciError(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the window could not be shown"
        )
    click.echo(done.stderr, nl=False, err=True)
    finish({"window": done.returncode}, "the window was closed", as_json)
    return 0 if done.returncode == 0 else 1
