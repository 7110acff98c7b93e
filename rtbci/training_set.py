"""Training windows: what `rtbci.pipeline.Pipeline` cuts of recordings, with the label of the trial that each lies in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble
from rtbci import model as models
from rtbci.config import DecoderConfig, Experiment
from rtbci.config_file import show
from rtbci.errors import ConfigError, SourceError
from rtbci.interfaces import Source
from rtbci.pipeline import Pipeline
from rtbci.trials import Gathered, Gatherer
from rtbci.truth import Truth, stretches
from rtbci.types import Samples, StreamInfo, Window

Progress = Callable[[str], None]
T = TypeVar("T")

LOOK_BEYOND = 5.0
"""Seconds that are read beyond a piece, so that markers and resamplers which lag have given all that is in it."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled windows of one or more recordings for one decoder.

    ``windows`` (n_windows, n_channels, n_samples) float32; ``labels`` and ``trial`` (n_windows,) int64: class and running
    number of the trial (or stretch of idle) that each window was cut from. ``moments`` (n_trials, 2) float64: for each
    trial the number of its recording and seconds of signal from the recording's begin to the trial's.
    """

    windows: Samples
    labels: NDArray[np.int64]
    trial: NDArray[np.int64]
    moments: NDArray[np.float64]
    info: StreamInfo
    picked: StreamInfo
    without_data: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples ``[start, stop)`` of a recording, in the source's own count; ``stop`` None: to its end."""

    recording: Path
    start: int = 0
    stop: int | None = None


def source_of(experiment: Experiment, recording: Path, **overrides: Any) -> Any:
    """A file source for ``recording`` that names its channels and picks its stream as the experiment's source does."""
    from rtbci.sources.file import FileSource

    use, args = experiment.source.use, experiment.source.args
    shared: dict[str, Any] = {}
    if use == "file":
        shared = {key: value for key, value in args.items() if key not in ("path", "speed", "chunk")}
    elif use == "lsl":  # what another source means by these names is its own business
        shared = {key: args[key] for key in ("channels", "type") if args.get(key)}
        if _holds_stream(recording, args.get("name")):
            shared["stream"] = args["name"]
    # names of live marker streams mean nothing in a format that does not keep them
    if experiment.markers.streams is not None and (use == "file" or _is_xdf(recording)):
        shared["markers"] = list(experiment.markers.streams)
    return FileSource(str(recording), **{**shared, **overrides})


def _is_xdf(recording: Path) -> bool:
    return recording.name.lower().endswith((".xdf", ".xdfz", ".xdf.gz"))


def _holds_stream(recording: Path, name: object) -> bool:
    """Whether ``recording`` is an XDF with a signal called ``name``: of two amplifiers the experiment's own is meant."""
    if not isinstance(name, str) or not _is_xdf(recording) or not recording.is_file():
        return False
    from rtbci.sources.xdf_file import scan

    streams, _ = scan(recording)
    return any(stream.name == name and not stream.is_markers for stream in streams)


def collect(
    experiment: Experiment,
    config: DecoderConfig,
    recordings: Sequence[Path | Piece],
    progress: Progress = lambda text: None,
    open_source: Callable[[Path], Source] | None = None,
) -> TrainingSet:
    """Cut the windows of every trial in ``recordings``, or pieces of them, for one decoder.

    Without an idle class those that lie wholly within a trial; with one, all from the first trial to the last, each
    labelled by the exact majority of its samples. Of a piece only trials and windows count that lie wholly within it.
    ``open_source`` makes the source of a recording, where it is not to be what `source_of` makes.

    Raises
    ------
    SourceError
        When a recording cannot be read or differs from the first in rate or channels.
    ConfigError
        When the experiment cannot be on this stream, or no recording has a whole trial of some class.
    """
    pieces = [part if isinstance(part, Piece) else Piece(part) for part in recordings]
    harvest = _Harvest(experiment, config, progress, open_source or (lambda path: source_of(experiment, path)))
    for number, piece in enumerate(pieces):
        harvest.gather(piece, number)
    names = list(experiment.classes)
    missing = [name for k, name in enumerate(names) if k not in harvest.labels]
    if missing:
        raise _no_trial(experiment, config, [piece.recording for piece in pieces], missing[0], harvest.seen)
    assert harvest.out is not None and harvest.picked is not None, "at least one recording"
    return TrainingSet(
        np.stack(harvest.windows),
        np.array(harvest.labels, np.int64),
        np.array(harvest.trial_of, np.int64),
        np.array(harvest.moments),
        harvest.out,
        harvest.picked,
        harvest.without_data,
    )


