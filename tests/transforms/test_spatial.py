from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.interfaces import Transform
from rtbci.transforms.spatial import Bipolar, Pick, ReReference, Rescale
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, noise, stream, through

MIXED = StreamInfo(
    "cap",
    RATE,
    (
        Channel("Fz", "eeg", "uV", (0.0, 0.1, 0.1)),
        Channel("C3", "eeg", "uV", (-0.1, 0.0, 0.1)),
        Channel("EOG", "eog", "uV"),
        Channel("C4", "eeg", "uV"),
        Channel("Oz", "eeg", "uV"),
        Channel("STI", "stim", ""),
    ),
    bads=frozenset({"Oz"}),
)
EEG = [0, 1, 3, 4]
MAKERS = {
    "average": ReReference,
    "named": lambda: ReReference(["C0", "C3"]),
    "bipolar": lambda: Bipolar([["C1", "C2"], ["C4", "C0"]], keep_rest=True),
    "pick": lambda: Pick(["C4", "C1"]),
    "drop": lambda: Pick(drop=["C2"]),
    "rescale": lambda: Rescale(1.7, "mV", 0.3),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@settings(max_examples=25, deadline=None)
@given(lengths=chunkings(), n=st.integers(0, 300), breaks=st.sets(st.integers(1, 299), max_size=3))
def test_output_does_not_depend_on_chunks(make, lengths, n, breaks):
    samples, times = noise(n, seed=n, offset=1e4), clock(n)
    outs = []
    for chunks in (lengths, [max(n, 1)]):
        transform = make()
        transform.start(stream())
        outs.append(through(transform, samples, times, chunks, sorted(b for b in breaks if b < n)))
    assert outs[0][0].tobytes() == outs[1][0].tobytes()
    assert np.array_equal(outs[0][1], times)


def apply(transform, info=MIXED, n=50):
    out_info = transform.start(info)
    samples = noise(n, info.n_channels, offset=5000.0)
    out, times = through(transform, samples, clock(n), [7])
    assert np.array_equal(times, clock(n))
    assert out.shape == (n, out_info.n_channels)
    assert transform.delay_seconds == 0.0
    assert isinstance(transform, Transform)
    return samples.astype(np.float64), out, out_info


def test_average_leaves_out_bad_channels_and_other_kinds():
    samples, out, info = apply(ReReference())
    assert info == MIXED
    expected = samples.copy()
    expected[:, EEG] -= samples[:, [0, 1, 3]].mean(axis=1, keepdims=True)
    assert np.array_equal(out, expected.astype(np.float32))


def test_average_is_taken_in_float64():
    samples = np.array([[2.0**24, 1.0, 1.0, -(2.0**24)]], np.float32)
    transform = ReReference()
    transform.start(stream(4))
    out, _ = transform.transform(samples, clock(1))
    assert out[0, 1] == 0.5  # a float32 sum would have lost both ones


def test_named_reference_may_be_of_another_kind():
    samples, out, _ = apply(ReReference(["EOG", "C3"]))
    expected = samples.copy()
    expected[:, EEG] -= samples[:, [2, 1]].mean(axis=1, keepdims=True)
    assert np.array_equal(out, expected.astype(np.float32))


def test_excluded_channels_neither_count_nor_change():
    samples, out, _ = apply(ReReference(exclude=["Fz", "EOG"]))
    expected = samples.copy()
    expected[:, [1, 3, 4]] -= samples[:, [1, 3]].mean(axis=1, keepdims=True)
    assert np.array_equal(out, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("kinds", "main"),
    [
        (["eog"] * 3 + ["eeg"] * 2, "eeg"),
        (["emg"] * 2 + ["stim"] * 3, "emg"),
        (["mag"] + ["grad"] * 2 + ["eeg"], "grad"),
        (["misc"] * 2, "misc"),
    ],
)
def test_main_kind_is_the_most_frequent_one_on_the_brain(kinds, main):
    info = StreamInfo("s", RATE, tuple(Channel(f"C{i}", kind) for i, kind in enumerate(kinds)))
    samples, out, _ = apply(ReReference(), info)
    changed = [kind for kind, moved in zip(kinds, (samples != out).any(axis=0), strict=True) if moved]
    assert changed == [kind for kind in kinds if kind == main]


def test_bipolar_channels_are_named_differences():
    samples, out, info = apply(Bipolar([["C3", "C4"], ["Oz", "Fz"]]))
    assert info.names == ("C3-C4", "Oz-Fz")
    assert info.bads == {"Oz-Fz"}
    assert [(c.kind, c.unit, c.position) for c in info.channels] == [("eeg", "uV", None)] * 2
    assert info.rate == RATE
    expected = samples[:, [1, 4]] - samples[:, [3, 0]]
    assert np.array_equal(out, expected.astype(np.float32))


def test_bipolar_keeps_the_rest_behind():
    samples, out, info = apply(Bipolar([["C3", "C4"]], keep_rest=True))
    assert info.names == ("C3-C4", "Fz", "EOG", "Oz", "STI")
    assert info.bads == {"Oz"}
    assert info.channels[1:] == tuple(MIXED.channels[i] for i in (0, 2, 4, 5))
    expected = np.column_stack([samples[:, 1] - samples[:, 3], samples[:, [0, 2, 4, 5]]])
    assert np.array_equal(out, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "picked"),
    [
        ({"channels": ["Oz", "Fz"]}, [4, 0]),
        ({"kinds": ["eeg"]}, EEG),
        ({"kinds": ["stim", "eog"]}, [2, 5]),
        ({"kinds": ["eeg"], "drop": ["C3"]}, [0, 3, 4]),
        ({"drop": ["STI", "Oz"]}, [0, 1, 2, 3]),
    ],
)
def test_pick_takes_channels_with_all_that_is_known_of_them(arguments, picked):
    samples, out, info = apply(Pick(**arguments))
    assert info == replace(
        MIXED,
        channels=tuple(MIXED.channels[i] for i in picked),
        bads=MIXED.bads if 4 in picked else frozenset(),
    )
    assert np.array_equal(out, samples[:, picked].astype(np.float32))


