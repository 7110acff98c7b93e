"""How well one number tells two groups of trials apart, for every cell of a map at once.

Signed r² is the square of the point-biserial correlation with the sign of the difference, as in Blankertz et al. 2011,
NeuroImage 56, 814-825, section 2.4; r² itself is what BCI2000's offline analysis shows (Schalk et al. 2004, IEEE Trans.
Biomed. Eng. 51, 1034-1043).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

FALSE_DISCOVERIES = 0.05
"""Share of false ones that is accepted among the cells that are called significant."""
EXACT = 8
"""With no more trials than this in one group, and no ties, the exact distribution of the rank sum is used."""


def signed_r2(first: Values, second: Values) -> Values:
    """Signed r² of each cell: positive where ``first`` (n, …) is larger than ``second`` (m, …); 0 where nothing varies.

    r = √(n m) / (n + m) · (mean₁ − mean₂) / s, with s the standard deviation of all n + m values about their common mean:
    Pearson's correlation of the values with the group.
    """
    n, m = len(first), len(second)
    spread = np.concatenate([first, second]).std(axis=0)
    difference = first.mean(axis=0) - second.mean(axis=0)
    # a cell that does not vary but for rounding says nothing
    varies = spread > 1e-12 * np.maximum(np.abs(first).max(axis=0), np.abs(second).max(axis=0))
    r = np.sqrt(n * m) / (n + m) * np.divide(difference, spread, out=np.zeros_like(difference), where=varies)
    r = np.clip(r, -1.0, 1.0)
    return np.asarray(np.sign(r) * r**2, np.float64)


def rank_sum(first: Values, second: Values) -> Values:
    """Two-sided p of the Wilcoxon rank-sum (Mann-Whitney) test of each cell of ``first`` (n, …) and ``second`` (m, …).

    Exact where a group has `EXACT` trials or fewer and the cell has no ties, otherwise the normal approximation with
    corrections for ties and continuity. A cell in which all values are alike has p = 1.
    """
    from scipy.stats import mannwhitneyu

    shape, n, m = first.shape[1:], len(first), len(second)
    first, second = first.reshape(n, -1), second.reshape(m, -1)
    ordered = np.sort(np.concatenate([first, second]), axis=0)
    # cell by cell: SciPy takes the approximation for all cells where one of them has ties
    exact = (ordered[1:] != ordered[:-1]).all(axis=0) & (min(n, m) <= EXACT)
    found = np.ones(first.shape[1])
    for method, cells in (("exact", exact), ("asymptotic", ~exact)):
        if cells.any():
            with np.errstate(invalid="ignore", divide="ignore"):
                found[cells] = mannwhitneyu(first[:, cells], second[:, cells], axis=0, method=method).pvalue
    return np.nan_to_num(found, nan=1.0).reshape(shape)


def adjusted(p: Values) -> Values:
    """Benjamini and Hochberg's adjusted p (1995, J. R. Stat. Soc. B 57, 289-300) of ``p`` (any shape), over all its cells.

    A cell whose adjusted p is at most α is among those that are significant at a false discovery rate of α.
    """
    flat = p.ravel()
    order = np.argsort(flat, kind="stable")
    scaled = flat[order] * len(flat) / np.arange(1, len(flat) + 1)
    q = np.empty_like(flat)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q.reshape(p.shape)
