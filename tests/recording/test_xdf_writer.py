"""The XDF writer: what pyxdf reads is, bit for bit, what was written."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rtbci.errors import RecordingError
from rtbci.recording.chunks import BOUNDARY, Tag, check_magic, walk
from rtbci.recording.growing_file import GrowingFile
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.survey import survey
from rtbci.recording.xdf import NUMERIC, XdfWriter
from rtbci.types import Channel

DTYPES = {"float32": np.float32, "double64": np.float64} | {f"int{n}": np.dtype(f"i{n // 8}") for n in (8, 16, 32, 64)}


def channels(n: int) -> tuple[Channel, ...]:
    return tuple(Channel(f"C{i}", "eeg", "uV", (0.01 * i, -0.02, 0.085)) for i in range(n))


def load(path: Path, **options: bool) -> dict[str, dict]:
    streams, _ = pyxdf.load_xdf(str(path), **options)
    return {stream["info"]["name"][0]: stream for stream in streams}


def write(path: Path, values: np.ndarray, times: np.ndarray, fmt: str, rate: float, cuts: list[int]) -> None:
    writer = XdfWriter(path)
    stream = writer.add_stream(StreamHeader("signal", "EEG", channels(values.shape[1]), rate, fmt))
    for part, part_times in zip(np.split(values, cuts), np.split(times, cuts), strict=True):
        writer.write_samples(stream, part, part_times)
    writer.close()


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # pyxdf's rate of times that do not grow
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_numbers_and_times_read_back_bit_for_bit_however_they_were_chunked(data: st.DataObject) -> None:
    fmt = data.draw(st.sampled_from(sorted(NUMERIC)))
    n, n_channels = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 70))
    values = data.draw(hnp.arrays(DTYPES[fmt], (n, n_channels)))
    times = data.draw(hnp.arrays(np.float64, n, elements=st.floats(allow_nan=False, allow_infinity=False)))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=5)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.xdf"
        write(path, values, times, fmt, 250.0, cuts)
        stream = load(path, synchronize_clocks=False, dejitter_timestamps=False)["signal"]
    assert stream["time_series"].dtype == values.dtype
    assert stream["time_series"].tobytes() == values.tobytes()
    assert stream["time_stamps"].tobytes() == times.tobytes()
    assert stream["footer"]["info"]["sample_count"] == [str(n)]
    assert float(stream["footer"]["info"]["first_timestamp"][0]) == times[0]
    assert float(stream["footer"]["info"]["last_timestamp"][0]) == times[-1]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), min_size=1))
def test_strings_read_back_whatever_they_hold(texts: list[str]) -> None:
    times = np.arange(len(texts)) / 3.0
    with TemporaryDirectory() as folder:
        writer = XdfWriter(Path(folder) / "a.xdf")
        stream = writer.add_stream(StreamHeader("markers", "Markers", (Channel("m", "marker", ""),), 0.0, "string"))
        writer.write_strings(stream, texts, times)
        writer.close()
        read = load(writer.path)["markers"]
    assert [row[0] for row in read["time_series"]] == texts
    assert read["time_stamps"].tobytes() == times.tobytes()


def test_jittered_times_survive_the_defaults_of_pyxdf_where_the_stream_says_that_samples_can_be_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((5000, 8)).astype(np.float32)
    times = 148_899.8 + np.arange(5000) / 250 + rng.uniform(0, 2e-3, 5000)
    writer = XdfWriter(tmp_path / "a.xdf")
    extras = {"synchronization": {"can_drop_samples": "true"}}
    stream = writer.add_stream(StreamHeader("signal", "EEG", channels(8), 250.0, "float32", extras=extras))
    writer.write_samples(stream, values, times)
    writer.close()
    with caplog.at_level(logging.WARNING, "pyxdf"):
        read = load(writer.path)["signal"]
    assert read["time_series"].tobytes() == values.tobytes()
    assert read["time_stamps"].tobytes() == times.tobytes()
    assert caplog.records == []


def test_a_regular_stream_is_dejittered_by_the_defaults_of_pyxdf_and_its_values_are_untouched(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    values = rng.standard_normal((2000, 3)).astype(np.float32)
    times = 10 + np.arange(2000) / 1000 + rng.uniform(0, 1e-4, 2000)
    write(tmp_path / "a.xdf", values, times, "float32", 1000.0, [700])
    read = load(tmp_path / "a.xdf")["signal"]
    assert read["time_series"].tobytes() == values.tobytes()
    assert np.ptp(np.diff(read["time_stamps"])) < 1e-9
    assert np.abs(read["time_stamps"] - times).max() < 1e-4
    assert read["info"]["effective_srate"] == pytest.approx(1000, rel=1e-3)


def test_the_header_carries_the_standard_meta_data(tmp_path: Path) -> None:
    channels = (Channel("Fz", "eeg", "uV", (0.001, 0.09, 0.05)), Channel("MEG0111", "mag", "fT"))
    header = StreamHeader(
        "amp <1> & \u00b5", "EEG", channels, 160.5, "float32", "id-7", "lab", "u-1", 12.5,
        extras={"acquisition": {"manufacturer": "x"}, "rtbci": {"times": "final"}, "twice": ["a", {"b": "c"}]},
    )  # fmt: skip
    writer = XdfWriter(tmp_path / "a.xdf", "2026-11-23T21:54:03+01:00")
    writer.add_stream(header)
    writer.close()
    streams, file_header = pyxdf.load_xdf(str(writer.path))
    info = streams[0]["info"]
    assert file_header["info"] == {"version": ["1.0"], "datetime": ["2026-11-23T21:54:03+01:00"]}
    for key, value in {
        "name": "amp <1> & \u00b5", "type": "EEG", "channel_count": "2", "nominal_srate": "160.5",
        "channel_format": "float32", "source_id": "id-7", "hostname": "lab", "uid": "u-1", "created_at": "12.5",
    }.items():  # fmt: skip
        assert info[key] == [value]
    desc = info["desc"][0]
    fz, meg = desc["channels"][0]["channel"]
    assert (fz["label"], fz["unit"], fz["type"]) == (["Fz"], ["microvolts"], ["EEG"])
    assert [float(fz["location"][0][axis][0]) for axis in "XYZ"] == pytest.approx([1.0, 90.0, 50.0])
    assert (meg["label"], meg["unit"], meg["type"], "location" in meg) == (["MEG0111"], ["fT"], ["MAG"], False)
    assert desc["acquisition"][0]["manufacturer"] == ["x"]
    assert desc["rtbci"][0]["times"] == ["final"]
    assert desc["twice"] == ["a", {"b": ["c"]}]


def test_names_that_xml_or_readers_cannot_bear_leave_the_file_readable(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    writer.add_stream(StreamHeader("", "EEG", (Channel("a\x00b\x1b", "eeg", "uV"),), 100.0, "float32"))
    stream = writer.add_stream(StreamHeader("\x07bell", "Markers", (Channel("m", "marker", ""),), 0.0, "string"))
    writer.write_strings(stream, ["half \ud83d pair", "\x00"], np.array([1.0, 2.0]))
    writer.close()
    read = load(writer.path)
    assert list(read) == ["EEG", "\ufffdbell"]
    assert read["EEG"]["info"]["desc"][0]["channels"][0]["channel"][0]["label"] == ["a\ufffdb\ufffd"]
    assert read["\ufffdbell"]["time_series"] == [["half ? pair"], ["\x00"]]


def test_streams_may_be_added_late_and_stay_empty(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    first = writer.add_stream(StreamHeader("one", "EEG", channels(2), 100.0, "float32"))
    writer.write_samples(first, np.ones((3, 2), np.float32), np.array([1.0, 1.01, 1.02]))
    writer.boundary()
    late = writer.add_stream(StreamHeader("two", "Markers", (Channel("m", "marker", ""),), 0.0, "string"))
    writer.write_strings(late, [], np.empty(0))
    writer.write_samples(first, np.ones((0, 2), np.float32), np.empty(0))
    writer.close()
    writer.close()
    read = load(writer.path)
    assert [len(read[name]["time_stamps"]) for name in ("one", "two")] == [3, 0]
    assert read["two"]["footer"]["info"]["sample_count"] == ["0"]


def test_what_is_written_can_be_read_before_the_file_is_closed(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    stream = writer.add_stream(StreamHeader("signal", "EEG", channels(4), 100.0, "float32"))
    for i in range(5):
        writer.write_samples(stream, np.full((10, 4), i, np.float32), i + np.arange(10) / 100)
        assert len(load(writer.path)["signal"]["time_stamps"]) == 10 * (i + 1)
        assert writer.size == writer.path.stat().st_size
    writer.close()


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(b"precious")
    with pytest.raises(RecordingError, match=r"a\.xdf exists already; a recording is never written over"):
        XdfWriter(path)
    assert path.read_bytes() == b"precious"


def test_a_missing_folder_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        RecordingError, match=r"cannot make .*none.*a\.xdf: No such file or directory; is its folder there"
    ):
        XdfWriter(tmp_path / "none" / "a.xdf")


def test_samples_that_do_not_fit_the_stream_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    stream = writer.add_stream(StreamHeader("signal", "EEG", channels(4), 100.0, "float32"))
    codes = writer.add_stream(StreamHeader("codes", "Markers", channels(1), 0.0, "int32"))
    size = writer.size
    times = np.zeros(3)
    with pytest.raises(ValueError, match=r"\(3, 5\) with 3 times do not fit stream 'signal' of 4 float32 channels"):
        writer.write_samples(stream, np.zeros((3, 5), np.float32), times)
    with pytest.raises(ValueError, match="with 3 times"):
        writer.write_samples(stream, np.zeros((2, 4), np.float32), times)
    with pytest.raises(ValueError, match="float64 samples do not fit into int32"):
        writer.write_samples(codes, np.zeros((3, 1)), times)
    with pytest.raises(ValueError, match="do not fit stream 'signal'"):
        writer.write_strings(stream, ["a"], np.zeros(1))
    with pytest.raises(ValueError, match="'float16' is not one of"):
        writer.add_stream(StreamHeader("x", "EEG", channels(1), 1.0, "float16"))
    with pytest.raises(ValueError, match="has no channels"):
        writer.add_stream(StreamHeader("x", "EEG", (), 1.0, "float32"))
    assert writer.size == size == writer.path.stat().st_size


def test_the_chunks_follow_each_other_as_the_specification_says(tmp_path: Path) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    stream = writer.add_stream(StreamHeader("signal", "EEG", channels(300), 100.0, "float32"))
    writer.write_samples(stream, np.zeros((2, 300), np.float32), np.array([5.0, 5.01]))
    writer.write_samples(stream, np.zeros((70, 300), np.float32), 6 + np.arange(70) / 100)
    writer.boundary()
    writer.close()
    data = writer.path.read_bytes()
    with writer.path.open("rb") as file:
        found = list(walk(file))
    assert data[:4] == b"XDF:"
    assert [chunk.tag for chunk in found] == [
        Tag.FILE_HEADER, Tag.STREAM_HEADER, Tag.CLOCK_OFFSET, Tag.SAMPLES, Tag.SAMPLES, Tag.BOUNDARY, Tag.STREAM_FOOTER,
    ]  # fmt: skip
    assert [found[0].start, *(chunk.start for chunk in found[1:]), len(data)] == [4, *(chunk.stop for chunk in found)]
    assert data[found[5].content : found[5].stop] == BOUNDARY
    # a sample: [8][time f8][values], after NumSamples in as few bytes as hold it
    assert data[found[3].content : found[3].content + 3] == b"\x01\x02\x08"
    assert found[3].stop - found[3].content == 2 + 2 * (9 + 4 * 300)


def test_a_chunk_whose_first_byte_was_not_written_is_no_chunk_for_pyxdf_and_for_us(tmp_path: Path) -> None:
    values = np.arange(40, dtype=np.float32).reshape(20, 2)
    write(tmp_path / "whole.xdf", values, np.arange(20) / 100, "float32", 100.0, [10])
    with (tmp_path / "whole.xdf").open("rb") as file:
        samples = [chunk for chunk in walk(file) if chunk.tag is Tag.SAMPLES]
    data = bytearray((tmp_path / "whole.xdf").read_bytes()[: samples[1].stop])
    data[samples[1].start] = 0
    for end in (samples[1].start + 1, samples[1].start + 9, samples[1].stop - 1, samples[1].stop):
        path = tmp_path / f"{end}.xdf"
        path.write_bytes(data[:end])
        assert load(path)["signal"]["time_series"].tobytes() == values[:10].tobytes()
        with path.open("rb") as file:
            assert survey(file).streams[1].count == 10


def test_a_writer_that_is_killed_within_a_chunk_leaves_a_zero_where_the_chunk_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def write_half(self: GrowingFile, view: memoryview) -> None:
        self._file.write(view[: len(view) // 2])
        raise Killed

    writer = XdfWriter(tmp_path / "a.xdf")
    stream = writer.add_stream(StreamHeader("signal", "EEG", channels(4), 100.0, "float32"))
    writer.write_samples(stream, np.ones((10, 4), np.float32), np.arange(10) / 100)
    size = writer.size
    with monkeypatch.context() as patch:
        patch.setattr(GrowingFile, "_write", write_half)
        with pytest.raises(Killed):
            writer.write_samples(stream, np.ones((10, 4), np.float32), 1 + np.arange(10) / 100)
    data = writer.path.read_bytes()
    assert len(data) > size + 100
    assert data[size] == 0
    assert len(load(writer.path)["signal"]["time_stamps"]) == 10


def _real_files() -> list[str]:
    root = Path(os.environ.get("RTBCI_TEST_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
    return sorted(str(path.relative_to(root)) for path in root.glob("**/*.xdf"))


@pytest.mark.parametrize("name", _real_files() or ["none"])
def test_real_recordings_have_the_structure_that_ours_have(data_dir: Path, name: str) -> None:
    if name == "none":
        pytest.skip(f"no XDF files under {data_dir}")
    path = data_dir / name
    with path.open("rb") as file:
        check_magic(file, path)
        found = list(walk(file))
        counted = survey(file)
    assert found[0].tag is Tag.FILE_HEADER
    assert [found[0].start, *(chunk.start for chunk in found[1:]), path.stat().st_size] == [4, *(c.stop for c in found)]
    assert counted.unreadable == 0
    streams, _ = pyxdf.load_xdf(str(path), synchronize_clocks=False, dejitter_timestamps=False)
    for stream in streams:
        ours = counted.streams[stream["info"]["stream_id"]]
        assert ours.count == len(stream["time_stamps"])
        assert ours.has_footer == ("footer" in stream)
        assert ours.rate == float(stream["info"]["nominal_srate"][0])
        assert ours.n_channels == int(stream["info"]["channel_count"][0])
        if ours.count:
            stamps = stream["time_stamps"]
            assert ours.first == stamps[0]
            # pyxdf adds up the periods of samples without a stamp in the same order
            assert math.isclose(ours.last, stamps[-1], rel_tol=0, abs_tol=1e-9)
