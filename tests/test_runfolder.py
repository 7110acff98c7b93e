from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci.errors import RecordingError
from rtbci.runfolder import (
    DecisionRing,
    MarkerReader,
    RunFolder,
    decision_from_json,
    decision_from_row,
    decision_to_json,
    decision_to_row,
    marker_to_json,
    read_json,
    replace_json,
)
from rtbci.types import Channel, Decision, Flag, Marker, StreamInfo

finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(0, 2**53)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    n = draw(st.integers(2, 5))
    values = st.lists(finite, min_size=n, max_size=n)
    return Decision(
        start=draw(whole),
        stop=draw(whole),
        sample=draw(whole),
        log_probs=np.array(draw(values)),
        evidence=np.array(draw(values)),
        answer=draw(st.integers(-1, n - 1)),
        signal_time=draw(finite),
        arrival_time=draw(finite),
        ready_time=draw(finite),
        skipped=draw(whole),
        origin=draw(whole),
        flags=Flag(draw(st.integers(0, 31))),
        marker_time=draw(st.one_of(finite, st.just(math.nan))),
    )


@given(decision=decisions())
def test_a_decision_survives_the_ring_and_the_log_bit_for_bit(decision: Decision) -> None:
    row = decision_to_row(decision)
    for copy in (decision_from_row(row), decision_from_json(json.loads(json.dumps(decision_to_json(decision))))):
        assert decision_to_row(copy).tobytes() == row.tobytes()
        assert copy.flags == decision.flags
        assert isinstance(copy.sample, int)


def made(start: int) -> Decision:
    return Decision(start, start + 1, start, np.zeros(2), np.zeros(2), 0, float(start), 0.0, 0.0)


def test_a_follower_of_decisions_gets_each_once_and_the_newest_when_it_was_away_too_long(tmp_path: Path) -> None:
    ring = DecisionRing.create(tmp_path / "d.ring", ("a", "b"), 0.1, 2.0)
    reader = DecisionRing.attach(tmp_path / "d.ring")
    assert reader.newest() is None
    seen, at = [], 0
    for start in range(300):
        ring.add(made(start))
        if start % 7 == 0:
            new, at = reader.follow(at)
            seen += [d.start for d in new]
    new, at = reader.follow(at)
    assert seen + [d.start for d in new] == list(range(300))
    for start in range(300, 20_000):
        ring.add(made(start))
    new, at = reader.follow(at)
    assert new[-1].start == 19_999
    assert [d.start for d in new] == list(range(new[0].start, 20_000))
    assert at == 20_000


def test_a_marker_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "markers.jsonl"
    reader = MarkerReader(path)
    assert reader.new() == []
    line = json.dumps(marker_to_json(Marker(1.5, 'a "label"\nwith ü', 3, "stream"))) + "\n"
    path.write_bytes(line.encode()[:20])
    assert reader.new() == []
    with path.open("ab") as file:
        file.write(line.encode()[20:] + line.encode())
    assert reader.new() == [Marker(1.5, 'a "label"\nwith ü', 3, "stream")] * 2
    assert reader.new() == []


def test_the_stream_is_told_whole(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(RecordingError, match="still looking"):
        run.read_stream()
    info = StreamInfo(
        "amp", 250.0, (Channel("Cz", "eeg", "uV", (0.0, 0.01, 0.1)), Channel("STI", "stim", "")), "EEG", "id-1",
        frozenset({"Cz"}), ("a note",),
    )  # fmt: skip
    run.write_stream(info, 12.25)
    assert run.read_stream() == (info, 12.25)


def test_a_status_is_replaced_whole_and_absent_before(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert read_json(path) is None
    replace_json(path, {"n": 1})
    replace_json(path, {"n": 2})
    assert read_json(path) == {"n": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_a_tmpfs_without_room_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=64 << 20))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert RunFolder.create().path.parent == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="a dead process is told by its signal 0")
def test_what_a_killed_session_left_is_removed_and_what_a_living_one_uses_is_not() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folders = {}
    for name, pid, age in (("dead", dead.pid, 3600), ("just dead", dead.pid, 0), ("alive", os.getpid(), 3600)):
        folders[name] = RunFolder.create().path
        replace_json(folders[name] / "status.json", {"pid": pid})
        os.utime(folders[name] / "status.json", (time.time() - age,) * 2)
    fresh = RunFolder.create().path
    assert {name for name, path in folders.items() if path.exists()} == {"just dead", "alive"}
    for path in (*folders.values(), fresh):
        shutil.rmtree(path, ignore_errors=True)


def test_the_run_folder_of_an_ended_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not the run folder of a session"):
        RunFolder.attach(tmp_path / "gone")
