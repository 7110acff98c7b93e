"""NICE: two state dicts (``Enc_eeg_cls.pth``, ``Proj_eeg_cls.pth``), or one of the ATM repository's copy of the network.

Names read in eeyhsong/NICE-EEG, nice_stand.py at 1c4770c. A third file, ``Proj_img_cls.pth``, holds weights of a module
whose forward is the identity; it has the names of ``Proj_eeg_cls.pth`` and is told from it by being square.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from rtbci_deep.networks.nice import NICE
from rtbci_deep.published.publication import OF_THE_LOSS, Publication

ENCODER: dict[str, str] = {
    r"(enc_eeg\.)?0\.tsconv\.0\.": "encoder.temporal.",
    r"(enc_eeg\.)?0\.tsconv\.2\.": "encoder.temporal_norm.",
    r"(enc_eeg\.)?0\.tsconv\.4\.": "encoder.spatial.",
    r"(enc_eeg\.)?0\.tsconv\.5\.": "encoder.spatial_norm.",
    r"(enc_eeg\.)?0\.projection\.0\.": "encoder.projection.",
}
PROJECTION: dict[str, str] = {
    r"(proj_eeg\.)?0\.(?=weight|bias)": "projection.linear.",
    r"(proj_eeg\.)?1\.fn\.1\.": "projection.residual.",
    r"(proj_eeg\.)?2\.": "projection.norm.",
}
POOLS: dict[str, int] = {"encoder.pool_time_length": 51, "encoder.pool_time_stride": 5}
IMAGE_PROJECTION = "Proj_img: "
"""Put before the names of the third file, which are also those of the second."""
IDENTITY = "the identity in the published forward"

PUBLICATION = Publication(
    name="NICE",
    network=NICE,
    marks=("0.tsconv.", "enc_eeg.0.tsconv.", "1.fn.1.", IMAGE_PROJECTION),
    renames={**ENCODER, **PROJECTION},
    not_used={r"logit_scale\Z": OF_THE_LOSS, r"proj_img\.": IDENTITY, IMAGE_PROJECTION: IDENTITY},
    settings=POOLS,
)


def is_image_projection(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are the tensors of ``Proj_img``: from embeddings to embeddings of the same length."""
    first = tensors.get("0.weight")
    return first is not None and "1.fn.1.weight" in tensors and first.dim() == 2 and first.shape[0] == first.shape[1]
