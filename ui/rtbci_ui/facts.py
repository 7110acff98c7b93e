"""The words of the state panel: what is known about stream, recording and decoders, as rows of title and value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rtbci_ui import wording
from rtbci_ui.status import DecoderStatus, Status


@dataclass(frozen=True, slots=True)
class Fact:
    """A title and its value; ``mood`` is "", "good", "warning" or "alarm"."""

    title: str
    value: str
    mood: str = ""


_STATES = {"live": "good", "lost": "alarm", "ended": "", "starting": "warning", "connecting": "warning"}


def stream_facts(status: Status) -> list[Fact]:
    """What there is to know about the stream."""
    stream = status.stream
    offset = wording.UNKNOWN if stream.clock_offset_ms is None else f"{stream.clock_offset_ms:+.2f} ms"
    lost = status.lost or 0
    name = f"{stream.name} ({stream.type})" if stream.name and stream.type else stream.name
    return [
        Fact("stream", status.state.upper() if status.state == "lost" else status.state, _STATES.get(status.state, "")),
        Fact("name", name or wording.UNKNOWN),
        Fact("rate", wording.hertz(stream.rate)),
        Fact("measured", wording.hertz(stream.effective_rate)),
        Fact("samples", f"{wording.count(status.received)}"),
        Fact("lost", wording.count(status.lost), "warning" if lost else ""),
        Fact("gaps", wording.count(status.gaps), "warning" if status.gaps else ""),
        Fact("clock offset", offset),
    ]


def recording_facts(status: Status) -> list[Fact]:
    """What there is to know about what is kept."""
    moods = {"recording": "good", "stopped": "alarm", "off": "warning"}
    recording = status.recording
    mood = moods.get(recording.state, "")
    if status.state == "ended" and recording.state == "stopped" and not recording.problem:
        mood = ""  # the end of a session stops its recording: nothing is wrong
    return [
        Fact("recording", wording.recording(recording), mood),
        Fact("file", Path(recording.path).name if recording.path else wording.UNKNOWN),
        Fact("session", status.session or wording.UNKNOWN),
    ]


def decoder_facts(decoder: DecoderStatus) -> list[Fact]:
    """What there is to know about a decoder's windows and its worker."""
    facts = [
        Fact("windows", f"{wording.count(decoder.decoded)} decoded"),
        Fact("skipped", wording.count(decoder.skipped), "warning" if decoder.skipped else ""),
        Fact("late", wording.count(decoder.late), "warning" if decoder.late else ""),
        Fact("restarts", wording.count(decoder.restarts), "warning" if decoder.restarts else ""),
    ]
    if decoder.window_accuracy is not None and decoder.trials:
        chance = wording.UNKNOWN if decoder.chance is None else wording.probability(decoder.chance)
        facts.append(Fact("windows right", f"{wording.probability(decoder.window_accuracy)}, chance {chance}"))
    if decoder.device:
        facts.append(Fact("runs on", decoder.device))
    if decoder.problem:
        facts.append(Fact("problem", decoder.problem, "alarm" if decoder.state == "failed" else "warning"))
    return facts
