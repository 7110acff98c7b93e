"""The contract check of decoders that embed: one broken thing per rule, and our own keep it."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.testing import ContractError, check_decoder
from rtbci_vision.ridge_embed import RidgeEmbed
from tests.test_testing import NearestPower


class Embedding(NearestPower):
    """Embeds a window as what it says of the classes."""

    space_id = "test:classes"
    logit_scale = 1.0
    item_scale = 1.0

    def embed(self, window):
        return np.exp(self._log_probs(window.samples)).astype(np.float32)

    def classify(self, embedding):
        wide = embedding.astype(np.float64)
        return np.log(wide / wide.sum())

    def predict(self, window):
        return self.classify(self.embed(window))


class NoScale(Embedding):
    @property
    def item_scale(self):
        raise AttributeError("item_scale")


class Nameless(Embedding):
    space_id = ""


class Cold(Embedding):
    logit_scale = 0.0


class Wide(Embedding):
    def embed(self, window):
        return super().embed(window).astype(np.float64)


class Zero(Embedding):
    def embed(self, window):
        return np.zeros(2, np.float32)

    def predict(self, window):
        return self._log_probs(window.samples)


class Otherwise(Embedding):
    def predict(self, window):
        return self._log_probs(window.samples)


def test_a_decoder_that_decides_by_its_embedding_passes():
    check_decoder(Embedding)
    check_decoder(RidgeEmbed)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (NoScale, "embeds, but has no item_scale"),
        (Nameless, "space_id is '' after training"),
        (Cold, "logit_scale is 0.0 after training"),
        (Wide, "embed gave (2,) float64"),
        (Zero, "not finite, or all 0"),
        (Otherwise, "classify(embed(window)) is not what predict(window) says"),
    ],
)
def test_what_is_broken_is_said_in_a_sentence(broken, said):
    with pytest.raises(ContractError) as caught:
        check_decoder(broken)
    assert said in str(caught.value) and broken.__name__ in str(caught.value)
    assert "\n" not in str(caught.value)
