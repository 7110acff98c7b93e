"""A small running session for the tests of the recorder: run folder, ring, session folder, and samples whose place shows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyxdf

from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing, RunFolder, marker_to_json
from rtbci.types import Channel, Decision, Flag, Marker, Samples, StreamInfo, Times

RATE = 1000.0
N_CHANNELS = 8


def samples_of(start: int, stop: int) -> tuple[Samples, Times]:
    """Samples whose values and times tell their index."""
    index = np.arange(start, stop)
    values = (index[:, None] * N_CHANNELS + np.arange(N_CHANNELS)) % 2**24
    return values.astype(np.float32), 100.0 + index / RATE + 1e-7 * (index % 7)


def decision_of(i: int, n_classes: int = 2) -> Decision:
    """A decision whose numbers tell its place."""
    return Decision(
        start=10 * i, stop=10 * i + 500, sample=10 * i + 499, log_probs=np.log(np.full(n_classes, 1 / (i + 3))),
        evidence=np.sin(np.arange(n_classes) + i), answer=-1 if i % 2 else 1, signal_time=100 + i / 3,
        arrival_time=100.01 + i / 3, ready_time=100.02 + i / 3, skipped=i // 2, origin=7,
        flags=Flag.ABSTAINED if i % 2 else Flag.NONE,
    )  # fmt: skip


class LiveSession:
    """What the session process would make, at ``path``."""

    def __init__(
        self, path: Path, *, folder: Path | None = None, capacity: int = 20_000, decoders: tuple[str, ...] = ()
    ):
        self.run = RunFolder(path / "run")
        self.run.path.mkdir(parents=True)
        self.ring = Ring.create(self.run.raw, capacity, N_CHANNELS)
        channels = tuple(Channel(f"C{i}", "eeg", "uV", (0.01 * i, 0.0, 0.09)) for i in range(N_CHANNELS))
        self.info = StreamInfo("amp", RATE, channels, source_id="amp-1", bads=frozenset({"C3"}))
        self.folder = SessionFolder.create(folder or path / "session", "a test")
        self.recorder = Recorder(self.ring, self.info, self.run, self.folder, decoders)
        self.pushed = 0

    def push(self, n: int) -> None:
        """Let ``n`` samples arrive."""
        samples, times = samples_of(self.pushed, self.pushed + n)
        self.ring.push(samples, times, times[-1])
        self.pushed += n

    def mark(self, *markers: Marker) -> None:
        """Let ``markers`` arrive."""
        with self.run.markers.open("a") as file:
            file.write("".join(json.dumps(marker_to_json(marker)) + "\n" for marker in markers))

    def decide(self, name: str, first: int, stop: int, classes: tuple[str, ...] = ("fists", "feet")) -> DecisionRing:
        """Start a worker anew, with decisions ``first`` to ``stop``."""
        path = self.run.decisions(name)
        path.unlink(missing_ok=True)
        ring = DecisionRing.create(path, classes, 0.1, 2.0)
        for i in range(first, stop):
            ring.add(decision_of(i, len(classes)))
        return ring


def load(path: Path) -> dict[str, dict]:
    """The streams of a recording by name, with the times that are in the file."""
    streams, _ = pyxdf.load_xdf(str(path), synchronize_clocks=False, dejitter_timestamps=False)
    return {stream["info"]["name"][0]: stream for stream in streams}


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for what must happen; that it never does is the failure."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
