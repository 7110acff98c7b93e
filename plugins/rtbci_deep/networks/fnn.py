"""Functional neural networks: filters that are smooth curves, made of a few basis functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks.arguments import frames, frames_left, require_positive

BEGIN = 0.05
"""Weights begin as N(0, .05), Keras's "random_normal", with which these networks were published."""


def legendre(n_functions: int, n_points: int) -> NDArray[np.float32]:
    """Legendre polynomials (n_points, n_functions) of degree 0, 1, .. at equidistant points from -1 to 1."""
    return legvander(np.linspace(-1.0, 1.0, n_points), n_functions - 1).astype(np.float32)


def fourier(n_functions: int, n_points: int) -> NDArray[np.float32]:
    """1, sqrt(2) sin(2 pi s), sqrt(2) cos(2 pi s), sqrt(2) sin(4 pi s), .. (n_points, n_functions), s from 0 to 1."""
    s = np.linspace(0.0, 1.0, n_points)
    basis = np.ones((n_points, n_functions))
    for i in range(1, n_functions):
        angle = 2.0 * math.pi * ((i + 1) // 2) * s
        basis[:, i] = math.sqrt(2.0) * (np.sin(angle) if i % 2 else np.cos(angle))
    return basis.astype(np.float32)


BASES = {"legendre": legendre, "fourier": fourier}


class FunctionalConv(nn.Module):
    """A convolution whose filters are ``sum over k of theta[k, c, f] basis_k(t)``, and ELU; no bias.

    (batch, n_in, T) to (batch, n_filters, T - taps + 1). ``theta`` is (n_functions, n_in, n_filters), ``basis`` (taps,
    n_functions).
    """

    basis: Tensor

    def __init__(self, n_in: int, n_filters: int, *, n_functions: int, taps: int, basis: str) -> None:
        super().__init__()
        self.theta = nn.Parameter(BEGIN * torch.randn(n_functions, n_in, n_filters))
        self.register_buffer("basis", torch.from_numpy(BASES[basis](n_functions, taps)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return functional.elu(functional.conv1d(x, torch.einsum("kcf,tk->fct", self.theta, self.basis)))


class FunctionalDense(nn.Module):
    """The mean over time of ``sum over c of w_cf(t) x_c(t)``, where w_cf is a sum of Fourier functions.

    (batch, n_in, n_frames) to (batch, n_outputs). ``theta`` is (n_functions, n_in, n_outputs), ``basis`` (n_frames,
    n_functions).
    """

    basis: Tensor

    def __init__(self, n_in: int, n_outputs: int, *, n_functions: int, n_frames: int) -> None:
        super().__init__()
        self.theta = nn.Parameter(BEGIN * torch.randn(n_functions, n_in, n_outputs))
        self.register_buffer("basis", torch.from_numpy(fourier(n_functions, n_frames)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.einsum("bck,kcf->bf", x @ self.basis / len(self.basis), self.theta)


class FunctionalNet(nn.Module):
    """Layer norm over time, two functional convolutions, a functional dense layer with the mean over time.

    Shapes, for C channels and T samples::

        (batch, C, T)
        z-score of each channel over the window, without weights   (batch, C, T)
        convs.0       20 filters of 32 samples, 8 Legendre; ELU    (batch, 20, T - 31)
        convs.1       5 filters of 64 samples, 12 Legendre; ELU    (batch, 5, T - 94)
        dense         n_outputs                                    (batch, n_outputs)

    With ``dense_functions = 1`` (a constant) the scores do not depend on when something happens, so long as it lies so far
    inside the window that no filter reaches over the edge. With more, weights vary along the window, and they do: the
    published example for speech has 4, the one for spectra 1.

    Source: Heinrichs et al. 2023; FlorianHeinrichs/functional_neural_networks.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; classes.
    sfreq : Hz; taps are in samples, so it changes nothing.
    n_filters, n_functions, taps : of each convolution: filters, basis functions, samples.
    basis : of the convolutions, "legendre" or "fourier".
    dense_functions : Fourier functions of the dense layer.

    Raises
    ------
    ValueError
        A window shorter than the taps, lists of different lengths, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("convs.0.theta",)
    USES: ClassVar[frozenset[str]] = frozenset()
    SOURCE: ClassVar[str] = "Heinrichs et al., Functional neural networks: shift invariant models, ICML 2023"

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        n_filters: Sequence[int] = (20, 5),
        n_functions: Sequence[int] = (8, 12),
        taps: Sequence[int] = (32, 64),
        basis: str = "legendre",
        dense_functions: int = 1,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq)
        require_positive(dense_functions=dense_functions)
        if basis not in BASES:
            raise ValueError(f'basis = "{basis}"; one of {", ".join(BASES)} would be right')
        if not len(n_filters) == len(n_functions) == len(taps) or not taps:
            raise ValueError(
                f"n_filters, n_functions and taps name {len(n_filters)}, {len(n_functions)} and {len(taps)} "
                "convolutions; the same number, 1 or more, would be right"
            )
        for filters, functions, length in zip(n_filters, n_functions, taps, strict=True):
            require_positive(n_filters=filters, n_functions=functions, taps=length)

        def left(n: int) -> int:
            for length in taps:
                n = frames(n, length)
            return n

        n_frames = frames_left(n_times, left, "FunctionalNet")
        self.convs = nn.Sequential()
        before = n_chans
        for filters, functions, length in zip(n_filters, n_functions, taps, strict=True):
            self.convs.append(FunctionalConv(before, filters, n_functions=functions, taps=length, basis=basis))
            before = filters
        self.dense = FunctionalDense(before, n_outputs, n_functions=dense_functions, n_frames=n_frames)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (batch, n_outputs) of windows x (batch, n_chans, n_times)."""
        scores: Tensor = self.dense(self.convs(functional.layer_norm(x, x.shape[-1:], eps=1e-10)))
        return scores
