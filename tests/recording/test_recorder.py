"""The recorder: everything that reaches the run folder is in the recording, and no fault of the disk reaches the session."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtbci.errors import RecordingError
from rtbci.recording.feeds import SignalFeed
from rtbci.recording.recover import recover
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.ring import Ring
from rtbci.runfolder import FIELDS, decision_from_json, decision_to_json, decision_to_row, stream_from_json
from rtbci.types import Channel, Gap, Marker
from tests.recording.small_session import LiveSession, decision_of, load, samples_of, wait_until


def test_signals_are_recorded_bit_for_bit_with_their_own_times(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.push(500)
    live.recorder.start()
    for n in (1, 7, 160, 2500, 10, 10):
        live.push(n)
    assert live.recorder.stop()
    stream = load(live.folder.recording)["amp"]
    samples, times = samples_of(0, live.pushed)
    assert stream["time_series"].tobytes() == samples.tobytes()
    assert stream["time_stamps"].tobytes() == times.tobytes()
    status = live.recorder.status
    assert (status.state, status.problem, status.samples_written, status.samples_missed) == ("closed", None, 3188, 0)
    assert status.bytes == live.folder.recording.stat().st_size
    assert status.seconds == 3188 / 1000


def test_the_header_tells_the_stream_and_that_its_times_are_final(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(10)
    assert live.recorder.stop()
    info = load(live.folder.recording)["amp"]["info"]
    assert (info["type"], info["source_id"], info["nominal_srate"]) == (["EEG"], ["amp-1"], ["1000"])
    own = info["desc"][0]["rtbci"][0]
    assert own["times"] == ["final"]
    assert own["first_sample"] == ["0"]
    assert stream_from_json(json.loads(own["stream"][0])) == live.info
    assert info["desc"][0]["synchronization"][0]["can_drop_samples"] == ["true"]


def test_a_ring_given_by_its_path_is_attached_to(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    recorder = type(live.recorder)(live.run.raw, live.info, live.run, live.folder)
    recorder.start()
    live.push(30)
    assert recorder.stop()
    assert recorder.samples_written == 30


def test_markers_of_each_stream_get_a_stream_of_their_own(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.mark(Marker(101.25, "T1", None, "cues"), Marker(101.5, "7", 7, "triggers"))
    wait_until(lambda: live.recorder.status.markers_written == 2)
    live.mark(Marker(102.125, "a, b & <c> µ", None, "cues"), Marker(103.0, "", None, ""))
    assert live.recorder.stop()
    read = load(live.folder.recording)
    assert {name: stream["info"]["type"] for name, stream in read.items() if name != "amp"} == {
        "cues": ["Markers"], "triggers": ["Markers"], "markers": ["Markers"],
    }  # fmt: skip
    assert read["cues"]["time_series"] == [["T1"], ["a, b & <c> µ"]]
    assert read["cues"]["time_stamps"].tolist() == [101.25, 102.125]
    assert read["triggers"]["time_series"] == [["7"]]
    assert read["markers"]["time_series"] == [[""]]
    assert live.recorder.status.markers_written == 4


def test_gaps_are_marked_where_the_samples_after_them_begin(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(100)
    live.ring.add_gap(Gap(100, 100.099, 100.223, 123))
    live.push(100)
    live.ring.add_gap(Gap(200, 100.199, 100.1, 0))
    assert live.recorder.stop()
    gaps = load(live.folder.recording)["rtbci gaps"]
    assert gaps["info"]["type"] == ["Markers"]
    assert gaps["time_series"] == [["gap 123 samples"], ["gap 0 samples"]]
    assert gaps["time_stamps"].tolist() == [100.223, 100.1]
    assert live.recorder.status.gaps_written == 2


def _logged(live: LiveSession, name: str) -> list[dict]:
    return [json.loads(line) for line in live.folder.decision_log(name).read_text().splitlines()]


def test_decisions_are_in_the_recording_and_in_the_log_bit_for_bit(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("riemann",))
    live.recorder.start()
    live.decide("riemann", 0, 25)
    assert live.recorder.stop()
    stream = load(live.folder.recording)["riemann"]
    rows = np.array([decision_to_row(decision_of(i)) for i in range(25)])
    assert stream["time_series"].tobytes() == rows.tobytes()
    assert stream["time_stamps"].tolist() == [decision_of(i).signal_time for i in range(25)]
    assert (stream["info"]["type"], stream["info"]["nominal_srate"]) == (["Decisions"], ["0"])
    labels = [channel["label"][0] for channel in stream["info"]["desc"][0]["channels"][0]["channel"]]
    assert labels == [*FIELDS, "log_prob fists", "log_prob feet", "evidence fists", "evidence feet"]
    lines = _logged(live, "riemann")
    assert lines == [decision_to_json(decision_of(i)) for i in range(25)]
    assert decision_to_row(decision_from_json(lines[24])).tobytes() == rows[24].tobytes()


def test_decisions_of_a_worker_that_starts_late_is_restarted_or_goes_on_are_recorded_once_each(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("riemann", "never"))
    live.recorder.start()
    status = live.recorder
    live.push(10)
    wait_until(lambda: status.samples_written == 10)
    first = live.decide("riemann", 0, 5)
    wait_until(lambda: status.status.decisions_written == 5)
    first.add(decision_of(5))  # it goes on with the same ring
    wait_until(lambda: status.status.decisions_written == 6)
    first.add(decision_of(6))  # and adds one right before a new worker replaces the ring
    live.decide("riemann", 7, 10)
    wait_until(lambda: status.status.decisions_written == 10)
    live.decide("riemann", 10, 12)
    assert live.recorder.stop()
    read = load(live.folder.recording)
    assert read["riemann"]["time_stamps"].tolist() == [decision_of(i).signal_time for i in range(12)]
    assert _logged(live, "riemann") == [decision_to_json(decision_of(i)) for i in range(12)]
    assert "never" not in read
    assert _logged(live, "never") == []


def test_a_decision_ring_that_is_still_being_made_is_waited_for(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("a", "b", "c"))
    whole = live.decide("c", 0, 3).ring
    data = live.run.decisions("c").read_bytes()
    live.run.decisions("c").unlink()
    live.run.decisions("a").write_bytes(b"")
    live.run.decisions("b").write_bytes(data[:40])
    live.recorder.start()
    live.push(10)
    wait_until(lambda: live.recorder.samples_written == 10)
    for name in "ab":
        live.run.decisions(name).write_bytes(data)
    assert live.recorder.stop()
    assert live.recorder.status.decisions_written == 6
    assert live.recorder.problem is None
    whole.close()


def test_samples_that_were_overwritten_before_they_were_read_are_counted_and_recording_goes_on(tmp_path: Path) -> None:
    ring = Ring.create(None, 1600, 8)
    writer = XdfWriter(tmp_path / "a.xdf")
    channels = tuple(Channel(f"C{i}") for i in range(8))
    feed = SignalFeed(writer, writer.add_stream(StreamHeader("amp", "EEG", channels, 1000.0, "float32")), ring, 0)
    for start, stop in ((0, 500), (500, 1500), (1500, 5000)):
        samples, times = samples_of(start, stop)
        ring.push(samples, times, times[-1])
        if stop != 1500:
            feed.copy()
    writer.close()
    stream = load(writer.path)["amp"]
    # 500 were read; of the 5000 the ring holds 3400 and later, and 100 of those are left as a margin
    expected = [np.concatenate(parts) for parts in zip(samples_of(0, 500), samples_of(3500, 5000), strict=True)]
    assert stream["time_series"].tobytes() == expected[0].tobytes()
    assert stream["time_stamps"].tobytes() == expected[1].tobytes()
    assert (feed.written, feed.missed) == (2000, 3000)


def test_recording_into_a_folder_that_has_a_recording_is_refused_at_the_start(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.folder.recording.write_bytes(b"precious")
    with pytest.raises(RecordingError, match="exists already"):
        live.recorder.start()
    assert live.folder.recording.read_bytes() == b"precious"
    assert live.recorder.stop()


def _assert_goes_on_without_disk(live: LiveSession) -> None:
    before = live.ring.written
    live.push(100)
    assert live.ring.written == before + 100
    assert live.recorder.stop()
    assert live.recorder.state == "stopped"


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed on Windows")
def test_a_removed_folder_stops_the_recording_and_nothing_else(tmp_path: Path) -> None:
    live = LiveSession(tmp_path, decoders=("riemann",))
    live.recorder.start()
    live.push(100)
    wait_until(lambda: live.recorder.samples_written == 100)
    shutil.rmtree(live.folder.path)
    wait_until(lambda: live.recorder.state == "stopped")
    assert live.recorder.problem == (
        f"recording stopped: {live.folder.recording} was removed while it was being recorded"
    )
    _assert_goes_on_without_disk(live)


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be moved on Windows")
def test_a_moved_folder_is_said_and_loses_nothing(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    live.push(100)
    live.folder.path.rename(tmp_path / "elsewhere")
    wait_until(lambda: live.recorder.problem is not None)
    assert live.recorder.state == "recording"
    assert "was moved away; the recording goes on in the file where it is now" in str(live.recorder.problem)
    live.push(100)
    assert live.recorder.stop()
    assert len(load(tmp_path / "elsewhere" / "recording.xdf")["amp"]["time_stamps"]) == 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def test_a_full_disk_stops_the_recording_whole_and_the_session_goes_on(tmp_path: Path, small_disk: Path) -> None:
    live = LiveSession(tmp_path, folder=small_disk / "session", capacity=200_000, decoders=("riemann",))
    live.decide("riemann", 0, 3)
    live.recorder.start()

    def push() -> bool:
        live.push(200)  # 41 bytes a sample: full after some 25 000
        return live.recorder.state == "stopped"

    wait_until(push)
    problem = live.recorder.problem
    assert problem is not None
    assert "recording.xdf: No space left on device" in problem
    _assert_goes_on_without_disk(live)
    written = live.recorder.samples_written
    assert live.recorder.bytes == live.folder.recording.stat().st_size
    stream = load(live.folder.recording)["amp"]
    assert stream["time_series"].tobytes() == samples_of(0, written)[0].tobytes()
    assert 10_000 < written < 26_000


def test_a_file_that_may_not_grow_any_more_stops_the_recording_whole(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no limit of a file's size to set")
    script = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from small_session import LiveSession, wait_until
        live = LiveSession(Path(sys.argv[1]), capacity=100_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        live.recorder.start()
        def push():
            live.push(200)
            return live.recorder.state == "stopped"
        wait_until(push)
        live.push(100)
        assert live.recorder.stop()
        print(live.recorder.samples_written, live.recorder.bytes, live.recorder.problem)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path / "x")]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    written, size, problem = done.stdout.strip().split(" ", 2)
    assert "File too large" in problem
    path = tmp_path / "x" / "session" / "recording.xdf"
    assert path.stat().st_size == int(size) <= 300_000
    stream = load(path)["amp"]
    assert stream["time_series"].tobytes() == samples_of(0, int(written))[0].tobytes()
    report = recover(path.parent)
    assert report.samples == int(written) > 0
    assert "footer" in load(path)["amp"]


def test_nan_and_infinite_samples_are_recorded_as_they_came(tmp_path: Path) -> None:
    live = LiveSession(tmp_path)
    live.recorder.start()
    samples = np.full((3, 8), math.nan, np.float32)
    samples[1] = math.inf
    live.ring.push(samples, np.array([1.0, 2.0, 3.0]), 3.0)
    assert live.recorder.stop()
    assert load(live.folder.recording)["amp"]["time_series"].tobytes() == samples.tobytes()
