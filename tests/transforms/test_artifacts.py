from __future__ import annotations

from dataclasses import replace

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.interfaces import MarksBads, Transform
from rtbci.transforms.artifacts import MarkBad
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, noise, stream

BLOCK = int(RATE)


def judge(transform, samples, *, first=0):
    """Bad channels after every sample of ``samples``, fed from absolute index ``first`` one by one."""
    transform.start(stream(samples.shape[1]), first)
    seen = []
    for i in range(len(samples)):
        transform.transform(samples[i : i + 1], clock(1))
        seen.append(transform.bads())
    return seen


@pytest.fixture(scope="module")
def resting(data_dir):
    """64 channels of real EEG at rest, 30 s at 160 Hz, in µV."""
    raw = mne.io.read_raw_edf(data_dir / "eegmmidb_S001" / "S001R01.edf", preload=True, verbose="error")
    assert raw.info["sfreq"] == RATE
    return (1e6 * raw.get_data()[:, : 30 * BLOCK].T).astype(np.float32)


def verdicts(samples, info=None, **arguments):
    """Every set of bad channels that was reached."""
    transform = MarkBad(**arguments)
    transform.start(info or stream(samples.shape[1]))
    reached = []
    for first in range(0, len(samples), BLOCK):
        transform.transform(samples[first : first + BLOCK], clock(BLOCK))
        reached.append(transform.bads())
    return reached


def test_a_clean_recording_has_no_bad_channel(resting):
    assert set(verdicts(resting)) == {frozenset()}


def test_bad_channels_of_a_real_recording_are_found_and_no_others(resting):
    rng = np.random.default_rng(1)
    samples = resting.copy()
    samples[10 * BLOCK :, 3] = samples[10 * BLOCK, 3]  # an electrode that came off
    samples[10 * BLOCK :, 20] = np.clip(20 * samples[10 * BLOCK :, 20], -300, 300)  # an amplifier at its rails
    samples[10 * BLOCK :, 40] += 187_500.0  # a rail that is not even constant
    samples[10 * BLOCK :, 50] += rng.normal(0, 60, len(samples) - 10 * BLOCK)  # a loose contact
    reached = verdicts(samples)
    assert set(reached[:10]) == {frozenset()}
    assert reached[10] == {"C3", "C20", "C40"}
    assert set(reached[12:]) == {frozenset({"C3", "C20", "C40", "C50"})}


def test_line_noise_on_one_channel_is_noise(resting):
    samples = resting.copy()
    samples[:, 7] += 100 * np.sin(2 * np.pi * 60.0 * np.arange(len(samples)) / RATE)
    assert verdicts(samples)[-1] == {"C7"}


@settings(max_examples=40, deadline=None)
@given(
    lengths=chunkings(),
    n=st.integers(0, 1500),
    first_index=st.integers(0, 10**9),
    breaks=st.sets(st.integers(1, 1499), max_size=2),
)
def test_verdicts_do_not_depend_on_chunks(lengths, n, first_index, breaks):
    samples = noise(n, 8, seed=n)
    samples[200:700, 1] = 5.0
    samples[400:, 2] *= 8.0
    samples[300:900, 3] = np.clip(10 * samples[300:900, 3], -60, 60)
    breaks = sorted(b for b in breaks if b < n)
    reached = []
    for chunks in (lengths, [1]):
        transform = MarkBad(seconds=0.25)
        assert transform.start(stream(8), first_index) == stream(8)
        seen = {}
        done, i = 0, 0
        while done < n:
            last = min([n, done + chunks[i % len(chunks)], *(b for b in breaks if b > done)])
            if done in breaks and last > done:
                transform.resume()
            chunk, times = samples[done:last], clock(last - done)
            out, out_times = transform.transform(chunk, times)
            assert out.tobytes() == chunk.tobytes()
            assert out_times is times
            done, i = last, i + 1
            seen[done] = transform.bads()
        reached.append(seen)
    assert all(reached[1][place] == bads for place, bads in reached[0].items() if place)


def test_blocks_are_counted_from_absolute_sample_0():
    samples = noise(4 * BLOCK, 6)
    samples[:, 2] = 0.0
    for first in (0, 40, 159, 160, 1_000_000_007):
        seen = judge(MarkBad(), samples, first=first)
        begun = -first % BLOCK  # samples before the first whole block
        assert seen.index(frozenset({"C2"})) == begun + BLOCK - 1


def test_resume_is_a_fresh_start_at_that_sample():
    samples = noise(6 * BLOCK, 6)
    samples[:, 2] = 0.0
    resumed, fresh = MarkBad(), MarkBad()
    resumed.start(stream(6), 7)
    resumed.transform(samples[:330], clock(330))
    assert resumed.bads() == {"C2"}
    resumed.resume()
    fresh.start(stream(6), 337)
    for i in range(330, len(samples)):
        for transform in (resumed, fresh):
            transform.transform(samples[i : i + 1], clock(1))
        assert resumed.bads() == fresh.bads()
    assert resumed.bads() == {"C2"}


