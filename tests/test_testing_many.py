"""The contract checks of decoders that take batches or learn while they run: one broken thing per rule."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rtbci.errors import DecoderError
from rtbci.testing import ContractError, check_decoder
from rtbci_riemann import Mdm, Tangent
from tests.test_testing import NearestPower


class Many(NearestPower):
    """Answers batches as single windows."""

    def predict_many(self, windows, starts):
        return np.array([self._log_probs(samples) for samples in windows])


class Listed(Many):
    def predict_many(self, windows, starts):
        return list(super().predict_many(windows, starts))


class Transposed(Many):
    def predict_many(self, windows, starts):
        return super().predict_many(windows, starts).T.copy()


class Single(Many):
    def predict_many(self, windows, starts):
        return super().predict_many(windows, starts).astype(np.float32)


class Infinite(Many):
    def predict_many(self, windows, starts):
        return np.tile([0.0, -np.inf, -np.inf], (len(windows), 1))[:, : len(self.means)]


class Probabilities(Many):
    def predict_many(self, windows, starts):
        return np.exp(super().predict_many(windows, starts))


class OtherRounding(Many):
    """The same in exact arithmetic: sums in another order."""

    def predict_many(self, windows, starts):
        x = windows.astype(np.float64)
        features = np.log(np.square(x[:, :, ::-1]).sum(axis=2) / x.shape[2] + 1e-12)
        scores = -np.square(features[:, None] - self.means).sum(axis=2)
        scores -= scores.max(axis=1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


class DependsOnBatch(Many):
    def predict_many(self, windows, starts):
        said = super().predict_many(windows, starts)
        said[1:] = said[1:, ::-1]
        return said


class TrustsStarts(Many):
    """Keeps answers by index, whatever the samples."""

    def predict_many(self, windows, starts):
        self.known = getattr(self, "known", {})
        for start, samples in zip(starts.tolist(), windows, strict=True):
            self.known.setdefault(start, self._log_probs(samples))
        return np.array([self.known[start] for start in starts.tolist()])


class Writes(Many):
    def predict_many(self, windows, starts):
        windows -= windows.mean(axis=2, keepdims=True)
        return super().predict_many(windows, starts)


BROKEN_BATCHES = {
    Listed: "predict_many returned a list; (24, 2) float64",
    Transposed: "predict_many returned an array of shape (2, 24); (24, 2) float64",
    Single: "predict_many returned float32",
    Infinite: "predict_many returned values that are not finite",
    Probabilities: "predict_many returned probabilities that sum to",
    OtherRounding: "gave other answers in a batch of 24 than predict gives one by one (largest difference",
    DependsOnBatch: "gave other answers in a batch of 24 than predict gives one by one",
    TrustsStarts: "gave other answers in a batch of",
    Writes: "predict_many raised ValueError on 24 overlapping windows in a read-only view",
}


@pytest.mark.parametrize("make", BROKEN_BATCHES, ids=lambda make: make.__name__)
def test_a_broken_batch_is_named(make) -> None:
    with pytest.raises(ContractError) as raised:
        check_decoder(make)
    assert BROKEN_BATCHES[make] in str(raised.value)
    assert str(raised.value).startswith(make.__name__)


def test_a_batch_within_the_tolerance_passes() -> None:
    check_decoder(OtherRounding, tolerance=1e-6)


class Learns(Many):
    """Moves the mean of a class by a step that shrinks with the trials of it."""

    def fit(self, windows, labels):
        super().fit(windows, labels)
        self.counts = np.full(len(self.means), 10.0)
        return self

    def adapt(self, windows, label):
        if not 0 <= label < len(self.means):
            raise DecoderError(f"label {label}; 0 to {len(self.means) - 1} would be right")
        self._learn(np.mean([self._features(samples) for samples in windows], axis=0), label)

    def _learn(self, mean, label):
        self.counts[label] += 1.0
        self.means[label] += (mean - self.means[label]) / self.counts[label]

    def arrays(self):
        return {"means": self.means, "counts": self.counts}

    def restore(self, arrays):
        super().restore(arrays)
        self.counts = np.array(arrays["counts"])


class NotKept(Learns):
    arrays = restore = None


class Shares(Learns):
    """All decoders of the class learn together."""

    moved = 0.0

    def _learn(self, mean, label):
        super()._learn(mean, label)
        Shares.moved += 0.1

    def _log_probs(self, samples):
        scores = super()._log_probs(samples) * (1.0 + Shares.moved)
        return scores - np.log(np.exp(scores).sum())


class ForgetsCounts(Learns):
    def arrays(self):
        return {"means": self.means}

    def restore(self, arrays):
        NearestPower.restore(self, arrays)
        self.counts = np.full(len(self.means), 10.0)


class ForgetsWhatItLearnt(Learns):
    def fit(self, windows, labels):
        super().fit(windows, labels)
        self.fitted = self.means.copy()
        return self

    def arrays(self):
        return {"means": self.fitted, "counts": self.counts}

    def restore(self, arrays):
        super().restore(arrays)
        self.fitted = self.means.copy()


class KeepsTrial(Learns):
    """Learns from a trial only when the next one comes, from a view of windows that are gone by then."""

    def adapt(self, windows, label):
        super().adapt(getattr(self, "kept", windows), label)
        self.kept = windows


class Drifts(Learns):
    """Steps of random length."""

    def _learn(self, mean, label):
        super()._learn(mean * (1.0 + 1e-9 * np.random.default_rng().standard_normal()), label)


class WritesToTrial(Learns):
    def adapt(self, windows, label):
        super().adapt(windows, label)
        windows -= windows.mean()


class AnyLabel(Learns):
    def adapt(self, windows, label):
        super().adapt(windows, label % len(self.means))


class RaisesIndexError(Learns):
    def adapt(self, windows, label):
        if label >= len(self.means):
            raise IndexError(label)
        super().adapt(windows, label)


class Explodes(Learns):
    def _learn(self, mean, label):
        self.means = self.means * np.nan


class BatchIsFrozen(Learns):
    """predict_many answers as before it learnt."""

    def _learn(self, mean, label):
        self.before = getattr(self, "before", self.means.copy())
        super()._learn(mean, label)

    def predict_many(self, windows, starts):
        now, self.means = self.means, getattr(self, "before", self.means)
        try:
            return super().predict_many(windows, starts)
        finally:
            self.means = now


BROKEN_LEARNING = {
    NotKept: "has adapt() and no arrays() and restore()",
    Shares: "changed its answers when a copy of it adapted",
    ForgetsCounts: "learns something else after restore() than it would have without",
    ForgetsWhatItLearnt: "does not decide after restore() as it did when it had adapted",
    KeepsTrial: "learnt something else from the same trials",
    Drifts: "learnt something else from the same trials",
    WritesToTrial: "adapt changed the windows that it was given",
    AnyLabel: "adapt took label 2, where there are 2 classes",
    RaisesIndexError: "adapt raised IndexError on label 2 of 2 classes",
    Explodes: "which is not finite",
    BatchIsFrozen: "answers with predict_many otherwise than with predict after adapt()",
}


@pytest.mark.parametrize("make", BROKEN_LEARNING, ids=lambda make: make.__name__)
def test_broken_learning_is_named(make) -> None:
    with pytest.raises(ContractError) as raised:
        check_decoder(make, more_classes=False)
    assert BROKEN_LEARNING[make] in str(raised.value)
    assert str(raised.value).startswith(make.__name__)


@pytest.mark.parametrize("make", [Many, Learns, Mdm, Tangent])
def test_what_keeps_the_contract_passes(make) -> None:
    check_decoder(make)


def test_a_scikit_learn_classifier_is_asked_window_by_window() -> None:
    # a batch may round otherwise than a window alone in somebody else's arithmetic, so it is not offered
    def make():
        powers = FunctionTransformer(lambda x: np.log(x.var(axis=2)))
        return make_pipeline(powers, LinearDiscriminantAnalysis())

    check_decoder(make)
