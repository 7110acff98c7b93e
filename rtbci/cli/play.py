"""The command that plays a recording over LSL."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import click

from rtbci.cli.output import clear_progress, command, finish, progress, say


@command(
    "rtbci stream S001R14.edf",
    "rtbci stream run-005_eeg.xdf --speed 4 --loop",
    name="stream",
    short_help="Play a recording as LSL streams.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(0.01, 1000), help="Times real time.")
@click.option("--chunk", type=click.IntRange(1), help="Samples that are sent together; default: 20 ms of them.")
@click.option("--name", help="Name of the signal stream; the markers' is NAME markers. Default: the recording's.")
@click.option("--loop", is_flag=True, help="Begin again at the end, until interrupted; time goes on.")
@click.option(
    "--wait",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.0),
    help="Seconds to wait for somebody to listen before sample 0 is sent, so that a receiver gets the whole recording.",
)
@click.option("--channels", help="Names, separated by commas, where the file has none.")
@click.option("--signal", "signal_stream", help="Which stream of an XDF to play, by name.")
def stream(
    file: Path,
    speed: float,
    chunk: int | None,
    name: str | None,
    loop: bool,
    wait: float,
    channels: str | None,
    signal_stream: str | None,
    as_json: bool,
) -> None:
    """Play a recording as two LSL outlets, signal and markers, as an amplifier and a stimulus program would send them.

    The values sent are exactly those that training and replay read from the file. Ctrl-C ends it.
    """
    from rtbci.player import play
    from rtbci.sources.file import format_of
    from rtbci.sources.lsl_quiet import quieten

    format_of(file)  # refuses what is no recording
    quieten()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    say(f"playing {file} at {speed:g} times real time; Ctrl-C ends it", as_json)
    extra: dict[str, Any] = {}
    if channels:
        extra["channels"] = [part.strip() for part in channels.split(",")]
    if signal_stream:
        extra["stream"] = signal_stream
    report = play(
        file,
        speed=speed,
        chunk=chunk,
        name=name,
        loop=loop,
        wait=wait,
        stop=stop,
        on_progress=progress(as_json),
        **extra,
    )
    clear_progress()
    finish(report.as_json(), report.as_text(), as_json)
