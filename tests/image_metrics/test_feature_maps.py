"""Networks for comparing pictures: what is said where they are absent, and what they are given where they are there."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from rtbci.errors import BankError
from rtbci.image_metrics.pixels import resized
from rtbci_vision import feature_maps
from tests.image_metrics.drawn import patches

MAPS = ("alexnet2", "alexnet5", "inception", "clip", "effnet_b", "swav")
HEADS = {"alexnet": "classifier", "inception_v3": "fc", "efficientnet_b1": "classifier"}
PICTURES = [patches(1, (300, 200)), patches(2, (64, 64))]


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch, tmp_path):
    """No network is kept from another test, and none is downloaded."""
    feature_maps._loaded.cache_clear()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_: pytest.fail("a download that nobody asked for"))
    yield
    feature_maps._loaded.cache_clear()


class Backbone(torch.nn.Module):
    """Has the parts that are touched: ``features`` as of AlexNet, and a ``head`` that classifies."""

    def __init__(self, head: str) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(*[torch.nn.Identity() for _ in range(13)])
        self.body = torch.nn.Linear(3, 8)
        self.head = head
        setattr(self, head, torch.nn.Linear(8, 1))

    def forward(self, given):
        return getattr(self, self.head)(self.body(given.mean(dim=(2, 3))))


@pytest.fixture
def torchvision(monkeypatch):
    """A torchvision whose networks are `Backbone`; what was asked of it."""
    asked: list[str] = []
    models = ModuleType("torchvision.models")
    models.get_weight = lambda name: SimpleNamespace(url=f"https://example.org/{name}.pth", name=name)
    models.get_model = lambda name, weights: asked.append(f"{name} {weights.name}") or Backbone(HEADS[name])
    models.resnet50 = lambda weights: Backbone("fc")
    package = ModuleType("torchvision")
    package.models = models
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    return asked


@pytest.fixture
def weights(tmp_path):
    """Put a file of weights where PyTorch keeps what it downloaded."""

    def put(name: str, content: bytes = b"") -> None:
        path = tmp_path / "hub" / "checkpoints" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return put


@pytest.mark.parametrize("name", MAPS)
def test_a_library_that_is_absent_is_the_reason(name, monkeypatch):
    library = "transformers" if name == "clip" else "torchvision"
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BankError, match=f"^{library} is not installed$"):
        getattr(feature_maps, name)(PICTURES)


@pytest.mark.parametrize("name", [name for name in MAPS if name != "clip"])
def test_weights_that_are_absent_are_the_reason_and_nothing_is_downloaded(name, torchvision, tmp_path):
    with pytest.raises(BankError, match=r"^weights \S+\.(pth|tar) are not in \S+/hub/checkpoints$"):
        getattr(feature_maps, name)(PICTURES)
    assert torchvision == []


def test_a_network_is_given_squares_that_are_normalised(torchvision, weights):
    weights("AlexNet_Weights.IMAGENET1K_V1.pth")
    features = feature_maps.alexnet2(PICTURES)
    assert (features.shape, features.dtype) == ((2, 3 * 256 * 256), np.float32)
    means = features.reshape(2, 3, -1).mean(axis=2)
    for picture, mean in zip(PICTURES, means, strict=True):
        expected = (picture.mean(axis=(0, 1)) / 255.0 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        assert mean == pytest.approx(expected, abs=0.05)


def test_features_are_what_the_network_has_before_it_classifies(torchvision, weights):
    weights("Inception_V3_Weights.IMAGENET1K_V1.pth")
    weights("EfficientNet_B1_Weights.IMAGENET1K_V2.pth")
    first, again = feature_maps.inception(PICTURES[:1]), feature_maps.inception(PICTURES)
    np.testing.assert_allclose(again[:1], first, atol=1e-6)
    assert torchvision == ["inception_v3 Inception_V3_Weights.IMAGENET1K_V1"]  # it was kept
    assert again.shape == feature_maps.effnet_b(PICTURES).shape == (2, 8)


def test_swav_is_a_resnet_with_the_weights_that_its_authors_saved(torchvision, weights, tmp_path):
    saved = Backbone("fc")
    buffer = io.BytesIO()
    state = {f"module.{name}": value for name, value in saved.state_dict().items() if not name.startswith("fc")}
    torch.save(state | {"module.prototypes.weight": torch.zeros(2, 2)}, buffer)
    weights("swav_800ep_pretrain.pth.tar", buffer.getvalue())
    features = feature_maps.swav(PICTURES)
    saved.fc = torch.nn.Identity()
    mean, deviation = (np.array(v) for v in feature_maps.IMAGENET)
    given = [(resized(p, 224) - mean) / deviation for p in PICTURES]
    with torch.inference_mode():
        expected = saved(torch.tensor(np.array(given), dtype=torch.float32).permute(0, 3, 1, 2))
    np.testing.assert_allclose(features, expected, atol=1e-4)


def test_weights_that_are_damaged_or_of_something_else_are_the_reason(torchvision, weights, tmp_path):
    weights("swav_800ep_pretrain.pth.tar", b"cut off")
    with pytest.raises(BankError, match=r"^weights \S+/swav_800ep_pretrain.pth.tar cannot be loaded \("):
        feature_maps.swav(PICTURES)
    torch.save({"module.other": torch.zeros(1)}, tmp_path / "hub" / "checkpoints" / "swav_800ep_pretrain.pth.tar")
    with pytest.raises(BankError, match=r"lacks weights such as body\.weight; SwAV's would be right"):
        feature_maps.swav(PICTURES)


def test_fetching_downloads_what_is_missing_and_says_what_cannot_be_had(torchvision, monkeypatch, capsys):
    fetched: list[str] = []

    def download(url, path):
        fetched.append(url)
        if "swav" in url:
            raise OSError("no route to host")
        Path(path).touch()

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert feature_maps.fetch_all() == 2
    said = capsys.readouterr()
    assert said.out.split("\n")[:-1] == ["alexnet2: there", "alexnet5: there", "inception: there", "effnet-b: there"]
    assert "clip: transformers is not installed" in said.err
    assert "swav: https://dl.fbaipublicfiles.com/" in said.err and "no route to host" in said.err
    assert len(fetched) == 4  # AlexNet once
