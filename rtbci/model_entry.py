"""What a model is: a fitted decoder and everything that must match for it to mean anything."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import ModelError
from rtbci.interfaces import Decoder, Embeds
from rtbci.signature import Signature
from rtbci.types import Channel

Calibrated = Mapping[int, Mapping[str, NDArray[Any]]]
"""What transforms that `rtbci.interfaces.Calibrates` begin with: arrays by name, by the transform's place from 1 on."""

RECORDED = ("rtbci", "numpy", "scipy", "scikit-learn", "pyriemann", "mne", "torch", "safetensors", "skops")
"""Distributions whose versions a model remembers, where they are installed."""


@dataclass(frozen=True, slots=True)
class Rest:
    """How sure a decoder was of windows in which nothing was shown (`rtbci.bank.rest`).

    Attributes
    ----------
    sure : (n,) float64, of each such window. bank : SHA-256 of the bank among whose items it was sure; of no other one.
    """

    sure: NDArray[np.float64]
    bank: str


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted decoder and what it means.

    Attributes
    ----------
    use, args : what the decoder was made from, as in the experiment file.
    classes : names in the order of the decoder's log-probabilities.
    signature : the stream it was trained on, before ``transforms`` (each the name and arguments of one).
    window, hop, offset, baseline : seconds, as in the experiment file; ``lock`` is "marker" for event windows.
    space_id, logit_scale : of decoders that embed; None for classifiers.
    calibrated : what its transforms begin a session with.
    rest : how sure it was of windows of rest in calibration; None where no bank was asked.
    versions : of Python and the packages that fitted it.
    trained_on : per recording its name, sha256, and counts of windows and trials.
    created : UTC, ISO 8601.
    """

    name: str
    decoder: Decoder
    use: str
    args: Mapping[str, Any]
    classes: tuple[str, ...]
    signature: Signature
    window: float
    hop: float | None
    transforms: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    lock: str | None = None
    offset: float = 0.0
    baseline: float | None = None
    space_id: str | None = None
    logit_scale: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    trained_on: tuple[Mapping[str, Any], ...] = ()
    created: str = ""
    calibrated: Calibrated = field(default_factory=dict)
    rest: Rest | None = None


class _Step(Protocol):
    @property
    def use(self) -> str: ...
    @property
    def args(self) -> Mapping[str, Any]: ...


class _Settings(Protocol):
    """What `make` needs of a ``[[decoder]]`` table."""

    @property
    def name(self) -> str: ...
    @property
    def use(self) -> str: ...
    @property
    def args(self) -> Mapping[str, Any]: ...
    @property
    def window(self) -> float: ...
    @property
    def hop(self) -> float | None: ...
    @property
    def transforms(self) -> Sequence[_Step]: ...
    @property
    def lock(self) -> str | None: ...
    @property
    def offset(self) -> float: ...
    @property
    def baseline(self) -> float | None: ...


def make(
    config: _Settings,
    decoder: Decoder,
    *,
    classes: tuple[str, ...],
    signature: Signature,
    trained_on: Iterable[Mapping[str, Any]] = (),
    calibrated: Calibrated | None = None,
    rest: Rest | None = None,
) -> Model:
    """The model of a ``decoder`` that was just fitted as its table of the experiment says."""
    return Model(
        name=config.name,
        decoder=decoder,
        use=config.use,
        args=dict(config.args),
        classes=classes,
        signature=signature,
        window=config.window,
        hop=config.hop,
        transforms=tuple((step.use, dict(step.args)) for step in config.transforms),
        lock=config.lock,
        offset=config.offset,
        baseline=config.baseline,
        space_id=decoder.space_id if isinstance(decoder, Embeds) else None,
        logit_scale=decoder.logit_scale if isinstance(decoder, Embeds) else None,
        versions=_versions(),
        trained_on=tuple(trained_on),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        calibrated=dict(calibrated or {}),
        rest=rest,
    )


def describe(model: Model) -> dict[str, Any]:
    """Everything but what the decoder learnt, as JSON has it: the model's entry in the manifest."""
    entry = {
        "name": model.name,
        "use": model.use,
        "args": dict(model.args),
        "classes": list(model.classes),
        "rate": model.signature.rate,
        "channels": [[c.name, c.kind, c.unit] for c in model.signature.channels],
        "transforms": [[use, dict(args)] for use, args in model.transforms],
        "window": model.window,
        "hop": model.hop,
        "lock": model.lock,
        "offset": model.offset,
        "baseline": model.baseline,
        "space_id": model.space_id,
        "logit_scale": model.logit_scale,
        "versions": dict(model.versions),
        "trained_on": [dict(recording) for recording in model.trained_on],
        "created": model.created,
    }
    try:
        described: dict[str, Any] = json.loads(json.dumps(entry, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f'model "{model.name}" cannot be described in JSON ({error}); arguments must be numbers, strings, '
            "true or false, lists and tables of these"
        ) from error
    return described


def from_entry(entry: Mapping[str, Any], decoder: Decoder, calibrated: Calibrated, rest: Rest | None = None) -> Model:
    """The model that `describe` gave ``entry`` for, with what the file holds beside it. Raises KeyError or TypeError."""
    plain = ("name", "use", "args", "window", "hop", "lock", "offset", "baseline", "space_id", "logit_scale")
    return Model(
        **{key: entry[key] for key in (*plain, "versions", "created")},
        decoder=decoder,
        classes=tuple(entry["classes"]),
        signature=Signature(entry["rate"], tuple(Channel(*channel) for channel in entry["channels"])),
        transforms=tuple((use, args) for use, args in entry["transforms"]),
        trained_on=tuple(entry["trained_on"]),
        calibrated=calibrated,
        rest=rest,
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
