"""How well what a decoder says of windows finds, in a bank, what was shown: ranks, one window at a time.

A marker names an item, or only a class; among the items of the bank, and among the centres of its classes, the true one then
has a rank by the cosine with the decoder's embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.bank import Bank
from rtbci.bank.search import Search
from rtbci.retrieval import Kind, Retrieval, ranks_of, shuffled_top1_of


class Ranking:
    """Ranks in ``bank``, for an experiment whose ``classes`` have the marker labels that it says.

    A class of the experiment is the bank's class of that name, or that of one of its marker labels.
    """

    def __init__(self, bank: Bank, classes: Mapping[str, Sequence[str]]) -> None:
        self.bank = bank
        self._search = Search(bank.embeddings)
        self._centres = (
            Search(np.stack([bank.centre(name) for name in bank.classes]).astype(np.float16)) if bank.classes else None
        )
        number = {name: k for k, name in enumerate(bank.classes)}
        self._class_of = dict(number)
        for name, labels in classes.items():
            named = [number[one] for one in (name, *labels) if one in number]
            if named:
                self._class_of |= dict.fromkeys(labels, named[0])
        self._ranks: dict[Kind, list[tuple[int, int, int]]] = {"item": [], "centre": []}

    def add(self, label: str, embedding: NDArray[np.float32]) -> None:
        """Rank what a marker with that ``label`` showed, by the ``embedding`` (n_dims,) of its window."""
        item = self.bank.find(label)
        category = self._class_of.get(label) if item is None else self._class_of.get(self.bank.items[item].category)
        if item is not None:
            self._rank("item", self._search, embedding, item)
        if category is not None and self._centres is not None:
            self._rank("centre", self._centres, embedding, category)

    def _rank(self, kind: Kind, search: Search, embedding: NDArray[np.float32], truth: int) -> None:
        scores = search.scores(embedding)
        best = int(scores.argmax())
        tied = np.count_nonzero(scores == scores[best]) > 1
        rank = int(ranks_of(scores[None], np.array([truth]))[0])
        self._ranks[kind].append((rank, truth, -1 if tied else best))

    def found(self) -> dict[str, Retrieval]:
        """By kind of candidates, "item" and "centre", as far as markers said what was shown."""
        found: dict[str, Retrieval] = {}
        for kind, rows in self._ranks.items():
            if rows:
                ranks, truth, best = (np.array(column, np.int64) for column in zip(*rows, strict=True))
                n = len(self.bank.items) if kind == "item" else len(self.bank.classes)
                found[kind] = Retrieval(ranks, n, kind, 1, shuffled_top1_of(best, truth))
        return found
