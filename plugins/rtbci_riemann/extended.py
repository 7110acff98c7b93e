"""The extended covariance of steady-state responses: that of a window filtered around each stimulus frequency.

Congedo, Barachant and Andreev (arXiv:1310.8115, 2013) and Kalunga, Chevallier, Barthelemy, Djouani, Monacelli and Hamam,
"Online SSVEP-based BCI using Riemannian geometry", Neurocomputing 191, 2016: the filtered copies are stacked channel by
channel, so that blocks on the diagonal say how strong a response is at each frequency, and where on the head.

The filters (Butterworth, forward only) run within the window, as if what came before had stood still at its first sample:
they start in the state that a constant leaves, which for a band-pass is that of rest once this sample is subtracted. So
the copies depend on the window alone. They swell up with the time constant of the slowest pole, ``1/(2 pi w sin(pi/2n))``
seconds for half-width ``w`` Hz and order ``n`` (0.45 s for 0.5 Hz and order 2), alike in every window; the covariance may
leave these samples out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci_riemann.row_covariance import RowCovariance, require_samples
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.staging import Staging


class ExtendedCovariance:
    """Extended covariances of windows of one shape.

    Parameters
    ----------
    staging : shape and subspace of the windows.
    filters : (n_filters, n_sections, 6) second-order sections.
    n_left_out : samples at the window's beginning that the filters swell up in, left out of the covariance.
    estimator, reg : as in `rtbci_riemann.row_covariance.RowCovariance`.
    """

    def __init__(self, staging: Staging, filters: Matrix, n_left_out: int, estimator: str, reg: float) -> None:
        from scipy.signal import sosfilt  # here, not at the module's top: other decoders of this package do without

        self._filter = sosfilt
        self.staging = staging
        self.rank = len(filters) * staging.rank
        self._filters, self._n_left_out = np.ascontiguousarray(filters, np.float64), n_left_out
        n_left = staging.n_samples - n_left_out
        if n_left < 2:
            raise DecoderError(
                f"the filters' first {n_left_out} samples are left out of windows of {staging.n_samples}; "
                "longer windows or a shorter settle would be right"
            )
        require_samples(estimator, self.rank, n_left, f"windows filtered around {len(filters)} frequencies")
        self._covariance = RowCovariance(self.rank, n_left, estimator, reg)

    def many(self, windows: NDArray[np.float32]) -> Matrix:
        """Covariances (n_windows, rank, rank) float64 of ``windows`` (n_windows, n_channels, n_samples)."""
        found = np.empty((len(windows), self.rank, self.rank))
        rows, rank = self._covariance.rows, self.staging.rank
        for window, out in zip(windows, found, strict=True):
            samples = self.staging.of(window)
            samples -= samples[:, :1].copy()
            for i, sections in enumerate(self._filters):
                rows[i * rank : (i + 1) * rank] = self._filter(sections, samples, axis=1)[:, self._n_left_out :]
            self._covariance.into(out)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt, by name."""
        left_out = np.array(self._n_left_out, np.int64)
        return {"stimulus_filters": self._filters, "n_left_out": left_out, **self.staging.arrays()}

    @classmethod
    def restore(cls, estimator: str, reg: float, arrays: Mapping[str, NDArray[Any]]) -> ExtendedCovariance:
        """Become what wrote ``arrays``. Raises KeyError or ValueError when they cannot be its own."""
        filters, n_left_out = np.array(arrays["stimulus_filters"], np.float64), int(arrays["n_left_out"])
        if filters.ndim != 3 or filters.shape[2] != 6 or n_left_out < 0:
            raise ValueError(f"filters of shape {filters.shape}, the first {n_left_out} samples left out")
        return cls(Staging.restore(arrays), filters, n_left_out, estimator, reg)


def stimulus_filters(
    frequencies: Sequence[float], harmonics: int, half_width: float, order: int, rate: float
) -> Matrix:
    """Band-pass filters (n_frequencies * harmonics, order, 6) around multiples of ``frequencies``, all in Hz.

    Raises DecoderError where a band does not lie between 0 and half the rate.
    """
    from scipy.signal import butter

    filters = []
    for frequency in frequencies:
        for harmonic in range(1, harmonics + 1):
            middle = harmonic * frequency
            low, high = middle - half_width, middle + half_width
            if low <= 0.0 or high >= rate / 2.0:
                raise DecoderError(
                    f"frequencies: {frequency:g} Hz (harmonic {harmonic}) with half_width = {half_width:g} is the band "
                    f"{low:g} to {high:g} Hz; it must lie between 0 and {rate / 2:g} Hz, half the rate"
                )
            filters.append(butter(order, [low, high], "bandpass", fs=rate, output="sos"))
    return np.array(filters, np.float64)
