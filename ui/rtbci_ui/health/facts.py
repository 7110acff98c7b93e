"""The dense grid of health: groups of title and value, with a mood where a figure is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtbci_ui import wording
from rtbci_ui.banner import Level
from rtbci_ui.facts import Fact
from rtbci_ui.health.frames import FrameTimes
from rtbci_ui.health.problems import BUSY_CPU, FULL_GPU, RATE_TOLERANCE, SLOW_FRAME_MS, disk_level
from rtbci_ui.health.recent import seconds_left
from rtbci_ui.status import DecoderStatus, RecordingStatus, Status

_MOODS = {None: "", Level.NOTICE: "", Level.WARNING: "warning", Level.ALARM: "alarm"}


@dataclass(frozen=True, slots=True)
class Group:
    """Facts under a heading; ``own`` are those that the window knows by itself, and that are never stale."""

    title: str
    facts: tuple[Fact, ...]
    own: bool = False


def _known(text: str) -> str:
    return wording.NOT_KNOWN if text == wording.UNKNOWN else text


def groups(
    status: Status, decoder: DecoderStatus | None, bytes_per_second: float | None, frames: FrameTimes
) -> list[Group]:
    """All that is shown: of the stream, one decoder, the recording, the machine and this window."""
    found = [Group("Signal", _signal(status))]
    if decoder is not None:
        found.append(Group(f"Decoder {decoder.name}", _decoder(decoder, status.state == "ended")))
    found.append(Group("Recording", _recording(status, bytes_per_second)))
    found.append(Group("Machine", _machine(status.host)))
    found.append(Group("This window", _window(frames), own=True))
    return found


def _signal(status: Status) -> tuple[Fact, ...]:
    stream, moods = status.stream, {"live": "good", "lost": "alarm", "ended": ""}
    lost, received = status.lost, status.received
    share = f" ({100.0 * lost / (lost + received):.2g} %)" if lost and received else ""
    off = None
    if stream.rate and stream.effective_rate is not None:
        off = abs(stream.effective_rate / stream.rate - 1.0) > RATE_TOLERANCE
    measured = _known(wording.hertz(stream.effective_rate))
    return (
        Fact("state", status.state, moods.get(status.state, "warning")),
        Fact("received", _known(wording.count(received))),
        Fact("lost", _known(wording.count(lost)) + share, "warning" if lost else ""),
        Fact("gaps", _known(wording.count(status.gaps)), "warning" if status.gaps else ""),
        Fact("nominal rate", _known(wording.hertz(stream.rate))),
        Fact("measured rate", measured + (", off" if off else ""), "warning" if off else ""),
        Fact("clock offset", wording.clock_offset(stream.clock_offset_ms)),
    )


def _decoder(decoder: DecoderStatus, ended: bool) -> tuple[Fact, ...]:
    moods = {"live": "good", "failed": "alarm", "stopped": "", "ended": ""}
    facts = [
        Fact("state", "ended" if ended else decoder.state, "" if ended else moods.get(decoder.state, "warning")),
        Fact("decided", wording.count(decoder.decoded)),
        Fact("skipped", wording.count(decoder.skipped), "warning" if decoder.skipped else ""),
        Fact("late", wording.count(decoder.late), "warning" if decoder.late else ""),
        Fact("restarts", wording.count(decoder.restarts), "warning" if decoder.restarts else ""),
    ]
    if decoder.device:
        facts.append(Fact("runs on", decoder.device))
    if decoder.problem:
        facts.append(Fact("problem", decoder.problem, "alarm" if decoder.state == "failed" else "warning"))
    return tuple(facts)


def _recording(status: Status, rate: float | None) -> tuple[Fact, ...]:
    recording = status.recording
    free = status.host.get("disk_free")
    left = seconds_left(free, rate) if recording.state == "recording" else None
    word, mood = _recording_state(recording, status.state == "ended")
    level = disk_level(free, left)
    low = {Level.ALARM: ", nearly full", Level.WARNING: ", low"}.get(level, "") if level is not None else ""
    facts = [
        Fact("state", word, mood),
        Fact("size", _known(wording.size(recording.bytes))),
        Fact("length", _known(wording.duration(recording.seconds))),
        Fact("disk left", (wording.NOT_KNOWN if free is None else wording.size(free)) + low, _MOODS[level]),
    ]
    if recording.state == "recording":
        lasts = wording.NOT_KNOWN if left is None else wording.roughly(left)
        facts.append(Fact("lasts for", lasts, _MOODS[level]))
        facts.append(Fact("grows by", wording.NOT_KNOWN if rate is None else f"{wording.size(round(rate * 60))}/min"))
    facts.append(Fact("file", Path(recording.path).name if recording.path else "none"))
    return tuple(facts)


def _recording_state(recording: RecordingStatus, ended: bool) -> tuple[str, str]:
    if ended and not recording.problem:
        return "closed", ""
    part = f", part {recording.part}" if recording.part > 1 else ""
    if recording.state == "recording":
        return f"recording{part}", "warning" if recording.problem else "good"
    if recording.state == "stopped" and recording.problem:
        return f"STOPPED: {recording.problem.removeprefix('recording stopped: ')}", "alarm"
    words = {"off": "off: nothing is kept", "stopped": f"stopped{part}: nothing is kept"}
    return words.get(recording.state, recording.state), "warning" if recording.state in words else ""


def _machine(host: Mapping[str, Any]) -> tuple[Fact, ...]:
    cpu, n_cpus = host.get("cpu"), host.get("n_cpus")
    busy = cpu is not None and cpu >= BUSY_CPU
    own = host.get("session_cpu")
    facts = [
        Fact("processor", wording.percent(cpu) + (", busy" if busy else ""), "warning" if busy else ""),
        Fact("cores", _known(wording.count(n_cpus))),
        Fact("this session", wording.percent(own) + ("" if own is None else " of a core")),
        Fact("its memory", wording.megabytes(host.get("memory_mb"))),
    ]
    if "gpu" not in host:
        facts.append(Fact("GPU memory", wording.NOT_KNOWN))
    elif not host["gpu"]:
        facts.append(Fact("GPU memory", "no GPU in use"))
    facts += [_gpu(gpu) for gpu in host.get("gpu") or ()]
    return tuple(facts)


def _gpu(gpu: Mapping[str, Any]) -> Fact:
    used, total = gpu.get("used_mb"), gpu.get("total_mb")
    full = used is not None and bool(total) and used > FULL_GPU * float(total or 0.0)
    of = f"{wording.megabytes(used)} of {wording.megabytes(total)}"
    return Fact(str(gpu.get("name") or "GPU"), of + (", full" if full else ""), "warning" if full else "")


def _window(frames: FrameTimes) -> tuple[Fact, ...]:
    pace, took = frames.per_second(), frames.milliseconds()
    slow = took is not None and took[1] > SLOW_FRAME_MS
    return (
        Fact("frames", wording.NOT_KNOWN if pace is None else f"{pace:.0f} a second"),
        Fact("a frame, p50", wording.NOT_KNOWN if took is None else wording.milliseconds(took[0])),
        Fact(
            "a frame, p99",
            wording.NOT_KNOWN if took is None else wording.milliseconds(took[1]) + (", slow" if slow else ""),
            "warning" if slow else "",
        ),
    )
