"""The log of a run: one JSON object a line, whole, in order."""

from __future__ import annotations

import json

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


def test_a_log_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(RecordingError, match=r"--log .*: No such file or directory; a path in a writable folder"):
        Log(tmp_path / "nowhere" / "log.jsonl")


def test_without_a_path_nothing_is_kept():
    log = Log(None)
    log.add({"event": "marker"})
    log.close()
    assert log.failure == ""
