"""Common spatial patterns and linear discriminant analysis.

Two classes: generalised eigenvectors of the class covariances (Blankertz et al., IEEE Signal Processing Magazine 25(1),
2008). More: approximate joint diagonalisation, components by mutual information (Grosse-Wentrup and Buss, IEEE Trans.
Biomedical Engineering 55(8), 2008). Both as `mne.decoding.CSP` has them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_baseline.linear import LinearOnPower, aligned_zeros, check_training, check_window, floored_logs

RANK_TOLERANCE = 1e-8
"""Smallest variance of a direction, relative to the largest with channels at unit variance, that counts as signal."""


class Csp:
    """Log-power of the most discriminative spatial components, and linear discriminant analysis with shrinkage.

    Parameters
    ----------
    n_components : spatial filters, at most as many as the data have dimensions.
    reg : shrinkage of the class covariances: "oas", "ledoit_wolf", a number from 0 to 1, or "none".
    """

    def __init__(self, n_components: int = 6, reg: str | float = "none") -> None:
        if isinstance(n_components, bool) or not isinstance(n_components, int) or n_components < 1:
            raise DecoderError(f"n_components = {n_components!r}: it must be a whole number, 1 or more")
        named = isinstance(reg, str) and reg in ("oas", "ledoit_wolf", "none")
        numeric = isinstance(reg, (int, float)) and not isinstance(reg, bool) and math.isfinite(reg) and 0 <= reg <= 1
        if not (named or numeric):
            shown = json.dumps(reg) if isinstance(reg, (str, bool)) else repr(reg)
            raise DecoderError(f'reg = {shown}: it must be "oas", "ledoit_wolf", "none" or a number from 0 to 1')
        self.n_components = n_components
        self.reg = reg
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Csp:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 and ``labels`` (n_windows,)."""
        from mne.decoding import CSP
        from mne.utils import use_log_level
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        check_training(windows, labels, self._n_classes)
        samples = windows.astype(np.float64)
        basis = span(samples)
        n_components = min(self.n_components, len(basis))
        csp = CSP(
            n_components,
            reg=None if self.reg == "none" else self.reg,
            log=True,
            cov_est="epoch",
            rank={"eeg": len(basis)},
        )
        try:
            with use_log_level("error"):  # it tells of every class on stdout, which is the command's
                csp.fit(np.matmul(basis, samples), labels)
            filters = np.asarray(csp.filters_[:n_components]) @ basis
            logs, floor = floored_logs((np.matmul(filters, samples) ** 2).mean(axis=2))
            classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(logs, labels)
        except (np.linalg.LinAlgError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DecoderError(f'csp failed on the training windows ({reason}); reg = "oas" copes with most') from error
        self._start(filters, LinearOnPower.from_sklearn(classifier, floor), windows.shape[2])
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        if not hasattr(self, "_linear"):
            raise DecoderError("csp: neither fitted nor restored; fit it or load a model first")
        check_window(window.samples.shape, *self._samples.shape)
        self._samples[...] = window.samples
        np.dot(self._filters, self._samples, out=self._components)
        np.square(self._components, out=self._components)
        return self._linear.log_probs(self._components.mean(axis=1))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {
            **self._linear.arrays(),
            "filters": np.array(self._filters),
            "n_samples": np.array(self._samples.shape[1], np.int64),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            linear, filters = LinearOnPower.restore(arrays), np.array(arrays["filters"], np.float64)
            if filters.ndim != 2 or len(filters) != len(linear.floor):
                raise ValueError(f"filters of shape {filters.shape} for {len(linear.floor)} features")
            self._start(filters, linear, int(arrays["n_samples"]))
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(f"csp: arrays that csp cannot have written ({error}); train the model again") from error

    def _start(self, filters: NDArray[np.float64], linear: LinearOnPower, n_samples: int) -> None:
        self._linear = linear
        self._filters = aligned_zeros(*filters.shape)
        self._filters[...] = filters
        self._samples = aligned_zeros(filters.shape[1], n_samples)
        self._components = aligned_zeros(len(filters), n_samples)


def span(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal rows (rank, n_channels) that span ``samples`` (n_windows, n_channels, n_samples).

    An average reference or SSP takes dimensions away, and CSP's generalised eigenproblem needs full rank. The identity
    where nothing is missing.
    """
    power = np.einsum("wct,wdt->cd", samples, samples, optimize=True)
    scale = np.sqrt(np.diag(power))
    scale[scale == 0.0] = 1.0
    values, vectors = np.linalg.eigh(power / np.outer(scale, scale))
    kept = values > RANK_TOLERANCE * max(values[-1], 0.0)
    if kept.all() or not kept.any():
        return np.eye(len(scale))
    basis, _ = np.linalg.qr(scale[:, None] * vectors[:, kept])
    return np.ascontiguousarray(basis.T)
