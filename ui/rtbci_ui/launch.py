"""Starting sessions: each is a process of its own, in a process session of its own, so that it outlives the window.

::

    start_session() --> looking --status.json with its pid--> preparing --live--> found
                           `--------- exit ---------------------'`----> failed: the last line that it said

Nothing is read from the process but its run folder, which is found by its process id, and what it said on stderr.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtbci.runfolder import PREFIX, read_json
from rtbci_ui.status import Status, read_status

PREPARING = ("connecting", "starting")
"""States of a session that looks for its stream or loads its decoders, and may still refuse."""
CANCEL_SECONDS = 2.0
"""A session that looks for its stream does not hear until it has found it; after this long it is ended the hard way."""
ROOTS = (Path("/dev/shm"), Path(tempfile.gettempdir()))
"""Where run folders are made (`rtbci.runfolder.RunFolder.create`)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a session that was started.

    ``run`` is its run folder once it has one, ``ready`` whether it acquires, ``doing`` what it does meanwhile, and
    ``problem`` why it ended, "" while it runs or where it ended as it should. ``folder`` is where it is kept on disk.
    """

    run: Path | None = None
    ready: bool = False
    doing: str = ""
    problem: str = ""
    ended: bool = False
    folder: Path | None = None


class Launched:
    """One session that was started from here; `poll` it now and then."""

    def __init__(self, arguments: Sequence[str], roots: Sequence[Path] = ROOTS) -> None:
        self.arguments = tuple(arguments)
        self._roots = tuple(dict.fromkeys(roots))
        descriptor, name = tempfile.mkstemp(prefix="rtbci-start-", suffix=".log")
        self._log = Path(name)
        self._run: Path | None = None
        self._folder: Path | None = None
        self._cancelled: float | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rtbci", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=descriptor,
                start_new_session=True,  # neither Ctrl-C in our terminal nor our end reaches it
            )
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int:
        """Process id of the session."""
        return self._process.pid

    def poll(self) -> Outcome:
        """What has become of it; costs a look at a few small files."""
        code = self._process.poll()
        if self._run is None and code is None:
            self._run = run_of(self.pid, self._roots)
        status = _status(self._run) if self._run is not None else None
        if code is None and self._hangs(status):
            self._process.kill()
            code = self._process.wait()
            if self._run is not None:
                shutil.rmtree(self._run, ignore_errors=True)
        if status is not None and status.session_folder is not None:
            self._folder = status.session_folder
        if code is not None:
            problem = "" if code == 0 else "cancelled" if self._cancelled is not None else self._said(code)
            return Outcome(problem=problem, ended=True, folder=self._folder)
        if status is None or self._run is None:
            return Outcome(doing="starting …")
        ready = status.state not in PREPARING
        doing = "" if ready else status.message or "looking for the stream …"
        return Outcome(self._run, ready, doing, folder=self._folder)

    def _said(self, code: int) -> str:
        """The last line of stderr, without the program's name."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return (
            lines[-1].removeprefix("rtbci: ") if lines else f"the session ended with exit code {code} and said nothing"
        )

    def cancel(self) -> None:
        """End it properly, as Ctrl-C would; it closes what it has opened."""
        if self._process.poll() is None:
            self._process.terminate()
            self._cancelled = self._cancelled or time.monotonic()

    def _hangs(self, status: Status | None) -> bool:
        """Whether it was cancelled and still waits for its stream: nothing is recorded then, and no decoder is started."""
        waits = status is None or (status.state == "connecting" and status.session_folder is None)
        return waits and self._cancelled is not None and time.monotonic() - self._cancelled > CANCEL_SECONDS

    def wait(self, seconds: float) -> Outcome:
        """Wait for its end for so long at most, and say what has become of it by then."""
        end = time.monotonic() + seconds
        while not (outcome := self.poll()).ended and time.monotonic() < end:
            time.sleep(0.05)
        return outcome

    def forget(self) -> None:
        """Remove what it said; to be called when nobody will ask for it any more."""
        self._log.unlink(missing_ok=True)


def start_session(experiment: Path, model: Path | None = None, extra: Sequence[str] = ()) -> Launched:
    """A live session of ``experiment``; without a ``model`` it decodes with those that the experiment names, if any."""
    chosen = [] if model is None else ["--model", str(model.absolute())]
    return Launched(["run", str(experiment.absolute()), *chosen, *extra, "--headless"])


def start_rehearsal(
    experiment: Path, recording: Path, model: Path | None = None, extra: Sequence[str] = ()
) -> Launched:
    """A session of ``experiment`` on a ``recording`` (a file or a session's folder), as if it were live."""
    chosen = [] if model is None else ["--model", str(model.absolute())]
    where = ["--recording", str(recording.absolute())]
    return Launched(["rehearse", str(experiment.absolute()), *where, *chosen, *extra, "--headless", "--hold"])


def run_of(pid: int, roots: Sequence[Path] = ROOTS) -> Path | None:
    """The run folder of the session that is process ``pid``, or None where it has none yet."""
    for folder, status in _runs(roots):
        if status.pid == pid:
            return folder
    return None


def running(roots: Sequence[Path] = ROOTS) -> list[tuple[Path, Status]]:
    """Sessions of this user that run now, whoever started them: run folder and status, the newest first."""
    found = [(folder, status) for folder, status in _runs(roots) if isinstance(status.pid, int) and _alive(status.pid)]
    going = [(folder, status) for folder, status in found if status.state != "ended"]
    return sorted(going, key=lambda pair: pair[0].stat().st_mtime if pair[0].exists() else 0.0, reverse=True)


def _runs(roots: Sequence[Path]) -> list[tuple[Path, Status]]:
    folders = [folder for root in roots for folder in root.glob(f"{PREFIX}*")]
    pairs = ((folder, _status(folder)) for folder in folders)
    return [(folder, status) for folder, status in pairs if status is not None]


def _status(folder: Path) -> Status | None:
    """What the session says of itself, or None where there is nothing, or another user's."""
    try:
        fields = read_json(folder / "status.json")
    except (OSError, ValueError):
        return None
    return read_status(fields) if fields is not None else None


def _alive(pid: int) -> bool:
    if sys.platform == "win32":  # there, signal 0 ends a process instead of asking after it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
