"""Fetches pieces of the past: from the ring as far as it goes back, before that from the recording on disk.

A thread of its own indexes and reads the recording, so that hours of it, or a slow disk, never stop the window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtbci.errors import Overrun, RtbciError
from rtbci.lookback import Lookback
from rtbci.ring import Ring
from rtbci.runfolder import read_json
from rtbci.types import Marker, Times
from rtbci_ui.baseline import Baseline, baseline_of
from rtbci_ui.status import Status
from rtbci_ui.traces.signals import Still

log = logging.getLogger("rtbci.ui")
MARGIN = 0.02
"""Part of the ring that is left alone, because the writer may overwrite it while it is copied."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What was fetched: the samples, the recorded markers among them, and what there is to be had.

    ``head`` is the column that was asked for, None where only the samples of the page that is shown were to be kept.
    ``baseline`` is the running mean of the samples. ``recorded`` are the first recorded sample and the one after the last,
    (0, 0) where there are none; ``problem`` is why the recording could not be read, or "".
    """

    still: Still
    head: int | None
    baseline: Baseline
    markers: tuple[Marker, ...] = ()
    recorded: tuple[int, int] = (0, 0)
    problem: str = ""


class PastReader:
    """Answers the newest request; one that was overtaken by another is forgotten."""

    def __init__(self, ring: Ring, rate: float) -> None:
        self._ring, self._rate = ring, rate
        self._lookback = Lookback(ring.n_channels)
        self._thread: ThreadPoolExecutor | None = None
        self._asked: Future[Piece] | None = None

    def keep(self, start: int, stop: int, recordings: Recordings) -> None:
        """Copy samples ``start`` to ``stop`` before the ring loses them, for a page that is shown already."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "look back")
        self._asked = self._thread.submit(self._copy, start, stop, recordings)

    def _copy(self, start: int, stop: int, recordings: Recordings) -> Piece:
        try:  # before the recording is indexed, which may take a second
            if start >= self._safe():
                samples, times, _ = self._ring.read(start, max(min(stop, self._ring.written), start))
                still = Still(start, samples, times)
                return Piece(still, None, baseline_of(still, self._rate))
        except Overrun:
            log.info("the ring went round while samples %d to %d were kept", start, stop)
        return self.fetch(start, stop, None, recordings)

    def _safe(self) -> int:
        """The oldest sample of the ring that the writer is not about to overwrite."""
        return self._ring.oldest + (int(self._ring.capacity * MARGIN) if self._ring.oldest else 0)

    def prepare(self, recordings: Recordings) -> None:
        """Index what is recorded by now, so that the first question need not wait for it."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "look back")
        self._thread.submit(self._index, recordings)

    def ask(self, start: int, stop: int, head: int, recordings: Recordings) -> None:
        """Fetch samples ``start`` to ``stop`` for the page to column ``head``; ``recordings`` says which there are."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "look back")
        if self._asked is not None:
            self._asked.cancel()
        self._asked = self._thread.submit(self.fetch, start, stop, head, recordings)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._asked is not None

    def answer(self) -> Piece | None:
        """What was asked for, once, when it is there."""
        if self._asked is None or not self._asked.done():
            return None
        asked, self._asked = self._asked, None
        return asked.result()

    def forget(self) -> None:
        """Nobody waits for an answer any more."""
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None

    def fetch(self, start: int, stop: int, head: int | None, recordings: Recordings) -> Piece:
        """Read now, in this thread."""
        ring = self._ring
        problem = self._index(recordings)
        recorded = self._lookback.span
        stop = max(min(stop, ring.written), start)
        samples, times = np.full((stop - start, ring.n_channels), np.nan, np.float32), np.full(stop - start, np.nan)
        markers: list[Marker] = []
        safe = self._safe()
        try:
            if start < safe and recorded[1] > start:
                samples, times = self._lookback.read(start, stop)
            known = times[np.isfinite(times)]
            if len(known):
                markers = self._lookback.markers(float(known[0]), float(known[-1]))
        except OSError as error:
            problem = f"the recording cannot be read: {error.strerror or error}"
        newer = max(start, safe)
        if newer < stop:
            try:
                samples[newer - start :], times[newer - start :], _ = ring.read(newer, stop)
            except Overrun:
                log.info("the ring went round while samples %d to %d were copied", newer, stop)
        _bridge(times)
        still = Still(start, samples, times)
        return Piece(still, head, baseline_of(still, self._rate), tuple(markers), recorded, problem)

    def _index(self, recordings: Recordings) -> str:
        """Take in what has been recorded since the last time; what is wrong with it, or ""."""
        try:
            for path in recordings():
                self._lookback.add(path)
            while not self._lookback.advance():
                pass
        except (RtbciError, OSError, ValueError) as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Let go of the files; an answer that is being made is not waited for."""
        self.forget()
        if self._thread is not None:
            self._thread.submit(self._lookback.close)
            self._thread.shutdown(wait=False)
            self._thread = None


def _bridge(times: Times) -> None:
    """Give samples that are in no recording times between those of their neighbours, so that markers find their place."""
    known = np.isfinite(times)
    if known.any() and not known.all():
        at = np.arange(len(times))
        times[~known] = np.interp(at[~known], at[known], times[known])


class Recordings:
    """The parts of a session's recording, as far as its status and its session.json tell."""

    def __init__(self, status: Callable[[], Status | None] = lambda: None) -> None:
        self._status = status

    @property
    def known(self) -> bool:
        """Whether anything has been recorded."""
        status = self._status()
        return status is not None and bool(status.recording.path)

    def __call__(self) -> list[Path]:
        """The files there are; reads session.json."""
        status = self._status()
        if status is None:
            return []
        found: dict[Path, None] = {}
        folder = status.session_folder
        fields = None if folder is None else read_json(folder / "session.json")
        for part in (fields or {}).get("parts") or ():
            found[folder / str(part["file"])] = None  # type: ignore[operator]
        if status.recording.path:
            found[Path(status.recording.path)] = None
        return [path for path in {p.resolve(): None for p in found} if path.exists()]
