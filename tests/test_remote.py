"""Remote control over TCP: JSON with the token, LabRecorder's commands from this computer, and no harm from anybody else."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtbci import remote
from rtbci.commands import FIELDS
from rtbci.errors import ConfigError, RecordingError
from rtbci.experiment import RemoteConfig
from rtbci.line_server import LONGEST_LINE, MOST_CLIENTS
from rtbci.rcs import BIDS, DEFAULTS, WILDCARDS, replaced
from rtbci.remote import RemoteServer, RemoteSettings, token_in
from rtbci.runfolder import RunFolder


class Session:
    """What a session would answer, and all that it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.recording: str | None = None

    @property
    def wishes(self) -> list[dict[str, Any]]:
        """What it was asked to do."""
        return [command for command in self.asked if command["do"] != "status"]

    def handle(self, command: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(command)
        match command:
            case {"do": "help"}:
                return {"ok": True, "commands": {"status": {}}}
            case {"do": "status"}:
                state = "off" if self.recording is None else "recording"
                recording = {"state": state, "path": self.recording}
                return {"ok": True, "echo": command, "status": {"recording": recording}}
            case {"do": "record", "on": True, **rest}:
                if self.recording is not None:
                    raise RecordingError(f"recording already, to {self.recording}; stop that part first")
                self.recording = rest.get("name", "recording.xdf")
                return {"ok": True, "part": 1, "path": self.recording}
            case {"do": "record"}:
                if self.recording is None:
                    raise RecordingError("nothing is being recorded; there is no part to stop")
                path, self.recording = self.recording, None
                return {"ok": True, "path": path}
            case {"do": "break"}:
                raise ZeroDivisionError("by zero")
        return {"ok": True, "echo": command}


@pytest.fixture
def session() -> Session:
    return Session()


Start = Callable[..., RemoteServer]


@pytest.fixture
def start(tmp_path: Path, session: Session) -> Iterator[Start]:
    servers: list[RemoteServer] = []

    def start(**settings: Any) -> RemoteServer:
        server = RemoteServer(
            RunFolder(tmp_path), session.handle, RemoteSettings(port=0, **settings), session.said.append
        )
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


class Caller:
    """A program that is connected."""

    def __init__(self, server: RemoteServer) -> None:
        self.socket = socket.create_connection((server.host, server.port), 10)
        self.replies = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> str:
        return self.replies.readline().decode()

    def text(self, line: str) -> str:
        self.send(line.encode() + b"\n")
        return self.reply().rstrip("\n")

    def json(self, **command: Any) -> dict[str, Any]:
        return json.loads(self.text(json.dumps(command)))


def test_only_the_user_may_read_the_token_and_it_goes_with_the_server(
    start: Start, session: Session, tmp_path: Path
) -> None:
    server = start()
    address = json.loads((tmp_path / "remote").read_text())
    assert address == {"host": "127.0.0.1", "port": server.port, "token": server.token}
    assert stat.S_IMODE((tmp_path / "remote").stat().st_mode) == 0o600
    assert len(server.token) == 32
    assert any(server.token in line and str(server.port) in line for line in session.said)
    server.close()
    assert not (tmp_path / "remote").exists()
    with pytest.raises(OSError):
        socket.create_connection((server.host, server.port), 2)


def test_json_needs_the_token_in_each_line_or_once_for_the_connection(start: Start, session: Session) -> None:
    server = start()
    caller = Caller(server)
    assert "a token is needed" in caller.json(do="status")["error"]
    assert caller.json(do="status", token=server.token)["echo"] == {"do": "status"}
    other = Caller(server)
    assert other.json(do="hello", token=server.token)["commands"] == {"status": {}}
    assert other.json(do="note", text="µ") == {"ok": True, "echo": {"do": "note", "text": "µ"}}
    assert "a token is needed" in Caller(server).json(do="status")["error"]
    assert {"do": "status"} in session.asked
    assert all("token" not in command for command in session.asked)


def test_a_wrong_token_shuts_a_connection_that_was_open_and_five_end_it(start: Start, session: Session) -> None:
    server = start()
    caller = Caller(server)
    assert caller.json(do="status", token=server.token)["ok"]
    for wrong in ("", "x" * 32, None, 7):
        assert "the token is wrong" in caller.json(do="status", token=wrong)["error"]
    assert "a token is needed" in caller.json(do="status")["error"]
    assert "the token is wrong" in caller.json(do="status", token="é")["error"]
    assert caller.reply() == ""  # hung up
    assert Caller(server).json(do="status", token=server.token)["ok"]
    assert session.asked == [{"do": "status"}, {"do": "status"}]


def test_errors_come_back_in_words_and_end_nothing(start: Start) -> None:
    server = start()
    caller = Caller(server)
    assert caller.json(do="record", on=False, token=server.token)["error"].startswith("nothing is being recorded")
    assert caller.json(do="break")["error"] == "ZeroDivisionError: by zero"
    assert "not JSON" in json.loads(caller.text('{"do": '))["error"]
    assert caller.json(do="status")["ok"]


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("select all", []),
        ("select none", []),
        ("update", []),
        ("  start \r", [{"do": "record", "on": True}]),
        ("START", [{"do": "record", "on": True}]),
        ("filename {run:2}", []),
    ],
)
def test_labrecorders_commands_are_answered_with_ok_and_need_no_token(
    start: Start, session: Session, line: str, asked: list[dict[str, Any]]
) -> None:
    assert Caller(start()).text(line) == "OK"
    assert session.wishes == asked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stopp", "ERROR 'stopp' is none of LabRecorder's commands (select all, select none, update, start"),
        ("start now", "ERROR 'start now' is none of LabRecorder's"),
        ("select some", "is none of LabRecorder's commands"),
        ("filename", "options in braces are expected, such as {participant:P003}"),
        ("filename P003", "not 'P003'"),
        ("filename {participant:P003} x", "not 'x'"),
        ("filename {person:P003}", "there is no option 'person'; there are root, template, task"),
        ("filename {run:two}", "run is 'two'; a whole number such as 2"),
        ("filename {template:../../%p.xdf}", "no file name within the session folder"),
        ("filename {template:/etc/%p.xdf}", "no file name within the session folder"),
        ("filename {participant:../..}", "no file name within the session folder"),
        ("\x00\x01\x02", "is none of LabRecorder's commands"),
    ],
)
def test_what_labrecorder_would_swallow_is_an_error_in_words(start: Start, line: str, words: str) -> None:
    caller = Caller(start())
    assert words in caller.text(line)
    assert caller.text("update") == "OK"


