"""A session as the window sees one: writes a run folder, with truth known, from its own process or within a test.

``python tests/ui/fake_session.py FOLDER --kind eeg --seconds 60 --gap 20 --lose 40`` plays moving data in real time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing, RunFolder, marker_to_json, replace_json
from rtbci.types import Channel, Decision, Flag, Gap, Marker, StreamInfo

EEG = (
    *("Fp1", "Fpz", "Fp2", "AF7", "AF3", "AFz", "AF4", "AF8", "F7", "F5", "F3", "F1", "Fz", "F2", "F4", "F6", "F8"),
    *(
        "FT7",
        "FC5",
        "FC3",
        "FC1",
        "FCz",
        "FC2",
        "FC4",
        "FC6",
        "FT8",
        "T7",
        "C5",
        "C3",
        "C1",
        "Cz",
        "C2",
        "C4",
        "C6",
        "T8",
    ),
    *(
        "TP7",
        "CP5",
        "CP3",
        "CP1",
        "CPz",
        "CP2",
        "CP4",
        "CP6",
        "TP8",
        "P7",
        "P5",
        "P3",
        "P1",
        "Pz",
        "P2",
        "P4",
        "P6",
        "P8",
    ),
    *("PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2", "Iz", "T9", "T10"),
)
EXPERIMENT = """name = "fists or feet"

[source]
use = "lsl"

[classes]
fists = ["T1"]
feet = ["T2"]

[trial]
start = 0.5
stop = 3.5

[[decoder]]
name = "riemann"
use = "tangent"
window = 2.0
hop = 0.1

[evidence]
threshold = 0.7
"""
CLASSES = ("fists", "feet")


def stream(kind: str) -> StreamInfo:
    """64 channels of EEG at 250 Hz, or 306 of MEG at 1 kHz."""
    if kind == "eeg":
        channels = tuple(Channel(name) for name in EEG)
        return StreamInfo("BioSemi-64", 250.0, channels, "EEG", "bs64-0042", frozenset({"T9"}))
    kinds = (("mag", "fT"), ("grad", "fT/cm"), ("grad", "fT/cm"))
    channels = tuple(Channel(f"MEG{11 + i // 3:03d}{i % 3 + 1}", *kinds[i % 3]) for i in range(306))
    return StreamInfo("Neuromag", 1000.0, channels, "MEG", "ft-1972")


class Signal:
    """Coloured noise, an alpha rhythm that waxes and wanes, blinks and an offset: by sample index, so it has no chunks."""

    def __init__(self, info: StreamInfo, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        n = 64 * int(info.rate)
        white = rng.standard_normal((n, info.n_channels))
        spectrum = np.fft.rfft(white, axis=0)
        frequencies = np.fft.rfftfreq(n, 1 / info.rate)
        spectrum[1:] /= frequencies[1:, None] ** 0.5
        spectrum[frequencies < 0.5] = 0
        noise = np.fft.irfft(spectrum, n, axis=0)
        noise /= noise.std(axis=0)
        t = np.arange(n) / info.rate
        alpha = np.sin(2 * np.pi * 10 * t) * (1 + np.sin(2 * np.pi * 0.2 * t))
        blink = sum(np.exp(-(((t - at) / 0.08) ** 2)) for at in np.arange(2.3, 63, 5.7))
        back = np.linspace(0, 1, info.n_channels)
        base = noise * 6 + alpha[:, None] * 6 * back + blink[:, None] * 120 * np.clip(1 - 6 * back, 0, 1)
        unit = np.array([{"mag": 40.0, "grad": 9.0}.get(c.kind, 1.0) for c in info.channels])
        offset = rng.uniform(-5000, 5000, info.n_channels)
        self._table = (base * unit + offset).astype(np.float32)

    def samples(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, n_channels) float32."""
        return self._table[np.arange(start, stop) % len(self._table)]


@lru_cache(maxsize=2)
def signal_of(kind: str) -> Signal:
    """The signal of a stream of ``kind``: made once, because it takes half a second."""
    return Signal(stream(kind))


