"""Recordings that rtbci itself wrote come back as they were; others with their clocks put right and their jitter gone."""

import json

import numpy as np
import pytest

from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.runfolder import stream_to_json
from rtbci.sources.file import load
from rtbci.types import Channel, StreamInfo

CHANNELS = (Channel("C3", "eeg", "uV", (-0.0654, -0.0116, 0.0643)), Channel("STI", "stim", ""))
INFO = StreamInfo("amp", 100.0, CHANNELS, type="ExG", source_id="amp-7", bads=frozenset({"C3"}), notes=("A note.",))


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((500, 2)).astype(np.float32)
    values[:, 1] = 0
    values[100:110, 1] = 7
    times = 1000.0 + np.arange(500) / 100.0 + rng.uniform(0, 0.003, 500)
    return values, times


def write(path, samples, extras, type="ExG", markers=()):
    values, times = samples
    writer = XdfWriter(path)
    signal = writer.add_stream(StreamHeader("amp", type, CHANNELS, 100.0, "float32", extras=extras))
    writer.write_samples(signal, values, times)
    for name, labels, format_ in markers:
        header = StreamHeader(name, "Markers", (Channel("marker", "marker", ""),), 0.0, format_, extras=extras)
        stream = writer.add_stream(header)
        stamps = 1001.0 + np.arange(len(labels))
        if format_ == "string":
            writer.write_strings(stream, labels, stamps)
        else:
            writer.write_samples(stream, np.array(labels)[:, None], stamps)
    writer.close()
    return path


def own(info=INFO):
    return {"rtbci": {"version": "0", "stream": json.dumps(stream_to_json(info))}}


def test_times_and_samples_of_an_own_recording_come_back_to_the_bit(tmp_path, samples):
    recording = load(write(tmp_path / "a.xdf", samples, own()))
    assert recording.samples.tobytes() == samples[0].tobytes()
    assert recording.times.tobytes() == samples[1].tobytes()


def test_an_own_recording_says_of_its_stream_what_the_session_knew(tmp_path, samples):
    assert load(write(tmp_path / "a.xdf", samples, own())).info == INFO


def test_triggers_of_an_own_recording_are_not_heard_twice(tmp_path, samples):
    markers = [("STI", ["7"], "string"), ("rtbci gaps", ["gap 3 samples"], "string")]
    heard = load(write(tmp_path / "a.xdf", samples, own(), markers=markers)).markers
    assert [(m.stream, m.label, m.code) for m in heard] == [("STI", "7", 7)]


def test_the_jitter_of_other_recordings_is_taken_out(tmp_path, samples):
    times = load(write(tmp_path / "a.xdf", samples, {}, type="EEG")).times
    np.testing.assert_allclose(np.diff(times), 0.01, rtol=0.001)
    assert np.ptp(np.diff(times)) < 1e-9


def test_rises_of_a_trigger_channel_in_other_recordings_are_markers(tmp_path, samples):
    recording = load(write(tmp_path / "a.xdf", samples, {}, type="EEG"))
    assert [(m.label, m.code, m.stream) for m in recording.markers] == [("7", 7, "STI")]
    assert recording.markers[0].time == recording.times[100]


def test_numeric_and_text_streams_of_markers_keep_their_own_times_and_are_told_apart(tmp_path, samples):
    markers = [("codes", [1, 2, 0], "int32"), ("texts", ["go", "", "T1"], "string"), ("halves", [0.5, 2.0], "double64")]
    path = write(tmp_path / "a.xdf", samples, {}, type="EEG", markers=markers)
    heard = [m for m in load(path).markers if m.stream != "STI"]
    assert {(m.stream, m.label, m.code, round(m.time)) for m in heard} == {
        ("codes", "1", 1, 1001),
        ("codes", "2", 2, 1002),
        ("codes", "0", 0, 1003),
        ("texts", "go", None, 1001),
        ("texts", "T1", None, 1003),
        ("halves", "0.5", None, 1001),
        ("halves", "2", 2, 1002),
    }
