from __future__ import annotations

import numpy as np
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.interfaces import Transform
from rtbci.testing.transform import check_transform
from rtbci.transforms.eog import RegressEog
from rtbci.transforms.filters import HighPass
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, stream, through

EYES = np.array([[0.9, -0.3], [0.4, 0.2], [0.1, 0.05], [-0.2, 0.6]])
"""What each of four channels gets of each of two EOG channels."""


def eyes_info(n_brain=4, n_eog=2, **more):
    channels = [Channel(f"C{i}") for i in range(n_brain)] + [Channel(f"EOG{i}", "eog") for i in range(n_eog)]
    return StreamInfo("eyes", RATE, tuple(channels), **more)


def mixture(n, seed=0, offset=0.0):
    """Brain, its mixture with the eyes, and the whole stream: (n, 4), (n, 4), (n, 6)."""
    rng = np.random.default_rng(seed)
    brain = 10 * rng.standard_normal((n, 4))
    blinks = np.zeros((n, 2))
    for first in range(40, n - 60, 160):
        blinks[first : first + 60] += np.hanning(60)[:, None] * rng.normal(0, 150, 2)
    eog = blinks + 5 * rng.standard_normal((n, 2))
    mixed = brain + eog @ EYES.T
    return brain, mixed, (np.hstack([mixed, eog]) + offset).astype(np.float32)


def cleaned(samples, info=None, lengths=(97,), breaks=(), **arguments):
    transform = RegressEog(**arguments)
    transform.start(info or eyes_info())
    return through(transform, samples, clock(len(samples)), lengths, breaks)[0]


def test_a_known_mixture_is_recovered_by_more_than_20_db():
    brain, mixed, samples = mixture(20_000)
    out = cleaned(samples)
    late = slice(5000, None)
    left = ((out - brain)[late] ** 2).mean(axis=0)
    eyes = ((mixed - brain)[late] ** 2).mean(axis=0)
    assert (10 * np.log10(eyes / left)[[0, 1, 3]] > 20).all()
    # the third channel gets a tenth of the eyes, which is less than its own brain signal
    assert 10 * np.log10(eyes[2] / left[2]) > 15


def test_coefficients_are_those_of_least_squares_over_the_past():
    _, _, samples = mixture(3000)
    transform = RegressEog(forget=1.0)
    transform.start(eyes_info())
    transform.transform(samples, clock(3000))
    x = samples.astype(np.float64)
    before = np.vstack([x[0], np.cumsum(x, axis=0)[:-1] / np.arange(1, 3000)[:, None]])
    departures = x - before
    expected, *_ = np.linalg.lstsq(departures[:, 4:], departures[:, :4], rcond=None)
    np.testing.assert_allclose(transform._coefficients, expected, rtol=1e-6, atol=1e-9)


def test_old_samples_are_forgotten():
    brain, mixed, samples = mixture(16_000, seed=1)
    samples[8000:, :4] = (brain + (mixed - brain) * -0.5)[8000:]  # the eyes' electrodes were moved
    late = slice(12_000, None)
    error = {f: ((cleaned(samples, forget=f) - brain)[late, 0] ** 2).mean() for f in (0.999, 1.0)}
    assert error[0.999] < 0.2 * error[1.0]


def test_a_delayed_mixture_needs_taps():
    brain, _, samples = mixture(12_000, seed=2)
    delayed = np.vstack([np.zeros((2, 2)), samples[:-2, 4:]])
    samples[:, :4] = brain + delayed @ EYES.T
    errors = [((cleaned(samples, taps=taps) - brain)[4000:, 0] ** 2).mean() for taps in (1, 3)]
    assert errors[1] < 0.05 * errors[0]


def test_offsets_stay_and_do_not_matter():
    _, _, samples = mixture(4000)
    moved = (samples + 20_000).astype(np.float32)
    np.testing.assert_allclose(cleaned(moved) - 20_000, cleaned(samples), atol=0.02)


def test_the_first_second_passes_and_the_future_does_not_matter():
    _, _, samples = mixture(1000)
    other = samples.copy()
    other[500:] *= -30
    out = cleaned(samples)
    assert out[: int(RATE)].tobytes() == np.ascontiguousarray(samples[: int(RATE), :4]).tobytes()
    assert out[:500].tobytes() == cleaned(other)[:500].tobytes()
    assert (out[int(RATE) + 60 :] != samples[int(RATE) + 60 :, :4]).any(axis=1).mean() > 0.9


@settings(max_examples=30, deadline=None)
@given(
    lengths=chunkings(),
    taps=st.integers(1, 3),
    keep=st.booleans(),
    over_gaps=st.booleans(),
    breaks=st.sets(st.integers(1, 899), max_size=2),
)
def test_the_output_does_not_depend_on_chunks(lengths, taps, keep, over_gaps, breaks):
    _, _, samples = mixture(900, offset=500.0)
    options = {"taps": taps, "keep": keep, "keep_over_gaps": over_gaps, "breaks": sorted(breaks)}
    assert cleaned(samples, lengths=lengths, **options).tobytes() == cleaned(samples, lengths=[1], **options).tobytes()


