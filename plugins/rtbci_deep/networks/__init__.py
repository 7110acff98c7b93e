"""Networks as plain ``torch.nn.Module``: a window in, class scores or an embedding out.

Every network takes ``n_chans, n_times, n_outputs, sfreq`` first (braindecode's names), then its own arguments with the
published values as defaults, and has

* ``forward(x)`` with x (batch, n_chans, n_times) float32; what `USES` names comes as keyword arguments: ``subject``
  (batch,) int64 or None, ``bad`` (batch, n_chans) bool or None; ``positions`` are given to the constructor;
* ``LOCAL``: prefixes of the names of the parameters and buffers that belong to one montage or to known persons, the *input
  block*. The shape of every other tensor depends on neither ``n_chans`` nor ``n_subjects``, so that it can be taken along;
* ``USES``: which of "subject", "bad" and "positions" it takes;
* ``SOURCE``: the paper.

Arguments that cannot work raise ValueError in one line. No network softmaxes or normalises its output.
"""

from rtbci_deep.networks.atm import ATMS
from rtbci_deep.networks.conformer import ConformerChunks
from rtbci_deep.networks.eegnet import EEGNet
from rtbci_deep.networks.fnn import FunctionalNet
from rtbci_deep.networks.meg_conv import MegConv
from rtbci_deep.networks.nice import NICE
from rtbci_deep.networks.shallow import ShallowFBCSPNet
from rtbci_deep.networks.simpleconv import SimpleConv
from rtbci_deep.networks.tsconv import Projection, TSConv

__all__ = [
    "ATMS",
    "NICE",
    "ConformerChunks",
    "EEGNet",
    "FunctionalNet",
    "MegConv",
    "Projection",
    "ShallowFBCSPNet",
    "SimpleConv",
    "TSConv",
]
