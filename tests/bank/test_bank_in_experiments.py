"""``[bank]`` and ``[renderer]`` in an experiment: read, written, and refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtbci import bundled, config
from rtbci.errors import ConfigError
from tests.cli.terminal import rtbci

HEAD = 'name = "x"\n[source]\nuse = "lsl"\n'
LOCKED = '[[decoder]]\nname = "seen"\nuse = "ridge-embed"\nlock = "marker"\nwindow = 0.5\n'


@pytest.fixture
def bank(pictures, make_bank) -> Path:
    """Four reds, greens and blues."""
    return make_bank(pictures)


def test_without_classes_they_are_the_banks_and_its_names_are_the_labels(bank):
    experiment = config.loads(f'{HEAD}[bank]\npath = "{bank}"\n{LOCKED}')
    assert list(experiment.classes) == ["blues", "greens", "reds"]
    assert experiment.label_of("reds/red0") == "reds" and experiment.label_of("red0.png") == "reds"
    assert not experiment.own_classes
    assert (experiment.bank.top, experiment.bank.average, experiment.bank.false_alarms) == (10, True, 0.05)
    own = config.loads(f'{HEAD}[classes]\na = ["1"]\nb = ["2"]\n[bank]\npath = "{bank}"\n{LOCKED}')
    assert list(own.classes) == ["a", "b"] and own.own_classes


def test_what_is_saved_says_the_same_and_names_no_class_of_the_bank(bank, tmp_path):
    text = f'{HEAD}[bank]\npath = "{bank}" # mine\nfalse_alarms = 0.1\n[renderer]\nuse = "generator"\nglide = 0.5\n{LOCKED}'
    experiment = config.loads(text)
    config.save(experiment, tmp_path / "saved.toml")
    saved = (tmp_path / "saved.toml").read_text()
    assert "# mine" in saved and "[classes]" not in saved
    assert config.load(tmp_path / "saved.toml") == experiment
    assert experiment.renderer.args == {"glide": 0.5}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[bank]\npath = "{bank}"\ntop = 0\n', "top = 0: is no number of candidates; 1 to 100"),
        ('[bank]\npath = "{bank}"\naverage = 1\n', "average = 1: an integer came; true or false"),
        ('[bank]\npath = "{bank}"\nfalse_alarms = 1.0\n', "false_alarms = 1.0"),
        ('[bank]\npath = "gone.bank"\n', "gone.bank is no bank"),
        (
            '[renderer]\nuse = "generator"\n[classes]\na = ["1"]\nb = ["2"]\n',
            "[renderer]: draws what is found in a [bank]",
        ),
        (
            '[bank]\npath = "{bank}"\n[renderer]\nuse = "generator"\ndecoder = "sen"\n',
            'decoder = "sen": is no decoder here',
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_value(bank, tables, said):
    with pytest.raises(ConfigError) as caught:
        config.loads(HEAD + tables.format(bank=bank) + LOCKED)
    assert said in str(caught.value)


def test_targets_of_another_space_are_refused_before_anything_is_trained(bank, pictures, tmp_path, make_bank):
    other = rtbci("bank", "build", pictures, "--out", tmp_path / "other.bank")
    assert other.code == 0
    path = tmp_path / "experiment.toml"
    classes = '[classes]\nfists = ["T1"]\nfeet = ["T2"]\n'
    path.write_text(f'{HEAD}{classes}[bank]\npath = "{bank}"\n{LOCKED}targets = "other.bank"\n')
    for command in (("train", "--out", tmp_path / "m.rtbci"), ("evaluate", "--out", tmp_path / "out")):
        said = rtbci(command[0], path, "--recording", bundled.calibration(), *command[1:])
        assert "other.bank: is of space statistics:" in said.refusal and "would be right" in said.refusal
    assert not (tmp_path / "m.rtbci").exists()


def test_a_renderer_that_cannot_draw_is_refused_before_an_evaluation(bank, tmp_path):
    path = tmp_path / "experiment.toml"
    classes = '[classes]\nfists = ["T1"]\nfeet = ["T2"]\n'
    path.write_text(f'{HEAD}{classes}[bank]\npath = "{bank}"\n[renderer]\nuse = "generator"\n{LOCKED}')
    said = rtbci("evaluate", path, "--recording", bundled.calibration(), "--out", tmp_path / "out")
    assert "rtbci bank train-generator" in said.refusal
