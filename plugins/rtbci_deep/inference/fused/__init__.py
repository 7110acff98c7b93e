"""Trained networks with fewer operations, for predicting: one module for each network, equal to it but for rounding.

What they share: linear operations with nothing between them are one; batch norms are part of them; time lies in front and
feature maps behind, so that convolutions are matrix products (`filters`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import nn

from rtbci_deep.inference.fused.atm import FusedAtm
from rtbci_deep.inference.fused.conformer import FusedConformer
from rtbci_deep.inference.fused.eegnet import FusedEegNet
from rtbci_deep.inference.fused.fnn import FusedFnn
from rtbci_deep.inference.fused.fused import Fused, Plain
from rtbci_deep.inference.fused.meg_conv import FusedMegConv
from rtbci_deep.inference.fused.nice import FusedNice
from rtbci_deep.inference.fused.shallow import FusedShallow
from rtbci_deep.inference.fused.simpleconv import FusedSimpleConv
from rtbci_deep.networks import (
    ATMS,
    NICE,
    ConformerChunks,
    EEGNet,
    FunctionalNet,
    MegConv,
    ShallowFBCSPNet,
    SimpleConv,
)
from rtbci_deep.whole import Whole

FORMS: dict[type[nn.Module], Callable[[Whole, int], Fused]] = {
    ATMS: FusedAtm,
    ConformerChunks: FusedConformer,
    EEGNet: FusedEegNet,
    FunctionalNet: FusedFnn,
    MegConv: FusedMegConv,
    NICE: FusedNice,
    ShallowFBCSPNet: FusedShallow,
    SimpleConv: FusedSimpleConv,
}


def fuse(whole: Whole, n_times: int) -> Fused:
    """A copy of ``whole``, for windows of ``n_times`` samples, in its fastest form, on the CPU.

    It is `Plain` where its network has no other form.
    """
    whole = copy.deepcopy(whole).cpu().eval().requires_grad_(False)
    form = FORMS.get(type(whole.network))
    return Plain(whole).eval() if form is None else form(whole, n_times).eval()


__all__ = ["FORMS", "Fused", "Plain", "fuse"]
