"""At which ranks stood what was shown, trial by trial and in sums, without Qt: each line of the worker is taken in once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rtbci.retrieval import Kind, Retrieval, shuffled_top1_of
from rtbci.retrieved import Found


@dataclass(frozen=True, slots=True)
class Trial:
    """One marker that named an item, and what was answered.

    Attributes
    ----------
    time, label : of the marker.
    truth, best : items of the bank; ``best`` is -1 where several share the first place.
    rank : of the truth among ``candidates``, with all ``repeats`` that were averaged.
    rank_alone : the same by this presentation alone, 0 where that is not known.
    claimed : the item that was claimed, -1 where rtbci abstained.
    """

    time: float
    label: str
    truth: int
    best: int
    rank: int
    candidates: int
    repeats: int = 1
    rank_alone: int = 0
    claimed: int = -1

    @property
    def hit(self) -> bool:
        """Whether the best candidate is what was shown; abstaining does not change that."""
        return self.rank == 1

    @property
    def abstained(self) -> bool:
        """Whether nothing was claimed."""
        return self.claimed == -1


class Tally:
    """Ranks of one kind of candidates, of single presentations or of averaged ones.

    Attributes
    ----------
    kind, candidates : what was ranked. fewest, most : repeats that were averaged, over the trials so far.
    """

    def __init__(self, kind: Kind, candidates: int) -> None:
        self.kind, self.candidates = kind, candidates
        self.fewest = self.most = 0
        self._ranks: list[int] = []
        self._best: list[int] = []
        self._truth: list[int] = []
        self._made: Retrieval | None = None

    def add(self, found: Found) -> None:
        """Take in one trial."""
        self._ranks.append(found.rank)
        self._best.append(found.best)
        self._truth.append(found.truth)
        self.fewest = min(self.fewest or found.averaged, found.averaged)
        self.most = max(self.most, found.averaged)
        self._made = None

    @property
    def retrieval(self) -> Retrieval:
        """Ranks with the shuffled control of the same answers; made again only after a trial."""
        if self._made is None:
            control = shuffled_top1_of(np.array(self._best, np.int64), np.array(self._truth, np.int64))
            ranks = np.array(self._ranks, np.int64)
            self._made = Retrieval(ranks, self.candidates, self.kind, self.most, control)
        return self._made


class Session:
    """All trials of one decoder.

    A trial that is still running is `running`, and counts nowhere. Lines that say again what a marker's line has said are
    left out. Where the number of candidates changes (another bank), sums begin anew, because chance is another one.

    Attributes
    ----------
    trials : one per marker, in the order in which they ended; single items.
    running : the newest line about single items, of a whole trial or of one so far.
    """

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.running: Found | None = None
        self._tallies: dict[tuple[Kind, bool], Tally] = {}
        self._places: dict[tuple[float, str], int] = {}
        self._seen: set[tuple[float, str, Kind, bool]] = set()

    def add(self, found: Found) -> None:
        """Take in one line."""
        averaged = found.averaged > 1
        if found.kind == "item":
            self.running = found
        key = (found.time, found.label, found.kind, averaged)
        if not found.whole or key in self._seen:
            return
        self._seen.add(key)
        tally = self._tallies.get(key[2:])
        if tally is None or tally.candidates != found.candidates:
            tally = self._tallies[key[2:]] = Tally(found.kind, found.candidates)
        tally.add(found)
        if found.kind == "item":
            self._note(found)

    def claims(self) -> tuple[int, int]:
        """In how many trials something was claimed, and in how many of these what was shown."""
        claimed = [trial for trial in self.trials if trial.claimed >= 0]
        return len(claimed), sum(trial.claimed == trial.truth for trial in claimed)

    def tallies(self) -> list[Tally]:
        """Items before centres, single presentations before averaged ones; those that have trials."""
        order: list[tuple[Kind, bool]] = [("item", False), ("item", True), ("centre", False), ("centre", True)]
        return [self._tallies[key] for key in order if key in self._tallies]

    def _note(self, found: Found) -> None:
        place = self._places.get((found.time, found.label))
        if place is None:
            self._places[found.time, found.label] = len(self.trials)
            alone = found.rank if found.averaged == 1 else 0
            self.trials.append(
                Trial(
                    found.time, found.label, found.truth, found.best, found.rank, found.candidates, found.averaged,
                    alone, found.claimed,
                )
            )  # fmt: skip
            return
        known = self.trials[place]
        if found.averaged == 1:
            self.trials[place] = replace(known, rank_alone=found.rank)
        else:
            self.trials[place] = replace(
                known, best=found.best, rank=found.rank, repeats=found.averaged, claimed=found.claimed
            )
