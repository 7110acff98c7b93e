"""A recording in parts: each a whole file with its own samples, and what comes in between is not lost without a word."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci.errors import RecordingError
from rtbci.recorded import recorded
from rtbci.recording.growing_file import GrowingFile
from rtbci.recording.recover import recover
from rtbci.recording.session_folder import SessionFolder
from rtbci.runfolder import decision_to_json
from rtbci.sources.file import load as load_file
from rtbci.types import Gap, Marker
from tests.recording.small_session import LiveSession, decision_of, load, samples_of, wait_until


def labels(stream: dict) -> list[str]:
    return [row[0] for row in stream["time_series"]]


def test_each_part_holds_its_samples_and_says_with_which_one_it_begins(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(300)
    first = live.recorder.end()
    live.push(200)  # not recorded
    path = live.recorder.begin()
    live.push(400)
    assert live.recorder.stop()
    assert path == live.folder.path / "recording_2.xdf"
    for file, start, stop in ((live.folder.recording, 0, 300), (path, 500, 900)):
        stream = load(file)["amp"]
        samples, times = samples_of(start, stop)
        assert stream["time_series"].tobytes() == samples.tobytes()
        assert stream["time_stamps"].tobytes() == times.tobytes()
        assert "footer" in stream
        assert stream["info"]["desc"][0]["rtbci"][0]["first_sample"] == [str(start)]
        assert np.array_equal(load_file(file).samples, samples)
    parts = SessionFolder.open(live.folder.path).read()["parts"]
    assert [(part["file"], part["first_sample"], part["samples"], part["missed"]) for part in parts] == [
        ("recording.xdf", 0, 300, 0), ("recording_2.xdf", 500, 400, 0),
    ]  # fmt: skip
    assert all(part["started"] <= part["ended"] for part in parts)
    assert (first.file, first.samples) == ("recording.xdf", 300)
    assert [(part.first, part.stop) for part in recorded(live.folder)] == [(0, 300), (500, 900)]
    status = live.recorder.status
    assert (status.state, status.part, status.samples_written, status.seconds) == ("closed", 2, 700, 0.4)
    assert live.recorder.samples_left() == 0


def test_what_is_acquired_without_recording_leaves_no_file_until_a_part_is_begun(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("riemann",))
    live.recorder.start(record=False)
    live.push(100)
    live.decide("riemann", 0, 3)
    wait_until(lambda: live.recorder.state == "off")
    assert live.recorder.path is None
    assert not list(live.folder.path.glob("*.xdf"))
    assert live.folder.recordings() == ()
    assert live.recorder.begin() == live.folder.recording
    live.push(50)
    assert live.recorder.stop()
    assert load(live.folder.recording)["amp"]["time_series"].tobytes() == samples_of(100, 150)[0].tobytes()


def test_decisions_are_logged_whether_or_not_a_part_is_recorded(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("riemann",))
    live.recorder.start()
    live.push(10)
    ring = live.decide("riemann", 0, 5)
    wait_until(lambda: live.recorder.status.decisions_written == 5)
    live.recorder.end()
    for i in range(5, 8):
        ring.add(decision_of(i))
    log = live.folder.decision_log("riemann")
    wait_until(lambda: len(log.read_text().splitlines()) == 8)
    path = live.recorder.begin()
    for i in range(8, 12):
        ring.add(decision_of(i))
    assert live.recorder.stop()
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        decision_to_json(decision_of(i)) for i in range(12)
    ]
    times = [load(file)["riemann"]["time_stamps"].tolist() for file in (live.folder.recording, path)]
    assert times == [[decision_of(i).signal_time for i in numbers] for numbers in (range(5), range(8, 12))]
    assert live.recorder.status.decisions_written == 9


def test_markers_that_come_in_between_are_kept_aside_and_those_of_samples_to_come_are_in_the_part(
    tmp_path: Path,
) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(100)  # until 100.099 s
    live.mark(Marker(100.05, "first", None, "cues"))
    wait_until(lambda: live.recorder.status.markers_written == 1)
    live.recorder.end()
    live.push(100)  # until 100.199 s
    live.mark(Marker(100.15, "between", None, "cues"), Marker(100.25, "early", 3, "cues"))
    wait_until(
        lambda: live.folder.markers_aside.exists() and len(live.folder.markers_aside.read_text().splitlines()) == 2
    )
    path = live.recorder.begin()
    live.mark(Marker(100.3, "last", None, "cues"))
    live.push(150)
    assert live.recorder.stop()
    assert labels(load(live.folder.recording)["cues"]) == ["first"]
    assert labels(load(path)["cues"]) == ["early", "last"]
    aside = [json.loads(line) for line in live.folder.markers_aside.read_text().splitlines()]
    assert [(marker["label"], marker["time"], marker["code"]) for marker in aside] == [
        ("between", 100.15, None), ("early", 100.25, 3),
    ]  # fmt: skip


def test_a_part_has_the_gaps_that_lie_in_it(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(100)
    live.ring.add_gap(Gap(100, 100.099, 100.223, 123))
    live.push(100)
    live.recorder.end()
    path = live.recorder.begin()
    live.push(100)
    live.ring.add_gap(Gap(300, 100.299, 100.4, 7))
    live.push(10)
    assert live.recorder.stop()
    assert labels(load(live.folder.recording)["rtbci gaps"]) == ["gap 123 samples"]
    assert labels(load(path)["rtbci gaps"]) == ["gap 7 samples"]
    assert live.recorder.status.gaps_written == 2


def test_one_part_at_a_time_and_no_file_is_written_over(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    with pytest.raises(RecordingError, match="does not run"):
        live.recorder.begin()
    live.recorder.start()
    with pytest.raises(RecordingError, match=r"recording already, to .*recording.xdf; stop that part first"):
        live.recorder.begin()
    live.recorder.end()
    with pytest.raises(RecordingError, match="nothing is being recorded"):
        live.recorder.end()
    precious = live.folder.path / "precious.xdf"
    precious.write_bytes(b"precious")
    with pytest.raises(RecordingError, match="exists already"):
        live.recorder.begin(precious)
    assert precious.read_bytes() == b"precious"
    assert live.recorder.state == "off"
    assert live.folder.next_recording("precious.xdf").name == "precious_2.xdf"
    with pytest.raises(RecordingError, match="leads out of the session folder"):
        live.folder.next_recording("../x.xdf")
    assert live.recorder.stop()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed on Windows")
def test_after_a_fault_of_the_disk_a_new_part_can_be_begun_and_logs_go_on(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("riemann",))
    live.recorder.start()
    live.push(100)
    wait_until(lambda: live.recorder.samples_written == 100)
    live.folder.recording.unlink()
    wait_until(lambda: live.recorder.state == "stopped")
    live.push(50)
    assert live.recorder.samples_left() == 50
    live.decide("riemann", 0, 4)
    live.recorder.begin()
    assert (live.recorder.state, live.recorder.problem) == ("recording", None)
    live.push(30)
    assert live.recorder.stop()
    assert live.recorder.samples_left() == 50  # they came, and are in no part
    first, second = live.recorder.parts
    assert first.problem is not None
    assert "was removed while it was being recorded" in first.problem
    assert (second.first_sample, second.samples, second.problem) == (150, 30, None)
    assert len(live.folder.decision_log("riemann").read_text().splitlines()) == 4


class Disk:
    """A disk that is full from one moment on, and has room again later."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        write, open_ = GrowingFile._write, Path.open

        def writing(file: GrowingFile, view: memoryview) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(file, view)

        def opening(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if self.full and mode == "ab":
                raise OSError(errno.ENOSPC, "No space left on device")
            return open_(path, mode, *arguments, **options)

        monkeypatch.setattr(GrowingFile, "_write", writing)
        monkeypatch.setattr(Path, "open", opening)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_part_that_cannot_be_closed_says_why_and_it_is_the_disk(tmp_path: Path, disk: Disk) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(100)
    wait_until(lambda: live.recorder.samples_written == 100)
    disk.full = True  # its footers find no room
    with pytest.raises(RecordingError, match=r"recording.xdf: No space left on device; .* bytes of it are safe"):
        live.recorder.end()
    assert live.recorder.state == "stopped"
    assert "No space left on device" in str(live.recorder.problem)
    disk.full = False
    live.push(50)
    assert live.recorder.begin().name == "recording_2.xdf"
    live.push(30)
    assert live.recorder.stop()
    first, second = live.recorder.parts
    assert "No space left on device" in str(first.problem)
    assert (second.samples, second.problem) == (30, None)
    assert len(load(live.folder.recording)["amp"]["time_stamps"]) == 100


def test_after_a_full_disk_decisions_and_markers_are_kept_as_soon_as_there_is_room(tmp_path: Path, disk: Disk) -> None:
    """Nobody starts the recording again, and none of them is lost; the marker that met the full disk neither."""
    live = LiveSession(tmp_path, decoders=("riemann",))
    live.recorder.start()
    live.push(100)
    ring = live.decide("riemann", 0, 2)
    wait_until(lambda: live.recorder.status.decisions_written == 2)
    disk.full = True
    live.mark(Marker(100.05, "met it", None, "cues"))
    wait_until(lambda: live.recorder.state == "stopped")
    for i in range(2, 6):
        ring.add(decision_of(i))
    live.mark(Marker(100.07, "came later", None, "cues"))
    disk.full = False
    log, aside = live.folder.decision_log("riemann"), live.folder.markers_aside
    wait_until(lambda: aside.exists() and len(aside.read_text().splitlines()) == 2)
    wait_until(lambda: len(log.read_text().splitlines()) == 6)
    assert live.recorder.state == "stopped"  # that nothing is recorded stays in sight
    ring.add(decision_of(6))
    assert live.recorder.stop()
    assert [json.loads(line)["label"] for line in aside.read_text().splitlines()] == ["met it", "came later"]
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        decision_to_json(decision_of(i)) for i in range(7)
    ]


