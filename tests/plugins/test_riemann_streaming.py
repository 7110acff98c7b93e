"""A window's answer is a function of the window, bit for bit, whatever was seen or skipped before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.types import Window
from rtbci_riemann import Mdm, Tangent
from rtbci_riemann.gram import BlockGram

N_CHANNELS, N_SAMPLES = 5, 120


def stream(seed: int, n: int = 2000) -> np.ndarray:
    """(n, N_CHANNELS) float32."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).standard_normal((N_CHANNELS, N_CHANNELS)) + 2 * np.eye(N_CHANNELS)
    return (rng.standard_normal((n, N_CHANNELS)) @ mixing).astype(np.float32)


@pytest.fixture(scope="module")
def learnt():
    """Per decoder: how to make it, and what it learnt."""
    windows = np.stack([stream(seed, N_SAMPLES).T for seed in range(40)])
    windows[::2, 0] *= 2
    labels = np.arange(40, dtype=np.int64) % 2
    makes = {
        "mdm": Mdm,
        "mdm lwf": lambda: Mdm(estimator="lwf"),
        "tangent": Tangent,
        "tangent scm": lambda: Tangent(estimator="scm"),
    }
    return {name: (make, make().fit(windows, labels).arrays()) for name, make in makes.items()}


def fresh(learnt, name):
    make, arrays = learnt[name]
    decoder = make()
    decoder.restore(arrays)
    return decoder


def cut(samples: np.ndarray, at: int, start: int, staging: np.ndarray | None = None) -> Window:
    staging = np.empty((N_SAMPLES, N_CHANNELS), np.float32) if staging is None else staging
    staging[:] = samples[at : at + N_SAMPLES]
    return Window(staging.T, start, start + N_SAMPLES - 1, 0.0, 0.0)


@pytest.mark.parametrize("name", ["mdm", "mdm lwf", "tangent", "tangent scm"])
@settings(max_examples=25, deadline=None)
@given(
    ats=st.lists(st.integers(0, 2000 - N_SAMPLES), min_size=1, max_size=15),
    hop=st.integers(1, 60),
    n_hops=st.integers(0, 12),
    first=st.integers(0, 10**9),
)
def test_any_windows_in_any_order_give_a_fresh_decoders_bytes(learnt, name, ats, hop, n_hops, first):
    samples = stream(7)
    in_a_row = [ats[0] + i * hop for i in range(n_hops) if ats[0] + i * hop <= len(samples) - N_SAMPLES]
    decoder, staging = fresh(learnt, name), np.empty((N_SAMPLES, N_CHANNELS), np.float32)
    for at in [*in_a_row, *ats, *in_a_row[::-1]]:
        seen = decoder.predict(cut(samples, at, first + at, staging))
        assert seen.tobytes() == fresh(learnt, name).predict(cut(samples, at, first + at)).tobytes()


@pytest.mark.parametrize("name", ["mdm", "tangent"])
@settings(max_examples=25, deadline=None)
@given(starts=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 200)), min_size=2, max_size=15))
def test_an_index_that_comes_again_with_other_samples_is_not_taken_for_the_same(learnt, name, starts):
    sessions = (stream(1), stream(2))
    decoder = fresh(learnt, name)
    for which, at in starts:
        seen = decoder.predict(cut(sessions[which], at, at))
        assert seen.tobytes() == fresh(learnt, name).predict(cut(sessions[which], at, at)).tobytes()


@pytest.mark.parametrize("name", ["mdm", "tangent"])
def test_one_bit_in_one_cached_sample_is_noticed(learnt, name):
    samples = stream(3)
    decoder = fresh(learnt, name)
    decoder.predict(cut(samples, 0, 0))
    samples[60, 2] = np.nextafter(samples[60, 2], np.float32(np.inf))
    assert decoder.predict(cut(samples, 0, 0)).tobytes() == fresh(learnt, name).predict(cut(samples, 0, 0)).tobytes()


def test_where_a_window_lies_moves_its_answer_by_rounding_only(learnt):
    samples = stream(4)
    decoder = fresh(learnt, "tangent")
    expected = decoder.predict(cut(samples, 0, 0))
    for start in range(1, 40):
        np.testing.assert_allclose(decoder.predict(cut(samples, 0, start)), expected, rtol=0, atol=1e-11)


def test_layout_and_alignment_of_the_buffer_do_not_matter(learnt):
    samples = stream(5)
    expected = fresh(learnt, "mdm").predict(cut(samples, 0, 3))
    raw = np.empty(4 * N_SAMPLES * N_CHANNELS + 64, np.uint8)
    for shift in (0, 4, 12, 20, 36):
        at = raw[shift : shift + 4 * N_SAMPLES * N_CHANNELS].view(np.float32).reshape(N_SAMPLES, N_CHANNELS)
        assert fresh(learnt, "mdm").predict(cut(samples, 0, 3, at)).tobytes() == expected.tobytes()
    by_channel = np.ascontiguousarray(samples[:N_SAMPLES].T)
    assert fresh(learnt, "mdm").predict(Window(by_channel, 3, 0, 0.0, 0.0)).tobytes() == expected.tobytes()


def test_overlapping_windows_share_their_inner_blocks():
    gram = BlockGram(N_SAMPLES, np.zeros(N_CHANNELS), None, quartic=False)
    computed = []
    compute = gram._compute
    gram._compute = lambda rows: computed.append(len(rows)) or compute(rows)
    samples = stream(6)
    gram.one(samples[:N_SAMPLES].T, 0)
    assert computed == [gram.block] * (N_SAMPLES // gram.block)
    computed.clear()
    gram.one(samples[5 : 5 + N_SAMPLES].T, 5)
    # of the second window only the blocks that the first did not hold whole
    assert len(computed) == (N_SAMPLES + 5) // gram.block - N_SAMPLES // gram.block


@pytest.mark.parametrize("name", ["mdm", "tangent"])
def test_a_flat_window_still_gets_probabilities(learnt, name):
    flat = np.zeros((N_SAMPLES, N_CHANNELS), np.float32)
    said = fresh(learnt, name).predict(cut(flat, 0, 0))
    assert np.isfinite(said).all()
    assert np.exp(said).sum() == pytest.approx(1.0)
