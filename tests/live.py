"""Real processes for tests: the ``rtbci`` command, run as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtbci import bundled

EXPERIMENT = """
name = "{name}"

[source]
use = "lsl"
name = "{stream}"

[markers]
streams = ["{stream} markers"]

[classes]
fists = ["T1"]
feet = ["T2"]

[trial]
start = 0.5
stop = 3.5

{decoders}

[evidence]
threshold = 0.7
"""

DECODER = """
[[decoder]]
name = "{name}"
use = "{use}"
window = 2.0
hop = 0.1
transforms = [{{ use = "band-pass", low = 8.0, high = 30.0 }}]
"""


def experiment(folder: Path, stream: str, *uses: str, extra: str = "") -> Path:
    """Write an experiment that hears ``stream`` and decodes with ``uses``; decoders are named for their class."""
    decoders = "".join(DECODER.format(name=use.split(":")[-1], use=use) + extra for use in uses)
    path = folder / "experiment.toml"
    path.write_text(EXPERIMENT.format(name="test", stream=stream, decoders=decoders))
    return path


def rtbci(*arguments: object, timeout: float = 100.0) -> tuple[int, Any, str]:
    """Run a command with ``--json``; return its exit code, the object on the last line of stdout, and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "rtbci", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else None, done.stderr


@contextmanager
def running(*arguments: object, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """A command in the background; ended, by force if need be, when the test is over."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rtbci", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **settings,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


@contextmanager
def streaming(name: str, *options: object, file: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """``rtbci stream`` of the bundled recording, or of ``file``, as the LSL stream ``name``."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "rtbci",
            "stream",
            str(file or bundled.calibration()),
            "--name",
            name,
            *map(str, options),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll until ``condition`` gives something true; fail with ``what`` when it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what}")


def run_folder_of(session: Path) -> Path | None:
    """The run folder of the session in folder ``session``, as soon as it says so."""
    try:
        found = json.loads((session / "session.json").read_text())["run_folder"]
    except (OSError, ValueError):
        return None
    return Path(found) if found else None


def status_of(session: Path) -> dict[str, Any]:
    """The running session's status, empty while there is none."""
    run = run_folder_of(session)
    try:
        return json.loads((run / "status.json").read_text()) if run else {}
    except (OSError, ValueError):
        return {}


def child_pids(pid: int, containing: str) -> list[int]:
    """Children of process ``pid`` whose command line contains ``containing`` (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid and containing in command:
            found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    """``kill -9``."""
    os.kill(pid, signal.SIGKILL)
