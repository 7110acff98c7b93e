"""What a picture shows, in words, by a pretrained model of transformers (BLIP, Li et al. 2022)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_vision.diffusing.loading import folder_or_id, library, loaded

LONGEST = 20
"""Tokens of a caption."""


class Captioner:
    """Captions of pictures.

    Parameters
    ----------
    model : an id of the hub, such as "Salesforce/blip-image-captioning-base", or a folder.
    """

    def __init__(self, model: str, device: Any) -> None:
        transformers = library("transformers")
        name = folder_or_id(model)
        self._device = device
        self._network: Any = loaded(
            model, lambda: transformers.BlipForConditionalGeneration.from_pretrained(name).to(device).eval()
        )
        self._pictures: Any = loaded(model, lambda: transformers.BlipImageProcessor.from_pretrained(name))
        self._words: Any = loaded(model, lambda: transformers.AutoTokenizer.from_pretrained(name))

    def caption(self, picture: NDArray[np.uint8]) -> str:
        """In words, what the ``picture`` (height, width, 3) shows."""
        import torch

        given = self._pictures(images=[picture], return_tensors="pt").to(self._device)
        with torch.inference_mode():
            tokens = self._network.generate(pixel_values=given["pixel_values"], max_new_tokens=LONGEST, do_sample=False)
        return " ".join(str(self._words.decode(tokens[0], skip_special_tokens=True)).split())
