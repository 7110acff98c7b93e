"""The covariance of a super-trial: a window's xDAWN sources stacked below the responses that training found.

Rivet, Souloumiac, Attina and Gibert, IEEE Trans. Biomedical Engineering 56(8), 2009: filters ``v`` that make the average
response of a class as large as they can in what is recorded, ``v' C_response v / v' C v``. Barachant and Congedo
(arXiv:1409.0107, 2014): the responses stacked with the window, so that the covariance between them says where in the
window the response lies; the covariance of a window alone does not know the order of its samples.

Filters of two classes may span the same sources (4 filters of 4 electrodes do): then the stack is taken to the subspace
that the training windows' stacks fill, as rank-deficient recordings are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.aligned import aligned_copy
from rtbci_riemann.row_covariance import RowCovariance, require_samples
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.staging import Staging
from rtbci_riemann.subspace import true_subspace
from rtbci_riemann.training import fitting


class SuperTrialCovariance:
    """Covariances of ``responses + filters @ window``.

    Parameters
    ----------
    staging : shape and subspace of the windows.
    filters : (n_rows, rank of staging); rows of zeros where there is a response.
    responses : (n_rows, n_samples); rows of zeros where there is a filter. In a stack that lacks rank both are mixed.
    estimator : one of `rtbci_riemann.options.ESTIMATORS`.
    """

    def __init__(self, staging: Staging, filters: Matrix, responses: Matrix, estimator: str) -> None:
        self.staging = staging
        self.rank = len(filters)
        self._filters, self._responses = aligned_copy(filters, "C"), aligned_copy(responses, "C")
        self._covariance = RowCovariance(self.rank, staging.n_samples, estimator)

    @classmethod
    def learn(
        cls,
        windows: NDArray[np.float32],
        labels: NDArray[np.int64],
        *,
        n_filters: int,
        apply_filters: bool,
        estimator: str,
        xdawn_estimator: str,
        classes: Sequence[int] | None,
    ) -> SuperTrialCovariance:
        """Learn filters and responses by pyRiemann from ``windows`` (n_windows, n_channels, n_samples) and ``labels``."""
        from pyriemann.estimation import XdawnCovariances

        staging = Staging.learn(windows)
        samples = np.array([staging.of(window).copy() for window in windows])
        xdawn = XdawnCovariances(
            nfilter=n_filters,
            applyfilters=apply_filters,
            classes=None if classes is None else list(classes),
            estimator=estimator,
            xdawn_estimator=xdawn_estimator,
        )
        fitting("xDAWN", lambda: xdawn.fit(samples, labels))
        responses = np.array(xdawn.P_, np.float64)
        filters = np.array(xdawn.Xd_.filters_, np.float64) if apply_filters else np.eye(staging.rank)
        n_above, n_below = len(responses), len(filters)
        filters = np.concatenate([np.zeros((n_above, staging.rank)), filters])
        responses = np.concatenate([responses, np.zeros((n_below, staging.n_samples))])
        basis = true_subspace(np.array([responses + filters @ window for window in samples], np.float32))
        if basis is not None:
            filters, responses = basis @ filters, basis @ responses
        require_samples(estimator, len(filters), staging.n_samples, "windows with the responses stacked above them")
        return cls(staging, filters, responses, estimator)

    def many(self, windows: NDArray[np.float32]) -> Matrix:
        """Covariances (n_windows, rank, rank) float64 of ``windows`` (n_windows, n_channels, n_samples)."""
        found = np.empty((len(windows), self.rank, self.rank))
        rows = self._covariance.rows
        for samples, out in zip(windows, found, strict=True):
            np.dot(self._filters, self.staging.of(samples), out=rows)
            rows += self._responses
            self._covariance.into(out)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt, by name."""
        return {"filters": self._filters, "responses": self._responses, **self.staging.arrays()}

    @classmethod
    def restore(cls, estimator: str, arrays: Mapping[str, NDArray[Any]]) -> SuperTrialCovariance:
        """Become what wrote ``arrays``. Raises KeyError or ValueError when they cannot be its own."""
        staging = Staging.restore(arrays)
        filters, responses = (np.array(arrays[name], np.float64) for name in ("filters", "responses"))
        n_rows = len(filters)
        if filters.shape != (n_rows, staging.rank) or responses.shape != (n_rows, staging.n_samples):
            raise ValueError(f"filters of shape {filters.shape} and responses of shape {responses.shape}")
        return cls(staging, filters, responses, estimator)
