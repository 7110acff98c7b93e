from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import Overrun, RecordingError
from rtbci.ring import Ring
from rtbci.types import Gap

PROCESSES = Path(__file__).with_name("ring_processes.py")


def filled(capacity: int, n_channels: int, chunks: list[int]) -> tuple[Ring, np.ndarray]:
    ring = Ring.create(None, capacity, n_channels)
    everything = np.random.default_rng(0).normal(size=(sum(chunks), n_channels)).astype(np.float32)
    at = 0
    for n in chunks:
        ring.push(everything[at : at + n], np.arange(at, at + n) / 100.0, float(at))
        at += n
    return ring, everything


@given(capacity=st.integers(1, 50), chunks=st.lists(st.integers(0, 120), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_the_ring_still_holds_is_what_was_pushed_in_one_contiguous_piece(capacity: int, chunks: list[int]) -> None:
    ring, everything = filled(capacity, 3, chunks)
    assert ring.written == len(everything)
    assert ring.oldest == max(0, len(everything) - capacity)
    samples, times, _ = ring.view(ring.oldest, ring.written)
    np.testing.assert_array_equal(samples, everything[ring.oldest :])
    np.testing.assert_array_equal(times, np.arange(ring.oldest, ring.written) / 100.0)
    assert samples.flags.c_contiguous


def test_samples_that_were_overwritten_or_not_yet_written_are_refused() -> None:
    ring, _ = filled(10, 2, [25])
    with pytest.raises(Overrun, match="sample 14 has been overwritten; the oldest that the ring still holds is 15"):
        ring.view(14, 20)
    with pytest.raises(IndexError, match="20 to 26"):
        ring.view(20, 26)


def test_a_view_says_that_it_was_overwritten_meanwhile() -> None:
    ring, _ = filled(10, 2, [10])
    ring.view(0, 5)
    assert ring.intact(0)
    ring.push(np.zeros((1, 2), np.float32), np.zeros(1), 0.0)
    assert not ring.intact(0)
    assert ring.intact(1)


def test_another_attachment_sees_samples_gaps_and_meta(tmp_path: Path) -> None:
    path = tmp_path / "raw.ring"
    writer = Ring.create(path, 100, 4, meta={"rate": 250.0})
    reader = Ring.attach(path)
    writer.add_gap(Gap(0, 1.0, 2.5, 374))
    writer.push(np.full((3, 4), 7, np.float32), np.array([2.5, 2.504, 2.508]), 9.0)
    samples, times, arrivals = reader.read(0, 3)
    assert (samples == 7).all()
    assert times.tolist() == [2.5, 2.504, 2.508]
    assert arrivals.tolist() == [9.0] * 3
    assert reader.gaps() == [Gap(0, 1.0, 2.5, 374)]
    assert reader.meta == {"rate": 250.0}
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_gap_table_keeps_the_newest_and_counts_all() -> None:
    ring = Ring.create(None, 10, 1, max_gaps=4)
    for i in range(6):
        ring.add_gap(Gap(i, float(i), i + 1.0, 1))
    assert ring.n_gaps == 6
    assert [gap.index for gap in ring.gaps()] == [2, 3, 4, 5]
    assert [gap.index for gap in ring.gaps(5)] == [5]


def test_an_existing_ring_is_not_replaced_and_another_file_is_no_ring(tmp_path: Path) -> None:
    path = tmp_path / "raw.ring"
    Ring.create(path, 10, 1)
    with pytest.raises(RecordingError, match="it exists"):
        Ring.create(path, 10, 1)
    other = tmp_path / "other"
    other.write_text("hello")
    with pytest.raises(RecordingError, match="is not an rtbci ring"):
        Ring.attach(other)
    with pytest.raises(RecordingError, match="cannot attach"):
        Ring.attach(tmp_path / "none")


def test_readers_in_other_processes_never_get_torn_data(tmp_path: Path) -> None:
    path = tmp_path / "raw.ring"
    Ring.create(path, 512, 37)
    readers = [
        subprocess.Popen([sys.executable, PROCESSES, "read", path, str(seed)], stdout=subprocess.PIPE, text=True)
        for seed in (1, 2)
    ]
    subprocess.run([sys.executable, PROCESSES, "write", path, "400000"], check=True, timeout=100)
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        right, wrong, _overrun = map(int, out.split())
        assert wrong == 0
        assert right > 20