def test_start_and_stop_out_of_turn_are_ok_as_with_labrecorder_and_told_at_the_session(
    start: Start, session: Session
) -> None:
    """Programs send them to be on the safe side, several in a bunch, and some end at a reply that is not OK."""
    server = start()
    caller = Caller(server)
    assert caller.text("stop") == "OK"
    assert session.wishes == []
    assert session.said[-1] == "remote control: stop was asked for; nothing was being recorded"
    assert caller.text("start") == "OK"
    assert session.said[-1] == "remote control: recording to recording.xdf"
    assert caller.text("filename {task:rest} {template:%b.xdf}") == "OK"
    assert caller.text("start") == "OK"
    assert session.wishes == [{"do": "record", "on": True}]  # what is being recorded goes on
    assert session.said[-1] == (
        "remote control: start was asked for while recording: recording.xdf goes on; rest.xdf is for the next part"
    )
    assert server.status() == {"host": "127.0.0.1", "port": server.port, "clients": 1, "said": session.said[-1]}
    assert caller.text("stop") == "OK"
    assert session.said[-1] == "remote control: recording was stopped: recording.xdf"
    assert caller.text("start") == "OK"
    assert session.wishes[-1] == {"do": "record", "on": True, "name": "rest.xdf"}


@pytest.mark.parametrize(
    ("line", "told"), [("filename {person:P003}", True), ("start", True), ("start now", True), ("\x00\x01", False)]
)
def test_what_is_refused_is_told_at_the_session_because_few_programs_look(
    start: Start, session: Session, monkeypatch: pytest.MonkeyPatch, line: str, told: bool
) -> None:
    real = session.handle

    def refuse(command: dict[str, Any]) -> dict[str, Any]:
        if command["do"] == "record":
            raise RecordingError("the session is still starting; record when samples flow")
        return real(command)

    monkeypatch.setattr(session, "handle", refuse)
    assert Caller(start()).text(line).startswith("ERROR ")
    refused = [text for text in session.said if "was refused" in text]
    assert len(refused) == told
    assert all(text.startswith(f"remote control: {line!r} was refused: ") for text in refused)


