"""What a session counts while it runs: decisions, trials, samples; and what of it stays when it has ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rtbci.acquisition import Acquisition
from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.report import DecoderTally
from rtbci.retrieved import Found
from rtbci.runfolder import RunFolder
from rtbci.supervision import WorkerProcess
from rtbci.trials import Trial
from rtbci.types import Decision

log = logging.getLogger(__name__)


class Tallying:
    """Counts what workers leave in the run folder, and tells of each decision and trial once.

    Parameters
    ----------
    said : is told notes of workers. decided, finished : are told decisions and trials (`rtbci.session.Listener`).

    Attributes
    ----------
    tallies : by decoder; whoever starts a decoder adds its tally.
    """

    def __init__(
        self,
        said: Callable[[str], None],
        decided: Callable[[str, Decision, tuple[str, ...], float], None],
        finished: Callable[[str, Trial, tuple[str, ...]], None],
    ) -> None:
        self._said = said
        self._decided = decided
        self._finished = finished
        self._bytes_read: dict[Path, int] = {}
        self._notes_told: dict[str, list[str]] = {}
        self.tallies: dict[str, DecoderTally] = {}

    def gather(self, run: RunFolder, workers: Mapping[str, WorkerProcess], since: float) -> None:
        """Count what ``workers`` have decided since the last call; the session began at ``since`` on the source's clock."""
        for name, worker in workers.items():
            tally = self.tallies[name]
            for decision in worker.new_decisions(name):
                tally.add(decision)
                self._decided(name, decision, tally.classes, since)
            self.hear(name, worker)
            for fields in self._new_lines(run.trials(name)):
                trial = Trial.from_json(fields)
                tally.trials.append(trial)
                self._finished(name, trial, tally.classes)
            tally.found += [Found.from_json(fields) for fields in self._new_lines(run.found(name))]

    def hear(self, name: str, worker: WorkerProcess) -> None:
        """Take what the worker says of decoder ``name``; a note that it did not make before is told."""
        said, tally = worker.report(name), self.tallies[name]
        tally.skipped = max(tally.skipped, int(said.get("skipped", 0)))
        tally.over_gap = max(tally.over_gap, int(said.get("over_gap", 0)))
        tally.without_data = max(tally.without_data, int(said.get("without_data", 0)))
        tally.restarts, tally.problem = worker.restarts, worker.problem
        tally.device = said.get("device") or tally.device
        if said.get("state") == "live":
            notes = list(said.get("notes", ()))
            for note in notes:
                if note not in self._notes_told.get(name, ()):
                    self._said(f"note: {name}: {note}")
            self._notes_told[name] = notes

    def _new_lines(self, path: Path) -> list[dict[str, Any]]:
        """The JSON objects that were added to the file at ``path`` since the last look."""
        if not path.exists():
            return []
        first = self._bytes_read.get(path, 0)
        with path.open(
            "rb"
        ) as file:  # from there on alone: twenty looks a second, at what may be megabytes after an hour
            file.seek(first)
            fresh = file.read()
        whole = fresh.rfind(b"\n") + 1  # what follows the last line end is still being written
        self._bytes_read[path] = first + whole
        found = []
        for line in fresh[:whole].splitlines():
            try:
                found.append(json.loads(line))
            except ValueError as error:  # a worker was killed in the middle of a line
                log.warning("%s: a line cannot be read and is left out: %s", path, error)
        return found

    def keep(self, folder: SessionFolder) -> None:
        """Leave the trials, and what was found of them, in the session ``folder``. Raises OSError."""
        for name, tally in self.tallies.items():
            text = "".join(json.dumps(trial.as_json()) + "\n" for trial in tally.trials)
            (folder.decisions / f"{name}.trials.jsonl").write_text(text)
            if tally.found:
                text = "".join(json.dumps(found.as_json()) + "\n" for found in tally.found)
                (folder.decisions / f"{name}.found.jsonl").write_text(text)


def signal_report(acquisition: Acquisition, recorder: Recorder, received: int, n_gaps: int) -> dict[str, Any]:
    """What the report says of the signal: how much of it came, and what became of it; ``received`` samples in all."""
    problems = [part.problem for part in recorder.parts if part.problem]
    return {
        "seconds": round((acquisition.last_time or 0.0) - (acquisition.first_time or 0.0), 3),
        "samples": {
            "received": received,
            "lost": acquisition.lost_samples,
            "not_finite": acquisition.not_finite,
            "recorded": recorder.samples_written,
        },
        "gaps": n_gaps,
        "markers": acquisition.n_markers,
        "recording": {
            "path": str(recorder.path) if recorder.path else None,
            "bytes": sum(part.bytes for part in recorder.parts),
            "problem": recorder.problem or (problems[0] if problems else None),
            "samples_missed": recorder.samples_missed + recorder.samples_left(),
            "parts": [part.as_json() for part in recorder.parts],
        },
        "problem": acquisition.problem or acquisition.marker_problem,
    }
