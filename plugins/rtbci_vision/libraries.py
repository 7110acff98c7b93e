"""Embedders of whole libraries, by name: ``clip:``, ``clip-text:``, ``dinov2:`` (transformers), ``open_clip:``, ``timm:``.

::

    dinov2:facebook/dinov2-base                 a model of the hub, or a folder that save_pretrained wrote
    clip:openai/clip-vit-large-patch14          pictures; clip-text: of the same model puts captions into the same space
    open_clip:ViT-H-14/laion2b_s32b_b79k        architecture/weights
    timm:vit_base_patch14_dinov2.lvd142m        features before the classifier

A library is imported, and a model loaded, when the first item is embedded. Sources: Radford et al. 2021 (CLIP), Oquab et
al. 2023 (DINOv2), Ilharco et al. 2021 (OpenCLIP), Wightman 2019 (timm); preprocessing is each model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci.file_digest import sha256_of

Ask = Callable[[Sequence[Any]], Any]
"""Embeddings (n_items, n_dims) on any device of items of one kind."""
EXTRA = {"transformers": "vision", "open_clip": "clip", "timm": "clip"}
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")


@dataclass
class LibraryEmbedder:
    """A pretrained model as an embedder.

    Parameters
    ----------
    device : "auto" (a GPU where there is one), "cpu" or "cuda".
    batch : items at once.

    Attributes
    ----------
    kind : "picture" or "caption". space_id : library and model; of a folder its name and a hash of its weights.
    """

    library: str
    model: str
    kind: str
    loader: Callable[[str, str], Ask] = field(repr=False)
    device: str = "auto"
    batch: int = 32
    space_id: str = field(default="", init=False)
    _ask: Ask | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu") and not self.device.startswith("cuda"):
            raise BankError(f'device = "{self.device}"; "auto", "cpu" or "cuda" would be right')
        if self.batch < 1:
            raise BankError(f"batch = {self.batch}; 1 or more would be right")
        self.space_id = f"{self.library}:{_name_of(self.model)}"

    def embed(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """Embeddings (n_items, n_dims) float32 of ``items``. Raises BankError where library or model cannot be had."""
        if self._ask is None:
            self._ask = self.loader(self.model, self.device)
        parts = []
        for first in range(0, len(items), self.batch):
            said = self._ask(items[first : first + self.batch])
            parts.append(said.float().cpu().numpy())
        embeddings: NDArray[np.float32] = np.concatenate(parts).astype(np.float32)
        return embeddings


def _name_of(model: str) -> str:
    """The model's id or, of a folder, its name and a hash of its weights: another folder of that name is another space."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    digest = sha256()
    for pattern in WEIGHTS:
        for path in sorted(folder.glob(pattern)):
            digest.update(sha256_of(path).encode())
    return f"{folder.resolve().name}@{digest.hexdigest()[:12]}"


def _maker(
    library: str, kind: str, loader: Callable[[str, str], Ask]
) -> Callable[[str], Callable[..., LibraryEmbedder]]:
    def of(model: str) -> Callable[..., LibraryEmbedder]:
        def make(device: str = "auto", batch: int = 32) -> LibraryEmbedder:
            return LibraryEmbedder(library, model, kind, loader, device, batch)

        make.__doc__ = LibraryEmbedder.__doc__
        return make

    return of


# ---------------------------------------------------------------------- transformers


def _dinov2(model: str, device: str) -> Ask:
    """The class token after the last normalisation."""
    network, processor, where, inference = _transformers("AutoModel", "AutoImageProcessor", model, device)

    def ask(pictures: Sequence[Any]) -> Any:
        with inference():
            return network(**processor(images=list(pictures), return_tensors="pt").to(where)).last_hidden_state[:, 0]

    return ask


def _clip(model: str, device: str) -> Ask:
    network, processor, where, inference = _transformers("CLIPModel", "CLIPImageProcessor", model, device)

    def ask(pictures: Sequence[Any]) -> Any:
        with inference():
            given = processor(images=list(pictures), return_tensors="pt").to(where)
            return network.visual_projection(network.vision_model(**given).pooler_output)

    return ask


