"""What the renderers with pretrained pipelines have in common: arguments, the prior, the glide, captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci_vision.diffusing import prior as priors
from rtbci_vision.diffusing.captioner import Captioner
from rtbci_vision.diffusing.stepping import Steps, drawn
from rtbci_vision.diffusing.targets import of_bank
from rtbci_vision.glide import Glide


class DiffusionRenderer:
    """A pipeline that draws from image embeddings; each kind says how it is loaded and called.

    Parameters
    ----------
    model : id of the hub or folder. steps, guidance, size, seed : of the pipeline; one noise, of ``seed``, all session.
    prompt : words that it is told beside the embedding; what they say was not decoded.
    device : "auto" (a GPU where there is one), "cpu" or "cuda".
    glide : share of the way from the last picture's embedding to the new one that is left out.
    captions : a caption model, such as "Salesforce/blip-image-captioning-base"; "" for the captions of the bank.

    Attributes
    ----------
    space_id : of the bank that it was prepared with.
    prior : from the bank's space to the pipeline's; valid once it was prepared.
    """

    def __init__(
        self,
        model: str,
        steps: int,
        guidance: float,
        size: int,
        seed: int,
        prompt: str,
        device: str,
        glide: float,
        captions: str,
    ) -> None:
        if steps < 1 or size < 64 or size % 64:
            raise BankError(f"steps = {steps}, size = {size}; 1 or more, and a multiple of 64, would be right")
        self.space_id = ""
        self.model, self.steps, self.guidance, self.size, self.seed = model, steps, guidance, size, seed
        self.prompt = prompt
        self.prior: priors.Prior | None = None
        self.pipeline: Any = None
        self.device: Any = None
        self._device_wanted = device
        self._glide = Glide(glide)
        self._captions = captions
        self._captioner: Captioner | None = None

    # what each kind says
    def load(self) -> None:
        """Make ``self.pipeline`` on ``self.device``. Raises BankError."""
        raise NotImplementedError

    def encode(self, pictures: Sequence[Any]) -> NDArray[np.float32]:
        """Image embeddings (n, n_out) that the pipeline itself makes of ``pictures`` (height, width, 3) uint8."""
        raise NotImplementedError

    def draw(self, image_embedding: NDArray[np.float32], steps: Steps) -> Any:
        """A picture (1, height, width, 3), 0 to 1, of ``image_embedding`` (n_out,); ``steps`` is told of each step."""
        raise NotImplementedError

    def prepare(self, bank: Path) -> None:
        """Load the pipeline and fit the prior to the bank in this folder. Raises BankError."""
        opened = self.begin_with(bank)
        self.prior = priors.fit(*of_bank(opened, f"{type(self).__name__} {self.model}", self.encode), seed=self.seed)
        print(f"prior: cosine {self.prior.held_out:.2f} (around the mean) for held-out items of the bank", flush=True)

    def begin_with(self, bank: Path) -> Bank:
        """Open the bank, load pipeline and caption model. Raises BankError."""
        from rtbci_vision.generating.training import device_of

        opened = Bank.open(bank)
        if opened.kind != "picture":
            raise BankError(f"{bank} is a bank of {opened.kind}s; one of pictures would be right")
        self.device = device_of(self._device_wanted)
        self.load()
        self.pipeline.set_progress_bar_config(disable=True)
        if self._captions:
            self._captioner = Captioner(self._captions, self.device)
        self.space_id = opened.space_id
        return opened

    def render(self, embedding: NDArray[np.float32], go_on: Callable[[], bool]) -> NDArray[np.uint8] | None:
        """Picture (size, size, 3) uint8 RGB of ``embedding`` (n_dims,); ``go_on`` is asked after each step."""
        import torch

        if self.prior is None:
            raise BankError("a renderer that was not prepared; prepare(bank) before render() would be right")
        image_embedding = self.prior(self._glide.to(embedding))
        with torch.inference_mode():
            return drawn(lambda steps: self.draw(image_embedding, steps), go_on)

    def caption(self, picture: NDArray[np.uint8]) -> str:
        """What the caption model says of ``picture`` (height, width, 3) uint8; "" where there is none."""
        return "" if self._captioner is None else self._captioner.caption(picture)
