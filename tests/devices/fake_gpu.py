"""A decoder with a GPU that is none, for tests: there its log-probabilities are 1e-6 off, and in batches 1e-7 more.

Loaded by tests as a module and by experiments as a plugin file. The environment says what the GPU does::

    RTBCI_FAKE_GPU        "none": there is no such GPU here, and the processor decides
    RTBCI_FAKE_GPU_LOST   a number: it is lost when a decoder is asked for the n-th time since it was prepared
"""

from __future__ import annotations

import os

import numpy as np

from rtbci.errors import DecoderError, DeviceLost

GPU, CPU = "fake-gpu:0 (Paper Tiger)", "cpu, 1 thread"


class Fake:
    tolerance = 1e-5

    def __init__(self, device: str = "auto", together: bool = True) -> None:
        self.wanted = device
        self.together = together

    def use_device(self, device):
        self.wanted = device

    def prepare(self, info, n_samples, n_classes):
        here = os.environ.get("RTBCI_FAKE_GPU") != "none"
        self.runs_on = GPU if here and self.wanted == "auto" else CPU
        self.asked = 0

    def fit(self, windows, labels):
        features = np.array([self._features(samples) for samples in windows])
        self.means = np.array([features[labels == k].mean(axis=0) for k in range(int(labels.max()) + 1)])
        return self

    def predict(self, window):
        self._count()
        return self._log_probs(window.samples)

    def predict_many(self, windows, starts):
        self._count()
        return np.array([self._log_probs(samples, batch=True) for samples in windows])

    def joins(self, other):
        return isinstance(other, Fake) and self.together and other.together and self.runs_on == other.runs_on

    def predict_joined(self, others, windows):
        self._count()
        return [one._log_probs(w.samples, batch=True) for one, w in zip((self, *others), windows, strict=True)]

    def arrays(self):
        return {"means": self.means}

    def restore(self, arrays):
        if "means" not in arrays:
            raise DecoderError("Fake: no means; train the model again")
        self.means = np.array(arrays["means"])

    def _count(self):
        self.asked += 1
        if self.runs_on == GPU and self.asked == int(os.environ.get("RTBCI_FAKE_GPU_LOST", "0")):
            raise DeviceLost("fake-gpu:0 has fallen off the bus")

    def _log_probs(self, samples, batch=False):
        scores = -np.square(self._features(samples) - self.means).sum(axis=1)
        scores[0] += 1e-6 * (self.runs_on == GPU) + 1e-7 * batch
        scores -= scores.max()
        return scores - np.log(np.exp(scores).sum())

    @staticmethod
    def _features(samples):
        return np.log(np.square(np.array(samples, np.float64, order="C")).mean(axis=1) + 1e-12)
