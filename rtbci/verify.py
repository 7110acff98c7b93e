"""Verification: a recorded session is run again from its own recording, and every decision is compared with the log.

A worker that was restarted has left decisions of several *origins* (the sample from which its transforms ran without a
break); each origin is run again from there. Windows that were skipped live are skipped again, so that the evidence has the
same past. What is compared, bit for bit: sample indices, signal time, log-probabilities, evidence, answer; of what was
found in a bank the candidates, their probabilities and cosines, ranks, what was claimed.

What was decided on a device that is not here, or in one batch with windows of other decoders, is compared within the
decoder's tolerance (`rtbci.agreement`). What was decided on the processor is decided there again.

Where recording was stopped and started again, each part is run by itself, and what was decided while nothing was recorded
is counted apart. `rtbci.decided_again` says how a decoder is run again whose signal was not recorded from its origin on.

A decoder that adapts learns again from the same trials in the same order, before the decision that the log says was the
first after it: a marker may have come late. Where it began anew with what it had learnt, it is given the copy of that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtbci import assemble, config
from rtbci.bank import Bank
from rtbci.config import Experiment
from rtbci.decided_again import Again
from rtbci.errors import RecordingError
from rtbci.logged import decisions
from rtbci.recorded import recorded
from rtbci.recording.session_folder import SessionFolder
from rtbci.training import Progress
from rtbci.verdict import DecoderVerdict, Verdict


def verify(path: Path, progress: Progress = lambda text: None, tolerance: float | None = None) -> Verdict:
    """Run the session in folder ``path`` again and compare.

    With ``tolerance``, log-probabilities of every decoder may differ by that much; without it only where they were made on
    another device or in joined batches, and by the decoder's own.

    Raises
    ------
    RecordingError
        When the folder is no session, or lacks its recording, model or log.
    """
    folder = SessionFolder.open(path)
    fields = folder.read()
    experiment_path = fields.get("experiment_path")
    try:
        text = folder.experiment.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(
            f"{folder.experiment} cannot be read ({error}); the session's copy of its experiment is needed"
        ) from error
    experiment = config.loads(text, Path(experiment_path) if experiment_path else None)
    assemble.limit_threads()
    _refuse_holes(folder)
    _refuse_other_bank(experiment, fields.get("bank"))
    parts = recorded(folder)
    verdicts: dict[str, DecoderVerdict] = {}
    for name, model_name in fields.get("models", {}).items():
        # the copy in the folder is what ran, wherever the folder has been moved since
        model_path = folder.path / Path(model_name).name
        if not model_path.exists():
            raise RecordingError(f"{model_path}: the session's copy of its model is missing; nothing can be compared")
        logged = decisions(folder.decision_log(name))
        progress(f"{name}: {len(logged)} decisions in the log")
        again = Again(experiment, experiment.decoder(name), model_path, folder, parts, progress, tolerance)
        verdicts[name] = again.verify(logged)
    return Verdict(folder.path, verdicts, len(parts))


def _refuse_other_bank(experiment: Experiment, live: Mapping[str, Any] | None) -> None:
    """Refuse a bank that is not the one in which was looked ``live``."""
    if experiment.bank is None or live is None:
        return
    bank = Bank.open(experiment.resolve(experiment.bank.path))
    if bank.entry()["sha256"] != live["sha256"]:
        raise RecordingError(
            f"{bank.path} is not the bank in which the session looked ({live['items']} items of {live['space']}); "
            "what it found cannot be compared"
        )


def _refuse_holes(folder: SessionFolder) -> None:
    """Refuse a recording that the disk was too slow for: its samples are no longer numbered as they were live."""
    if not folder.report.exists():
        return  # the session was killed; what was recorded up to then is whole
    try:
        said = json.loads(folder.report.read_text())["recording"]
        holes = [(str(part["file"]), int(part["missed"])) for part in said.get("parts", ())]
        if not any(missed for _, missed in holes) and not said["problem"]:  # what came after a fault is counted, too
            holes = [(folder.recording.name, int(said["samples_missed"]))]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            f"{folder.report} is not the report of a session ({error!r}); it has been changed"
        ) from error
    for file, missed in holes:
        if missed:
            raise RecordingError(
                f"{folder.path / file} lacks {missed} samples that the disk was too slow for; what came after them cannot "
                "be compared"
            )
