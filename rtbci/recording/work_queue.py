"""Has things done by a thread that is the only one to do them, and waits for what becomes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from rtbci.errors import RecordingError

log = logging.getLogger("rtbci.recording")

ANSWER_SECONDS = 10.0
"""How long whoever asks waits for the disk."""


@dataclass(slots=True)
class _Asked:
    work: Callable[[], None]
    done: threading.Event = field(default_factory=threading.Event)
    problem: RecordingError | None = None


class WorkQueue:
    """What the recorder's thread is to do between two copies; ``wake`` is set when there is something."""

    def __init__(self, wake: threading.Event) -> None:
        self._wake = wake
        self._asked: list[_Asked] = []
        self._lock = threading.Lock()

    def ask(self, work: Callable[[], None], thread: threading.Thread) -> None:
        """Have ``work`` done by ``thread`` and wait for it.

        Raises
        ------
        RecordingError
            What ``work`` raised; or the thread does not run, or has not come to it within `ANSWER_SECONDS`.
        """
        if not thread.is_alive():
            raise RecordingError("the recorder does not run (any more); the session is starting or ending")
        asked = _Asked(work)
        with self._lock:
            self._asked.append(asked)
        self._wake.set()
        if not asked.done.wait(ANSWER_SECONDS):
            raise RecordingError(f"the disk did not answer within {ANSWER_SECONDS:g} s; look at the session's status")
        if asked.problem is not None:
            raise asked.problem

    def work_off(self) -> None:
        """Do all that was asked; called by the thread itself."""
        while True:
            with self._lock:
                asked = self._asked.pop(0) if self._asked else None
            if asked is None:
                return
            try:
                asked.work()
            except RecordingError as error:
                asked.problem = error
            except Exception as error:
                log.exception("the recorder failed")
                asked.problem = RecordingError(f"{type(error).__name__}: {error}")
            asked.done.set()
