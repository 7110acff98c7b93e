from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, freqz_sos, hilbert, iirnotch, sosfilt, sosfilt_zi

from rtbci.errors import TransformError
from rtbci.interfaces import MarksBads, Transform
from rtbci.transforms.filters import BandPass, HighPass, Notch, Recursive, energy_time
from tests.transforms.streams import RATE, chunkings, clock, noise, stream, through

MAKERS = {
    "band-pass": lambda: BandPass(8.0, 30.0),
    "band-pass, odd order": lambda: BandPass(1.0, 40.0, order=3),
    "high-pass": lambda: HighPass(0.5),
    "notch": lambda: Notch(25.0, harmonics=3),
}


def by_scipy(sections: np.ndarray, samples: np.ndarray) -> np.ndarray:
    samples = samples.astype(np.float64)
    state = sosfilt_zi(sections)[:, :, None] * samples[0]
    return sosfilt(sections, samples, axis=0, zi=state)[0]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_equals_scipy_in_float64(make):
    transform, samples = make(), noise(3000, 7, offset=300.0)
    assert transform.start(stream(7)) == stream(7)
    out, times = through(transform, samples, clock(3000), [10])
    expected = by_scipy(transform.sections, samples)
    assert np.abs(out - expected).max() <= 1e-6 * np.abs(expected).max()
    assert np.array_equal(times, clock(3000))


def test_sections_are_the_textbook_designs():
    band, high, notch = BandPass(8.0, 30.0), HighPass(0.5), Notch(50.0, 25.0)
    for transform in (band, high, notch):
        transform.start(stream())
    assert np.allclose(band.sections, butter(4, [8, 30], "bandpass", fs=RATE, output="sos"), rtol=0, atol=1e-15)
    assert np.allclose(high.sections, butter(2, 0.5, "highpass", fs=RATE, output="sos"), rtol=0, atol=1e-15)
    assert np.allclose(notch.sections[0], np.concatenate(iirnotch(50.0, 25.0, RATE)), rtol=0, atol=1e-15)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@settings(max_examples=40, deadline=None)
@given(
    lengths=chunkings(),
    n=st.integers(0, 400),
    n_channels=st.integers(1, 19),
    breaks=st.sets(st.integers(1, 399), max_size=3),
    first_index=st.integers(0, 10**9),
)
def test_output_does_not_depend_on_chunks(make, lengths, n, n_channels, breaks, first_index):
    samples, times = noise(n, n_channels, seed=n, offset=1e4), clock(n)
    breaks = sorted(b for b in breaks if b < n)
    outs = []
    for chunks in (lengths, [max(n, 1)]):
        transform = make()
        transform.start(stream(n_channels), first_index)
        outs.append(through(transform, samples, times, chunks, breaks))
    assert outs[0][0].tobytes() == outs[1][0].tobytes()
    assert outs[0][1].tobytes() == outs[1][1].tobytes()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_channel_does_not_depend_on_its_neighbours(make):
    samples = noise(300, 33)
    alone, together = make(), make()
    alone.start(stream(1))
    together.start(stream(33))
    out, _ = through(together, samples, clock(300), [11])
    for c in (0, 7, 32):
        single, _ = through(alone, np.ascontiguousarray(samples[:, c : c + 1]), clock(300), [300])
        assert single[:, 0].tobytes() == out[:, c].tobytes()
        alone.resume()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_resume_is_a_fresh_start(make):
    samples = noise(200, 3, offset=5000.0)
    resumed, fresh = make(), make()
    resumed.start(stream(3))
    fresh.start(stream(3))
    out, _ = through(resumed, samples, clock(200), [13], breaks=[100])
    expected, _ = through(fresh, np.ascontiguousarray(samples[100:]), clock(100), [100])
    assert out[100:].tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("transform", "rate"),
    [
        (HighPass(0.1), 5000.0),
        (BandPass(0.1, 100.0), 5000.0),
        (BandPass(0.1, 40.0), 250.0),
        (BandPass(8.0, 30.0), 160.0),
    ],
)
def test_an_electrode_offset_of_20_mV_makes_no_transient(transform, rate):
    transform.start(stream(4, rate))
    offsets = np.array([20_000.0, -20_000.0, 187_000.0, 0.1], np.float32)
    n = int(20 * rate)
    out, _ = through(transform, np.tile(offsets, (n, 1)), clock(n, rate), [1000])
    assert np.abs(out).max() < 1e-3  # µV
    tone = 10.0 * np.sin(2 * np.pi * 12.0 * np.arange(n) / rate)
    transform.resume()
    with_offset, _ = through(transform, (offsets + tone[:, None]).astype(np.float32), clock(n, rate), [1000])
    transform.resume()
    without, _ = through(transform, np.tile(tone, (4, 1)).T.astype(np.float32), clock(n, rate), [1000])
    assert np.abs(with_offset - without)[:, :2].max() < 0.01  # float32 resolves 20 mV to 0.002 µV


