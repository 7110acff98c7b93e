"""ATM-S: one state dict of the class ``ATMS``.

Names read in dongyangli-del/EEG_Image_decode, Retrieval/ATMS_retrieval.py at 22c84ad. Its training script takes the number
in "sub-08" as the row of the table of subjects: row 0 is nobody's, and the last of ten subjects got the shared token.
"""

from __future__ import annotations

from torch import nn

from rtbci_deep.networks.atm import ATMS
from rtbci_deep.published.nice import ENCODER, POOLS, PROJECTION
from rtbci_deep.published.publication import OF_THE_LOSS, UNUSED, Publication

_EMBEDDING = r"encoder\.enc_embedding\."
_LAYER = r"encoder\.encoder\.attn_layers\.0\."


def _notes(network: nn.Module) -> tuple[str, ...]:
    if isinstance(network, ATMS) and not network.keep_subject_token:
        return (
            "the public code at 22c84ad convolved the subject's token and all channels but the last; "
            "weights trained with it need ATMS(..., keep_subject_token=True)",
        )
    return ()


PUBLICATION = Publication(
    name="ATM-S",
    network=ATMS,
    marks=("encoder.enc_embedding.",),
    renames={
        _EMBEDDING + r"value_embedding\.(?=weight|bias)": "tokens.",
        _EMBEDDING + r"subject_embedding\.subject_embedding\.weight\Z": "subjects.known",
        _EMBEDDING + r"subject_embedding\.shared_embedding\Z": "subjects.stranger",
        _LAYER + r"attention\.query_projection\.": "attention.queries.",
        _LAYER + r"attention\.key_projection\.": "attention.keys.",
        _LAYER + r"attention\.value_projection\.": "attention.values.",
        _LAYER + r"attention\.out_projection\.": "attention.projection.",
        _LAYER + r"conv1\.": "expand.",
        _LAYER + r"conv2\.": "contract.",
        _LAYER + r"norm1\.": "attention_norm.",
        _LAYER + r"norm2\.": "feed_norm.",
        r"encoder\.encoder\.norm\.": "norm.",
        **ENCODER,
        **PROJECTION,
    },
    not_used={
        r"logit_scale\Z": OF_THE_LOSS,
        _EMBEDDING + r"(position_embedding|temporal_embedding|mask_token)": UNUSED,
        _EMBEDDING + r"subject_embedding\.mask_embedding": UNUSED,
        r"subject_wise_linear\.": UNUSED,
        _EMBEDDING
        + r"value_embedding\.\d": "an embedding for each subject (joint training), which our network has not",
    },
    settings={"n_heads": 4, **POOLS},
    notes=_notes,
)
