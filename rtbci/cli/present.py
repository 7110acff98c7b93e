"""The command that presents a paradigm: it starts the stimulus process and says how it went."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from rtbci.cli.output import command, finish

_REFUSED = 2


def _run(arguments: list[str]) -> tuple[int, list[str], list[str]]:
    """Exit code of the stimulus process, and the lines that it printed to stdout and stderr.

    A signal is handed on to it, as it ends the run and still says how it went; we wait for that.
    """
    process: subprocess.Popen[str] | None = None
    asked = False

    def end(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        if process is not None:
            process.terminate()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtbci_stimulus", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if asked:  # before there was anybody to hand it on to
            process.terminate()
        said, complaint = process.communicate()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return process.returncode, said.strip().splitlines(), complaint.strip().splitlines()


def _without_a_summary(code: int, complained: bool, log: Path | None, as_json: bool) -> int:
    """Say that it did not come to its end; what it was is not known."""
    until_then = f"; what happened until then is in {log}" if log is not None and log.exists() else ""
    if code in (-signal.SIGINT, -signal.SIGTERM):
        line = "the stimulus process was ended before anything was shown"
    elif code < 0:
        line = (
            f"the stimulus process was killed by {signal.Signals(-code).name}; nothing is known of the run{until_then}"
        )
    else:
        line = f"the stimulus process ended with code {code}{'; the lines above say why' if complained else until_then}"
    click.echo(f"rtbci: {line}", err=True)
    if as_json:
        click.echo(json.dumps({"error": line}))
    return 1


def _as_text(result: dict[str, Any]) -> str:
    """What a person wants to know: trials, dropped frames, whether the display was waited for, and what went wrong."""
    how = "done" if result["completed"] else "ended early"
    lines = [
        f"{result['paradigm']}: {how}, {result['trials']} of {result['planned_trials']} trials, {result['markers']} markers"
    ]
    if result["interval_median_ms"] is not None:
        lines.append(
            f"{result['dropped']} dropped of {result['frames'] + result['dropped']} frames; frame interval "
            f"{result['interval_median_ms']:.2f} ms, p99 {result['interval_p99_ms']:.2f} ms"
        )
    lines += [result["display"], *result["warnings"]]
    if answers := result["answers"]:
        lines.append(f"{sum(a['answer'] == a['truth'] for a in answers)} of {len(answers)} counts were right")
    return "\n".join(lines)


@command(
    "rtbci present --paradigm motor-imagery --set trials=10",
    "rtbci present experiment.toml --log stimuli.jsonl       (its [paradigm], its classes)",
    "rtbci present --paradigm ssvep --set frequencies=8,10,12 --screen 1 --json",
    name="present",
    short_help="Present a calibration paradigm, full-screen, with LSL markers.",
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--paradigm", metavar="NAME", help="motor-imagery, rsvp, p300-matrix, ssvep or resting.")
@click.option("--experiment", type=click.Path(path_type=Path), help="Experiment whose classes and labels are used.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the paradigm; may be repeated."
)
@click.option("--screen", type=click.IntRange(0), default=0, show_default=True, help="Number of the screen.")
@click.option("--windowed", metavar="WxH", help="In a window of this size instead of full-screen.")
@click.option(
    "--refresh", type=click.FloatRange(10, 1000), help="Refresh rate in Hz, where the system states a wrong one."
)
@click.option("--log", type=click.Path(path_type=Path), help="Append every event to this file, one JSON object a line.")
@click.option(
    "--wait-for-consumer/--no-wait-for-consumer",
    default=True,
    show_default=True,
    help="Wait up to 10 s for a receiver of the markers before the first trial.",
)
@click.option("--auto", is_flag=True, help="Begin, go on after pauses, and close without a key.")
@click.option("--screenshots", type=click.Path(path_type=Path), help="Save pictures of the screens there, and leave.")
def present(
    file: Path | None,
    paradigm: str | None,
    experiment: Path | None,
    settings: tuple[str, ...],
    screen: int,
    windowed: str | None,
    refresh: float | None,
    log: Path | None,
    wait_for_consumer: bool,
    auto: bool,
    screenshots: Path | None,
    as_json: bool,
) -> int:
    """Present a cued paradigm on a full screen and send its markers as an LSL stream.

    FILE is a TOML file with a [paradigm] table, of its own or an experiment. Space starts, P pauses before the next trial,
    Esc twice ends. Exit code 1 when the run was ended early.
    """
    from rtbci.cli.live import window_problem
    from rtbci.errors import RtbciError

    if screenshots is None and (problem := window_problem()):
        raise RtbciError(problem)
    options: list[tuple[str, object]] = [
        ("--paradigm", paradigm),
        ("--experiment", experiment),
        ("--windowed", windowed),
        ("--refresh", refresh),
        ("--log", log),
        ("--screenshots", screenshots),
    ]
    arguments = [str(part) for name, value in options if value is not None for part in (name, value)]
    arguments += [part for word in settings for part in ("--set", word)]
    arguments += ["--screen", str(screen), "--wait-for-consumer" if wait_for_consumer else "--no-wait-for-consumer"]
    arguments += ["--auto"] * auto + ([] if file is None else ["--", str(file)])
    code, said, complaint = _run(arguments)
    if code == _REFUSED:
        raise RtbciError(complaint[-1] if complaint else "the stimulus process refused without a word")
    for line in complaint:
        click.echo(line, err=True)
    if screenshots is not None and code == 0:
        finish({"screenshots": str(screenshots)}, f"pictures of the screens are in {screenshots}", as_json)
        return 0
    if not said:
        return _without_a_summary(code, bool(complaint), log, as_json)
    result = json.loads(said[-1])
    finish(result, _as_text(result), as_json)
    return 0 if result["completed"] else 1
