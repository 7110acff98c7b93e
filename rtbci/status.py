"""What a running session says of its parts, ten times a second, for windows and whoever asks over the control socket."""

from __future__ import annotations

from typing import Any

from rtbci.config import DecoderConfig, Experiment
from rtbci.interfaces import Source
from rtbci.recording.recorder import Recorder
from rtbci.report import DecoderTally, percentiles
from rtbci.supervision import WorkerProcess
from rtbci.types import StreamInfo

NEWEST = 2000
"""Decisions over which the status gives percentiles of the age; the report at the end takes all."""


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
    """State, path, size in bytes and length in seconds of the recording, and what stopped it."""
    return {
        "state": recorder.state if recorder else "off",
        "path": str(recorder.path) if recorder else None,
        "bytes": recorder.bytes if recorder else 0,
        "seconds": recorder.seconds if recorder else 0.0,
        "problem": recorder.problem if recorder else None,
    }


def decoder_status(
    config: DecoderConfig, worker: WorkerProcess, tally: DecoderTally, experiment: Experiment
) -> dict[str, Any]:
    """How one decoder is doing, with what a window needs to draw its decisions."""
    return {
        "state": worker.state,
        "restarts": worker.restarts,
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
