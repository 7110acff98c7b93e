from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import freqz, upfirdn

from rtbci.errors import TransformError
from rtbci.interfaces import Transform
from rtbci.transforms.resample import ATTENUATION, PASS, STOP, Resample, design
from tests.transforms.streams import RATE, chunkings, clock, noise, stream, through

RATES = st.sampled_from([160.0, 100.0, 80.0, 128.0, 200.0, 320.0, 50.0, 106 + 2 / 3, 1.0])


@settings(max_examples=120, deadline=None)
@given(
    rate=RATES,
    lengths=chunkings(),
    n=st.integers(0, 500),
    breaks=st.sets(st.integers(1, 499), max_size=3),
    first_index=st.integers(0, 10**9),
)
def test_output_does_not_depend_on_chunks(rate, lengths, n, breaks, first_index):
    samples, times = noise(n, 3, seed=n, offset=1e3), clock(n)
    breaks = sorted(b for b in breaks if b < n)
    outs, nexts = [], []
    for chunks in (lengths, [max(n, 1)]):
        transform = Resample(rate)
        assert transform.start(stream(3), first_index).rate == rate
        outs.append(through(transform, samples, times, chunks, breaks))
        nexts.append(transform.next_index)
    assert outs[0][0].tobytes() == outs[1][0].tobytes()
    assert outs[0][1].tobytes() == outs[1][1].tobytes()
    assert nexts[0] == nexts[1]


