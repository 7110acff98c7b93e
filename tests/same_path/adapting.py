"""A small decoder that learns while it runs, for tests: Gaussian classes of log-variance whose means move.

Loaded by tests as a module and by experiments as a plugin file.
"""

from __future__ import annotations

import numpy as np


class Moving:
    def fit(self, windows, labels):
        features = np.array([self._feature(window) for window in windows])
        self.means = np.array([features[labels == k].mean(axis=0) for k in range(int(labels.max()) + 1)])
        return self

    def predict(self, window):
        scores = -0.5 * ((self._feature(window.samples) - self.means) ** 2).sum(axis=1)
        scores = scores - scores.max()
        return scores - np.log(np.exp(scores).sum())

    def adapt(self, windows, label):
        if not 0 <= label < len(self.means):
            from rtbci.errors import DecoderError

            raise DecoderError(f"label {label}; 0 to {len(self.means) - 1} would be right")
        mean = np.array([self._feature(window) for window in windows]).mean(axis=0)
        self.means = self.means.copy()
        self.means[label] += 0.2 * (mean - self.means[label])

    def arrays(self):
        return {"means": self.means}

    def restore(self, arrays):
        if "means" not in arrays:
            from rtbci.errors import DecoderError

            raise DecoderError("Moving: no means; train the model again")
        self.means = np.array(arrays["means"])

    def _feature(self, samples):
        x = np.array(samples, np.float64, order="C")
        return np.log(x.var(axis=1) + 1e-12)
