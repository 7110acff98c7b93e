"""Tells whoever listens to a session what happens, in a thread of its own: one who does not listen holds up nobody.

A terminal that is paused (Ctrl-S, a selection in a Windows console), or a pipe that nobody reads, takes no more lines at
some point, and whoever prints waits. Printing to a terminal that was closed fails.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger("rtbci.session")

MOST_WAITING = 10_000
"""Calls that wait for a listener; newer ones are left out until it hears again. What matters stands in the log, too."""


class Teller:
    """Calls listeners one after the other, in the order in which they were to be told; used by any thread."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="telling", daemon=True)
        self._said = False

    def start(self) -> None:
        """Begin to tell; what was to be told before comes first."""
        self._thread.start()

    def tell(self, listener: Callable[..., None], *what: Any) -> None:
        """Have ``listener`` called with ``what``, soon; returns at once."""
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put((listener, what))
        else:
            self._say_once("nobody takes any more what the session says; its log has what matters")

    def close(self, seconds: float) -> bool:
        """Wait until all was told, for at most so many seconds; say whether it was."""
        self._waiting.put(None)
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            listener, what = call
            try:
                listener(*what)
            except Exception as error:  # noqa: BLE001 - whoever listens is no part of the session
                self._say_once(f"nobody hears any more what the session says: {type(error).__name__}: {error}")

    def _say_once(self, text: str) -> None:
        if not self._said:
            self._said = True
            log.warning("%s", text)
