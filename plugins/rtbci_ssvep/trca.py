"""Task-related component analysis with sine and cosine references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.types import Samples
from rtbci_ssvep.aligned import Array, aligned_copy, aligned_zeros
from rtbci_ssvep.components import aligned, coefficients, component
from rtbci_ssvep.correlating import Correlating
from rtbci_ssvep.folds import folds
from rtbci_ssvep.moments import Moments
from rtbci_ssvep.references import shifts
from rtbci_ssvep.stimuli import stimuli, yes_or_no

N_SHIFTS = 48
"""Shifts of a template that are tried where the phase is not known: the nearest is 3.75 degrees off at most (at the
fourth harmonic 15), which costs the correlation 0.2 % (3 %)."""


class Trca(Correlating):
    """Correlation of task-related components with templates that training windows gave (`rtbci_ssvep.components`).

    A template is a wave at a certain phase, so a window must begin at a known phase of the stimulus: one locked to the
    marker of a stimulus that begins with it. Sliding windows do not, nor do windows locked to the cue of a stimulus that
    flickers all the time. For those the template is tried at every shift within its period and the best one counts
    (``align``); what stays learnt are the spatial filter, and the harmonics' amplitudes and phases to each other. The
    evidence is the squared correlation with its sign; with a filter bank the weighted sum over sub-bands (Nakanishi et
    al. 2018, equation 12).

    Parameters
    ----------
    frequencies : Hz, in the order of the classes; 0 for a class that looks at nothing that flickers, as has a last class
        without an entry (such as idle). Two classes may share one only without ``align``, at different phases.
    harmonics : of each frequency, the frequency itself counted; as far as the sampling rate holds them for all.
    filter_bank : whether sub-bands that begin at each harmonic are correlated one by one.
    ensemble : whether the components of all stimuli are used for each (Nakanishi et al. 2018, section II-D).
    align : whether windows begin at any phase of the stimulus; false where they are locked to its begin.
    """

    name = "trca"

    def __init__(
        self,
        frequencies: list[float],
        harmonics: int = 2,
        filter_bank: bool = False,
        ensemble: bool = True,
        align: bool = True,
    ) -> None:
        self.ensemble = yes_or_no("ensemble", ensemble)
        self.align = yes_or_no("align", align)
        super().__init__(stimuli(frequencies, distinct=self.align), harmonics, filter_bank)

    def _build(self, waves: Array, n_channels: int, weights: Array) -> None:
        self._waves, self._weights = waves, weights
        self._rotations = shifts(N_SHIFTS if self.align else 1, waves.shape[1] // 2)

    def _learn(self, windows: Samples, labels: NDArray[np.int64]) -> Array:
        """Learn from all windows; correlations of each from what the others gave: its own would flatter it.

        Where a class has a single window there are no others, and what it gave has to do.
        """
        moments = self._moments.of_many(windows)
        said = np.empty((len(labels), len(self._waves)))
        held_out = folds(labels, [k for k in range(labels.max() + 1) if self._column(k) >= 0])
        for part in held_out:
            self._use(*self._components(Moments(*(some[~part] for some in moments)), labels[~part]))
            said[part] = [self._correlations(*one) for one in zip(*(some[part] for some in moments), strict=True)]
        self._use(*self._components(moments, labels))
        if not held_out:
            said[:] = [self._correlations(*one) for one in zip(*moments, strict=True)]
        return said

    def _column(self, label: int) -> int:
        given = self.stimuli.given
        return -1 if label >= len(given) or given[label] <= 0 else sum(value > 0 for value in given[:label])

    def _components(self, moments: Moments, labels: NDArray[np.int64]) -> tuple[Array, Array]:
        """Filters (n_bands, n_frequencies, n_channels), templates (n_bands, n_frequencies, n_waves, n_channels)."""
        n_bands, n_frequencies, n_waves, n_channels = moments.cross.shape[1:]
        filters = np.empty((n_bands, n_frequencies, n_channels))
        templates = np.empty((n_bands, n_frequencies, n_waves, n_channels))
        for label in range(labels.max() + 1):
            if (k := self._column(label)) < 0:
                continue
            own = labels == label
            for b in range(n_bands):
                power = moments.power[own, b].mean(axis=0)
                found = coefficients(moments.cross[own, b, k], self._waves[k])
                if self.align:
                    found = aligned(found, power, self._rotations)
                filters[b, k], templates[b, k] = component(found, self._waves[k], power)
        return filters, templates

    def _use(self, filters: Array, templates: Array) -> None:
        """Fold filters, shifts and norms into one product for each stimulus and sub-band.

        With the filters ``W`` and a shifted template ``T``, the correlation of ``W' X`` and ``W' T' Y`` is
        ``<Y X', T W W'>`` by the root of ``<X X', W W'> <Y Y', T W W' T'>``.
        """
        n_bands, n_frequencies, n_waves, n_channels = templates.shape
        self._filters, self._templates = aligned_copy(filters), aligned_copy(templates)
        self._squares = aligned_zeros(n_bands, n_frequencies, n_channels * n_channels)
        self._shifted = aligned_zeros(n_bands, n_frequencies, len(self._rotations), n_waves * n_channels)
        for b in range(n_bands):
            for k in range(n_frequencies):
                used = self._filters[b] if self.ensemble else self._filters[b, k : k + 1]
                square = np.einsum("ic,id->cd", used, used)
                gram = np.einsum("an,bn->ab", self._waves[k], self._waves[k])
                moved = np.einsum("sba,bc->sac", self._rotations, self._templates[b, k])
                seen = np.einsum("sac,cd->sad", moved, square)
                norms = np.sqrt(np.einsum("sac,ab,sbc->s", seen, gram, moved))
                seen /= np.where(norms > 0, norms, 1.0)[:, None, None]
                self._squares[b, k] = square.reshape(-1)
                self._shifted[b, k] = seen.reshape(len(seen), -1)

    def _correlations(self, power: Array, cross: Array) -> Array:
        evidence = np.zeros(cross.shape[1])
        for b, weight in enumerate(self._weights):
            totals = np.dot(self._squares[b], _flat(power[b]))
            for k, total in enumerate(totals):
                best = float(np.dot(self._shifted[b, k], _flat(cross[b, k])).max())
                evidence[k] += weight * best * abs(best) / total if total > 0 else 0.0
        return evidence

    def _learnt(self) -> Mapping[str, Array]:
        return {"filters": np.array(self._filters), "templates": np.array(self._templates)}

    def _relearn(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        filters, templates = (np.array(arrays[name], np.float64) for name in ("filters", "templates"))
        n_frequencies, n_waves, _ = self._waves.shape
        n_channels = self._shape.n_channels
        right = (len(self._weights), n_frequencies, n_waves, n_channels)
        if templates.shape != right or filters.shape != (*right[:2], n_channels):
            raise ValueError(f"filters of shape {filters.shape} and templates {templates.shape}, not {right}")
        self._use(filters, templates)


def _flat(matrix: Array) -> Array:
    return matrix.reshape(-1)
