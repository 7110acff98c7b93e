"""What a trained network says of a window is a function of that window: same bits, whatever came before, wherever it lay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rtbci.testing.many import overlapping, unaligned
from rtbci_deep.inference.chunks import ChunkRunner
from rtbci_deep.inference.runner import KEPT, Runner
from rtbci_deep.inference.steps import CPU_BLOCK
from rtbci_deep.networks import ATMS, NICE, ConformerChunks, EEGNet, MegConv, SimpleConv
from tests.plugins.deep.trained import SMALL, SUBJECTS, far, plainly, whole, windows

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")
EVERY = list(SMALL)


def runner(kind, **more) -> Runner:
    form = ChunkRunner if kind is ConformerChunks else Runner
    return form(whole(kind, **more), 5, SMALL[kind][0], CPU, 1)


@pytest.mark.parametrize("kind", EVERY)
def test_one_window_and_many_are_what_the_network_says(kind):
    of, n_times = whole(kind), SMALL[kind][0]
    x = windows(2 * CPU_BLOCK + 3, of, n_times)
    asked = runner(kind)
    wanted = plainly(of, x)
    alone = np.array([asked.one(samples, SUBJECTS, None) for samples in x])
    assert far(alone, wanted) < 1e-5
    for n in (len(x), CPU_BLOCK, 1):
        assert far(asked.many(x[:n], SUBJECTS, None), wanted[:n]) < 1e-5


@pytest.mark.parametrize("kind", EVERY)
def test_a_window_has_the_same_bits_whatever_came_before(kind):
    of, n_times = whole(kind), SMALL[kind][0]
    x = windows(6, of, n_times)
    first = runner(kind)
    said = [first.one(samples, SUBJECTS, None) for samples in x]
    kept = [one.copy() for one in said]
    for i in np.random.default_rng(0).permutation(np.repeat(np.arange(6), 4)):
        first.many(x[: i + 1], SUBJECTS, None)
        np.testing.assert_array_equal(first.one(x[i], SUBJECTS, None), kept[i])
    np.testing.assert_array_equal(said, kept)  # nothing that was returned is written to again
    other = runner(kind)
    np.testing.assert_array_equal(np.array([other.one(samples, SUBJECTS, None) for samples in x[::-1]])[::-1], kept)


def test_a_fresh_process_says_the_same_bits():
    code = "from tests.plugins.deep.test_inference_runner import *; print(*(said_of(kind) for kind in EVERY))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [said_of(kind) for kind in EVERY]


def said_of(kind) -> str:
    """The bits of what is said of three windows."""
    asked = runner(kind)
    said = [asked.one(samples, SUBJECTS, None) for samples in windows(3, whole(kind), SMALL[kind][0])]
    return np.array(said).tobytes().hex()


@pytest.mark.parametrize("kind", EVERY)
def test_memory_order_address_and_overlap_change_no_bit(kind):
    of, n_times = whole(kind), SMALL[kind][0]
    stream = np.ascontiguousarray(np.concatenate(windows(3, of, n_times), axis=1).T)
    starts = list(range(0, 2 * n_times, max(1, n_times // 5)))
    asked = runner(kind)
    alone = [asked.one(np.ascontiguousarray(stream[s : s + n_times].T), SUBJECTS, None) for s in starts]
    many = asked.many(overlapping(stream, starts, n_times), SUBJECTS, None)
    for source in (stream, unaligned(stream)):
        views = overlapping(source, starts, n_times)
        assert not views.flags.writeable
        np.testing.assert_array_equal([asked.one(view, SUBJECTS, None) for view in views], alone)
        np.testing.assert_array_equal(asked.many(views, SUBJECTS, None), many)
    assert far(many, np.array(alone)) < 1e-5


def test_threads_are_those_of_the_settings():
    before = torch.get_num_threads()
    try:
        asked = runner(EEGNet)
        torch.set_num_threads(2)
        asked.one(windows(1, whole(EEGNet), 128)[0], 0, None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_bad_channels_are_looked_at_once_for_each_set(monkeypatch):
    asked, x = runner(MegConv), windows(1, whole(MegConv), 40)[0]
    made = []
    original = type(asked.fused).given
    monkeypatch.setattr(type(asked.fused), "given", lambda self, *a: made.append(a) or original(self, *a))
    one, two = np.array([1, 0, 0, 0, 0], bool), np.array([0, 1, 1, 0, 0], bool)
    said = [asked.one(x, 1, bad) for bad in (None, one, two, one, None, two, np.zeros(5, bool))]
    assert len(made) == 3
    np.testing.assert_array_equal(said[1], said[3])
    np.testing.assert_array_equal(said[0], said[6])
    assert not np.array_equal(said[0], said[1])
    for bad, got in ((None, said[0]), (one, said[1]), (two, said[2])):
        assert far(got[None], plainly(whole(MegConv), x[None], 1, bad)) < 1e-5


def test_what_is_kept_of_sets_of_bad_channels_is_bounded():
    asked = Runner(whole(MegConv, n_chans=7), 7, 40, CPU, 1)
    x = windows(1, whole(MegConv, n_chans=7), 40)[0]
    sets = [np.array([bool(k >> c & 1) for c in range(7)]) for k in range(100)]
    first = [asked.one(x, 0, bad) for bad in sets]
    assert len(asked._kept) == KEPT
    np.testing.assert_array_equal([asked.one(x, 0, bad) for bad in sets], first)


def test_a_subject_is_known_to_networks_that_ask_for_it():
    asked, of = runner(ATMS), whole(ATMS)
    x = windows(1, of, 100)
    for subject in (0, 2, SUBJECTS):
        assert far(asked.one(x[0], subject, None)[None], plainly(of, x, subject)) < 1e-5


# ------------------------------------------------------------------ chunks


def chunked() -> tuple[ChunkRunner, np.ndarray]:
    """A runner for windows of 2 chunks of 120 samples, and a stream (n, 5)."""
    of = whole(ConformerChunks)
    return ChunkRunner(of, 5, 240, CPU, 1), np.ascontiguousarray(np.concatenate(windows(3, of, 240), axis=1).T)


def test_chunks_that_were_seen_are_not_encoded_again_and_change_no_bit():
    asked, stream = chunked()
    for start in (0, 120, 240, 360):
        window = stream[start : start + 240].T
        np.testing.assert_array_equal(asked.at(window, start), chunked()[0].one(window, 0, None))
    assert asked.encoded == 5


def test_a_chunk_at_a_known_place_with_other_samples_is_encoded_again():
    asked, stream = chunked()
    asked.at(stream[:240].T, 0)
    other = stream[240:480].T
    np.testing.assert_array_equal(asked.at(other, 0), chunked()[0].at(other, 7))
    assert asked.encoded == 4


def test_chunks_are_kept_up_to_a_bound():
    asked, stream = chunked()
    for start in range(0, 480, 2):
        asked.at(stream[start : start + 240].T, start)
    assert len(asked._codes) == 128


def test_many_windows_of_chunks_are_near_to_single_ones():
    asked, stream = chunked()
    views = overlapping(stream, list(range(0, 480, 31)), 240)
    alone = np.array([asked.one(view, 0, None) for view in views])
    assert far(asked.many(views, 0, None), alone) < 1e-5


@pytest.mark.parametrize("kind", [NICE, SimpleConv])
def test_no_window_is_kept(kind):
    """The input buffer is used again: what was said before does not look into it."""
    asked = runner(kind)
    x = windows(2, whole(kind), SMALL[kind][0])
    said = asked.one(x[0], 0, None)
    kept = said.copy()
    asked.one(x[1], 0, None)
    np.testing.assert_array_equal(said, kept)
