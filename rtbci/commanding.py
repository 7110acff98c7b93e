"""What a running session can be asked, whoever asks: window, terminal, script, stimulus program.

A command is one JSON object, ``{"do": NAME, …}``; the reply is another, ``{"ok": true, …}`` or ``{"error": "…"}``. What a
command takes stands in `rtbci.commands`; anything else is refused, because a misspelt key would otherwise be a wish that
nobody hears. docs/remote-control.md shows them all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from rtbci.annotations import Annotations
from rtbci.commands import VIEWS, check, checked_text, described, one_of, recording_name
from rtbci.errors import ConfigError, RecordingError
from rtbci.runfolder import marker_to_json
from rtbci.status import Watched
from rtbci.supervision import WorkerProcess
from rtbci.types import Marker

log = logging.getLogger("rtbci.session")

BACK_SECONDS, AHEAD_SECONDS = 60.0, 10.0
"""How far from now a marker may lie that brings its own time: further away, its clock is another one than the source's."""
IN_TURN = ("record", "decode", "restart")
"""Commands that wait for each other; all others wait for nobody's disk: a marker that did would come late."""
Reply = dict[str, Any]


class Commanded(Watched, Protocol):
    """The session, as far as commands know it."""

    def stop(self) -> None:
        """End the session soon."""

    def later(self, work: Callable[[], None]) -> None:
        """Have ``work`` done by the session's main loop, which alone handles processes."""

    def status(self) -> dict[str, Any]:
        """What the session says of itself."""