def _clip_text(model: str, device: str) -> Ask:
    network, tokenizer, where, inference = _transformers("CLIPModel", "AutoTokenizer", model, device)

    def ask(captions: Sequence[str]) -> Any:
        with inference():
            given = tokenizer(list(captions), padding=True, truncation=True, return_tensors="pt").to(where)
            return network.text_projection(network.text_model(**given).pooler_output)

    return ask


def _transformers(network: str, processor: str, model: str, device: str) -> tuple[Any, Any, Any, Any]:
    """A network of transformers, what prepares its input, where it runs, and PyTorch's inference mode."""
    try:
        import torch
        import transformers
    except ImportError as error:
        _not_there("transformers", error)
    where = _device(torch, device)
    folder = Path(model).expanduser()
    name = str(folder) if folder.is_dir() else model
    try:
        made = getattr(transformers, network).from_pretrained(name).to(where).eval()
        prepares = getattr(transformers, processor).from_pretrained(name)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        _not_loaded(model, error, "a model's id on the hub, such as facebook/dinov2-base, or a folder that holds one")
    return made, prepares, where, torch.inference_mode


# ---------------------------------------------------------------------- open_clip and timm


def _open_clip(model: str, device: str) -> Ask:
    try:
        import open_clip
        import torch
        from PIL import Image
    except (ImportError, RuntimeError, OSError) as error:  # a torchvision of another build raises what it likes
        _not_there("open_clip", error)
    architecture, separator, weights = model.partition("/")
    if not separator:
        raise BankError(
            f'open_clip:{model}: architecture/weights, such as "ViT-H-14/laion2b_s32b_b79k", would be right'
        )
    try:
        network, _, prepare = open_clip.create_model_and_transforms(architecture, pretrained=weights)
    except (OSError, ValueError, RuntimeError) as error:
        _not_loaded(model, error, "one of open_clip.list_pretrained()")
    where = _device(torch, device)
    network = network.to(where).eval()

    def ask(pictures: Sequence[Any]) -> Any:
        with torch.inference_mode():
            return network.encode_image(torch.stack([prepare(Image.fromarray(p)) for p in pictures]).to(where))

    return ask


def _timm(model: str, device: str) -> Ask:
    try:
        import timm
        import torch
        from PIL import Image
    except (ImportError, RuntimeError, OSError) as error:
        _not_there("timm", error)
    try:
        network = timm.create_model(model, pretrained=True, num_classes=0)
    except (OSError, ValueError, RuntimeError) as error:
        _not_loaded(model, error, "one of timm.list_pretrained()")
    where = _device(torch, device)
    network = network.to(where).eval()
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)

    def ask(pictures: Sequence[Any]) -> Any:
        with torch.inference_mode():
            return network(torch.stack([prepare(Image.fromarray(p)) for p in pictures]).to(where))

    return ask


# ---------------------------------------------------------------------- what goes wrong


def _device(torch: Any, device: str) -> Any:
    there = torch.cuda.is_available()
    if device.startswith("cuda") and not there:
        raise BankError(f'device = "{device}", but PyTorch sees no GPU; "auto" or "cpu" would be right')
    return torch.device("cuda" if device == "auto" and there else "cpu" if device == "auto" else device)


def _not_there(package: str, error: Exception) -> NoReturn:
    why = " ".join(str(error).split())[:160]
    raise BankError(
        f'{package} cannot be imported ({why}); pip install "rtbci[{EXTRA[package]}]", or the embedder "statistics", '
        "would be right"
    ) from error


def _not_loaded(model: str, error: Exception, right: str) -> NoReturn:
    why = " ".join(str(error).split())[:160]
    raise BankError(f"{model} cannot be loaded ({why}); {right} would be right") from error


dinov2 = _maker("dinov2", "picture", _dinov2)
clip = _maker("clip", "picture", _clip)
clip_text = _maker("clip", "caption", _clip_text)  # the same space
open_clip = _maker("open_clip", "picture", _open_clip)
timm = _maker("timm", "picture", _timm)
