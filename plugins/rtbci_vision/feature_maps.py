"""Features of pictures by networks that were trained on pictures: those by which reconstructions are compared.

Each function takes pictures, each (height, width, 3) uint8 RGB, and returns (n, d) float32; it is an entry point in the
group ``rtbci.feature_maps``. Layers and preprocessing are MindEye's (Scotti et al. 2023, ``Reconstruction_Metrics.py``):
pictures are resized to a square, bilinear, none is cropped.

Networks come from torchvision and transformers, which are imported when they are needed, and their weights from where those
libraries keep them. Nothing is downloaded unasked: weights that are missing are a reason not to compute, and

    python -m rtbci_vision.feature_maps

fetches them. A network is kept from one call to the next, the last one that was used only.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci.image_metrics.pixels import resized

Features = NDArray[np.float32]
Pictures = Sequence[NDArray[np.uint8]]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of red, green and blue, by which pictures are normalised."""
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
CLIP = "openai/clip-vit-large-patch14"
SWAV = "https://dl.fbaipublicfiles.com/deepcluster/swav_800ep_pretrain.pth.tar"
"""What ``torch.hub``'s facebookresearch/swav:main loads into torchvision's resnet50."""


class Network(NamedTuple):
    """How a network is loaded (allowed to download or not), and the pictures it takes."""

    load: Callable[[bool], Any]
    side: int
    normal: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET


def alexnet2(pictures: Pictures) -> Features:
    """``features.4`` of AlexNet (Krizhevsky et al. 2012): its second convolution, rectified, 192 x 31 x 31."""
    return _features("alexnet2", pictures)


def alexnet5(pictures: Pictures) -> Features:
    """``features.11`` of AlexNet: its fifth convolution, rectified, 256 x 15 x 15."""
    return _features("alexnet5", pictures)


def inception(pictures: Pictures) -> Features:
    """``avgpool`` of Inception v3 (Szegedy et al. 2016), 2048.

    Torchvision's weights: a Fréchet distance by them is not on the scale of one by those of TensorFlow.
    """
    return _features("inception", pictures)


def clip(pictures: Pictures) -> Features:
    """The embedding of pictures of CLIP ViT-L/14 (Radford et al. 2021), 768."""
    return _features("clip", pictures)


def effnet_b(pictures: Pictures) -> Features:
    """``avgpool`` of EfficientNet-B1 (Tan and Le 2019), 1280."""
    return _features("effnet-b", pictures)


def swav(pictures: Pictures) -> Features:
    """``avgpool`` of a ResNet-50 that was trained by SwAV (Caron et al. 2020), 2048."""
    return _features("swav", pictures)


def _features(name: str, pictures: Pictures) -> Features:
    network = NETWORKS[name]
    model, device = _loaded(name)
    torch = _library("torch")
    mean, deviation = (np.array(values, np.float32) for values in network.normal)
    prepared = np.stack([(resized(picture, network.side) - mean) / deviation for picture in pictures])
    with torch.inference_mode():
        said = model(torch.from_numpy(np.ascontiguousarray(np.moveaxis(prepared, 3, 1))).to(device))
        said = getattr(said, "image_embeds", said)  # transformers names what it returns
        features: Features = said.flatten(1).float().cpu().numpy()
    return features


@lru_cache(maxsize=1)
def _loaded(name: str) -> tuple[Any, Any]:
    """The network, ready to be asked, and the device it is on."""
    torch = _library("torch")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return NETWORKS[name].load(False).eval().to(device), device


# ---------------------------------------------------------------------- loading


def _alexnet(layers: int) -> Callable[[bool], Any]:
    return lambda fetch: _torchvision("alexnet", "AlexNet_Weights.IMAGENET1K_V1", fetch).features[:layers]


def _inception(fetch: bool) -> Any:
    model = _torchvision("inception_v3", "Inception_V3_Weights.IMAGENET1K_V1", fetch)
    model.fc = _library("torch").nn.Identity()
    return model


def _effnet_b(fetch: bool) -> Any:
    model = _torchvision("efficientnet_b1", "EfficientNet_B1_Weights.IMAGENET1K_V2", fetch)
    model.classifier = _library("torch").nn.Identity()
    return model


def _swav(fetch: bool) -> Any:
    models = _library("torchvision.models")
    path = _checkpoint(SWAV, fetch)
    model = models.resnet50(weights=None)
    try:
        state = _library("torch").load(path, map_location="cpu", weights_only=True)
        lacking, _ = model.load_state_dict({k.removeprefix("module."): v for k, v in state.items()}, strict=False)
    except Exception as error:  # unpickling raises what it likes
        raise _damaged(path, error) from error
    if any(not name.startswith("fc.") for name in lacking):  # strict=False would leave them at random
        raise BankError(f"{path} lacks weights such as {lacking[0]}; SwAV's would be right")
    model.fc = _library("torch").nn.Identity()
    return model


def _clip(fetch: bool) -> Any:
    transformers = _library("transformers")
    transformers.logging.set_verbosity_error()  # else it reports that the half for texts was not loaded
    try:
        return transformers.CLIPVisionModelWithProjection.from_pretrained(CLIP, local_files_only=not fetch)
    except OSError as error:
        if not fetch:
            raise BankError(f"weights {CLIP} are not in the cache of transformers") from error
        raise BankError(f"{CLIP} cannot be fetched ({_in_words(error)})") from error
    except Exception as error:  # a damaged file, or another version of transformers
        raise BankError(f"weights {CLIP} cannot be loaded ({_in_words(error)})") from error


NETWORKS: dict[str, Network] = {
    "alexnet2": Network(_alexnet(5), 256),
    "alexnet5": Network(_alexnet(12), 256),
    "inception": Network(_inception, 342),
    "clip": Network(_clip, 224, OPENAI),
    "effnet-b": Network(_effnet_b, 255),
    "swav": Network(_swav, 224),
}


def _torchvision(name: str, weights: str, fetch: bool) -> Any:
    models = _library("torchvision.models")
    chosen = models.get_weight(weights)
    path = _checkpoint(chosen.url, fetch)
    try:
        return models.get_model(name, weights=chosen)  # finds the file that is there
    except Exception as error:
        raise _damaged(path, error) from error


def _checkpoint(url: str, fetch: bool) -> Path:
    """Where PyTorch keeps what it downloaded from ``url``. Raises BankError where it is not there and not to be fetched."""
    hub = _library("torch").hub
    path = Path(hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    if not path.is_file() and fetch:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            hub.download_url_to_file(url, str(path))
        except Exception as error:
            raise BankError(f"{url} cannot be fetched ({_in_words(error)})") from error
    if not path.is_file():
        raise BankError(f"weights {path.name} are not in {path.parent}")
    return path


def _library(name: str) -> Any:
    """The library. Raises BankError where it is not installed, or not for this PyTorch."""
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise BankError(f"{package} cannot be imported ({_in_words(error)})") from error
        raise BankError(f"{package} is not installed") from error
    except Exception as error:  # a torchvision of another PyTorch raises RuntimeError
        raise BankError(f"{package} cannot be imported ({_in_words(error)})") from error


def _damaged(path: Path, error: Exception) -> BankError:
    return BankError(f"weights {path} cannot be loaded ({_in_words(error)})")


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:120]


def fetch_all() -> int:
    """Download the weights that are missing; how many networks cannot be had."""
    failed = 0
    for name, network in NETWORKS.items():
        try:
            network.load(True)
        except BankError as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(f"{name}: there")
    return failed


if __name__ == "__main__":
    sys.exit(1 if fetch_all() else 0)
