"""A model, small recordings and one recorded session, made once for all tests of the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rtbci import bundled
from rtbci.sources.file import Recording, load
from tests import live
from tests.cli.terminal import rtbci

EXPERIMENT = bundled.experiment().read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained experiment and what ``rtbci train --json`` said."""

    experiment: Path
    model: Path
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """A session that ran live: its folder, its experiment, what it played, and what ``rtbci run --json`` said."""

    folder: Path
    experiment: Path
    recording: Path
    said: dict[str, Any]


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Commands that run here take the signals over, as they should; the tests take them back."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def calibration() -> Recording:
    """The bundled recording, in memory."""
    return load(bundled.calibration())


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The bundled experiment, trained on the bundled recording."""
    folder = tmp_path_factory.mktemp("trained")
    experiment = folder / "experiment.toml"
    experiment.write_text(EXPERIMENT, encoding="utf-8")
    said = rtbci("train", experiment, "--recording", bundled.calibration(), "--out", folder / "m.rtbci", "--json")
    assert said.code == 0, said
    return Trained(experiment, folder / "m.rtbci", said.json)


def write_csv(
    path: Path, recording: Recording, stop: int, *, order: Sequence[int] | None = None, rate: float | None = None
) -> Path:
    """Write the first ``stop`` samples of ``recording`` with the channels in ``order``, as if sampled at ``rate`` Hz."""
    rate = rate or recording.info.rate
    names = recording.info.names
    order = range(len(names)) if order is None else order
    labels = {round(m.time * recording.info.rate): m.label for m in recording.markers}
    lines = [",".join(["timestamps", *(names[c] for c in order), "Marker"])]
    for i in range(stop):
        values = (repr(float(recording.samples[i, c])) for c in order)
        lines.append(",".join([repr(i / rate), *values, labels.get(i, "")]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory, calibration: Recording) -> Path:
    """The first 6.3 s of the bundled recording, as CSV: one trial of fists, from its marker at 2.46 s."""
    return write_csv(tmp_path_factory.mktemp("short") / "short.csv", calibration, 1000)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory, trained: Trained, short: Path) -> Session:
    """A live session that played `short` to its end."""
    folder = tmp_path_factory.mktemp("played")
    experiment = folder / "experiment.toml"
    source = f'use = "file"\npath = "{short}"'
    experiment.write_text(EXPERIMENT.replace('use = "lsl"', source), encoding="utf-8")
    code, said, errors = live.rtbci(
        "run", experiment, "--model", trained.model, "--headless", "--session", folder / "session"
    )
    assert code == 0, (said, errors)
    return Session(folder / "session", experiment, short, said)
