"""What is wrong now, in words, with what to do about it: the loudest first. Without Qt, so that every word is tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtbci_ui import wording
from rtbci_ui.banner import Banner, Level
from rtbci_ui.feed import Freshness
from rtbci_ui.health.recent import Growth, seconds_left
from rtbci_ui.run import Run
from rtbci_ui.status import DecoderStatus, Status

DISK_SECONDS = {Level.ALARM: 120.0, Level.WARNING: 600.0}
DISK_BYTES = {Level.ALARM: 200_000_000, Level.WARNING: 1_000_000_000}
"""A disk on which less than either is left is worth a word that loud."""
BUSY_CPU = 90.0
"""Percent of the machine from which on decisions begin to wait for each other."""
FULL_GPU = 0.95
RATE_TOLERANCE = 0.01
"""Part by which the measured rate may differ from the nominal one; crystals differ by a ten-thousandth."""
UNDECIDED_SECONDS = 5.0
"""So long after its first window a decoder should have decided something."""
SLOW_FRAME_MS = 50.0
"""The 99th percentile of a frame above which the window no longer looks fluent."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, with the figure, and what to do; ``about`` is a part of the session ("disk", "decoder mdm", …)."""

    level: Level
    about: str
    what: str
    advice: str = ""

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"{self.what}; {self.advice}" if self.advice else self.what

    @property
    def mark(self) -> str:
        """How loud it is, for whoever cannot tell the colour."""
        return wording.MARKS["alarm" if self.level is Level.ALARM else "warning"]


@dataclass(frozen=True, slots=True)
class Watched:
    """What the window has seen itself, beside the status.

    Attributes
    ----------
    stale_for : age in seconds of what the session tells, where it is too old.
    bytes_per_second : by which the recording grows.
    decisions : how old the newest decision of each decoder is.
    undecided : for how long, in seconds, a decoder has been live without any decision.
    grown : what was counted in the last ten seconds, by its name ("lost", "gaps", "skipped mdm", …).
    frame_ms : p50 and p99 of a frame of this window.
    problem : what cannot be read.
    """

    stale_for: float | None = None
    bytes_per_second: float | None = None
    decisions: Mapping[str, Freshness] = field(default_factory=dict)
    undecided: Mapping[str, float] = field(default_factory=dict)
    grown: Mapping[str, int] = field(default_factory=dict)
    frame_ms: tuple[float, float] | None = None
    problem: str = ""


def problems(status: Status | None, watched: Watched | None = None) -> list[Problem]:
    """All that is wrong now, loudest first; what has ended, or is not there yet, has none but what ended it."""
    watched = watched or Watched()
    if status is None or status.state == "ended":
        return []
    found: list[Problem] = []
    if watched.stale_for is not None:
        silent = f"no word from the session for {wording.age_ms(watched.stale_for)}"
        advice = "see its terminal; once it is gone, `rtbci recover` closes its recording"
        found.append(Problem(Level.ALARM, "session", silent, advice))
    else:
        found += _stream(status, watched)
        found += _recording(status, watched)
        for decoder in status.decoders:
            found += _decoder(status, decoder, watched)
        found += _machine(status)
    found += _window(watched)
    return sorted(found, key=lambda problem: -problem.level)


def as_banner(found: Sequence[Problem]) -> Banner | None:
    """The first of ``found`` (of `problems`) as a banner; what is no more than a notice is worth none."""
    if not found or found[0].level is Level.NOTICE:
        return None
    problem = found[0]
    named = problem.about.startswith("decoder")  # a name is written as it is
    what = problem.what if named else problem.what[:1].upper() + problem.what[1:]
    return Banner(problem.level, what, problem.advice)


def worst(run: Run) -> Banner | None:
    """The loudest problem of ``run`` that one look can tell; `rtbci_ui.health.model.Health` compares with before as well."""
    growth, status = Growth(), run.status
    if status is not None:
        growth.add(status.recording.seconds, status.recording.bytes)
    fresh = {name: feed.freshness(run.now()) for name, feed in run.feeds.items()}
    known = {name: one for name, one in fresh.items() if one is not None}
    return as_banner(problems(status, Watched(run.stale_for, growth.rate, known)))


def _stream(status: Status, watched: Watched) -> Iterator[Problem]:
    stream, grown = status.stream, watched.grown
    if status.state == "lost":
        name = f" “{stream.name}”" if stream.name else ""
        yield Problem(
            Level.ALARM,
            "stream",
            f"the stream{name} is lost",
            "check amplifier and network; rtbci looks for it by itself",
        )
        return
    if grown.get("lost", 0) > 0:
        lost, gaps = wording.count(grown["lost"]), grown.get("gaps", 0)
        within = f" in {gaps} gaps" if gaps > 1 else ""
        yield Problem(
            Level.WARNING,
            "stream",
            f"{lost} samples lost in the last 10 s{within}",
            "check the amplifier's radio or cable and the load of the machine that sends",
        )
    if stream.rate and stream.effective_rate is not None:
        off = stream.effective_rate / stream.rate - 1.0
        if abs(off) > RATE_TOLERANCE:
            yield Problem(
                Level.WARNING,
                "stream",
                f"the stream comes at {wording.hertz(stream.effective_rate)} and says {wording.hertz(stream.rate)}",
                "filters and windows assume what it says: check the rate that is set at the amplifier",
            )


