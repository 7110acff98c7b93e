"""Decoders to compare others with: band power per channel, and common spatial patterns.

Fitting uses scikit-learn and MNE; predicting uses NumPy alone, so a live worker imports neither.
"""

from rtbci_baseline.csp import Csp
from rtbci_baseline.log_variance import LogVariance

__all__ = ["Csp", "LogVariance"]