class FakeSession:
    """Writes what a session would; ``step(now)`` brings the folder up to ``now`` (seconds since the start)."""

    def __init__(
        self, folder: Path, kind: str = "eeg", decoders: tuple[str, ...] = ("riemann",), offset: float = 1000.0
    ) -> None:
        self.run = RunFolder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.session = folder / "sessions" / "2026-11-23_2201_fists-or-feet"
        self.session.mkdir(parents=True)
        (self.session / "experiment.toml").write_text(EXPERIMENT)
        self.info = stream(kind)
        self.signal = signal_of(kind)
        self.offset = offset
        self.display: dict[str, object] = {}
        self.began = time.monotonic()
        self.ring = Ring.create(self.run.raw, int(30 * self.info.rate), self.info.n_channels)
        self.run.write_stream(self.info, offset)
        self.decisions = {name: DecisionRing.create(self.run.decisions(name), CLASSES, 0.1, 2.0) for name in decoders}
        self.rng = np.random.default_rng(2)
        self.state = "live"
        self.message: str | None = None
        self.recording = {"state": "recording", "path": str(self.session / "recording.xdf"), "problem": None}
        self.received = self.missing = 0
        self.log_odds = 0.0
        self.truth = 0
        self.next_marker = 1.0
        self.next_decision = 2.0
        self.trials = self.right = 0
        self.trouble: dict[str, dict] = {}

    def time(self, seconds: float) -> float:
        """The source's clock ``seconds`` after the start."""
        return self.began + self.offset + seconds

    def push_until(self, seconds: float) -> None:
        """Samples up to ``seconds`` after the start."""
        stop = int(seconds * self.info.rate)
        start = self.received + self.missing
        if stop > start:
            times = self.time(0) + np.arange(start, stop) / self.info.rate
            self.ring.push(self.signal.samples(start, stop), times, self.time(seconds))
            self.received += stop - start

    def skip_until(self, seconds: float) -> None:
        """Lose the samples up to ``seconds``, and note the gap."""
        start = self.received + self.missing
        stop = int(seconds * self.info.rate)
        rate = self.info.rate
        self.ring.add_gap(Gap(self.received, self.time((start - 1) / rate), self.time(stop / rate), stop - start))
        self.missing += stop - start

    def mark(self, label: str, seconds: float) -> None:
        """A marker at ``seconds``."""
        with self.run.markers.open("a") as file:
            file.write(json.dumps(marker_to_json(Marker(self.time(seconds), label, None, "stimuli"))) + "\n")

    def decide(self, name: str, seconds: float, log_odds: float, age: float = 0.009, flags: Flag = Flag.NONE) -> None:
        """A decision about the window that ends at ``seconds``."""
        own = log_odds + self.rng.standard_normal() * 0.8
        evidence = -np.logaddexp(0.0, -np.array([log_odds, -log_odds]))
        probs = -np.logaddexp(0.0, -np.array([own, -own]))
        answer = int(evidence.argmax()) if np.exp(evidence.max()) >= 0.7 else -1
        when = self.time(seconds)
        index = int(seconds * self.info.rate)
        self.decisions[name].add(
            Decision(
                index - 500, index, index, probs, evidence, answer, when, when + age * 0.2, when + age, flags=flags
            )
        )

    def write_status(self, seconds: float) -> None:
        """The status file, as at ``seconds``."""
        now = time.monotonic()
        decoders = {}
        for name, ring in self.decisions.items():
            decoders[name] = {
                "state": "live", "restarts": 0, "decoded": ring.count, "skipped": 3, "late": 0, "problem": None,
                "age_ms": {"p50": 8.8, "p95": 12.1, "p99": 14.8}, "classes": list(CLASSES), "hop": 0.1, "window": 2.0,
                "trials": self.trials, "trial_accuracy": self.right / self.trials if self.trials else None,
                "window_accuracy": 0.74 if self.trials else None, "chance": 0.5, "labels": {"T1": 0, "T2": 1},
                "threshold": 0.7, "trial": [0.5, 3.5], **self.trouble.get(name, {}),
            }  # fmt: skip
        status = {
            "state": self.state, "time": now + self.offset, "monotonic": now, "name": "fists or feet",
            "session": str(self.session), "pid": os.getpid(), "started": self.time(0), "seconds_left": None,
            "message": self.message, "experiment": str(self.session / "experiment.toml"),
            "stream": {
                "name": self.info.name, "source_id": self.info.source_id, "rate": self.info.rate,
                "effective_rate": self.info.rate * 1.00003, "clock_offset_ms": 0.12, "type": self.info.type,
            },
            "samples": {"received": self.received, "lost": self.missing}, "gaps": self.ring.n_gaps,
            "last_sample_time": self.time(seconds),
            "recording": {**self.recording, "bytes": self.received * self.info.n_channels * 4, "seconds": seconds},
            "decoders": decoders, "display": self.display,
            "charge": {"decoder": next(iter(decoders), None), "next": None},
        }  # fmt: skip
        replace_json(self.run.status, status)

    def play_until(self, seconds: float) -> None:
        """Samples, markers and decisions up to ``seconds``, as a session with a fair decoder would make them."""
        self.push_until(seconds)
        while self.next_marker <= seconds:
            self.truth = int(self.rng.integers(2))
            self.mark(("T1", "T2")[self.truth], self.next_marker)
            self.trials += 1
            self.right += int(self.rng.random() < 0.8)
            self.next_marker += 4.8
        while self.next_decision <= seconds:
            pull = 1.6 * (1 - 2 * self.truth)
            for name in self.decisions:
                self.log_odds += 0.12 * (pull - self.log_odds) + 0.25 * self.rng.standard_normal()
                self.decide(name, self.next_decision, self.log_odds, 0.0085 + 0.0015 * self.rng.gamma(2.0))
            self.next_decision += 0.1

    def fill(self, seconds: float) -> None:
        """Everything at once: the folder as it would be after ``seconds``, which end now."""
        self.began = time.monotonic() - seconds
        for step in np.arange(0.1, seconds, 0.1):
            self.play_until(float(step))
        self.play_until(seconds)
        self.write_status(seconds)

    def close(self) -> None:
        """Unmap."""
        self.ring.close()
        for ring in self.decisions.values():
            ring.close()


