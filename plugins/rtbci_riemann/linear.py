"""Linear classifiers on tangent vectors, fitted with scikit-learn: what remains of each is weights, bias and a link.

* "lr": logistic regression with an l2 penalty. Softmax.
* "lda": linear discriminant analysis, covariance shrunk after Ledoit and Wolf. Softmax.
* "svm": linear support vector machines, each class against the rest. Probabilities by Platt's sigmoid (Advances in Large
  Margin Classifiers, 1999), its smoothed targets and all, fitted by the Newton method of Lin, Lin and Weng (Machine
  Learning 68, 2007) to scores of windows that were held out: whole blocks in time, because of two overlapping windows one
  must not teach what the other is tested on. The sigmoid's slope and shift go into weights and bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.stacks import Matrix

CLASSIFIERS = ("lr", "svm", "lda")
"""Linear classifiers in the tangent space."""
SOFTMAX, ONE_AGAINST_REST = 0, 1
"""Links from scores to probabilities: a softmax, or a sigmoid for each class and then a common scale."""
N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Linear:
    """Scores ``coefficients @ vector + bias``: coefficients (n_classes, n_features), bias (n_classes,)."""

    coefficients: Matrix
    bias: Matrix
    link: int


def fit_linear(
    vectors: Matrix, labels: NDArray[np.int64], classifier: str, C: float, standardise: bool, class_weight: str | None
) -> Linear:
    """Learn from ``vectors`` (n_windows, n_features) in order of time and ``labels`` (n_windows,), all of 0 .. n-1."""
    mean, scale = np.zeros(vectors.shape[1]), np.ones(vectors.shape[1])
    if standardise:
        mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
        # as scikit-learn: what is constant up to rounding is not blown up
        scale[scale <= 10.0 * np.finfo(np.float64).eps * np.maximum(np.abs(mean), 1.0)] = 1.0
        vectors = (vectors - mean) / scale
    link = SOFTMAX
    if classifier == "svm":
        coefficients, bias = _support_vectors(vectors, labels, C, class_weight)
        link = SOFTMAX if len(bias) == 1 else ONE_AGAINST_REST
    else:
        fitted = _estimator(classifier, labels, C, class_weight).fit(vectors, labels)
        coefficients, bias = np.array(fitted.coef_, np.float64), np.array(fitted.intercept_, np.float64)
    coefficients = coefficients / scale
    bias = bias - coefficients @ mean
    if len(bias) == 1:  # of two classes there is one row, the log-odds of the second
        coefficients, bias = np.vstack([0.0 * coefficients, coefficients]), np.concatenate([[0.0], bias])
    return Linear(coefficients, bias, link)


def _estimator(classifier: str, labels: NDArray[np.int64], C: float, class_weight: str | None) -> Any:
    if classifier == "lr":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=C, max_iter=2000, class_weight=class_weight)
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    n_classes = int(labels.max()) + 1
    priors = np.full(n_classes, 1.0 / n_classes) if class_weight == "balanced" else None
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)


def _support_vectors(
    vectors: Matrix, labels: NDArray[np.int64], C: float, class_weight: str | None
) -> tuple[Matrix, Matrix]:
    """Weights (n_rows, n_features) and bias (n_rows,) of machines whose scores are log-odds."""
    products = vectors @ vectors.T
    held_out = contiguous_folds(labels)
    rows, biases = [], []
    n_classes = int(labels.max()) + 1
    for k in range(1, 2) if n_classes == 2 else range(n_classes):
        ours = labels == k
        scores, scored = np.zeros(len(labels)), np.zeros(len(labels), np.bool_)
        for fold in range(N_FOLDS):
            test, train = held_out == fold, held_out != fold
            if not test.any() or len(np.unique(ours[train])) < 2:
                continue
            dual, shift = _machine(products[np.ix_(train, train)], ours[train], C, class_weight)
            scores[test] = products[np.ix_(test, train)] @ dual + shift
            scored |= test
        dual, shift = _machine(products, ours, C, class_weight)
        if len(np.unique(ours[scored])) < 2:  # too few windows to hold any out: those it was fitted on must do
            scores, scored = products @ dual + shift, np.ones(len(labels), np.bool_)
        slope, offset = platt(scores[scored], ours[scored], class_weight == "balanced")
        rows.append(slope * (dual @ vectors))
        biases.append(slope * shift + offset)
    return np.array(rows), np.array(biases)


def _machine(
    products: Matrix, ours: NDArray[np.bool_], C: float, class_weight: str | None
) -> tuple[NDArray[np.float64], float]:
    """Dual coefficients (n_windows,) and intercept of a linear machine, from the inner products of its windows."""
    from sklearn.svm import SVC

    fitted = SVC(C=C, kernel="precomputed", class_weight=class_weight).fit(products, ours.astype(np.int64))
    dual = np.zeros(len(ours))
    dual[fitted.support_] = fitted.dual_coef_[0]
    return dual, float(fitted.intercept_[0])


def contiguous_folds(labels: NDArray[np.int64], n_folds: int = N_FOLDS) -> NDArray[np.int64]:
    """The fold (n_windows,) that holds each window out: of every class a stretch of time, with whole runs of a label.

    Windows of one trial follow each other with one label; where a class has fewer runs than folds its windows are
    divided in order instead.
    """
    run = np.concatenate([[0], np.cumsum(labels[1:] != labels[:-1])])
    folds = np.zeros(len(labels), np.int64)
    for k in np.unique(labels):
        own = labels == k
        units = np.unique(run[own], return_inverse=True)[1]
        if units.max() + 1 < n_folds:
            units = np.arange(own.sum())
        folds[own] = units * n_folds // (units.max() + 1)
    return folds


def platt(scores: Matrix, ours: NDArray[np.bool_], balanced: bool = False) -> tuple[float, float]:
    """``(slope, shift)``: the probability of ``ours`` (n,) at a score ``f`` is ``1 / (1 + exp(-(slope f + shift)))``.

    Targets are ``(n+ + 1)/(n+ + 2)`` and ``1/(n- + 2)`` rather than 1 and 0 (Platt 1999). Where held-out scores say
    nothing, or the wrong thing, the slope stays at a twentieth of a logit for a standard deviation: a machine that has
    learnt nothing should be near the prior, and not be believed the other way round.
    """
    n_ours, n_rest = int(ours.sum()), int((~ours).sum())
    targets = np.where(ours, (n_ours + 1.0) / (n_ours + 2.0), 1.0 / (n_rest + 2.0))
    counted = np.where(ours, 0.5 / n_ours, 0.5 / n_rest) * len(ours) if balanced else np.ones(len(ours))
    spread = float(scores.std()) or 1.0
    middle = float(scores.mean())
    x = np.stack([(scores - middle) / spread, np.ones(len(scores))])
    slope_and_shift = _newton(x, targets, counted)
    if slope_and_shift[0] < 0.05:
        held = _newton(x[1:], targets, counted, 0.05 * x[0])
        slope_and_shift = np.array([0.05, held[0]])
    slope = float(slope_and_shift[0]) / spread
    return slope, float(slope_and_shift[1]) - slope * middle


def _newton(x: Matrix, targets: Matrix, counted: Matrix, given: Matrix | float = 0.0) -> Matrix:
    """Least cross-entropy of ``sigmoid(b @ x + given)`` against ``targets`` (n,), over ``b``; ``x`` (n_parameters, n)."""

    def loss(b: Matrix) -> float:
        z = b @ x + given
        return float((counted * (np.logaddexp(0.0, z) - targets * z)).sum())

    b = np.zeros(len(x))
    for _ in range(100):
        p = 1.0 / (1.0 + np.exp(-(b @ x + given)))
        gradient = x @ (counted * (p - targets))
        if np.abs(gradient).max() < 1e-9 * len(targets):
            break
        curvature = (x * (counted * p * (1.0 - p))) @ x.T + 1e-12 * np.eye(len(x))
        step, before = np.linalg.solve(curvature, gradient), loss(b)
        while loss(b - step) > before and np.abs(step).max() > 1e-12:
            step = 0.5 * step
        b = b - step
    return b
