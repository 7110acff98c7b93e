"""What the window asks of the session: sent from a thread, so that a session that does not answer freezes nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rtbci.errors import RtbciError
from rtbci.runfolder import RunFolder

Send = Callable[[RunFolder, dict[str, Any]], dict[str, Any]]


def send(run: RunFolder, message: dict[str, Any]) -> dict[str, Any]:
    """Send ``message`` to the session's control socket and return its answer; the import waits until it is needed."""
    from rtbci import control

    answer: dict[str, Any] = control.send(run, message)
    return answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command: ``problem`` is "" where it was done."""

    command: str
    problem: str


class Commands:
    """Sends one command after the other; `answers` are collected by whoever looks."""

    def __init__(self, run: RunFolder, how: Send = send) -> None:
        self._run, self._how = run, how
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commands")
        self._sent: list[tuple[str, Future[dict[str, Any]]]] = []

    def ask(self, command: str, message: dict[str, Any]) -> None:
        """Send ``message``; ``command`` is what a person calls it."""
        self._sent.append((command, self._pool.submit(self._how, self._run, message)))

    def answers(self) -> list[Answer]:
        """What has been answered since the last call."""
        done = [(command, future) for command, future in self._sent if future.done()]
        self._sent = [(command, future) for command, future in self._sent if not future.done()]
        found = []
        for command, future in done:
            try:
                reply = future.result()
            except (RtbciError, OSError, ValueError, ImportError) as error:
                found.append(Answer(command, str(error)))
            else:
                found.append(Answer(command, str(reply.get("error") or "")))
        return found

    def close(self) -> None:
        """Send nothing more, and wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)
