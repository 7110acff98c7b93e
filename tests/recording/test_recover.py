"""Recovery: after a kill, at any instant and any cut, what was whole is kept, and nothing else changes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rtbci.errors import RecordingError
from rtbci.recording.chunks import BOUNDARY, Tag, walk
from rtbci.recording.recover import recover
from rtbci.recording.session_folder import SessionFolder
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder, decision_to_json, decision_to_row
from rtbci.types import Channel
from tests.recording.small_session import RATE, decision_of, load, samples_of


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_session_killed_at_a_random_instant_loses_less_than_a_second(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, str(Path(__file__).with_name("killed_session.py")), str(tmp_path / "live")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"recording\n"
    ring = Ring.attach(RunFolder(tmp_path / "live" / "run").raw)
    instant = 1100 + random.Random(seed).randrange(1500)
    while ring.written < instant:
        assert child.poll() is None
        time.sleep(0.001)
    folder = tmp_path / "live" / "session"
    with pytest.raises(RecordingError, match=rf"still runs \(process {child.pid}\); end it first"):
        recover(folder)
    child.send_signal(signal.SIGKILL)
    child.wait()
    written = ring.written
    before = load(folder / "recording.xdf")["amp"]
    n = len(before["time_stamps"])
    assert written - n <= RATE

    report = recover(folder)
    after = load(folder / "recording.xdf")
    assert report.changed
    assert report.samples == len(after["amp"]["time_stamps"]) == n
    assert after["amp"]["time_series"].tobytes() == samples_of(0, n)[0].tobytes()
    assert after["amp"]["time_stamps"].tobytes() == samples_of(0, n)[1].tobytes()
    assert report.seconds == pytest.approx((n - 1) / RATE, abs=1e-5)
    assert report.markers == len(after["cues"]["time_stamps"]) >= (n - 1000) / 100
    rows = np.array([decision_to_row(decision_of(i)) for i in range(report.decisions)])
    assert after["riemann"]["time_series"].tobytes() == rows.tobytes()
    assert {name: int(s["footer"]["info"]["sample_count"][0]) for name, s in after.items()} == {
        "amp": n, "cues": report.markers, "riemann": report.decisions,
    }  # fmt: skip
    assert report.footers_added == 3
    logged = [json.loads(line) for line in (folder / "decisions" / "riemann.jsonl").read_text().splitlines()]
    assert logged == [decision_to_json(decision_of(i)) for i in range(len(logged))]
    assert SessionFolder.open(folder).read()["state"] == "recovered"
    assert SessionFolder.open(folder).read()["ended"] is not None

    data = (folder / "recording.xdf").read_bytes()
    again = recover(folder)
    assert not again.changed
    assert (again.samples, again.cut_bytes, again.footers_added) == (n, 0, 0)
    assert (folder / "recording.xdf").read_bytes() == data
    assert sorted(path.name for path in folder.iterdir()) == ["decisions", "recording.xdf", "session.json"]


def _unclosed(path: Path) -> bytes:
    """A recording without footers: 3 chunks of samples, 2 of markers, a boundary before the last two."""
    writer = XdfWriter(path)
    signal_ = writer.add_stream(StreamHeader("amp", "EEG", tuple(Channel(f"C{i}") for i in range(8)), RATE, "float32"))
    cues = writer.add_stream(StreamHeader("cues", "Markers", (Channel("m", "marker", ""),), 0.0, "string"))
    for start, stop in ((0, 5), (5, 12)):
        writer.write_samples(signal_, *samples_of(start, stop))
        writer.write_strings(cues, ["T1", "µ"], np.array([start, start + 0.5]))
    writer.boundary()
    writer.write_samples(signal_, *samples_of(12, 20))
    writer.write_strings(cues, ["last"], np.array([99.0]))
    writer.file.close()
    return path.read_bytes()


def _whole_before(path: Path, cut: int) -> tuple[int, int]:
    with path.open("rb") as file:
        tags = [(chunk.tag, chunk.stream) for chunk in walk(file) if chunk.stop <= cut]
    n_signal = [0, 5, 12, 20][tags.count((Tag.SAMPLES, 1))]
    return n_signal, [0, 2, 4, 5][tags.count((Tag.SAMPLES, 2))]


def test_a_file_cut_anywhere_keeps_every_whole_chunk(tmp_path: Path) -> None:
    original = tmp_path / "original.xdf"
    data = _unclosed(original)
    first = data.index(b"</info>") + len(b"</info>")  # the file's header, which is written at once with the magic bytes
    for cut in [*range(first, len(data), 5), len(data)]:
        path = tmp_path / "cut.xdf"
        path.write_bytes(data[:cut])
        n_signal, n_markers = _whole_before(original, cut)
        report = recover(path)
        assert (report.samples, report.markers, report.original_bytes) == (n_signal, n_markers, cut)
        assert report.bytes == path.stat().st_size
        read = load(path)
        assert all("footer" in stream for stream in read.values())
        if n_signal:
            assert read["amp"]["time_series"].tobytes() == samples_of(0, n_signal)[0].tobytes()
            assert read["amp"]["time_stamps"].tobytes() == samples_of(0, n_signal)[1].tobytes()
            assert report.seconds == samples_of(0, n_signal)[1][-1] - 100.0
        assert not recover(path).changed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.xdf", "original.xdf"]


def test_damage_within_the_file_costs_no_more_than_up_to_the_next_boundary(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    data = bytearray(_unclosed(path))
    with path.open("rb") as file:
        second = [chunk for chunk in walk(file) if chunk.tag is Tag.SAMPLES and chunk.stream == 1][1]
    data[second.start : second.start + 10] = bytes(10)
    path.write_bytes(data)
    report = recover(path)
    assert (report.samples, report.markers) == (5 + 8, 2 + 1)
    assert report.cut_bytes == data.index(BOUNDARY) + 16 - second.start
    stream = load(path)["amp"]
    assert stream["time_series"].tobytes() == np.concatenate([samples_of(0, 5)[0], samples_of(12, 20)[0]]).tobytes()
    assert not recover(path).changed


def test_zeros_at_the_end_as_a_power_cut_leaves_them_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    data = _unclosed(path)
    path.write_bytes(data + bytes(4096))
    report = recover(path)
    assert (report.samples, report.markers, report.cut_bytes) == (20, 5, 4096)


def test_a_chunk_with_a_right_length_and_wrong_content_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    data = bytearray(_unclosed(path))
    with path.open("rb") as file:
        second = [chunk for chunk in walk(file) if chunk.tag is Tag.SAMPLES and chunk.stream == 2][1]
    data[second.content + 1] = 200  # so many strings are not in it
    path.write_bytes(data)
    report = recover(path)
    assert (report.samples, report.markers) == (20, 3)
    assert report.cut_bytes == second.stop - second.start
    assert [row[0] for row in load(path)["cues"]["time_series"]] == ["T1", "µ", "last"]


def test_a_closed_recording_is_left_alone(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    writer.add_stream(StreamHeader("amp", "EEG", (Channel("C"),), RATE, "float32"))
    writer.close()
    stat = writer.path.stat()
    report = recover(writer.path)
    assert not report.changed
    assert "it was whole already" in report.as_text()
    assert (writer.path.stat().st_ino, writer.path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)


def test_what_is_no_recording_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    for text in (b"", b"XDF", b"hello world"):
        path.write_bytes(text)
        with pytest.raises(
            RecordingError, match=r"a\.xdf is no XDF file: it begins with b'.*'; an XDF file begins with b'XDF:'"
        ):
            recover(path)
        assert path.read_bytes() == text
    with pytest.raises(RecordingError, match="none is not there"):
        recover(tmp_path / "none")
    with pytest.raises(RecordingError, match=r"session\.json is missing"):
        recover(tmp_path)


def _dead_session(path: Path, **fields: object) -> SessionFolder:
    folder = SessionFolder.create(path, "a")
    folder.update(**fields)
    _unclosed(folder.recording)
    return folder


def test_an_xdf_file_in_a_session_folder_is_recovered_as_the_session(tmp_path: Path) -> None:
    folder = _dead_session(tmp_path / "s", pid=2**22 + 1)
    folder.decision_log("riemann").write_text('{"a": 1}\n{"a": 2}\n{"a"')
    report = recover(folder.recording)
    assert (report.samples, report.cut_log_bytes) == (20, 4)
    assert folder.decision_log("riemann").read_text() == '{"a": 1}\n{"a": 2}\n'
    assert folder.read()["state"] == "recovered"
    assert json.loads(json.dumps(report.as_json()))["samples"] == 20
    assert "20 samples (0.0 s), 5 markers and 0 decisions are safe; 2 footers added" in report.as_text()


def test_a_running_session_is_refused_and_one_whose_number_another_process_has_now_is_not(tmp_path: Path) -> None:
    folder = _dead_session(tmp_path / "s")
    data = folder.recording.read_bytes()
    with pytest.raises(RecordingError, match=r"still runs \(process \d+\); end it first"):
        recover(folder.path)
    assert folder.recording.read_bytes() == data
    if sys.platform == "linux":
        folder.update(pid_birth="another boot:1")
        assert recover(folder.path).changed


def test_a_session_of_another_machine_is_refused_while_its_recording_grows(tmp_path: Path) -> None:
    folder = _dead_session(tmp_path / "s", machine={"host": "another machine"})
    with pytest.raises(RecordingError, match="still grows on another machine; end it there first"):
        recover(folder.path)
    os.utime(folder.recording, (time.time() - 3600,) * 2)
    assert recover(folder.path).changed
    assert folder.read()["ended"] is not None


def test_a_session_without_a_recording_says_so(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path / "s", "a")
    with pytest.raises(RecordingError, match=r"there is no recording .*recording\.xdf"):
        recover(folder.path)


def test_what_an_interrupted_recovery_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    _unclosed(path)
    (tmp_path / f".a.xdf.{2**22 + 1}.recovering").write_bytes(b"XDF:half")
    recover(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.xdf"]


def test_a_disk_without_room_for_the_copy_leaves_the_recording_as_it_was(tmp_path: Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        data = _unclosed(disk / "a.xdf")
        (disk / "filler").write_bytes(bytes(60 * 1024))
        with pytest.raises(RecordingError, match="No space left on device; it needs"):
            recover(disk / "a.xdf")
        assert (disk / "a.xdf").read_bytes() == data
        assert sorted(path.name for path in disk.iterdir()) == ["a.xdf", "filler"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
