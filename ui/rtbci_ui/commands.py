"""What the window asks of the session: sent from a thread, so that a session that does not answer freezes nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rtbci.errors import RtbciError
from rtbci.runfolder import RunFolder

PATIENCE = 15.0
"""Seconds that an answer may take: a part of the recording is closed when the disk has taken it."""

Send = Callable[[RunFolder, dict[str, Any]], dict[str, Any]]


def send(run: RunFolder, message: dict[str, Any]) -> dict[str, Any]:
    """Send ``message`` to the session's control socket and return its answer; the import waits until it is needed."""
    from rtbci import control

    answer: dict[str, Any] = control.send(run, message, timeout=PATIENCE)
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
        self._sent: list[tuple[str, Callable[[], object], Future[dict[str, Any]]]] = []

    def ask(self, command: str, message: dict[str, Any], refused: Callable[[], object] = lambda: None) -> None:
        """Send ``message``; ``command`` is what a person calls it, ``refused`` is called by `answers` if it was not done."""
        self._sent.append((command, refused, self._pool.submit(self._how, self._run, message)))

    def answers(self) -> list[Answer]:
        """What has been answered since the last call."""
        done = [sent for sent in self._sent if sent[2].done()]
        self._sent = [sent for sent in self._sent if not sent[2].done()]
        found = []
        for command, refused, future in done:
            try:
                reply = future.result()
            except (RtbciError, OSError, ValueError, ImportError) as error:
                answer = Answer(command, str(error))
            else:
                answer = Answer(command, str(reply.get("error") or ""))
            if answer.problem:
                refused()
            found.append(answer)
        return found

    def ask_and_wait(self, message: dict[str, Any], seconds: float = 3.0) -> None:
        """Send ``message`` and wait for its answer for ``seconds`` at most; raises what sending raises."""
        self._pool.submit(self._how, self._run, message).result(seconds)

    def close(self) -> None:
        """Send nothing more, and wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)
