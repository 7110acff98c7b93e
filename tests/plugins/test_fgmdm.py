"""Geodesic filtering is pyRiemann's, to rounding."""

from __future__ import annotations

import numpy as np
import pytest
from pyriemann.classification import FgMDM
from pyriemann.estimation import Covariances
from sklearn.pipeline import make_pipeline

from rtbci.errors import DecoderError
from rtbci.types import Window
from rtbci_riemann import FgMdm


def trials(n_channels: int, n_samples: int, n_classes: int, n_windows: int, seed: int = 0):
    rng, shape = np.random.default_rng(seed), np.random.default_rng(99)
    rotation, _ = np.linalg.qr(shape.standard_normal((n_channels, n_channels)))
    mixing = rotation * np.logspace(0, -1.5, n_channels) * 10
    gains = shape.uniform(0.8, 1.25, (n_classes, n_channels))
    labels = np.arange(n_windows) % n_classes
    sources = rng.standard_normal((n_windows, n_channels, n_samples)) * gains[labels][:, :, None]
    return np.einsum("cs,wst->wct", mixing, sources).astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("logarithm", ["auto", "eigh", "chebyshev"])
@pytest.mark.parametrize(("n_channels", "n_classes"), [(2, 2), (3, 4), (8, 2), (8, 3), (22, 2), (22, 4)])
def test_probabilities_are_pyriemanns(n_channels, n_classes, logarithm):
    windows, labels = trials(n_channels, 320, n_classes, 48)
    tests, _ = trials(n_channels, 320, n_classes, 12, seed=1)
    ours = FgMdm(logarithm=logarithm)
    ours.fit(windows, labels)
    theirs = make_pipeline(Covariances("oas"), FgMDM()).fit(windows.astype(np.float64), labels)
    expected = theirs.predict_proba(tests.astype(np.float64))
    said = [np.exp(ours.predict(Window(samples, 10 * i, 0, 0.0, 0.0))) for i, samples in enumerate(tests)]
    np.testing.assert_allclose(said, expected, atol=1e-9)
    np.testing.assert_allclose(np.exp(ours.predict_many(tests, 10 * np.arange(12))), expected, atol=1e-9)


@pytest.mark.parametrize("estimator", ["lwf", "scm", "cov"])
def test_every_estimator_is_pyriemanns(estimator):
    windows, labels = trials(6, 200, 3, 45)
    tests, _ = trials(6, 200, 3, 6, seed=1)
    ours = FgMdm(estimator=estimator).fit(windows, labels)
    theirs = make_pipeline(Covariances(estimator), FgMDM()).fit(windows.astype(np.float64), labels)
    said = np.exp(ours.predict_many(tests, np.zeros(6, np.int64)))
    np.testing.assert_allclose(said, theirs.predict_proba(tests.astype(np.float64)), atol=1e-9)


def test_an_average_reference_and_a_flat_channel():
    windows, labels = trials(8, 250, 2, 80)
    windows -= windows.mean(axis=1, keepdims=True)
    windows[:, 5] = 0.0
    ours = FgMdm().fit(windows[:50], labels[:50])
    basis = ours.arrays()["basis"]
    projected = np.einsum("rc,wct->wrt", basis, windows.astype(np.float64))
    theirs = make_pipeline(Covariances("oas"), FgMDM()).fit(projected[:50], labels[:50])
    said = np.exp(ours.predict_many(windows[50:], np.zeros(30, np.int64)))
    # float32 rounding outside the subspace is what pyRiemann, given the projected samples, sees as well
    np.testing.assert_allclose(said, theirs.predict_proba(projected[50:]), atol=1e-6)
    assert (said.argmax(axis=1) == labels[50:]).mean() > 0.8


def test_what_was_saved_is_checked():
    windows, labels = trials(4, 200, 2, 20)
    arrays = dict(FgMdm().fit(windows, labels).arrays())
    for name, wrong in (("filters", np.zeros((2, 3, 3))), ("condition", np.array(0.5)), ("means", np.zeros((2, 4, 3)))):
        with pytest.raises(DecoderError, match="train the model again"):
            FgMdm().restore({**arrays, name: wrong})
    del arrays["means"]
    with pytest.raises(DecoderError, match="train the model again"):
        FgMdm().restore(arrays)
    with pytest.raises(DecoderError, match='logarithm = "schur": '):
        FgMdm(logarithm="schur")
