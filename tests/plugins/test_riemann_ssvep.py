"""Extended covariances of flickering stimuli: filters within the window, classes without a stimulus, real recordings."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.classification import MDM
from pyriemann.estimation import Covariances
from scipy.signal import butter, freqz_sos, sosfilt, sosfilt_zi

from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder, KnowsStream, PredictsMany, Saves
from rtbci.testing import check_decoder
from rtbci.types import Channel, StreamInfo, Window
from rtbci_riemann.extended import ExtendedCovariance, stimulus_filters
from rtbci_riemann.riemann_ssvep import RiemannSsvep
from rtbci_riemann.staging import Staging

RATE = 256.0
FLICKER = (13.0, 17.0, 21.0)


def one(samples: np.ndarray) -> Window:
    return Window(samples, 0, samples.shape[1] - 1, 0.0, 0.0)


def info(n_channels: int, rate: float = RATE) -> StreamInfo:
    return StreamInfo("s", rate, tuple(Channel(f"C{i}") for i in range(n_channels)))


def ready(n_channels: int, n_classes: int, *args, **kwargs) -> RiemannSsvep:
    decoder = RiemannSsvep(*args, **kwargs)
    decoder.prepare(info(n_channels), 512, n_classes)
    return decoder


def flickering(n_windows: int, frequencies=(0.0, *FLICKER), n_channels: int = 6, n_samples: int = 512, seed: int = 0):
    """Noise with a response of random phase to one of ``frequencies`` (0: none), which is the label, in three channels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_windows, dtype=np.int64) % len(frequencies)
    windows = rng.standard_normal((n_windows, n_channels, n_samples))
    t = np.arange(n_samples) / RATE
    for window, label in zip(windows, labels, strict=True):
        if frequencies[label]:
            window[:3] += 0.5 * np.sin(2 * np.pi * frequencies[label] * t + rng.uniform(0, 2 * np.pi))
    return windows.astype(np.float32), labels


def said_of(decoder, windows: np.ndarray) -> np.ndarray:
    return decoder.predict_many(windows, np.zeros(len(windows), np.int64))


# ------------------------------------------------------------------ what it computes


@pytest.mark.parametrize("estimator", ["oas", "lwf", "scm", "cov"])
@pytest.mark.parametrize("n_left_out", [0, 100])
def test_covariance_is_pyriemanns_of_filtered_copies(estimator, n_left_out):
    samples = np.random.default_rng(1).standard_normal((4, 400)).astype(np.float32) + np.float32(30.0)
    filters = stimulus_filters(FLICKER, 2, 1.0, 2, RATE)
    assert filters.shape == (6, 2, 6)
    ours = ExtendedCovariance(Staging(4, 400), filters, n_left_out, estimator, 0.0).many(samples[None])[0]
    copies = []
    for frequency in (13.0, 26.0, 17.0, 34.0, 21.0, 42.0):
        sections = butter(2, [frequency - 1.0, frequency + 1.0], "bandpass", fs=RATE, output="sos")
        # primed, as scipy has it: the state that the first sample would have left had it stood for ever
        state = sosfilt_zi(sections)[:, None, :] * samples[:, 0].astype(np.float64)[None, :, None]
        copies.append(sosfilt(sections, samples.astype(np.float64), axis=1, zi=state)[0][:, n_left_out:])
    theirs = Covariances(estimator).transform(np.concatenate(copies)[None])[0]
    assert np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max()


def test_filters_pass_their_frequency_and_hold_back_the_others():
    filters = stimulus_filters(FLICKER, 1, 0.5, 2, RATE)
    for i, sections in enumerate(filters):
        gains = np.abs(freqz_sos(sections, worN=np.array(FLICKER), fs=RATE)[1])
        assert gains[i] == pytest.approx(1.0, abs=0.01)
        assert (np.delete(gains, i) < 0.02).all()


def test_a_constant_offset_changes_nothing():
    windows, labels = flickering(40)
    decoder = ready(6, 4, list(FLICKER)).fit(windows, labels)
    moved = windows[0] + np.float32(1000.0)
    assert np.allclose(decoder.predict(one(moved)), decoder.predict(one(windows[0])), rtol=0, atol=0.01)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid", "euclid"])
def test_probabilities_are_those_of_pyriemanns_mdm(metric):
    windows, labels = flickering(60)
    decoder = ready(6, 4, list(FLICKER), metric=metric).fit(windows[:40], labels[:40])
    covariances = decoder._covariance.many(windows)
    theirs = np.log(MDM(metric=metric).fit(covariances[:40], labels[:40]).predict_proba(covariances[40:]))
    assert np.allclose(said_of(decoder, windows[40:]), theirs, rtol=0, atol=1e-7)


