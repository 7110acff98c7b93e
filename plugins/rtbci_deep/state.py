"""A trained network as arrays and back, split into the part of a montage and a person, and the part to share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci_deep.shape import Shape
from rtbci_deep.whole import Whole

LOCAL, SHARED = "local/", "shared/"


@dataclass(frozen=True, slots=True)
class State:
    """A trained network and what it was built for."""

    shape: Shape
    whole: Whole

    def arrays(self) -> dict[str, NDArray[Any]]:
        """``local/…`` and ``shared/…`` tensors by name, and the shape."""
        kept = self.shape.arrays()
        for name, tensor in self.whole.state_dict().items():
            kept[_prefix(self.whole, name) + name] = tensor.detach().cpu().numpy().copy()
        return kept

    @classmethod
    def restore(cls, shape: Shape, whole: Whole, arrays: Mapping[str, NDArray[Any]]) -> State:
        """``whole`` with the tensors of ``arrays``: all of them and no others. Raises KeyError, ValueError, RuntimeError."""
        own = {_prefix(whole, name) + name: name for name in whole.state_dict()}
        there = {name for name in arrays if name.startswith((LOCAL, SHARED))}
        if there != own.keys():
            odd = sorted(there ^ own.keys())[0]
            raise ValueError(f"{odd} is {'missing' if odd in own else 'of another network'}")
        whole.load_state_dict({name: torch.from_numpy(np.array(arrays[key])) for key, name in own.items()})
        return cls(shape, whole.eval())


def _prefix(whole: Whole, name: str) -> str:
    return LOCAL if whole.is_local(name) else SHARED


def take(whole: Whole, begin: Mapping[str, NDArray[Any]], all_shared: bool) -> str:
    """Give ``whole`` what an earlier model has for it; a sentence that says what.

    Of the local part only what was learnt, where it has the same shape: another montage, or other people, get a new one. Its
    buffers (scaling, positions of sensors) are those of the recordings that it is trained on now.

    Raises
    ------
    DecoderError
        When something of the shared part does not fit, where it must all come from there (``all_shared``), or nothing does.
    """
    own = whole.state_dict()
    not_learnt = {name for name, _ in whole.named_buffers() if whole.is_local(name)}
    taken = {LOCAL: 0, SHARED: 0}
    anew: list[str] = []
    for name, tensor in own.items():
        if name in not_learnt:
            continue
        prefix = _prefix(whole, name)
        given = begin.get(prefix + name)
        if given is not None and tuple(given.shape) == tuple(tensor.shape):
            own[name] = torch.from_numpy(np.array(given)).to(tensor.dtype)
            taken[prefix] += 1
        elif prefix == SHARED and all_shared:
            came = "it has none" if given is None else f"it has {tuple(given.shape)}"
            raise DecoderError(
                f"only the local part can be trained where all else comes from the model: {name} is {tuple(tensor.shape)} "
                f"here, {came}; a model with the same network, window and classes, or --train all, would be right"
            )
        else:
            anew.append(name)
    if not taken[SHARED]:
        raise DecoderError(
            "the model to begin from shares nothing with this network; one of the same kind would be right"
        )
    whole.load_state_dict(own)
    new = f"; {', '.join(anew[:4])}{' …' if len(anew) > 4 else ''} began anew" if anew else ""
    return f"began with {taken[SHARED]} shared and {taken[LOCAL]} local tensors of the model{new}"