class _Harvest:
    """The windows of one recording after another."""

    def __init__(
        self, experiment: Experiment, config: DecoderConfig, progress: Progress, open_source: Callable[[Path], Source]
    ) -> None:
        self.experiment = experiment
        self.open_source = open_source
        self.config = config
        self.progress = progress
        self.windows: list[Samples] = []
        self.labels: list[int] = []
        self.trial_of: list[int] = []
        self.moments: list[tuple[float, float]] = []
        self.seen: dict[str, int] = {}
        self.without_data = 0
        self.first: tuple[Path, StreamInfo] | None = None
        self.picked: StreamInfo | None = None
        self.out: StreamInfo | None = None

    def gather(self, piece: Piece, number: int) -> None:
        """Take what is in ``piece``, the recording of this running ``number``."""
        source = self.open_source(piece.recording)
        info = source.open()
        try:
            pipeline = self._pipeline(piece, source, info)
            self.out = pipeline.info
            begin, end = pipeline.trial_span
            trials: Gatherer[tuple[int, int, Samples]] = Gatherer(
                pipeline.plan.labels, begin, end, pipeline.locate, keep=self._keep(pipeline)
            )
            pipeline.on_marker = trials.add_marker
            apart: list[tuple[int, int, Samples]] = []  # windows that wait for their truth, with an idle class
            gathered: list[Gathered[tuple[int, int, Samples]]] = []
            for window in self._windows_of(pipeline, piece):
                if window is not None:
                    item = (window.start, window.stop, np.array(window.samples))
                    trials.add(window.start, window.stop, item)
                    if self.experiment.idle is not None:
                        apart.append(item)
                gathered += trials.finished(pipeline.decided_before())
            trials.abandon()
            self._add(_whole(gathered, piece, pipeline), apart, number, pipeline.info.rate)
            self.without_data += trials.without_data
            for label, count in pipeline.labels_seen.items():
                self.seen[label] = self.seen.get(label, 0) + count
        finally:
            source.close()

    def _pipeline(self, piece: Piece, source: Source, info: StreamInfo) -> Pipeline:
        if self.first is None or self.picked is None:
            self.first = (piece.recording, info)
            channels = assemble.default_channels(info, self.config)
            self.picked = replace(info, channels=tuple(info.channels[i] for i in channels))
        elif info.rate != self.first[1].rate:
            raise SourceError(
                f"{piece.recording} runs at {info.rate:g} Hz, {self.first[0]} at {self.first[1].rate:g}; train on one rate"
            )
        found = models.match(models.signature_of(self.picked), info).indices
        return assemble.make_pipeline(self.experiment, self.config, source, info, None, found, rows=8192)

    def _keep(self, pipeline: Pipeline) -> int:
        """Windows that a marker may come late for."""
        if pipeline.hop is None:
            return 4096
        begin, end = pipeline.trial_span
        return max(16, math.ceil((end - begin) / pipeline.hop) + 16)

    def _windows_of(self, pipeline: Pipeline, piece: Piece) -> Iterator[Window | None]:
        """The windows of ``piece``; None after those that came together."""
        minute, ended = -1, False
        while not ended and (piece.stop is None or pipeline.received - LOOK_BEYOND * pipeline.source_rate < piece.stop):
            try:
                pipeline.ingest(0.0)
            except EOFError:
                ended = True
            while (window := pipeline.next_window()) is not None:
                if inside(window, piece.start, piece.stop, pipeline):
                    yield window
            yield None
            if (now := int(pipeline.received / pipeline.source_rate / 60)) != minute:
                minute = now
                self.progress(
                    f"{self.config.name}: {piece.recording.name}, minute {minute}, {len(self.moments)} trials"
                )

    def _add(
        self,
        gathered: Sequence[Gathered[tuple[int, int, Samples]]],
        apart: Sequence[tuple[int, int, Samples]],
        number: int,
        rate: float,
    ) -> None:
        idle = self.experiment.idle
        if idle is None:
            for trial in gathered:
                self._add_trial([samples for _, _, samples in trial.items], trial.truth, number, trial.first / rate)
            return
        truth = Truth(stretches([(trial.first, trial.last, trial.truth) for trial in gathered], idle))
        sorted_in: dict[int, list[Samples]] = {}
        for start, stop, samples in apart:
            if (stretch := truth.majority(start, stop)) is not None:
                sorted_in.setdefault(stretch.trial, []).append(samples)
        for k, windows in sorted(sorted_in.items()):
            self._add_trial(windows, truth.stretches[k].label, number, truth.stretches[k].begin / rate)

    def _add_trial(self, windows: Sequence[Samples], label: int, number: int, seconds: float) -> None:
        self.windows.extend(windows)
        self.labels.extend([label] * len(windows))
        self.trial_of.extend([len(self.moments)] * len(windows))
        self.moments.append((float(number), seconds))


def inside(window: Window, start: int, stop: int | None, pipeline: Pipeline) -> bool:
    """Whether ``window`` lies wholly within samples ``[start, stop)`` of the source."""
    n_before = round((window.stop - window.start) * pipeline.source_rate / pipeline.info.rate)
    return window.sample + 1 - n_before >= start and (stop is None or window.sample < stop)


def _whole(gathered: Sequence[Gathered[T]], piece: Piece, pipeline: Pipeline) -> list[Gathered[T]]:
    """The trials that lie wholly within ``piece``, from their marker to their last sample."""
    if piece.start == 0 and piece.stop is None:
        return list(gathered)
    ratio = pipeline.source_rate / pipeline.info.rate
    return [
        trial
        for trial in gathered
        if min(trial.begin, trial.first) * ratio >= piece.start
        and (piece.stop is None or trial.last * ratio <= piece.stop)
    ]


def _no_trial(
    experiment: Experiment, config: DecoderConfig, recordings: Sequence[Path], name: str, seen: dict[str, int]
) -> ConfigError:
    """Say why class ``name`` has no trial: its markers are not there, or no window fits where they are."""
    labels = experiment.classes[name]
    table = assemble.where(experiment, f"[classes] {name} = {show(labels)}")
    places = ", ".join(str(recording) for recording in recordings)
    if not any(label in seen for label in labels):
        there = ", ".join(f"{label} ({n})" for label, n in sorted(seen.items())) or "no marker at all"
        return ConfigError(f"{table}: no such marker in {places}; there is {there}: labels among these would be right")
    window = f'the {config.window:g} s window of decoder "{config.name}"'
    if config.lock is None:
        window += f" in the [trial] from {experiment.trial.start:g} to {experiment.trial.stop:g} s"
    return ConfigError(
        f"{table}: {sum(seen.get(label, 0) for label in labels)} markers in {places}, but {window} fits whole and "
        "without a gap after none of them; a shorter one, or a longer recording, would be right"
    )