# ------------------------------------------------------------------ stimuli and classes


def test_rest_is_a_class_without_a_frequency():
    windows, labels = flickering(160)
    decoder = ready(6, 4, list(FLICKER)).fit(windows[:80], labels[:80])
    said = said_of(decoder, windows[80:]).argmax(axis=1)
    for label in range(4):
        assert (said[labels[80:] == label] == label).mean() >= 0.8


@pytest.mark.parametrize(
    "frequencies",
    [[21.0, 13.0, 17.0], [0.0, 13.0, 17.0, 21.0], {"up": 17.0, "left": 13.0, "right": 21.0}, (13, 17, 21, 21)],
)
def test_order_names_and_zeros_make_no_difference(frequencies):
    assert RiemannSsvep(frequencies).frequencies == FLICKER
    assert RiemannSsvep(frequencies).frequencies == RiemannSsvep(list(FLICKER)).frequencies


def test_one_frequency_tells_two_classes_apart():
    windows, labels = flickering(80, frequencies=(0.0, 13.0))
    decoder = ready(6, 2, [13.0]).fit(windows[:40], labels[:40])
    assert (said_of(decoder, windows[40:]).argmax(axis=1) == labels[40:]).mean() > 0.9


# ------------------------------------------------------------------ contract


@pytest.mark.parametrize(
    "make",
    [
        partial(RiemannSsvep, [6.0, 9.0]),
        partial(RiemannSsvep, [6.0, 9.0, 12.0], half_width=1.0, classifier="lr", settle=0.1),
        partial(RiemannSsvep, [6.0, 9.0], harmonics=2, classifier="svm", estimator="lwf"),
        partial(RiemannSsvep, {"a": 6.0, "b": 9.0}, metric="logeuclid", classifier="lda", filter_order=1),
        partial(RiemannSsvep, [6.0, 9.0], metric="euclid", reg=0.01, estimator="scm"),
    ],
    ids=str,
)
def test_contract(make):
    # the simulated windows hold 6, 9, 12 Hz
    assert check_decoder(make).accuracy > 0.7


def test_offers_all_abilities():
    decoder = RiemannSsvep([13.0])
    assert all(isinstance(decoder, ability) for ability in (Decoder, KnowsStream, Saves, PredictsMany))


@pytest.fixture(scope="module", params=["mdm", "lr"])
def fitted(request):
    return ready(6, 4, list(FLICKER), classifier=request.param).fit(*flickering(40))


