"""Approximate search in very large banks, by an index that faiss made: it may miss an item, and says how often it did.

::

    BANK/
      index.faiss     a code of 4 bits for every `SPAN` dimensions of an item: of 768 dimensions 96 bytes, a sixteenth
      index.json      whose it is: SHA-256 of the embeddings; how many items are ranked anew; recall that was measured

All codes are scanned, and the ``depth`` items that look nearest are ranked anew by the exact cosine (`rtbci.bank.rows`).
So no cosine is approximate: only whether an item is found at all is. Ranks, and all cosines at once, are computed from the
rows, and are exact.

Lists of items that lie together, of which a query looks through some (IVF), did worse: of 300 000 items, ten about each of
30 000 centres, .95 of the ten nearest to noisy items needed 366 of 2191 lists, .91 of those to unrelated queries 1098.

Source: product quantisation, Jégou, Douze and Schmid 2011; scanned in registers, André, Kermarrec and Le Scouarnec 2017,
"Accelerated nearest neighbor search with Quick ADC", in faiss's implementation (Douze et al. 2024, arXiv:2401.08281).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.bank import EMBEDDINGS, Bank
from rtbci.bank.rows import Floats, Indices, Rows, best
from rtbci.errors import BankError
from rtbci.file_digest import sha256_of

INDEX, ABOUT = "index.faiss", "index.json"
FORMAT, VERSION = "rtbci-bank-index", 1
SPAN = 4
"""Dimensions that share a code."""
NEAREST = 10
"""How many items recall is of; who asks for more has more ranked anew."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of an index.

    Attributes
    ----------
    embeddings, file : SHA-256 of the embeddings that it was made from, and of the index itself.
    depth : how many items are ranked anew.
    recall : share of the ten nearest items that it found, mean of ``queries`` noisy items that did not choose ``depth``.
    noise : length of that noise, where items have length 1.
    made : when and by which versions.
    """

    embeddings: str
    file: str
    depth: int
    recall: float
    queries: int
    noise: float
    made: str


class ApproximateSearch(Rows):
    """As `Rows`, but ``top`` ranks only those items that an index holds for near.

    Attributes
    ----------
    exact : False. about : how the index was made, and what it was found to miss.
    """

    exact = False

    def __init__(self, embeddings: NDArray[np.float16], index: Any, about: About) -> None:
        super().__init__(embeddings)
        self.about = about
        self._index = index
        if (index.ntotal, index.d) != self._halves.shape:
            raise BankError(
                f"an index of {index.ntotal} items of {index.d} dimensions for {self._n_items} of {self._halves.shape[1]}; "
                "one of the same embeddings would be right"
            )

    @classmethod
    def open(cls, bank: Bank) -> ApproximateSearch:
        """The index beside ``bank``. Raises BankError where there is none, it is damaged, or it belongs to others."""
        about = about_of(bank)
        path = bank.path / INDEX
        faiss = library()
        try:
            whole = sha256_of(path) == about.file
        except OSError as error:
            raise BankError(f"{path} cannot be read ({error.strerror}); {_make(bank)}") from error
        if not whole:
            raise BankError(f"{path} is not what was written; {_make(bank, again=True)}")
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise BankError(
                f"{path} is none that this faiss reads ({_line(error)}); {_make(bank, again=True)}"
            ) from error
        return cls(bank.embeddings, index, about)

    def __str__(self) -> str:
        about = self.about
        return (
            f"approximate: {about.depth} of {self._n_items} items are ranked; of the ten nearest to {about.queries} "
            f"items with noise of length {about.noise:g}, {about.recall:.1%} were found"
        )

    def top(self, z: Floats, k: int) -> tuple[Indices, Floats]:
        """As `Rows.top`, of the items that are found."""
        k, query = self._at_most(k), self._unit(z)
        depth = min(self._n_items, max(self.about.depth, self.about.depth * k // NEAREST))
        found = np.asarray(self._index.search(query[np.newaxis], depth)[1][0], np.int64)
        rows = np.unique(found[found >= 0])
        if len(rows) < k:
            return super().top(z, k)
        return best(rows, self._cosines(query, rows), k)


def library() -> Any:
    """The module faiss, on one thread. Raises BankError where it is not installed."""
    try:
        faiss: Any = import_module("faiss")
    except ImportError as error:
        raise BankError(
            f"an index needs faiss, which is not here ({_line(error)}); `pip install rtbci[ann]` would be right"
        ) from error
    faiss.omp_set_num_threads(1)  # answers to one query gain nothing from more, and decoders run beside
    return faiss


def about_of(bank: Bank) -> About:
    """What is known of the index of ``bank``. Raises BankError where there is none, or it is of other embeddings."""
    path = bank.path / ABOUT
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said.pop("format") != FORMAT or said.pop("version") != VERSION:
            raise BankError(f"{path} is of another kind or version; {_make(bank, again=True)}")
        about = About(**said)
    except OSError as error:
        raise BankError(f"{bank.path} has no index ({error.strerror}); {_make(bank)}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BankError(f"{path} is damaged ({_line(error)}); {_make(bank, again=True)}") from error
    if about.embeddings != bank.manifest["sha256"].get(EMBEDDINGS):
        raise BankError(
            f"{bank.path / INDEX} was made from other embeddings than the bank has; {_make(bank, again=True)}"
        )
    return about


def write(bank: Bank, index: Any, about: About) -> None:
    """Put an index beside ``bank``: first the lists, then what is known of them, each by rename."""
    new = bank.path / f".{INDEX}.partial"
    library().write_index(index, str(new))
    (bank.path / ABOUT).unlink(missing_ok=True)  # what is known of an older one is known of this one no more
    new.replace(bank.path / INDEX)
    told = {"format": FORMAT, "version": VERSION, **asdict(about), "file": sha256_of(bank.path / INDEX)}
    _replace(bank.path / ABOUT, json.dumps(told, indent=1))


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.partial")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _make(bank: Bank, again: bool = False) -> str:
    return f"`rtbci bank index {bank.path}` makes {'it anew' if again else 'one'}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
