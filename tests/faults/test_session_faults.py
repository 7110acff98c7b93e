"""What goes wrong around a session, and not in its stream: a terminal that is closed, memory or a disk that is full."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci import config, deciding, supervision
from rtbci import session as sessions
from rtbci.deciding import Decider
from rtbci.errors import RecordingError
from rtbci.experiment import DecoderConfig
from rtbci.recording.recorder import Recorder
from rtbci.report import DecoderTally
from rtbci.runfolder import RunFolder
from rtbci.session import Listener, Session, stop_on_signals
from rtbci.supervision import WorkerProcess
from rtbci.tallying import Tallying
from rtbci.trials import Trial
from rtbci.types import Channel, Marker, Samples, StreamInfo, Times
from tests import live
from tests.recording.small_session import load

EXPERIMENT = 'name = "a test"\n[source]\nuse = "file"\n'
DECODING = (
    EXPERIMENT
    + """
[classes]
fists = ["T1"]
feet = ["T2"]
[[decoder]]
name = "mdm"
use = "mdm"
window = 2.0
hop = 0.1
"""
)
RATE, N = 250.0, 500


class Short:
    """A stream of `N` samples of two channels, after which it ends."""

    def __init__(self) -> None:
        self.sent = 0

    def open(self) -> StreamInfo:
        return StreamInfo("short", RATE, (Channel("C3", "eeg", "uV"), Channel("C4", "eeg", "uV")))

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        if self.sent == N:
            raise EOFError
        samples[:10], times[:10] = self.sent, np.arange(self.sent, self.sent + 10) / RATE
        self.sent += 10
        return 10

    def markers(self) -> Sequence[Marker]:
        return ()

    def now(self) -> float:
        return self.sent / RATE

    def close(self) -> None:
        pass


def session(folder: Path, listener: Listener | None = None) -> Session:
    return Session(config.loads(EXPERIMENT), Short(), {}, folder, listener)


def assert_whole(folder: Path) -> None:
    stream = load(folder / "recording.xdf")["short"]
    assert len(stream["time_stamps"]) == N
    assert "footer" in stream
    assert json.loads((folder / "session.json").read_text())["state"] == "ended"
    assert json.loads((folder / "report.json").read_text())["samples"]["recorded"] == N


def test_a_listener_that_fails_ends_no_session(tmp_path: Path) -> None:
    def said(text: str) -> None:
        raise OSError(errno.EIO, "Input/output error")  # a terminal that was closed

    report = session(tmp_path / "s", Listener(said=said)).run()
    assert report["samples"]["recorded"] == N
    assert_whole(tmp_path / "s")
    log = (tmp_path / "s" / "log.txt").read_text()
    assert log.count("nobody hears any more what the session says: OSError") <= 1
    assert "recording to " in log  # what nobody heard stands there


def test_a_terminal_that_takes_no_more_lines_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-S, a selection in a Windows console, or a script that starts `rtbci run` and never reads its output."""
    monkeypatch.setattr(sessions, "TELL_SECONDS", 0.1)
    released, told = threading.Event(), []

    def said(text: str) -> None:
        told.append(text)
        released.wait()

    try:
        assert session(tmp_path / "s", Listener(said=said)).run()["samples"]["recorded"] == N
        assert len(told) == 1  # it waited at the first line all the time
    finally:
        released.set()
    assert_whole(tmp_path / "s")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_a_terminal_that_goes_away_loses_neither_decisions_nor_the_end_of_the_recording(
    tmp_path: Path, all_decoders: Path
) -> None:
    """As when the window of a terminal, or an ssh connection, is closed: printing decisions fails from then on."""
    experiment = tmp_path / "experiment.toml"
    text = live.experiment(tmp_path, "any", "mdm").read_text()
    source = 'use = "file"\npath = "{}"\nspeed = 1.0'
    from rtbci import bundled

    head, _, rest = text.partition('[source]\nuse = "lsl"\nname = "any"')
    text = head + "[source]\n" + source.format(bundled.calibration()) + rest
    experiment.write_text(text.replace('[markers]\nstreams = ["any markers"]\n', ""))
    folder = tmp_path / "session"
    with live.running("run", experiment, "--model", all_decoders, "--headless", "--session", folder) as process:
        received = lambda: live.status_of(folder).get("samples", {}).get("received", 0)  # noqa: E731
        live.wait_for(lambda: received() > 480, 60, "samples")
        assert process.stdout is not None
        process.stdout.close()
        before = received()
        live.wait_for(lambda: received() > before + 480, 30, "samples after the terminal was closed")
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # of these tests, inherited
        process.send_signal(signal.SIGTERM if nohup else signal.SIGHUP)
        process.wait(40)
    report = json.loads((folder / "report.json").read_text())
    assert report["samples"]["recorded"] == report["samples"]["received"] > before + 480
    assert json.loads((folder / "session.json").read_text())["state"] == "ended"
    log = (folder / "decisions" / "mdm.jsonl").read_text().splitlines()
    assert len(log) == report["decoders"]["mdm"]["windows"]["decoded"] > 20


@pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP")
def test_a_session_under_nohup_outlives_its_terminal_and_ends_by_ctrl_c_all_the_same(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        stop_on_signals(session(tmp_path / "s"))
        assert [signal.getsignal(number) is signal.SIG_IGN for number in numbers] == [False, False, True]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_status_that_cannot_be_written_ends_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def full(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sessions, "replace_json", full)
    session(tmp_path / "s", Listener(said=told.append)).run()
    assert_whole(tmp_path / "s")
    (why,) = [text for text in told if "status.json" in text]
    assert why.endswith("cannot be written: No space left on device")


@pytest.mark.parametrize("made_before", [True, False])
def test_a_session_that_cannot_begin_to_record_leaves_nothing_behind(
    made_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: Recorder, record: bool = True) -> None:
        raise RecordingError("cannot make it: No space left on device")

    monkeypatch.setattr(Recorder, "start", start)
    if made_before:
        (tmp_path / "s").mkdir()
    with pytest.raises(RecordingError, match="No space left"):
        session(tmp_path / "s").run()
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    session(tmp_path / "s").run()  # the same place is free for the next try
    assert_whole(tmp_path / "s")


def test_what_is_counted_at_the_end_may_fail_and_the_recording_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(*what: Any) -> None:
        raise ZeroDivisionError("by zero")

    ours = session(tmp_path / "s")
    monkeypatch.setattr(ours._tallying, "gather", gather)
    with pytest.raises(ZeroDivisionError):
        ours.run()
    assert "footer" in load(tmp_path / "s" / "recording.xdf")["short"]


def test_notes_that_the_disk_did_not_take_are_written_before_the_session_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "s"
    ours = session(folder)
    watch = ours._watch

    def watching(seconds: float | None) -> None:
        assert ours.annotations is not None
        (folder / "notes.jsonl").mkdir()  # nothing can be written there
        assert ours.annotations.note(1.0, "blinked")[1] is not None
        (folder / "notes.jsonl").rmdir()
        watch(seconds)

    monkeypatch.setattr(ours, "_watch", watching)
    ours.run()
    assert json.loads((folder / "notes.jsonl").read_text())["text"] == "blinked"


def test_a_worker_that_is_killed_in_the_middle_of_a_line_costs_that_line_and_no_session(tmp_path: Path) -> None:
    experiment = config.loads(DECODING)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    whole = Trial(1.0, "T1", 0, 0, 3, 2, (-0.5, -0.9), -1, None).as_json()
    line = json.dumps(whole) + "\n"
    run.trials("mdm").write_text(line + line[:40])  # the kill

    decider = Decider(run, tmp_path, experiment, "mdm", tmp_path / "no.model", None)
    decider._remember_trials()  # as it is started again
    assert run.trials("mdm").read_text() == line
    assert decider._trials_told == {1.0}

    run.trials("mdm").write_text(line + line[:40] + line + line)  # as a session may find it all the same
    told: list[Trial] = []
    tallying = Tallying(lambda text: None, lambda *decided: None, lambda name, trial, classes: told.append(trial))
    tallying.tallies["mdm"] = DecoderTally(("fists", "feet"))
    worker = WorkerProcess(list(experiment.decoders), run, tmp_path)
    tallying.gather(run, {"mdm": worker}, 0.0)
    assert [trial.time for trial in told] == [1.0, 1.0]


def test_a_full_run_folder_costs_no_decision_and_what_was_to_be_told_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    decider = Decider(run, tmp_path, config.loads(DECODING), "mdm", tmp_path / "no.model", None)
    trials = [Trial(time, "T1", 0, 0, 3, 2, (-0.5, -0.9), -1, None) for time in (1.0, 5.0, 9.0)]

    def full(*what: object, **how: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(deciding, "replace_json", full)
        patched.setattr(deciding, "append_whole", full)
        decider.say("live")
        decider._tell_trials(trials[:1])
        decider._tell_trials(trials[:2])
    decider._tell_trials(trials[2:])
    decider.say("live")
    told = [json.loads(line)["time"] for line in run.trials("mdm").read_text().splitlines()]
    assert told == [1.0, 5.0, 9.0]
    report = json.loads(run.worker("mdm").read_text())
    assert report["state"] == "live"
    assert len(report["notes"]) == 2
    assert all(note.endswith("for a while: No space left on device") for note in report["notes"])


def test_a_worker_that_cannot_be_started_again_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    worker = WorkerProcess([DecoderConfig("mdm", "mdm", 2.0, 0.1)], run, tmp_path)

    def none_left(*what: Any, **how: Any) -> subprocess.Popen[bytes]:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(supervision.subprocess, "Popen", none_left)
    worker.state = "waiting"
    worker.watch()
    assert (worker.state, worker.restarts) == ("waiting", 1)
    assert worker.problem == "could not be started: Cannot allocate memory"
    assert worker.reasons[-1]["why"] == worker.problem
    worker.halt()
    worker.go_on()
    assert worker.state == "waiting"
