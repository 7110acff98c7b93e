"""Remote control over TCP: a session that listens for scripts and stimulus programs.

A line that begins with ``{`` is a command of `rtbci.commanding`, in JSON, and needs the session's token, in each line
(``"token"``) or once for the connection (``{"do": "hello", "token": …}``). Any other line is one of LabRecorder's text
commands (`rtbci.rcs`), which know no token: they are taken from this computer only, and can be turned off.

docs/remote-control.md has all commands, examples, and what this protects against.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtbci import __version__
from rtbci.control import answer_json, is_token, line_of, write_address
from rtbci.errors import ConfigError, RecordingError, RtbciError
from rtbci.line_server import LONGEST_LINE, Client, LineServer
from rtbci.rcs import Rcs
from rtbci.runfolder import RunFolder

log = logging.getLogger("rtbci.session")

PORT = 22345
"""LabRecorder's, so that what controls that finds this."""
LOOPBACK = "127.0.0.1"
STRIKES = 5
"""Wrong tokens after which a connection is closed: nobody mistypes 32 digits that often."""
ASKED_OFTEN = ("status", "help")
"""Commands that change nothing and are not logged: a program may ask for the status ten times a second."""
INSTEAD = "a line of JSON with the token would be right"
LONGEST_TOKEN = 200
_TOKEN = re.compile(f"[!-~]{{16,{LONGEST_TOKEN}}}")
_BROWSER = re.compile(rb"[A-Z]+ \S+ HTTP/\d")
Handle = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Where to listen.

    ``port`` 0 takes any that is free; ``host`` other than 127.0.0.1 lets other computers in, with the token; ``rcs`` is
    whether LabRecorder's commands are understood; ``token`` None makes a new one for every session.
    """

    port: int = PORT
    host: str = LOOPBACK
    rcs: bool = True
    token: str | None = None


def token_in(path: Path) -> str:
    """The token in the file ``path``, which is made with a new one where it is not there; for this user's eyes alone.

    So a stimulus program finds the same token in every session. Raises ConfigError for a file that others may read, or that
    holds no token.
    """
    try:
        if not path.exists():
            token = secrets.token_hex(16)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{token}\n")
            return token
        mode = path.stat().st_mode
        with path.open("rb") as there:
            token = there.read(LONGEST_TOKEN + 2).decode(errors="replace").strip()
    except OSError as error:
        raise ConfigError(
            f"token_file {path}: cannot be read or made ({error.strerror}); a file in a folder of your own would be right"
        ) from error
    if os.name != "nt" and mode & 0o077:
        raise ConfigError(
            f"token_file {path}: other users may read it (mode {mode & 0o777:03o}); mode 600 (chmod 600) would be right"
        )
    if not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"token_file {path}: holds no token; one word of 16 to {LONGEST_TOKEN} letters, digits or signs would be right, "
            "and a file that is not there is made"
        )
    return token


class RemoteServer:
    """Listens until it is closed; its address and token stand in ``remote`` in the run folder, readable for the user alone.

    Parameters
    ----------
    handle : answers a command; called from this server's thread.
    said : is told what a person at the session should know.

    Attributes
    ----------
    host, port : where it listens. token : what a client has to show.

    Raises
    ------
    RecordingError
        When nothing can listen there.
    """

    def __init__(self, run: RunFolder, handle: Handle, settings: RemoteSettings, said: Callable[[str], None]) -> None:
        self._handle = handle
        self._said = said
        self._newest: str | None = None
        self._rcs = Rcs(handle, self._say) if settings.rcs else None
        self._address = run.path / "remote"
        self.token = settings.token or secrets.token_hex(16)
        listener = _bound(settings)
        self.host, self.port = listener.getsockname()[:2]
        try:
            write_address(self._address, {"host": self.host, "port": self.port, "token": self.token})
        except OSError as error:
            listener.close()
            raise RecordingError(f"{self._address} cannot be written ({error.strerror}); a writable folder") from error
        too_long = line_of({"error": f"a line is longer than {LONGEST_LINE} bytes; one command a line"})
        self._server = LineServer(listener, self._answer, too_long=too_long, name="remote control")
        said(f"remote control: {self.host} port {self.port}, token {self.token} (also in {self._address})")
        if not _is_loopback(self.host):
            said(
                f"WARNING: {self.host} can be reached from other computers; whoever has the token controls this session, "
                "and the token travels unencrypted. LabRecorder's commands are taken from this computer only"
            )

    @property
    def address(self) -> Path:
        """The file that says where it listens."""
        return self._address

    def status(self) -> dict[str, Any]:
        """Where it listens, how many are connected, and what a person should know of the last LabRecorder command."""
        return {"host": self.host, "port": self.port, "clients": self._server.n_clients, "said": self._newest}

    def _say(self, text: str) -> None:
        self._newest = text
        self._said(text)

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        self._server.close()
        with contextlib.suppress(OSError):
            self._address.unlink()

    def _answer(self, client: Client, line: bytes) -> bytes:
        text = line.strip()
        if not text:
            return b""
        if text.startswith(b"{"):
            reply = answer_json(text, self._handle_of(client), lambda command: self._refusal(client, command))
            client.turned_away = client.strikes >= STRIKES
            return reply
        if _BROWSER.match(text):
            # a page in a browser may send requests to this computer, and their text would be taken for commands
            client.turned_away = True
            return _text("ERROR this is no web server; one command a line")
        return _text(self._answer_text(client, text.decode(errors="replace")))

    def _answer_text(self, client: Client, text: str) -> str:
        if self._rcs is None:
            return f"ERROR LabRecorder's commands are turned off here (--no-rcs); {INSTEAD}"
        if not _is_loopback(client.peer):
            return f"ERROR LabRecorder's commands are taken from this computer only; {INSTEAD}"
        try:
            return self._rcs(text)
        except RtbciError as error:
            return f"ERROR {error}"
        except Exception as error:  # a faulty command must not end the session's control
            log.exception("remote control: %.200r", text)
            return f"ERROR {type(error).__name__}: {error}"

    def _refusal(self, client: Client, command: dict[str, Any]) -> str | None:
        if "token" in command:
            client.trusted = is_token(command.pop("token"), self.token)
            client.strikes += not client.trusted
            return (
                None if client.trusted else "the token is wrong; the session has printed the right one when it started"
            )
        return (
            None if client.trusted else 'a token is needed: {"do": "hello", "token": …} first, or "token" in each line'
        )

    def _handle_of(self, client: Client) -> Handle:
        def handle(command: dict[str, Any]) -> dict[str, Any]:
            if command == {"do": "hello"}:
                return {"ok": True, "rtbci": __version__, "commands": self._handle({"do": "help"})["commands"]}
            if command.get("do") not in ASKED_OFTEN:
                log.info("remote control: %s asks for %.200s", client.peer, command)
            return self._handle(command)

        return handle


def _text(reply: str) -> bytes:
    return " ".join(reply.split()).encode(errors="replace") + b"\n"


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def _bound(settings: RemoteSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: without it, two would share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen()  # where another socket listens already, it is only noticed here
    except OSError as error:
        listener.close()
        raise RecordingError(
            f"remote control: nothing can listen on {settings.host} port {settings.port}: {error.strerror or error}; "
            "is LabRecorder or another session there? --remote 0 takes a port that is free"
        ) from error
    return listener
