"""What the author of a decoder is told: which of its methods went wrong, how, and in which line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled, config
from rtbci.asking import blamed_on, log_probs_of
from rtbci.errors import DecoderError, ModelError, RtbciError, SourceError
from rtbci.training import train
from rtbci.types import Window

WINDOW = Window(np.zeros((2, 8), np.float32), 0, 7, 0.0, 0.0)


class Says:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    def fit(self, windows: object, labels: object) -> object:
        return self

    def predict(self, window: Window) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (np.log([[0.5, 0.5]]), r"returned an array of shape \(1, 2\); it must return \(2,\) log-probabilities"),
        (np.log([0.5, 0.25, 0.25]), r"returned an array of shape \(3,\)"),
        (None, "returned a NoneType"),
        ("left", "returned a str"),
        (1, "returned a int"),
        (np.array([np.nan, np.nan]), r"returned \[nan nan\]; it must return finite logarithms"),
        (np.array([0.5, 0.5]), ".* that sum to 1"),
        (np.array([0.0, 0.0]), ".* that sum to 1"),
        (
            ZeroDivisionError("division by\nzero"),
            r"raised ZeroDivisionError: division by zero \(.*asking.py, line \d+\)",
        ),
        (SystemExit(3), "raised SystemExit: 3"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_one_line_that_names_the_decoder(answer: object, told: str) -> None:
    with pytest.raises(DecoderError, match=f"^Says.predict {told}") as caught:
        log_probs_of(Says(answer), WINDOW, 2)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_list_of_log_probabilities_is_taken() -> None:
    np.testing.assert_array_equal(log_probs_of(Says(list(np.log([0.25, 0.75]))), WINDOW, 2), np.log([0.25, 0.75]))  # type: ignore[arg-type]


def test_what_is_said_on_purpose_is_passed_on_and_the_user_may_always_interrupt() -> None:
    with pytest.raises(SourceError, match="as it is"), blamed_on("x"):
        raise SourceError("as it is")
    with pytest.raises(KeyboardInterrupt), blamed_on("x"):
        raise KeyboardInterrupt


PLUGIN = """
import numpy as np

class Plugin:
    def fit(self, windows, labels):
        {fit}
    def predict(self, window):
        return {predict}
    def arrays(self):
        return {arrays}
    def restore(self, arrays):
        pass
"""
GOOD = {"fit": "return self", "predict": "np.log([0.5, 0.5])", "arrays": "{'a': np.zeros(1)}"}
EXPERIMENT = """
name = "x"
[source]
use = "lsl"
[classes]
fists = ["T1"]
feet = ["T2"]
[[decoder]]
name = "mine"
use = "./plugin.py:Plugin"
window = 2.0
hop = 1.0
"""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"fit": "raise KeyError('Cz')"},
            r'"mine": Plugin.fit, given .*, raised KeyError: .Cz. \(.*plugin.py, line 6\)',
        ),
        ({"predict": "np.zeros(2)"}, r"Plugin.predict returned \[0. 0.\]; it must return finite logarithms"),
        (
            {"predict": "window.samples.fill(0)"},
            r"Plugin.predict raised ValueError: .*read-only \(.*plugin.py, line 8\)",
        ),
        ({"arrays": "None"}, "arrays.. gave a NoneType; numeric arrays by name would be right"),
        ({"arrays": "1 / 0"}, "Plugin.arrays raised ZeroDivisionError"),
    ],
)
def test_training_tells_the_author_and_writes_nothing(tmp_path: Path, wrong: dict[str, str], told: str) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN.format(**{**GOOD, **wrong}))
    (tmp_path / "x.toml").write_text(EXPERIMENT)
    out = tmp_path / "m.rtbci"
    with pytest.raises(RtbciError, match=told) as caught:
        train(config.load(tmp_path / "x.toml"), [bundled.calibration()], out)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_a_decoder_that_cannot_be_saved_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN.format(**GOOD).replace("def arrays", "def weights"))
    (tmp_path / "x.toml").write_text(EXPERIMENT)
    with pytest.raises(ModelError, match=r'"mine": Plugin cannot be saved; it needs arrays\(\) and restore\(\)'):
        train(config.load(tmp_path / "x.toml"), [bundled.calibration()], tmp_path / "m.rtbci")
