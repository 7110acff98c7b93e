"""Renderers "sdxl-turbo" and "unclip": pretrained pipelines of diffusers, with the extra "generate".

What they draw looks plausible whatever the embedding is worth: the confidence is that of the retrieved pictures beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_vision.diffusing.loading import folder_or_id, library, loaded, precision
from rtbci_vision.diffusing.renderer import DiffusionRenderer
from rtbci_vision.diffusing.stepping import Steps, latents


class SdxlTurbo(DiffusionRenderer):
    """SDXL-turbo with an IP-Adapter that is given image embeddings, in 4 steps (as ATM, Li et al. 2024).

    Parameters
    ----------
    adapter, adapter_folder, adapter_file, encoder : the IP-Adapter (Ye et al. 2023), and its image encoder in ``adapter``.
    strength : of the adapter, 0 to 1. The others as in `DiffusionRenderer`.
    """

    def __init__(
        self,
        model: str = "stabilityai/sdxl-turbo",
        adapter: str = "h94/IP-Adapter",
        adapter_folder: str = "sdxl_models",
        adapter_file: str = "ip-adapter_sdxl_vit-h.safetensors",
        encoder: str = "models/image_encoder",
        strength: float = 1.0,
        steps: int = 4,
        guidance: float = 0.0,
        size: int = 512,
        seed: int = 0,
        prompt: str = "",
        device: str = "auto",
        glide: float = 0.25,
        captions: str = "",
    ) -> None:
        super().__init__(model, steps, guidance, size, seed, prompt, device, glide, captions)
        self._adapter, self._folder, self._file, self._encoder = adapter, adapter_folder, adapter_file, encoder
        self._strength = strength
        self._said: Any = None

    def load(self) -> None:
        """Load pipeline, adapter and image encoder; the prompt is encoded once. Raises BankError."""
        diffusers, dtype = library("diffusers"), precision(self.device)
        pipeline = loaded(
            self.model,
            lambda: diffusers.StableDiffusionXLPipeline.from_pretrained(folder_or_id(self.model), dtype=dtype),
        )
        loaded(
            self._adapter,
            lambda: pipeline.load_ip_adapter(
                folder_or_id(self._adapter),
                subfolder=self._folder,
                weight_name=self._file,
                image_encoder_folder=self._encoder,
            ),
        )
        pipeline.set_ip_adapter_scale(self._strength)
        self.pipeline = pipeline.to(self.device)
        import torch

        with torch.inference_mode():
            said = self.pipeline.encode_prompt(
                prompt=self.prompt, device=self.device, do_classifier_free_guidance=self.guidance > 1.0
            )
        names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
        self._said = dict(zip(names, said, strict=True))
        channels = self.pipeline.unet.config.in_channels
        self._noise = latents(self.pipeline, channels, self.size, self.seed, self.device, dtype)

    def encode(self, pictures: Sequence[Any]) -> NDArray[np.float32]:
        """See `DiffusionRenderer.encode`: the adapter's own image encoder."""
        return encoded(self.pipeline, pictures, self.device)

    def draw(self, image_embedding: NDArray[np.float32], steps: Steps) -> Any:
        """See `DiffusionRenderer.draw`."""
        import torch

        given = torch.from_numpy(image_embedding)[None, None].to(self.device, self._noise.dtype)
        if self.guidance > 1.0:
            given = torch.cat([torch.zeros_like(given), given])
        return self.pipeline(
            **self._said,
            ip_adapter_image_embeds=[given],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            height=self.size,
            width=self.size,
            latents=self._noise.clone(),
            generator=torch.Generator().manual_seed(self.seed),
            callback_on_step_end=steps.at_end,
            output_type="np",
        ).images


class UnClip(DiffusionRenderer):
    """Stable Diffusion 2.1 unCLIP, which draws from CLIP image embeddings (as Perceptogram).

    Parameters
    ----------
    noise : level of the noise that is put on the image embedding, 0 to 999. The others as in `DiffusionRenderer`.
    """

    def __init__(
        self,
        model: str = "sd2-community/stable-diffusion-2-1-unclip",
        noise: int = 0,
        steps: int = 20,
        guidance: float = 7.5,
        size: int = 768,
        seed: int = 0,
        prompt: str = "",
        device: str = "auto",
        glide: float = 0.25,
        captions: str = "",
    ) -> None:
        super().__init__(model, steps, guidance, size, seed, prompt, device, glide, captions)
        self._noise_level = noise

    def load(self) -> None:
        """Load the pipeline; the prompt is encoded once. Raises BankError."""
        import torch

        diffusers, dtype = library("diffusers"), precision(self.device)
        pipeline = loaded(
            self.model,
            lambda: diffusers.StableUnCLIPImg2ImgPipeline.from_pretrained(folder_or_id(self.model), dtype=dtype),
        )
        self.pipeline = pipeline.to(self.device)
        with torch.inference_mode():
            said = self.pipeline.encode_prompt(
                self.prompt, self.device, 1, do_classifier_free_guidance=self.guidance > 1.0
            )
        self._said = dict(zip(("prompt_embeds", "negative_prompt_embeds"), said, strict=True))
        channels = self.pipeline.unet.config.in_channels
        self._noise = latents(self.pipeline, channels, self.size, self.seed, self.device, dtype)

    def encode(self, pictures: Sequence[Any]) -> NDArray[np.float32]:
        """See `DiffusionRenderer.encode`: the pipeline's own image encoder."""
        return encoded(self.pipeline, pictures, self.device)

    def draw(self, image_embedding: NDArray[np.float32], steps: Steps) -> Any:
        """See `DiffusionRenderer.draw`."""
        import torch

        scheduler = self.pipeline.scheduler
        scheduler.set_timesteps(
            self.steps, device=self.device
        )  # the noise's size is known then; it is not scaled for us
        return self.pipeline(
            **self._said,
            image_embeds=torch.from_numpy(image_embedding)[None].to(self.device, self._noise.dtype),
            noise_level=self._noise_level,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            height=self.size,
            width=self.size,
            latents=self._noise * scheduler.init_noise_sigma,
            generator=torch.Generator().manual_seed(self.seed),
            callback=steps.old,
            output_type="np",
        ).images


def encoded(pipeline: Any, pictures: Sequence[Any], device: Any) -> NDArray[np.float32]:
    """Image embeddings (n, n_out) float32 of ``pictures`` by the image encoder of ``pipeline``, as it prepares them."""
    import torch

    with torch.inference_mode():
        given = pipeline.feature_extractor(images=list(pictures), return_tensors="pt").pixel_values
        dtype = next(pipeline.image_encoder.parameters()).dtype
        said: NDArray[np.float32] = pipeline.image_encoder(given.to(device, dtype)).image_embeds.float().cpu().numpy()
    return said