def test_a_channel_that_stands_still_never_leaves_denormal_numbers_behind():
    transform = BandPass(8.0, 30.0)
    transform.start(stream(3))
    through(transform, noise(500, 3), clock(500), [500])
    through(transform, np.full((40_000, 3), 7.0, np.float32), clock(40_000), [1000])
    state = np.abs(transform._state)
    assert not ((state > 0) & (state < np.finfo(np.float64).tiny)).any()


def gain(transform: Recursive, frequency: float) -> float:
    return float(abs(freqz_sos(transform.sections, [frequency], fs=RATE)[1][0]))


def test_notch_takes_out_the_line_and_its_harmonics_alone():
    transform = Notch(20.0, q=20.0, harmonics=3)
    transform.start(stream(2))
    t = np.arange(3200) / RATE
    for line, remains in ((20.0, 0.0), (40.0, 0.0), (60.0, 0.0), (31.0, 1.0), (5.0, 1.0), (0.0, 1.0)):
        transform.resume()
        tone = np.cos(2 * np.pi * line * t).astype(np.float32)
        out, _ = through(transform, np.stack([tone, tone], 1), clock(3200), [16])
        assert np.sqrt(np.mean(out[1600:] ** 2)) == pytest.approx(remains * np.sqrt(np.mean(tone**2)), abs=0.02)
    assert gain(transform, 20.5) == pytest.approx(math.sqrt(0.5), abs=0.02)  # half of freq / q away


@pytest.mark.parametrize("order", [1, 2, 4, 8, 12])
def test_warm_up_holds_99_percent_of_the_envelopes_energy(order):
    low, high, rate = 20.0, 24.0, 4000.0  # narrow: the envelope is the prototype's impulse response
    n, at = int(12 * rate), int(2 * rate)  # in the middle, for the Hilbert transform takes its input for periodic
    impulse = np.zeros(n)
    impulse[at] = 1.0
    response = sosfilt(butter(order, [low, high], "bandpass", fs=rate, output="sos"), impulse)
    energy = np.cumsum(np.abs(hilbert(response)) ** 2)
    measured = float(np.searchsorted(energy, 0.99 * energy[-1]) - at) / rate
    assert BandPass(low, high, order).warmup_seconds == pytest.approx(measured, rel=0.05)


def test_warm_up_of_order_one_has_a_closed_form():
    assert energy_time(1) == pytest.approx(-math.log(0.01) / 2, rel=1e-12)
    assert HighPass(0.1).warmup_seconds == 0.0
    assert Notch(50.0).warmup_seconds == 0.0


def test_they_are_transforms_and_judge_no_channel():
    for make in MAKERS.values():
        assert isinstance(make(), Transform)
        assert not isinstance(make(), MarksBads)
        assert make().delay_seconds == 0.0


