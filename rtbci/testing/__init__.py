"""Contract checks for authors of decoders, transforms, sources, embedders and renderers: one call in a test of your own.

::

    from rtbci.testing import check_decoder

    def test_my_decoder_keeps_the_contract():
        check_decoder(lambda: MyDecoder(depth=3))

Each check raises `ContractError`, an AssertionError that says what is wrong and what would be right. What they cannot see
is whether your method is a good one.
"""

from rtbci.testing.contract import ContractError
from rtbci.testing.decoder import DecoderReport, check_decoder
from rtbci.testing.embedder import EmbedderReport, check_embedder
from rtbci.testing.renderer import RendererReport, check_renderer
from rtbci.testing.source import SourceReport, check_source
from rtbci.testing.transform import TransformReport, check_transform

__all__ = [
    "ContractError",
    "DecoderReport",
    "EmbedderReport",
    "RendererReport",
    "SourceReport",
    "TransformReport",
    "check_decoder",
    "check_embedder",
    "check_renderer",
    "check_source",
    "check_transform",
]
