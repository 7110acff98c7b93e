"""Decoders on covariance matrices: minimum distance to mean, and tangent space with logistic regression.

Fitting uses pyRiemann and scikit-learn; predicting uses NumPy and LAPACK alone, so a live worker imports neither.
"""

from rtbci_riemann.mdm import Mdm
from rtbci_riemann.tangent import Tangent

__all__ = ["Mdm", "Tangent"]
