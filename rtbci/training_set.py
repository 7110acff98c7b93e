"""Training windows: what `rtbci.pipeline.Pipeline` cuts of recordings, with the label of the trial that each lies in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from rtbci import assemble
from rtbci import model as models
from rtbci.calibration import Calibration, Places, Signal
from rtbci.config import DecoderConfig, Experiment
from rtbci.config_file import show
from rtbci.errors import ConfigError, SourceError
from rtbci.interfaces import Source
from rtbci.naming import by_name
from rtbci.pipeline import Pipeline
from rtbci.spool import Room, Spool
from rtbci.trials import Gathered, Gatherer
from rtbci.truth import Truth, stretches
from rtbci.types import StreamInfo, Window

Progress = Callable[[str], None]
T = TypeVar("T")

LOOK_BEYOND = 5.0
"""Seconds that are read beyond a piece, so that markers and resamplers which lag have given all that is in it."""


Cut = tuple[int, int]
"""First sample of a window and the one after its last, absolute, counted after the transforms."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples ``[start, stop)`` of a recording, in the source's own count; ``stop`` None: to its end.

    ``subject`` and ``session`` say whose it is; None: what the file's name says.
    """

    recording: Path
    start: int = 0
    stop: int | None = None
    subject: str | None = None
    session: str | None = None

    @property
    def whose(self) -> tuple[str, str]:
        """Subject and session, "" for what is not known."""
        named = by_name(self.recording)
        subject = named.subject if self.subject is None else self.subject
        session = named.session if self.session is None else self.session
        return subject or "", session or ""


def refuse_twice(recordings: Sequence[Path | Piece]) -> None:
    """Refuse samples that are given twice: a trial counted twice makes of an experiment one that is twice as long.

    Raises SourceError.
    """
    seen: dict[Path, list[tuple[int, float]]] = {}
    for one in recordings:
        piece = one if isinstance(one, Piece) else Piece(one)
        span = piece.start, math.inf if piece.stop is None else piece.stop
        spans = seen.setdefault(piece.recording.resolve(), [])
        if any(span[0] < stop and start < span[1] for start, stop in spans):
            raise SourceError(f"{piece.recording} is given twice; each recording once would be right")
        spans.append(span)


def source_of(experiment: Experiment, recording: Path, **overrides: Any) -> Any:
    """A file source for ``recording`` that names its channels and picks its stream as the experiment's source does."""
    from rtbci.sources.file import FileSource

    return FileSource(str(recording), **{**reading(experiment, recording), **overrides})


def reading(experiment: Experiment, recording: Path) -> dict[str, Any]:
    """What `rtbci.sources.file.open_reader` is told of ``recording``: channels, stream and markers, as in the experiment."""
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
    return shared


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
    states: States | None = None,
    room: Room | None = None,
    before: int | None = None,
) -> Calibration:
    """Cut the windows of every trial in ``recordings``, or pieces of them, for one decoder.

    Without an idle class those that lie wholly within a trial; with one, all from the first trial to the last, each
    labelled by the exact majority of its samples. Of a piece only trials and windows count that lie wholly within it.

    Parameters
    ----------
    open_source : makes the source of a recording, where it is not to be what `source_of` makes.
    states : what transforms that `rtbci.interfaces.Calibrates` begin each session with.
    room : memory that the signals may take.
    before : only the transforms before this one (counted from 0) are run, on the channels that the decoder will get.

    Raises
    ------
    SourceError
        When a recording cannot be read or differs from the first in rate or channels.
    ConfigError
        When the experiment cannot be on this stream, or no recording has a whole trial of some class.
    """
    pieces = [part if isinstance(part, Piece) else Piece(part) for part in recordings]
    opened = open_source or (lambda path: source_of(experiment, path))
    harvest = _Harvest(experiment, config, progress, opened, states or {}, room or Room(), before)
    for number, piece in enumerate(pieces):
        harvest.gather(piece, number)
    names = list(experiment.classes)
    missing = [name for k, name in enumerate(names) if k not in harvest.labels]
    if missing:
        raise _no_trial(experiment, config, [piece.recording for piece in pieces], missing[0], harvest.seen)
    return harvest.calibration()


States = Mapping[tuple[str, str], models.Calibrated]
"""What the transforms of a decoder begin each session with, by subject and session."""


