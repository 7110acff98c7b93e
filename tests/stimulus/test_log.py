"""The log of a run: one JSON object a line, whole, in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtbci.errors import RecordingError
from rtbci_stimulus.log import Log


def test_every_event_is_a_line_when_the_log_is_closed(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    for k in range(1000):
        log.add({"event": "marker", "frame": k})
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(1000))


def test_a_second_run_is_appended(tmp_path):
    for k in range(2):
        log = Log(tmp_path / "log.jsonl")
        log.add({"run": k})
        log.close()
    assert (tmp_path / "log.jsonl").read_text() == '{"run": 0}\n{"run": 1}\n'


def test_a_run_that_was_killed_within_a_line_does_not_take_the_first_of_the_next_with_it(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"event": "marker"}\n{"event": "mar')
    log = Log(path)
    log.add({"event": "open"})
    log.close()
    assert path.read_text() == '{"event": "marker"}\n{"event": "mar\n{"event": "open"}\n'


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_said_once_and_in_words(recwarn):
    log = Log(Path("/dev/full"))
    log.add({"event": "open"})
    log.close()
    assert log.failure == "the log lacks lines: No space left on device"
    assert [str(warning.message) for warning in recwarn] == []  # pytest warns where a thread ended by an exception


def test_a_log_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(RecordingError, match=r"--log .*: No such file or directory; a path in a writable folder"):
        Log(tmp_path / "nowhere" / "log.jsonl")


def test_without_a_path_nothing_is_kept():
    log = Log(None)
    log.add({"event": "marker"})
    log.close()
    assert log.failure == ""
