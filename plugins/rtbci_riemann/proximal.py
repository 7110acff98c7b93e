r"""A linear classifier turns towards a new trial without letting go of what it knew.

The new weights and bias are near the minimum of

    loss(W, b; trial) + (rho/2) (|W - W_old|^2 + s (b - b_old)^2)

with the mean logistic loss over the trial's windows: an implicit (proximal) online update (Kulis and Bartlett, Implicit
Online Learning, ICML 2010, section 2). It is approached by a fixed number of gradient steps, so that the result is a
function of what came in. Everything is measured on the trial's own scale ``s``, the mean squared norm of its points:
``rho = stiffness s / 4``, where ``s / 4`` is the greatest curvature of a logistic loss along one direction, and the bias is
the weight of a coordinate of size ``sqrt(s)``. So ``stiffness`` has no unit: 1 lets one trial go about halfway to where
the loss alone would send the scores, 10 about a tenth of the way.
"""

from __future__ import annotations

import numpy as np

from rtbci_riemann.linear import SOFTMAX
from rtbci_riemann.spd import log_probabilities
from rtbci_riemann.stacks import Matrix

N_STEPS = 20


def proximal_step(
    points: Matrix, label: int, weights: Matrix, bias: Matrix, link: int, stiffness: float
) -> tuple[Matrix, Matrix]:
    """Weights (n_classes, n_features) and bias (n_classes,) after a trial of class ``label``.

    Parameters
    ----------
    points : (n_windows, n_features) of the trial.
    link : with `SOFTMAX` the loss is the cross-entropy, else the sum of each class's logistic loss against the rest.
    """
    scale = float((points * points).sum(axis=1).mean())
    if scale == 0.0:
        return weights, bias
    # unit scale: points of mean squared norm 1, to which the bias adds a coordinate of 1
    x = np.concatenate([points / np.sqrt(scale), np.ones((len(points), 1))], axis=1)
    old = np.concatenate([weights * np.sqrt(scale), bias[:, None]], axis=1)
    target = np.zeros(len(bias))
    target[label] = 1.0
    rho = 0.25 * stiffness
    # the loss's curvature is at most half (softmax) the mean squared norm of x, which is 2
    rate = 1.0 / (1.0 + rho)
    new = old
    for _ in range(N_STEPS):
        scores = x @ new.T
        said = np.exp(log_probabilities(scores, SOFTMAX)) if link == SOFTMAX else 1.0 / (1.0 + np.exp(-scores))
        gradient = (said - target).T @ x / len(x) + rho * (new - old)
        new = new - rate * gradient
    return np.ascontiguousarray(new[:, :-1] / np.sqrt(scale)), np.ascontiguousarray(new[:, -1])
