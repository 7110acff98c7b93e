"""Any scikit-learn classifier over windows is a decoder as it stands."""

from __future__ import annotations

import numpy as np
import pytest
from pyriemann.classification import MDM
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder
from rtbci.sklearn_adapter import SklearnDecoder
from rtbci.testing import check_decoder
from rtbci.types import Window


def log_power(windows):
    return np.log(np.mean(windows**2, axis=2))


def trials(n_classes: int = 2, n: int = 60):
    labels = np.arange(n, dtype=np.int64) % n_classes
    windows = np.random.default_rng(0).standard_normal((n, 4, 80)).astype(np.float32)
    windows[np.arange(n), labels] *= 3
    return windows, labels


def window(samples) -> Window:
    return Window(samples, 0, samples.shape[1] - 1, 0.0, 0.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression()),
        lambda: make_pipeline(Covariances("oas"), MDM()),
        lambda: make_pipeline(FunctionTransformer(log_power), LinearDiscriminantAnalysis()),
        lambda: make_pipeline(FunctionTransformer(log_power), SVC()),
        lambda: make_pipeline(FunctionTransformer(log_power), RidgeClassifier()),
    ],
)
def test_pipelines_keep_the_contract_as_they_stand(make):
    check_decoder(make)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_are_the_estimators(n_classes):
    windows, labels = trials(n_classes)
    pipeline = make_pipeline(FunctionTransformer(log_power), LogisticRegression())
    decoder = SklearnDecoder(pipeline).fit(windows, labels)
    assert isinstance(decoder, Decoder)
    expected = pipeline.predict_proba(windows[:5].astype(np.float64))
    for i in range(5):
        np.testing.assert_allclose(np.exp(decoder.predict(window(windows[i]))), expected[i], atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_become_probabilities_of_the_same_order(n_classes):
    windows, labels = trials(n_classes)
    pipeline = make_pipeline(FunctionTransformer(log_power), RidgeClassifier())
    decoder = SklearnDecoder(pipeline).fit(windows, labels)
    said = np.array([decoder.predict(window(samples)) for samples in windows])
    assert said.shape == (len(windows), n_classes)
    np.testing.assert_allclose(np.exp(said).sum(axis=1), 1.0)
    np.testing.assert_array_equal(said.argmax(axis=1), pipeline.predict(windows.astype(np.float64)))


def test_two_class_scores_are_log_odds():
    windows, labels = trials()
    pipeline = make_pipeline(FunctionTransformer(log_power), RidgeClassifier())
    said = SklearnDecoder(pipeline).fit(windows, labels).predict(window(windows[0]))
    assert said[1] - said[0] == pytest.approx(float(pipeline.decision_function(windows[:1].astype(np.float64))[0]))


def test_the_estimator_sees_float64_in_c_order():
    seen = []

    def note(windows):
        seen.append((windows.dtype, windows.flags.c_contiguous, windows.shape[1:]))
        return log_power(windows)

    windows, labels = trials()
    decoder = SklearnDecoder(make_pipeline(FunctionTransformer(note), LogisticRegression())).fit(windows, labels)
    decoder.predict(window(np.ascontiguousarray(windows[0].T).T))
    assert set(seen) == {(np.dtype(np.float64), True, (4, 80))}


class Sure(ClassifierMixin, BaseEstimator):
    """Gives one class a probability of zero."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile([0.0, 1.0], (len(X), 1))


def test_a_probability_of_zero_stays_finite():
    windows, labels = trials()
    said = SklearnDecoder(Sure()).fit(windows, labels).predict(window(windows[0]))
    assert np.isfinite(said).all()
    assert said[1] == 0.0


def test_a_classifier_of_features_is_told_what_it_lacks():
    windows, labels = trials()
    with pytest.raises(DecoderError, match=r"LinearDiscriminantAnalysis could not learn.*making features"):
        SklearnDecoder(LinearDiscriminantAnalysis()).fit(windows, labels)


def test_what_gives_neither_probabilities_nor_scores_is_refused():
    with pytest.raises(DecoderError, match="TangentSpace has neither predict_proba nor decision_function"):
        SklearnDecoder(TangentSpace())


def test_labels_with_a_hole_are_refused():
    windows, labels = trials()
    with pytest.raises(DecoderError, match=r"labels \[0, 2\]"):
        SklearnDecoder(make_pipeline(FunctionTransformer(log_power), LogisticRegression())).fit(windows, labels * 2)


def test_not_fitted_says_so():
    with pytest.raises(DecoderError, match="Perceptron: not fitted"):
        SklearnDecoder(Perceptron()).predict(window(trials()[0][0]))


def test_probabilities_of_another_number_of_classes_are_refused():
    windows, labels = trials(3)
    with pytest.raises(DecoderError, match=r"Sure.predict_proba gave an array of shape \(1, 2\).*\(1, 3\)"):
        SklearnDecoder(Sure()).fit(windows, labels).predict(window(windows[0]))
