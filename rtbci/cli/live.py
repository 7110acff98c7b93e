"""Commands of a live session: run, attach, edit."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbci.cli.output import command, finish, say

if TYPE_CHECKING:
    from rtbci.config import Experiment
    from rtbci.interfaces import Source
    from rtbci.remote import RemoteSettings
    from rtbci.session import Listener, Session

SECONDS = click.FloatRange(min=0.0, min_open=True)


def _listener(headless: bool, as_json: bool) -> Listener:
    """Prints what happens; decisions only where no window shows them."""
    from rtbci.session import Listener
    from rtbci.trials import Trial
    from rtbci.types import Decision, Flag

    def decided(name: str, decision: Decision, classes: tuple[str, ...], since: float) -> None:
        claim = f"-> {classes[decision.answer]}" if decision.answer >= 0 else "-> (abstains)"
        probability = ", ".join(f"{c} {math.exp(p):.2f}" for c, p in zip(classes, decision.evidence, strict=True))
        marks = "".join(
            text
            for flag, text in (
                (Flag.LATE, " LATE"),
                (Flag.AFTER_GAP, " after a gap"),
                (Flag.BAD_CHANNELS, " bad channels"),
            )
            if decision.flags & flag
        )
        say(
            f"{decision.signal_time - since:9.3f} s  {name}  {probability}  {claim:<14}"
            f"  age {decision.age * 1e3:.1f} ms{marks}",
            as_json,
        )

    def finished(name: str, trial: Trial, classes: tuple[str, ...]) -> None:
        verdict = "right" if trial.answer == trial.truth else "wrong"
        say(
            f"             {name}  trial {trial.label} ({classes[trial.truth]}): answered {classes[trial.answer]}, "
            f"{verdict}, {trial.correct} of {trial.windows} windows",
            as_json,
        )

    silent = Listener()
    return Listener(
        said=lambda text: say(text, as_json),
        decided=decided if headless else silent.decided,
        finished=finished if headless else silent.finished,
    )


def window_problem() -> str | None:
    """Why no window can be shown here, or None."""
    try:
        from rtbci_ui import system
    except ImportError as error:
        return f"the window is not installed ({error}); install rtbci whole"
    problem: str | None = system.problem()
    return problem


def _check_window(instead: str = "") -> None:
    """Refuse before anything runs when no window can be shown here; ``instead`` is what could be done without one."""
    from rtbci.errors import RtbciError

    if problem := window_problem():
        raise RtbciError(problem + instead)


def models_for(experiment: Experiment, model: Path | None) -> dict[str, Path]:
    """Model file by decoder; checked against the experiment without importing a plugin."""
    from rtbci import assemble
    from rtbci import model as models

    chosen: dict[str, Path] = {}
    for config in experiment.decoders:
        path = model if model is not None else config.model
        if path is None:
            continue
        path = path if model is not None else experiment.resolve(str(path))
        manifest = models.read_manifest(path)
        if config.name not in manifest:
            from rtbci.errors import ModelMismatch

            raise ModelMismatch(
                f'{path} has no model for decoder "{config.name}"; it has {", ".join(manifest) or "none"}; '
                "train it with this experiment"
            )
        assemble.check_against(experiment, config, manifest[config.name], path)
        chosen[config.name] = path
    return chosen


def run_live(
    experiment: Experiment,
    models: dict[str, Path],
    *,
    headless: bool,
    seconds: float | None,
    folder: Path | None,
    end_when_lost: float | None,
    as_json: bool,
    end_with_window: bool = False,
    source: Source | None = None,
    record: bool = True,
    remote: RemoteSettings | None = None,
    made: Callable[[Session], None] = lambda session: None,
) -> dict[str, Any]:
    """Run a session of ``experiment`` in this process and return its report.

    ``source`` is in place of the experiment's own; ``made`` is given the session before it runs.
    """
    from rtbci.session import Session, stop_on_signals

    if not headless:
        _check_window(", or use --headless")
    session = Session(experiment, source or _own_source(experiment), models, folder, _listener(headless, as_json))
    made(session)
    stop_on_signals(session)
    return session.run(
        seconds,
        window=not headless,
        end_with_window=end_with_window,
        end_when_lost=end_when_lost,
        record=record,
        remote=remote,
    )


def _own_source(experiment: Experiment) -> Source:
    """The source that the experiment names, as a live session hears it."""
    from rtbci import assemble
    from rtbci.sources.live_file import LiveFile
    from rtbci.sources.lsl_quiet import quieten

    overrides: dict[str, Any] = {}
    if experiment.source.use == "lsl":
        quieten()
        if experiment.markers.streams is not None:
            overrides["markers"] = list(experiment.markers.streams)
        overrides["lost_after"] = experiment.session.lost_after
    elif experiment.source.use == "file":
        if experiment.markers.streams is not None:
            overrides["markers"] = list(experiment.markers.streams)
        overrides["speed"] = experiment.source.args.get("speed", 1.0)
    source = assemble.make_source(experiment, **overrides)
    return LiveFile(source) if experiment.source.use == "file" else source


class _Port(click.IntRange):
    """A port, or `OWN_PORT` where ``--remote`` stands alone."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return OWN_PORT if value == "" else super().convert(value, param, ctx)


OWN_PORT = -1
"""In place of a port: that of the experiment's [remote] table, or LabRecorder's."""


