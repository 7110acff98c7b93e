"""Folders of pictures, feature maps that look installed, and the command."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from rtbci.cli.image_metrics import image_metrics
from rtbci.cli.output import run_command
from tests.cli.terminal import Said
from tests.image_metrics import maps
from tests.image_metrics.drawn import noisy, patches, save


@pytest.fixture
def compare():
    """``rtbci image-metrics ARGUMENTS``, run in this process."""

    def run(*arguments: object) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_command(image_metrics, [str(argument) for argument in arguments])
        return Said(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Six pictures, two in a sub-folder, and reconstructions of another size, format and some noise."""
    shown, reconstructed = tmp_path / "shown", tmp_path / "reconstructed"
    for k, name in enumerate(("a", "b", "c", "d", "more/e", "more/f")):
        save(shown / f"{name}.png", patches(k))
        save(reconstructed / f"{name}.bmp", noisy(patches(k, (30, 30)), k))
    return shown, reconstructed


@pytest.fixture
def little_maps(tmp_path, monkeypatch) -> None:
    """The feature maps of `tests.image_metrics.maps`, installed the way pip leaves them: a dist-info folder on the path."""
    info = tmp_path / "site" / "little-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: little\nVersion: 1.0\n")
    names = ("coarse", "without_weights", "raises", "too_few", "not_finite", "absent")
    lines = [f"{name.replace('_', '-')} = tests.image_metrics.maps:{name}" for name in names]
    (info / "entry_points.txt").write_text("\n".join(["[rtbci.feature_maps]", *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path / "site")
    maps.ASKED.clear()
