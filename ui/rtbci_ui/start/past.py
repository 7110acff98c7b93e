"""What is left of earlier sessions: when an experiment was used last, and how a session ended."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rtbci.config import Experiment
from rtbci_ui.banner import alive

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Session:
    """One session folder: its state ("running", "ended", "recovered"), when it began, its experiment and its run folder."""

    path: Path
    experiment: str
    state: str
    started: float | None
    run: Path | None

    @property
    def runs(self) -> bool:
        """Whether it runs now, as far as its folders tell."""
        return self.state == "running" and self.run is not None and lives(self.run)

    @property
    def recording(self) -> Path | None:
        """Its first recording, or None where it has none."""
        found = sorted(self.path.glob("recording*.xdf"))
        return found[0] if found else None


def lives(run: Path) -> bool:
    """Whether the session of the run folder ``run`` is there: one that was killed leaves its folder behind."""
    if not (run / "status.json").exists():
        return False
    pid = (_json(run / "status.json") or {}).get("pid")
    return alive(pid if isinstance(pid, int) else None) is not False


def cut_short(folder: Path | None) -> str:
    """What to do about the session kept in ``folder``, which is gone, where it did not end properly; else ""."""
    session = session_at(folder) if folder is not None else None
    if session is None or session.state != "running":
        return ""
    return f"it did not end properly: `rtbci recover {folder}` closes its recording"


def session_at(path: Path) -> Session | None:
    """The session kept in the folder ``path``, or None where that is no session's."""
    fields = _json(path / "session.json")
    if fields is None:
        return None
    run = fields.get("run_folder")
    return Session(
        path, str(fields.get("experiment") or ""), str(fields.get("state") or ""), _seconds(fields.get("started")),
        Path(run) if isinstance(run, str) else None,
    )  # fmt: skip


def last_session(experiment: Experiment) -> Session | None:
    """The newest session of ``experiment`` in its recordings folder; dated folders are looked at from the newest on."""
    return _newest(experiment.resolve(experiment.recording.folder), experiment.name)


def _newest(root: Path, name: str) -> Session | None:
    try:
        folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.name, reverse=True)
    except OSError:
        return None
    return next((s for f in folders[:50] if (s := session_at(f)) is not None and s.experiment == name), None)


def glimpse(path: Path, now: float | None = None) -> tuple[str, str]:
    """Name of the experiment at ``path`` (the file's where it cannot be read), and when a session of it was, in words.

    Only the text is read: judging all recent experiments, some with banks of pictures, would take too long.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path.stem, "cannot be read"
    name, recording = tables.get("name"), tables.get("recording")
    if not isinstance(name, str) or not name.strip():
        return path.stem, "cannot be read"
    folder = recording.get("folder", "sessions") if isinstance(recording, dict) else "sessions"
    last = _newest(path.parent / str(folder), name)
    return name, "not used yet" if last is None else f"used {ago(last.started, now)}"


def changed(path: Path) -> float | None:
    """When the file was written last, in seconds of the wall clock."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def ago(then: float | None, now: float | None = None) -> str:
    """``then`` in words: "just now", "20 min ago", "today 14:05", "yesterday", "3 days ago", "2026-11-02"."""
    if then is None:
        return "never"
    now = time.time() if now is None else now
    passed = now - then
    moment, today = datetime.fromtimestamp(then), datetime.fromtimestamp(now)
    if passed < 90.0:
        return "just now"
    if passed < 3600.0:
        return f"{passed / 60:.0f} min ago"
    days = (today.date() - moment.date()).days
    if days <= 0:
        return f"today {moment:%H:%M}"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 14 else f"{moment:%Y-%m-%d}"


def ended_words(folder: Path | None) -> str:
    """How the session kept in ``folder`` ended: decisions, trials, accuracy with its interval, and chance."""
    report = _json(folder / "report.json") if folder is not None else None
    if report is None:
        return f"session ended; {cut_short(folder) or 'it left no report'}"
    words = [_decoder_words(name, entry, len(report["decoders"])) for name, entry in _decoders(report)]
    if not words:
        seconds = float(report.get("seconds") or 0.0)
        words = [f"{seconds:.0f} s recorded, nothing decoded"]
    problem = report.get("problem")
    return "session ended: " + "; ".join(words) + (f"; {problem}" if problem else "")


def _decoders(report: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    found = report.get("decoders")
    return found.items() if isinstance(found, Mapping) else ()


def _decoder_words(name: str, entry: Mapping[str, Any], n: int) -> str:
    decided = int((entry.get("windows") or {}).get("decoded") or 0)
    words = _count(decided, "decision") if n == 1 else f"{name}: {_count(decided, 'decision')}"
    trials = int(entry.get("trials") or 0)
    accuracy, interval = entry.get("trial_accuracy"), entry.get("trial_accuracy_ci95")
    if not trials or accuracy is None:
        return f"{words}, no finished trial"
    spread = (
        f" [{_share(interval[0])}-{_share(interval[1])}]" if isinstance(interval, list) and len(interval) == 2 else ""
    )
    return (
        f"{words}, {_count(trials, 'trial')}, accuracy {_share(accuracy)}{spread}, chance {_share(entry.get('chance'))}"
    )


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _share(value: Any) -> str:
    """A share without the nought before the point, as the field prints it: .71; 1.00 stays."""
    return "?" if not isinstance(value, int | float) else f"{value:.2f}".removeprefix("0")


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _seconds(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
