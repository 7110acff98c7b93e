"""The player: real outlets from another process, and the order of sending against recorded outlets."""

import json
import subprocess
import sys
import threading
from xml.etree import ElementTree

import numpy as np
import pylsl
import pytest

from rtbci import player
from rtbci.errors import SourceError
from rtbci.player import play
from rtbci.sources.file import load
from rtbci.sources.synthetic import SyntheticSource
from rtbci.types import Channel, Marker, StreamInfo

EDF = "eegmmidb_S001/S001R14.edf"
MEG = "mne_testing_data/SSS/141027_cropped_90Hz_raw.fif"
XDF = "mi_errp_xdf_2d/sub-P002/ses-S002/eeg/sub-P002_ses-S002_task-Default_run-001_eeg.xdf"

SCRIPT = """
import json, sys
from rtbci.player import play
arguments = json.loads(sys.argv[1])
print(json.dumps(play(arguments.pop("path"), **arguments).as_json()))
"""


class Received:
    """A player in another process, and all that its outlets sent."""

    def __init__(self, path, name, n_samples, **arguments):
        arguments = {"path": str(path), "name": name, "wait": 20.0, **arguments}
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            marks = pylsl.StreamInlet(pylsl.resolve_byprop("name", f"{name} markers", timeout=20.0)[0], recover=False)
            marks.open_stream(10.0)
            signal = pylsl.StreamInlet(
                pylsl.resolve_byprop("name", name, timeout=20.0)[0], max_buflen=360, recover=False
            )
            self.info = signal.info(10.0)
            signal.open_stream(10.0)
            parts, stamps = [], []
            while sum(map(len, stamps)) < n_samples:
                part, times = signal.pull_chunk(timeout=10.0, max_samples=4096, min_samples=1, as_numpy=True)
                assert len(times), f"{sum(map(len, stamps))} of {n_samples} samples came"
                parts.append(part.copy())
                stamps.append(np.array(times))
            self.samples, self.times = np.concatenate(parts), np.concatenate(stamps)
            labels, times = marks.pull_chunk(timeout=0.5, max_samples=4096)
            self.markers = [(row[0], time) for row, time in zip(labels, times, strict=True)]
            out, _ = process.communicate(timeout=30.0)
            self.report = json.loads(out)
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize(("recording", "speed", "chunk"), [(EDF, 40.0, 7), (XDF, 80.0, None), (MEG, 5.0, None)])
def test_a_receiver_gets_exactly_what_the_file_holds(data_dir, recording, speed, chunk):
    whole = load(data_dir / recording)
    got = Received(data_dir / recording, f"player test {recording[:6]}", len(whole.samples), speed=speed, chunk=chunk)
    assert got.samples.tobytes() == whole.samples.tobytes()
    np.testing.assert_allclose(got.times - got.times[0], (whole.times - whole.times[0]) / speed, atol=1e-6)
    assert [label for label, _ in got.markers] == [m.label for m in whole.markers]
    expected = (np.array([m.time for m in whole.markers]) - whole.times[0]) / speed
    np.testing.assert_allclose([time - got.times[0] for _, time in got.markers], expected, atol=1e-6)
    assert (got.report["samples"], got.report["markers"]) == (len(whole.samples), len(whole.markers))
    assert got.report["received"]
    assert not got.report["stopped"]


def test_the_header_names_channels_kinds_units_and_places():
    channels = (
        Channel("C3", "eeg", "uV", (-0.0654, -0.0116, 0.0643)),
        Channel("MEG0111", "mag", "fT"),
        Channel("aux", "misc", "g"),
    )
    signal, markers, name = player.outlets(StreamInfo("rec", 250.0, channels, "MEG"))
    info = signal.get_info()
    assert (name, info.name(), info.type(), info.nominal_srate()) == ("rec", "rec", "MEG", 250.0)
    assert info.channel_format() == pylsl.cf_float32
    xml = ElementTree.fromstring(info.as_xml())
    rows = [[c.findtext(key) for key in ("label", "unit", "type")] for c in xml.findall("desc/channels/channel")]
    assert rows == [["C3", "microvolts", "EEG"], ["MEG0111", "fT", "MAG"], ["aux", "g", "MISC"]]
    place = [float(xml.find("desc/channels/channel/location").findtext(axis)) for axis in "XYZ"]
    np.testing.assert_allclose(place, [-65.4, -11.6, 64.3])
    marks = markers.get_info()
    assert (marks.name(), marks.type(), marks.channel_count(), marks.nominal_srate()) == (
        "rec markers",
        "Markers",
        1,
        0.0,
    )
    assert marks.channel_format() == pylsl.cf_string
    assert info.source_id()
    assert marks.source_id()
    assert info.source_id() != marks.source_id()
    # a header that says so would make a recording of this stream by other hands look like one of rtbci's own
    assert xml.find("desc/rtbci") is None


