"""Augmented covariance (`rtbci_riemann.augmented`) and a linear classifier in the tangent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo
from rtbci_riemann.acm_choice import choose_by_grid
from rtbci_riemann.acm_embedding import choose_by_embedding
from rtbci_riemann.augmented import AugmentedCovariance
from rtbci_riemann.linear import CLASSIFIERS
from rtbci_riemann.options import ESTIMATORS, METRICS, number, one_of
from rtbci_riemann.staging import Staging
from rtbci_riemann.tangent_classifier import TangentClassifier
from rtbci_riemann.tangent_decoder import TangentDecoder
from rtbci_riemann.training import n_classes_of
from rtbci_riemann.whole import whole, whole_numbers

CHOICES = ("given", "grid", "embedding")
"""Where order and lag come from."""
MOST_FEATURES = 3000
"""Tangent vectors that a linear discriminant can take: it inverts a matrix of their size."""


class Acm(TangentDecoder[AugmentedCovariance]):
    """A linear classifier in the tangent space of augmented covariances.

    Parameters
    ----------
    order : copies of the window that are stacked; 1 is `tangent`.
    lag : samples from one copy to the next.
    lag_ms : the same in milliseconds, instead of ``lag``.
    choose : "given", where order and lag are; "embedding", where they are not (from the signals alone, in a second or two,
        `rtbci_riemann.acm_embedding`; the order is one of ``orders``); or "grid" (the pair of ``orders`` and ``lags``
        that decodes held-out training trials best, `rtbci_riemann.acm_choice`: some minutes where channels are many).
    orders, lags : what may be chosen.
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov". The augmented matrix is large for
        its window, so one that shrinks ("oas", "lwf") is right unless windows are long.
    classifier : "svm" (linear, with Platt's probabilities; the authors' choice), "lr" or "lda".
    C : inverse strength of the classifier's l2 penalty ("lda" has none).
    metric : "riemann", "logeuclid" or "euclid", for the reference and the tangent space.

    Attributes
    ----------
    chosen_order, chosen_lag : what is used, once fitted or restored; the lag in samples.
    """

    name = "acm"

    def __init__(
        self,
        order: int | None = None,
        lag: int | None = None,
        lag_ms: float | None = None,
        choose: str | None = None,
        orders: Sequence[int] = (1, 2, 3, 4, 5, 6),
        lags: Sequence[int] = (1, 2, 3, 4, 5, 6, 7, 8),
        estimator: str = "oas",
        classifier: str = "svm",
        C: float = 1.0,
        metric: str = "riemann",
    ) -> None:
        self.order = None if order is None else whole("order", order)
        self.lag = None if lag is None else whole("lag", lag)
        self.lag_ms = None if lag_ms is None else number("lag_ms", lag_ms, above=0.0)
        some_given = not (order is None and lag is None and lag_ms is None)
        implied = "given" if some_given else "embedding"
        self.choose = implied if choose is None else one_of("choose", choose, CHOICES)
        self._check_choice(some_given)
        self.orders = whole_numbers("orders", orders)
        self.lags = whole_numbers("lags", lags)
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.classifier = one_of("classifier", classifier, CLASSIFIERS)
        self.C = number("C", C, above=0.0)
        self.metric = one_of("metric", metric, METRICS)
        self._n_classes: int | None = None
        self._rate: float | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes and the rate; everything else comes with the windows."""
        self._n_classes = n_classes
        self._rate = info.rate

    @property
    def chosen_order(self) -> int:
        """The order that is used. Raises DecoderError before there is one."""
        self._fitted()
        return self._covariance.order

    @property
    def chosen_lag(self) -> int:
        """The lag that is used, in samples. Raises DecoderError before there is one."""
        self._fitted()
        return self._covariance.lag

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Acm:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time, ``labels`` (n_windows,)."""
        n_classes_of(windows, labels, self._n_classes)
        staging = Staging.learn(windows)
        order, lag = self._choice(windows, labels, staging)
        covariance = AugmentedCovariance(staging, order, lag, self.estimator)
        n_features = covariance.rank * (covariance.rank + 1) // 2
        if self.classifier == "lda" and n_features > MOST_FEATURES:
            raise DecoderError(
                f'classifier = "lda": {n_features} features ({staging.rank} channels in rank, order {order}) are more than '
                f'the {MOST_FEATURES} it can take; use "svm" or "lr", or a smaller order'
            )
        classifier = TangentClassifier.fit(
            covariance.many(windows), labels, metric=self.metric, classifier=self.classifier, C=self.C
        )
        self._covariance, self._classifier = covariance, classifier
        return self

    def _restored(self, arrays: Mapping[str, NDArray[Any]]) -> AugmentedCovariance:
        return AugmentedCovariance.restore(self.estimator, arrays)

    def _check_choice(self, some_given: bool) -> None:
        if self.choose != "given":
            if some_given:
                raise DecoderError(
                    f'choose = "{self.choose}": order and lag are chosen then; leave order, lag and lag_ms out'
                )
            return
        if self.order is None or (self.lag is None) == (self.lag_ms is None):
            raise DecoderError(
                f"order = {self.order}, lag = {self.lag}, lag_ms = {self.lag_ms}: order and one of lag (samples) and lag_ms "
                "belong together; leave all of them out to have them chosen"
            )

    def _choice(self, windows: Samples, labels: NDArray[np.int64], staging: Staging) -> tuple[int, int]:
        if self.order is not None:
            return self.order, self._lag_in_samples()
        if self.choose == "embedding":
            return choose_by_embedding(windows, staging, self.orders)
        return choose_by_grid(
            windows, labels, staging, self.orders, self.lags, self.estimator, self.metric, self.classifier, self.C
        )

    def _lag_in_samples(self) -> int:
        if self.lag is not None:
            return self.lag
        assert self.lag_ms is not None
        if self._rate is None:
            raise DecoderError(
                f"lag_ms = {self.lag_ms:g}: the rate is not known; call prepare first, or give lag in samples"
            )
        lag = round(self.lag_ms * 1e-3 * self._rate)
        if lag < 1:
            raise DecoderError(
                f"lag_ms = {self.lag_ms:g}: less than half a sample at {self._rate:g} Hz; "
                f"{1e3 / self._rate:g} or more would be right"
            )
        return lag
