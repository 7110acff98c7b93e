"""Banks that renderers draw from, and sessions as a renderer sees them: a run folder, a session folder, a ring to fill."""

from __future__ import annotations

import json
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rtbci.bank import Bank
from rtbci.retrieved import RetrievedRing
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder
from rtbci.types import Channel, Retrieved, StreamInfo
from tests.bank.drawn import build, three_classes
from tests.cli.terminal import rtbci

OFFSET = 5000.0
"""The source's clock is ahead of time.monotonic() by this."""
INFO = StreamInfo("test", 100.0, (Channel("C3"), Channel("C4")))


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of twelve pictures of three colours, embedded by their mean colour."""
    parent = tmp_path_factory.mktemp("colours")
    return build(parent, three_classes(parent / "pictures"))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of sixty drawn pictures with captions."""
    parent = tmp_path_factory.mktemp("shapes")
    assert rtbci("bank", "draw", parent / "pictures", "--n", "60").code == 0
    out = parent / "shapes.bank"
    said = rtbci("bank", "build", parent / "pictures", "--items", parent / "pictures/items.csv", "--out", out, "--json")
    assert said.code == 0, said.out
    return out


@dataclass
class Seen:
    """A session of one decoder, "eye", whose ring a test fills."""

    run: RunFolder
    folder: Path
    bank: Bank
    ring: RetrievedRing
    raw: Ring
    count: int = 0

    def find(self, item: int, marker_time: float = math.nan) -> Retrieved:
        """Let the decoder find ``item`` by a window that ends now."""
        self.count += 1
        now = time.monotonic() + OFFSET
        embedding = self.bank.embeddings[item].astype(np.float32)
        embedding /= np.linalg.norm(embedding)
        found = Retrieved(
            start=10 * self.count,
            stop=10 * self.count + 50,
            sample=self.raw.written - 1 if self.raw.written else 0,
            items=np.array([item], np.int64),
            log_probs=np.array([-0.1]),
            cosines=np.array([1.0]),
            answer=item,
            embedding=embedding,
            signal_time=now - 0.2,
            arrival_time=now - 0.1,
            ready_time=now,
            marker_time=marker_time,
        )
        self.ring.add(found)
        return found


@pytest.fixture
def session(tmp_path: Path, colours: Path):
    """Make a session with the renderer ``use``; ``args`` are further lines of its table."""
    made: list[Seen] = []

    def make(use: str, args: str = "", bank: Path = colours) -> Seen:
        run = RunFolder.create()
        folder = tmp_path / f"session{len(made)}"
        folder.mkdir()
        (folder / "experiment.toml").write_text(
            f'name = "seen"\n[source]\nuse = "synthetic"\n[[decoder]]\nname = "eye"\nuse = "ridge-embed"\nwindow = 0.5\n'
            f'hop = 0.1\n[bank]\npath = "{bank}"\n[renderer]\nuse = "{use}"\n{args}\n'
        )
        (folder / "session.json").write_text(json.dumps({"experiment_path": None, "models": {}}))
        run.write_stream(INFO, OFFSET)
        opened = Bank.open(bank)
        ring = RetrievedRing.create(run.retrieved("eye"), 1, opened.dim, len(opened.items), bank)
        raw = Ring.create(run.raw, 1000, 2)
        made.append(Seen(run, folder, opened, ring, raw))
        return made[-1]

    yield make
    for seen in made:
        seen.ring.close()
        seen.raw.close()
        shutil.rmtree(seen.run.path, ignore_errors=True)