@settings(max_examples=60, deadline=None)
@given(
    rate=RATES, first_index=st.integers(0, 10**9), n=st.integers(1, 60), breaks=st.sets(st.integers(1, 59), max_size=2)
)
def test_how_many_come_out_is_a_matter_of_indices_alone(rate, first_index, n, breaks):
    transform = Resample(rate)
    transform.start(stream(1), first_index)
    step = Fraction(transform.down, transform.up)
    k = transform.next_index
    assert k * step >= first_index > (k - 1) * step
    samples, times = noise(n, 1), clock(n)
    for i in range(n):
        if i in breaks:
            transform.resume()
        out, _ = transform.transform(samples[i : i + 1], times[i : i + 1])
        newest = first_index + i
        due = 0
        while -(-k * transform.down // transform.up) <= newest:  # the input sample that output k waits for is there
            k, due = k + 1, due + 1
        assert len(out) == due
        assert transform.next_index == k


def test_equals_a_plain_polyphase_filter_of_the_whole_signal():
    for rate in (100.0, 250.0, 50.0):
        transform = Resample(rate)
        transform.start(stream(4))
        samples = noise(900, 4)
        out, _ = through(transform, samples, clock(900), [9])
        taps, half = design(transform.up, transform.down)
        response = taps.T.ravel()[: 2 * half + 1]
        lead = 2 * (len(response) // transform.up + 1) // transform.down * transform.down + 10 * transform.down
        primed = np.concatenate([np.repeat(samples[:1], lead, 0), samples]).astype(np.float64)
        expected = upfirdn(response, primed, transform.up, transform.down, axis=0)
        expected = expected[lead * transform.up // transform.down :][: len(out)]
        assert np.abs(out - expected).max() < 1e-5 * np.abs(expected).max()


def test_same_rate_passes_through():
    transform = Resample(160)
    assert transform.start(stream(2), 17) == stream(2)
    assert (transform.delay_seconds, transform.next_index, transform.up, transform.down) == (0.0, 17, 1, 1)
    samples, times = noise(30, 2), clock(30)
    out, out_times = transform.transform(samples, times)
    assert out.tobytes() == samples.tobytes()
    assert np.array_equal(out_times, times)
    assert transform.next_index == 47


@pytest.mark.parametrize("rate", [50.0, 100.0, 128.0, 200.0, 500.0])
def test_times_say_when_the_signal_happened(rate):
    transform = Resample(rate)
    info = transform.start(stream(1))
    n, frequency = 3200, 7.3
    times = clock(n)
    signal = np.sin(2 * np.pi * frequency * times)[:, None].astype(np.float32)
    out, out_times = through(transform, signal, times, [16])
    settled = slice(int(2 * transform.delay_seconds * rate) + 1, None)
    assert np.abs(out[settled, 0] - np.sin(2 * np.pi * frequency * out_times[settled])).max() < 2e-3
    assert np.allclose(np.diff(out_times), 1 / info.rate, rtol=0, atol=1e-9)
    assert out_times[0] == pytest.approx(times[0] - transform.delay_seconds, abs=1e-9)
    assert transform.delay_seconds < 7 / (min(rate, RATE) / 2)


@pytest.mark.parametrize("rate", [50.0, 100.0, 128.0])
def test_what_would_fold_is_attenuated(rate):
    transform = Resample(rate)
    transform.start(stream(1))
    n = 6400
    for frequency in np.linspace(STOP * rate / 2, 79.0, 5):
        transform.resume()
        tone = np.sin(2 * np.pi * frequency * np.arange(n) / RATE)[:, None].astype(np.float32)
        out, _ = through(transform, tone, clock(n), [64])
        assert np.abs(out[100:]).max() < 1.3 * 10 ** (-ATTENUATION / 20)


@pytest.mark.parametrize(("up", "down"), [(1, 2), (1, 20), (5, 8), (8, 5), (125, 1024), (1, 1024)])
def test_filter_is_linear_phase_with_the_stated_bands(up, down):
    taps, half = design(up, down)
    response = taps.T.ravel()
    assert not response[2 * half + 1 :].any()
    response = response[: 2 * half + 1]
    assert np.allclose(response, response[::-1], rtol=0, atol=1e-12)
    assert np.allclose(taps.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    lower = min(1.0, up / down) / up
    _, passed = freqz(response / up, worN=np.linspace(0, np.pi * PASS * lower, 200))
    _, stopped = freqz(response / up, worN=np.linspace(np.pi * STOP * lower, np.pi, 5000))
    assert np.abs(np.abs(passed) - 1).max() < 2e-3
    assert np.abs(stopped).max() < 1.2 * 10 ** (-ATTENUATION / 20)


def test_an_offset_of_20_mV_comes_out_as_itself():
    for rate in (100.0, 250.0, 128.0):
        transform = Resample(rate)
        transform.start(stream(2), 5)
        out, _ = through(transform, np.full((500, 2), 20_000.0, np.float32), clock(500), [7])
        assert np.abs(out - 20_000.0).max() <= 0.002  # one step of float32


def test_after_a_gap_nothing_of_the_past_is_left():
    transform = Resample(100.0)
    transform.start(stream(1))
    samples = np.concatenate([np.full((161, 1), 1e6, np.float32), np.full((160, 1), 3.0, np.float32)])
    times = np.concatenate([clock(161), clock(160, first=2000.0)])
    out, out_times = through(transform, samples, times, [10], breaks=[161])
    before = out_times < 1900
    assert np.allclose(out[before], 1e6)
    assert np.allclose(out[~before], 3.0)
    # sample 161 lies at output position 100.6, so the next output is 101, at input position 161.6
    assert out_times[~before][0] == pytest.approx(2000.0 + 0.6 / RATE - transform.delay_seconds, abs=1e-9)
    assert np.allclose(np.diff(out_times[~before]), 0.01, rtol=0, atol=1e-9)


def test_an_output_that_falls_into_a_gap_is_timed_from_the_sample_after_it():
    transform = Resample(320.0)
    transform.start(stream(1))
    samples = np.concatenate([np.full((20, 1), 1e6, np.float32), np.full((20, 1), 3.0, np.float32)])
    times = np.concatenate([clock(20), clock(20, first=2000.0)])
    out, out_times = through(transform, samples, times, [5], breaks=[20])
    after = out_times > 1900
    assert out_times[after][0] == pytest.approx(2000.0 - 0.5 / RATE - transform.delay_seconds, abs=1e-9)
    assert np.allclose(out[after], 3.0)
    assert np.allclose(out[~after], 1e6)


@pytest.mark.parametrize("value", ["100", True, None, float("nan"), float("inf"), 0, -5.0])
def test_what_is_no_rate_is_refused(value):
    with pytest.raises(TransformError, match=r"^rate = .*: must be a sampling rate in Hz"):
        Resample(value)


@pytest.mark.parametrize(
    ("rate", "from_rate"), [(100.0, 99.99731), (250.0, 600.614990234375), (1.0, 5000.0), (5000.0, 1.0)]
)
def test_a_rate_that_is_no_multiple_is_refused_with_the_nearest_one(rate, from_rate):
    with pytest.raises(
        TransformError, match=r"^rate = .*: is no multiple .*the nearest possible is ([\d.]+) Hz"
    ) as caught:
        Resample(rate).start(stream(1, from_rate))
    nearest = float(str(caught.value).split("nearest possible is ")[1].split(" ")[0])
    transform = Resample(nearest)
    assert transform.start(stream(1, from_rate)).rate == nearest
    assert max(transform.up, transform.down) <= 1024


@pytest.mark.parametrize(
    ("rate", "from_rate", "up", "down"),
    [(250, 2048, 125, 1024), (120, 5000, 3, 125), (512, 500, 128, 125), (250, 1000, 1, 4), (102.4, 512, 1, 5)],
)
def test_common_rates_have_their_factors(rate, from_rate, up, down):
    transform = Resample(rate)
    transform.start(stream(1, from_rate))
    assert (transform.up, transform.down) == (up, down)
    assert isinstance(transform, Transform)


def test_samples_of_another_stream_are_refused():
    with pytest.raises(TransformError, match="start"):
        Resample(100.0).transform(noise(10, 3), clock(10))
