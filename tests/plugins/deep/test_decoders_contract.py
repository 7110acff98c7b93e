"""The networks keep the contract of a decoder: alone to the bit, in batches and together within their tolerance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder, Embeds, Joins, KnowsStream, Learns, PredictsMany, Saves
from rtbci.testing import check_decoder
from rtbci.types import Channel, StreamInfo, Window
from rtbci_deep import decoder as decoder_module
from rtbci_deep.classifiers import ConformerChunks, EegNet, Fnn, Shallow, SimpleConv1d
from rtbci_deep.embedders import Atm, Embedder, MegConvolution, Nice

TOLERANCE = 1e-3
few = {"batch": 16, "patience": 0}
ALL = {
    "eegnet": partial(EegNet, epochs=12, learning_rate=0.01, **few),
    "shallow": partial(Shallow, epochs=6, learning_rate=0.01, n_filters_time=8, n_filters_spat=8, **few),
    "simpleconv": partial(SimpleConv1d, epochs=8, learning_rate=0.01, fm=12, n_convs=2, kernel=8, **few),
    "conformer-chunks of 1": partial(ConformerChunks, epochs=10, learning_rate=3e-3, n_chunks=1, att_depth=1, **few),
    "conformer-chunks of 2": partial(ConformerChunks, epochs=10, learning_rate=3e-3, n_chunks=2, att_depth=1, **few),
    "fnn": partial(
        Fnn,
        epochs=10,
        learning_rate=0.03,
        n_filters=[8, 5],
        n_functions=[6, 6],
        taps=[16, 32],
        dense_functions=3,
        **few,
    ),
    "nice": partial(Nice, epochs=25, learning_rate=3e-3, dims=8, drop_prob=0.2, **few),
    "atm": partial(Atm, epochs=8, learning_rate=3e-3, dims=8, **few),
    "meg-conv": partial(
        MegConvolution, epochs=12, learning_rate=3e-3, dims=8, hidden=16, n_blocks=1, width=32, n_virtual=12, **few
    ),
}
EVERY = pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())
N_CHANS, N_TIMES = 8, 250
INFO = StreamInfo("eeg", 250.0, tuple(Channel(f"C{k}") for k in range(N_CHANS)))


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, N_CHANS, N_TIMES)).astype(np.float32)


def fitted(make, seed: int = 0):
    """One epoch of noise is enough for weights that are nobody else's."""
    decoder = make(epochs=1, seed=seed)
    decoder.prepare(INFO, N_TIMES, 2)
    return decoder.fit(noise(24, seed), np.arange(24, dtype=np.int64) % 2)


def restored(make, decoder):
    copy = make(epochs=1)
    copy.restore({key: np.array(value) for key, value in decoder.arrays().items()})
    copy.prepare(INFO, N_TIMES, 2)
    return copy


def window(samples: np.ndarray, start: int = 0, bads: tuple[str, ...] = ()) -> Window:
    return Window(samples, start, start + N_TIMES - 1, 0.0, 0.0, fresh=N_TIMES, bads=bads)


@EVERY
def test_contract(make):
    assert check_decoder(make, n_channels=N_CHANS, n_samples=N_TIMES, tolerance=TOLERANCE).accuracy >= 0.7


@EVERY
def test_offers_its_abilities(make):
    decoder = make()
    for ability in (Decoder, KnowsStream, Learns, Saves, PredictsMany, Joins):
        assert isinstance(decoder, ability)
    assert isinstance(decoder, Embeds) == isinstance(decoder, Embedder)
    assert decoder.tolerance == TOLERANCE


@EVERY
def test_a_restored_decoder_says_the_very_bits_window_by_window(make):
    decoder = fitted(make)
    copy, x = restored(make, decoder), noise(5, 7)
    for other in (decoder, copy):
        other.predict_many(x, np.arange(5, dtype=np.int64))  # batches before change nothing
    for k, samples in enumerate(x):
        np.testing.assert_array_equal(copy.predict(window(samples, 3 * k)), decoder.predict(window(samples, 3 * k)))
    other_order = [copy.predict(window(x[k], 3 * k)) for k in (4, 2, 0, 2)]
    np.testing.assert_array_equal(other_order, [decoder.predict(window(x[k], 3 * k)) for k in (4, 2, 0, 2)])


@EVERY
def test_batches_are_within_a_hundredth_of_the_tolerance_on_a_cpu(make):
    decoder, x = fitted(make), noise(11, 7)
    alone = [decoder.predict(window(samples)) for samples in x]
    many = decoder.predict_many(x, np.arange(11, dtype=np.int64))
    np.testing.assert_allclose(many, alone, rtol=0, atol=TOLERANCE / 100)


