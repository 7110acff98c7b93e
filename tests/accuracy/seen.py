"""Recordings of a simulated viewer: resting EEG of a real person, and responses that are a known function of embeddings.

Background are stretches of PhysioNet's subject 1 at rest (R01 for training, R02 for tests, so no test trial lies on
noise that was trained on), drawn at random and cross-faded, and 2 uV of white noise as of an amplifier: without it the
recording, which was low-passed, would be all but free of noise somewhere, and whoever knows where would need no signal.
Each item has an embedding e (n_dims, length 1); its response is

    linear      r(c, t) = sum over k of e_k P_k(c, t)
    nonlinear   r(c, t) = sum over k of f_k(e) P_k(c, t),   f(e) = sqrt(n_dims) tanh(3 A e) with A orthogonal

with patterns P_k of topographies drawn with the covariance of the resting EEG and waves of 2 to 9 Hz between 80 and 600
ms. The signal-to-noise ratio is that of the mean power of responses and of the background, filtered alike, over that
time and all channels.

The bound is that of who knows the response of every candidate and the covariance of the noise, and whose noise is Gaussian
with that covariance (a Kronecker product of one over channels and one over time): nearest response after whitening. For two
candidates at distance d its accuracy is Phi(d / 2) in closed form; for N it is integrated over the noise within the
plane of the responses. Real EEG is not Gaussian, so the same decoder is also run on the test trials themselves
(*oracle*).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
RATE = 160.0
FADE = 40
SOA = 1.1
FIRST, LAST = 0.08, 0.6
AMPLIFIER = 2.0
"""uV"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Patterns (n_dims, n_channels, n_times) of a simulated person, and whether responses are linear in the embedding."""

    patterns: Array
    mixing: Array
    linear: bool

    def responses(self, embeddings: Array) -> Array:
        """Responses (n_items, n_channels, n_times) to ``embeddings`` (n_items, n_dims)."""
        weights = embeddings
        if not self.linear:
            weights = np.sqrt(len(self.mixing)) * np.tanh(3.0 * embeddings @ self.mixing.T)
        return np.einsum("nd,dct->nct", weights, self.patterns)


def viewer(rest: Array, n_dims: int, linear: bool, seed: int = 0) -> Viewer:
    """A person with resting EEG ``rest`` (n, n_channels).

    Topographies are drawn with the covariance of that EEG, as of sources in the same head: others would stand out
    against it in directions where a real brain's responses do not.
    """
    random = np.random.default_rng([seed, 17])
    n_times = round(1.0 * RATE)
    t = np.arange(n_times) / RATE
    values, vectors = np.linalg.eigh(np.cov(rest.T))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    patterns = np.zeros((n_dims, rest.shape[1], n_times))
    for k in range(n_dims):
        for _ in range(2):
            topography = root @ random.standard_normal(rest.shape[1])
            peak, width = random.uniform(0.15, 0.45), random.uniform(0.03, 0.08)
            wave = np.exp(-((t - peak) ** 2) / (2 * width**2)) * np.cos(2 * np.pi * random.uniform(2, 9) * (t - peak))
            patterns[k] += topography[:, None] * wave * _rising(t)
    mixing = np.linalg.qr(random.standard_normal((n_dims, n_dims)))[0]
    return Viewer(patterns, mixing, linear)


def _rising(t: Array) -> Array:
    """0 before a response can begin, 1 soon after, without a step: a step has power where EEG has none."""
    return np.sin(np.pi / 2 * np.clip((t - 0.04) / 0.1, 0.0, 1.0)) ** 2


def background(rest: Array, n: int, random: np.random.Generator) -> Array:
    """``n`` samples (n, n_channels) of stretches of ``rest`` (n_rest, n_channels), cross-faded."""
    out = np.zeros((n, rest.shape[1]))
    ramp = np.sin(np.linspace(0, np.pi / 2, FADE))[:, None]  # of constant power
    at = 0
    while at < n:
        length = int(random.integers(4 * FADE, round(8 * RATE)))
        first = int(random.integers(0, len(rest) - length))
        piece = rest[first : first + length].copy()
        piece[:FADE] *= ramp
        piece[-FADE:] *= ramp[::-1]
        stop = min(n, at + length)
        out[at:stop] += piece[: stop - at]
        at += length - FADE
    return out + AMPLIFIER * random.standard_normal(out.shape)


