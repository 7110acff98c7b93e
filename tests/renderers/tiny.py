"""Pipelines of a few random weights, written as save_pretrained writes them: model hubs cannot be reached by tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

SIDE = 8
"""Latents a side of pictures of 64 pixels."""
WORDS = 24
VISION = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4}


def tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer that knows the letters."""
    import transformers

    letters = "abcdefghijklmnopqrst"
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({name: k for k, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=WORDS)


def text_encoder(projection: bool = False) -> Any:
    """A CLIP text encoder of 32 dimensions."""
    import transformers

    config = transformers.CLIPTextConfig(
        **VISION, projection_dim=32, vocab_size=42, max_position_embeddings=WORDS, bos_token_id=40, eos_token_id=41
    )
    kind = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return kind(config).eval()


def image_encoder() -> Any:
    """A CLIP image encoder of 32 dimensions for pictures of 32 pixels."""
    import transformers

    config = transformers.CLIPVisionConfig(**VISION, projection_dim=32, image_size=32, patch_size=8)
    return transformers.CLIPVisionModelWithProjection(config).eval()


def preparation() -> Any:
    import transformers

    return transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def vae() -> Any:
    import diffusers

    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()  # fmt: skip


def unet(**more: Any) -> Any:
    import diffusers

    settings = {"cross_attention_dim": 32, "attention_head_dim": 8} | more
    return diffusers.UNet2DConditionModel(
        sample_size=SIDE, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **settings,
    ).eval()  # fmt: skip


def sdxl(folder: Path) -> Path:
    """SDXL-turbo's parts."""
    import diffusers

    torch.manual_seed(1)
    network = unet(
        cross_attention_dim=64, attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, transformer_layers_per_block=(1, 1), projection_class_embeddings_input_dim=80,
    )  # fmt: skip
    words = tokenizer(folder / "words")
    diffusers.StableDiffusionXLPipeline(
        vae(), text_encoder(), text_encoder(projection=True), words, words, network,
        diffusers.EulerAncestralDiscreteScheduler(timestep_spacing="trailing"), add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def ip_adapter(folder: Path, of: Path) -> Path:
    """An IP-Adapter for the U-Net of the pipeline at ``of``, and its image encoder."""
    import diffusers
    from safetensors.torch import save_file

    torch.manual_seed(2)
    network = diffusers.UNet2DConditionModel.from_pretrained(of / "unet")
    wide = network.config.cross_attention_dim
    arrays = {
        "image_proj.proj.weight": torch.randn(4 * wide, 32) / 6,
        "image_proj.proj.bias": torch.zeros(4 * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }
    number = 1
    for name, processor in network.attn_processors.items():
        del processor
        if name.endswith("attn1.processor"):
            continue
        out = network.get_submodule(name.removesuffix(".processor")).to_k.out_features
        arrays[f"ip_adapter.{number}.to_k_ip.weight"] = torch.randn(out, wide) / 4
        arrays[f"ip_adapter.{number}.to_v_ip.weight"] = torch.randn(out, wide) / 2
        number += 2
    (folder / "sdxl_models").mkdir(parents=True)
    save_file(arrays, folder / "sdxl_models" / "ip-adapter_sdxl_vit-h.safetensors")
    image_encoder().save_pretrained(folder / "models" / "image_encoder")
    return folder


def unclip(folder: Path) -> Path:
    """The parts of Stable Diffusion 2.1 unCLIP."""
    import diffusers
    from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

    torch.manual_seed(3)
    network = unet(
        attention_head_dim=(2, 4), class_embed_type="projection", projection_class_embeddings_input_dim=64,
        use_linear_projection=True,
    )  # fmt: skip
    diffusers.StableUnCLIPImg2ImgPipeline(
        preparation(), image_encoder(), StableUnCLIPImageNormalizer(embedding_dim=32),
        diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"), tokenizer(folder / "words"), text_encoder(),
        network, diffusers.DDIMScheduler(prediction_type="v_prediction"), vae(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def stable_diffusion(folder: Path) -> Path:
    """The parts of Stable Diffusion 2.1."""
    import diffusers

    torch.manual_seed(4)
    diffusers.StableDiffusionPipeline(
        vae(), text_encoder(), tokenizer(folder / "words"), unet(), diffusers.UniPCMultistepScheduler(), None, None,
        requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def controlnet(folder: Path, of: Path, n_channels: int, n_samples: int, rate: float) -> Path:
    """A ControlNet of signals for the pipeline at ``of``, which listens to them."""
    import diffusers

    from rtbci_vision.diffusing import hint

    torch.manual_seed(5)
    made = diffusers.ControlNetModel.from_unet(diffusers.UNet2DConditionModel.from_pretrained(of / "unet"))
    for block in (*made.controlnet_down_blocks, made.controlnet_mid_block):
        torch.nn.init.normal_(block.weight, std=0.3)  # they begin at zero
    made.save_pretrained(folder)
    hint.save(hint.SignalHint(hint.HintShape(n_channels, n_samples, rate, 32, SIDE)), folder)
    return folder


def blip(folder: Path) -> Path:
    """A caption model."""
    import transformers

    torch.manual_seed(6)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *"abcdefghijklmnopqrst"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(names))
    config = transformers.BlipConfig(
        text_config={**VISION, "encoder_hidden_size": 32, "projection_dim": 32, "vocab_size": len(names),
                     "max_position_embeddings": 32, "bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3,
                     "pad_token_id": 0},
        vision_config={**VISION, "image_size": 32, "patch_size": 8, "projection_dim": 32},
        projection_dim=32, image_text_hidden_size=32,
    )  # fmt: skip
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    transformers.BlipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
