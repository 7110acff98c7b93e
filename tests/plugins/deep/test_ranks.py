"""Several processes that train one network: on two machines only the first has the folder with the checkpoints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rtbci.training_run import TrainingRun
from rtbci_deep import trainer
from rtbci_deep.classifiers import EegNet
from tests.plugins.deep import simulated

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.timeout(240)


class Interrupted(Exception):
    """A kill, for which there is no cleaning up."""


def half(folder: Path, stop_after: int) -> None:
    """One of two processes that ``torchrun`` has started: each with a disk of its own, as on two machines."""
    rank = int(os.environ["RANK"])
    trainer.CHECKPOINT_SECONDS = 0.0

    def say(text: str) -> None:
        if f"{stop_after}/6 " in text:
            raise Interrupted

    data = simulated.calibration(16)
    run = TrainingRun(say=say, checkpoints=folder / f"machine{rank}", key="k", rank=rank, of=2)
    decoder = EegNet(epochs=6, patience=0, mixup=True)
    decoder.prepare(data.info, data.n_samples, 2)
    try:
        decoder.learn(data, run)
    except Interrupted:
        return
    arrays = {name.replace("/", ":"): array for name, array in decoder.arrays().items()}
    np.savez(folder / f"said{rank}.npz", notes=np.array(run.notes), **arrays)


def both(folder: Path, stop_after: int) -> None:
    """Two processes, until both have ended well."""
    script = folder / "half.py"
    script.write_text(
        "from pathlib import Path\nfrom tests.plugins.deep.test_ranks import half\n"
        f"half(Path({str(folder)!r}), {stop_after})\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_a_process_without_the_checkpoint_goes_on_where_the_first_one_does(tmp_path):
    """The second one began at the first epoch before, and the two no longer trained the same network."""
    whole, again = tmp_path / "whole", tmp_path / "again"
    for folder in (whole, again):
        folder.mkdir()
    both(whole, stop_after=99)
    both(again, stop_after=3)
    assert not list(again.glob("*.npz"))
    assert [path.name for path in again.rglob("checkpoint.safetensors")] == ["checkpoint.safetensors"]
    both(again, stop_after=99)
    unbroken = np.load(whole / "said0.npz")
    weights = [name for name in unbroken if name.endswith("weight")]
    assert len(weights) > 5
    for rank in (0, 1):
        said = np.load(again / f"said{rank}.npz")
        assert any("went on from a checkpoint after epoch 2" in note for note in said["notes"])
        for name in weights:
            np.testing.assert_array_equal(said[name], unbroken[name])
