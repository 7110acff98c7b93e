"""Experiments with decoders on the fake GPU, and models for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rtbci import bundled, config, training
from tests import live
from tests.devices import fake_gpu

Made = tuple[Path, Path]
"""An experiment file, and a model for it."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Made]:
    """Makes an experiment that hears a stream, with a [[decoder]] table for each name, ``use`` and further lines."""
    monkeypatch.delenv("RTBCI_FAKE_GPU", raising=False)
    monkeypatch.delenv("RTBCI_FAKE_GPU_LOST", raising=False)
    shutil.copyfile(str(fake_gpu.__file__), tmp_path / "fake_gpu.py")

    def make(stream: str, *decoders: tuple[str, str, str]) -> Made:
        path, model = tmp_path / "experiment.toml", tmp_path / "model.rtbci"
        tables = "".join(live.DECODER.format(name=name, use=use) + more + "\n" for name, use, more in decoders)
        path.write_text(live.EXPERIMENT.format(name="devices", stream=stream, decoders=tables))
        training.train(config.load(path), [bundled.calibration()], model)
        return path, model

    return make
