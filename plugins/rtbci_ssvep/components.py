r"""Task-related components of windows of one class, at a known phase or at a phase that is found.

Nakanishi, Wang, Chen, Wang, Gao and Jung, IEEE Trans. Biomedical Engineering 65(1), 2018: the spatial filter whose output
repeats best from trial to trial. Here each trial is first projected onto sines and cosines at the stimulus's frequency and
harmonics (TRCA-R: Wong, Wan, Wang, Wang, Nan, Mak, Mak and Rosa, Journal of Neural Engineering 17(1), 016026, 2020,
section 2.4): with ``X_i = L_i' Y`` plus what is not in the stimulus's span, the filter maximises

    w' (\sum_i L_i)' Y Y' (\sum_i L_i) w  /  w' (\sum_i X_i X_i') w

What is left of a trial are a few coefficients, which can be moved in time. So where windows begin at no particular phase
of the stimulus (a sliding window does not), they are moved onto each other first: each by the shift that matches the mean
of all best, in turns, beginning with the phases of the first harmonic in the strongest direction (the leading singular
vector, as in angular synchronisation: Singer, Applied and Computational Harmonic Analysis 30(1), 2011).
"""

from __future__ import annotations

import numpy as np

from rtbci_ssvep.aligned import Array, aligned_copy
from rtbci_ssvep.canonical import Whitener

TURNS = 50
"""Turns of alignment at most; on 1728 sets of windows of six people half stood still after 6 and all after 40."""


def coefficients(cross: Array, waves: Array) -> Array:
    """``L`` (n_windows, n_waves, n_channels) of windows with ``cross`` of that shape, for ``waves`` (n_waves, n)."""
    found: Array = np.matmul(np.linalg.inv(np.dot(waves, waves.T)), cross)
    return found


def aligned(found: Array, power: Array, rotations: Array) -> Array:
    """Coefficients ``found`` (n_windows, n_waves, n_channels), each moved onto the others.

    ``power`` (n_channels, n_channels) whitens the channels, so that the noisiest does not decide; ``rotations``
    (n_shifts, n_waves, n_waves) are those of `rtbci_ssvep.references.shifts`.
    """
    white = np.dot(found, Whitener(len(power)).of(aligned_copy(power)))
    first = white[:, 1] - 1j * white[:, 0]  # amplitude and phase of the first harmonic
    _, _, directions = np.linalg.svd(first, full_matrices=False)
    phases = np.angle(first @ directions[0].conj())
    n_shifts = len(rotations)
    # a window that is ahead by a phase is moved back by it
    shift = np.round(-phases / (2 * np.pi) * n_shifts).astype(np.int64) % n_shifts
    for _ in range(TURNS):
        moved = np.einsum("iba,ibc->iac", rotations[shift], white)
        mean = moved.mean(axis=0)
        # <R' L, T> = <L, R T> for every shift
        targets = np.einsum("sab,bc->sac", rotations, mean)
        better = np.argmax(np.tensordot(white, targets, axes=([1, 2], [1, 2])), axis=1)
        if np.array_equal(better, shift):
            break
        shift = better
    result: Array = np.einsum("iba,ibc->iac", rotations[shift], found)
    return result


def component(found: Array, waves: Array, power: Array) -> tuple[Array, Array]:
    """The task-related filter (n_channels,), and the template (n_waves, n_channels): the mean of the windows.

    ``found`` (n_windows, n_waves, n_channels) are the windows' coefficients, ``waves`` (n_waves, n_samples) the
    references, ``power`` (n_channels, n_channels) the windows' mean power. The filter's output has unit power.
    """
    template = found.mean(axis=0)
    whiten = np.array(Whitener(len(power)).of(aligned_copy(power)))
    root = np.linalg.cholesky(np.dot(waves, waves.T)).T @ template @ whiten
    _, _, directions = np.linalg.svd(root, full_matrices=False)
    return whiten @ directions[0], template