def test_half_a_line_is_never_left_on_a_disk_that_has_become_full(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no limit of a file's size to set")
    path = tmp_path / "markers.jsonl"
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from rtbci.recording.growing_file import append_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "path = Path(sys.argv[1])\n"
        "append_whole(path, b'x' * 99 + b'\\n')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))\n"
        "try:\n    append_whole(path, b'y' * 99 + b'\\n')\nexcept OSError as error:\n    print(error.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "File too large\n", done.stderr
    assert path.read_bytes() == b"x" * 99 + b"\n"


def test_every_part_of_a_session_that_was_killed_is_recovered(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(300)
    live.recorder.end()
    live.recorder.begin(live.folder.path / "sub" / "b.xdf")
    live.push(200)
    wait_until(lambda: live.recorder.samples_written == 500)
    copy = tmp_path / "copy"  # as a kill would leave it
    shutil.copytree(live.folder.path, copy)
    live.recorder.stop()
    about = json.loads((copy / "session.json").read_text())
    (copy / "session.json").write_text(json.dumps({**about, "pid": 2**22 + 1}))
    (copy / "notes.jsonl").write_bytes(b'{"text": "whole"}\n{"text": "ha')
    report = recover(copy / "sub" / "b.xdf")  # by one of its parts, in a folder of its own
    assert (report.parts, report.samples, report.changed, report.cut_log_bytes) == (2, 500, True, 12)
    assert "in 2 parts" in report.as_text()
    assert "footer" in load(copy / "sub" / "b.xdf")["amp"]
    assert (copy / "notes.jsonl").read_bytes() == b'{"text": "whole"}\n'
    assert SessionFolder.open(copy).read()["state"] == "recovered"
    assert recover(copy).changed is False


def test_a_part_that_was_stopped_at_once_is_in_nobodys_way(tmp_path: Path) -> None:
    """A program that starts and stops in a bunch, or while the stream is away."""
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(300)
    live.recorder.end()
    live.recorder.begin()
    live.recorder.end()
    path = live.recorder.begin()
    live.push(200)
    assert live.recorder.stop()
    live.folder.end()
    assert [part.samples for part in live.recorder.parts] == [300, 0, 200]
    assert SessionFolder.open(live.folder.path).recordings() == (live.folder.recording, path)
    assert [(part.first, part.stop) for part in recorded(live.folder)] == [(0, 300), (300, 500)]
    assert [len(load_file(part).samples) for part in live.folder.recordings()] == [300, 200]


def test_parts_that_claim_the_same_samples_or_lie_elsewhere_are_refused(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(100)
    live.recorder.end()
    live.recorder.begin()
    live.push(100)
    assert live.recorder.stop()
    shutil.copyfile(live.folder.recording, live.folder.path / "recording_2.xdf")
    with pytest.raises(RecordingError, match=r"recording_2.xdf begins with sample 0, but recording.xdf goes on to 100"):
        recorded(live.folder)
    live.folder.update(parts=[{"file": "../elsewhere.xdf"}])
    with pytest.raises(RecordingError, match="outside the folder; it has been changed"):
        live.folder.recordings()
