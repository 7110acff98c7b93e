"""The session folder: everything that one session leaves behind, and enough to prove afterwards what it did.

::

    sessions/2026-11-23_21-54-03_fists-or-feet/
        session.json       what ran: versions, machine, stream, model's hash, state (running -> ended | recovered)
        experiment.toml    the experiment as it was, word for word
        model.rtbci        a copy of the model, where one was given
        recording.xdf      signals, markers, gaps and decisions
        recording_2.xdf    … the next part, where recording was stopped and started again
        decisions/NAME.jsonl   the decisions of decoder NAME, bit for bit
        decisions/NAME.origins.jsonl   where it began to decide, and on which device (`rtbci.origins`)
        notes.jsonl        what the experimenter noted, one JSON object a line (`rtbci.annotations`)
        bads.jsonl         channels that were marked bad while the session ran
        markers.jsonl      markers that came while nothing was recorded
        report.json        what came out
        log.txt            one line an event
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import shutil
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rtbci.errors import RecordingError
from rtbci.recording.process import birth
from rtbci.recording.session_log import LineHandler

FORMAT = 1
VERSIONED = (
    "rtbci", "numpy", "scipy", "numba", "llvmlite", "pylsl", "pyxdf", "mne", "scikit-learn", "pyriemann", "torch",
    "safetensors", "skops", "threadpoolctl", "pyqtgraph", "PySide6-Essentials",
)  # fmt: skip
"""Distributions whose versions a session notes, where they are installed."""


def now_iso() -> str:
    """The present time in ISO 8601, to the millisecond, with its zone."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def slug(name: str) -> str:
    """``name`` as part of a folder's name: "Fists or feet?" is "fists-or-feet"."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")[:60] or "session"


def replace_text(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path`` at once and on the disk: a reader, or a crash, finds the old or the new one."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise RecordingError(
            f"cannot write {path}: {error.strerror}; is the folder there and the disk not full?"
        ) from error


class SessionFolder:
    """The folder of one session; made by `create`, found again by `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._handler: logging.Handler | None = None

    @classmethod
    def create(cls, path: Path | None, experiment_name: str, root: Path = Path("sessions")) -> SessionFolder:
        """Make the folder ``path``, or without one a folder in ``root`` named for the time and the experiment.

        Raises RecordingError when ``path`` holds something already or the folder cannot be made.
        """
        started = datetime.now().astimezone()
        try:
            if path is not None:
                path.mkdir(parents=True, exist_ok=True)
                if (first := next(path.iterdir(), None)) is not None:
                    raise RecordingError(
                        f"session folder {path} is not empty (it holds {first.name}); name a new or an empty folder"
                    )
            else:
                root.mkdir(parents=True, exist_ok=True)
                path = _make_new(root, f"{started:%Y-%m-%d_%H-%M-%S}_{slug(experiment_name)}")
            folder = cls(path.resolve())
            folder.decisions.mkdir()
        except OSError as error:
            where = root if path is None else path
            raise RecordingError(
                f"cannot make a session folder at {where}: {error.strerror}; name another place"
            ) from error
        try:
            folder._begin(experiment_name, started)
        except RecordingError:
            shutil.rmtree(folder.path, ignore_errors=True)  # or the next try would find the folder not empty
            raise
        return folder

    def _begin(self, experiment_name: str, started: datetime) -> None:
        """Write session.json for the first time."""
        pid = os.getpid()
        self._write(
            {
                "format": FORMAT,
                "experiment": experiment_name,
                "state": "running",
                "started": started.isoformat(timespec="milliseconds"),
                "ended": None,
                "pid": pid,
                "pid_birth": birth(pid),
                "run_folder": None,
                "model_sha256": None,
                "stream": None,
                "python": platform.python_version(),
                "versions": installed_versions(),
                "machine": {
                    "host": platform.node(),
                    "platform": platform.platform(),
                    "processor": platform.machine(),
                    "cpus": os.cpu_count(),
                    "byteorder": sys.byteorder,
                },
            }
        )

    @classmethod
    def open(cls, path: Path) -> SessionFolder:
        """The session folder at ``path``. Raises RecordingError that says what is missing when it is none."""
        if not path.is_dir():
            what = "a file" if path.exists() else "not there"
            raise RecordingError(f"{path} is {what}; a session folder is what `rtbci run` leaves behind")
        folder = cls(path.resolve())
        folder.read()
        return folder

    @property
    def session(self) -> Path:
        """What ran, as JSON."""
        return self.path / "session.json"

    @property
    def experiment(self) -> Path:
        """The experiment file, word for word."""
        return self.path / "experiment.toml"

    @property
    def model(self) -> Path:
        """The copy of the model file, where all decoders share one (`keep_models`)."""
        return self.path / "model.rtbci"

    @property
    def recording(self) -> Path:
        """The XDF file; the first one, where there are several (`recordings`)."""
        return self.path / "recording.xdf"

    def recordings(self) -> tuple[Path, ...]:
        """The parts of the recording, in their order: one, unless recording was stopped and started again, or never begun.

        A part that was stopped before its first sample holds nothing to read, and is left out.

        Raises RecordingError where session.json names a file outside the folder: rtbci writes none there.
        """
        named = self.read().get("parts")
        if named is None:  # a session of before there were parts
            return (self.recording,)
        held = [part for part in named if part.get("samples") or not part.get("ended")]
        paths = tuple((self.path / str(part["file"])).resolve() for part in held)
        for path in paths:
            if not path.is_relative_to(self.path):
                raise RecordingError(
                    f"{self.session} names the recording {path}, outside the folder; it has been changed"
                )
        return paths

    def next_recording(self, name: str | None = None) -> Path:
        """Where the next part goes: recording.xdf, recording_2.xdf, …; or ``name`` (relative), or the first of its kind.

        Raises RecordingError for a ``name`` that leads out of the folder.
        """
        wanted = self.path / (name or self.recording.name)
        if not wanted.resolve().is_relative_to(self.path):
            raise RecordingError(f"{name} leads out of the session folder {self.path}; a path within it would be right")
        path, number = wanted, 1
        while path.exists():
            number += 1
            path = wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}")
        return path

    @property
    def decisions(self) -> Path:
        """The folder of the decision logs."""
        return self.path / "decisions"

    @property
    def notes(self) -> Path:
        """What the experimenter noted."""
        return self.path / "notes.jsonl"

    @property
    def bads(self) -> Path:
        """Channels that were marked bad, or good again, while the session ran."""
        return self.path / "bads.jsonl"

    @property
    def markers_aside(self) -> Path:
        """Markers that came while nothing was recorded."""
        return self.path / "markers.jsonl"

    @property
    def charge_log(self) -> Path:
        """When which decoder took over, one JSON object a line (`rtbci.charge.Switch`)."""
        taken = "charge" in (
            self.read().get("models") or {}
        )  # a decoder may have that name, and its decision log with it
        return self.decisions / ("charge.switches.jsonl" if taken else "charge.jsonl")

    @property
    def report(self) -> Path:
        """What came out, as JSON."""
        return self.path / "report.json"

    @property
    def log(self) -> Path:
        """One line an event."""
        return self.path / "log.txt"

    def decision_log(self, decoder: str) -> Path:
        """The decisions of ``decoder``, one JSON object a line (`rtbci.runfolder.decision_from_json`)."""
        return self.decisions / f"{decoder}.jsonl"

    def retrieved_log(self, decoder: str) -> Path:
        """What ``decoder`` found in a bank with each decision, one JSON object a line (`rtbci.retrieved.from_json`)."""
        return self.decisions / f"{decoder}.retrieved.jsonl"

    def decoders(self) -> tuple[str, ...]:
        """Names of the decoders that have a decision log."""
        # no decoder's name has a dot in it
        found = (path.stem for path in self.decisions.glob("*.jsonl") if path != self.charge_log)
        return tuple(sorted(name for name in found if "." not in name))

    def read(self) -> dict[str, Any]:
        """What session.json says. Raises RecordingError when it is missing or is not what rtbci wrote."""
        try:
            fields = json.loads(self.session.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RecordingError(f"{self.path} is no session folder: session.json is missing") from None
        except OSError as error:
            raise RecordingError(f"cannot read {self.session}: {error.strerror}") from error
        except ValueError as error:
            raise RecordingError(f"{self.session} is not JSON ({error}); rtbci did not write it so") from error
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            found = fields.get("format") if isinstance(fields, dict) else type(fields).__name__
            raise RecordingError(f"{self.session} has format {found!r}; this rtbci reads format {FORMAT}")
        return fields

    def update(self, **fields: object) -> None:
        """Change ``fields`` of session.json, at once for whoever reads it. Raises RecordingError when it cannot be."""
        with self._lock:
            self._write({**self.read(), **fields})

    def end(self, state: str = "ended") -> None:
        """Note that the session is over, and when."""
        self.update(state=state, ended=now_iso())

    def write_experiment(self, text: str) -> None:
        """Keep the experiment file ``text`` word for word."""
        replace_text(self.experiment, text)

    def keep_models(self, models: Mapping[str, Path]) -> dict[str, Path]:
        """Copy the model files, note their SHA-256 in session.json, and say where the model of each decoder is now.

        One file that serves all decoders becomes model.rtbci; of several each becomes model-NAME.rtbci, named for the first
        of its decoders. ``models`` gives a file by decoder name.
        """
        names: dict[Path, str] = {}
        for decoder, model in models.items():
            names.setdefault(model.resolve(), decoder)
        copies = {
            source: self.model if len(names) == 1 else self.path / f"model-{slug(decoder)}.rtbci"
            for source, decoder in names.items()
        }
        digests = {}
        for source, copy in copies.items():
            try:
                shutil.copyfile(source, copy)
                digests[copy.name] = hashlib.sha256(copy.read_bytes()).hexdigest()
            except OSError as error:
                raise RecordingError(f"cannot copy the model {source} to {copy}: {error.strerror}") from error
        self.update(model_sha256=digests)
        return {decoder: copies[model.resolve()] for decoder, model in models.items()}

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Keep what came out."""
        replace_text(self.report, json.dumps(report, indent=2) + "\n")

    def start_log(self) -> None:
        """Send what is logged under "rtbci", INFO and worse, to log.txt from now on, until `stop_log`."""
        if self._handler is not None:
            return
        self._handler = LineHandler(self.log)
        logger = logging.getLogger("rtbci")
        if logger.getEffectiveLevel() > logging.INFO:
            logger.setLevel(logging.INFO)
        logger.addHandler(self._handler)

    def stop_log(self) -> None:
        """Close log.txt; safe to call twice."""
        if self._handler is None:
            return
        logging.getLogger("rtbci").removeHandler(self._handler)
        self._handler.close()
        self._handler = None

    def _write(self, fields: Mapping[str, Any]) -> None:
        replace_text(self.session, json.dumps(fields, indent=2) + "\n")


def installed_versions() -> dict[str, str]:
    """Versions of the `VERSIONED` distributions that are installed."""
    found = {}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _make_new(root: Path, name: str) -> Path:
    """A folder ``name``, or ``name``-2, -3, … when another session began in the same second."""
    for number in range(1, 100):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise RecordingError(f"{root} holds 99 folders {name} already; name the session's folder yourself")