def disk_level(free: int | None, left: float | None) -> Level | None:
    """How loud it is that ``free`` bytes are left, which last for ``left`` seconds; None: not at all."""
    for level in (Level.ALARM, Level.WARNING):
        few = free is not None and free < DISK_BYTES[level]
        short = left is not None and left < DISK_SECONDS[level]
        if few or short:
            return level
    return None


def _recording(status: Status, watched: Watched) -> Iterator[Problem]:
    recording = status.recording
    if status.state in ("starting", "connecting"):
        pass
    elif recording.state == "stopped" and recording.problem:
        why = recording.problem.removeprefix("recording stopped: ")
        yield Problem(
            Level.ALARM,
            "recording",
            f"recording stopped: {why}",
            "nothing more is kept; acquisition and decoding go on",
        )
    elif recording.state in ("off", "stopped") and status.playback is None:  # a replay is recorded already
        yield Problem(Level.WARNING, "recording", "nothing is being recorded", "start it when the session counts")
    elif recording.problem:
        yield Problem(Level.WARNING, "recording", recording.problem)
    free = status.host.get("disk_free")
    growing = recording.state == "recording"
    left = seconds_left(free, watched.bytes_per_second) if growing else None
    level = disk_level(free, left)
    if level is not None:
        lasts = "" if left is None else f", {wording.roughly(left).removeprefix('≈ ')} of recording"
        where = f" on {Path(recording.path).parent}" if recording.path else ""
        yield Problem(level, "disk", f"disk: {wording.size(free)} left{lasts}", f"free some space{where}")


def _decoder(status: Status, decoder: DecoderStatus, watched: Watched) -> Iterator[Problem]:
    about, name = f"decoder {decoder.name}", decoder.name
    why = decoder.problem or "no reason given"
    if decoder.state == "failed":
        yield Problem(
            Level.ALARM,
            about,
            f"{name} has failed: {why}",
            "mend what it says, then restart it; others go on without it",
        )
        return
    again = decoder.state == "starting" and decoder.restarts > 0
    if (again or decoder.state in ("waiting", "restarting")) and decoder.problem:
        yield Problem(
            Level.WARNING, about, f"{name} is being restarted: {why}", f"see worker-{name}.log if it stays so"
        )
        return
    if decoder.state != "live" or status.state != "live":
        return
    fresh = watched.decisions.get(name)
    if fresh is not None and fresh.stale and decoder.hop is not None and status.clock_rate > 0.0:
        yield Problem(
            Level.ALARM,
            about,
            f"{name}: its newest decision is {wording.age_ms(fresh.age)} old",
            "do not act upon it; restart the decoder if it stays silent",
        )
    waited = watched.undecided.get(name, 0.0)
    if waited > (decoder.window or 0.0) + UNDECIDED_SECONDS:
        yield Problem(
            Level.WARNING,
            about,
            f"{name} has decided nothing for {wording.age_ms(waited)}",
            "a window must be whole: see Signal, Quality, for values that are missing; then restart the decoder",
        )
    if watched.grown.get(f"restarts {name}", 0) > 0:
        # what it missed while it was away says nothing of how fast it is
        advice = f"if that comes again, worker-{name}.log tells more"
        yield Problem(Level.WARNING, about, f"{name} was started again: {why}", advice)
        return
    for what, cause in (
        ("skipped", "it is slower than its windows come: a longer hop, or fewer decoders on this machine"),
        ("late", "samples come late or decoding takes longer than a hop: see the stages"),
    ):
        if (n := watched.grown.get(f"{what} {name}", 0)) > 0:
            windows = "window" if n == 1 else "windows"
            yield Problem(Level.WARNING, about, f"{name}: {n} {windows} {what} in the last 10 s", cause)


def _machine(status: Status) -> Iterator[Problem]:
    cpu = status.host.get("cpu")
    if cpu is not None and cpu >= BUSY_CPU:
        own, n = status.host.get("session_cpu"), status.host.get("n_cpus")
        ours = f", {own / n:.0f} % by this session" if own is not None and n else ""
        yield Problem(
            Level.WARNING,
            "machine",
            f"the processor is busy: {cpu:.0f} %{ours}",
            "close other programs, or panels here",
        )
    for gpu in status.host.get("gpu") or ():
        yield from _gpu(gpu)


def _gpu(gpu: Mapping[str, Any]) -> Iterator[Problem]:
    used, total = gpu.get("used_mb"), gpu.get("total_mb")
    if used is not None and total and used > FULL_GPU * total:
        yield Problem(
            Level.WARNING,
            "machine",
            f"{gpu.get('name', 'the GPU')}: {wording.megabytes(used)} of {wording.megabytes(total)} are in use",
            "end what else runs on it: a decoder that finds no memory goes on on the processor",
        )


def _window(watched: Watched) -> Iterator[Problem]:
    if watched.problem:
        yield Problem(Level.WARNING, "window", f"cannot be shown: {watched.problem}")
    if watched.frame_ms is not None and watched.frame_ms[1] > SLOW_FRAME_MS:
        yield Problem(
            Level.NOTICE,
            "window",
            f"this window draws slowly: {watched.frame_ms[1]:.0f} ms a frame (p99)",
            "decisions do not wait for it; fewer channels or panels make it fluent",
        )
