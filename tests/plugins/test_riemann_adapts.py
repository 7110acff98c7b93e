"""Decoders that learn while they run follow a drift, to the same bytes each time; and predict by nothing else."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from pyriemann.estimation import Covariances
from pyriemann.geometry.geodesic import geodesic
from pyriemann.geometry.mean import gmean
from scipy.optimize import minimize

from rtbci.errors import DecoderError
from rtbci.interfaces import Adapts
from rtbci.types import Window
from rtbci_riemann import FgMdm, Mdm, Tangent
from rtbci_riemann.class_means import between, mean_of
from rtbci_riemann.linear import ONE_AGAINST_REST, SOFTMAX
from rtbci_riemann.proximal import proximal_step

N_CHANNELS, N_SAMPLES, PER_TRIAL = 6, 150, 4

MAKES = {
    "mdm": Mdm,
    "mdm logeuclid": partial(Mdm, metric="logeuclid"),
    "mdm euclid": partial(Mdm, metric="euclid", counted="windows"),
    "tangent": Tangent,
    "tangent svm": partial(Tangent, classifier="svm"),
    "tangent logeuclid": partial(Tangent, metric="logeuclid"),
}


def trial(label: int, angle: float, seed: int, n_classes: int = 2) -> np.ndarray:
    """Windows (PER_TRIAL, channels, samples) float32 whose strongest source lies in a plane of channels, by class and angle.

    Classes lie 90 degrees apart, so after 45 degrees of drift each is as near to where another was.
    """
    rng = np.random.default_rng(seed)
    direction = angle + label * np.pi / n_classes
    source = np.zeros(N_CHANNELS)
    source[:2] = np.cos(direction), np.sin(direction)
    samples = rng.standard_normal((PER_TRIAL, N_CHANNELS, N_SAMPLES))
    strong = 1.2 * rng.standard_normal((PER_TRIAL, 1, N_SAMPLES))
    return (5.0 * (samples + source[None, :, None] * strong)).astype(np.float32)


def calibration(n_trials: int = 20, n_classes: int = 2):
    labels = np.arange(n_trials) % n_classes
    windows = np.concatenate([trial(int(k), 0.0, i, n_classes) for i, k in enumerate(labels)])
    return windows, np.repeat(labels, PER_TRIAL).astype(np.int64)


def session(decoder, adapts: bool, n_trials: int = 80, turn: float = np.pi / 2) -> float:
    """Share of windows decoded rightly while the classes turn by ``turn``; each trial is learnt after it was decoded."""
    right = 0
    for i in range(n_trials):
        label = (i * 7 // 3) % 2
        windows = trial(label, turn * i / n_trials, 1000 + i)
        said = decoder.predict_many(windows, np.arange(PER_TRIAL, dtype=np.int64) * N_SAMPLES)
        right += int((said.argmax(axis=1) == label).sum())
        if adapts:
            decoder.adapt(windows, label)
    return right / (n_trials * PER_TRIAL)


@pytest.mark.parametrize(
    "make",
    [
        partial(Mdm, least_step=0.1),
        partial(Mdm, metric="logeuclid", least_step=0.1),
        partial(Mdm, metric="euclid", counted="windows", least_step=0.1),
        Tangent,
        partial(Tangent, metric="logeuclid", stiffness=1.0),
        partial(Tangent, metric="euclid", stiffness=1.0),
        partial(Tangent, classifier="svm", stiffness=3.0),
        # these probabilities are near 0 and 1, and what is so sure learns slowly
        partial(Tangent, classifier="lda", stiffness=0.3),
    ],
    ids=str,
)
def test_on_a_drift_adapting_is_better_than_not(make):
    still = session(make().fit(*calibration()), adapts=False)
    following = session(make().fit(*calibration()), adapts=True)
    assert following > still + 0.1
    assert following > 0.8


def test_where_nothing_drifts_adapting_does_no_harm():
    for make in (Mdm, Tangent):
        still = session(make().fit(*calibration()), adapts=False, turn=0.0)
        following = session(make().fit(*calibration()), adapts=True, turn=0.0)
        assert following >= still - 0.02


@pytest.mark.parametrize("name", MAKES)
def test_learning_is_the_same_bytes_each_time_and_is_kept(name):
    first, second = (MAKES[name]().fit(*calibration()) for _ in range(2))
    window = Window(trial(0, 0.3, 5)[0], 40, 0, 0.0, 0.0)
    before = first.predict(window)
    assert isinstance(first, Adapts)
    for i in range(5):
        first.adapt(trial(i % 2, 0.5, 50 + i), i % 2)
        first.predict(window)  # between two trials of one decoder, and not of the other
        second.adapt(trial(i % 2, 0.5, 50 + i).copy(order="F"), i % 2)
    assert first.predict(window).tobytes() == second.predict(window).tobytes()
    assert first.predict(window).tobytes() != before.tobytes()
    restored = MAKES[name]()
    restored.restore({key: np.array(value) for key, value in first.arrays().items()})
    assert restored.predict(window).tobytes() == first.predict(window).tobytes()
    restored.adapt(trial(1, 0.5, 70), 1)
    first.adapt(trial(1, 0.5, 70), 1)
    for key, value in first.arrays().items():
        assert np.asarray(value).tobytes() == np.asarray(restored.arrays()[key]).tobytes()


@pytest.mark.parametrize("name", MAKES)
def test_arrays_that_were_handed_out_do_not_move(name):
    decoder = MAKES[name]().fit(*calibration())
    arrays = dict(decoder.arrays())
    kept = {key: np.array(value) for key, value in arrays.items()}
    decoder.adapt(trial(0, 0.5, 1), 0)
    assert all(np.array_equal(arrays[key], kept[key]) for key in kept)
    assert any(not np.array_equal(np.asarray(decoder.arrays()[key]), kept[key]) for key in kept)


@pytest.mark.parametrize(("counted", "step"), [("trials", 1 / 11), ("windows", 4 / 44)])
@pytest.mark.parametrize("metric", ["riemann", "logeuclid", "euclid"])
def test_a_mean_moves_along_the_geodesic_to_the_trials_mean(metric, counted, step):
    decoder = Mdm(metric=metric, counted=counted).fit(*calibration())
    before = decoder.arrays()["means"].copy()
    new = trial(1, 0.4, 3)
    decoder.adapt(new, 1)
    after = decoder.arrays()["means"]
    target = gmean(Covariances("oas").transform(new.astype(np.float64)), metric=metric, **_precisely(metric))
    np.testing.assert_allclose(after[1], geodesic(before[1], target, step, metric=metric), rtol=1e-7)
    assert np.array_equal(after[0], before[0])
    # the next trial weighs less
    decoder.adapt(new, 1)
    counts = decoder.arrays()["counts"]
    assert counts[1] - counts[0] == (2 if counted == "trials" else 2 * PER_TRIAL)


def _precisely(metric: str) -> dict:
    return {"tol": 1e-10} if metric == "riemann" else {}


def test_ten_equal_trials_bring_the_recursive_mean_to_their_mean():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((10, 5, 20))
    matrices = factors @ factors.transpose(0, 2, 1) / 20
    mean = matrices[0]
    for n, matrix in enumerate(matrices[1:], start=1):
        mean = between(mean, matrix, 1.0 / (n + 1), "logeuclid")
    np.testing.assert_allclose(mean, mean_of(matrices, "logeuclid"), rtol=1e-10)
    np.testing.assert_allclose(between(matrices[0], matrices[1], 1.0, "riemann"), matrices[1], rtol=1e-10)
    np.testing.assert_allclose(between(matrices[0], matrices[1], 0.0, "riemann"), matrices[0], rtol=1e-10)


@pytest.mark.parametrize("link", [SOFTMAX, ONE_AGAINST_REST])
@pytest.mark.parametrize("stiffness", [0.5, 10.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_the_proximal_step_lowers_what_it_says_it_lowers(link, stiffness, size):
    rng = np.random.default_rng(1)
    points, weights, bias = (
        size * rng.standard_normal((4, 9)),
        rng.standard_normal((3, 9)) / size,
        rng.standard_normal(3),
    )
    scale = (points**2).sum(axis=1).mean()

    def objective(flat: np.ndarray) -> float:
        w, b = flat[:27].reshape(3, 9) / np.sqrt(scale), flat[27:]
        scores = points @ w.T + b
        if link == SOFTMAX:
            loss = np.log(np.exp(scores).sum(axis=1)) - scores[:, 2]
        else:
            loss = np.logaddexp(0.0, scores).sum(axis=1) - scores[:, 2]
        apart = ((w - weights) ** 2).sum() * scale + ((b - bias) ** 2).sum()
        return float(loss.mean() + 0.125 * stiffness * apart)

    new_weights, new_bias = proximal_step(points, 2, weights, bias, link, stiffness)
    at = np.concatenate([(new_weights * np.sqrt(scale)).ravel(), new_bias])
    begin = np.concatenate([(weights * np.sqrt(scale)).ravel(), bias])
    least = minimize(objective, begin, method="BFGS", options={"gtol": 1e-10}).fun
    assert objective(at) < objective(begin)
    # twenty steps leave little of the way when the weights are held, and some when they are nearly free
    assert (objective(at) - least) / (objective(begin) - least) < (1e-6 if stiffness > 1 else 0.05)


def test_a_trial_raises_its_own_class():
    decoder = Tangent().fit(*calibration(24, 3))
    new = trial(2, 0.7, 9, 3)
    starts = np.arange(PER_TRIAL, dtype=np.int64)
    before = decoder.predict_many(new, starts)
    decoder.adapt(new, 2)
    assert (decoder.predict_many(new, starts)[:, 2] > before[:, 2]).all()


@pytest.mark.parametrize("name", MAKES)
def test_flat_windows_and_trials_without_windows_teach_nothing(name):
    decoder = MAKES[name]().fit(*calibration())
    kept = {key: np.array(value) for key, value in decoder.arrays().items()}
    decoder.adapt(np.zeros((3, N_CHANNELS, N_SAMPLES), np.float32), 0)
    decoder.adapt(np.zeros((0, N_CHANNELS, N_SAMPLES), np.float32), 0)
    assert all(np.array_equal(np.asarray(decoder.arrays()[key]), kept[key]) for key in kept)
    good = trial(0, 0.5, 3)
    other = MAKES[name]().fit(*calibration())
    decoder.adapt(np.concatenate([good, 0.0 * good]), 0)
    other.adapt(good, 0)
    for key, value in other.arrays().items():
        np.testing.assert_array_equal(np.asarray(decoder.arrays()[key]), np.asarray(value))


@pytest.mark.parametrize("name", MAKES)
def test_data_without_full_rank(name):
    windows, labels = calibration()
    windows -= windows.mean(axis=1, keepdims=True)
    decoder = MAKES[name]().fit(windows, labels)
    assert decoder.arrays()["basis"].shape == (5, 6)
    for i in range(20):
        new = trial(i % 2, 0.02 * i, 500 + i)
        decoder.adapt(new - new.mean(axis=1, keepdims=True), i % 2)
    tests = [trial(i % 2, 0.4, 900 + i) for i in range(20)]
    said = [decoder.predict_many(t - t.mean(axis=1, keepdims=True), np.zeros(PER_TRIAL, np.int64)) for t in tests]
    assert np.isfinite(said).all()
    assert np.mean([(s.argmax(axis=1) == i % 2).mean() for i, s in enumerate(said)]) > 0.75


@pytest.mark.parametrize("name", ["mdm", "tangent"])
def test_what_cannot_be_learnt_is_refused(name):
    with pytest.raises(DecoderError, match="neither fitted nor restored"):
        MAKES[name]().adapt(trial(0, 0.0, 0), 0)
    decoder = MAKES[name]().fit(*calibration())
    for label in (-1, 2):
        with pytest.raises(DecoderError, match=f"a trial of class {label}; the decoder knows 0 to 1"):
            decoder.adapt(trial(0, 0.0, 0), label)
    with pytest.raises(DecoderError, match="fitted on 6 channels and 150 samples"):
        decoder.adapt(trial(0, 0.0, 0)[:, :, :100], 0)
    assert not isinstance(FgMdm(), Adapts)


def test_arguments_are_refused_by_key_and_value():
    for make, beginning in (
        (partial(Mdm, counted="runs"), 'counted = "runs": '),
        (partial(Mdm, least_step=1.5), "least_step = 1.5: it must be a number, 0 or more, 1 at most"),
        (partial(Tangent, stiffness=0), "stiffness = 0: "),
        (partial(Tangent, classifier="tree"), 'classifier = "tree": '),
        (partial(Tangent, logarithm="log"), 'logarithm = "log": '),
    ):
        with pytest.raises(DecoderError) as raised:
            make()
        assert str(raised.value).startswith(beginning)
