"""What a running session says of its parts, ten times a second, for windows and whoever asks over the control socket."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

from rtbci.acquisition import Acquisition
from rtbci.annotations import Annotations
from rtbci.charge import Charge
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import RtbciError
from rtbci.interfaces import Source
from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.report import DecoderTally, percentiles
from rtbci.runfolder import RunFolder
from rtbci.stages import KEPT, STAGES, StageRing
from rtbci.supervision import WorkerProcess
from rtbci.types import StreamInfo

log = logging.getLogger(__name__)

NEWEST = 2000
"""Decisions over which the status gives percentiles of the age; the report at the end takes all."""


class Watched(Protocol):
    """A session, as far as anybody can see it; None is what is not there yet."""

    experiment: Experiment
    source: Source
    info: StreamInfo | None
    folder: SessionFolder | None
    annotations: Annotations | None
    acquisition: Acquisition | None
    recorder: Recorder | None
    charge: Charge | None

    @property
    def workers(self) -> Mapping[str, WorkerProcess]:
        """The worker of each decoder."""


def session_status(session: Watched, tallies: Mapping[str, DecoderTally]) -> dict[str, Any]:
    """What the parts of ``session`` say of themselves; ``tallies`` by decoder."""
    experiment, source, info = session.experiment, session.source, session.info
    acquisition, annotations, charge = session.acquisition, session.annotations, session.charge
    return {
        "time": source.now() if info is not None else time.monotonic(),
        "monotonic": time.monotonic(),
        "name": experiment.name,
        "session": str(session.folder.path) if session.folder else "",
        "pid": os.getpid(),
        "started": acquisition.first_time if acquisition else None,
        "experiment": str(experiment.path.absolute()) if experiment.path else None,
        "stream": stream_status(info, source),
        "last_sample_time": acquisition.last_time if acquisition else None,
        "recording": recording_status(session.recorder),
        "clock_rate": getattr(source, "clock_rate", 1.0),
        "playback": playback_status(source),
        "charge": {"decoder": charge.decoder if charge else None, "next": charge.next if charge else None},
        "display": annotations.display if annotations else {},
        "bads": sorted(annotations.bads) if annotations else [],
        "decoders": {
            name: decoder_status(experiment.decoder(name), worker, tallies[name], experiment)
            for name, worker in session.workers.items()
        },
    }


def stream_status(info: StreamInfo | None, source: Source) -> dict[str, Any]:
    """Name, type, rates in Hz and clock offset in ms of the stream; None for what is not known (yet)."""
    offset = getattr(source, "clock_offset", None)
    return {
        "name": info.name if info else None,
        "type": info.type if info else None,
        "source_id": info.source_id if info else None,
        "rate": info.rate if info else None,
        "effective_rate": getattr(source, "effective_rate", None),
        "clock_offset_ms": None if offset is None else offset * 1e3,
    }


def recording_status(recorder: Recorder | None) -> dict[str, Any]:
    """State, path, size in bytes and length in seconds of the newest part of the recording, its number, what stopped it."""
    return {
        "state": recorder.state if recorder else "off",
        "path": str(recorder.path) if recorder and recorder.path else None,
        "part": recorder.status.part if recorder else 0,
        "bytes": recorder.bytes if recorder else 0,
        "seconds": recorder.seconds if recorder else 0.0,
        "problem": recorder.problem if recorder else None,
    }


def playback_status(source: Source) -> dict[str, Any] | None:
    """Where a recording that is played stands, in the source's own words; None for a live stream."""
    playback = getattr(source, "playback", None)
    said: dict[str, Any] | None = playback() if callable(playback) else None
    return said


def decoder_status(
    config: DecoderConfig, worker: WorkerProcess, tally: DecoderTally, experiment: Experiment
) -> dict[str, Any]:
    """How one decoder is doing, with what a window needs to draw its decisions."""
    return {
        "state": worker.state,
        "restarts": worker.restarts,
        "restart_reasons": list(worker.reasons),
        "problem": worker.problem,
        "device": tally.device,
        "decoded": tally.decoded,
        "skipped": tally.skipped,
        "late": tally.late,
        "over_gap": tally.over_gap,
        "age_ms": percentiles(tally.ages[-NEWEST:]),
        "classes": list(tally.classes),
        "hop": config.hop,
        "window": config.window,
        "trials": len(tally.trials),
        "trial_accuracy": tally.trial_accuracy,
        "window_accuracy": tally.window_accuracy,
        "chance": 1.0 / len(tally.classes),
        "labels": {label: k for k, labels in enumerate(experiment.classes.values()) for label in labels},
        "threshold": experiment.evidence.threshold,
        "trial": [experiment.trial.start, experiment.trial.stop],
    }


def stages_ms(run: RunFolder, decoder: str) -> dict[str, dict[str, float] | None] | None:
    """p50, p95 and p99 of each stage of the age (`rtbci.stages`) over the newest decisions; None where none was told."""
    path = run.stages(decoder)
    if not path.exists():
        return None
    try:
        ring = StageRing.attach(path)
        rows = ring.newest(KEPT)
        ring.close()
    except RtbciError as error:  # a report does not depend on it
        log.warning("the stages of %s are unknown: %s", decoder, error)
        return None
    return {name: percentiles(column.tolist()) for name, column in zip(STAGES, rows.T, strict=True)}
