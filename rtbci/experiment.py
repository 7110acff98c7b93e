"""The nouns of an experiment: source, classes, trial, decoders, evidence, as one TOML file describes them.

`rtbci.config` reads and writes the file and vouches for the values; these classes only hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtbci.config_file import did_you_mean, names, show
from rtbci.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Component:
    """The ``[source]`` table or one entry of ``transforms``: what to use, and all its other keys as TOML gave them."""

    use: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """One ``[[decoder]]``.

    Attributes
    ----------
    window, hop : length and distance of its windows in seconds; ``hop`` is None exactly where ``lock`` is "marker".
    args : every key that is not ours; they go to the decoder's constructor.
    lock : None for sliding windows, "marker" for one window per class marker.
    offset : seconds from the marker to the window's first sample, negative for before (only with ``lock``).
    baseline : seconds before the marker whose channel means are subtracted (only with ``lock``), or None.
    model : model file for a live session, as written: relative to the experiment file (`Experiment.resolve`).
    deadline : seconds that one decision may take before the worker is restarted, or None for the worker's own measure.
    adapt : whether it goes on learning while it runs, from the trials of a session as they end.
    worker : name of the process that decides for it in a session, which others may share; None for one of its own.
    """

    name: str
    use: str
    window: float
    hop: float | None
    transforms: tuple[Component, ...] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    lock: str | None = None
    offset: float = 0.0
    baseline: float | None = None
    model: Path | None = None
    deadline: float | None = None
    adapt: bool = False
    worker: str | None = None

    @property
    def process(self) -> str:
        """How the process that decides for it in a session is called: as its worker, or as itself."""
        return self.name if self.worker is None else self.worker


@dataclass(frozen=True, slots=True)
class Trial:
    """``[trial]``: which stretch after a class marker belongs to it, in seconds."""

    start: float = 0.0
    stop: float = 4.0


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """``[evidence]``: posterior above which a class is claimed, seconds it must hold, and seconds until evidence fades."""

    threshold: float = 0.7
    dwell: float = 0.0
    time_constant: float = 4.0


@dataclass(frozen=True, slots=True)
class BankConfig:
    """``[bank]``: in what the decoders that give embeddings look for what was seen.

    Attributes
    ----------
    path : of the bank's folder, as written: relative to the experiment file (`Experiment.resolve`).
    top : candidates that are shown and logged with each decision.
    average : whether presentations of one item, locked to their markers, are averaged before they are decoded.
    false_alarms : share of windows without a picture by which something may be claimed.
    search : "exact", on the processor, or what a package offers, such as "gpu" (`rtbci.bank.searches`).
    """

    path: Path
    top: int = 10
    average: bool = True
    false_alarms: float = 0.05
    search: str = "exact"


@dataclass(frozen=True, slots=True)
class RendererConfig:
    """``[renderer]``: what draws what is seen, and by which decoder's embeddings; every key that is not ours is its own.

    ``decoder`` is "" for the first one that gives embeddings.
    """

    use: str
    decoder: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarkersConfig:
    """``[markers]``: names of the marker streams that count; None for all in sight."""

    streams: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """``[recording]``: folder of the session folders (relative to the experiment file), and who sat there."""

    folder: Path = Path("sessions")
    subject: str = ""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """``[session]``: seconds of raw samples kept in memory, and seconds of silence after which a stream is lost."""

    ring_seconds: float = 60.0
    lost_after: float = 0.8  # so that the state says "lost" within a second


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """``[remote]``: where programs may control a session over TCP (docs/remote-control.md).

    Attributes
    ----------
    port : 0 for any that is free; the default is LabRecorder's.
    host : address to listen at; any other than 127.0.0.1 lets other computers in.
    rcs : whether LabRecorder's commands, which know no token, are understood.
    token_file : file that holds the token, as written: relative to the experiment file (`Experiment.resolve`), and made with
        a new token where it is not there; None for a new token in every session.
    """

    port: int = 22345
    host: str = "127.0.0.1"
    rcs: bool = True
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. ``path`` is the file it came from and ``text`` what stood there; neither counts for equality.

    ``own_classes``: the file names its classes; otherwise they are those of the bank. ``paradigm`` is what calibration
    presents, as the file says it: `rtbci present` judges its settings. ``remote`` None: nothing listens unless asked to.
    """

    name: str
    source: Component
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trial: Trial = Trial()
    decoders: tuple[DecoderConfig, ...] = ()
    evidence: EvidenceConfig = EvidenceConfig()
    markers: MarkersConfig = MarkersConfig()
    recording: RecordingConfig = RecordingConfig()
    session: SessionConfig = SessionConfig()
    bank: BankConfig | None = None
    renderer: RendererConfig | None = None
    own_classes: bool = True
    path: Path | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)
    paradigm: Component | None = None
    remote: RemoteConfig | None = None

    @property
    def file(self) -> str:
        """What errors call the experiment: the path of its file, as it was given."""
        return "experiment" if self.path is None else str(self.path)

    @property
    def base(self) -> Path:
        """Folder that relative paths of the file start from; the working folder where there is no file."""
        return (self.path.parent if self.path is not None else Path()).absolute()

    def resolve(self, text: str | Path) -> Path:
        """Return the absolute path of a path in the file, which may be relative to the file or start with ``~``."""
        try:
            path = Path(text).expanduser()
        except RuntimeError as error:  # no such user
            raise ConfigError(f"{self.file}: {show(str(text))}: {error}; a full path would be right") from error
        return (self.base / path).resolve()

    @property
    def idle(self) -> int | None:
        """Index of the class that has no markers: what lies between trials; None where there is none."""
        return next((k for k, labels in enumerate(self.classes.values()) if not labels), None)

    def label_of(self, label: str) -> str | None:
        """Class that a marker with this ``label`` stands for, or None where it means no class."""
        return next((name for name, labels in self.classes.items() if label in labels), None)

    def decoder(self, name: str) -> DecoderConfig:
        """Return the decoder called ``name``. Raises ConfigError that names the ones there are."""
        for config in self.decoders:
            if config.name == name:
                return config
        there = [config.name for config in self.decoders]
        near = did_you_mean(name, there) or ";"
        raise ConfigError(f'{self.file}: no [[decoder]] is called "{name}"{near} there is {names(there)}')
