"""Decoders on covariance matrices: of sliding windows, of delayed copies, of evoked and of steady-state responses.

Fitting uses pyRiemann and scikit-learn; predicting uses NumPy and LAPACK alone, so a live worker imports neither.
"""

from rtbci_riemann.acm import Acm
from rtbci_riemann.fgmdm import FgMdm
from rtbci_riemann.mdm import Mdm
from rtbci_riemann.riemann_ssvep import RiemannSsvep
from rtbci_riemann.tangent import Tangent
from rtbci_riemann.xdawn import Xdawn

__all__ = ["Acm", "FgMdm", "Mdm", "RiemannSsvep", "Tangent", "Xdawn"]