def test_a_noisy_channel_is_bad_after_two_blocks_and_good_after_three():
    samples = noise(12 * BLOCK, 6)
    samples[2 * BLOCK : 6 * BLOCK, 4] *= 6.0
    seen = judge(MarkBad(), samples)
    bad = [i for i, bads in enumerate(seen) if bads]
    assert {frozenset({"C4"})} == {seen[i] for i in bad}
    assert (bad[0], bad[-1]) == (4 * BLOCK - 1, 9 * BLOCK - 2)
    assert len(bad) == bad[-1] - bad[0] + 1


def test_one_noisy_block_is_a_movement():
    samples = noise(8 * BLOCK, 6)
    samples[2 * BLOCK : 3 * BLOCK, 4] *= 6.0
    assert set(judge(MarkBad(), samples)) == {frozenset()}


def test_blinks_are_no_noise():
    samples = noise(10 * BLOCK, 6, scale=10.0)
    blink = 300.0 * np.hanning(48)
    for first in range(0, len(samples) - 48, 100):
        samples[first : first + 48, 0] += blink
    assert set(judge(MarkBad(), samples)) == {frozenset()}


def test_a_channel_near_its_threshold_does_not_flicker():
    samples = noise(12 * BLOCK, 6)
    wobble = np.where(np.arange(12) % 2, 1.2, 0.8)  # peak-to-peak of each block around flat_uv = 1
    samples[:, 1] = np.repeat(wobble, BLOCK) * (np.arange(12 * BLOCK) % 16) / 15
    assert set(judge(MarkBad(), samples)[BLOCK:]) == {frozenset({"C1"})}


def test_thresholds_are_in_the_channels_unit():
    for unit, factor in (("uV", 1.0), ("µV", 1.0), ("mV", 1e-3), ("V", 1e-6), ("nV", 1e3)):
        samples = noise(3 * BLOCK, 6)
        samples[:, 1] *= 0.005  # 0.1 µV of noise
        samples[:, 2] += 2e5
        scaled = (samples.astype(np.float64) * factor).astype(np.float32)
        assert verdicts(scaled, stream(6, unit=unit))[-1] == {"C1", "C2"}


def test_meg_has_no_rails_in_microvolts_but_can_be_flat():
    samples = noise(3 * BLOCK, 6, scale=1e6)  # fT: a shielded room with its door open
    samples[:, 3] *= 1e-8
    assert verdicts(samples, stream(6, kind="mag", unit="fT"))[-1] == {"C3"}
    samples = (samples.astype(np.float64) * 1e-13).astype(np.float32)
    assert verdicts(samples, stream(6, kind="grad", unit="T/m"))[-1] == {"C3"}


def test_kinds_are_compared_with_their_own_and_codes_are_never_judged():
    kinds = ["eeg"] * 6 + ["emg", "stim", "misc"]
    info = StreamInfo("s", RATE, tuple(Channel(f"C{i}", kind) for i, kind in enumerate(kinds)), bads=frozenset({"C0"}))
    samples = noise(4 * BLOCK, 9)
    samples[:, 6] *= 50.0  # muscle is no noisy EEG
    samples[:, 7:] = 0.0
    assert verdicts(samples, info)[-1] == {"C0"}
    samples[:, 6] = 0.0
    assert verdicts(samples, info)[-1] == {"C0", "C6"}
    assert verdicts(samples, replace(info, bads=frozenset({"gone"})))[-1] == {"C6"}


def test_too_few_channels_are_not_compared():
    samples = noise(4 * BLOCK, 4)
    samples[:, 1] *= 50.0
    assert verdicts(samples)[-1] == frozenset()


def test_a_criterion_of_0_is_off():
    samples = noise(4 * BLOCK, 8)
    samples[:, 1] = 0.0
    samples[:, 2] = np.clip(10 * samples[:, 2], -50, 50)
    samples[:, 3] *= 20.0
    assert verdicts(samples)[-1] == {"C1", "C2", "C3"}
    assert verdicts(samples, flat_uv=0)[-1] == {"C2", "C3"}
    assert verdicts(samples, railed=0)[-1] == {"C1", "C3"}
    assert verdicts(samples, noisy=0)[-1] == {"C1", "C2"}


def test_it_is_a_transform_that_marks_bads():
    assert isinstance(MarkBad(), Transform)
    assert isinstance(MarkBad(), MarksBads)
    assert MarkBad().delay_seconds == 0.0


@pytest.mark.parametrize("key", ["flat_uv", "railed", "noisy", "seconds"])
@pytest.mark.parametrize("value", ["1", True, None, float("nan"), -1])
def test_what_is_no_number_is_refused_with_its_key(key, value):
    with pytest.raises(TransformError, match=rf"^{key} = .*: must be"):
        MarkBad(**{key: value})


def test_impossible_values_are_refused():
    with pytest.raises(
        TransformError, match=r"^seconds = 0.01: makes blocks of 2 samples at 160 Hz; at least 0.0625 s"
    ):
        MarkBad(seconds=0.01).start(stream())
    with pytest.raises(TransformError, match=r"^noisy = 0: every criterion is switched off"):
        MarkBad(0, 0, 0)
    with pytest.raises(TransformError, match="start"):
        MarkBad().transform(noise(3), clock(3))