def onsets(n_trials: int) -> NDArray[np.int64]:
    """First sample of each response."""
    return (2 * RATE + np.arange(n_trials) * SOA * RATE).astype(np.int64)


def recording(
    noise: Array, who: Viewer, embeddings: Array, shown: NDArray[np.int64], gain: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples (n, n_channels) float32 in uV with the responses to items ``shown`` (n_trials,), and their onsets."""
    at = onsets(len(shown))
    samples = noise.copy()
    responses = gain * who.responses(embeddings)
    for start, item in zip(at, shown, strict=True):
        samples[start : start + responses.shape[2]] += responses[item].T
    return samples.astype(np.float32), at


def power_ratio(noise: Array, who: Viewer, embeddings: Array) -> float:
    """Mean power of responses over that of ``noise`` (n, n_channels), over the time in which there are responses."""
    t = np.arange(who.patterns.shape[2]) / RATE
    during = (t > FIRST) & (t < LAST)
    return float((who.responses(embeddings)[:, :, during] ** 2).mean() / noise.var())


@dataclass(frozen=True, slots=True)
class Whitening:
    """Inverse square roots of the covariance of noise over channels and over time."""

    channels: Array
    time: Array

    def __call__(self, windows: Array) -> Array:
        """``windows`` (n, n_channels, n_times), white and flat (n, n_channels * n_times)."""
        return (self.channels @ windows @ self.time).reshape(len(windows), -1)


def whitening(noise: Array, n_times: int) -> Whitening:
    """Of ``noise`` (n, n_channels): covariance over channels, and over ``n_times`` samples after that is taken out."""
    n = len(noise) // n_times
    windows = noise[: n * n_times].reshape(n, n_times, -1).transpose(0, 2, 1)
    windows = windows - windows.mean(axis=2, keepdims=True)
    rows = windows.transpose(1, 0, 2).reshape(windows.shape[1], -1)
    over_channels = rows @ rows.T / (n * n_times)
    channels = _inverse_root(over_channels)
    white = (channels @ windows).reshape(-1, n_times)
    over_time = white.T @ white / len(white)
    return Whitening(channels, _inverse_root(over_time))


def _inverse_root(matrix: Array) -> Array:
    """Pseudo-inverse square root: along what was taken out, such as the mean of each window, there is nothing to be seen."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-9 * values.max()
    return vectors[:, kept] / np.sqrt(values[kept]) @ vectors[:, kept].T


def bound(white: Array, repeats: int = 1, draws: int = 40, seed: int = 0) -> dict[str, float]:
    """Accuracy of who knows all: top-1, top-5 (integrated over noise) and 2-way (closed form).

    ``white`` (n_items, n) are whitened responses of the candidates; ``repeats`` trials are averaged.
    """
    scaled = np.sqrt(repeats) * white
    _, _, basis = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
    flat = scaled @ basis.T  # noise outside this plane tells no candidate from another
    distance = np.sqrt(np.maximum(((flat[:, None] - flat[None]) ** 2).sum(axis=2), 0.0))
    n = len(flat)
    two_way = float(ndtr(distance / 2)[~np.eye(n, dtype=bool)].mean())
    random = np.random.default_rng(seed)
    ranks = []
    for _ in range(draws):
        seen = flat + random.standard_normal(flat.shape)
        ranks.append(rank_of_own(-((seen[:, None] - flat[None]) ** 2).sum(axis=2)))
    return {**of_ranks(np.concatenate(ranks), n), "two_way": two_way}


def rank_of_own(scores: Array) -> NDArray[np.int64]:
    """Rank (n,), from 1, of the diagonal among each row of ``scores`` (n, n); ties count against it."""
    own = np.diag(scores)[:, None]
    return (scores >= own).sum(axis=1).astype(np.int64)


def of_ranks(ranks: NDArray[np.int64], n: int) -> dict[str, float]:
    """top-1, top-5 and 2-way accuracy of ``ranks`` among ``n`` candidates; 2-way is exact: (n - rank) / (n - 1)."""
    return {
        "top1": float((ranks == 1).mean()),
        "top5": float((ranks <= 5).mean()),
        "two_way": float(((n - ranks) / (n - 1)).mean()),
    }
