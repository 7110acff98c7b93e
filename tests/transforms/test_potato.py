from __future__ import annotations

import math

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.interfaces import MarksBads, Transform
from rtbci.testing.transform import check_transform
from rtbci.transforms.filters import BandPass
from rtbci.transforms.potato import Potato
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, noise, stream

SECOND = int(RATE)
HOP = 20
"""Samples in a hop of 0.125 s."""
ALL = frozenset(f"C{i}" for i in range(6))


def coloured(seconds, n_channels=6, seed=0):
    """Correlated noise whose amplitude wanders by about a tenth, as that of EEG does."""
    rng = np.random.default_rng(seed)
    n = seconds * SECOND
    mixing = rng.standard_normal((n_channels, n_channels)) * np.geomspace(20, 3, n_channels)
    knots = rng.standard_normal((seconds + 2, n_channels)) * 0.1
    wander = np.array([np.interp(np.arange(n) / SECOND, np.arange(seconds + 2), k) for k in knots.T]).T
    return ((rng.standard_normal((n, n_channels)) * np.exp(wander)) @ mixing.T).astype(np.float32)


def watched(samples, info=None, first=0, resume_at=None, **arguments):
    """Whether all channels are marked after every hop, and the z-scores."""
    transform = Potato(**arguments)
    info = info or stream(samples.shape[1])
    transform.start(info, first)
    marks, scores = [], []
    for i in range(0, len(samples), HOP):
        if i == resume_at:
            transform.resume()
        transform.transform(samples[i : i + HOP], clock(HOP))
        assert transform.bads() in (info.bads, frozenset(info.names))
        marks.append(transform.bads() == frozenset(info.names))
        scores.append(transform.z)
    return np.array(marks), np.array(scores)


