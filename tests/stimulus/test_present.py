"""The stimulus process as a session meets it: an LSL stream of markers from another process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pylsl
import pytest

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