def _remote(
    experiment: Experiment, port: int | None, host: str | None, rcs: bool | None, token_file: Path | None
) -> RemoteSettings | None:
    """Where the session listens: what the options say, and for the rest the experiment's [remote] table; None: nowhere."""
    from rtbci.config import RemoteConfig
    from rtbci.remote import RemoteSettings, token_in

    table = experiment.remote
    if table is None and port is None:
        if host is not None or rcs is not None or token_file is not None:
            raise click.UsageError(
                "--remote-host, --rcs, --no-rcs and --token-file say how --remote listens; --remote is missing."
            )
        return None
    table = table or RemoteConfig()
    if token_file is None and table.token_file is not None:
        token_file = experiment.resolve(table.token_file)
    return RemoteSettings(
        table.port if port is None or port == OWN_PORT else port,
        table.host if host is None else host,
        table.rcs if rcs is None else rcs,
        None if token_file is None else token_in(token_file),
    )


@command(
    "rtbci run experiment.toml --model fists.rtbci",
    "rtbci run experiment.toml --model fists.rtbci --headless --seconds 120 --json",
    "rtbci run experiment.toml                        (records only: a calibration session)",
    "rtbci run experiment.toml --model fists.rtbci --no-record --remote      (recording is started by a stimulus program)",
    name="run",
    short_help="A live session: acquire, record, decode, show.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--model", type=click.Path(path_type=Path), help="Model file made by 'rtbci train'; without one: record only."
)
@click.option("--headless", is_flag=True, help="No window: decisions are printed.")
@click.option("--seconds", type=SECONDS, help="End by itself this long after the first sample.")
@click.option("--session", "folder", type=click.Path(path_type=Path), help="Folder to record into (new or empty).")
@click.option("--end-when-lost", type=SECONDS, help="End when the stream has been away for this many seconds.")
@click.option("--record-only", is_flag=True, help="Decode nothing, though the experiment names a model: a calibration.")
@click.option("--no-record", is_flag=True, help="Acquire and decode; recording starts when somebody asks for it.")
@click.option(
    "--remote",
    is_flag=False,
    flag_value="",
    metavar="[PORT]",
    type=_Port(0, 65535),
    help="Let programs on this computer control the session over TCP (port 22345, LabRecorder's; 0: any that is free). "
    "With a [remote] table in the experiment a session listens anyway, and these options override it.",
)
@click.option("--no-remote", is_flag=True, help="Do not listen, though the experiment has a [remote] table.")
@click.option(
    "--remote-host", metavar="ADDRESS", help="Listen there: other computers may connect. [default: 127.0.0.1]"
)
@click.option(
    "--rcs/--no-rcs",
    default=None,
    help="Understand LabRecorder's commands, which need no token, or not. [default: rcs]",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The token stands there, also in the next session; made where it is not there.",
)
def run_session(
    experiment: Path,
    model: Path | None,
    headless: bool,
    seconds: float | None,
    folder: Path | None,
    end_when_lost: float | None,
    record_only: bool,
    no_record: bool,
    remote: int | None,
    no_remote: bool,
    remote_host: str | None,
    rcs: bool | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Run a live session: acquire, record, decode, show.

    Ctrl-C ends it properly. Closing the window does not: the session goes on, and 'rtbci attach' opens a window again.
    'rtbci control' starts and stops recording and decoding, notes and marks, from another terminal.
    """
    from rtbci import config, report

    if no_remote and (remote, remote_host, rcs, token_file) != (None, None, None, None):
        raise click.UsageError("--no-remote listens nowhere: no other option of --remote goes with it.")
    if record_only and (model is not None or no_record):
        raise click.UsageError("--record-only decodes nothing and records: --model and --no-record do not go with it.")
    loaded = config.load(experiment)
    result = run_live(
        loaded,
        {} if record_only else models_for(loaded, model),
        headless=headless,
        seconds=seconds,
        folder=folder,
        end_when_lost=end_when_lost,
        record=not no_record,
        remote=None if no_remote else _remote(loaded, remote, remote_host, rcs, token_file),
        as_json=as_json,
    )
    finish(result, report.as_text(result), as_json)


@command(
    "rtbci attach sessions/2026-11-23_21-54-03_fists-or-feet",
    name="attach",
    short_help="Open a window on a running session.",
)
@click.argument("session", type=click.Path(path_type=Path))
def attach(session: Path, as_json: bool) -> int:
    """Open a window on a session that is running (after the first one was closed or died)."""
    from rtbci.errors import RecordingError
    from rtbci.recording.session_folder import SessionFolder
    from rtbci.runfolder import RunFolder

    folder = SessionFolder.open(session)
    place = folder.read().get("run_folder")
    if not isinstance(place, str) or not Path(place).is_dir():
        raise RecordingError(f"{session}: the session does not run any more; a window can be opened on one that runs")
    run = RunFolder.attach(Path(place))
    _check_window()
    code = subprocess.run([sys.executable, "-m", "rtbci_ui", str(run.path)], check=False).returncode
    finish({"session": str(folder.path), "window": code}, "the window was closed; the session goes on", as_json)
    return 0 if code == 0 else 1


@command("rtbci edit experiment.toml", name="edit", short_help="Edit an experiment file in a window.")
@click.argument("experiment", type=click.Path(path_type=Path))
def edit(experiment: Path, as_json: bool) -> int:
    """Edit an experiment file in a window; comments and order are kept. A file that is not there is begun."""
    _check_window()
    from rtbci.errors import RtbciError

    arguments = [sys.executable, "-m", "rtbci_ui", "--edit", str(experiment)]
    done = subprocess.run(arguments, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode == 2 and done.stderr.strip():  # it is no experiment, or cannot be shown
        raise RtbciError(done.stderr.strip().splitlines()[-1])
    click.echo(done.stderr, nl=False, err=True)
    finish({"experiment": str(experiment), "window": done.returncode}, f"{experiment}", as_json)
    return 0 if done.returncode == 0 else 1
