"""`LslSource` against real outlets in another process."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from rtbci.errors import SourceError, StreamLost
from rtbci.gaps import find_gaps
from rtbci.interfaces import Source
from rtbci.sources.lsl import LslSource
from rtbci.sources.lsl_discovery import as_text, streams

OUTLET = Path(__file__).parent.parent / "outlets" / "lsl_outlet.py"


class Outlet:
    """A process with LSL outlets, which obeys."""

    def __init__(self, specs):
        self.process = subprocess.Popen(
            [sys.executable, str(OUTLET), json.dumps(specs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout.readline().strip() == "ready"

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


@pytest.fixture
def outlet():
    started = []

    def start(*specs):
        started.append(Outlet(specs))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()


@pytest.fixture
def source():
    made = []

    def make(**arguments):
        made.append(LslSource(**arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def name():
    return f"rtbci-{uuid.uuid4().hex[:10]}"


def labels(n=4):
    return [f"C{i + 1}" for i in range(n)]


def collect(source, n, n_channels=4, seconds=20.0, rows=512):
    """Read until ``n`` samples are there."""
    samples, times = np.empty((rows, n_channels), np.float32), np.empty(rows)
    got, stamps, end, total = [], [], time.monotonic() + seconds, 0
    while total < n:
        assert time.monotonic() < end, f"only {total} of {n} samples came"
        k = source.read(samples, times, 0.5)
        got.append(samples[:k].copy())
        stamps.append(times[:k].copy())
        total += k
    return np.concatenate(got), np.concatenate(stamps)


def read_until_lost(source, n_channels=4, seconds=20.0):
    """Seconds until StreamLost, with what was read before it."""
    samples, times = np.empty((512, n_channels), np.float32), np.empty(512)
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            source.read(samples, times, 0.2)
        except StreamLost as error:
            return time.monotonic() - start, str(error)
    raise AssertionError("the stream was never lost")


def wait_for(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def wait_for_markers(source, n, seconds=15.0):
    found = []

    def enough():
        found.extend(source.markers())
        return len(found) >= n

    wait_for(enough, seconds)
    return found


def test_samples_arrive_whole_in_order_and_on_the_local_clock(outlet, source, name):
    outlet({"name": name, "rate": 250.0, "labels": labels(), "units": ["uV"] * 4, "source_id": name})
    lsl = source(name=name, markers=[])
    assert isinstance(lsl, Source)
    info = lsl.open()
    assert (info.name, info.rate, info.names, info.notes) == (name, 250.0, ("C1", "C2", "C3", "C4"), ())
    samples, times = collect(lsl, 500)
    assert np.array_equal(np.diff(samples[:, 0]), np.ones(len(samples) - 1))
    assert np.array_equal(samples[:, 0], samples[:, 3])
    assert np.allclose(np.diff(times[50:]), 1 / 250, atol=1e-4)
    assert lsl.now() - times[-1] < 1.0
    assert find_gaps(times, 250.0) == []
    assert lsl.counts.received == len(samples)
    assert abs(lsl.clock_offset) < 0.01
    assert lsl.effective_rate == pytest.approx(250, rel=0.2)


def test_the_flow_starts_with_the_first_read(outlet, source, name):
    outlet({"name": name, "rate": 250.0})
    lsl = source(name=name, markers=[])
    lsl.open()
    opened = lsl.now()
    while lsl.now() < opened + 0.5:
        pass
    first_read = lsl.now()
    _, times = collect(lsl, 50)
    assert times[0] > first_read - 0.1


@pytest.mark.parametrize(("fmt", "chunk"), [("double64", 1), ("int32", 10), ("int16", 100)])
def test_other_number_formats_and_chunk_sizes(outlet, source, name, fmt, chunk):
    outlet({"name": name, "rate": 500.0, "format": fmt, "chunk": chunk})
    lsl = source(name=name, markers=[])
    lsl.open()
    samples, _ = collect(lsl, 300, rows=64)
    assert np.array_equal(np.diff(samples[:, 2]), np.ones(len(samples) - 1))


def test_volts_become_microvolts_and_units_stand_in_the_channels(outlet, source, name):
    outlet(
        {
            "name": name, "rate": 250.0, "labels": ["Fz", "MEG0111", "MEG0112", "EOG1"],
            "units": ["V", "T", "T/m", "microvolts"], "types": ["EEG", "mag", "grad", ""], "unit_value": 2.0,
            "location": [85.0, 0.0, 10.0],
        }
    )  # fmt: skip
    lsl = source(name=name, markers=[])
    info = lsl.open()
    assert [channel.kind for channel in info.channels] == ["eeg", "mag", "grad", "eog"]
    assert [channel.unit for channel in info.channels] == ["uV", "fT", "fT/cm", "uV"]
    assert info.channels[0].position == pytest.approx((0.085, 0.0, 0.010))
    samples, _ = collect(lsl, 20)
    assert np.allclose(samples[0], [2e6, 2e15, 2e13, 2.0], rtol=1e-6)


def test_a_header_without_names_takes_them_from_the_experiment(outlet, source, name):
    outlet({"name": name, "rate": 250.0})
    given = source(name=name, channels=["Fz", "Cz", "Pz", "Oz"], markers=[]).open()
    assert given.names == ("Fz", "Cz", "Pz", "Oz")
    assert any("taken as uV" in note for note in given.notes)
    numbered = source(name=name, markers=[]).open()
    assert numbered.names == ("1", "2", "3", "4")
    with pytest.raises(SourceError, match="the stream sends 4 channels; give 4 names"):
        source(name=name, channels=["Fz", "Cz"], markers=[]).open()


def test_two_matching_streams_are_listed_with_the_key_that_tells_them_apart(outlet, source, name):
    for letter in "ab":
        outlet({"name": name, "rate": 250.0, "source_id": name + letter})
    with pytest.raises(SourceError, match=r"2 LSL streams with .*set source_id") as caught:
        source(name=name, markers=[]).open()
    assert name + "a" in str(caught.value)
    assert name + "b" in str(caught.value)
    assert source(name=name, source_id=name + "b", markers=[]).open().source_id == name + "b"


def test_no_stream_lists_what_is_in_sight(outlet, source, name):
    outlet({"name": name, "rate": 250.0, "type": "Gaze"})
    with pytest.raises(SourceError, match=f"no LSL stream with type = 'EEG', name = '{name}' within 1.5 s") as caught:
        source(name=name, timeout=1.5).open()
    assert f"'{name}' (type 'Gaze', 4 channels, 250 Hz" in str(caught.value)


def test_text_and_irregular_streams_are_refused_as_a_signal(outlet, source, name):
    outlet({"name": name, "n": 1, "rate": 0.0, "format": "string"}, {"name": name + "n", "n": 1, "rate": 0.0})
    with pytest.raises(SourceError, match="sends text"):
        source(name=name, markers=[]).open()
    with pytest.raises(SourceError, match="without a sampling rate"):
        source(name=name + "n", markers=[]).open()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeout": 0}, "timeout = 0: "),
        ({"gap": "x"}, "gap = 'x': "),
        ({"name": 3}, "name = 3: "),
        ({"channels": "Fz"}, "channels = 'Fz': "),
        ({"channels": ["Fz", "Fz"]}, "channels = ['Fz', 'Fz']: "),
        ({"markers": [1]}, "markers = [1]: "),
        ({"unit": "furlong"}, "unit = 'furlong': "),
        ({"dejitter": 1}, "dejitter = 1: "),
    ],
)
def test_impossible_arguments_are_refused_with_key_and_value(arguments, message):
    with pytest.raises(SourceError) as caught:
        LslSource(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("source_id", ["", "stays"])
def test_a_killed_sender_is_lost_within_a_second_and_taken_up_again(outlet, source, name, source_id):
    spec = {"name": name, "rate": 250.0, "labels": labels(), "units": ["uV"] * 4}
    spec["source_id"] = source_id and name + source_id
    first = outlet(spec)
    lsl = source(name=name, markers=[])
    lsl.open()
    _, before = collect(lsl, 100)
    first.kill()
    seconds, _ = read_until_lost(lsl)
    assert seconds < 1.5
    assert lsl.reopen(0.2) is False
    outlet(spec)
    wait_for(lambda: lsl.reopen(1.0))
    samples, after = collect(lsl, 100)
    assert np.array_equal(np.diff(samples[:, 0]), np.ones(len(samples) - 1))
    times = np.concatenate([before, after])
    assert np.all(np.diff(times) > 0)
    assert after[0] - before[-1] > 0.2


def test_a_stalled_sender_is_lost_and_comes_back_on_the_same_clock(outlet, source, name):
    sender = outlet({"name": name, "rate": 250.0})
    lsl = source(name=name, markers=[])
    lsl.open()
    _, before = collect(lsl, 100)
    sender.tell("pause")
    seconds, message = read_until_lost(lsl)
    assert "silent" in message
    assert 0.9 < seconds < 2.5
    assert lsl.reopen(0.3) is False
    sender.tell("go")
    assert lsl.reopen(10.0) is True
    samples, after = collect(lsl, 100)
    missing = samples[0, 0] - 100 if len(before) == 100 else samples[0, 0] - len(before)
    (gap,) = find_gaps(np.concatenate([before[-1:], after]), 250.0)
    assert missing > 0
    assert gap.missing > 250


def test_a_stream_that_comes_back_different_is_refused(outlet, source, name):
    first = outlet({"name": name, "rate": 250.0, "source_id": name})
    lsl = source(name=name, markers=[])
    lsl.open()
    collect(lsl, 50)
    first.kill()
    read_until_lost(lsl)
    outlet({"name": name, "rate": 250.0, "source_id": name, "n": 8})
    with pytest.raises(SourceError, match="came back with 8 channels; it had 4"):
        wait_for(lambda: lsl.reopen(1.0))


def test_markers_of_several_streams_text_and_numbers(outlet, source, name):
    sender = outlet(
        {"name": name, "rate": 250.0},
        {"name": name + "-text", "type": "Markers", "n": 1, "format": "string"},
        {"name": name + "-int", "type": "events", "n": 1, "format": "int32"},
        {"name": name + "-double", "type": "Stim", "n": 1, "format": "double64"},
        {"name": name + "-notes", "type": "annotations", "n": 2, "format": "double64", "labels": ["left", "right"]},
        {"name": name + "-gaze", "type": "Gaze", "n": 1, "format": "float32"},
    )
    lsl = source(name=name)
    lsl.open()
    assert set(lsl.marker_streams) >= {name + end for end in ("-text", "-int", "-double", "-notes")}
    before = lsl.now()
    for line in ('-text "T1"', '-text ""', "-int 7", "-double 3.0", "-notes [0.0, 1.5]", "-gaze 9"):
        sender.tell(f"mark {name}{line}")
    sender.tell(f'mark {name}-text "end"')
    found = wait_for_markers(lsl, 5)
    mine = {(marker.stream.removeprefix(name), marker.label, marker.code) for marker in found}
    assert mine == {
        ("-text", "T1", None), ("-text", "end", None), ("-int", "7", 7), ("-double", "3", 3), ("-notes", "right", None),
    }  # fmt: skip
    assert all(before - 0.1 < marker.time < lsl.now() for marker in found)


def test_text_of_any_type_is_heard_as_markers_as_in_a_recording(outlet, source, name):
    sender = outlet(
        {"name": name, "rate": 250.0},
        {"name": name + "-unity", "type": "LSL_Marker_Strings", "n": 1, "format": "string"},
        {"name": name + "-gaze", "type": "Gaze", "n": 1, "format": "float32"},
    )
    lsl = source(name=name)
    lsl.open()
    assert {each for each in lsl.marker_streams if each.startswith(name)} == {name + "-unity"}
    for line in ("-gaze 9", '-unity "switch,3,0,2"'):
        sender.tell(f"mark {name}{line}")
    (marker,) = wait_for_markers(lsl, 1)
    assert (marker.stream, marker.label) == (name + "-unity", "switch,3,0,2")


def test_named_marker_streams_only_and_one_that_appears_later(outlet, source, name):
    outlet({"name": name, "rate": 250.0}, {"name": name + "-other", "type": "Markers", "n": 1, "format": "string"})
    lsl = source(name=name, markers=[name + "-late"])
    info = lsl.open()
    assert any(name + "-late" in note for note in info.notes)
    assert lsl.marker_streams == ()
    spec = {"name": name + "-late", "type": "whatever", "n": 1, "format": "string"}
    for label in ("first", "second"):  # the second outlet takes the place of one that was killed
        late = outlet(spec)
        wait_for(lambda: lsl.marker_streams == (name + "-late",))

        def heard(late=late, label=label):
            late.tell(f'mark {name}-late "{label}"')
            return label in [marker.label for marker in lsl.markers()]

        wait_for(heard)
        late.kill()
        wait_for(lambda: lsl.marker_streams == ())


def test_trigger_channels_give_markers_at_their_rises(outlet, source, name):
    sender = outlet({"name": name, "rate": 250.0, "labels": ["Fz", "Cz", "Pz", "STI014"], "unit_value": 0.0})
    lsl = source(name=name)
    info = lsl.open()
    assert info.channels[3].kind == "stim"
    collect(lsl, 50)
    found, times, codes = [], [], []
    for value in (5, 0, 3, 7, 1):
        sender.tell(f"set 3 {value}")
        samples, stamps = collect(lsl, 60)
        times.append(stamps)
        codes.append(samples[:, 3])
        found += lsl.markers()
    line, stamps = np.concatenate(codes), np.concatenate(times)
    rises = np.flatnonzero(np.diff(line, prepend=0) > 0)
    assert [(marker.label, marker.code) for marker in found] == [("5", 5), ("3", 3), ("7", 7)]
    assert [marker.time for marker in found] == stamps[rises].tolist()
    assert {marker.stream for marker in found} == {"STI014"}


def test_values_that_are_no_numbers_pass_and_are_counted(outlet, source, name):
    sender = outlet({"name": name, "rate": 250.0})
    lsl = source(name=name, markers=[])
    lsl.open()
    collect(lsl, 20)
    sender.tell("set 1 nan")
    samples, _ = collect(lsl, 250)
    broken = int(np.isnan(samples[:, 1]).sum())
    assert broken > 100
    assert lsl.counts.nonfinite == broken


def test_four_times_the_speed_is_followed_without_gaps(outlet, source, name):
    outlet({"name": name, "rate": 160.0, "speed": 4.0, "chunk": 16})
    lsl = source(name=name, markers=[])
    lsl.open()
    _, times = collect(lsl, 1600)
    assert find_gaps(times, 160.0) == []
    assert np.allclose(np.diff(times[640:]), 1 / 640, rtol=0.05)


def test_packets_seconds_apart_are_not_lost_for_long(outlet, source, name):
    outlet({"name": name, "rate": 250.0, "chunk": 400})
    lsl = source(name=name, markers=[])
    lsl.open()
    samples, times = np.empty((1000, 4), np.float32), np.empty(1000)
    got, losses, all_times = 0, 0, []
    while got < 400 * 5:
        try:
            n = lsl.read(samples, times, 0.5)
            got += n
            all_times.append(times[:n].copy())
        except StreamLost:
            losses += 1
            assert lsl.reopen(5.0)
    assert losses <= 2, "after two waits of 1.6 s the source must know that this sender is like that"
    assert find_gaps(np.concatenate(all_times), 250.0) == []


def test_streams_in_sight_are_measured(outlet, name):
    outlet(
        {"name": name, "rate": 250.0, "source_id": name},
        {"name": name + "-m", "type": "Markers", "n": 1, "format": "string"},
    )
    mine = {stream.name: stream for stream in streams(1.5, 1.5) if stream.name.startswith(name)}
    signal, markers = mine[name], mine[name + "-m"]
    assert (signal.n_channels, signal.rate, signal.channel_format, signal.source_id) == (4, 250.0, "float32", name)
    assert signal.effective_rate == pytest.approx(250, rel=0.1)
    assert abs(signal.clock_offset_ms) < 10
    assert markers.effective_rate is None
    assert markers.channel_format == "string"
    assert json.loads(json.dumps(signal.as_json()))["name"] == name
    heading, line = as_text([signal]).splitlines()
    assert heading.split()[:3] == ["name", "type", "channels"]
    assert line.split()[:5] == [name, "EEG", "4", "float32", "250"]
    assert as_text([]) == "no LSL stream in sight"


def test_a_silent_stream_is_listed_with_a_note(outlet, name):
    sender = outlet({"name": name, "rate": 250.0})
    sender.tell("pause")
    (found,) = [stream for stream in streams(1.5, 0.5) if stream.name == name]
    assert found.effective_rate is None
    assert found.note == "sends nothing"