def test_rescale_leaves_codes_alone():
    info = replace(MIXED, bads=frozenset({"C3"}))
    samples, out, out_info = apply(Rescale(1e-3, "mV", offset=-2.0), info)
    expected = samples * 1e-3 - 2.0
    expected[:, 5] = samples[:, 5]
    assert np.array_equal(out, expected.astype(np.float32))
    assert [c.unit for c in out_info.channels] == ["mV"] * 5 + [""]
    assert out_info.bads == {"C3"}
    assert Rescale(1e6).start(info) == info


@pytest.mark.parametrize(
    ("make", "begins"),
    [
        (lambda: ReReference("Cz"), 'channels = "Cz": must be a list of channel names'),
        (lambda: ReReference([1]), "channels = [1]: must hold channel names only; 1 is none"),
        (lambda: ReReference(["C3", "C3"]), 'channels = ["C3", "C3"]: names C3 more than once'),
        (lambda: ReReference(exclude=3), "exclude = 3: must be a list of channel names"),
        (lambda: ReReference(["C3"], exclude=["C3"]), 'exclude = ["C3"]: C3 is named in channels too'),
        (lambda: Bipolar("C3-C4"), 'pairs = "C3-C4": must be a list of pairs'),
        (lambda: Bipolar([]), "pairs = []: must be a list of pairs"),
        (lambda: Bipolar([["C3"]]), 'pairs = [["C3"]]: must be a list of pairs'),
        (lambda: Bipolar([["C3", "C3"]]), 'pairs = [["C3", "C3"]]: C3 less itself is 0'),
        (lambda: Bipolar([["C3", "C4"]], keep_rest=1), "keep_rest = 1: must be true or false"),
        (lambda: Pick(), "channels = []: nothing is picked"),
        (lambda: Pick([]), "channels = []: nothing is picked"),
        (lambda: Pick(["C3"], ["eeg"]), 'kinds = ["eeg"]: channels is given too'),
        (lambda: Pick(["C3"], drop=["C3"]), 'drop = ["C3"]: C3 is named in channels too'),
        (lambda: Pick(kinds="eeg"), 'kinds = "eeg": must be a list of kinds'),
        (lambda: Rescale("2"), 'factor = "2": must be a number other than 0, not a string'),
        (lambda: Rescale(0), "factor = 0: must be a number other than 0"),
        (lambda: Rescale(float("nan")), "factor = nan: must be a number other than 0, and finite"),
        (lambda: Rescale(True), "factor = true: must be a number"),
        (lambda: Rescale(1.0, offset="0"), 'offset = "0": must be a number'),
        (lambda: Rescale(1.0, unit=3), "unit = 3: must be the name of a unit"),
    ],
)
def test_wrong_arguments_are_refused_with_key_and_value(make, begins):
    with pytest.raises(TransformError) as caught:
        make()
    assert str(caught.value).startswith(begins)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (ReReference(["c3"]), 'channels = ["c3"]: the stream has no channel c3; near matches: C3, C4'),
        (Pick(["Xyz"]), 'channels = ["Xyz"]: the stream has no channel Xyz; it has Fz, C3, EOG, C4, Oz, STI'),
        (Pick(drop=["O1"]), 'drop = ["O1"]: the stream has no channel O1'),
        (Bipolar([["C3", "C5"]]), 'pairs = [["C3", "C5"]]: the stream has no channel C5; near matches: C4, C3'),
        (Pick(kinds=["mag"]), 'kinds = ["mag"]: the stream has no channel of kind mag; it has eeg, eog, stim'),
        (Pick(kinds=["eog"], drop=["EOG"]), 'drop = ["EOG"]: leaves no channel'),
        (ReReference(["Oz"]), 'channels = ["Oz"]: Oz is marked bad; a reference must be a good channel'),
        (ReReference(["STI"]), 'channels = ["STI"]: the channels have units uV, no unit; a mean needs one unit'),
        (ReReference(exclude=["Fz", "C3", "C4", "Oz"]), 'exclude = ["Fz", "C3", "C4", "Oz"]: leaves no eeg channel'),
        (ReReference(exclude=["Fz", "C3", "C4"]), "channels = []: all eeg channels are marked bad"),
        (Bipolar([["C3", "STI"]]), 'pairs = [["C3", "STI"]]: C3 and STI have units uV, no unit; one is needed'),
        (Bipolar([["C3", "C4"], ["C3", "C4"]]), 'pairs = [["C3", "C4"], ["C3", "C4"]]: makes C3-C4 more than once'),
    ],
)
def test_what_the_stream_has_not_is_refused_with_what_it_has(transform, message):
    with pytest.raises(TransformError) as caught:
        transform.start(MIXED)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_units_that_differ_become_no_single_one():
    info = StreamInfo("meg", RATE, (Channel("M", "mag", "fT"), Channel("G", "grad", "fT/cm")))
    with pytest.raises(TransformError, match=r"^unit = \"T\": the channels have units fT, fT/cm"):
        Rescale(1e-15, "T").start(info)


def test_a_name_that_the_stream_has_twice_is_refused():
    info = StreamInfo("s", RATE, (Channel("A"), Channel("A"), Channel("B")))
    with pytest.raises(TransformError, match=r"^channels = \[\"A\"\]: the stream has 2 channels named A"):
        Pick(["A"]).start(info)


def test_a_stream_without_rate_or_channels_is_refused():
    with pytest.raises(TransformError, match=r"^rate = 0.0: the stream must have a sampling rate above 0 Hz"):
        ReReference().start(stream(rate=0.0))
    with pytest.raises(TransformError, match=r"^channels = \[\]: the stream has no channels"):
        ReReference().start(stream(0))


def test_samples_of_another_stream_are_refused():
    transform = Pick(["C0"])
    with pytest.raises(TransformError, match="start"):
        transform.transform(noise(10, 3), clock(10))
