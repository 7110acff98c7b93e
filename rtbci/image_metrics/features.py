"""All pairs compared by features of their pictures: identification, distance, and distance of two distributions.

``shown`` and ``reconstructed`` are (n_pairs, n_features) float32, row by row of the same pair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.retrieval import Retrieval, ranks_of

Features = NDArray[np.float32]
Floats = NDArray[np.float64]

COLUMNS = 8192
"""Features that are multiplied at once: AlexNet(2) has 184 512, which in float64 would be 1.5 GB for 1000 pictures."""
DECIMALS = 10
"""Of correlations that are compared, so that equal pictures tie however BLAS added them up."""


def correlations(shown: Features, reconstructed: Features) -> Floats:
    """Pearson correlations (n_pairs, n_pairs) float64: row i is a picture that was shown, column j a reconstruction.

    ``np.corrcoef(shown, reconstructed)[:n, n:]``, in parts. Features that are all equal correlate with nothing: 0.
    """
    product = np.zeros((len(shown), len(reconstructed)))
    means, scales = zip(*(_moments(features) for features in (shown, reconstructed)), strict=True)
    for first in range(0, shown.shape[1], COLUMNS):
        x, y = (
            (features[:, first : first + COLUMNS] - mean[:, None]) * scale[:, None]
            for features, mean, scale in zip((shown, reconstructed), means, scales, strict=True)
        )
        product += x @ y.T
    return np.clip(product, -1.0, 1.0)


def identification(shown: Features, reconstructed: Features) -> Retrieval:
    """Whether a reconstruction is more like its own picture than like the others: ``n_way(2)`` of what this gives.

    Each reconstruction is a trial, each picture that was shown a candidate, scored by their correlation. A reconstruction of
    rank r beats N - r of N - 1 rivals strictly: ``n_way(2)`` is the mean over j of #{i: R[i, j] < R[j, j]} / (N - 1).
    """
    scores = np.round(correlations(shown, reconstructed).T, DECIMALS)
    return Retrieval(ranks_of(scores, np.arange(len(scores))), len(scores), "item")


def distance(shown: Features, reconstructed: Features) -> float:
    """Mean over pairs of the correlation distance 1 - r, from 0 (alike) to 2; 1 is expected of what is unrelated."""
    return float(
        np.mean([1.0 - correlations(shown[k : k + 1], reconstructed[k : k + 1])[0, 0] for k in range(len(shown))])
    )


def frechet(shown: Features, reconstructed: Features) -> float:
    """Fréchet distance of two normal distributions with the moments of the features (Heusel et al. 2017, eq. 6).

    ``|μ₁ - μ₂|² + Tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½)`` of at least two pairs. With ``Σ = A'A``, A the centred features over
    ``sqrt(n - 1)``, the eigenvalues of ``Σ₁Σ₂`` are the squared singular values of ``A₁A₂'``, which is only (n, n): no root
    of a (d, d) matrix is needed, and none fails where pictures are fewer than features and covariances singular.
    """
    first, second = (features.astype(np.float64) for features in (shown, reconstructed))
    apart = first.mean(axis=0) - second.mean(axis=0)
    a, b = ((features - features.mean(axis=0)) / np.sqrt(len(features) - 1) for features in (first, second))
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return max(0.0, float(apart @ apart + np.sum(a * a) + np.sum(b * b) - 2.0 * shared))


def without_structure(features: Features) -> NDArray[np.bool_]:
    """Which pictures (n,) have features that are all equal, so that no correlation is defined."""
    return np.asarray(features.max(axis=1) == features.min(axis=1))


def _moments(features: Features) -> tuple[Floats, Floats]:
    """Mean (n,) of each row, and what makes its centred values a vector of length 1; 0 where they do not vary."""
    mean = features.mean(axis=1, dtype=np.float64)
    length = np.array([np.linalg.norm(row - m) for row, m in zip(features, mean, strict=True)])
    length[without_structure(features)] = np.inf
    return mean, 1.0 / length
