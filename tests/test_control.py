"""The control socket answers whoever speaks, and survives whoever does not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rtbci.control import LONGEST_LINE, MOST_CLIENTS, ControlServer, send
from rtbci.errors import ConfigError, RecordingError
from rtbci.runfolder import RunFolder


def handle(command):
    match command:
        case {"do": "add", "values": values}:
            return {"sum": sum(values)}
        case {"do": "refuse"}:
            raise ConfigError("[trial] stop = 0: too early")
        case {"do": "break"}:
            raise ZeroDivisionError("by zero")
        case {"do": "unwritable"}:
            return {"x": object()}
        case {"do": "much"}:
            return {"x": "y" * 500_000}
    return {"echo": command}


@pytest.fixture(params=["unix", "tcp"])
def run(request, tmp_path) -> RunFolder:
    """A run folder; one whose path is too long for a Unix socket makes the server fall back to 127.0.0.1."""
    path = Path(tmp_path)
    if request.param == "tcp":
        path = path / ("deep" * 30)
        path.mkdir()
    return RunFolder(path)


@pytest.fixture
def server(run):
    server = ControlServer(run, handle)
    yield server
    server.close()


def raw(run: RunFolder) -> tuple[socket.socket, dict]:
    address = json.loads(run.control.read_text())
    if "tcp" in address:
        return socket.create_connection(("127.0.0.1", address["tcp"]), 10), {"token": address["token"]}
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(address["unix"])
    connection.settimeout(10)
    return connection, {}


def ask(run: RunFolder, data: bytes) -> dict:
    connection, _ = raw(run)
    with connection:
        connection.sendall(data)
        return json.loads(connection.makefile("rb").readline())


def test_a_command_is_answered(run, server):
    assert send(run, {"do": "add", "values": [1, 2]}) == {"sum": 3}
    assert send(run, {"text": "µV\n"}) == {"echo": {"text": "µV\n"}}
    assert send(run, {"do": "much"}) == {"x": "y" * 500_000}


def test_only_the_user_may_read_the_address(request, run, server):
    assert stat.S_IMODE(run.control.stat().st_mode) == 0o600
    assert next(iter(json.loads(run.control.read_text()))) == request.node.callspec.params["run"]


def test_several_commands_on_one_connection_are_answered_in_order(run, server):
    connection, token = raw(run)
    with connection:
        lines = [json.dumps({"n": n, **token}) for n in range(50)]
        connection.sendall("\n".join(lines).encode() + b"\n")
        replies = connection.makefile("rb")
        assert [json.loads(replies.readline())["echo"]["n"] for _ in range(50)] == list(range(50))


def test_a_command_in_pieces_and_a_client_that_stops_writing_are_answered(run, server):
    connection, token = raw(run)
    with connection:
        for byte in json.dumps({"n": 1, **token}).encode() + b"\n":
            connection.sendall(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        assert json.loads(connection.makefile("rb").read()) == {"echo": {"n": 1}}


def test_what_the_handler_raises_comes_back_as_an_error(run, server):
    assert send(run, {"do": "refuse"}) == {"error": "[trial] stop = 0: too early"}
    assert send(run, {"do": "break"}) == {"error": "ZeroDivisionError: by zero"}
    assert send(run, {"do": "unwritable"})["error"].startswith("TypeError: ")
    assert send(run, {"do": "add", "values": [1]}) == {"sum": 1}


@pytest.mark.parametrize(
    "line", [b"\n", b"nonsense\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"[1]\n", b"3\n", b'{"a": \n']
)
def test_what_is_no_command_is_answered_with_an_error(run, server, line):
    assert set(ask(run, line)) == {"error"}
    assert send(run, {"n": 1}) == {"echo": {"n": 1}}


def test_a_line_without_end_is_refused(run, server):
    assert "is longer than" in ask(run, b"x" * (LONGEST_LINE + 1))["error"]


def test_without_the_token_nothing_is_done(run, server):
    for line in (b'{"do": "add", "values": [1]}\n', b'{"token": "x\xc3\xa9"}\n', b'{"token": 3}\n'):
        reply = ask(run, line)
        tcp = "tcp" in json.loads(run.control.read_text())
        assert ("token is wrong" in reply.get("error", "")) == tcp


def test_clients_that_vanish_or_say_nothing_keep_nobody_waiting(run, server):
    silent = [raw(run)[0] for _ in range(MOST_CLIENTS + 10)]
    for i, connection in enumerate(silent):
        if i % 3 == 0:
            connection.close()
        elif i % 3 == 1:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the oldest had to make room
                connection.sendall(b'{"half')
            connection.close()
    assert send(run, {"n": 1}) == {"echo": {"n": 1}}
    for connection in silent:
        connection.close()


def test_a_client_that_takes_no_replies_is_dropped(run):
    server = ControlServer(run, handle, idle=1.0)
    try:
        connection, token = raw(run)
        with connection:
            line = json.dumps({"do": "much", **token}).encode() + b"\n"
            connection.sendall(line * 60)
            assert send(run, {"n": 1}, timeout=10) == {"echo": {"n": 1}}
            while server.n_clients:  # until it has been idle for too long
                threading.Event().wait(0.01)
            received = 0
            with contextlib.suppress(ConnectionError):
                while chunk := connection.recv(1 << 16):
                    received += len(chunk)
            assert 0 < received < 60 * 500_000
    finally:
        server.close()


def test_a_silent_client_is_hung_up_on(run):
    server = ControlServer(run, handle, idle=0.1)
    try:
        connection, _ = raw(run)
        with connection:
            assert connection.recv(1) == b""
    finally:
        server.close()


def test_many_clients_at_once_are_all_answered_and_commands_come_one_by_one(run):
    inside = threading.Lock()

    def alone(command):
        assert inside.acquire(blocking=False)
        try:
            return {"n": command["n"]}
        finally:
            inside.release()

    server = ControlServer(run, alone)
    answers: list[dict] = []
    try:
        threads = [threading.Thread(target=lambda n=n: answers.append(send(run, {"n": n}, 20))) for n in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.close()
    assert sorted(answer["n"] for answer in answers) == list(range(30))


def test_after_the_session_has_closed_nothing_is_left_and_sending_says_so(run):
    server = ControlServer(run, handle)
    server.close()
    server.close()
    assert list(run.path.iterdir()) == []
    with pytest.raises(RecordingError, match=r"no session answers at .*; it has ended, or is not ready yet"):
        send(run, {"n": 1})


def test_a_command_may_close_the_server_and_is_still_answered(run):
    servers: list[ControlServer] = []

    def stop(command):
        servers[0].close()
        return {"ok": True}

    servers.append(ControlServer(run, stop))
    assert send(run, {"do": "stop"}) == {"ok": True}


def test_a_busy_session_is_told_from_one_that_is_gone(run):
    going_on = threading.Event()

    def wait(command):
        going_on.wait()
        return {}

    server = ControlServer(run, wait)
    try:
        with pytest.raises(RecordingError, match=r"did not answer within 0\.05 s"):
            send(run, {"n": 1}, timeout=0.05)
    finally:
        going_on.set()
        server.close()


def test_a_killed_session_is_gone_and_the_next_one_takes_its_place(run):
    code = (
        "import sys, time; from pathlib import Path; from rtbci.control import ControlServer;"
        "from rtbci.runfolder import RunFolder;"
        "ControlServer(RunFolder(Path(sys.argv[1])), lambda c: c); print('up', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert send(run, {"n": 1}) == {"n": 1}
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with pytest.raises(RecordingError, match="it has ended or was killed"):
        send(run, {"n": 1})
    server = ControlServer(run, handle)
    try:
        assert send(run, {"n": 1}) == {"echo": {"n": 1}}
    finally:
        server.close()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"tcp": "x"}', '{"unix": 3}'])
def test_a_broken_address_is_one_error(run, text):
    run.control.write_text(text)
    with pytest.raises(RecordingError, match="no session answers"):
        send(run, {"n": 1})


def test_a_run_folder_that_is_gone_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="no control socket can be made"):
        ControlServer(RunFolder(tmp_path / "gone"), handle)


def test_more_callers_at_once_than_the_queue_holds_are_answered_when_the_session_has_time(run):
    busy, going_on = threading.Event(), threading.Event()

    def wait(command):
        busy.set()
        going_on.wait()
        return {"n": command["n"]}

    server = ControlServer(run, wait)
    answers: list[dict] = []
    try:
        callers = [
            threading.Thread(target=lambda n=n: answers.append(send(run, {"n": n}, 60)))
            for n in range(MOST_CLIENTS + 20)
        ]
        callers[0].start()
        busy.wait()
        for caller in callers[1:]:
            caller.start()
        going_on.set()
        for caller in callers:
            caller.join()
    finally:
        going_on.set()
        server.close()
    assert sorted(answer["n"] for answer in answers) == list(range(MOST_CLIENTS + 20))


def test_who_waits_while_a_long_command_runs_is_not_taken_for_idle(run):
    inside, going_on = threading.Event(), threading.Event()

    def wait(command):
        inside.set()
        going_on.wait()
        return {"n": command["n"]}

    server = ControlServer(run, wait, idle=0.05)
    answers: list[dict] = []
    try:
        first = threading.Thread(target=lambda: answers.append(send(run, {"n": 1}, 60)))
        first.start()
        inside.wait()
        second, token = raw(run)
        with second:
            second.sendall(json.dumps({"n": 2, **token}).encode() + b"\n")
            going_on.wait(0.2)  # longer than anyone may be idle
            going_on.set()
            assert json.loads(second.makefile("rb").readline()) == {"n": 2}
        first.join()
    finally:
        going_on.set()
        server.close()
    assert answers == [{"n": 1}]
