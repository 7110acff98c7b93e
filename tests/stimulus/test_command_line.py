"""Paradigms from files, experiments and words of the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtbci import bundled, config
from rtbci.errors import ConfigError
from rtbci_stimulus import app, command_line
from rtbci_stimulus.paradigms import PARADIGMS
from rtbci_stimulus.settings import Presentation, describe, from_word

EXPERIMENT = """
name = "fists or feet"

[source]
use = "lsl"

[classes]
"both fists" = ["T1"]
"both feet" = ["T2"]

[markers]
streams = ["cues"]
"""


def read(*words: object):
    return command_line.paradigm(command_line.parse([str(word) for word in words]))


def test_a_file_of_its_own_with_words_over_it(tmp_path):
    path = tmp_path / "calibration.toml"
    path.write_text('[paradigm]\nuse = "ssvep"\nfrequencies = [9, 11]\ntrials = 4\n')
    paradigm = read(path, "--set", "trials=7", "--set", "wave=square")
    assert (paradigm.name, paradigm.frequencies, paradigm.trials, paradigm.wave) == ("ssvep", (9.0, 11.0), 7, "square")


def test_an_experiment_gives_paradigm_classes_labels_and_the_stream_that_it_listens_to(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT + '\n[paradigm]\nuse = "motor-imagery"\ntrials = 3\n')
    for given in ((path,), ("--experiment", path)):
        paradigm = read(*given)
        assert (paradigm.classes, paradigm.labels) == (("both fists", "both feet"), ("T1", "T2"))
        assert (paradigm.trials, paradigm.stream) == (3, "cues")


def test_an_experiment_without_a_paradigm_lends_its_classes_to_the_one_that_is_named(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT)
    assert read("--paradigm", "motor-imagery", "--experiment", path).labels == ("T1", "T2")
    with pytest.raises(ConfigError, match=r"has no \[paradigm\]; --paradigm with one of motor-imagery"):
        read(path)


def test_classes_of_an_experiment_that_no_marker_stands_for_are_said(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT + '\n[paradigm]\nuse = "ssvep"\nfrequencies = [8, 10, 12]\n')
    for words in ((path,), ("--experiment", path)):
        given = command_line.parse([str(word) for word in words])
        sent = command_line.paradigm(given).schedule(60.0, 1).classes
        assert sent == ("8", "10", "12")  # three boxes for two classes: none has the label of a class
        assert command_line.class_note(given, sent) == (
            "no marker of this run stands for both fists, both feet of the experiment",
        )
        assert command_line.class_note(given, ("T1", "8")) == (
            "no marker of this run stands for both feet of the experiment",
        )
        assert command_line.class_note(given, ("T1", "T2")) == ()


def test_the_experiment_s_paradigm_survives_being_edited(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT + '\n# how it is calibrated\n[paradigm]\nuse = "motor-imagery"\ntrials = 3\n')
    loaded = config.load(path)
    config.save(dataclasses.replace(loaded, name="other"), path)
    again = config.load(path)
    assert (again.name, again.paradigm) == ("other", loaded.paradigm)
    assert "# how it is calibrated" in path.read_text()
    config.save(dataclasses.replace(again, paradigm=None), path)
    assert config.load(path).paradigm is None


def test_the_bank_of_an_experiment_is_what_a_picture_stream_shows():
    path = bundled.experiment("pictures")
    paradigm = read("--paradigm", "rsvp", "--experiment", path, "--set", "limit=3")
    assert Path(paradigm.pictures) == bundled.pictures()
    assert len(paradigm.schedule(60.0, 1).classes) == 3


def test_paths_in_a_file_start_at_the_file(tmp_path, pictures):
    path = tmp_path / "stream.toml"
    path.write_text('[paradigm]\nuse = "rsvp"\npictures = "pictures"\n')
    assert len(read(path).items()) == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[paradigm]\nuse = "ssvp"\n', 'did you mean "ssvep"?'),
        ('[paradigm]\nuse = "ssvep"\nfrequencys = [8]\n', 'did you mean "frequencies"?'),
        ("[paradigm]\ntrials = 3\n", "[paradigm] use: is missing"),
        ('[paradigms]\nuse = "ssvep"\n', "is not known here"),
        ('paradigm = "ssvep"\n', "a table such as [paradigm]"),
        ("[paradigm\n", "not TOML: line 1"),
    ],
)
def test_files_that_make_no_sense_are_refused_with_what_would_be_right(tmp_path, text, words):
    path = tmp_path / "calibration.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read(path)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("use", "word", "value"),
    [
        ("ssvep", "frequencies=8,10.5", ("frequencies", [8, 10.5])),
        ("ssvep", "frequencies=[8, 10]", ("frequencies", [8, 10])),
        ("motor-imagery", "classes=left hand, right hand", ("classes", ["left hand", "right hand"])),
        ("motor-imagery", "words=false", ("words", False)),
        ("motor-imagery", "trials=ten", ("trials", "ten")),
        ("p300-matrix", "text=123", ("text", "123")),
        ("p300-matrix", 'text="AB"', ("text", "AB")),
    ],
)
def test_words_of_the_command_line_are_values(use, word, value):
    assert from_word(PARADIGMS[use], word) == value


def test_every_setting_says_what_it_means_and_its_default_is_allowed():
    for name, cls in PARADIGMS.items():
        for setting in describe(cls):
            assert setting["about"], f"{name} {setting['key']}"
        kept = {s["key"]: s["default"] for s in describe(cls) if s["default"] not in ("", [])}
        extra = {"pictures": "somewhere"} if name == "rsvp" else {}
        paradigm = PARADIGMS[name](**{key: tuple(v) if isinstance(v, list) else v for key, v in (kept | extra).items()})
        assert isinstance(paradigm, Presentation)
        assert command_line.make(name, kept | extra) == dataclasses.replace(
            paradigm, **({"pictures": "somewhere"} if extra else {})
        )


def test_the_description_is_json_that_a_form_can_be_made_of(capsys):
    assert app.main(["--describe"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["motor-imagery", "rsvp", "p300-matrix", "ssvep", "resting"]
    soa = next(setting for setting in said["rsvp"]["settings"] if setting["key"] == "soa")
    assert (soa["default"], soa["unit"], soa["toml"]) == (0.2, "s", "0.2")


def test_a_paradigm_that_the_display_cannot_show_is_refused_before_a_window_opens(capsys, qapp):
    assert app.main(["--paradigm", "ssvep", "--set", "frequencies=8,40"]) == 2
    assert "40 Hz is not below half the refresh rate of 60 Hz" in capsys.readouterr().err


def test_the_rate_of_the_display_at_hand_decides_what_it_can_show(capsys, monkeypatch, qapp, stream_name):
    from PySide6.QtGui import QScreen

    monkeypatch.setattr(QScreen, "refreshRate", lambda screen: 144.0)
    monkeypatch.setattr(app, "heed_signals", lambda screen: None)
    words = ["--paradigm", "ssvep", "--auto", "--windowed", "320x200", "--no-wait-for-consumer"]
    settings = ["trials=1", "cue=0.05", "stimulation=0.05", "rest=0.05", f"stream={stream_name}"]
    words += [part for setting in settings for part in ("--set", setting)]
    assert app.main([*words, "--set", "frequencies=8,40"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["refresh_rate"], said["trials"]) == (144.0, 2)
    assert app.main([*words, "--set", "frequencies=8,80"]) == 2
    assert "80 Hz is not below half the refresh rate of 144 Hz" in capsys.readouterr().err


def test_what_is_refused_leaves_no_log(tmp_path, qapp):
    log = tmp_path / "stimuli.jsonl"
    assert app.main(["--paradigm", "ssvep", "--set", "frequencies=8,40", "--log", str(log)]) == 2
    assert not log.exists()


def test_screenshots_need_no_display(tmp_path):
    bare = {key: word for key, word in os.environ.items()
            if key not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}  # fmt: skip
    words = ["--paradigm", "ssvep", "--set", "frequencies=8,40", "--refresh", "144", "--screenshots", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "rtbci", "present", *words],
        capture_output=True, text=True, timeout=60, check=False, env=bare, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "out").glob("ssvep-*.png"))) >= 5


def test_a_picture_that_cannot_be_read_is_refused_in_one_line_by_screenshots(tmp_path, capsys, qapp):
    (tmp_path / "x.png").write_bytes(b"no picture")
    words = ["--paradigm", "rsvp", "--set", f"pictures={tmp_path}", "--screenshots", str(tmp_path / "out")]
    assert app.main(words) == 2
    assert capsys.readouterr().err.startswith('picture "x": no picture that can be read: ')


def test_screenshots_are_saved_without_a_screen(tmp_path, qapp):
    assert app.main(["--paradigm", "resting", "--screenshots", str(tmp_path / "out"), "--set", "seed=1"]) == 0
    assert len(list((tmp_path / "out").glob("resting-*.png"))) >= 7
