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
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtbci.errors import RecordingError, RtbciError
from rtbci.runfolder import RunFolder, read_json

LONGEST_LINE = 1 << 20
"""Bytes of a command or a reply."""
MOST_CLIENTS = 64
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Client:
    socket: socket.socket
    heard: float
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    closing: bool = False


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

    def __init__(
        self, run: RunFolder, handle: Callable[[dict[str, Any]], dict[str, Any]], *, idle: float = 30.0
    ) -> None:
        self._run = run
        self._handle = handle
        self._idle = idle
        self._clients: dict[int, _Client] = {}
        self._closed = threading.Event()
        self._closing = threading.Lock()
        try:
            self._listener, self._token = self._listen()
        except OSError as error:
            raise RecordingError(
                f"{run.path}: no control socket can be made there ({error}); a writable folder"
            ) from error
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, drop all clients, and take the address away; safe to call twice."""
        with self._closing:
            if self._closed.is_set():
                return
            self._wake_in.send(b"x")  # first: once the event is set, the thread may close this socket
            self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        for path in (self._run.control, self._socket_path):
            with contextlib.suppress(OSError):
                path.unlink()

    @property
    def _socket_path(self) -> Path:
        return self._run.path.absolute() / "control.sock"

    def _listen(self) -> tuple[socket.socket, str | None]:
        listener, address, token = self._bind()
        listener.listen(MOST_CLIENTS)
        listener.setblocking(False)
        scratch = self._run.path / f"control.{os.getpid()}.tmp"
        scratch.unlink(missing_ok=True)
        # 0600 from its first instant: the token is the key
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(address, file)
        scratch.replace(self._run.control)
        return listener, token

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

    def _serve(self) -> None:
        while not self._closed.is_set():
            timeout = min((c.heard + self._idle - time.monotonic() for c in self._clients.values()), default=None)
            ready = self._selector.select(None if timeout is None else max(timeout, 0.0))
            # before any command is handled: what waits for us while a long one runs is not idle
            self._drop_idle({key.fd for key, _ in ready})
            for key, events in ready:
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data is not None and key.data.socket.fileno() in self._clients:
                    self._attend(key.data, events)
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        for open_socket in (self._listener, self._wake_in, self._wake_out):
            open_socket.close()

    def _drop_idle(self, ready: set[int]) -> None:
        now = time.monotonic()
        for descriptor, client in list(self._clients.items()):
            if descriptor not in ready and now - client.heard >= self._idle:
                self._drop(client)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # it went away before we came, or no descriptor is left
            _log.warning("control: a client could not be let in: %s", error)
            return
        if len(self._clients) >= MOST_CLIENTS:
            self._drop(min(self._clients.values(), key=lambda c: c.heard))
        connection.setblocking(False)
        client = _Client(connection, time.monotonic())
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.socket.fileno(), None)
        self._selector.unregister(client.socket)
        client.socket.close()

    def _attend(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                chunk = client.socket.recv(65536)
                client.heard = time.monotonic()
                if not chunk:
                    client.closing = True
                client.received += chunk
                self._answer_lines(client)
            if client.to_send:
                sent = client.socket.send(client.to_send)
                client.heard = time.monotonic()
                del client.to_send[:sent]
        except BlockingIOError:
            pass  # its buffer is full: the selector says when it takes more
        except OSError:
            self._drop(client)
            return
        if client.closing and not client.to_send:
            self._drop(client)
            return
        # who does not take its replies is not listened to, and dropped when it has been idle too long
        reads = not client.closing and len(client.to_send) < LONGEST_LINE
        wanted = selectors.EVENT_READ * reads | selectors.EVENT_WRITE * bool(client.to_send)
        self._selector.modify(client.socket, wanted, client)

    def _answer_lines(self, client: _Client) -> None:
        *lines, rest = client.received.split(b"\n")
        client.received = rest
        for line in lines:
            client.to_send += self._answer(bytes(line))
        if len(rest) > LONGEST_LINE:
            client.to_send += _line({"error": f"a line is longer than {LONGEST_LINE} bytes; one JSON object a line"})
            client.received = bytearray()
            client.closing = True

    def _answer(self, line: bytes) -> bytes:
        try:
            command = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _line({"error": f"not JSON: {error}; one JSON object a line would be right"})
        if not isinstance(command, dict):
            return _line({"error": f"a {type(command).__name__} came; a JSON object would be right"})
        if self._token is not None:
            token = command.pop("token", None)
            if not isinstance(token, str) or not hmac.compare_digest(
                token.encode(errors="replace"), self._token.encode()
            ):
                return _line({"error": "the token is wrong or missing; the one in the run folder's control file"})
        try:
            return _line(self._handle(command))
        except RtbciError as error:
            return _line({"error": str(error)})
        except Exception as error:  # noqa: BLE001 - a faulty command must not end the session's control
            _log.exception("control: command %.200r", command)
            return _line({"error": f"{type(error).__name__}: {error}"})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


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
            connection.sendall(_line(command))
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
