"""What decoders share that classify a covariance of their own kind in its tangent space: predicting, saving, restoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, Window
from rtbci_riemann.in_parts import log_probs_in_parts
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.tangent_classifier import TangentClassifier


class Covariance(Protocol):
    """How a window becomes a covariance (rank, rank), each the same bits in any company."""

    @property
    def rank(self) -> int:
        """Rows and columns of a covariance."""
        ...

    def many(self, windows: Samples) -> Matrix:
        """Covariances (n_windows, rank, rank) float64 of ``windows`` (n_windows, n_channels, n_samples)."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt, by name."""
        ...


C = TypeVar("C", bound=Covariance)


class TangentDecoder(Generic[C]):
    """A decoder that has learnt ``_covariance`` and ``_classifier``; a subclass learns and reads back its own."""

    name: ClassVar[str]
    """What errors call it: its name in an experiment file."""
    metric: str
    _covariance: C
    _classifier: TangentClassifier

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        self._fitted()
        said: NDArray[np.float64] = self._classifier.log_probs(self._covariance.many(window.samples[None]))[0]
        return said

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``windows``, as `rtbci.interfaces.PredictsMany` has it."""
        self._fitted()
        covariance, classifier = self._covariance, self._classifier
        return log_probs_in_parts(windows, covariance.many, classifier.log_probs, covariance.rank, len(classifier.bias))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What ``fit`` learnt, by name."""
        self._fitted()
        return {**self._classifier.arrays(), **self._covariance.arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = self._restored(arrays)
            classifier = TangentClassifier.restore(self.metric, arrays)
            if classifier.rank != covariance.rank:
                raise ValueError(f"weights of rank {classifier.rank} for covariances of rank {covariance.rank}")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"{self.name}: arrays that {self.name} cannot have written ({error}); train the model again"
            ) from error
        self._covariance, self._classifier = covariance, classifier

    def _restored(self, arrays: Mapping[str, NDArray[Any]]) -> C:
        """The covariance that wrote ``arrays``. Raises KeyError, ValueError or TypeError when none can have."""
        raise NotImplementedError

    def _fitted(self) -> None:
        if not hasattr(self, "_covariance"):
            raise DecoderError(f"{self.name}: neither fitted nor restored; fit it or load a model first")