class Tape:
    """Stands for both outlets: writes down what is pushed, in order."""

    def __init__(self):
        self.pushed = []

    def wait_for_consumers(self, timeout):
        return True

    def have_consumers(self):
        return True

    def push_chunk(self, samples, stamps):
        self.pushed.append(("samples", samples.copy(), list(stamps)))

    def push_sample(self, sample, stamp):
        self.pushed.append(("marker", sample[0], stamp))

    @property
    def samples(self):
        return np.concatenate([p[1] for p in self.pushed if p[0] == "samples"])

    @property
    def stamps(self):
        return np.concatenate([p[2] for p in self.pushed if p[0] == "samples"])

    @property
    def markers(self):
        return [(p[1], p[2]) for p in self.pushed if p[0] == "marker"]


@pytest.fixture
def tape(monkeypatch):
    tape = Tape()
    monkeypatch.setattr(player, "outlets", lambda info, name: (tape, tape, name or info.name))
    monkeypatch.setattr(player, "LINGER_SECONDS", 0.0)
    return tape


class Given:
    """A source of samples, times and markers that are given."""

    def __init__(self, times, markers, rate=100.0):
        self.times, self.given, self.rate, self.index = np.asarray(times), list(markers), rate, 0

    def open(self):
        return StreamInfo("given", self.rate, (Channel("a"),))

    def read(self, samples, times, timeout):
        n = min(len(samples), len(self.times) - self.index)
        if n == 0:
            raise EOFError
        samples[:n, 0] = np.arange(self.index, self.index + n)
        times[:n] = self.times[self.index : self.index + n]
        self.index += n
        return n

    def markers(self):
        due, self.given = self.given, []
        return due

    def now(self):
        return 0.0

    def close(self):
        pass


def test_a_marker_is_sent_before_the_samples_it_belongs_to(data_dir, tape):
    whole = load(data_dir / EDF)
    play(data_dir / EDF, speed=400.0, chunk=10)
    begin = tape.stamps[0]
    half = 0.5 / (160 * 400)
    newest = -np.inf
    for kind, _, stamp in tape.pushed:
        if kind == "samples":
            newest = stamp[-1]
        else:
            assert newest < stamp + half
    assert tape.samples.tobytes() == whole.samples.tobytes()
    times = [begin + (m.time - whole.times[0]) / 400.0 for m in whole.markers]
    np.testing.assert_allclose([stamp for _, stamp in tape.markers], times, atol=1e-9)


def test_a_gap_stays_a_gap_and_holds_back_nothing_that_came_before_it(tape):
    times = np.concatenate([np.arange(15) / 100, 0.6 + np.arange(15) / 100])
    play(Given(times, [Marker(0.4, "in the gap")]), chunk=20)
    np.testing.assert_allclose(tape.stamps - tape.stamps[0], times, atol=1e-9)
    kinds = [(kind, len(what) if kind == "samples" else what) for kind, what, _ in tape.pushed]
    assert kinds == [("samples", 15), ("marker", "in the gap"), ("samples", 5), ("samples", 10)]


def test_markers_after_the_last_sample_are_sent_too(tape):
    play(Given(np.arange(5) / 100, [Marker(0.2, "late")]))
    assert [label for label, _ in tape.markers] == ["late"]


def test_a_loop_goes_on_in_time_without_a_seam(data_dir, tape):
    n = len(load(data_dir / MEG).samples)
    stop = threading.Event()
    count = []

    def enough(samples, stamps):
        tape.pushed.append(("samples", samples.copy(), list(stamps)))
        count.append(len(samples))
        if sum(count) > 2 * n + 100:
            stop.set()

    tape.push_chunk = enough
    report = play(data_dir / MEG, speed=100.0, loop=True, stop=stop)
    assert report.stopped
    np.testing.assert_allclose(np.diff(tape.stamps), 1 / 9000, rtol=1e-3)
    samples = tape.samples
    np.testing.assert_array_equal(samples[n : 2 * n], samples[:n])
    np.testing.assert_array_equal(samples[2 * n : 2 * n + 100], samples[:100])


def test_a_source_without_end_plays_until_it_is_stopped(tape):
    stop = threading.Event()
    seen = []

    def progress(text):
        seen.append(text)
        if len(tape.stamps) > 400:
            stop.set()

    report = play(SyntheticSource(channels=4, speed=None), speed=5.0, stop=stop, on_progress=progress)
    assert report.stopped
    assert report.samples == len(tape.samples) > 400
    assert "samples" in seen[-1]
    assert tape.markers[0][0] == "T0"


def test_nobody_listening_is_waited_for_no_longer_than_asked_and_reported():
    report = play(Given(np.arange(5) / 100, []), wait=0.1, name="player test alone")
    assert (report.samples, report.received) == (5, False)
    assert "nobody listened" in report.as_text()


def test_what_makes_no_sense_is_refused(data_dir, tmp_path):
    for wrong in ({"speed": 0.0}, {"chunk": 0}):
        with pytest.raises(SourceError, match=next(iter(wrong))):
            play(data_dir / EDF, **wrong)
    with pytest.raises(SourceError, match="once"):
        play(Given([0.0], []), loop=True)
    with pytest.raises(SourceError, match="no recording"):
        play(tmp_path / "nothing.edf")
