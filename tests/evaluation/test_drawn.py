"""What a renderer draws of test presentations is measured against what was shown, and against what others were shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtbci import config
from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci.evaluation import drawn
from tests.evaluation.outcomes import outcome

NEAREST = '''
import io
import numpy as np
from PIL import Image
from rtbci.bank import Bank


class Nearest:
    """Draws the item that is nearest."""

    space_id = ""

    def __init__(self, blank=False):
        self.blank = blank

    def prepare(self, bank):
        self.bank = Bank.open(bank)
        self.space_id = self.bank.space_id

    def render(self, embedding, go_on):
        if self.blank:
            return None
        best = int((self.bank.embeddings.astype(np.float32) @ embedding).argmax())
        return np.asarray(Image.open(io.BytesIO(self.bank.thumbnail(best))).convert("RGB"))
'''


@pytest.fixture
def experiment(tmp_path: Path):
    """An experiment with a bank of drawn objects and a renderer that draws the nearest one."""
    from tests.cli.terminal import rtbci

    assert rtbci("bank", "draw", tmp_path / "objects", "--n", 12).code == 0
    (tmp_path / "nearest.py").write_text(NEAREST)
    built = rtbci("bank", "build", tmp_path / "objects", "--set", "dims=8", "--out", tmp_path / "objects.bank")
    assert built.code == 0, built.out
    path = tmp_path / "experiment.toml"
    path.write_text(
        'name = "x"\n[source]\nuse = "lsl"\n[bank]\npath = "objects.bank"\n[renderer]\nuse = "./nearest.py:Nearest"\n'
        '[[decoder]]\nname = "seen"\nuse = "ridge-embed"\nlock = "marker"\nwindow = 0.5\n'
    )
    return config.load(path)


def seen(experiment, truth: list[int], said: list[int]):
    """An outcome in which ``truth`` was shown and ``said`` was what the embeddings were of."""
    bank = Bank.open(experiment.resolve(experiment.bank.path))
    one = outcome([0, 1], [0, 1], "seen")
    stretch = replace(
        one.stretches[0], seen_truth=np.array(truth, np.int64), seen=bank.embeddings[said].astype(np.float32)
    )
    return replace(one, stretches=(stretch,))


def test_what_is_drawn_right_is_like_what_was_shown_and_unlike_what_others_were_shown(experiment, tmp_path):
    numbers = list(range(12))
    found = drawn.measured(experiment, [seen(experiment, numbers, numbers)], tmp_path / "out", lambda text: None)
    said = found["seen"]
    assert (said["renderer"], said["n"]) == ("./nearest.py:Nearest", 12)
    pixcorr = said["metrics"]["pixcorr"]
    assert pixcorr["value"] > 0.95 and pixcorr["shuffled"] < 0.6
    assert said["metrics"]["clip"]["not_computed"] and said["metrics"]["clip"]["value"] is None
    assert len(list((tmp_path / "out" / "pictures" / "seen" / "drawn").glob("*.png"))) == 12
    page = drawn.section({"seen": {"pictures": said}})
    assert f"{pixcorr['value']:.3f}" in page and "not computed" in page


def test_what_is_drawn_of_something_else_is_worth_no_more_than_its_control(experiment, tmp_path):
    numbers = list(range(12))
    found = drawn.measured(
        experiment, [seen(experiment, numbers, numbers[3:] + numbers[:3])], tmp_path, lambda text: None
    )
    pixcorr = found["seen"]["metrics"]["pixcorr"]
    assert abs(pixcorr["value"] - pixcorr["shuffled"]) < 0.3
    assert pixcorr["value"] < 0.6


def test_without_a_renderer_or_without_pictures_nothing_is_drawn(experiment, tmp_path):
    bare = replace(experiment, renderer=None)
    assert drawn.measured(bare, [seen(experiment, [0], [0])], tmp_path / "out", lambda text: None) == {}
    assert drawn.measured(experiment, [outcome([0, 1], [0, 1], "seen")], tmp_path / "out", lambda text: None) == {}
    assert not (tmp_path / "out").exists()


def test_a_renderer_that_draws_nothing_is_told(experiment, tmp_path):
    blank = replace(experiment, renderer=replace(experiment.renderer, args={"blank": True}))
    with pytest.raises(BankError, match="drew nothing of presentation 0"):
        drawn.measured(blank, [seen(experiment, [0], [0])], tmp_path, lambda text: None)
