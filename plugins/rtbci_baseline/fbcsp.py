"""Filter-bank common spatial patterns.

Ang, Chin, Zhang and Guan, IJCNN 2008, and Frontiers in Neuroscience 6:39, 2012: the window in bands of 4 Hz, common
spatial patterns in each, the log-powers that tell most about the class (mutual information, MIBIF), a linear classifier.
For more than two classes each band's components come of joint diagonalisation, as in `rtbci_baseline.csp`.
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
from rtbci_baseline.band_filter import BandPowers, bands_for, filtered, sections_for, settling, steady
from rtbci_baseline.csp import span
from rtbci_baseline.linear import LinearOnPower, Vector, check_training, check_window, floored_logs

SEED = 20080601
"""Of the noise that the estimate of mutual information breaks ties with."""
FAINTEST = 1e-4
"""Bands that were not asked for are left out where the training windows hold less power per Hz than this share of the
strongest band's: a filter upstream took them, and what is left is its neighbours' (EEG itself falls by 1e-3 or less)."""


class FbCsp:
    """Log-powers of common spatial patterns in several bands, chosen by mutual information, and a linear classifier.

    Parameters
    ----------
    bands : [low, high] of each in Hz; where it is not given 4 Hz each from 4 to 40 Hz, as far as the stream's rate and
        the filters before the decoder leave them.
    n_components : spatial filters in each band, even for two classes, whose filters come in pairs.
    n_selected : log-powers that are chosen over all bands; for two classes the other one of each pair is taken as well.
    classifier : "lr" (logistic regression) or "lda" (linear discriminant analysis with shrinkage). Leaving one run out they
        decoded .98 and .93 of the trials of fists or feet, .83 and .86 of those of right or left.
    reg : shrinkage of the class covariances: "oas", "ledoit_wolf", a number from 0 to 1, or "none".
    """

    def __init__(
        self,
        bands: list[list[float]] | None = None,
        n_components: int = 4,
        n_selected: int = 4,
        classifier: str = "lr",
        reg: str | float = "none",
    ) -> None:
        self.bands = None if bands is None else _bands(bands)
        self.n_components = _count("n_components", n_components)
        self.n_selected = _count("n_selected", n_selected)
        if classifier not in ("lda", "lr"):
            raise DecoderError(f'classifier = {_shown(classifier)}: it must be "lda" or "lr"')
        self.classifier = classifier
        if not (reg in ("oas", "ledoit_wolf", "none") or (_is_number(reg) and 0 <= float(reg) <= 1)):
            raise DecoderError(f'reg = {_shown(reg)}: it must be "oas", "ledoit_wolf", "none" or a number from 0 to 1')
        self.reg = reg
        self._n_classes: int | None = None
        self._rate: float | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Take the rate, for the bands, and the number of classes. Raises DecoderError where a band is too high."""
        bands_for(info.rate, self.bands)
        self._rate, self._n_classes = info.rate, n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> FbCsp:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 and ``labels`` (n_windows,)."""
        check_training(windows, labels, self._n_classes)
        if self._rate is None:
            raise DecoderError("fbcsp: the sampling rate is not known; call prepare(info, n_samples, n_classes) first")
        bands = bands_for(self._rate, self.bands)
        sections, skips = sections_for(bands, self._rate), settling(bands, self._rate, windows.shape[2])
        samples = windows.astype(np.float64)
        basis = span(samples)
        samples = np.matmul(basis, samples)
        filters, powers, density = [], [], []
        for band, section, skip in zip(bands, sections, skips, strict=True):
            part = filtered(section, samples, steady(section))[..., skip:]
            filters.append(self._csp(part, labels))
            powers.append((np.matmul(filters[-1], part) ** 2).mean(axis=2))
            density.append(float((part**2).mean()) / (band[1] - band[0]))
        kept = [b for b in range(len(bands)) if self.bands is not None or density[b] >= FAINTEST * max(density)]
        chosen = _select([powers[b] for b in kept], labels, self.n_selected)
        features = [(kept[b], i) for b, i in chosen]
        logs, floor = floored_logs(np.stack([powers[b][:, i] for b, i in features], axis=1))
        linear = LinearOnPower.from_sklearn(self._classify(logs, labels), floor)
        of_band = [b for b, _ in features]
        spatial = np.stack([filters[b][i] for b, i in features]) @ basis
        self._start(linear, BandPowers(spatial, sections[of_band], skips[of_band], windows.shape[2]))
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        if not hasattr(self, "_linear"):
            raise DecoderError("fbcsp: neither fitted nor restored; fit it or load a model first")
        check_window(window.samples.shape, *self._powers.samples.shape)
        return self._linear.log_probs(self._powers.of(window.samples))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {
            **self._linear.arrays(),
            "filters": np.array(self._powers.filters),
            "sections": np.array(self._powers.sections),
            "skipped": np.array(self._powers.skipped),
            "n_samples": np.array(self._powers.samples.shape[1], np.int64),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            linear = LinearOnPower.restore(arrays)
            filters, sections = (np.array(arrays[name], np.float64) for name in ("filters", "sections"))
            if len(filters) != len(linear.floor):
                raise ValueError(f"filters of shape {filters.shape} for {len(linear.floor)} features")
            powers = BandPowers(filters, sections, np.array(arrays["skipped"], np.int64), int(arrays["n_samples"]))
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"fbcsp: arrays that fbcsp cannot have written ({error}); train the model again"
            ) from error
        self._start(linear, powers)

    def _start(self, linear: LinearOnPower, powers: BandPowers) -> None:
        self._linear, self._powers = linear, powers

    def _csp(self, samples: Vector, labels: NDArray[np.int64]) -> Vector:
        """Spatial filters (n_components, rank) of one band's ``samples`` (n_windows, rank, n); for two classes in pairs."""
        from mne.decoding import CSP
        from mne.utils import use_log_level

        rank = samples.shape[1]
        csp = CSP(
            min(self.n_components, rank),
            reg=None if self.reg == "none" else self.reg,
            log=True,
            cov_est="concat",
            rank={"eeg": rank},
            component_order="alternate" if labels.max() == 1 else "mutual_info",
        )
        try:
            with use_log_level("error"):  # it tells of every class on stdout, which is the command's
                csp.fit(samples, labels)
        except (np.linalg.LinAlgError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DecoderError(
                f'fbcsp failed on the training windows ({reason}); reg = "oas" copes with most'
            ) from error
        return np.array(csp.filters_[: csp.n_components], np.float64)

    def _classify(self, logs: Vector, labels: NDArray[np.int64]) -> Any:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.linear_model import LogisticRegression

        if self.classifier == "lr":
            return LogisticRegression(max_iter=2000).fit(logs, labels)
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(logs, labels)


def _select(powers: list[Vector], labels: NDArray[np.int64], n_selected: int) -> list[tuple[int, int]]:
    """(band, component) of the features that tell most about the class, in order of band (MIBIF, Ang et al. 2012, 2.3).

    Each feature's mutual information with the class is estimated by nearest neighbours (Ross, PLoS ONE 9(2), 2014) where
    Ang et al. took Parzen windows. Components of two classes come in pairs, and whoever chooses one takes the other.
    """
    from sklearn.feature_selection import mutual_info_classif

    names = [(b, i) for b, band in enumerate(powers) for i in range(band.shape[1])]
    logs, _ = floored_logs(np.concatenate(powers, axis=1))
    n_neighbors = max(1, min(3, int(np.bincount(labels).min()) - 1))
    information = mutual_info_classif(logs, labels, n_neighbors=n_neighbors, random_state=SEED)
    best = np.argsort(-information, kind="stable")[:n_selected]
    chosen = {names[int(k)] for k in best}
    if labels.max() == 1:
        chosen |= {(b, i ^ 1) for b, i in chosen if i ^ 1 < powers[b].shape[1]}
    return sorted(chosen)


def _bands(given: object) -> tuple[tuple[float, float], ...]:
    right = "it must be a list of [low, high] in Hz with 0 < low < high, such as [[8.0, 12.0], [16.0, 24.0]]"
    if not isinstance(given, (list, tuple)) or not given:
        raise DecoderError(f"bands = {_shown(given)}: {right}")
    for band in given:
        pair = isinstance(band, (list, tuple)) and len(band) == 2 and all(_is_number(edge) for edge in band)
        if not pair or not 0 < band[0] < band[1]:
            raise DecoderError(f"bands = {_shown(given)}: {_shown(band)} is none; {right}")
    return tuple((float(low), float(high)) for low, high in given)


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DecoderError(f"{key} = {_shown(value)}: it must be a whole number, 1 or more")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)
