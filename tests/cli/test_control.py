"""``rtbci control``: words become a command for a running session, and its answer an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from rtbci.cli import run
from rtbci.cli.control import parse
from rtbci.commands import FIELDS, described
from rtbci.control import ControlServer
from rtbci.errors import RecordingError
from rtbci.recording.session_folder import SessionFolder
from rtbci.runfolder import RunFolder

STATUS = {
    "name": "fists or feet", "state": "live", "message": None, "gaps": 1, "bads": ["C3"],
    "samples": {"received": 1600, "lost": 3},
    "recording": {"state": "off", "part": 1, "seconds": 10.0, "bytes": 99, "path": "/s/recording.xdf", "problem": None},
    "charge": {"decoder": "mdm", "next": "csp"},
    "remote": {"host": "127.0.0.1", "port": 22345, "clients": 2, "said": "remote control: recording to /s/recording.xdf"},
    "decoders": {
        "mdm": {"state": "live", "decoded": 60, "trials": 4, "trial_accuracy": 0.75, "chance": 0.5},
        "csp": {"state": "stopped", "decoded": 2, "trials": 0, "trial_accuracy": None, "chance": 0.5},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("status", {"do": "status"}),
        ("note subject blinked", {"do": "note", "text": "subject blinked"}),
        ("mark T1", {"do": "mark", "label": "T1"}),
        ("mark T1 12.5 7", {"do": "mark", "label": "T1", "time": 12.5, "code": 7}),
        ("record off", {"do": "record", "on": False}),
        ("record ON s1/run-2", {"do": "record", "on": True, "name": "s1/run-2"}),
        ("decode off", {"do": "decode", "on": False}),
        ("decode on mdm", {"do": "decode", "on": True, "decoder": "mdm"}),
        ("restart mdm", {"do": "restart", "decoder": "mdm"}),
        ("charge csp", {"do": "charge", "decoder": "csp"}),
        ("bad C3", {"do": "bad", "channel": "C3", "bad": True}),
        ("bad C3 off", {"do": "bad", "channel": "C3", "bad": False}),
        ("display show=traces seconds=10", {"do": "display", "show": "traces", "seconds": 10}),
        ("play speed=2.0 loop=[1,2] pause=true", {"do": "play", "speed": 2.0, "loop": [1, 2], "pause": True}),
        ('{"do": "stop"}', {"do": "stop"}),
    ],
)
def test_words_are_commands(words: str, command: dict[str, Any]) -> None:
    assert parse(words.split(" ")) == command


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("nte x", "there is no command 'nte'; there are status, stop"),
        ("note", "note takes another number of words than 0: note TEXT"),
        ("record maybe", "record 'maybe': on or off would be right"),
        ("mark T1 soon", "'soon' is no number"),
        ("mark T1 nan", "'nan' is no number"),
        ("mark T1 12.5 7.9", "mark: the code '7.9' is no whole number; such as 7."),
        ("display traces", "display 'traces': KEY=VALUE would be right"),
        ('{"do": ', "not JSON"),
    ],
)
def test_other_words_are_refused_with_what_would_be_right(words: str, why: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        parse(words.split(" "))
    assert why in refused.value.message


class Running:
    """A session that answers, at ``folder``."""

    def __init__(self, tmp_path: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        run_folder = tmp_path / "run"
        run_folder.mkdir()
        self.folder = SessionFolder.create(tmp_path / "session", "fists or feet")
        self.folder.update(run_folder=str(run_folder))
        self.server = ControlServer(RunFolder(run_folder), self.handle)

    def handle(self, command: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(command)
        match command:
            case {"do": "status"}:
                return {"ok": True, "status": STATUS}
            case {"do": "help"}:
                return {"ok": True, "commands": described()}
            case {"do": "record"}:
                raise RecordingError("nothing is being recorded; there is no part to stop")
        return {"ok": True, "note": {"time": 1.5, "text": command.get("text")}}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.server.close()


def test_what_is_done_is_said_and_the_exit_code_is_0(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["control", str(running.folder.path), "note", "blinked", "a lot", "--marker"]) == 0
    assert running.asked == [{"do": "note", "text": "blinked a lot", "marker": True}]
    assert capsys.readouterr().out == 'note: done\n  note: {"time": 1.5, "text": "blinked a lot"}\n'


def test_what_the_session_refuses_is_exit_code_1_and_its_words(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["control", str(running.folder.path), "record", "off"]) == 1
    assert capsys.readouterr().err == "rtbci: nothing is being recorded; there is no part to stop\n"
    assert run(["control", str(running.folder.path), "record", "off", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"].startswith("nothing is being recorded")


def test_the_status_is_readable_for_people_and_programs(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["control", str(running.folder.path), "status"]) == 0
    text = capsys.readouterr().out
    assert "recording  off, part 1, 10.0 s, 99 bytes, /s/recording.xdf" in text
    assert "mdm        live, in charge, 60 decided, 0.750 right of 4 trials (chance 0.50)" in text
    assert "csp        stopped, next in charge, 2 decided, no trial yet" in text
    assert "bad        C3" in text
    assert "remote     127.0.0.1 port 22345, 2 connected; remote control: recording to /s/recording.xdf" in text
    assert run(["control", str(running.folder.path), "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "status": STATUS}


def test_help_shows_what_every_command_takes(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["control", str(running.folder.path), "help"]) == 0
    text = capsys.readouterr().out
    assert all(f"{do}: " in text for do in FIELDS)
    assert "record: on = true or false, name = a file name (may be left out)" in text


def test_a_session_that_does_not_run_is_exit_code_2(
    running: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running.server.close()
    assert run(["control", str(running.folder.path), "status"]) == 2
    assert "no session answers" in capsys.readouterr().err
    running.folder.update(run_folder=str(tmp_path / "gone"))
    assert run(["control", str(running.folder.path), "status"]) == 2
    assert "the session does not run any more" in capsys.readouterr().err
    assert run(["control", str(tmp_path / "nothing"), "status"]) == 2
    assert "is not there; a session folder is what" in capsys.readouterr().err
    assert run(["control", str(running.folder.path)]) == 2
    assert "Missing argument 'COMMAND...'" in capsys.readouterr().err
