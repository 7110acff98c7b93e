"""Networks that tell classes apart, as decoders: cross-entropy in training, a temperature for the confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration
from rtbci.confidence import log_softmax, temperature
from rtbci_deep.decoder import NetworkDecoder
from rtbci_deep.material import Material
from rtbci_deep.objectives import Classes
from rtbci_deep.trainer import Objective
from rtbci_deep.whole import Whole


@dataclass(kw_only=True, eq=False)
class Classifier(NetworkDecoder):
    """A network whose outputs are scores of classes."""

    subject_share = 0.0
    """Weight of telling subjects apart, in training, for networks with a second output."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._temperature = 1.0

    def _objective(self, material: Material, whole: Whole) -> Objective:
        n_classes = len(material.calibration.classes)
        return Classes(material.class_weights(n_classes) if self.balance else None, self.mixup, self.subject_share)

    def _fit_confidence(self, outputs: NDArray[np.float32], held_out: Calibration) -> None:
        self._temperature = temperature(
            outputs.astype(np.float64), held_out.labels, held_out.trial, balance=self.balance
        )

    def _log_probs(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        return log_softmax(outputs.astype(np.float64) / self._temperature)

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        return {"meta/temperature": np.array(self._temperature, np.float64)}

    def _own_restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._temperature = float(arrays["meta/temperature"])
        if not 0.0 < self._temperature < np.inf:
            raise ValueError(f"temperature {self._temperature}")
