"""The control socket: how a window or a second terminal asks a running session for something.

One JSON object a line goes in, one comes back. The session listens on a socket in its run folder, which nobody else may
enter; where that cannot be (Windows, a path too long for a socket) on 127.0.0.1, and then every line carries a token that
stands in the run folder. The file ``control`` there says which::

    {"unix": "/dev/shm/rtbci-x/control.sock"}        {"tcp": 40123, "token": "…"}
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtbci.errors import RecordingError, RtbciError
from rtbci.line_server import LONGEST_LINE, MOST_CLIENTS, Client, LineServer
from rtbci.runfolder import RunFolder, read_json

__all__ = [
    "LONGEST_LINE",
    "MOST_CLIENTS",
    "ControlServer",
    "answer_json",
    "is_token",
    "line_of",
    "send",
    "write_address",
]

Handle = Callable[[dict[str, Any]], dict[str, Any]]
_log = logging.getLogger(__name__)


class ControlServer:
    """Answers commands in a thread of its own, one after the other, so that ``handle`` needs no lock against itself.

    A client that goes away, sends nonsense or nothing is dropped after ``idle`` seconds at most and disturbs nobody. What
    ``handle`` raises comes back as ``{"error": …}``.

    Parameters
    ----------
    run : the run folder to listen in.
    handle : takes the command, returns the reply; both are what JSON can hold. Called from the server's thread.
    idle : seconds after which a client that neither sends nor takes its replies is dropped.

    Raises
    ------
    RecordingError
        When the run folder cannot be written or no socket can be had.
    """

    def __init__(self, run: RunFolder, handle: Handle, *, idle: float = 30.0) -> None:
        self._run = run
        self._handle = handle
        try:
            listener, address, self._token = self._bind()
            listener.listen(MOST_CLIENTS)  # before anybody is told where
            write_address(run.control, address)
        except OSError as error:
            raise RecordingError(
                f"{run.path}: no control socket can be made there ({error}); a writable folder"
            ) from error
        self._server = LineServer(listener, self._answer, too_long=TOO_LONG, idle=idle)

    def close(self) -> None:
        """Stop listening, drop all clients, and take the address away; safe to call twice."""
        if self._server.close():
            for path in (self._run.control, self._socket_path):
                with contextlib.suppress(OSError):
                    path.unlink()

    @property
    def n_clients(self) -> int:
        """How many are connected."""
        return self._server.n_clients

    @property
    def _socket_path(self) -> Path:
        return self._run.path.absolute() / "control.sock"

    def _bind(self) -> tuple[socket.socket, dict[str, Any], str | None]:
        if hasattr(socket, "AF_UNIX"):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self._socket_path.unlink(missing_ok=True)  # left by a session that was killed
                listener.bind(str(self._socket_path))
                self._socket_path.chmod(0o600)
                return listener, {"unix": str(self._socket_path)}, None
            except OSError as error:  # the path is too long, or the file system knows no sockets
                _log.info("control socket at %s: %s; listening on 127.0.0.1", self._socket_path, error)
                listener.close()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind(("127.0.0.1", 0))
        except OSError:
            listener.close()
            raise
        token = secrets.token_hex(16)
        return listener, {"tcp": listener.getsockname()[1], "token": token}, token

    def _answer(self, client: Client, line: bytes) -> bytes:
        return answer_json(line, self._handle, self._refusal)

    def _refusal(self, command: dict[str, Any]) -> str | None:
        if self._token is None or is_token(command.pop("token", None), self._token):
            return None
        return "the token is wrong or missing; the one in the run folder's control file"


def is_token(given: object, token: str) -> bool:
    """Whether ``given`` is the ``token``, in a time that does not tell how much of it is right."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), token.encode())


def answer_json(line: bytes, handle: Handle, refusal: Callable[[dict[str, Any]], str | None]) -> bytes:
    """The line that answers ``line``: what ``handle`` says to it, unless ``refusal`` says why it is not let in."""
    try:
        command = json.loads(line)
    except (ValueError, RecursionError) as error:
        return line_of({"error": f"not JSON: {error}; one JSON object a line would be right"})
    if not isinstance(command, dict):
        return line_of({"error": f"a {type(command).__name__} came; a JSON object would be right"})
    if (why := refusal(command)) is not None:
        return line_of({"error": why})
    try:
        return line_of(handle(command))
    except RtbciError as error:
        return line_of({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a faulty command must not end the session's control
        _log.exception("control: command %.200r", command)
        return line_of({"error": f"{type(error).__name__}: {error}"})


def line_of(value: dict[str, Any]) -> bytes:
    """``value`` as a line."""
    return json.dumps(value).encode() + b"\n"


TOO_LONG = line_of({"error": f"a line is longer than {LONGEST_LINE} bytes; one JSON object a line"})


def write_address(path: Path, address: dict[str, Any]) -> None:
    """Make ``path`` say where somebody listens, readable for this user alone from its first instant: a token is a key."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(address, file)
    scratch.replace(path)


def send(run: RunFolder, command: dict[str, Any], timeout: float = 2.0) -> dict[str, Any]:
    """Send ``command`` to the session of ``run`` and return its reply, which may be ``{"error": …}``.

    Parameters
    ----------
    run : the session's run folder.
    command : what JSON can hold.
    timeout : seconds for everything together.

    Raises
    ------
    RecordingError
        When the session is gone or does not answer within ``timeout``.
    """
    gone = f"no session answers at {run.path}"
    try:
        address = read_json(run.control)
        if address is None:
            raise RecordingError(f"{gone}; it has ended, or is not ready yet")
        deadline = time.monotonic() + timeout
        with _connect(address, deadline) as connection:
            if "token" in address:
                command = {**command, "token": address["token"]}
            connection.sendall(line_of(command))
            received = b""
            while not received.endswith(b"\n"):
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                chunk = connection.recv(65536)
                if not chunk:
                    raise RecordingError(f"{gone}; it ended before it replied")
                received += chunk
        reply = json.loads(received)
    except TimeoutError as error:
        raise RecordingError(
            f"the session at {run.path} did not answer within {timeout:g} s; it may be busy"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{gone} ({type(error).__name__}: {error}); it has ended or was killed") from error
    if not isinstance(reply, dict):
        raise RecordingError(f"{gone}: {reply!r} came; a JSON object would be right")
    return reply


def _connect(address: dict[str, Any], deadline: float) -> socket.socket:
    timeout = max(deadline - time.monotonic(), 0.001)
    if "tcp" in address:
        return socket.create_connection(("127.0.0.1", address["tcp"]), timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        while True:
            try:
                connection.connect(address["unix"])
                return connection
            except BlockingIOError:  # Linux, more callers than the queue holds: it refuses at once where TCP would wait
                if time.monotonic() >= deadline:
                    raise TimeoutError("the queue of callers is full") from None
                time.sleep(0.002)
    except BaseException:
        connection.close()
        raise
