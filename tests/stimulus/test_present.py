"""The stimulus process as a session meets it: an LSL stream of markers from another process."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pylsl
import pytest

from rtbci.cli.output import run_command

SHORT = ("--set", "fixation=0.2", "--set", "get_ready=0.2", "--set", "cue=0.2", "--set", "imagery=0.4",
         "--set", "rest=0.2", "--set", "rest_jitter=0.1", "--set", "per_block=2", "--set", "block_pause=0.2")  # fmt: skip


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rtbci_stimulus", "--auto", "--windowed", "320x200", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def listen(stream: str) -> pylsl.StreamInlet:
    found = pylsl.resolve_byprop("name", stream, 1, timeout=30.0)
    assert found, "the marker stream was not found"
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(timeout=10.0)
    return inlet


@pytest.fixture
def presented(stream_name, tmp_path):
    """What a receiver heard of a short run, what the process said, its log, and the header of the stream."""
    log = tmp_path / "stimuli.jsonl"
    process = start("--paradigm", "motor-imagery", "--set", f"stream={stream_name}", "--set", "trials=2",
                    "--set", "seed=5", "--log", str(log), *SHORT)  # fmt: skip
    inlet = listen(stream_name)
    header = inlet.info(timeout=10.0)
    heard: list[tuple[str, float]] = []
    while process.poll() is None or not any(label == "run-end" for label, _ in heard):
        sample, stamp = inlet.pull_sample(timeout=0.2)
        if sample is not None:
            heard.append((sample[0], stamp))
        elif process.poll() is not None:
            break
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return heard, json.loads(said.splitlines()[-1]), events, header


def test_a_receiver_hears_every_marker_with_the_time_of_its_swap(presented):
    heard, said, events, header = presented
    labels = [label for label, _ in heard]
    assert labels[0] == "run-start"
    assert labels[-1] == "run-end"
    assert sorted(label for label in labels if "hand" in label) == ["left hand"] * 2 + ["right hand"] * 2
    logged = [(event["label"], event["time"]) for event in events if event["event"] == "marker"]
    assert [label for label, _ in logged] == labels
    np.testing.assert_allclose([stamp for _, stamp in heard], [stamp for _, stamp in logged], atol=1e-9)
    assert said["markers"] == len(heard)
    assert (said["completed"], said["trials"], said["paradigm"]) == (True, 4, "motor-imagery")
    begin = next(event for event in events if event["event"] == "begin")
    assert begin["receiver"] is True  # it waited until we listened

    # what the header says of the times: offscreen there is no display to wait for, and it says so
    about = header.desc().child("rtbci_stimulus")
    assert about.child_value("paradigm") == "motor-imagery"
    assert about.child_value("synchronised") == "false"
    assert about.child_value("display").startswith("not synchronised to the display: ")
    assert json.loads(about.child_value("settings"))["trials"] == 2
    assert float(about.child_value("refresh_rate")) > 0
    assert (header.type(), header.nominal_srate(), header.channel_count()) == ("Markers", 0.0, 1)
    assert said["synchronised"] is False
    assert [event["event"] for event in events[:1]] == ["open"]
    assert events[-1]["event"] == "summary"


def test_a_signal_ends_it_early_with_a_summary_and_exit_code_1(stream_name):
    process = start("--paradigm", "resting", "--set", f"stream={stream_name}", "--set", "duration=600",
                    "--set", "cue=0.2")  # fmt: skip
    inlet = listen(stream_name)
    sample, _ = inlet.pull_sample(timeout=30.0)
    assert sample == ["run-start"]
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 1, errors
    summary = json.loads(said.splitlines()[-1])
    assert (summary["completed"], summary["aborted"]) == (False, True)
    heard = []
    while (sample := inlet.pull_sample(timeout=0.5)[0]) is not None:
        heard.append(sample[0])
    assert heard[-1] == "abort"


def test_the_command_says_how_it_went(stream_name):
    done = subprocess.run(
        [sys.executable, "-m", "rtbci", "present", "--paradigm", "resting", "--set", f"stream={stream_name}",
         "--set", "duration=0.3", "--set", "cue=0.2", "--set", "repeats=1", "--auto", "--windowed", "320x200",
         "--no-wait-for-consumer", "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["paradigm"], said["completed"], said["markers"]) == ("resting", True, 8)


def test_the_command_refuses_in_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "rtbci", "present", "--paradigm", "restin"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'rtbci: "restin" is no paradigm; did you mean "resting"? '
        "there are motor-imagery, rsvp, p300-matrix, ssvep, resting\n"
    )


@pytest.fixture
def begun(stream_name):
    """Starts `rtbci present`, a long rest: the command, once it has begun, and an inlet that receives its markers."""
    commands = []

    def begin(*words: str) -> tuple[subprocess.Popen[str], pylsl.StreamInlet]:
        commands.append(subprocess.Popen(
            [sys.executable, "-m", "rtbci", "present", "--paradigm", "resting", "--auto", "--windowed", "320x200",
             "--set", f"stream={stream_name}", "--set", "duration=600", "--set", "cue=0.2", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ))  # fmt: skip
        inlet = listen(stream_name)
        assert inlet.pull_sample(timeout=30.0)[0] == ["run-start"]
        return commands[0], inlet

    yield begin
    for command in commands:
        if command.poll() is None:  # the test has failed
            os.kill(stimuli(command), signal.SIGKILL)
            command.communicate()


def stimuli(command: subprocess.Popen[str]) -> int:
    """Process id of the stimulus process that the command started."""
    return int(Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_alone_ends_the_run_with_its_summary(begun, number):
    command, _ = begun()
    command.send_signal(number)
    said, errors = command.communicate(timeout=30)
    assert (command.returncode, errors) == (1, "")
    assert said.startswith("resting: ended early, 0 of 4 trials, ")


def test_a_stimulus_process_that_is_killed_is_said_to_have_been(begun, tmp_path):
    log = tmp_path / "stimuli.jsonl"
    command, inlet = begun("--log", str(log), "--json")
    while inlet.pull_sample(timeout=30.0)[0] != ["eyes-open"]:  # by then what came before is in the log
        pass
    os.kill(stimuli(command), signal.SIGKILL)
    said, errors = command.communicate(timeout=30)
    line = (
        f"the stimulus process was killed by SIGKILL; nothing is known of the run; what happened until then is in {log}"
    )
    assert command.returncode == 1
    assert json.loads(said) == {"error": line}
    assert errors == f"rtbci: {line}\n"
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()][:3] == ["open", "begin", "marker"]


@pytest.mark.parametrize(
    ("code", "complaint", "line"),
    [
        (-15, [], "the stimulus process was ended before anything was shown"),
        (-11, [], "the stimulus process was killed by SIGSEGV; nothing is known of the run"),
        (1, ["ValueError: a defect"], "the stimulus process ended with code 1; the lines above say why"),
    ],
)
def test_a_stimulus_process_that_says_nothing_is_told_of_as_what_it_was(monkeypatch, capsys, code, complaint, line):
    module = importlib.import_module("rtbci.cli.present")
    monkeypatch.setattr(module, "_run", lambda arguments: (code, [], complaint))
    assert run_command(module.present, ["--paradigm", "resting"]) == 1
    assert capsys.readouterr().err.splitlines() == [*complaint, f"rtbci: {line}"]


def test_a_picture_that_cannot_be_read_stands_in_the_summary_and_its_warnings(stream_name, pictures):
    broken = next(path for path in pictures.rglob("*") if path.is_file())
    broken.write_bytes(b"no picture")
    name = broken.relative_to(pictures).with_suffix("").as_posix()
    process = start("--paradigm", "rsvp", "--no-wait-for-consumer", "--set", f"stream={stream_name}",
                    "--set", f"pictures={pictures}", "--set", "repeats=1", "--set", "soa=0.05", "--set", "catch=0",
                    "--set", "fixation=0.1", "--set", "rest=0.1")  # fmt: skip
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    summary = json.loads(said.splitlines()[-1])
    assert summary["failure"].startswith(f'picture "{name}": no picture that can be read')
    assert summary["warnings"][-1] == summary["failure"]
    assert (summary["pictures_late"], summary["unheard"]) == (0, summary["markers"])


LISTENER = """
import sys, pylsl
inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", sys.argv[1], 1, timeout=30.0)[0])
inlet.open_stream(timeout=10.0)
while True:
    sample, _ = inlet.pull_sample(timeout=60.0)
    print(sample[0], flush=True)