def main() -> None:
    """Play in real time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=("eeg", "meg"), default="eeg")
    parser.add_argument("--decoders", default="riemann")
    parser.add_argument("--before", type=float, default=0.0, help="seconds that lie in the past already")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--gap", type=float, default=-1.0, help="lose 1.5 s of samples at this second")
    parser.add_argument("--lose", type=float, default=-1.0, help="lose the stream at this second")
    parser.add_argument("--stop-recording", type=float, default=-1.0, help="a full disk at this second")
    parser.add_argument("--die", action="store_true", help="leave without a last word")
    given = parser.parse_args()
    fake = FakeSession(given.folder, given.kind, tuple(given.decoders.split(",")))
    if given.before:
        fake.fill(given.before)
    end = given.before + given.seconds
    next_status = 0.0
    while (seconds := time.monotonic() - fake.began) < end:
        if given.lose > 0 and seconds > given.lose:
            fake.state = "lost"
        elif given.gap > 0 and given.gap < seconds < given.gap + 1.5:
            fake.next_decision = given.gap + 3.5
        else:
            if given.gap > 0 and seconds >= given.gap + 1.5 and not fake.ring.n_gaps:
                fake.skip_until(given.gap + 1.5)
            fake.play_until(seconds)
        if given.stop_recording > 0 and seconds > given.stop_recording:
            fake.recording["state"] = "stopped"
            fake.recording["problem"] = "No space left on device"
        if seconds >= next_status:
            fake.write_status(seconds)
            next_status = seconds + 0.1
        time.sleep(0.01)
    if not given.die:
        fake.state = "ended"
        fake.write_status(seconds)


if __name__ == "__main__":
    main()
