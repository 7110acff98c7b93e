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
    flag_value="22345",
    metavar="[PORT]",
    type=click.IntRange(0, 65535),
    help="Let programs on this computer control the session over TCP (port 22345, LabRecorder's; 0: any that is free).",
)
@click.option(
    "--remote-host", default="127.0.0.1", metavar="ADDRESS", help="Listen there: other computers may connect."
)
@click.option(
    "--no-rcs", is_flag=True, help="With --remote: do not understand LabRecorder's commands, which need no token."
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
    remote_host: str,
    no_rcs: bool,
    as_json: bool,
) -> None:
    """Run a live session: acquire, record, decode, show.

    Ctrl-C ends it properly. Closing the window does not: the session goes on, and 'rtbci attach' opens a window again.
    'rtbci control' starts and stops recording and decoding, notes and marks, from another terminal.
    """
    if remote is None and (no_rcs or remote_host != "127.0.0.1"):
        raise click.UsageError("--remote-host and --no-rcs say how --remote listens; --remote is missing.")
    from rtbci import config, report
    from rtbci.remote import RemoteSettings

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
        remote=None if remote is None else RemoteSettings(remote, remote_host, not no_rcs),
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
    code = subprocess.run([sys.executable, "-m", "rtbci_ui", "--edit", str(experiment)], check=False).returncode
    finish({"experiment": str(experiment), "window": code}, f"{experiment}", as_json)
    return 0 if code == 0 else 1
