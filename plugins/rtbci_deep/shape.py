"""What a network is built for: kept with its weights, so that it can be built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels and samples of a window, classes, outputs of the network, rate in Hz, who was trained on, where sensors are.

    ``subjects`` are names in the order of the network's numbers; ``positions`` (n_chans, 2) float32 in [0, 1], or None.
    """

    n_chans: int
    n_times: int
    n_classes: int
    n_outputs: int
    rate: float
    subjects: tuple[str, ...] = ()
    positions: NDArray[np.float32] | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays, to be saved."""
        kept: dict[str, NDArray[Any]] = {
            "meta/shape": np.array([self.n_chans, self.n_times, self.n_classes, self.n_outputs], np.int64),
            "meta/rate": np.array(self.rate, np.float64),
            "meta/subjects": text_to_array("\n".join(self.subjects)),
        }
        if self.positions is not None:
            kept["meta/positions"] = self.positions
        return kept

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Shape:
        """What `arrays` gave. Raises KeyError or ValueError."""
        n_chans, n_times, n_classes, n_outputs = (int(n) for n in arrays["meta/shape"])
        names = array_to_text(arrays["meta/subjects"])
        positions = arrays.get("meta/positions")
        if min(n_chans, n_times, n_classes, n_outputs) < 1 or (
            positions is not None and positions.shape != (n_chans, 2)
        ):
            raise ValueError(f"{n_chans} channels, {n_times} samples, {n_classes} classes, {n_outputs} outputs")
        subjects = tuple(names.split("\n")) if names else ()
        return cls(n_chans, n_times, n_classes, n_outputs, float(arrays["meta/rate"]), subjects, positions)


def text_to_array(text: str) -> NDArray[np.uint8]:
    """``text`` as its bytes in UTF-8: files of arrays hold nothing else."""
    return np.frombuffer(text.encode(), np.uint8).copy()


def array_to_text(array: NDArray[Any]) -> str:
    """What `text_to_array` was given."""
    return np.asarray(array, np.uint8).tobytes().decode()
