"""``rtbci streams`` and ``rtbci stream FILE``, held against plain pylsl in another process."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pylsl
import pytest

from rtbci.sources.file import Recording, load
from tests.cli.conftest import write_csv
from tests.cli.terminal import rtbci
from tests.cli.test_run_refuses import sending


def test_streams_sees_the_outlets_of_another_process(stream_name: str) -> None:
    signal = {"name": stream_name, "type": "EEG", "n": 5, "rate": 200.0, "source_id": "amp-7", "format": "double64"}
    cues = {"name": f"{stream_name} cues", "type": "Markers", "n": 1, "format": "string", "source_id": "cues-7"}
    with sending(signal, cues):
        said = rtbci("streams", "--wait", 1.5, "--measure", 1, "--json")
    assert said.code == 0
    found = {s["name"]: s for s in said.json["streams"] if s["name"].startswith(stream_name)}
    assert set(found) == {stream_name, f"{stream_name} cues"}
    one = found[stream_name]
    assert (one["type"], one["n_channels"], one["rate"], one["source_id"]) == ("EEG", 5, 200.0, "amp-7")
    assert (one["channel_format"], one["hostname"]) == ("double64", platform.node())
    # what is measured: the same machine has one clock, and the sender paces itself by it
    assert one["effective_rate"] == pytest.approx(200.0, rel=0.3)
    assert abs(one["clock_offset_ms"]) < 50.0
    other = found[f"{stream_name} cues"]
    assert (other["type"], other["n_channels"], other["rate"]) == ("Markers", 1, 0.0)
    assert (other["channel_format"], other["effective_rate"]) == ("string", None)


@contextmanager
def playing(path: Path, *options: object) -> Iterator[subprocess.Popen[str]]:
    """``rtbci stream`` of ``path`` in another process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rtbci", "stream", str(path), *map(str, options), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Heard:
    """What a plain pylsl receiver hears of the stream ``name`` and its markers: the header and ``n`` samples."""

    def __init__(self, name: str, n: int) -> None:
        marks = pylsl.StreamInlet(pylsl.resolve_byprop("name", f"{name} markers", timeout=30.0)[0], recover=False)
        marks.open_stream(10.0)
        signal = pylsl.StreamInlet(pylsl.resolve_byprop("name", name, timeout=30.0)[0], recover=False)
        self.header = signal.info(10.0)
        signal.open_stream(10.0)
        parts: list[np.ndarray] = []
        stamps: list[np.ndarray] = []
        while sum(map(len, stamps)) < n:
            part, times = signal.pull_chunk(timeout=20.0, max_samples=4096, min_samples=1, as_numpy=True)
            assert len(times), f"{sum(map(len, stamps))} of {n} samples came"
            parts.append(part.copy())
            stamps.append(np.array(times))
        self.samples, self.times = np.concatenate(parts), np.concatenate(stamps)
        rows, times = marks.pull_chunk(timeout=0.3, max_samples=256)
        self.markers = list(zip((row[0] for row in rows), times, strict=True))


def test_a_recording_is_sent_exactly_as_it_is_read(short: Path, stream_name: str) -> None:
    whole = load(short)
    with playing(short, "--name", stream_name, "--speed", 4, "--chunk", 7, "--wait", 60) as process:
        heard = Heard(stream_name, len(whole.samples))
        out, _ = process.communicate(timeout=60)
    assert heard.samples.tobytes() == whole.samples.tobytes()
    np.testing.assert_allclose(heard.times - heard.times[0], (whole.times - whole.times[0]) / 4, atol=1e-6)
    expected = [(m.label, (m.time - whole.times[0]) / 4) for m in whole.markers]
    assert [label for label, _ in heard.markers] == [label for label, _ in expected] == ["T0", "T1"]
    np.testing.assert_allclose([t - heard.times[0] for _, t in heard.markers], [t for _, t in expected], atol=1e-6)
    # the header: the recording's channels, in its order and units, at its own rate, whatever the speed
    header = heard.header
    assert (header.name(), header.type(), header.nominal_srate()) == (stream_name, "EEG", 160.0)
    channels = ElementTree.fromstring(header.as_xml()).findall("desc/channels/channel")
    assert [c.findtext("label") for c in channels] == list(whole.info.names)
    assert {c.findtext("unit") for c in channels} == {"microvolts"}
    # and the command says what it did
    (line,) = out.splitlines()
    assert process.returncode == 0
    said = json.loads(line)
    assert (said["name"], said["samples"], said["markers"]) == (stream_name, 1000, 2)
    assert (said["received"], said["stopped"]) == (True, False)


def test_a_loop_goes_round_without_a_seam_until_it_is_ended(
    tmp_path: Path, calibration: Recording, stream_name: str
) -> None:
    path = write_csv(tmp_path / "second.csv", calibration, 160)
    whole = load(path)
    with playing(path, "--name", stream_name, "--loop", "--speed", 4, "--wait", 60) as process:
        heard = Heard(stream_name, 400)
        process.terminate()
        out, _ = process.communicate(timeout=60)
    for i in range(400):
        assert heard.samples[i].tobytes() == whole.samples[i % 160].tobytes()
    np.testing.assert_allclose(np.diff(heard.times), 1 / (4 * 160), rtol=1e-3)
    assert [label for label, _ in heard.markers][:2] == ["T0", "T0"]  # one a round, at its first sample
    assert process.returncode == 0
    said = json.loads(out.splitlines()[-1])
    assert said["stopped"] is True
    assert said["samples"] >= 400


def test_nobody_needs_to_listen(tmp_path: Path, calibration: Recording, stream_name: str) -> None:
    path = write_csv(tmp_path / "tenth.csv", calibration, 16)
    said = rtbci("stream", path, "--name", stream_name, "--wait", 0)
    assert (said.code, said.err) == (0, "")
    assert f"sent 16 samples and 1 markers of '{stream_name}'" in said.out
    assert "nobody listened at the start" in said.out


def test_names_for_a_file_that_has_other_channels_are_refused(short: Path, stream_name: str) -> None:
    refusal = rtbci("stream", short, "--name", stream_name, "--channels", "a, b", "--json")
    assert refusal.code == 2
    assert "'channels' names 2; give 16 names" in refusal.json["error"]