class Commanding:
    """Answers commands for one session, from any thread."""

    def __init__(self, session: Commanded) -> None:
        self._session = session
        self._turn = threading.Lock()
        self._off: set[WorkerProcess] = set()  # what was asked for last, whether or not the main loop has come to it

    def __call__(self, command: dict[str, Any]) -> Reply:
        """The reply to ``command``. Raises RtbciError, which becomes ``{"error": …}``."""
        do = check(command)
        given = {key: value for key, value in command.items() if key != "do"}
        if do == "play":
            return self._play(given)
        answer: Callable[..., Reply] = getattr(self, f"_{do}")
        if do not in IN_TURN:
            return answer(**given)
        with self._turn:
            return answer(**given)

    # ------------------------------------------------------------------ the session

    def _help(self) -> Reply:
        return {"ok": True, "commands": described()}

    def _status(self) -> Reply:
        return {"ok": True, "status": self._session.status()}

    def _stop(self) -> Reply:
        self._session.stop()
        return {"ok": True}

    def _play(self, wish: dict[str, Any]) -> Reply:
        answer = getattr(self._session.source, "command", None)
        if answer is None:
            raise ConfigError("play: this session plays no recording; it hears a live stream, which cannot be moved in")
        with self._turn:
            reply: Reply = answer(wish)
        return reply

    # ------------------------------------------------------------------ what is said of the signal

    def _annotations(self, what: str) -> Annotations:
        annotations = self._session.annotations
        if annotations is None:
            raise RecordingError(
                f"the session has no folder yet, so no {what} can be kept; again when it has found its stream"
            )
        return annotations

    def _mark(self, label: str, time: float | None = None, code: int | None = None) -> Reply:
        acquisition = self._session.acquisition
        if acquisition is None or not acquisition.is_alive():
            raise RecordingError("nothing is being acquired yet; mark again when samples flow")
        marker = Marker(self._plausible(time), checked_text("mark", "label", label), code, "experimenter")
        acquisition.add_marker(marker)
        return {"ok": True, "marker": marker_to_json(marker)}

    def _plausible(self, time: float | None) -> float:
        now = self._session.source.now()
        if time is None:
            return now
        if not now - BACK_SECONDS <= time <= now + AHEAD_SECONDS:
            raise ConfigError(
                f"mark: time {time!r} is not near now, {now:.3f} s on the source's clock (for LSL its local_clock()); "
                f'at most {BACK_SECONDS:g} s before and {AHEAD_SECONDS:g} s after it would be right, or no "time" for now'
            )
        return float(time)

    def _note(self, text: str, marker: bool = False) -> Reply:
        text = checked_text("note", "text", text)
        now = self._session.source.now()
        note, problem = self._annotations("note").note(now, text)
        log.info("note: %s", text)
        problems = [] if problem is None else [problem]
        acquisition = self._session.acquisition
        if marker and (acquisition is None or not acquisition.is_alive()):
            problems.append("it is no marker: nothing is being acquired")
        elif marker and acquisition is not None:
            # with its prefix no note can be taken for a cue
            acquisition.add_marker(Marker(now, f"note: {text}", None, "notes"))
        return {"ok": True, "note": note, **({"warning": "; ".join(problems)} if problems else {})}

    def _bad(self, channel: str, bad: bool) -> Reply:
        annotations, info = self._annotations("mark"), self._session.info
        assert info is not None, "there is a folder once the stream is known"
        one_of("bad", "channel", channel, [one.name for one in info.channels])
        problem = annotations.mark_bad(self._session.source.now(), channel, bad)
        log.info("channel %s was marked %s", channel, "bad" if bad else "good again")
        return {
            "ok": True,
            "bads": sorted(annotations.bads),
            "about": "kept with the session; what is decoded does not change",
            **({"warning": problem} if problem else {}),
        }

    def _display(self, **wish: Any) -> Reply:
        if not wish:
            raise ConfigError(
                'display needs something to show, as in {"do": "display", "show": "traces", "seconds": 10}'
            )
        if "show" in wish:
            one_of("display", "show", wish["show"], VIEWS)
        if "decoder" in wish:
            one_of("display", "decoder", wish["decoder"], [one.name for one in self._session.experiment.decoders])
        if "seconds" in wish and not 0.1 <= wish["seconds"] <= 3600.0:
            raise ConfigError(f'display: "seconds" is {wish["seconds"]}; 0.1 to 3600 s of signal would be right')
        return {"ok": True, "display": self._annotations("wish").show(wish)}

    # ------------------------------------------------------------------ recording and decoding

    def _record(self, on: bool, name: str | None = None) -> Reply:
        recorder, folder = self._session.recorder, self._session.folder
        if recorder is None or folder is None:
            raise RecordingError("the session is still starting; record when samples flow")
        if not on:
            if name is not None:
                raise ConfigError('record: "name" is for {"on": true}; a part that is being recorded keeps its name')
            part = recorder.end()
            log.info("recording was stopped; %s is closed", part.file)
            return {
                "ok": True,
                "part": len(recorder.parts),
                "path": str(folder.path / part.file),
                **_counts(part.as_json()),
            }
        path = recorder.begin(None if name is None else folder.next_recording(recording_name(name)))
        return {"ok": True, "part": len(recorder.parts), "path": str(path)}

    def _decode(self, on: bool, decoder: str | None = None) -> Reply:
        workers = self._session.workers
        if decoder is not None:
            one_of("decode", "decoder", decoder, workers)
        if not workers:
            raise ConfigError("decode: the session has no decoder; it only records")
        asked = set(workers.values() if decoder is None else [workers[decoder]])
        moved = {worker for worker in asked if (worker in self._off) == on}
        if not moved:
            whom = "all decoders are" if decoder is None else f"decoder {decoder} is"
            raise ConfigError(f"decode: {whom} {'decoding' if on else 'stopped'} already")
        names = [name for name, worker in workers.items() if worker in moved]
        self._off = self._off - moved if on else self._off | moved
        for worker in moved:
            self._session.later(worker.go_on if on else worker.halt)
        log.info("decoding of %s was %s", ", ".join(names), "started" if on else "stopped")
        return {"ok": True, "decoders": names}

    def _restart(self, decoder: str) -> Reply:
        worker = self._session.workers[one_of("restart", "decoder", decoder, self._session.workers)]
        if worker in self._off:
            raise ConfigError(f'restart: decoder {decoder} is stopped; {{"do": "decode", "on": true}} starts it')
        self._session.later(worker.restart_now)
        return {"ok": True}

    def _charge(self, decoder: str) -> Reply:
        charge = self._session.charge
        if charge is None:
            raise ConfigError("charge: no decoder is running, so none can be in charge")
        charge.ask(one_of("charge", "decoder", decoder, charge.names))
        return {"ok": True, "decoder": charge.decoder, "next": charge.next}


def _counts(part: dict[str, Any]) -> dict[str, Any]:
    return {key: part[key] for key in ("samples", "bytes")}
