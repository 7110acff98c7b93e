"""Linear classifiers in the tangent space: scikit-learn's own numbers, and probabilities that mean something."""

from __future__ import annotations

import numpy as np
import pytest
from pyriemann.tangentspace import TangentSpace
from sklearn.calibration import _SigmoidCalibration
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from rtbci_riemann.linear import contiguous_folds, fit_linear, platt
from rtbci_riemann.tangent_classifier import TangentClassifier


def covariances(n: int, rank: int, n_classes: int, contrast: float, seed: int = 0):
    """Covariances (n, rank, rank) and labels (n,) in runs of three."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) // 3 % n_classes
    mixing = np.random.default_rng(5).standard_normal((rank, rank)) + 2 * np.eye(rank)
    samples = rng.standard_normal((n, rank, 4 * rank + 20))
    for k in range(n_classes):
        samples[labels == k, k % rank] *= contrast
    samples = mixing @ samples
    return samples @ samples.transpose(0, 2, 1) / samples.shape[2], labels.astype(np.int64)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid", "euclid"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("classifier", ["lr", "lda"])
def test_probabilities_are_those_of_scikit_learn(classifier, n_classes, metric):
    matrices, labels = covariances(60, 6, n_classes, 1.4)
    tests, _ = covariances(20, 6, n_classes, 1.4, seed=1)
    theirs = {
        "lr": LogisticRegression(C=0.5, max_iter=2000),
        "lda": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    }
    pipeline = make_pipeline(TangentSpace(metric), theirs[classifier]).fit(matrices, labels)
    ours = TangentClassifier.fit(matrices, labels, metric=metric, classifier=classifier, C=0.5)
    np.testing.assert_allclose(np.exp(ours.log_probs(tests)), pipeline.predict_proba(tests), atol=1e-9)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_machines_answers_are_those_of_scikit_learn(class_weight):
    matrices, labels = covariances(80, 5, 2, 1.4)
    keep = (labels == 0) | (np.arange(80) % 2 == 0)
    matrices, labels = matrices[keep], labels[keep]
    tests, _ = covariances(40, 5, 2, 1.4, seed=1)
    pipeline = make_pipeline(TangentSpace("riemann"), SVC(kernel="linear", class_weight=class_weight))
    scores = pipeline.fit(matrices, labels).decision_function(tests)
    ours = TangentClassifier.fit(matrices, labels, classifier="svm", class_weight=class_weight)
    said = ours.log_probs(tests)
    # a sigmoid keeps the order of the scores, and its log-odds are a straight line of them
    odds = said[:, 1] - said[:, 0]
    slope, shift = np.polyfit(scores, odds, 1)
    assert slope > 0
    np.testing.assert_allclose(odds, slope * scores + shift, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_machines_probabilities_are_honest(n_classes):
    matrices, labels = covariances(400, 5, n_classes, 1.2)
    tests, truth = covariances(3000, 5, n_classes, 1.2, seed=1)
    ours = TangentClassifier.fit(matrices, labels, classifier="svm")
    said = np.exp(ours.log_probs(tests))
    np.testing.assert_allclose(said.sum(axis=1), 1.0, atol=1e-12)
    sure, right = said.max(axis=1), said.argmax(axis=1) == truth
    assert right.mean() > 1 / n_classes + 0.15
    for low, high in ((0.5, 0.65), (0.65, 0.8), (0.8, 1.0)):
        chosen = (sure >= low) & (sure < high)
        if chosen.sum() > 100:
            better = right[chosen].mean() - sure[chosen].mean()
            # sigmoids of several classes that are brought to a common sum say too little rather than too much
            assert -0.06 < better < (0.06 if n_classes == 2 else 0.13)


def test_a_machine_that_learnt_nothing_is_near_the_prior():
    rng = np.random.default_rng(0)
    vectors, labels = rng.standard_normal((90, 40)), rng.integers(0, 2, 90)
    linear = fit_linear(vectors, labels, "svm", 1.0, False, None)
    scores = rng.standard_normal((1000, 40)) @ linear.coefficients[1] + linear.bias[1]
    probabilities = 1 / (1 + np.exp(-scores))
    assert np.abs(probabilities - labels.mean()).max() < 0.25


@pytest.mark.parametrize("seed", range(5))
def test_platts_sigmoid_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    ours = rng.random(200) < 0.3
    scores = 40.0 * (rng.standard_normal(200) + 1.2 * ours) - 7.0
    slope, shift = platt(scores, ours)
    theirs = _SigmoidCalibration().fit(scores, ours.astype(np.float64))
    at = np.linspace(scores.min(), scores.max(), 50)
    np.testing.assert_allclose(1 / (1 + np.exp(-(slope * at + shift))), theirs.predict(at), atol=1e-4)


def test_a_sigmoid_never_turns_a_machine_round():
    scores = np.random.default_rng(0).standard_normal(100)
    slope, shift = platt(scores, scores < 0)
    assert slope == pytest.approx(0.05 / scores.std())
    assert 1 / (1 + np.exp(-(slope * scores.mean() + shift))) == pytest.approx((scores < 0).mean(), abs=0.02)


def test_balanced_sigmoids_have_equal_priors():
    rng = np.random.default_rng(0)
    ours = np.arange(600) % 6 == 0
    scores = rng.standard_normal(600)
    slope, shift = platt(scores, ours, balanced=True)
    assert 1 / (1 + np.exp(-(slope * scores.mean() + shift))) == pytest.approx(0.5, abs=0.03)


def test_folds_hold_out_whole_trials_of_every_class_in_order_of_time():
    labels = np.repeat(np.arange(30) % 3, 4).astype(np.int64)
    folds = contiguous_folds(labels, 5)
    assert (folds.reshape(30, 4) == folds.reshape(30, 4)[:, :1]).all()
    for k in range(3):
        own = folds[labels == k]
        assert (np.diff(own) >= 0).all()
        assert np.bincount(own).tolist() == [8, 8, 8, 8, 8]
    # one long run of each class: divided, in order
    sorted_labels = np.repeat([0, 1], 20).astype(np.int64)
    np.testing.assert_array_equal(contiguous_folds(sorted_labels, 5), np.tile(np.repeat(np.arange(5), 4), 2))


def test_a_class_of_a_single_window_does_not_break_a_machine():
    rng = np.random.default_rng(0)
    vectors, labels = rng.standard_normal((9, 4)), np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    linear = fit_linear(vectors, labels, "svm", 1.0, True, None)
    assert np.isfinite(linear.coefficients).all() and np.isfinite(linear.bias).all()


def test_what_was_saved_is_what_is_restored():
    matrices, labels = covariances(40, 4, 3, 1.5)
    ours = TangentClassifier.fit(matrices, labels, metric="logeuclid", classifier="svm")
    again = TangentClassifier.restore("logeuclid", ours.arrays())
    assert again.log_probs(matrices).tobytes() == ours.log_probs(matrices).tobytes()
    for name, wrong in (("link", np.array(7)), ("weights", np.zeros((3, 4, 5))), ("centre", np.zeros(4))):
        with pytest.raises(ValueError):
            TangentClassifier.restore("logeuclid", {**ours.arrays(), name: wrong})
    with pytest.raises(KeyError):
        TangentClassifier.restore("logeuclid", {})