@EVERY
def test_decoders_of_a_kind_share_batches_where_they_are_told_to(make):
    kind = make.func

    class Joining(kind):
        JOINS_ON_CPU = True

    joining = partial(Joining, *make.args, **make.keywords)
    decoders, x = [fitted(joining, seed) for seed in (0, 1, 2)], noise(3, 7)
    first, *others = decoders
    assert all(first.joins(other) for other in others)
    assert not first.joins(fitted(make))  # of another class
    assert not first.joins(object())
    for n in (3, 2, 3):
        windows = [window(samples, k) for k, samples in enumerate(x[:n])]
        together = first.predict_joined(others[: n - 1], windows)
        alone = [decoder.predict(one) for decoder, one in zip(decoders, windows, strict=False)]
        np.testing.assert_allclose(together, alone, rtol=0, atol=TOLERANCE / 100)
    moved = restored(joining, others[0])
    together = first.predict_joined([moved], [window(x[0]), window(x[1])])
    np.testing.assert_allclose(together[1], others[0].predict(window(x[1])), rtol=0, atol=TOLERANCE / 100)


def test_a_shared_batch_is_made_once_whoever_has_a_window_due(monkeypatch):
    """Of decoders with other hops some have none at most moments; on a GPU a batch that is made anew captures a graph."""

    class Joining(EegNet):
        JOINS_ON_CPU = True

    made: list[int] = []
    usual = decoder_module.Joint
    monkeypatch.setattr(decoder_module, "Joint", lambda runners: made.append(len(runners)) or usual(runners))
    (first, *others), x = [fitted(Joining, seed) for seed in (0, 1, 2, 3)], noise(4, 7)
    windows = [window(samples, k) for k, samples in enumerate(x)]
    alone = [decoder.predict(one) for decoder, one in zip((first, *others), windows, strict=True)]
    for some in ((0, 1, 2), (1,), (0,), (2, 0), (0, 1, 2)):
        together = first.predict_joined([others[k] for k in some], [windows[0], *(windows[1 + k] for k in some)])
        wanted = [alone[0], *(alone[1 + k] for k in some)]
        np.testing.assert_allclose(together, wanted, rtol=0, atol=TOLERANCE / 100)
    for some in ((1,), (2,), (2, 1)):  # where the first one has none, another one asks
        together = others[0].predict_joined([others[k] for k in some], [windows[1], *(windows[1 + k] for k in some)])
        wanted = [alone[1], *(alone[1 + k] for k in some)]
        np.testing.assert_allclose(together, wanted, rtol=0, atol=TOLERANCE / 100)
    assert made == [4]
    first.prepare(INFO, N_TIMES, 2)  # on its device anew: nothing old is asked
    together = first.predict_joined([others[0]], windows[:2])
    np.testing.assert_allclose(together, alone[:2], rtol=0, atol=TOLERANCE / 100)
    assert made == [4, 2]


@pytest.mark.parametrize("name", ["eegnet", "conformer-chunks of 2", "meg-conv"])
def test_contract_of_decoders_that_decide_together(name):
    make = ALL[name]

    class Joining(make.func):
        JOINS_ON_CPU = True

    check_decoder(
        partial(Joining, **make.keywords | {"epochs": 1}), tolerance=TOLERANCE, more_classes=False, learns=False
    )


@EVERY
def test_on_a_cpu_decoders_decide_alone(make):
    make = partial(make, device="cpu")
    one = fitted(make)
    assert not one.joins(restored(make, one))


def test_decoders_of_other_shapes_do_not_join():
    class Joining(EegNet):
        JOINS_ON_CPU = True

    one, other, third = (fitted(partial(Joining, **more)) for more in ({}, {"F2": 8}, {"clip": 5.0}))
    assert not one.joins(other)
    assert not one.joins(third)


def test_joined_windows_have_their_own_bad_channels():
    class Joining(MegConvolution):
        JOINS_ON_CPU = True

    make = partial(Joining, *ALL["meg-conv"].args, **ALL["meg-conv"].keywords)
    one, other, x = fitted(make, 0), fitted(make, 1), noise(2, 7)
    windows = [window(x[0], bads=("C0", "C3")), window(x[1], bads=("C5",))]
    together = one.predict_joined([other], windows)
    np.testing.assert_allclose(
        together, [one.predict(windows[0]), other.predict(windows[1])], rtol=0, atol=TOLERANCE / 100
    )
    assert np.abs(one.predict(windows[0]) - one.predict(window(x[0]))).max() > 1e-6


@EVERY
def test_a_window_of_another_shape_is_refused(make):
    decoder = fitted(make)
    with pytest.raises(DecoderError, match=r"4 channels and 250 samples.*8 channels and 250 samples"):
        decoder.predict(window(noise(1)[0, :4]))


@EVERY
def test_asked_before_it_is_fitted_says_so(make):
    with pytest.raises(DecoderError, match="neither fitted nor restored"):
        make().predict(window(noise(1)[0]))
