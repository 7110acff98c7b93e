"""Answers lines on a socket: any number of clients, slow and rude ones among them, in a thread that waits for nobody."""

from __future__ import annotations

import logging
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_LINE = 1 << 20
"""Bytes of a line or a reply."""
MOST_CLIENTS = 64
STUCK_SECONDS = 30.0
"""A client that does not take its replies for so long is dropped."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Client:
    """Who is connected.

    Attributes
    ----------
    peer : its address, "" where there is none (a Unix socket).
    trusted : for whoever answers: whether it has shown a token. strikes : how often it has shown a wrong one.
    turned_away : for whoever answers: whether nothing more is to be heard from it.
    closing : whether it is let go once it has taken its replies.
    """

    socket: socket.socket
    heard: float
    peer: str = ""
    trusted: bool = False
    strikes: int = 0
    turned_away: bool = False
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    closing: bool = False


class LineServer:
    """Answers the lines of all clients in a thread of its own, one after the other.

    A client that goes away, sends nonsense or nothing disturbs nobody.

    Parameters
    ----------
    listener : a socket that is bound; it is the server's from now on.
    answer : takes the client and a line without its end, returns what is sent back. Called from the server's thread.
    too_long : what is sent to a client whose line is longer than `LONGEST_LINE`, before it is let go.
    idle : seconds after which a client that sends nothing is dropped; infinite for never.
    """

    def __init__(
        self,
        listener: socket.socket,
        answer: Callable[[Client, bytes], bytes],
        *,
        too_long: bytes,
        idle: float = math.inf,
        name: str = "control",
    ) -> None:
        self._listener = listener
        self._answer = answer
        self._too_long = too_long
        self._idle = idle
        self._name = name
        self._clients: dict[int, Client] = {}
        self._closed = threading.Event()
        self._closing = threading.Lock()
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        listener.listen(MOST_CLIENTS)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def close(self) -> bool:
        """Stop listening and drop all clients; False where that was done before."""
        with self._closing:
            if self._closed.is_set():
                return False
            self._wake_in.send(b"x")  # first: once the event is set, the thread may close this socket
            self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        return True

    @property
    def n_clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    def _patience(self, client: Client) -> float:
        return min(self._idle, STUCK_SECONDS) if client.to_send else self._idle

    def _serve(self) -> None:
        while not self._closed.is_set():
            now = time.monotonic()
            left = min((c.heard + self._patience(c) - now for c in self._clients.values()), default=math.inf)
            ready = self._selector.select(None if left == math.inf else max(left, 0.0))
            # before any line is answered: what waits for us while a long one is, is not idle
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
            if descriptor not in ready and now - client.heard >= self._patience(client):
                self._drop(client)

    def _accept(self) -> None:
        try:
            connection, address = self._listener.accept()
        except OSError as error:  # it went away before we came, or no descriptor is left
            _log.warning("%s: a client could not be let in: %s", self._name, error)
            return
        if len(self._clients) >= MOST_CLIENTS:
            self._drop(min(self._clients.values(), key=lambda c: c.heard))
        connection.setblocking(False)
        client = Client(connection, time.monotonic(), str(address[0]) if isinstance(address, tuple) else "")
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _drop(self, client: Client) -> None:
        self._clients.pop(client.socket.fileno(), None)
        self._selector.unregister(client.socket)
        client.socket.close()

    def _attend(self, client: Client, events: int) -> None:
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

    def _answer_lines(self, client: Client) -> None:
        *lines, rest = client.received.split(b"\n")
        client.received = rest
        for line in lines:
            client.to_send += self._answer(client, bytes(line))
            if client.turned_away:
                client.received, client.closing = bytearray(), True
                return
        if len(rest) > LONGEST_LINE:
            client.to_send += self._too_long
            client.received = bytearray()
            client.closing = True
