"""The contract of `rtbci.interfaces.LearnsSpace`: the same bank gives the same space, and a file can keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci.testing.contract import ContractError, require, same_bytes

Arrays = Mapping[str, NDArray[Any]]
Rows = NDArray[np.float32]


class LearnsSpaceCheck:
    """Checks ``describe``, ``learn``, ``place``, ``arrays`` and ``restore`` of what ``make`` gives.

    Parameters
    ----------
    make : gives a new embedder each time. name : how messages call it.
    items : of its kind; all of them are a bank, and all but some another.
    tolerance : how far features may move with the batch that their item is in, relative to the largest.
    """

    def __init__(self, make: Callable[[], Any], name: str, items: Sequence[Any], tolerance: float) -> None:
        self.make = make
        self.name = name
        self.items = list(items)
        self.tolerance = tolerance

    def check(self) -> Any:
        """All that is asked of learning; returns an embedder that has learnt."""
        embedder = self.make()
        described = self._described(embedder)
        self._learn(embedder, described)
        space, learnt = embedder.space_id, self._arrays(embedder)
        again = self.make()
        self._learn(again, described)
        self._require_twin(again, space, learnt, "learnt from the same features")
        self._learn(again, described[: max(3, len(described) * 2 // 3)])
        require(
            again.space_id != space,
            f'{self.name} calls the spaces that it learnt from two banks "{space}"; what is learnt must be in the name, a '
            "hash of arrays() say, because embeddings of one name are compared",
        )
        self._learn(again, described)
        self._require_twin(again, space, learnt, "learnt from them once more, after others")
        restored = self._restored(learnt)
        self._require_twin(restored, space, learnt, "was restored")
        require(
            same_bytes(self._place(restored, described), self._place(embedder, described)),
            f"{self.name}.place after restore() gave other rows than before arrays(); arrays() must hold everything that "
            "learn() learnt, in full precision",
        )
        self._check_foreign({}, "no arrays at all")
        self._check_foreign({"not its own": np.zeros(3)}, "arrays that are not its own")
        return embedder

    def check_places(self, embedder: Any, rows: Rows) -> None:
        """``rows`` are what ``embed`` said of the items: ``place(describe(items))`` must be the same, whole or in parts."""
        placed = self._place(embedder, self._described(embedder))
        away = float(np.abs(placed.astype(np.float64) - rows).max()) if placed.shape == rows.shape else np.inf
        require(
            away <= self.tolerance * float(np.abs(rows).max()),
            f"{self.name}.place(describe(items)) and embed(items) differ (by {away:.2g}); banks are built by the one and "
            "compared by the other, so both must be the same",
        )

    def _described(self, embedder: Any) -> Rows:
        """Features of all items, found to be such and not to depend on the batch."""
        try:
            whole: object = embedder.describe(self.items)
            alone: list[Any] = [embedder.describe([item]) for item in self.items]
        except Exception as error:
            raise ContractError(
                f"{self.name}.describe raised {type(error).__name__}: {error}; it must take any item before "
                "anything is learnt"
            ) from error
        wanted = f"({len(self.items)}, n_features) float32 would be right"
        require(
            isinstance(whole, np.ndarray) and whole.ndim == 2 and len(whole) == len(self.items),
            f"{self.name}.describe gave {getattr(whole, 'shape', type(whole).__name__)} for {len(self.items)} items; "
            + wanted,
        )
        assert isinstance(whole, np.ndarray)
        require(whole.dtype == np.float32, f"{self.name}.describe gave {whole.dtype}; {wanted}")
        require(bool(np.isfinite(whole).all()), f"{self.name}.describe gave values that are not finite; {wanted}")
        require(
            all(np.shape(one) == (1, whole.shape[1]) for one in alone),
            f"{self.name}.describe gave {np.shape(alone[0])} for one item and {whole.shape} for {len(self.items)}; as many "
            "features for any number of items would be right",
        )
        away = float(np.abs(np.concatenate(alone).astype(np.float64) - whole).max())
        require(
            away <= self.tolerance * float(np.abs(whole).max()),
            f"{self.name}.describe gave an item other features alone than among others (by {away:.2g}); a row must depend "
            "on its item alone: banks are described in parts",
        )
        return whole

    def _learn(self, embedder: Any, described: Rows) -> None:
        given = described.copy()
        try:
            embedder.learn(given)
        except Exception as error:
            raise ContractError(
                f"{self.name}.learn raised {type(error).__name__} on features {given.shape} of its own describe(): {error}"
            ) from error
        require(
            same_bytes(given, described),
            f"{self.name}.learn changed the features that it was given; they are placed next: work on a copy",
        )

    def _place(self, embedder: Any, described: Rows) -> Rows:
        try:
            placed = embedder.place(described.copy())
        except Exception as error:
            raise ContractError(
                f"{self.name}.place raised {type(error).__name__} on features {described.shape} of its own describe(): "
                f"{error}"
            ) from error
        require(
            isinstance(placed, np.ndarray) and placed.ndim == 2 and len(placed) == len(described),
            f"{self.name}.place gave {getattr(placed, 'shape', type(placed).__name__)} for features of {len(described)} "
            f"items; ({len(described)}, n_dims) float32 would be right",
        )
        return np.array(placed)

    def _arrays(self, embedder: Any) -> Arrays:
        arrays = embedder.arrays()
        require(
            isinstance(arrays, Mapping) and len(arrays) > 0,
            f"{self.name}.arrays() gave {'nothing' if isinstance(arrays, Mapping) else type(arrays).__name__} after "
            "learn(); numeric NumPy arrays by name would be right",
        )
        for key, value in arrays.items():
            require(
                isinstance(key, str) and isinstance(value, np.ndarray) and value.dtype.kind in "biuf",
                f"{self.name}.arrays() gives {key!r}: {type(value).__name__}; names and numeric NumPy arrays would be right",
            )
        return {key: np.array(value) for key, value in arrays.items()}

    def _restored(self, learnt: Arrays) -> Any:
        embedder = self.make()
        try:
            embedder.restore({key: np.array(value) for key, value in learnt.items()})
        except Exception as error:
            raise ContractError(
                f"{self.name}.restore raised {type(error).__name__} on what its own arrays() gave: {error}; they must be "
                "all that it takes"
            ) from error
        return embedder

    def _require_twin(self, embedder: Any, space: str, learnt: Arrays, how: str) -> None:
        """Require that ``embedder``, which ``how``, has the space and the arrays of the first one."""
        require(
            embedder.space_id == space,
            f'{self.name}.space_id is "{embedder.space_id}" for one that {how}; "{space}", as before, would be right',
        )
        arrays = self._arrays(embedder)
        differ = sorted(
            key
            for key in {*arrays, *learnt}
            if key not in arrays or key not in learnt or not same_bytes(arrays[key], learnt[key])
        )
        require(
            not differ,
            f'{self.name}.arrays() of one that {how} differ (in "{", ".join(differ)}"); the same bits would be right: no '
            "random numbers without a seed, nothing of what was learnt before, full precision",
        )

    def _check_foreign(self, arrays: Arrays, what: str) -> None:
        try:
            self.make().restore(arrays)
        except BankError:
            return
        except Exception as error:
            raise ContractError(
                f"{self.name}.restore raised {type(error).__name__} on {what}; a BankError with a sentence would be right"
            ) from error
        raise ContractError(f"{self.name}.restore took {what}; a BankError would be right")
