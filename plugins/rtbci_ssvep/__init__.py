"""Decoders of steady-state visually evoked potentials: which of several flickering things somebody looks at.

Fitting uses NumPy and SciPy, and so does predicting.
"""

from rtbci_ssvep.cca import Cca
from rtbci_ssvep.trca import Trca

__all__ = ["Cca", "Trca"]