def test_bursts_are_marked_and_clean_signal_mostly_not():
    clean = coloured(300)
    marks, scores = watched(clean)
    after = slice(31 * SECOND // HOP, None)
    assert marks[after].mean() < 0.03
    assert np.isnan(scores[: 29 * SECOND // HOP]).all()
    assert not marks[: 30 * SECOND // HOP].any()
    samples = clean.copy()
    bursts = [60, 95, 141, 200, 260]
    pattern = np.array([5.0, 1.0, 0.0, 0.0, 2.0, 0.0])
    for second in bursts:
        part = slice(second * SECOND, second * SECOND + SECOND // 2)
        samples[part] += (
            60.0 * np.random.default_rng(second).standard_normal((SECOND // 2, 1)).astype(np.float32) * pattern
        )
    marked, _ = watched(samples)
    for second in bursts:
        at = second * SECOND // HOP
        assert marked[at + 1 : at + 4].all(), "while it lasts"
        assert marked[at + 4 : at + 10].all(), "as long as it is in the newest window"
    quiet = np.ones(len(marked), bool)
    quiet[: 30 * SECOND // HOP] = False
    for second in bursts:
        quiet[second * SECOND // HOP : (second + 2) * SECOND // HOP] = False
    assert marked[quiet].mean() < 0.03


def test_a_change_of_pattern_without_more_amplitude_is_found_too():
    samples = coloured(60)
    part = slice(45 * SECOND, 47 * SECOND)
    samples[part] = samples[part][:, ::-1]
    marks, _ = watched(samples)
    assert marks[46 * SECOND // HOP : 47 * SECOND // HOP].all()


def test_a_calibration_with_artefacts_finds_them_later():
    samples = coloured(60)
    for second in (3, 9, 14, 21, 27, 45):
        samples[second * SECOND : (second + 1) * SECOND] *= 8.0
    marks, _ = watched(samples)
    assert marks[45 * SECOND // HOP + 2 : 46 * SECOND // HOP].all()
    assert marks[31 * SECOND // HOP : 45 * SECOND // HOP].mean() < 0.1


def test_an_electrode_that_comes_off_is_an_outlier_and_so_is_silence():
    for columns in ([2], range(6)):
        samples = coloured(50)
        samples[40 * SECOND :, columns] = 3.0
        marks, _ = watched(samples)
        assert marks[42 * SECOND // HOP :].all()


def test_the_mark_can_be_held():
    samples = coloured(60)
    samples[45 * SECOND : 45 * SECOND + 80] *= 10.0
    short, _ = watched(samples)
    held, _ = watched(samples, hold=2.0)
    last = np.flatnonzero(short[: 48 * SECOND // HOP])[-1]
    assert held[last : last + 2 * SECOND // HOP + 1].all()
    assert not held[last + 2 * SECOND // HOP + 1 :][: SECOND // HOP].any()


def test_a_lasting_change_is_the_new_usual_after_the_memory():
    samples = coloured(120)
    samples[40 * SECOND :] *= 10.0
    marks, _ = watched(samples, memory=20.0, calibration=10.0)
    assert marks[42 * SECOND // HOP : 59 * SECOND // HOP].all()
    assert marks[75 * SECOND // HOP :].mean() < 0.06


def test_a_slow_drift_is_followed():
    samples = coloured(200)
    samples *= np.geomspace(1, 6, len(samples))[:, None].astype(np.float32)
    marks, _ = watched(samples, memory=20.0)
    assert marks[31 * SECOND // HOP :].mean() < 0.06


def test_a_real_run_is_mostly_clean_and_its_artefacts_are_found(data_dir):
    raw = mne.io.read_raw_edf(data_dir / "eegmmidb_S001" / "S001R04.edf", preload=True, verbose="error")
    raw_samples = (1e6 * raw.get_data().T).astype(np.float32)
    rng = np.random.default_rng(0)
    spoilt = raw_samples.copy()
    burst = slice(50 * SECOND, 52 * SECOND)
    spoilt[burst, 20:40] += rng.normal(0, 60, (2 * SECOND, 20)).astype(np.float32)  # the muscles of the jaw
    info = stream(64)
    for samples, spoils in ((raw_samples, False), (spoilt, True)):
        step = BandPass(1.0, 40.0)
        step.start(info)
        filtered = step.transform(samples, clock(len(samples)))[0].copy()
        marks, scores = watched(filtered)
        at = slice(50 * SECOND // HOP + 3, 52 * SECOND // HOP)
        if spoils:
            assert marks[at].all()
            assert scores[at].min() > 4
        else:
            assert marks[31 * SECOND // HOP : 120 * SECOND // HOP].mean() < 0.06
            assert not marks[at].any()


def test_rank_deficient_data_and_other_channels_do_no_harm():
    samples = coloured(45, 8)
    samples[:, :6] -= samples[:, :6].mean(axis=1, keepdims=True)
    samples[:, 5] = 0.0
    samples[:, 6] = 1e6 * np.random.default_rng(0).standard_normal(len(samples))
    channels = [Channel(f"C{i}", "stim" if i == 6 else "eeg") for i in range(8)]
    info = StreamInfo("s", RATE, tuple(channels), bads=frozenset({"C7"}))
    transform = Potato()
    transform.start(info)
    transform.transform(samples[: 40 * SECOND], clock(40 * SECOND))
    assert transform.bads() == {"C7"}
    assert math.isfinite(transform.z)
    transform.transform(9 * samples[40 * SECOND :], clock(5 * SECOND))
    assert transform.bads() == set(info.names) - {"C6"}


@settings(max_examples=20, deadline=None)
@given(
    lengths=chunkings(),
    first_index=st.integers(0, 10**9),
    breaks=st.sets(st.integers(1, 2399), max_size=2),
    keep=st.booleans(),
)
def test_verdicts_do_not_depend_on_chunks(lengths, first_index, breaks, keep):
    samples = noise(2400, 4)
    samples[1300:1400] *= 10
    samples[2200:2300] *= 10
    reached = []
    for chunks in (lengths, [1]):
        transform = Potato(window=0.25, hop=0.1, calibration=2.0, keep_over_gaps=keep)
        assert transform.start(stream(4), first_index) == stream(4)
        seen = {}
        done, i = 0, 0
        while done < len(samples):
            last = min([len(samples), done + chunks[i % len(chunks)], *(b for b in breaks if b > done)])
            if done in breaks and last > done:
                transform.resume()
            out, _ = transform.transform(samples[done:last], clock(last - done))
            assert out.tobytes() == samples[done:last].tobytes()
            done, i = last, i + 1
            seen[done] = transform.bads(), repr(transform.z)
        reached.append(seen)
    assert all(reached[1][place] == verdict for place, verdict in reached[0].items() if place)


def test_what_was_learnt_may_outlive_a_gap():
    samples = coloured(50)
    samples[45 * SECOND : 46 * SECOND] *= 10.0
    part = slice(45 * SECOND // HOP + 3, 46 * SECOND // HOP)
    forgets, _ = watched(samples, resume_at=40 * SECOND)
    keeps, scores = watched(samples, resume_at=40 * SECOND, keep_over_gaps=True)
    assert not forgets[part].any()
    assert keeps[part].all()
    gap = 40 * SECOND // HOP
    assert np.isnan(scores[gap : gap + 7]).all() and np.isfinite(scores[gap + 8])


def test_it_keeps_the_contract_of_a_transform():
    check_transform(Potato, refuses=[StreamInfo("s", RATE, (Channel("E", "eog"),)), stream(rate=1.0)])
    check_transform(lambda: Potato(window=0.25, hop=0.1, calibration=2.0), n_samples=3000)
    assert isinstance(Potato(), Transform)
    assert isinstance(Potato(), MarksBads)
    assert Potato().settle_seconds == 30.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0}, r"^threshold = 0: must be a z-score above 0"),
        ({"hop": 2.0}, r"^hop = 2.0: must be at most the window, 1 s"),
        ({"calibration": 2}, r"^calibration = 2: must be at least 5.5 s, 10 windows"),
        ({"memory": 0.5}, r"^memory = 0.5: must be a duration .* at least 1"),
        ({"hold": -1}, r"^hold = -1: must be a duration"),
        ({"keep_over_gaps": None}, r"^keep_over_gaps = None: must be true or false"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(TransformError, match=message):
        Potato(**arguments)


def test_hops_of_less_than_a_sample_are_refused():
    with pytest.raises(TransformError, match=r"^hop = 0.001: is too short at 160 Hz; at least 0.00625 s"):
        Potato(hop=0.001).start(stream())