def test_a_reference_that_stands_still_for_hours_and_comes_back_breaks_nothing():
    brain, _, samples = mixture(120_000, seed=4)
    samples[4000:110_000, 4:] = samples[4000, 4:]
    samples[4000:110_000, :4] = brain[4000:110_000]
    out = cleaned(samples, forget=0.99)  # (0.99 ** 106000 is 1e-463: the usual recursion overflows)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 2000
    assert ((out - brain)[115_000:] ** 2).mean() < 0.2 * ((samples[:, :4] - brain)[115_000:] ** 2).mean()


def test_references_that_are_the_same_break_nothing():
    brain, _, samples = mixture(8000)
    samples[:, 5] = samples[:, 4]
    samples[:, :4] = brain + samples[:, [4]] * EYES[:, 0]
    out = cleaned(samples)
    assert np.isfinite(out).all()
    assert ((out - brain)[4000:] ** 2).mean() < 5


def test_the_references_are_dropped_or_kept():
    info = StreamInfo(
        "s",
        RATE,
        (Channel("E", "eog"), Channel("C"), Channel("T", "stim"), Channel("X", "misc")),
        bads=frozenset({"C"}),
    )
    samples = np.random.default_rng(0).standard_normal((500, 4)).astype(np.float32)
    dropped, kept = RegressEog(), RegressEog(keep=True)
    assert dropped.start(info).names == ("C", "T", "X")
    assert dropped.start(info).bads == {"C"}
    assert kept.start(info) == info
    out, _ = dropped.transform(samples, clock(500))
    whole, _ = kept.transform(samples, clock(500))
    assert np.array_equal(whole[:, [0, 2, 3]], samples[:, [0, 2, 3]])
    assert np.array_equal(out, whole[:, 1:])
    assert not np.array_equal(whole[:, 1], samples[:, 1])


def test_it_keeps_the_contract_of_a_transform():
    refuses = [stream(4), StreamInfo("s", RATE, (Channel("E", "eog"),))]
    check_transform(RegressEog, info=eyes_info(), refuses=refuses)
    report = check_transform(lambda: RegressEog(channels=["C1"], taps=2, keep=True))
    assert report.out.n_channels == 8
    assert isinstance(RegressEog(), Transform)


def test_what_was_learnt_may_outlive_a_gap():
    _, _, samples = mixture(4000)
    whole = cleaned(samples)
    assert cleaned(samples, breaks=[3000], keep_over_gaps=True).tobytes() == whole.tobytes()
    forgot = cleaned(samples, breaks=[3000])
    assert forgot[3000:].tobytes() == cleaned(samples[3000:]).tobytes()


def test_what_a_real_recording_shares_with_its_eog_channel_is_taken_off(data_dir):
    """8 channels at 250 Hz, the eighth at the eye; most of what they share is noise of their common reference."""
    folder = data_dir / "mi_errp_xdf_2d" / "sub-P002" / "ses-S002" / "eeg"
    streams, _ = pyxdf.load_xdf(str(folder / "sub-P002_ses-S002_task-Default_run-001_eeg.xdf"))
    raw = next(s for s in streams if s["info"]["type"] == ["EEG"])["time_series"].astype(np.float32)
    names = ("Fz", "C3", "Cz", "C4", "Pz", "PO7", "PO8", "EOG")
    info = StreamInfo("P002", 250.0, tuple(Channel(name) for name in names))
    high_pass, regress = HighPass(1.0), RegressEog(channels=["EOG"])
    high_pass.start(info)
    assert regress.start(info).names == names[:7]
    samples = high_pass.transform(raw, clock(len(raw), 250.0))[0].copy()
    out = regress.transform(samples, clock(len(raw), 250.0))[0]
    late = slice(30 * 250, 300 * 250)
    eye = samples[late, 7]
    shared = [abs(np.corrcoef(x[late, i], eye)[0, 1]) for i in range(7) for x in (samples, out)]
    before, after = np.array(shared[::2]), np.array(shared[1::2])
    assert before.max() > 0.3
    assert after.max() < 0.5 * before.max()
    assert (out[late].std(axis=0) < 1.02 * samples[late, :7].std(axis=0)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": "EOG"}, r'^channels = "EOG": must be a list of channel names'),
        ({"forget": 1.1}, r"^forget = 1.1: must be at most 1"),
        ({"forget": 0}, r"^forget = 0: must be a weight above 0 and at most 1 above 0"),
        ({"taps": 0}, r"^taps = 0: must be from 1 to 16"),
        ({"keep": "yes"}, r'^keep = "yes": must be true or false'),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(TransformError, match=message):
        RegressEog(**arguments)


def test_streams_that_do_not_fit_are_refused():
    with pytest.raises(
        TransformError, match=r'^channels = \[\]: the stream has no good channel of kind "eog", its kinds are eeg'
    ):
        RegressEog().start(stream())
    with pytest.raises(TransformError, match=r'^channels = \["EOG"\]: the stream has no channel EOG; near'):
        RegressEog(channels=["EOG"]).start(eyes_info())
    with pytest.raises(TransformError, match=r"EOG0 is marked bad; a reference must be a good channel"):
        RegressEog(channels=["EOG0"]).start(eyes_info(bads=frozenset({"EOG0"})))
    with pytest.raises(TransformError, match="no channel measured on the brain beside the references"):
        RegressEog().start(eyes_info(0, 2))
