"""Decoders on covariance matrices: minimum distance to mean, the same after geodesic filtering, and tangent space.

Fitting uses pyRiemann and scikit-learn; predicting uses NumPy and LAPACK alone, so a live worker imports neither.
"""

from rtbci_riemann.fgmdm import FgMdm
from rtbci_riemann.mdm import Mdm
from rtbci_riemann.tangent import Tangent

__all__ = ["FgMdm", "Mdm", "Tangent"]