@settings(max_examples=8, deadline=None)
@given(hop=st.integers(1, 90), first=st.integers(0, 100), n=st.integers(1, 70), seed=st.integers(0, 1000))
def test_many_windows_get_the_bits_of_each_alone(fitted, hop, first, n, seed):
    stream = np.random.default_rng(seed).standard_normal((first + n * hop + 512, 6)).astype(np.float32)
    starts = first + hop * np.arange(n)
    many = fitted.predict_many(np.lib.stride_tricks.sliding_window_view(stream, 512, axis=0)[starts], starts)
    for i in (0, n // 2, n - 1):
        alone = np.ascontiguousarray(stream[starts[i] : starts[i] + 512]).T
        assert fitted.predict(one(alone)).tobytes() == many[i].tobytes()


def test_no_windows_get_no_rows(fitted):
    assert fitted.predict_many(np.empty((0, 6, 512), np.float32), np.empty(0, np.int64)).shape == (0, 4)


def test_a_restored_decoder_needs_no_rate():
    windows, labels = flickering(40)
    decoder = ready(6, 4, list(FLICKER)).fit(windows, labels)
    copy = RiemannSsvep(list(FLICKER))
    copy.restore(decoder.arrays())
    assert copy.predict(one(windows[3])).tobytes() == decoder.predict(one(windows[3])).tobytes()


# ------------------------------------------------------------------ edges


@pytest.mark.parametrize(
    ("make", "beginning"),
    [
        (partial(RiemannSsvep, []), "frequencies = []: "),
        (partial(RiemannSsvep, [0.0]), "frequencies = [0.0]: "),
        (partial(RiemannSsvep, [-13.0]), "frequencies = [-13.0]: "),
        (partial(RiemannSsvep, "13"), "frequencies = '13': "),
        (partial(RiemannSsvep, {"left": "13"}), "frequencies = {'left': '13'}: "),
        (partial(RiemannSsvep, [13.0], harmonics=0), "harmonics = 0: "),
        (partial(RiemannSsvep, [13.0], half_width=0.0), "half_width = 0.0: "),
        (partial(RiemannSsvep, [13.0], filter_order=1.5), "filter_order = 1.5: "),
        (partial(RiemannSsvep, [13.0], settle=-1.0), "settle = -1.0: "),
        (partial(RiemannSsvep, [13.0], classifier="knn"), 'classifier = "knn": '),
        (partial(RiemannSsvep, [13.0], estimator="ledoit"), 'estimator = "ledoit": '),
        (partial(RiemannSsvep, [13.0], metric="hilbert"), 'metric = "hilbert": '),
        (partial(RiemannSsvep, [13.0], reg=-1.0), "reg = -1.0: "),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_by_key_and_value(make, beginning):
    with pytest.raises(DecoderError) as raised:
        make()
    assert str(raised.value).startswith(beginning)
    assert "\n" not in str(raised.value)


def test_a_band_beyond_half_the_rate_is_refused_as_soon_as_the_rate_is_known():
    with pytest.raises(DecoderError, match=r"21 Hz \(harmonic 2\).*between 0 and 40 Hz"):
        RiemannSsvep(list(FLICKER), harmonics=2).prepare(info(6, rate=80.0), 160, 3)


def test_a_fit_without_a_rate_is_refused():
    with pytest.raises(DecoderError, match="call prepare before fit"):
        RiemannSsvep(list(FLICKER)).fit(*flickering(20))


def test_settling_longer_than_the_window_is_refused():
    with pytest.raises(DecoderError, match="first 512 samples are left out of windows of 512"):
        ready(6, 4, list(FLICKER), settle=2.0).fit(*flickering(20))


def test_asked_before_it_is_fitted_says_so():
    with pytest.raises(DecoderError, match="neither fitted nor restored"):
        RiemannSsvep([13.0]).predict(one(np.zeros((6, 512), np.float32)))


def test_a_window_of_another_shape_is_refused(fitted):
    with pytest.raises(DecoderError, match=r"5 channels and 512 samples.*6 channels and 512 samples"):
        fitted.predict(one(np.zeros((5, 512), np.float32)))


def test_a_flat_window_gets_probabilities(fitted):
    said = fitted.predict(one(np.full((6, 512), 3.0, np.float32)))
    assert np.isfinite(said).all()
    assert np.exp(said).sum() == pytest.approx(1.0)


def test_an_average_reference_does_no_harm():
    windows, labels = flickering(120)
    windows -= windows.mean(axis=1, keepdims=True)
    decoder = ready(6, 4, list(FLICKER)).fit(windows[:80], labels[:80])
    assert decoder.arrays()["basis"].shape == (5, 6)
    assert (said_of(decoder, windows[80:]).argmax(axis=1) == labels[80:]).mean() > 0.8


# ------------------------------------------------------------------ recordings: train on the first session, decode the last


def session(path):
    """2 s windows every 0.25 s within 1-5 s after each cue, (n, 8, 512) float32 in uV, their labels and trials."""
    import mne

    raw = mne.io.read_raw_fif(path, preload=True, verbose="error")
    events = mne.read_events(str(path).replace("_raw.fif", "-eve.fif"), verbose="error")
    samples = raw.get_data(picks="eeg").T * 1e6
    samples = sosfilt(butter(4, [5.0, 45.0], "band", fs=RATE, output="sos"), samples - samples[0], axis=0)
    windows, labels, trials = [], [], []
    for trial, (at, _, code) in enumerate(events):
        if code not in (1, 2, 3, 4):
            continue
        cue = at - raw.first_samp
        for start in range(cue + 256, cue + 5 * 256 - 512 + 1, 64):
            if start + 512 <= len(samples):
                windows.append(samples[start : start + 512].T)
                labels.append(code - 1)
                trials.append(trial)
    return np.array(windows, np.float32), np.array(labels, np.int64), np.array(trials)


# four classes with rest, chance .25; 32 trials: .50 or more by chance once in 500 times
@pytest.mark.parametrize(
    ("subject", "classifier", "least"), [("03", "mdm", 0.5), ("03", "lr", 0.6), ("07", "mdm", 0.7)]
)
def test_four_classes_with_rest_8_channels(data_dir, subject, classifier, least):
    paths = sorted((data_dir / "ssvep_exo" / f"subject{subject}").glob("*_raw.fif"))
    if len(paths) < 2:
        pytest.skip(f"no sessions of subject {subject} in {data_dir}")
    windows, labels, _ = session(paths[0])
    decoder = ready(8, 4, [13.0, 21.0, 17.0], classifier=classifier).fit(windows, labels)
    windows, labels, trials = session(paths[-1])
    said = said_of(decoder, windows)
    numbers = np.unique(trials)
    right = [said[trials == n].sum(axis=0).argmax() == labels[trials == n][0] for n in numbers]
    print(f"subject {subject}, {classifier}: {np.mean(right):.3f} of {len(numbers)} trials")
    assert np.mean(right) >= least
