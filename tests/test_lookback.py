"""Looking back into a recording that is still being written: the very samples, and nothing of a chunk that is not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtbci.errors import RecordingError
from rtbci.lookback import Lookback, RecordedFile
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.types import Channel, Gap, Marker
from tests.recording.small_session import N_CHANNELS, LiveSession, samples_of, wait_until


def recording(live: LiveSession) -> Lookback:
    found = Lookback(N_CHANNELS)
    found.add(live.folder.recording)
    while not found.advance(3):
        pass
    return found


def until_recorded(live: LiveSession) -> None:
    wait_until(lambda: live.recorder.samples_written == live.pushed)


@pytest.fixture
def live(tmp_path: Path):
    session = LiveSession(tmp_path)
    session.push(700)
    session.recorder.start()
    yield session
    session.recorder.stop()


def test_an_open_recording_gives_the_samples_bit_for_bit_and_later_those_that_came_since(live: LiveSession) -> None:
    until_recorded(live)
    back = recording(live)
    assert back.span == (0, 700)
    samples, times = samples_of(0, 700)
    got, when = back.read(0, 700)
    assert got.tobytes() == samples.tobytes()
    assert when.tobytes() == times.tobytes()
    for n in (1, 2500, 30):
        live.push(n)
        until_recorded(live)
        while not back.advance(1):
            pass
    assert back.span == (0, live.pushed)
    for start, stop in ((0, 1), (650, 760), (699, 701), (3200, 3231), (1000, 3000)):
        got, when = back.read(start, stop)
        samples, times = samples_of(start, stop)
        assert got.tobytes() == samples.tobytes(), (start, stop)
        assert when.tobytes() == times.tobytes(), (start, stop)


def test_a_span_of_time_gives_the_samples_within_it(live: LiveSession) -> None:
    live.push(2000)
    until_recorded(live)
    back = recording(live)
    _, times = samples_of(0, 2700)
    first, samples, when = back.between(float(times[100]), float(times[1900]))
    assert first == 100
    assert when.tobytes() == times[100:1900].tobytes()
    assert samples.tobytes() == samples_of(100, 1900)[0].tobytes()
    assert back.index_at(float(times[500]) + 1e-9) == 501
    assert back.index_at(0.0) == 0
    assert back.index_at(1e9) is None
    assert len(back.between(1e9, 2e9)[1]) == 0


def test_what_is_not_recorded_is_not_a_number(live: LiveSession) -> None:
    until_recorded(live)
    samples, times = recording(live).read(690, 720)
    assert np.isfinite(samples[:10]).all()
    assert np.isnan(samples[10:]).all()
    assert np.isnan(times[10:]).all()


def test_markers_of_a_span_and_no_gaps_among_them(live: LiveSession) -> None:
    live.mark(Marker(100.25, "T1", None, "cues"), Marker(100.5, "7 µ", 7, "triggers"))
    live.ring.add_gap(Gap(live.pushed, 100.7, 100.9, 199))
    live.push(300)
    until_recorded(live)
    wait_until(lambda: live.recorder.status.markers_written == 2 and live.recorder.status.gaps_written == 1)
    back = recording(live)
    assert back.markers(100.0, 101.0) == [Marker(100.25, "T1", None, "cues"), Marker(100.5, "7 µ", None, "triggers")]
    assert [m.label for m in back.markers(100.3, 100.6)] == ["7 µ"]


def test_a_chunk_that_is_being_written_is_not_there_yet(live: LiveSession, tmp_path: Path) -> None:
    live.push(1000)
    until_recorded(live)
    live.recorder.stop()
    whole = live.folder.recording.read_bytes()
    path = tmp_path / "growing.xdf"
    full = RecordedFile(live.folder.recording, N_CHANNELS)
    full.advance(10_000)
    last = full._places[-1]  # the newest chunk of samples lies around here
    seen = set()
    for cut in range(last - 30, last + 200, 7):
        path.write_bytes(whole[:cut])
        file = RecordedFile(path, N_CHANNELS)
        assert file.advance(10_000)
        seen.add(int(file.starts[-1]))
        path.write_bytes(whole)  # and now the rest comes
        file.advance(10_000)
        assert int(file.starts[-1]) == 1700
        file.close()
    assert seen == {int(full.starts[-2])}
    head = whole.rindex(whole[last - 12 : last])
    torn = bytearray(whole[: last + 5000])
    for at in range(head, last):
        torn[at] = 0  # its first byte is still zero, whatever follows
    path.write_bytes(bytes(torn))
    file = RecordedFile(path, N_CHANNELS)
    file.advance(10_000)
    assert int(file.starts[-1]) == int(full.starts[-2])
    full.close()


def header(first: int) -> StreamHeader:
    channels = tuple(Channel(f"C{i}") for i in range(2))
    extras = {"rtbci": {"first_sample": str(first), "stream": "{}"}}
    return StreamHeader("amp", "EEG", channels, 100.0, "float32", extras=extras)


def test_samples_that_the_recorder_missed_are_counted_and_gaps_of_the_stream_are_not(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    signal = writer.add_stream(header(40))
    gaps = writer.add_stream(StreamHeader("rtbci gaps", "Markers", (Channel("marker", "marker", ""),), 0.0, "string"))
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    writer.write_samples(signal, rows, 1.0 + np.arange(20) / 100)
    writer.write_samples(signal, rows + 100, 2.0 + np.arange(20) / 100)  # 80 samples are missing before it
    writer.write_samples(signal, rows + 200, 3.0 + np.arange(20) / 100)  # and 80 more, but those the stream lost
    writer.write_strings(gaps, ["gap 80 samples"], np.array([3.0]))
    back = Lookback(2)
    back.add(tmp_path / "a.xdf")
    assert back.advance()
    assert back.span == (40, 40 + 60 + 80)
    samples, _ = back.read(40, 180)
    np.testing.assert_array_equal(samples[:20], rows)
    assert np.isnan(samples[20:100]).all()
    np.testing.assert_array_equal(samples[100:], np.concatenate([rows + 100, rows + 200]))
    writer.close()


def test_parts_of_a_recording_are_one_session(tmp_path: Path) -> None:
    back = Lookback(2)
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    for name, first in (("recording.xdf", 0), ("recording_2.xdf", 50)):
        writer = XdfWriter(tmp_path / name)
        writer.write_samples(writer.add_stream(header(first)), rows + first, (first + np.arange(10)) / 100)
        writer.close()
        back.add(tmp_path / name)
    assert back.advance()
    assert back.span == (0, 60)
    samples, _ = back.read(5, 55)
    np.testing.assert_array_equal(samples[:5], rows[5:])
    assert np.isnan(samples[5:45]).all()
    np.testing.assert_array_equal(samples[45:], rows[:5] + 50)
    assert back.index_at(0.3) == 50


def test_a_file_that_is_none_of_ours_is_refused_in_words(tmp_path: Path) -> None:
    back = Lookback(3)
    with pytest.raises(RecordingError, match=r"cannot read .*gone"):
        back.add(tmp_path / "gone.xdf")
    (tmp_path / "text.xdf").write_bytes(b"hello")
    with pytest.raises(RecordingError, match="no XDF file: it begins with b'hell'"):
        back.add(tmp_path / "text.xdf")
    writer = XdfWriter(tmp_path / "two.xdf")
    writer.add_stream(header(0))
    back.add(tmp_path / "two.xdf")
    with pytest.raises(RecordingError, match="holds 2 channels, the stream has 3"):
        back.advance()
    writer.close()