class _Harvest:
    """The signals and windows of one recording after another."""

    def __init__(
        self,
        experiment: Experiment,
        config: DecoderConfig,
        progress: Progress,
        open_source: Callable[[Path], Source],
        states: States,
        room: Room,
        before: int | None,
    ) -> None:
        self.experiment = experiment
        self.open_source = open_source
        self.config = config
        self.running = config if before is None else replace(config, transforms=config.transforms[:before])
        self.progress = progress
        self.states = states
        self.room = room
        self.signals: list[Signal] = []
        self.rows: list[tuple[int, int, int, int, int, int]] = []  # as the fields of `Places`
        self.moments: list[tuple[float, float]] = []
        self.markers: list[str] = []
        self.seen: dict[str, int] = {}
        self.without_data = 0
        self.first: tuple[Path, StreamInfo] | None = None
        self.picked: StreamInfo | None = None
        self.pipeline: Pipeline | None = None

    @property
    def labels(self) -> set[int]:
        """Classes that have a window."""
        return {row[4] for row in self.rows}

    def calibration(self) -> Calibration:
        """All that was gathered."""
        assert self.pipeline is not None and self.picked is not None, "at least one recording"
        columns = np.array(self.rows, np.int64).reshape(-1, 6).T
        return Calibration(
            info=self.pipeline.info,
            picked=self.picked,
            classes=tuple(self.experiment.classes),
            class_labels=tuple(tuple(labels) for labels in self.experiment.classes.values()),
            signals=tuple(self.signals),
            places=Places(*(np.ascontiguousarray(column) for column in columns)),
            n_samples=self.pipeline.length,
            markers=tuple(self.markers),
            moments=np.array(self.moments).reshape(-1, 2),
            baseline=self.pipeline.baseline,
            locked=self.pipeline.hop is None,
            without_data=self.without_data,
        )

    def gather(self, piece: Piece, number: int) -> None:
        """Take what is in ``piece``, the recording of this running ``number``."""
        source = self.open_source(piece.recording)
        info = source.open()
        try:
            pipeline = self._pipeline(piece, source, info)
            begin, end = pipeline.trial_span
            trials: Gatherer[Cut] = Gatherer(
                pipeline.plan.labels, begin, end, pipeline.locate, keep=self._keep(pipeline)
            )
            pipeline.on_marker = trials.add_marker
            spool, first = Spool(pipeline.info.n_channels, self.room), _needed_from(piece, pipeline)
            taken = first
            apart: list[Cut] = []  # windows that wait for their truth, with an idle class
            gathered: list[Gathered[Cut]] = []
            for window in self._windows_of(pipeline, piece):
                if window is not None:
                    cut = (window.start, window.stop)
                    trials.add(*cut, cut)
                    if self.experiment.idle is not None:
                        apart.append(cut)
                if pipeline.written > taken:
                    spool.add(pipeline.transformed(taken))
                    taken = pipeline.written
                gathered += trials.finished(pipeline.decided_before())
            trials.abandon()
            subject, session = piece.whose
            self.signals.append(Signal(spool.whole(), piece.recording.name, subject, session))
            whole = _whole(gathered, piece, pipeline)
            self._add(_Placing(pipeline, number, first, max(first, taken)), whole, apart)
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
        calibrated = self.states.get(piece.whose)
        self.pipeline = assemble.make_pipeline(
            self.experiment, self.running, source, info, None, found, rows=8192, calibrated=calibrated
        )
        return self.pipeline

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

    def _add(self, placing: _Placing, gathered: Sequence[Gathered[Cut]], apart: Sequence[Cut]) -> None:
        idle = self.experiment.idle
        if idle is None:
            for trial in gathered:
                if placing.pipeline.hop is None:
                    within = None
                else:  # a sliding window may begin anywhere where it lies wholly within its trial
                    within = (trial.first, trial.last)
                rows = [placing.place(cut, within) for cut in trial.items]
                self._add_trial(placing, rows, trial.truth, trial.marker.label, trial.first)
            return
        truth = Truth(stretches([(trial.first, trial.last, trial.truth) for trial in gathered], idle))
        markers = {trial.first: trial.marker.label for trial in gathered}
        sorted_in: dict[int, list[Cut]] = {}
        for start, stop in apart:
            if (stretch := truth.majority(start, stop)) is not None:
                sorted_in.setdefault(stretch.trial, []).append((start, stop))
        for k, cuts in sorted(sorted_in.items()):
            stretch = truth.stretches[k]
            rows = [placing.place_by_majority(cut, truth, stretch.label) for cut in cuts]
            label = "" if stretch.label == idle else markers.get(stretch.begin, "")
            self._add_trial(placing, rows, stretch.label, label, stretch.begin)

    def _add_trial(
        self, placing: _Placing, rows: Sequence[tuple[int, int, int]], label: int, marker: str, first: int
    ) -> None:
        trial = len(self.moments)
        self.rows.extend((placing.number, *row, label, trial) for row in rows)
        self.moments.append((float(placing.number), first / placing.pipeline.info.rate))
        self.markers.append(marker)


@dataclass(frozen=True, slots=True)
class _Placing:
    """Where windows of one signal may begin: it holds samples ``[first, stop)`` of what came out of ``pipeline``."""

    pipeline: Pipeline
    number: int
    first: int
    stop: int

    def place(self, cut: Cut, within: Cut | None) -> tuple[int, int, int]:
        """Start, lowest and highest start of the window ``cut``, as rows of the signal, ``within`` a stretch.

        Without one, as for windows locked to markers, it may be moved by its own length.
        """
        start, stop = cut
        length = stop - start
        first, last = within if within is not None else (start - length, stop + length)
        lowest, highest = max(first, self.first), min(last, self.stop) - length
        if highest < start or lowest > start or self.pipeline.holes.between(lowest, highest + length):
            lowest = highest = start
        return start - self.first, lowest - self.first, highest - self.first

    def place_by_majority(self, cut: Cut, truth: Truth, label: int) -> tuple[int, int, int]:
        """As `place`, by half a hop to either side where that leaves the window's majority what it is."""
        start, stop = cut
        half = (self.pipeline.hop or 0) // 2
        bounds = [truth.majority(start + by, stop + by) for by in (-half, half)]
        same = all(stretch is not None and stretch.label == label for stretch in bounds)
        return self.place(cut, (start - half, stop + half) if same else cut)


def _needed_from(piece: Piece, pipeline: Pipeline) -> int:
    """First transformed sample that a window of ``piece``, moved or not, or its baseline may need."""
    begins = math.floor(piece.start * pipeline.info.rate / pipeline.source_rate)
    before = pipeline.length if pipeline.baseline is None else max(pipeline.length, -pipeline.baseline[0])
    return max(pipeline.begun_at, begins - before - 1)


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
