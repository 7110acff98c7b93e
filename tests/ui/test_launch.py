"""Sessions that are started from the window: found by their process id, or refused in one line."""

import json
import os
import time

import pytest

from rtbci import bundled
from rtbci_ui import launch

SYNTHETIC = """
name = "launched"

[source]
use = "synthetic"
seed = 3
channels = ["C3", "Cz", "C4"]
rate = 160.0
line = 0.0
classes = ["fists", "feet"]
speed = 1.0
"""


def settled(launched, seconds=60.0):
    """What it has become once it acquires or has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        outcome = launched.poll()
        if outcome.ready or outcome.ended:
            return outcome
        time.sleep(0.05)
    launched.cancel()
    raise AssertionError(f"after {seconds} s still {launched.poll()}")


def test_a_session_is_started_found_and_goes_on_by_itself(tmp_path):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(SYNTHETIC)
    launched = launch.start_session(experiment, extra=("--seconds", "2"))
    try:
        outcome = settled(launched)
        assert outcome.ready, outcome
        status = json.loads((outcome.run / "status.json").read_text())
        assert status["pid"] == launched.pid
        assert status["name"] == "launched"
        assert os.getsid(launched.pid) == launched.pid != os.getsid(0)  # neither Ctrl-C nor our end reaches it
        assert (outcome.run, "launched") in [(run, found.name) for run, found in launch.running()]
        ended = launched.wait(60.0)
    finally:
        launched.cancel()
    assert (ended.ended, ended.problem) == (True, "")
    assert ended.folder.parent == tmp_path / "sessions"
    assert json.loads((ended.folder / "report.json").read_text())["samples"]["received"] >= 200
    assert launched.pid not in [found.pid for _, found in launch.running()]


def test_a_rehearsal_is_started_and_found_in_the_same_way(tmp_path):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(bundled.experiment().read_text())
    launched = launch.start_rehearsal(experiment, bundled.calibration(), extra=("--seconds", "3", "--from", "10"))
    try:
        outcome = settled(launched)
        assert outcome.ready, outcome
        status = json.loads((outcome.run / "status.json").read_text())
        assert (status["pid"], status["playback"]["recording"]) == (launched.pid, str(bundled.calibration()))
        ended = launched.wait(60.0)
    finally:
        launched.cancel()
    assert (ended.ended, ended.problem) == (True, "")


def test_a_recording_that_is_none_is_refused_in_one_line(tmp_path):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(bundled.experiment().read_text())
    outcome = settled(launch.start_rehearsal(experiment, tmp_path / "gone.edf"))
    assert "there is no recording" in outcome.problem
    assert "gone.edf" in outcome.problem


def test_a_broken_experiment_is_refused_in_one_line(tmp_path):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text('name = "x"\n[source]\nuse = "nowhere"\n')
    launched = launch.start_session(experiment)
    outcome = settled(launched)
    assert outcome.ended
    assert '"nowhere"' in outcome.problem
    assert "experiment.toml" in outcome.problem
    assert "\n" not in outcome.problem
    assert not outcome.problem.startswith("rtbci:")
    assert outcome.run is None


def test_a_stream_that_does_not_come_is_told_while_it_is_looked_for_and_in_the_end(tmp_path, stream_name):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(f'name = "x"\n[source]\nuse = "lsl"\nname = "{stream_name}"\ntimeout = 1.5\n')
    launched = launch.start_session(experiment)
    seen = set()
    end = time.monotonic() + 60.0
    while not (outcome := launched.poll()).ended and time.monotonic() < end:
        assert not outcome.ready
        seen.add(outcome.doing)
        time.sleep(0.02)
    assert "looking for the stream …" in seen
    assert f"no LSL stream with type = 'EEG', name = '{stream_name}' within 1.5 s" in outcome.problem


def test_a_session_that_is_cancelled_leaves_no_run_folder(tmp_path, stream_name):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(f'name = "x"\n[source]\nuse = "lsl"\nname = "{stream_name}"\ntimeout = 60.0\n')
    launched = launch.start_session(experiment)
    end = time.monotonic() + 60.0
    while (outcome := launched.poll()).run is None and not outcome.ended and time.monotonic() < end:
        time.sleep(0.02)
    run = outcome.run
    assert run is not None
    launched.cancel()
    outcome = launched.wait(30.0)
    assert (outcome.ended, outcome.problem) == (True, "cancelled")
    assert not run.exists()


def test_what_a_session_said_can_be_removed(tmp_path):
    launched = launch.start_session(tmp_path / "gone.toml")
    outcome = settled(launched)
    assert "there is no such file" in outcome.problem
    launched.forget()
    assert "said nothing" in launched.poll().problem


@pytest.mark.parametrize("fields", ["", "[1]", '{"pid": "x"}', '{"pid": 1, "state": "ended"}'])
def test_run_folders_that_are_not_ours_are_passed_over(tmp_path, fields):
    folder = tmp_path / "rtbci-run-x"
    folder.mkdir()
    (folder / "status.json").write_text(fields)
    assert launch.run_of(4, [tmp_path]) is None
    assert launch.running([tmp_path]) == []