"""


def listener(stream: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", LISTENER, stream], stdout=subprocess.PIPE, text=True)


def test_markers_that_are_sent_after_the_receiver_was_killed_are_said_to_be_lost(stream_name):
    process = start("--paradigm", "p300-matrix", "--set", f"stream={stream_name}", "--set", "text=A", "--set",
                    "flashes=3", "--set", "cue=0.2", "--set", "wait=0.2", "--set", "soa=0.1")  # fmt: skip
    heard = listener(stream_name)
    while heard.stdout.readline() not in ("target\n", "nontarget\n"):
        pass
    heard.kill()
    heard.communicate()
    said, _ = process.communicate(timeout=60)
    summary = json.loads(said.splitlines()[-1])
    assert 0 < summary["unheard"] < summary["markers"]
    assert summary["warnings"] == [
        f"{summary['unheard']} of {summary['markers']} markers were sent while nobody received them"
    ]


def test_a_receiver_that_is_held_up_gets_the_last_marker_when_the_stimuli_are_long_over(stream_name):
    process = start("--paradigm", "resting", "--set", f"stream={stream_name}", "--set", "duration=0.5", "--set",
                    "cue=0.3", "--set", "repeats=1")  # fmt: skip
    heard = listener(stream_name)
    assert heard.stdout.readline() == "run-start\n"
    heard.send_signal(signal.SIGSTOP)
    try:
        assert process.wait(timeout=60) == 0
    finally:
        heard.send_signal(signal.SIGCONT)
    try:
        labels = [heard.stdout.readline().strip() for _ in range(7)]
    finally:
        heard.kill()
        heard.communicate()
    assert labels[-1] == "run-end"
