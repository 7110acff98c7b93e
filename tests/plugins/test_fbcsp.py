"""Filter-bank CSP: its bands, what it chooses in them, and how it decodes real motor imagery."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from scipy.signal import butter, sosfilt

from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder, KnowsStream, Saves
from rtbci.testing import check_decoder
from rtbci.types import Channel, StreamInfo, Window
from rtbci_baseline import FbCsp
from rtbci_baseline.band_filter import BandPowers, bands_for, filtered, sections_for, settling, steady

RATE = 160.0


def info(n_channels: int, rate: float = RATE) -> StreamInfo:
    return StreamInfo("s", rate, tuple(Channel(f"C{i}") for i in range(n_channels)))


def window(samples) -> Window:
    return Window(samples, 0, samples.shape[1] - 1, 0.0, 0.0)


def rhythm(
    n_windows: int, band, n_channels: int = 4, n_samples: int = 320, n_classes: int = 2, seed: int = 0, gain=3.0
):
    """Noise of deviation 1 in which class k has a source with a rhythm of deviation ``gain`` within ``band`` Hz."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).standard_normal((n_channels, n_channels)) + 2 * np.eye(n_channels)
    labels = np.arange(n_windows, dtype=np.int64) % n_classes
    sources = rng.standard_normal((n_windows, n_channels, n_samples))
    sections = butter(4, band, "band", fs=RATE, output="sos")
    narrow = sosfilt(sections, rng.standard_normal((n_windows, n_samples + 200)), axis=-1)[:, 200:]
    for i, label in enumerate(labels):
        sources[i, label] += gain * narrow[i] / narrow[i].std()
    return np.einsum("cs,wst->wct", mixing, sources).astype(np.float32), labels


def fitted(windows, labels, rate: float = RATE, **arguments) -> FbCsp:
    decoder = FbCsp(**arguments)
    decoder.prepare(info(windows.shape[1], rate), windows.shape[2], int(labels.max()) + 1)
    return decoder.fit(windows, labels)


@pytest.mark.parametrize(
    "make",
    [
        FbCsp,
        partial(FbCsp, classifier="lda", reg="oas"),
        partial(FbCsp, bands=[[4, 8], [8, 12], [12, 30]], n_components=3),
    ],
    ids=["default", "lda", "bands"],
)
def test_contract(make):
    check_decoder(make)


def test_offers_all_abilities():
    assert isinstance(FbCsp(), Decoder)
    assert isinstance(FbCsp(), KnowsStream)
    assert isinstance(FbCsp(), Saves)


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        ({"bands": []}, "bands = []: "),
        ({"bands": [[8.0, 12.0], [14.0]]}, "bands = [[8.0, 12.0], [14.0]]: [14.0] is none; "),
        ({"bands": [[12.0, 8.0]]}, "bands = [[12.0, 8.0]]: "),
        ({"bands": [[0, 8]]}, "bands = [[0, 8]]: "),
        ({"bands": [["a", 8]]}, "bands = [['a', 8]]: "),
        ({"n_components": 0}, "n_components = 0: "),
        ({"n_selected": 1.5}, "n_selected = 1.5: "),
        ({"classifier": "svm"}, 'classifier = "svm": '),
        ({"reg": "lwf"}, 'reg = "lwf": '),
        ({"reg": 2}, "reg = 2: "),
        ({"reg": True}, "reg = true: "),
    ],
)
def test_wrong_arguments_are_refused_by_key_and_value(arguments, beginning):
    with pytest.raises(DecoderError) as raised:
        FbCsp(**arguments)
    assert str(raised.value).startswith(beginning)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("rate", "last"), [(250.0, 40.0), (100.0, 40.0), (64.0, 28.0), (20.0, 8.0)])
def test_default_bands_end_where_the_rate_does(rate, last):
    bands = bands_for(rate, None)
    assert bands[0] == (4.0, 8.0)
    assert bands[-1] == (last - 4.0, last)
    assert all(high - low == 4.0 for low, high in bands)


