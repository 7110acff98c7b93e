"""Commands of a live session: demo, run, attach, edit; and the simulated subject of the demo."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbci.cli.output import command, finish, say

if TYPE_CHECKING:
    from rtbci.config import Experiment
    from rtbci.session import Listener

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


def _window_problem() -> str | None:
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

    if problem := _window_problem():
        raise RtbciError(problem + instead)


def _models_for(experiment: Experiment, model: Path | None) -> dict[str, Path]:
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
) -> dict[str, Any]:
    """Run a session of ``experiment`` in this process and return its report."""
    from rtbci import assemble
    from rtbci.session import Session, stop_on_signals
    from rtbci.sources.live_file import LiveFile
    from rtbci.sources.lsl_quiet import quieten

    if not headless:
        _check_window(", or use --headless")
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
    if experiment.source.use == "file":
        source = LiveFile(source)
    session = Session(experiment, source, models, folder, _listener(headless, as_json))
    stop_on_signals(session)
    return session.run(seconds, window=not headless, end_with_window=end_with_window, end_when_lost=end_when_lost)


@command(
    "rtbci run experiment.toml --model fists.rtbci",
    "rtbci run experiment.toml --model fists.rtbci --headless --seconds 120 --json",
    "rtbci run experiment.toml                        (records only: a calibration session)",
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
def run_session(
    experiment: Path,
    model: Path | None,
    headless: bool,
    seconds: float | None,
    folder: Path | None,
    end_when_lost: float | None,
    as_json: bool,
) -> None:
    """Run a live session: acquire, record, decode, show.

    Ctrl-C ends it properly. Closing the window does not: the session goes on, and 'rtbci attach' opens a window again.
    """
    from rtbci import config, report

    loaded = config.load(experiment)
    result = run_live(
        loaded,
        _models_for(loaded, model),
        headless=headless,
        seconds=seconds,
        folder=folder,
        end_when_lost=end_when_lost,
        as_json=as_json,
    )
    finish(result, report.as_text(result), as_json)


@command(
    "rtbci demo",
    "rtbci demo --headless --seconds 60 --json",
    name="demo",
    short_help="A whole session with a simulated subject.",
)
@click.option("--headless", is_flag=True, help="No window: decisions are printed.")
@click.option("--seconds", type=SECONDS, help="End by itself this long after the first sample.")
@click.option("--session", "folder", type=click.Path(path_type=Path), help="Folder to record into (new or empty).")
@click.option(
    "--seed", default=2, show_default=True, type=click.IntRange(0), help="Which run of the simulated subject."
)
def demo(headless: bool, seconds: float | None, folder: Path | None, seed: int, as_json: bool) -> None:
    """See a whole session: a simulated subject streams EEG, a decoder trained on its calibration decides live.

    The subject is simulated (a head model, 1/f background, blinks, line noise, mu and beta rhythms that go down when fists
    or feet are imagined); everything else is what runs with an amplifier.
    """
    from rtbci import bundled, config, report

    if not headless and (problem := _window_problem()):
        say(f"{problem}: going on without a window, as with --headless; Ctrl-C ends it", as_json)
        headless = True
    with tempfile.TemporaryDirectory(prefix="rtbci-demo-") as scratch:
        name = f"rtbci demo {os.getpid()}"
        path = bundled.write_demo_experiment(Path(scratch), name)
        model = Path(scratch) / "demo.rtbci"
        say("training on the bundled calibration recording …", as_json)
        _train(path, bundled.calibration(), model)
        subject_process = subprocess.Popen(
            [sys.executable, "-m", "rtbci", "simulated-subject", "--name", name, "--seed", str(seed)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            loaded = config.load(path)
            result = run_live(
                loaded,
                _models_for(loaded, model),
                headless=headless,
                seconds=seconds,
                folder=folder if folder is not None else bundled.demo_session_folder(),
                end_when_lost=None,
                as_json=as_json,
                end_with_window=True,
            )
        finally:
            subject_process.terminate()
            try:
                subject_process.wait(5.0)
            except subprocess.TimeoutExpired:
                subject_process.kill()
                subject_process.wait()
    finish(result, report.as_text(result), as_json)


def _train(experiment: Path, recording: Path, out: Path) -> None:
    """Train in a process of its own: the session's process never loads scikit-learn, MNE or a plugin."""
    from rtbci.errors import RtbciError

    done = subprocess.run(
        [sys.executable, "-m", "rtbci", "train", str(experiment), "--recording", str(recording), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RtbciError(
            f"training on {recording} failed: {done.stderr.strip().splitlines()[-1] if done.stderr else ''}"
        )


@click.command(name="simulated-subject", hidden=True)
@click.option("--name", required=True)
@click.option("--seed", default=2, type=click.IntRange(0))
def subject(name: str, seed: int) -> None:
    """Stream the demo's simulated subject over LSL until ended, or until the process that started it is gone."""
    import signal
    import threading

    from rtbci import bundled
    from rtbci.player import play
    from rtbci.sources.lsl_quiet import quieten

    quieten()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    parent = os.getppid()

    def watch_parent() -> None:
        while not stop.wait(0.5):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=watch_parent, daemon=True).start()
    play(bundled.demo_subject(seed), name=name, wait=120.0, stop=stop)


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
