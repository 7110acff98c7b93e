"""Decoders to compare others with: band power per channel, common spatial patterns, and these in a bank of filters.

Fitting uses scikit-learn and MNE; predicting uses NumPy and SciPy alone, so a live worker imports neither.
"""

from rtbci_baseline.csp import Csp
from rtbci_baseline.fbcsp import FbCsp
from rtbci_baseline.log_variance import LogVariance

__all__ = ["Csp", "FbCsp", "LogVariance"]