def test_a_band_beyond_half_the_rate_is_refused_when_the_rate_becomes_known():
    with pytest.raises(DecoderError, match=r"bands = \[\[30, 60\]\].*100 Hz.*below 50 Hz"):
        FbCsp(bands=[[8, 12], [30, 60]]).prepare(info(4, 100.0), 200, 2)


def test_asked_to_fit_before_the_rate_is_known_says_so():
    with pytest.raises(DecoderError, match="sampling rate is not known"):
        FbCsp().fit(*rhythm(20, [8, 12]))


def test_asked_before_it_is_fitted_says_so():
    with pytest.raises(DecoderError, match="neither fitted nor restored"):
        FbCsp().predict(window(np.zeros((4, 320), np.float32)))


def test_a_window_of_another_shape_is_refused():
    decoder = fitted(*rhythm(20, [8, 12]))
    with pytest.raises(DecoderError, match=r"4 channels and 300 samples.*4 channels and 320 samples"):
        decoder.predict(window(np.zeros((4, 300), np.float32)))


@pytest.mark.parametrize("band", [(8.0, 12.0), (20.0, 24.0), (32.0, 36.0)])
def test_chooses_the_band_that_tells_the_classes_apart(band):
    decoder = fitted(*rhythm(60, band, gain=0.3), n_selected=1)
    chosen = decoder.arrays()["sections"]
    assert len(chosen) == 2  # a pair of components of one band
    assert np.array_equal(chosen, np.repeat(sections_for((band,), RATE), 2, axis=0))
    tests, truth = rhythm(60, band, seed=1, gain=0.3)
    said = np.array([decoder.predict(window(samples)) for samples in tests]).argmax(axis=1)
    assert (said == truth).mean() > 0.9


@pytest.mark.parametrize("n_classes", [3, 4])
def test_more_than_two_classes_are_told_apart(n_classes):
    decoder = fitted(*rhythm(30 * n_classes, (12.0, 16.0), n_classes=n_classes))
    assert len(decoder.arrays()["filters"]) == 4  # no pairs
    tests, truth = rhythm(20 * n_classes, (12.0, 16.0), n_classes=n_classes, seed=1)
    said = np.array([decoder.predict(window(samples)) for samples in tests]).argmax(axis=1)
    assert (said == truth).mean() > 0.8


def test_bands_that_a_filter_upstream_took_are_left_out_unless_they_are_asked_for():
    windows, labels = rhythm(40, (8.0, 12.0))
    cut = sosfilt(butter(8, 16.0, fs=RATE, output="sos"), windows, axis=-1).astype(np.float32)
    lowest = {tuple(section) for section in sections_for(((4, 8), (8, 12), (12, 16), (16, 20), (20, 24)), RATE)[:, 0]}
    kept = {tuple(section) for section in fitted(cut, labels, n_selected=100).arrays()["sections"][:, 0]}
    assert kept <= lowest and len(kept) >= 3
    asked = fitted(cut, labels, bands=[[8, 12], [32, 36]], n_selected=100).arrays()["sections"]
    assert len(np.unique(asked, axis=0)) == 2


def test_filtering_components_is_filtering_channels():
    """Live a few components are filtered, not every channel: the same numbers."""
    rng = np.random.default_rng(0)
    bands = ((8.0, 12.0), (8.0, 12.0), (20.0, 28.0))
    sections, skips = sections_for(bands, RATE), settling(bands, RATE, 320)
    filters = rng.standard_normal((3, 5))
    samples = (rng.standard_normal((5, 320)) + 30.0).astype(np.float32)
    ours = BandPowers(filters, sections, skips, 320).of(samples)
    channels = [filtered(section, samples.astype(np.float64), steady(section)) for section in sections]
    theirs = [((filters[i] @ channels[i])[skips[i] :] ** 2).mean() for i in range(3)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert skips.tolist() == [40, 40, 20]


@settings(max_examples=30, deadline=None)
@given(offset=st.floats(-3e4, 3e4), low=st.floats(2.0, 40.0), seed=st.integers(0, 2**32 - 1))
def test_an_electrodes_offset_makes_no_transient(offset, low, seed):
    section = sections_for(((low, low + 4.0),), RATE)[0]
    samples = np.random.default_rng(seed).standard_normal((2, 200))
    state = steady(section)
    np.testing.assert_allclose(filtered(section, samples + offset, state), filtered(section, samples, state), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, 199), seed=st.integers(0, 2**32 - 1))