NO_NUMBERS = ["8", True, None, float("nan"), float("inf"), -1.0, 0.0, [8.0], 10**400]


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("low", lambda v: BandPass(v, 30.0)),
        ("high", lambda v: BandPass(8.0, v)),
        ("low", HighPass),
        ("freq", Notch),
        ("q", lambda v: Notch(50.0, q=v)),
        ("order", lambda v: BandPass(8.0, 30.0, order=v)),
        ("order", lambda v: HighPass(8.0, order=v)),
        ("harmonics", lambda v: Notch(50.0, harmonics=v)),
    ],
)
def test_what_is_no_number_is_refused_with_its_key(key, make, value):
    with pytest.raises(TransformError, match=rf"^{key} = .*: must be") as caught:
        make(value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_messages_say_what_would_be_right():
    with pytest.raises(TransformError) as caught:
        BandPass(8.0, 90.0).start(stream())
    assert str(caught.value) == "high = 90.0: must be below the Nyquist frequency, 80.0 Hz at a rate of 160 Hz"
    with pytest.raises(TransformError, match=r"^high = 8.0: must be above low, 30 Hz$"):
        BandPass(30.0, 8.0)
    with pytest.raises(TransformError, match=r"^order = 2.5: must be a whole number from 1 to 12, not a float$"):
        HighPass(1.0, order=2.5)
    with pytest.raises(
        TransformError, match=r"^harmonics = 2: multiple 2 of 50 Hz is not below .* 80 Hz .*; 1 at most$"
    ):
        Notch(50.0, harmonics=2).start(stream())
    with pytest.raises(TransformError, match=r"^freq = 80.0: must be below the Nyquist frequency"):
        Notch(80.0).start(stream())
    with pytest.raises(TransformError, match=r"^low = 0.0001: must be at least"):
        HighPass(0.0001).start(stream())
    with pytest.raises(TransformError, match=r"^q = 0.1: makes a notch 500 Hz wide"):
        Notch(50.0, q=0.1).start(stream())


@given(
    low=st.floats(0.001, 100.0),
    width=st.floats(0.001, 300.0),
    order=st.integers(1, 12),
    rate=st.sampled_from([125.0, 250.0, 1000.0, 5000.0]),
)
@settings(deadline=None)
def test_a_band_is_refused_or_the_filter_is_stable(low, width, order, rate):
    transform = BandPass(low, low + width, order)
    if low + width >= rate / 2 or min(low, width) < 1e-6 * rate:
        with pytest.raises(TransformError, match=r"^(low|high) = "):
            transform.start(stream(1, rate))
        return
    transform.start(stream(1, rate))
    out, _ = through(transform, noise(2000, 1, offset=1000.0), clock(2000, rate), [2000])
    assert np.isfinite(out).all()


def test_samples_of_another_stream_are_refused():
    transform = HighPass(1.0)
    with pytest.raises(TransformError, match="start"):
        transform.transform(noise(10, 3), clock(10))
    transform.start(stream(3))
    with pytest.raises(TransformError, match=r"shape \(10, 4\)"):
        transform.transform(noise(10, 4), clock(10))


def test_chunks_larger_than_any_before_fit():
    transform = HighPass(1.0)
    transform.start(stream(2))
    samples = noise(6000, 2)
    out, _ = through(transform, samples, clock(6000), [10, 300, 5000])
    transform.resume()
    assert out.tobytes() == through(transform, samples, clock(6000), [1])[0].tobytes()


def test_samples_may_be_read_only_or_in_another_memory_order():
    samples = noise(100, 5)
    samples.flags.writeable = False
    transform = BandPass(8.0, 30.0)
    transform.start(stream())
    expected = transform.transform(samples, clock(100))[0].copy()
    for other in (np.asfortranarray(samples), np.repeat(samples, 2, axis=1)[:, ::2], samples.astype(np.float64)):
        transform.resume()
        assert transform.transform(other, clock(100))[0].tobytes() == expected.tobytes()
