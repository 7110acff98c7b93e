"""How a bank is searched: exactly on the processor, by what a package offers (a GPU), or approximately by an index.

A package offers a search as an entry point in the group ``rtbci.searches``: a class, or a function, that takes embeddings
(n_items, n_dims) float16 and gives what keeps `Searching`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Protocol

from rtbci.bank.bank import Bank
from rtbci.bank.rows import Floats, Indices
from rtbci.bank.search import Search
from rtbci.errors import BankError

EXACT, APPROXIMATE = "exact", "approximate"


class Searching(Protocol):
    """What finds items of a bank by cosine; `rtbci.bank.rows.Rows` says what each method gives.

    Attributes
    ----------
    exact : whether `top` misses nothing.
    """

    exact: bool

    def scores(self, z: Floats) -> Floats:
        """Cosine of every item (n_items,) float32."""
        ...

    def top(self, z: Floats, k: int) -> tuple[Indices, Floats]:
        """Indices (k,) int64 and cosines (k,) float32 of the nearest."""
        ...

    def top_many(self, z: Floats, k: int) -> tuple[Indices, Floats]:
        """As `top`, of queries (m, n_dims): (m, k) and (m, k)."""
        ...

    def rank_of(self, z: Floats, item: int) -> int:
        """Rank of an item, from 1."""
        ...


def search_of(bank: Bank, how: str = EXACT) -> Searching:
    """What searches ``bank``: "exact", "approximate", or the name of an entry point such as "gpu".

    Raises
    ------
    BankError
        For a name that nothing has, a package that fails, or an index that is missing or belongs to other embeddings.
    """
    if how == EXACT:
        return Search(bank.embeddings)
    if how == APPROXIMATE:
        from rtbci.bank.approximate import ApproximateSearch

        return ApproximateSearch.open(bank)
    offered = {entry.name: entry for entry in entry_points(group="rtbci.searches")}
    if how not in offered:
        raise BankError(f'search "{how}"; one of {", ".join((EXACT, APPROXIMATE, *sorted(offered)))} would be right')
    try:
        make: Any = offered[how].load()
        made: Searching = make(bank.embeddings)
    except BankError:
        raise
    except Exception as error:  # whatever a package raises, whose it is must be said
        why = " ".join(str(error).split())[:160]
        raise BankError(
            f'search "{how}" ({offered[how].value}) cannot be made: {type(error).__name__}: {why}; "{EXACT}" needs nothing '
            "that may be missing"
        ) from error
    return made