def test_what_comes_later_does_not_change_what_came_before(cut, seed):
    section = sections_for(((8.0, 12.0),), RATE)[0]
    samples = np.random.default_rng(seed).standard_normal((3, 200))
    state = steady(section)
    assert np.array_equal(filtered(section, samples, state)[:, :cut], filtered(section, samples[:, :cut], state))


def test_an_average_reference_does_no_harm():
    windows, labels = rhythm(60, (8.0, 12.0))
    windows = windows - windows.mean(axis=1, keepdims=True)
    decoder = fitted(windows, labels)
    said = np.array([decoder.predict(window(samples)) for samples in windows]).argmax(axis=1)
    assert (said == labels).mean() > 0.9


def test_fitting_twice_gives_the_same_bits():
    windows, labels = rhythm(40, (8.0, 12.0))
    first, second = fitted(windows, labels).arrays(), fitted(windows, labels).arrays()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_arrays_of_another_decoder_are_refused():
    arrays = dict(fitted(*rhythm(20, (8, 12))).arrays())
    arrays["skipped"] = arrays["skipped"] + 1000
    with pytest.raises(DecoderError, match="fbcsp cannot have written"):
        FbCsp().restore(arrays)


def test_predicting_imports_no_heavy_library(tmp_path: Path):
    path = tmp_path / "fbcsp.safetensors"
    save_file({k: np.array(v) for k, v in fitted(*rhythm(20, (8, 12))).arrays().items()}, path)
    code = f"""
import sys
import numpy as np
from safetensors.numpy import load_file
from rtbci.types import Window
from rtbci_baseline import FbCsp
decoder = FbCsp()
decoder.restore(load_file({str(path)!r}))
said = decoder.predict(Window(np.ones((4, 320), np.float32), 0, 319, 0.0, 0.0))
assert said.shape == (2,), said
heavy = {{"sklearn", "pyriemann", "torch", "mne", "pandas", "matplotlib", "skops"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def s001(folder: Path, run: int):
    """Windows of 2 s, every 0.1 s, within 0.5-3.5 s after each cue, filtered causally to 4-40 Hz; labels, trials."""
    import mne

    raw = mne.io.read_raw_edf(next(folder.rglob(f"S001R{run:02d}.edf")), preload=True, verbose="error")
    samples = raw.get_data().T * 1e6
    sections = butter(4, [4.0, 40.0], "band", fs=RATE, output="sos")
    clean = sosfilt(sections, samples - samples[0], axis=0).astype(np.float32)
    cut, labels, trials = [], [], []
    for trial, cue in enumerate(a for a in raw.annotations if a["description"] != "T0"):
        at = round(cue["onset"] * RATE)
        for start in range(at + 80, at + 560 - 320 + 1, 16):
            if start + 320 <= len(clean):
                cut.append(clean[start : start + 320].T)
                labels.append(int(cue["description"] == "T2"))
                trials.append(trial)
    return np.stack(cut), np.array(labels, np.int64), np.array(trials)


@pytest.mark.parametrize("classifier", ["lda", "lr"])
def test_fists_or_feet_64_channels(data_dir, classifier):
    folder = data_dir / "eegmmidb_S001"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    training = [s001(folder, run) for run in (6, 10)]
    windows, labels, trials = s001(folder, 14)
    decoder = fitted(*(np.concatenate([run[part] for run in training]) for part in (0, 1)), classifier=classifier)
    said = np.array([decoder.predict(window(samples)) for samples in windows])
    numbers = np.unique(trials)
    accuracy = np.mean([said[trials == n].sum(axis=0).argmax() == labels[trials == n][0] for n in numbers])
    print(f"fbcsp {classifier}: trial accuracy {accuracy:.3f}, windows {(said.argmax(axis=1) == labels).mean():.3f}")
    assert accuracy >= 0.8  # of 15 trials; chance is .50
