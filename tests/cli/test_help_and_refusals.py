"""How every command speaks: help with an example, one JSON object, one line when it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rtbci import __version__, bundled
from rtbci.cli import cli
from tests.cli.terminal import rtbci


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


COMMANDS = list(_commands(cli))
PROMISED = {
    ("demo",), ("streams",), ("info",), ("stream",), ("train",), ("run",), ("attach",), ("replay",), ("verify",),
    ("recover",), ("edit",), ("plugins", "list"), ("federate", "models"), ("federate", "rounds"),
}  # fmt: skip


def test_every_promised_command_is_there() -> None:
    assert set(COMMANDS) >= PROMISED


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_has_an_example_that_begins_with_the_command(command: tuple[str, ...], option: str) -> None:
    said = rtbci(*command, option)
    assert (said.code, said.err) == (0, "")
    _, found, examples = said.out.partition("Example:\n")
    assert found
    assert f"rtbci {' '.join(command)}" in examples


@pytest.mark.parametrize("command", sorted(PROMISED), ids=" ".join)
def test_every_option_of_an_example_exists(command: tuple[str, ...]) -> None:
    said = rtbci(*command, "--help").out
    options, _, examples = said.partition("Example:\n")
    used = {word.strip("[]") for word in examples.split() if word.startswith("--")}
    assert all(f"{option} " in options for option in used), used
    assert "--json" in options


def test_help_of_the_whole_shows_the_way_and_the_exit_codes() -> None:
    said = rtbci("--help")
    assert said.code == 0
    assert "rtbci demo" in said.out
    assert "Exit codes: 0 done, 1 different or failed, 2 bad input" in " ".join(said.out.split())
    assert rtbci().out == said.out
    assert rtbci("--version").out.split()[-1] == __version__


REFUSED = {
    "no such command": ("trian",),
    "no such subcommand": ("plugins", "lsit"),
    "no such option": ("info", "--colour", bundled.calibration()),
    "no argument": ("verify",),
    "one argument too many": ("verify", "a", "b"),
    "an option that is missing": ("replay", bundled.experiment(), "--recording", bundled.calibration()),
    "no number": ("streams", "--wait", "long"),
    "a number out of range": ("streams", "--measure", "0"),
    "a speed that is none": ("replay", "x", "--model", "x", "--recording", "x", "--speed", "nan"),
    "a chunk of nothing": ("replay", "x", "--model", "x", "--recording", "x", "--chunk", "0"),
    "seconds below 0": ("run", bundled.experiment(), "--headless", "--seconds", "-1"),
    "an experiment that is not there": ("train", "gone.toml", "--recording", bundled.calibration(), "--out", "m.rtbci"),
    "a recording that is not there": ("train", bundled.experiment(), "--recording", "gone.edf", "--out", "m.rtbci"),
    "a recording that is none": ("info", bundled.experiment()),
    "a recording that is a folder": ("info", bundled.folder()),
    "a recording to play that is not there": ("stream", "gone.edf"),
    "a recording to play that is none": ("stream", bundled.experiment()),
    "a model that is not there": ("replay", bundled.experiment(), "--model", "gone.rtbci", "--recording", "x.edf"),
    "a session to verify that is not there": ("verify", "gone"),
    "a session to verify that is none": ("verify", bundled.folder()),
    "a session to recover that is not there": ("recover", "gone"),
    "a session to attach to that is none": ("attach", bundled.folder()),
    "a model folder that is not there": (
        "train", bundled.experiment(), "--recording", bundled.calibration(), "--out", "gone/m.rtbci",
    ),
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_one_line_or_one_json_object(
    arguments: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain, machine = rtbci(*arguments), rtbci(*arguments, "--json")
    assert plain.out == ""
    assert machine.code == 2
    assert machine.out.count("\n") == 1
    assert machine.json == {"error": plain.refusal}
    assert machine.err == ""
    # it names what was given, and says more than that it is wrong
    assert any(str(word) in plain.refusal for word in arguments) or "See 'rtbci" in plain.refusal
    assert list(tmp_path.iterdir()) == []


def test_a_slip_of_the_pen_is_guessed() -> None:
    assert "'train'" in rtbci("trian").refusal
    assert "'--model'" in rtbci("run", "x.toml", "--modl", "y").refusal


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
@pytest.mark.parametrize("command", ["run", "edit"])
def test_without_a_display_the_window_is_refused_before_anything_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(bundled.experiment().read_text())
    said = rtbci(command, experiment)
    assert said.out == ""
    assert ("--headless" in said.refusal) == (command == "run")
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


def test_where_to_read_more_is_a_sentence_of_its_own() -> None:
    said = rtbci("rehearse", "x.toml", "--recording", "x.edf", "--loop", "60,10").refusal
    assert said.endswith("to a later one would be right. See 'rtbci rehearse --help'.")


def test_what_is_no_experiment_is_not_edited(tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    path.write_text("name = fists\n")
    assert "not TOML" in rtbci("edit", path).refusal
    assert "not TOML" in rtbci("edit", path, "--json").json["error"]
    assert path.read_text() == "name = fists\n"


def test_the_command_itself_exits_with_these_codes(tmp_path: Path) -> None:
    """The one test here that starts a process: what is installed as ``rtbci`` is what the others run in this one."""
    command = [sys.executable, "-m", "rtbci"]
    environment = {**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:rtbci"}
    good = subprocess.run(
        [*command, "plugins", "list", "--json"], capture_output=True, text=True, check=False, env=environment
    )
    assert (good.returncode, good.stderr) == (0, "")
    assert set(json.loads(good.stdout)) == {"decoders", "transforms", "sources", "embedders", "renderers"}
    bad = subprocess.run([*command, "info", "gone.edf"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "rtbci: there is no recording gone.edf; give the path of an existing file\n"


def test_a_reader_that_goes_away_is_no_defect() -> None:
    """``rtbci info FILE | head -0``: no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rtbci", "info", str(bundled.calibration())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (0, 1)
    assert "Traceback" not in errors
