"""The text commands by which LabRecorder is controlled remotely (RCS), understood by a session of rtbci.

One command a line, as LabRecorder's own server takes them (its README, "Remote Control")::

    select all      select none      update      start      stop
    filename {root:C:\\data} {template:exp%n\\%p_block_%b.xdf} {task:rest} {run:2} {participant:P003} {session:S001}
             {acquisition:pre} {modality:eeg}

Each is answered with ``OK``, as LabRecorder does: also a ``start`` while recording and a ``stop`` while not, which change
nothing and are told to whoever sits at the session, because programs send them to be on the safe side. What cannot be done
is answered with ``ERROR`` and what is wrong, which LabRecorder never says, and told at the session, too: few programs look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rtbci.commands import recording_name
from rtbci.errors import ConfigError, RtbciError

BIDS = "sub-%p/ses-%s/%m/sub-%p_ses-%s_task-%b[_acq-%a]_run-%r_%m.xdf"
"""Where a part goes when a ``filename`` command names no template: LabRecorder's own default."""
DEFAULTS: Mapping[str, str] = {
    "root": "", "template": BIDS, "task": "Default", "run": "1", "participant": "P001", "session": "S001", "acquisition": "",
    "modality": "eeg",
}  # fmt: skip
"""What ``filename`` may set, and what holds until it does."""
WILDCARDS: Mapping[str, str] = {
    "%b": "task", "%p": "participant", "%s": "session", "%a": "acquisition", "%m": "modality",
}  # fmt: skip
_OPTION = re.compile(r"\{(\w+):([^{}]*)\}")
OK = "OK"
WORDS = ("start", "stop", "update", "select", "filename")


def replaced(template: str, values: Mapping[str, str]) -> str:
    """``template`` with its wildcards replaced; what is in brackets stays where the acquisition has a name.

    ``%n`` and ``%r`` are the run with three digits.
    """
    name = re.sub(r"\[([^\[\]]*)\]", r"\1" if values["acquisition"] else "", template)
    for wildcard, key in WILDCARDS.items():
        name = name.replace(wildcard, values[key])
    run = f"{int(values['run']):03d}"
    return name.replace("%n", run).replace("%r", run).replace("\\", "/").strip()


class Rcs:
    """Turns text commands into those of `rtbci.commanding`; keeps what ``filename`` has set, for all clients.

    Parameters
    ----------
    handle : answers a command of rtbci. said : is told what a person at the session should know.
    """

    def __init__(self, handle: Callable[[dict[str, Any]], dict[str, Any]], said: Callable[[str], None]) -> None:
        self._handle = handle
        self._said = said
        self._values: dict[str, str] | None = None

    def __call__(self, line: str) -> str:
        """The reply to ``line``: `OK`. Raises RtbciError, which becomes ``ERROR …``."""
        command, _, rest = line.strip().partition(" ")
        try:
            return self._answer(line.strip(), command.lower(), rest.strip())
        except RtbciError as error:
            if command.lower() in WORDS:  # any other line is no wish that a person at the session could make sense of
                self._said(f"remote control: {line.strip()[:100]!r} was refused: {error}")
            raise

    def _answer(self, line: str, command: str, rest: str) -> str:
        match command, rest:
            case "start", "":
                self._start()
            case "stop", "":
                self._stop()
            case "update", "":
                pass  # a session finds its stream, and finds it again, by itself
            case "select", ("all" | "none"):
                pass  # it has one stream, and all markers; LabRecorder's start selects all again, too
            case "filename", options:
                self._name(options)
            case _:
                raise ConfigError(
                    f"{line[:100]!r} is none of LabRecorder's commands (select all, select none, update, start, "
                    "stop, filename {option:value}…); a line of rtbci's own begins with {"
                )
        return OK

    def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        reply = self._handle(command)
        if "error" in reply:
            raise ConfigError(str(reply["error"]))
        return reply

    def _recording(self) -> str | None:
        """The file of the part that is being recorded, or None."""
        recording = self._do({"do": "status"})["status"]["recording"]
        return str(recording["path"]) if recording["state"] == "recording" else None

    def _stop(self) -> None:
        if self._recording() is None:
            self._said("remote control: stop was asked for; nothing was being recorded")
            return
        reply = self._do({"do": "record", "on": False})
        self._said(f"remote control: recording was stopped: {reply.get('path')}")

    def _start(self) -> None:
        name = None if self._values is None else replaced(self._values["template"], self._values)
        if (path := self._recording()) is not None:
            kept = "" if name is None else f"; {name} is for the next part"
            self._said(f"remote control: start was asked for while recording: {path} goes on{kept}")
            return
        reply = self._do({"do": "record", "on": True, **({} if name is None else {"name": name})})
        self._said(f"remote control: recording to {reply.get('path')}")

    def _name(self, text: str) -> None:
        options = _OPTION.findall(text)
        left = _OPTION.sub("", text).strip()
        if left or not options:
            raise ConfigError(
                f"filename {text[:100]!r}: options in braces are expected, such as {{participant:P003}} {{run:2}}"
                + (f", not {left[:60]!r}" if left else "")
            )
        values = dict(DEFAULTS if self._values is None else self._values)
        for option, value in options:
            key = option.lower()
            if key not in DEFAULTS:
                raise ConfigError(f"filename: there is no option {option!r}; there are {', '.join(DEFAULTS)}")
            if key == "run" and not re.fullmatch(r"\d{1,6}", value.strip()):
                raise ConfigError(f"filename: run is {value!r}; a whole number such as 2 would be right")
            values[key] = value.strip()
        values["template"] = values["template"] or BIDS
        recording_name(replaced(values["template"], values))  # refused now, and not when recording is started
        self._said(f"remote control: the next part is called {replaced(values['template'], values)}")
        if values["root"] and values["root"] != (self._values or {}).get("root"):
            self._said(f"remote control: root {values['root']} is not used; parts are kept within the session folder")
        self._values = values
