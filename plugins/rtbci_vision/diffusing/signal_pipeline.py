"""Stable Diffusion with a ControlNet, given a signal where others are given a picture."""

from __future__ import annotations

from typing import Any


def with_signals(diffusers: Any) -> Any:
    """The class of such a pipeline: its ``image`` is a signal (n, n_channels, n_samples), which nothing resizes."""

    class SignalControlNetPipeline(diffusers.StableDiffusionControlNetPipeline):  # type: ignore[misc]
        def check_image(self, image: Any, prompt: Any, prompt_embeds: Any) -> None:
            """Signals are checked where they come from."""

        def prepare_image(
            self,
            image: Any,
            width: int,
            height: int,
            batch_size: int,
            num_images_per_prompt: int,
            device: Any,
            dtype: Any,
            do_classifier_free_guidance: bool = False,
            guess_mode: bool = False,
        ) -> Any:
            """``image``, twice where guidance wants both."""
            signal = image.to(device=device, dtype=dtype)
            twice = do_classifier_free_guidance and not guess_mode
            return signal.repeat(2, 1, 1) if twice else signal

    return SignalControlNetPipeline
