"""A session without its processes: a player, the acquisition, and decoders that are real pipelines on the real ring."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rtbci import assemble, config
from rtbci.acquisition import Acquisition
from rtbci.pipeline import Pipeline
from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing, RunFolder
from rtbci.sources.faults import FaultySource
from rtbci.sources.followers import Followers, Pace
from rtbci.sources.playback import PlaybackSource
from rtbci.sources.ring import RingSource
from rtbci.sources.transport import Manner
from rtbci.trials import Trial
from rtbci.types import Channel, Decision, Marker, Samples, StreamInfo, Times, Window

RATE = 100.0
EXPERIMENT = """
name = "test"
[source]
use = "lsl"
[classes]
left = ["L"]
right = ["R"]
[trial]
start = 0.0
stop = 2.0
[[decoder]]
name = "fast"
use = "log-variance"
window = 1.0
hop = 0.1
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
[[decoder]]
name = "slow"
use = "log-variance"
window = 1.5
hop = 0.25
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
[[decoder]]
name = "locked"
use = "log-variance"
window = 0.8
lock = "marker"
offset = 0.1
baseline = 0.2
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
"""


class Memory:
    """A recording in memory, as a reader."""

    def __init__(self, info: StreamInfo, samples: Samples, times: Times, markers: Sequence[Marker]) -> None:
        self.info, self._samples, self._times, self.markers = info, samples, times, tuple(markers)
        self.n_samples = len(times)

    def samples(self, start: int, stop: int) -> Samples:
        return self._samples[start:stop]

    def times(self, start: int, stop: int) -> Times:
        return self._times[start:stop]

    def close(self) -> None:
        """Nothing is held open."""


def recording(seconds: float = 30.0, begins: float = 1000.0, rate: float = RATE) -> Memory:
    """Three channels of noise; a marker every two seconds from 2 s on, L and R in turn."""
    n = round(seconds * rate)
    samples = np.random.default_rng(5).standard_normal((n, 3)).astype(np.float32)
    times = begins + np.arange(n) / rate
    info = StreamInfo("noise", rate, tuple(Channel(name) for name in ("C3", "Cz", "C4")))
    places = np.arange(2.0, seconds, 2.0)
    return Memory(info, samples, times, [Marker(begins + t, "LR"[i % 2], None, "cues") for i, t in enumerate(places)])


class Sensitive:
    """A decoder whose answer hangs on every bit of its window."""

    def fit(self, windows: Samples, labels: Any) -> object:
        return self

    def predict(self, window: Window) -> Any:
        odds = float(np.asarray(window.samples, np.float64).ravel() @ np.cos(np.arange(window.samples.size)))
        return -np.logaddexp(0.0, np.array([-odds, odds]))


def pipeline(source: Any, info: StreamInfo, name: str, origin: int = 0) -> Pipeline:
    experiment = config.loads(EXPERIMENT)
    return assemble.make_pipeline(
        experiment, experiment.decoder(name), source, info, Sensitive(), tuple(range(info.n_channels)), origin=origin
    )


@dataclass
class Decoded:
    """What a decoder has said."""

    decisions: list[Decision]
    trials: list[Trial]
    skipped: int = 0


class Deciding(threading.Thread):
    """What a worker does, in a thread; ``pause`` seconds are spent on every decision."""

    def __init__(self, run: RunFolder, name: str, pause: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.said = Decoded([], [])
        self._run_folder, self._name, self._pause = run, name, pause
        settings = config.loads(EXPERIMENT).decoder(name)
        self._ring = DecisionRing.create(run.decisions(name), ("left", "right"), settings.hop or 0.0, settings.window)
        self.failed: BaseException | None = None
        self.ready = threading.Event()

    def run(self) -> None:
        try:
            self._decide()
        except BaseException as error:
            self.failed = error
            raise

    def _decide(self) -> None:
        source = RingSource(self._run_folder, first=0)
        made = pipeline(source, source.open(), self._name)
        self.ready.set()
        ended = False
        while not ended:
            source.wait_for(made.next_needed(), 0.05)
            try:
                made.ingest(0.0)
            except EOFError:
                ended = True
            while (window := made.next_window()) is not None:
                if made.newer_is_due():
                    made.skip(window)
                    continue
                time.sleep(self._pause)
                decision = made.decode(window)
                self.said.decisions.append(decision)
                self._ring.add(decision)
            self.said.trials += made.finished_trials(ended)
            self.said.skipped = made.skipped
            self._ring.took(made.received)
        source.close()

    def close(self) -> None:
        self._ring.close()


class Rig:
    """A player with its acquisition and decoders; `close` ends them."""

    def __init__(
        self,
        folder: Path,
        reader: Memory,
        decoders: Sequence[str] = ("fast",),
        *,
        faults: dict[str, Any] | None = None,
        seed: int = 0,
        lost_after: float = 0.4,
        pause: float = 0.0,
        silent: str = "",
        **how: Any,
    ) -> None:
        settings = config.loads(EXPERIMENT)
        chosen = [settings.decoder(name) for name in decoders]
        paces = {one.name: Pace(one.hop and one.hop * RATE, one.window * RATE) for one in chosen}
        folder.mkdir(exist_ok=True)
        self.run = RunFolder(folder)
        self.player = PlaybackSource(
            lambda: reader, "noise.xdf", Followers(paces, RATE, lambda: self.run), Manner(**how)
        )
        self.source = FaultySource(self.player, faults, seed)
        info = self.source.open()
        self.run.write_stream(info, self.source.now() - time.monotonic())
        self.ring = Ring.create(self.run.raw, 6000, info.n_channels)
        self.workers = {name: Deciding(self.run, name, pause) for name in decoders}
        for name, worker in self.workers.items():
            if name != silent:
                worker.start()
                assert worker.ready.wait(60.0)  # as a session does: samples flow when decoders are ready
        self.acquisition = Acquisition(self.source, info, self.ring, self.run, lost_after)
        self.acquisition.start()

    def ask(self, action: str, **more: Any) -> dict[str, Any]:
        """Tell the player; what it answers, which must not be an error."""
        answer = self.source.command({"do": "play", "action": action, **more})
        assert answer.get("ok"), answer
        return answer

    def decisions(self, name: str = "fast") -> list[Decision]:
        return list(self.workers[name].said.decisions)

    def place(self) -> float:
        told = self.source.playback()
        assert told is not None
        return float(told["position"])

    def settled(self) -> None:
        """Wait until the player stands still and all that was played is decided."""
        self.until(lambda: self.player.clock_rate == 0.0, "the player stands still")
        written = self.ring.written
        self.until(lambda: all(w._ring.taken >= written for w in self.workers.values()), "all is decided")

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            assert all(worker.failed is None for worker in self.workers.values())
            time.sleep(0.005)
        raise AssertionError(f"not within {seconds:g} s: {what}")

    def end(self) -> None:
        """Wait until the recording has ended and everything is decided."""
        self.acquisition.join(60.0)
        assert not self.acquisition.is_alive(), "the recording has not ended"
        for worker in self.workers.values():
            worker.join(20.0)
            assert not worker.is_alive()

    def close(self) -> None:
        self.acquisition.stop()
        self.acquisition.join(5.0)
        for worker in self.workers.values():
            if worker.ident is not None:
                worker.join(5.0)
            worker.close()
        self.source.close()
        self.ring.close()


class FromMemory:
    """A reader's samples from ``begin`` on as a source that is read as fast as can be."""

    def __init__(self, reader: Memory, begin: int = 0) -> None:
        self._reader, self._at, self._begin, self._told = reader, begin, begin, -np.inf

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        n = min(len(samples), self._reader.n_samples - self._at)
        if n == 0:
            raise EOFError
        samples[:n] = self._reader.samples(self._at, self._at + n)
        times[:n] = self._reader.times(self._at, self._at + n)
        self._at += n
        return n

    def markers(self) -> Sequence[Marker]:
        before, self._told = self._told, float(self._reader.times(self._at - 1, self._at)[0])
        first = float(self._reader.times(self._begin, self._begin + 1)[0])
        return [m for m in self._reader.markers if max(before, first - 1e-9) < m.time <= self._told]

    def now(self) -> float:
        return 0.0


def fresh(reader: Memory, begin: int, name: str = "fast") -> list[Decision]:
    """Decisions of a pipeline that begins at sample ``begin`` of the recording, in its own sample indices."""
    made = pipeline(FromMemory(reader, begin), reader.info, name, origin=begin)
    decisions = []
    ended = False
    while not ended:
        try:
            made.ingest(0.0)
        except EOFError:
            ended = True
        while (window := made.next_window()) is not None:
            decisions.append(made.decode(window))
    return decisions


def moved(decision: Decision, by: int) -> Decision:
    """``decision`` with its sample indices moved."""
    return replace(decision, start=decision.start + by, stop=decision.stop + by, sample=decision.sample + by)


def bits(decision: Decision) -> tuple[Any, ...]:
    """What was decided, of which samples, to the bit."""
    made = (decision.log_probs.tobytes(), decision.evidence.tobytes(), decision.answer)
    return (decision.start, decision.stop, decision.sample, *made)
