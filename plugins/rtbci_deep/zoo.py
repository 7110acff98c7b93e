"""braindecode's networks by name: ``use = "braindecode:EEGConformer"`` trains and runs one as any classifier here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from torch import nn

from rtbci.errors import ConfigError, DecoderError
from rtbci_deep.classifying import Classifier
from rtbci_deep.settings import Settings
from rtbci_deep.shape import Shape

GIVEN = ("n_chans", "n_outputs", "n_times", "sfreq", "input_window_seconds", "chs_info")
"""Arguments of every network of braindecode that follow from the stream and the window."""


class ZooDecoder(Classifier):
    """A network of braindecode's.

    Parameters
    ----------
    network : class of it.
    arguments : those of `rtbci_deep.settings.Settings`, and those of the network itself beside the ones that follow from the
        stream and the window (n_chans, n_outputs, n_times, sfreq).

    Raises
    ------
    DecoderError
        For an argument that neither takes.
    """

    def __init__(self, network: type[nn.Module], **arguments: Any) -> None:
        ours = {field.name for field in fields(Settings)}
        theirs = [name for name in inspect.signature(network).parameters if name not in GIVEN]
        for name in sorted(arguments.keys() - ours - set(theirs)):
            near = get_close_matches(name, [*ours, *theirs], n=1)
            right = f'did you mean "{near[0]}"?' if near else f"of its own it takes {', '.join(theirs)}"
            raise DecoderError(f'{network.__name__} takes no argument "{name}"; {right}')
        self._cls = network
        self._own = {name: value for name, value in arguments.items() if name not in ours}
        super().__init__(**{name: value for name, value in arguments.items() if name in ours})

    @property
    def _name(self) -> str:
        return f"braindecode:{self._cls.__name__}"

    def _network(self, shape: Shape) -> nn.Module:
        try:
            return self._cls(
                n_chans=shape.n_chans,
                n_outputs=shape.n_outputs,
                n_times=shape.n_times,
                sfreq=shape.rate,
                **self._own,
            )
        except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise ValueError(
                f"cannot be made for {shape.n_chans} channels and {shape.n_times} samples ({' '.join(str(error).split())})"
            ) from error


def braindecode(name: str) -> Callable[..., ZooDecoder]:
    """What makes decoders around braindecode's network ``name``. Raises ConfigError where there is none."""
    models = _models(name)
    networks = {
        key: value for key, value in vars(models).items() if inspect.isclass(value) and issubclass(value, nn.Module)
    }
    if name not in networks:
        near = get_close_matches(name, networks, n=1)
        right = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(networks))}"
        raise ConfigError(f'braindecode has no network "{name}"; {right}')
    network = networks[name]

    def make(**arguments: Any) -> ZooDecoder:
        return ZooDecoder(network, **arguments)

    make.__doc__ = f"braindecode's {name}, trained and run by rtbci.\n\n{inspect.getdoc(network) or ''}"
    make.__name__ = name
    return make


def _models(name: str) -> ModuleType:
    try:
        import braindecode.models as models
    except ModuleNotFoundError as error:
        if error.name == "braindecode":
            raise ConfigError(
                f'decoder "braindecode:{name}": braindecode is not installed; pip install braindecode, beside a torchaudio '
                "of the same build as torch, would be right"
            ) from error
        raise ConfigError(_why(name, error)) from error
    except Exception as error:  # a torchaudio of another build than torch fails in any way it likes
        raise ConfigError(_why(name, error)) from error
    found: ModuleType = models
    return found


def _why(name: str, error: Exception) -> str:
    import torch

    reason = " ".join(str(error).split())[:160]
    return (
        f'decoder "braindecode:{name}": braindecode cannot be imported ({type(error).__name__}: {reason}); '
        f"it needs a torchaudio of the same build as torch, which is {torch.__version__} here"
    )
