"""The finished trials of each decoder, read on as they are written; without Qt."""

from __future__ import annotations

from collections import deque

from rtbci.runfolder import RunFolder
from rtbci_ui.decisions.outcomes import Outcome, Sums, outcome
from rtbci_ui.followed import BYTES_AT_ONCE, Lines


class TrialLog:
    """Follows ``NAME.trials.jsonl``.

    Attributes
    ----------
    trials : every trial so far, in the order in which they ended; one marker has one. Another list where the file is
        another one; until then it only grows.
    sums : what they add up to.
    problem : what was wrong with a line, or "".
    """

    def __init__(self, run: RunFolder, name: str) -> None:
        self.name = name
        self.trials: list[Outcome] = []
        self.sums = Sums()
        self.problem = ""
        self._known: set[tuple[float, str]] = set()
        self._lines = Lines(run.trials(name))
        self._waiting: deque[bytes] = deque()

    def refresh(self) -> bool:
        """Take in what is new; say whether there was anything."""
        self._lines.look()
        fresh, before = self._lines.new(), len(self.trials)
        if self._lines.began_anew:
            self._lines.began_anew = False
            self.trials, self.sums = [], Sums()
            self._known.clear()
            self._waiting.clear()
        self._waiting.extend(fresh)
        budget = BYTES_AT_ONCE
        while self._waiting and budget > 0:
            line = self._waiting.popleft()
            budget -= len(line)
            self._take(line)
        return len(self.trials) != before

    @property
    def behind(self) -> bool:
        """Whether lines wait that have been read, but not taken in."""
        return bool(self._waiting)

    def _take(self, line: bytes) -> None:
        try:
            trial = outcome(line)
        except (ValueError, KeyError, TypeError) as error:
            self.problem = f"a line of {self.name}.trials.jsonl cannot be read ({error}); it counts nowhere"
            return
        if trial.key not in self._known:
            self._known.add(trial.key)
            self.trials.append(trial)
            self.sums.add(trial)

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()


class TrialBook:
    """The trials of all decoders of a session.

    Attributes
    ----------
    logs : by decoder name. changes : how often there was something new.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self.logs: dict[str, TrialLog] = {}
        self.changes = 0

    def refresh(self, names: tuple[str, ...]) -> bool:
        """Read on for the decoders ``names``; say whether there was anything new."""
        for name in names:
            if name not in self.logs:
                self.logs[name] = TrialLog(self._run, name)
        fresh = [log.refresh() for log in self.logs.values()]
        self.changes += any(fresh)
        return any(fresh)

    @property
    def behind(self) -> bool:
        """Whether what is known is not all that there is: after hours out of sight, or at attaching, for some looks."""
        return any(log.behind for log in self.logs.values())

    def trials(self) -> dict[str, list[Outcome]]:
        """The trials of each decoder."""
        return {name: log.trials for name, log in self.logs.items()}

    def sums(self, name: str) -> Sums:
        """What the trials of decoder ``name`` add up to."""
        return self.logs[name].sums if name in self.logs else Sums()

    def close(self) -> None:
        """Let go of the files."""
        for log in self.logs.values():
            log.close()
