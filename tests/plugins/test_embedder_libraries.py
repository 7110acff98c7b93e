"""Embedders of libraries, on checkpoints of a few random weights made here: model hubs cannot be reached by tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rtbci import plugins
from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci.interfaces import Embedder
from tests.bank.drawn import COLOURS, draw
from tests.cli.terminal import rtbci

transformers = pytest.importorskip("transformers", reason="transformers (the extra vision) is not installed")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny DINOv2 and a tiny CLIP, as save_pretrained writes them."""
    import torch

    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    dino = transformers.Dinov2Config(**small, image_size=28, patch_size=14)
    transformers.Dinov2Model(dino).save_pretrained(folder / "dino")
    transformers.BitImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(
        folder / "dino"
    )
    words = ["a", "red", "blue", "thing"]
    vocabulary = {
        token: k
        for k, token in enumerate(
            [*(f"{word}</w>" for word in words), *"abdeghilnrtu", "<|startoftext|>", "<|endoftext|>"]
        )
    }
    clip = transformers.CLIPConfig(
        text_config={**small, "vocab_size": len(vocabulary), "intermediate_size": 32, "max_position_embeddings": 12,
                     "bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]},
        vision_config={**small, "image_size": 28, "patch_size": 14, "intermediate_size": 32},
        projection_dim=8,
    )  # fmt: skip
    transformers.CLIPModel(clip).save_pretrained(folder / "clip")
    transformers.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(
        folder / "clip"
    )
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder / "clip")
    return folder


def made(use: str, **args):
    return plugins.make("embedders", use, args, None, "test")


def some(n: int = 5) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (20 + 9 * k, 50, 3), dtype=np.uint8) for k in range(n)]


@pytest.mark.parametrize(("use", "folder", "dims"), [("dinov2", "dino", 16), ("clip", "clip", 8)])
def test_a_checkpoint_embeds_pictures_of_any_size(checkpoints, use, folder, dims):
    embedder = made(f"{use}:{checkpoints / folder}", device="cpu")
    assert isinstance(embedder, Embedder)
    assert embedder.kind == "picture"
    said = embedder.embed(some())
    assert (said.shape, said.dtype) == ((5, dims), np.float32)
    assert np.isfinite(said).all() and len(np.unique(said.round(4), axis=0)) == 5
    alone = np.concatenate([embedder.embed([picture]) for picture in some()])
    np.testing.assert_allclose(alone, said, atol=1e-5)
    np.testing.assert_allclose(
        made(f"{use}:{checkpoints / folder}", device="cpu", batch=2).embed(some()), said, atol=1e-5
    )


def test_dinov2_is_what_transformers_says(checkpoints):
    """The class token, through the model's own preprocessing."""
    import torch

    model = transformers.AutoModel.from_pretrained(checkpoints / "dino").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoints / "dino")
    with torch.inference_mode():
        wanted = model(**processor(images=some(), return_tensors="pt")).pooler_output.numpy()
    np.testing.assert_allclose(made(f"dinov2:{checkpoints / 'dino'}", device="cpu").embed(some()), wanted, atol=1e-5)


def test_captions_and_pictures_of_one_model_lie_in_one_space(checkpoints):
    pictures, captions = (made(f"{use}:{checkpoints / 'clip'}", device="cpu") for use in ("clip", "clip-text"))
    assert captions.kind == "caption"
    assert captions.space_id == pictures.space_id
    assert captions.space_id.startswith("clip:clip@")
    said = captions.embed(["a red thing", "a blue thing", "a red thing"])
    assert said.shape == (3, 8) and pictures.embed(some(1)).shape == (1, 8)
    np.testing.assert_allclose(said[0], said[2], atol=1e-6)
    assert np.abs(said[0] - said[1]).max() > 1e-4


def test_other_weights_in_a_folder_of_that_name_are_another_space(checkpoints, tmp_path):
    import torch

    torch.manual_seed(1)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    transformers.Dinov2Model(transformers.Dinov2Config(**small, image_size=28, patch_size=14)).save_pretrained(
        tmp_path / "dino"
    )
    one, other = made(f"dinov2:{checkpoints / 'dino'}"), made(f"dinov2:{tmp_path / 'dino'}")
    assert one.space_id.startswith("dinov2:dino@") and other.space_id.startswith("dinov2:dino@")
    assert one.space_id != other.space_id
    assert made("dinov2:facebook/dinov2-base").space_id == "dinov2:facebook/dinov2-base"  # not loaded until it is used


def test_a_bank_is_built_with_one(checkpoints, tmp_path):
    for name, colour in COLOURS.items():
        draw(tmp_path / "p" / name / "0.png", colour, 0)
    said = rtbci(
        "bank",
        "build",
        tmp_path / "p",
        "--embedder",
        f"dinov2:{checkpoints / 'dino'}",
        "--out",
        tmp_path / "b",
        "--json",
    )
    assert said.code == 0, said.out
    bank = Bank.open(tmp_path / "b")
    assert (bank.dim, len(bank.items), bank.space_id) == (16, 3, said.json["space"])


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            "dinov2:no/such-model-anywhere",
            r"no/such-model-anywhere cannot be loaded \(.*facebook/dinov2-base, or a folder",
        ),
        ("open_clip:ViT-H-14", r"open_clip cannot be imported .*rtbci\[clip\]|architecture/weights"),
        ("timm:no_such_model", r"timm cannot be imported .*rtbci\[clip\]|no_such_model cannot be loaded"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_line(monkeypatch, use, message):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BankError, match=message) as raised:
        made(use).embed(some(1))
    assert "\n" not in str(raised.value)


def test_a_library_that_is_not_there_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        BankError, match=r'transformers cannot be imported .*pip install "rtbci\[vision\]".*"statistics"'
    ):
        made("dinov2:facebook/dinov2-base").embed(some(1))


@pytest.mark.parametrize(
    ("args", "message"), [({"batch": 0}, "batch = 0; 1 or more"), ({"device": "tpu"}, 'device = "tpu"; "auto", "cpu"')]
)
def test_wrong_arguments_are_refused(args, message):
    from rtbci.errors import ConfigError

    with pytest.raises(ConfigError, match=message):
        made("dinov2:facebook/dinov2-base", **args)


def test_what_lists_plugins_does_not_load_a_library(tmp_path):
    import subprocess

    code = "import sys; from rtbci import plugins; plugins.load('embedders', 'dinov2:x'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
