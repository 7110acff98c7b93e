"""``rtbci demo``: a whole session with a simulated person, who streams from a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rtbci.cli.live import SECONDS, models_for, run_live, window_problem
from rtbci.cli.output import command, finish, say


@dataclass(frozen=True, slots=True)
class _Show:
    """One demo: its folder among what is bundled, and what is to be said of the person before it and of the report."""

    bundled: str
    training: str
    note: str = ""


SHOWS = {
    "movement": _Show("fists_or_feet", "training on the bundled calibration recording …"),
    "images": _Show(
        "pictures",
        "training on the bundled calibration recording: 480 presentations of 160 pictures …",
        "the viewer is simulated, and responds to what a picture shows far more strongly than a person does; 40 of the "
        "200 pictures were not in the calibration recording, so what is found of them is zero-shot",
    ),
}


@command(
    "rtbci demo",
    "rtbci demo images",
    "rtbci demo images --draw",
    "rtbci demo images --no-window --seconds 60 --json",
    name="demo",
    short_help="A whole session with a simulated subject.",
)
@click.argument("what", metavar="[movement|images]", type=click.Choice(tuple(SHOWS)), default="movement")
@click.option("--headless", "--no-window", "headless", is_flag=True, help="No window: decisions are printed.")
@click.option("--seconds", type=SECONDS, help="End by itself this long after the first sample.")
@click.option("--session", "folder", type=click.Path(path_type=Path), help="Folder to record into (new or empty).")
@click.option(
    "--seed", default=2, show_default=True, type=click.IntRange(0), help="Which run of the simulated subject."
)
@click.option(
    "--draw",
    is_flag=True,
    help="With images: also draw what is seen. The first time a small generator is trained, for a minute or two.",
)
def demo(
    what: str, headless: bool, seconds: float | None, folder: Path | None, seed: int, draw: bool, as_json: bool
) -> None:
    """See a whole session: a simulated subject streams EEG, a decoder trained on its calibration decides live.

    \b
    rtbci demo          somebody imagines moving fists or feet; a decoder says which.
    rtbci demo images   somebody looks at pictures, one a second; decoders say which
                        of a bank of 200 it was. "locked" waits for the marker of the
                        onset; "free-running" hears no marker and answers 20 times
                        a second.

    The subject is simulated (a head model, 1/f background, blinks, line noise; mu and beta rhythms that go down when fists
    or feet are imagined, or responses of visual cortex that depend on the picture); everything else is what runs with an
    amplifier. The session that is streamed is not the one that was trained on; --seed 1 would be that one.
    """
    from rtbci import bundled, config, report

    show = SHOWS[what]
    if draw and what != "images":
        raise click.UsageError(
            f"--draw with {what}, where no picture is seen; rtbci demo images --draw would be right."
        )
    if not headless and (problem := window_problem()):
        say(f"{problem}: going on without a window, as with --headless; Ctrl-C ends it", as_json)
        headless = True
    with tempfile.TemporaryDirectory(prefix="rtbci-demo-") as scratch:
        name = f"rtbci demo {os.getpid()}"
        path = bundled.write_demo_experiment(Path(scratch), name, show.bundled)
        if draw:
            bundled.add_renderer(path, _generator(as_json))
        model = Path(scratch) / "demo.rtbci"
        say(show.training, as_json)
        _train(path, bundled.calibration(show.bundled), model)
        with _streaming(what, name, seed):
            loaded = config.load(path)
            result = run_live(
                loaded,
                models_for(loaded, model),
                headless=headless,
                seconds=seconds,
                folder=folder if folder is not None else bundled.demo_session_folder(),
                end_when_lost=None,
                as_json=as_json,
                end_with_window=True,
            )
    if show.note:
        result = {**result, "notes": [*result.get("notes", ()), show.note]}
    finish(result, report.as_text(result), as_json)


@contextmanager
def _streaming(what: str, name: str, seed: int) -> Iterator[None]:
    """The simulated person in a process of their own, as LSL streams called ``name`` and ``name`` markers."""
    person = subprocess.Popen(
        [sys.executable, "-m", "rtbci", "simulated-subject", what, "--name", name, "--seed", str(seed)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        person.terminate()
        try:
            person.wait(5.0)
        except subprocess.TimeoutExpired:
            person.kill()
            person.wait()


def _generator(as_json: bool) -> Path:
    """The generator of the bundled bank: trained once, and kept among the user's cached files."""
    from rtbci import bundled
    from rtbci.errors import RtbciError

    path = bundled.generator()
    if not path.exists():
        say(f"training a small generator on the bank's 200 pictures, to be kept in {path} …", as_json)
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["bank", "train-generator", str(bundled.pictures()), "--out", str(path), "--json"]
        done = subprocess.run([sys.executable, "-m", "rtbci", *command], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise RtbciError("the generator could not be trained (above); without --draw the demo runs")
    return path


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
@click.argument("what", type=click.Choice(tuple(SHOWS)), default="movement")
@click.option("--name", required=True)
@click.option("--seed", default=2, type=click.IntRange(0))
def subject(what: str, name: str, seed: int) -> None:
    """Stream a demo's simulated subject over LSL until ended, or until the process that started it is gone."""
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
    person: Any = bundled.demo_viewer(seed) if what == "images" else bundled.demo_subject(seed)
    play(person, name=name, wait=120.0, stop=stop)
