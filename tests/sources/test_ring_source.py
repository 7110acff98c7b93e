"""The ring of a session as a source: how soon a sleeping reader notices what it waits for, on a clock of the test's own."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.ring import CLOSED, Ring
from rtbci.runfolder import RunFolder
from rtbci.sources import ring as ring_module
from rtbci.sources.ring import NAP_SECONDS, POLL_SECONDS, RingSource
from rtbci.types import Channel, StreamInfo

RATE = 250.0


class Stream:
    """Time that passes only while somebody sleeps, and a session that gets a chunk whenever one is due in it."""

    def __init__(self, run: RunFolder, chunk: int, arrivals: list[float]) -> None:
        self.clock = 100.0
        self.sleeps = 0
        self._chunk = chunk
        self._due = [100.0 + each for each in arrivals]
        self.ring = Ring.create(run.raw, 1000, 1)
        run.write_stream(StreamInfo("test", RATE, (Channel("Cz"),)), 0.0)

    def monotonic(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        assert seconds > 0.0
        self.sleeps += 1
        self.clock += seconds
        while self._due and self._due[0] <= self.clock:
            arrival = self._due.pop(0)
            self.ring.push(np.zeros((self._chunk, 1), np.float32), np.full(self._chunk, arrival), arrival)


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def source_on(monkeypatch, run, stream):
    monkeypatch.setattr(ring_module, "time", stream)
    source = RingSource(run)
    source.open()
    return source


@pytest.mark.parametrize("chunk", [1, 5, 10, 25])
def test_a_sample_is_noticed_within_one_look_of_its_arrival_however_samples_are_chunked(monkeypatch, run, chunk):
    every = chunk / RATE
    arrivals = [k * every for k in range(1, 41)]
    stream = Stream(run, chunk, arrivals)
    source = source_on(monkeypatch, run, stream)
    lags = []
    for k, arrival in enumerate(arrivals):
        assert source.wait_for((k + 1) * chunk - 1, 1.0)
        lags.append(stream.clock - 100.0 - arrival)

    assert max(lags[1:]) <= POLL_SECONDS + 1e-9  # before the first sample nobody knows when one is due
    assert stream.sleeps / len(arrivals) < 10 + 1.2 * every / NAP_SECONDS  # asleep, not looking all the while


def test_a_stream_that_runs_at_four_times_its_rate_is_followed_within_half_of_its_nominal_step(monkeypatch, run):
    arrivals = [k * 5 / RATE / 4 for k in range(1, 41)]
    stream = Stream(run, 5, arrivals)
    source = source_on(monkeypatch, run, stream)
    lags = []
    for k, arrival in enumerate(arrivals):
        assert source.wait_for(5 * (k + 1) - 1, 1.0)
        lags.append(stream.clock - 100.0 - arrival)

    assert max(lags) <= 0.5 * 5 / RATE + POLL_SECONDS


def test_a_sample_that_is_late_is_noticed_within_a_twentieth_of_its_delay_and_looked_for_ever_less_often(
    monkeypatch, run
):
    stream = Stream(run, 5, [0.02, 0.04, 0.54])  # the third one 480 ms late
    source = source_on(monkeypatch, run, stream)
    source.wait_for(9, 1.0)
    before = stream.sleeps
    assert source.wait_for(14, 1.0)

    assert stream.clock - 100.54 <= 0.05 * 0.48 / 0.95 + POLL_SECONDS
    assert stream.sleeps - before < 200  # looking all the while would be 1200


def test_waiting_ends_when_the_time_is_over_and_at_once_when_the_stream_has_ended(monkeypatch, run):
    stream = Stream(run, 5, [0.02])
    source = source_on(monkeypatch, run, stream)
    assert source.wait_for(4, 1.0)
    begun = stream.clock
    assert not source.wait_for(9, 0.05)
    assert stream.clock - begun == pytest.approx(0.05)
    stream.ring.set_word(CLOSED, 1)
    begun = stream.clock
    assert not source.wait_for(9, 0.05)
    assert stream.clock == begun
