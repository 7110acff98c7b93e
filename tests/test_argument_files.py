"""What a decoder is made from includes the files that its arguments name: other embeddings are another training."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtbci import config
from rtbci import model as models
from rtbci.argument_files import contents_of
from rtbci.evaluation import store
from rtbci.evaluation.nouns import Fold
from rtbci.evaluation.task import Task
from tests import live


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "experiment.toml"
    decoder = live.DECODER.format(name="net", use="nice") + 'targets = "shown"\n'
    made.write_text(live.EXPERIMENT.format(name="test", stream="s", decoders=decoder))
    return made


def keys(path: Path) -> tuple[str, str]:
    loaded = config.load(path)
    task = Task(path.read_text(), path, "net", Fold("1", (), (), False), shuffles=0, seed=0, version="1")
    return models.key_of(loaded, loaded.decoders[0], []), store.key_of(task, {})


def test_another_content_is_another_key(path, tmp_path):
    found = [keys(path)]
    for text in ("one", "two"):
        (tmp_path / "shown").write_text(text)
        found.append(keys(path))
    assert keys(path) == found[-1]
    assert len({model for model, _ in found}) == len({task for _, task in found}) == 3


def test_a_folder_is_known_by_its_files(path, tmp_path):
    folder = tmp_path / "shown"
    folder.mkdir()
    found = [keys(path)]
    (folder / "embeddings.npy").write_bytes(b"1")
    found.append(keys(path))
    os.utime(folder / "embeddings.npy", (1, 1))
    found.append(keys(path))
    assert len(set(found)) == 3


def test_words_that_name_no_file_are_no_files(path):
    loaded = config.load(path)
    assert contents_of(loaded.decoders[0], path.parent) == {}
