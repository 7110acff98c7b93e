"""What tests of evaluations share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.runs import write_run

TEXT = """
name = "fists or feet"
[source]
use = "lsl"
[classes]
fists = ["T1"]
feet = ["T2"]
[trial]
start = 0.5
stop = 3.5
[[decoder]]
name = "csp"
use = "csp"
window = 2.0
hop = 0.25
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
[[decoder]]
name = "power"
use = "log-variance"
window = 2.0
hop = 0.25
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
"""


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Three runs of one subject: 16 channels, 160 Hz, ten trials of each class."""
    folder = tmp_path_factory.mktemp("runs")
    return tuple(write_run(folder / f"sub-1_ses-1_run-{k}_raw.fif", seed=20 + k) for k in (1, 2, 3))


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Two quick decoders."""
    path = tmp_path / "experiment.toml"
    path.write_text(TEXT)
    return path
