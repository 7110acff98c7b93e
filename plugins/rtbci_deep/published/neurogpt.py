"""Neuro-GPT: the whole model in ``pytorch_model.bin``, of which the encoder serves and the GPT part does not.

Names read in wenhui0206/NeuroGPT, src/encoder/conformer_braindecode.py at 1385df8. Pre-trained weights have no classifier;
those of fine-tuning have one for two chunks.
"""

from __future__ import annotations

from rtbci_deep.networks.conformer import ConformerChunks
from rtbci_deep.published.publication import Publication

_PATCH = r"encoder\.patch_embedding\."
_BLOCK = r"encoder\.transformer\.(\d+)\."

PUBLICATION = Publication(
    name="Neuro-GPT",
    network=ConformerChunks,
    marks=("encoder.patch_embedding.",),
    renames={
        _PATCH + r"shallownet\.0\.": "temporal.",
        _PATCH + r"shallownet\.1\.": "spatial.",
        _PATCH + r"shallownet\.2\.": "norm.",
        _PATCH + r"projection\.0\.": "projection.",
        _BLOCK + r"0\.fn\.0\.": r"blocks.\1.attention_norm.",
        _BLOCK + r"0\.fn\.1\.(keys|queries|values|projection)\.": r"blocks.\1.attention.\2.",
        _BLOCK + r"1\.fn\.0\.": r"blocks.\1.feed_norm.",
        _BLOCK + r"1\.fn\.1\.0\.": r"blocks.\1.expand.",
        _BLOCK + r"1\.fn\.1\.3\.": r"blocks.\1.contract.",
        r"encoder\.fc\.fc\.0\.": "first.",
        r"encoder\.fc\.fc\.3\.": "second.",
        r"encoder\.final_layer\.final_layer\.0\.": "classifier.",
    },
    not_used={r"(embedder|decoder|unembedder)\.": "the GPT part"},
    settings={"att_heads": 10, "pool_time_length": 75, "pool_time_stride": 15},
)