def test_a_program_that_asks_for_the_status_all_the_time_does_not_fill_the_log(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    caller = Caller(server)
    with caplog.at_level("INFO", "rtbci.session"):
        for _ in range(10):
            caller.json(do="status", token=server.token)
        caller.json(do="note", text="x")
    assert [record.getMessage().partition(" asks for ")[2] for record in caplog.records] == [
        "{'do': 'note', 'text': 'x'}"
    ]


def test_the_token_of_a_file_is_made_once_and_then_kept(tmp_path: Path) -> None:
    path = tmp_path / "remote.token"
    token = token_in(path)
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token_in(path) == token
    path.write_text("a-token-of-my-own\r\n")
    assert token_in(path) == "a-token-of-my-own"


@pytest.mark.parametrize("text", ["", "short", "two words of sixteen letters", "x" * 201, "µ" * 16, "x" * 100_000])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "remote.token"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"remote.token: holds no token; one word of 16 to 200"):
        token_in(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_token_that_others_may_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / "remote.token"
    token = token_in(path)
    path.chmod(0o640)
    with pytest.raises(
        ConfigError, match=r"other users may read it \(mode 640\); mode 600 \(chmod 600\) would be right"
    ):
        token_in(path)
    path.chmod(0o400)
    assert token_in(path) == token
    with pytest.raises(ConfigError, match="cannot be read or made"):
        token_in(tmp_path / "gone" / "remote.token")


def test_the_tables_port_is_this_modules() -> None:
    assert RemoteConfig().port == remote.PORT == RemoteSettings().port
    assert RemoteConfig().host == RemoteSettings().host
    assert RemoteConfig().rcs is RemoteSettings().rcs


def test_filename_names_the_next_part_and_keeps_what_it_was_told_before(start: Start, session: Session) -> None:
    server = start()
    caller = Caller(server)
    assert caller.text("filename {participant:P003} {session:S002}{task:rest} {modality:meg}") == "OK"
    assert caller.text("start") == "OK"
    assert caller.text("stop") == "OK"
    assert Caller(server).text("filename {run:12} {Acquisition:pre}") == "OK"  # another connection, the same recorder
    assert caller.text("start") == "OK"
    assert caller.text("stop") == "OK"
    assert caller.text(r"filename {root:C:\Data\} {template:exp%n\%p_block_%b.xdf}") == "OK"
    assert caller.text("start") == "OK"
    assert [command["name"] for command in session.wishes if command["on"]] == [
        "sub-P003/ses-S002/meg/sub-P003_ses-S002_task-rest_run-001_meg.xdf",
        "sub-P003/ses-S002/meg/sub-P003_ses-S002_task-rest_acq-pre_run-012_meg.xdf",
        "exp012/P003_block_rest.xdf",
    ]
    assert any(r"root C:\Data\ is not used" in line for line in session.said)


def test_a_filename_that_is_refused_changes_nothing(start: Start, session: Session) -> None:
    caller = Caller(start())
    caller.text("filename {participant:P003}")
    assert caller.text("filename {task:rest} {run:x}").startswith("ERROR")
    caller.text("start")
    assert session.wishes[0]["name"] == "sub-P003/ses-S001/eeg/sub-P003_ses-S001_task-Default_run-001_eeg.xdf"


def test_wildcards_are_labrecorders() -> None:
    values = {**DEFAULTS, "task": "b", "participant": "p", "session": "s", "modality": "m", "run": "7"}
    assert replaced("%b %p %s %m %n %r[ acq %a]", values) == "b p s m 007 007"
    assert replaced("%b[ acq %a]", {**values, "acquisition": "a"}) == "b acq a"
    assert replaced(BIDS, values) == "sub-p/ses-s/m/sub-p_ses-s_task-b_run-007_m.xdf"


def test_labrecorders_commands_can_be_turned_off_and_json_stays(start: Start, session: Session) -> None:
    server = start(rcs=False)
    caller = Caller(server)
    assert caller.text("start").startswith("ERROR LabRecorder's commands are turned off here (--no-rcs)")
    assert caller.json(do="status", token=server.token)["ok"]
    assert session.asked == [{"do": "status"}]


def test_from_another_computer_labrecorders_commands_are_not_taken(
    start: Start, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_is_loopback", lambda address: False)  # as if all came from elsewhere
    server = start()
    assert any(line.startswith("WARNING: ") and "other computers" in line for line in session.said)
    caller = Caller(server)
    assert caller.text("start").startswith("ERROR LabRecorder's commands are taken from this computer only")
    assert session.asked == []
    assert caller.json(do="status", token=server.token)["ok"]


@pytest.mark.parametrize(
    ("address", "is_this"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.168.0.7", False),
     ("0.0.0.0", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("", False)],
)  # fmt: skip
def test_what_counts_as_this_computer(address: str, is_this: bool) -> None:
    assert remote._is_loopback(address) is is_this


def test_a_page_in_a_browser_cannot_speak_for_the_experimenter(start: Start, session: Session) -> None:
    server = start()
    caller = Caller(server)
    caller.send(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\nstart\nstop\n")
    assert caller.reply().startswith("ERROR this is no web server")
    assert caller.reply() == ""
    assert session.asked == []


def test_garbage_half_lines_and_those_who_leave_disturb_nobody(start: Start, session: Session) -> None:
    server = start()
    for data in (b"\xff\xfe\x00\n" * 100, b'{"do": "stat', b"sta", b"\n" * 1000, b"\r\n"):
        caller = Caller(server)
        caller.send(data)
        caller.socket.close()
    half = Caller(server)
    half.send(b"filename {run")
    whole = Caller(server)
    assert whole.text("update") == "OK"
    half.send(b":3}\nsta")
    assert half.reply() == "OK\n"
    half.send(b"rt\nupdate\n")  # two lines in one piece
    assert (half.reply(), half.reply()) == ("OK\n", "OK\n")
    assert session.wishes == [{"do": "record", "on": True, "name": replaced(BIDS, {**DEFAULTS, "run": "3"})}]


def test_a_line_without_an_end_is_given_up(start: Start) -> None:
    server = start()
    caller = Caller(server)
    with pytest.raises(OSError):
        for _ in range(40):
            caller.send(b"x" * (LONGEST_LINE // 16))
            threading.Event().wait(0.005)
    assert Caller(server).text("update") == "OK"


def test_of_too_many_clients_the_one_that_was_silent_longest_goes_and_all_others_are_answered(start: Start) -> None:
    server = start()
    callers = [Caller(server) for _ in range(MOST_CLIENTS)]
    assert [caller.text("update") for caller in callers] == ["OK"] * MOST_CLIENTS
    assert Caller(server).text("update") == "OK"
    assert callers[0].reply() == ""
    assert callers[1].text("update") == "OK"


def test_a_port_that_is_taken_is_refused_with_its_number(start: Start, tmp_path: Path, session: Session) -> None:
    taken = start().port
    with pytest.raises(RecordingError, match=rf"nothing can listen on 127.0.0.1 port {taken}: .*--remote 0"):
        RemoteServer(RunFolder(tmp_path), session.handle, RemoteSettings(port=taken), session.said.append)


def test_a_reply_that_is_an_error_is_one_line(start: Start, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: dict[str, Any]) -> dict[str, Any]:
        raise ConfigError("one\ntwo")

    monkeypatch.setattr(session, "handle", refuse)
    assert Caller(start()).text("start") == "ERROR one two"


ROOT = Path(__file__).parent.parent


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "remote-control.md").read_text()
    assert all(f'{{"do": "{do}"' in text for do in (*FIELDS, "play", "hello"))
    assert all(f'"{key}"' in text for fields in FIELDS.values() for key in fields)
    assert all(f"| `{option}` |" in text for option in DEFAULTS)
    assert all(f"`{wildcard}`" in text for wildcard in WILDCARDS)


def test_the_documented_program_works_as_it_stands(start: Start, session: Session) -> None:
    server = start()
    text = (ROOT / "docs" / "remote-control.md").read_text()
    program = text.split("```python\n")[1].split("```")[0]
    program = program.replace("22345", str(server.port)).replace("9f2c…", server.token)
    exec(compile(program, "docs/remote-control.md", "exec"), {})
    assert [command["do"] for command in session.asked] == ["help", "record", "mark", "status"]
