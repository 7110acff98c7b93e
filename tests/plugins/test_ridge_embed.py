"""Ridge regression to embeddings: it finds what is linear, ranks what it was never trained on, and keeps its promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from rtbci.bank import Bank
from rtbci.calibration import Calibration, Places, Signal
from rtbci.errors import DecoderError
from rtbci.interfaces import Embeds, KnowsStream, Learns, Saves
from rtbci.testing import check_decoder
from rtbci.training_run import TrainingRun
from rtbci.types import Channel, StreamInfo, Window
from rtbci_vision.ridge import ALPHAS, Ridge
from rtbci_vision.ridge_embed import RidgeEmbed
from tests.bank.drawn import COLOURS, draw
from tests.cli.terminal import rtbci

INFO = StreamInfo("s", 100.0, tuple(Channel(f"C{k}") for k in range(6)))
N_TIMES, N_DIMS = 40, 8


@pytest.mark.parametrize("shape", [(8, 250, 2), (5, 101, 4), (3, 64, 3)])
def test_contract(shape):
    n_channels, n_samples, n_classes = shape
    report = check_decoder(RidgeEmbed, n_channels=n_channels, n_samples=n_samples, n_classes=n_classes, learns=False)
    assert 0.0 <= report.accuracy <= 1.0
    for ability in (Learns, KnowsStream, Saves, Embeds):
        assert isinstance(RidgeEmbed(), ability)


def test_its_weights_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((50, 80)), random.standard_normal((50, 4))
    x *= random.uniform(0.1, 10, 80)
    linear = Ridge(x, y).fit(30.0)
    theirs = SklearnRidge(alpha=30.0).fit((x - x.mean(axis=0)) / x.std(axis=0), y)
    np.testing.assert_allclose(linear.weights, theirs.coef_.T, atol=1e-10)
    new = random.standard_normal((7, 80))
    np.testing.assert_allclose(linear(new), theirs.predict((new - x.mean(axis=0)) / x.std(axis=0)), atol=1e-9)


def test_the_penalty_follows_the_noise():
    random = np.random.default_rng(1)
    x, mixing = random.standard_normal((400, 30)), random.standard_normal((30, 3))
    chosen = []
    for noise in (0.01, 30.0):
        y = x @ mixing + noise * random.standard_normal((400, 3))
        chosen.append(Ridge(x[:300], y[:300]).best(x[300:], y[300:]))
    assert chosen[0] == ALPHAS[0] and chosen[1] > 100 * chosen[0]


# ---------------------------------------------------------------------- with embeddings


def seen(path: Path, n_items: int, n_new: int, noise: float, seed: int = 0) -> tuple[Calibration, Calibration]:
    """Trials of items whose response is linear in their embedding: some to train on, and others of items never shown."""
    random = np.random.default_rng(seed)
    embeddings = random.standard_normal((n_items + n_new, N_DIMS))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    np.savez(
        path,
        labels=np.array([f"i{k}" for k in range(n_items + n_new)]),
        embeddings=embeddings.astype(np.float32),
        space_id="test:8",
    )
    patterns = np.random.default_rng(99).standard_normal((N_DIMS, len(INFO.channels), N_TIMES))
    patterns = patterns.repeat(4, axis=2)[:, :, 80:120]  # slow, as evoked responses are
    made = []
    for shown in (random.permutation(n_items), n_items + np.arange(n_new)):
        x = np.einsum("nd,dct->nct", embeddings[shown], patterns)
        made.append(of_trials(x + noise * random.standard_normal(x.shape), [f"i{k}" for k in shown]))
    return made[0], made[1]


def of_trials(windows: np.ndarray, markers: list[str], classes: tuple[str, ...] = ()) -> Calibration:
    """Each window a trial of its own; its class is its marker, unless two halves stand for all."""
    n = len(windows)
    rows = np.ascontiguousarray(windows.transpose(0, 2, 1), np.float32).reshape(-1, windows.shape[1])
    start = np.arange(n, dtype=np.int64) * windows.shape[2]
    names = tuple(dict.fromkeys(markers))
    half = len(names) // 2
    class_labels = tuple((name,) for name in classes) or (names[:half], names[half:])
    label = np.array([next(k for k, mine in enumerate(class_labels) if m in mine) for m in markers], np.int64)
    places = Places(np.zeros(n, np.int64), start, start, start, label, np.arange(n, dtype=np.int64))
    return Calibration(
        INFO,
        INFO,
        classes or ("first", "second"),
        class_labels,
        (Signal(rows, "x"),),
        places,
        windows.shape[2],
        tuple(markers),
        np.stack([np.zeros(n), start / INFO.rate], axis=1),
        locked=True,
    )


def rank_of_own(decoder: RidgeEmbed, test: Calibration, path: Path) -> np.ndarray:
    """Rank, from 1, of the true one of the items of ``test`` by the cosine with what is decoded."""
    with np.load(path) as file:
        number = {str(label): k for k, label in enumerate(file["labels"])}
        candidates = file["embeddings"][[number[m] for m in test.markers]]
    z = np.stack([decoder.embed(Window(w, 0, N_TIMES - 1, 0.0, 0.0)) for w in test.windows])
    scores = z @ candidates.T
    return (scores >= np.diag(scores)[:, None]).sum(axis=1)


def learnt(path: Path, train: Calibration, **more) -> tuple[RidgeEmbed, TrainingRun]:
    decoder, run = RidgeEmbed(targets=path, **more), TrainingRun()
    decoder.prepare(INFO, N_TIMES, len(train.classes))
    decoder.learn(train, run)
    return decoder, run


def test_items_it_was_never_trained_on_are_found_among_fifty(tmp_path):
    path = tmp_path / "shown.npz"
    train, test = seen(path, 300, 50, noise=1.0)
    decoder, run = learnt(path, train)
    assert decoder.space_id == "test:8"
    assert np.mean(rank_of_own(decoder, test, path) == 1) > 0.8
    assert any(note.startswith("alpha ") and "8 dimensions of test:8" in note for note in run.notes)
    order = np.random.default_rng(7).permutation(300)
    nothing, _ = learnt(path, replace(train, markers=tuple(train.markers[k] for k in order)))
    assert np.mean(rank_of_own(nothing, test, path) == 1) < 0.15  # chance is .02


def test_predictions_have_the_spread_of_embeddings_when_noise_would_shrink_them(tmp_path):
    path = tmp_path / "shown.npz"
    train, test = seen(path, 300, 50, noise=4.0)
    spreads = {}
    for restandardise in (True, False):
        decoder, _ = learnt(path, train, restandardise=restandardise)
        said = np.stack([decoder._said(w) for w in test.windows])
        spreads[restandardise] = said.std(axis=0).mean()
    truth = np.sqrt(1 / N_DIMS)
    assert spreads[True] == pytest.approx(truth, rel=0.25)
    assert spreads[False] < 0.8 * truth


def test_few_trials_are_enough_to_begin_and_it_says_what_is_missing(tmp_path):
    path = tmp_path / "shown.npz"
    train, _ = seen(path, 12, 2, noise=0.5)
    decoder, run = learnt(path, train, validation=0.0)
    assert any("its confidence is not calibrated" in note for note in run.notes)
    assert np.exp(decoder.predict(Window(train.windows[0], 0, N_TIMES - 1, 0.0, 0.0))).sum() == pytest.approx(1.0)


# ---------------------------------------------------------------------- with a bank


def of_bank(bank: Bank, noise: float, seed: int = 3) -> Calibration:
    """Trials of three classes of a bank's pictures, whose markers say the class alone, as in N170 recordings."""
    random = np.random.default_rng(seed)
    order = random.permutation(np.repeat(np.arange(3), 40))
    patterns = np.random.default_rng(98).standard_normal((3, len(INFO.channels), 1)).repeat(N_TIMES, axis=2)
    x = np.stack([np.einsum("d,dct->ct", bank.centre(bank.classes[k]).astype(float), patterns) for k in order])
    x += noise * random.standard_normal(x.shape)
    return of_trials(x, [bank.classes[k] for k in order], bank.classes)


def test_classes_of_a_bank_are_what_markers_of_classes_mean(pictures: Path, make_bank: Callable[..., Path]) -> None:
    """The mean direction of a class's pictures is the target, and pictures of the right class are nearest."""
    bank = Bank.open(make_bank(pictures))
    data = of_bank(bank, 0.5)
    decoder, _ = learnt(bank.path, data)
    assert decoder.space_id == bank.space_id
    said = np.array([decoder.predict(Window(w, 0, N_TIMES - 1, 0.0, 0.0)).argmax() for w in data.windows])
    assert np.mean(said == data.labels) > 0.95
    z = decoder.embed(Window(data.windows[0], 0, N_TIMES - 1, 0.0, 0.0))
    nearest = int((bank.embeddings.astype(np.float32) @ z).argmax())
    assert bank.items[nearest].category == data.markers[0]


def test_confidence_follows_what_held_out_trials_say(pictures, make_bank):
    bank = Bank.open(make_bank(pictures))
    scales, sure = [], []
    for noise in (0.5, 30.0):
        decoder, _ = learnt(bank.path, of_bank(bank, noise))
        scales.append(decoder.logit_scale)
        new = of_bank(bank, noise, seed=4)
        said = [decoder.predict(Window(w, 0, N_TIMES - 1, 0.0, 0.0)).max() for w in new.windows]
        sure.append(float(np.exp(said).mean()))
    assert scales[0] > 5 * scales[1]
    assert sure[0] > 0.8 and sure[1] < 0.5


def test_a_bank_without_what_was_shown_is_refused(tmp_path, pictures, make_bank):
    path = make_bank(pictures)
    data = of_trials(np.zeros((4, 6, N_TIMES)) + np.arange(4)[:, None, None], ["cats", "dogs", "cats", "dogs"])
    decoder = RidgeEmbed(targets=path)
    with pytest.raises(DecoderError, match='has no embedding for class "first"'):
        decoder.learn(data, TrainingRun())


@pytest.mark.parametrize("reader", ["nowhere.bank", "folder"])
def test_a_bank_that_is_none_is_refused_in_one_line(tmp_path, reader):
    (tmp_path / "folder").mkdir()
    train, _ = seen(tmp_path / "x.npz", 12, 2, noise=0.5)
    with pytest.raises(DecoderError, match=rf"targets = .*{reader}") as raised:
        learnt(tmp_path / reader, train)
    assert "\n" not in str(raised.value)


# ---------------------------------------------------------------------- arguments and arrays


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"dims": 1}, "dims = 1; 2 or more"),
        ({"bin": 0.0}, "bin = 0; seconds above 0"),
        ({"alpha": -1.0}, "alpha = -1; a number above 0"),
        ({"validation": 1.0}, "validation = 1; from 0 to below 1"),
    ],
)
def test_wrong_arguments_are_told(more, message):
    with pytest.raises(DecoderError, match=message):
        RidgeEmbed(**more)


def test_arrays_of_another_are_refused_and_windows_of_another_shape_too(tmp_path):
    path = tmp_path / "shown.npz"
    decoder, _ = learnt(path, seen(path, 40, 2, noise=0.5)[0])
    arrays = {name: np.array(value) for name, value in decoder.arrays().items()}
    for change, message in (
        ({"weights": arrays["weights"][:-1]}, "mean, spread are of another shape"),
        ({"offset": arrays["offset"] * np.nan}, "offset"),
        ({"other": arrays["offset"]}, "other"),
    ):
        with pytest.raises(DecoderError, match=message):
            RidgeEmbed().restore({**arrays, **change})
    copy = RidgeEmbed()
    copy.restore(arrays)
    with pytest.raises(
        DecoderError, match="windows of 5 channels and 40 samples, 2 classes; it was trained on 6, 40 and 2"
    ):
        copy.prepare(StreamInfo("s", 100.0, INFO.channels[:5]), N_TIMES, 2)
    copy.prepare(INFO, N_TIMES, 2)
    with pytest.raises(DecoderError, match=r"a window of shape \(6, 39\)"):
        copy.predict(Window(np.zeros((6, 39), np.float32), 0, 38, 0.0, 0.0))


def test_pictures_that_are_drawn_become_a_bank_and_a_model_by_commands_alone(tmp_path, pictures):
    """`rtbci bank build`, `train` and `replay`: the bundled recording's classes stand for two classes of pictures."""
    from rtbci import bundled

    for name, colour in (("fists", COLOURS["reds"]), ("feet", COLOURS["blues"])):
        for k in range(4):
            draw(tmp_path / "shown" / name / f"{k}.png", colour, k)
    built = rtbci("bank", "build", tmp_path / "shown", "--out", tmp_path / "shown.bank", "--set", "dims=4", "--json")
    assert built.code == 0, built.out
    path = tmp_path / "experiment.toml"
    path.write_text(
        'name = "seen"\n[source]\nuse = "lsl"\n[classes]\nfists = ["T1"]\nfeet = ["T2"]\n[trial]\nstart = 0.5\nstop = 3.5\n'
        '[[decoder]]\nname = "seen"\nuse = "ridge-embed"\nlock = "marker"\nwindow = 1.0\noffset = 0.0\n'
        'targets = "shown.bank"\ntransforms = [{ use = "band-pass", low = 0.5, high = 20.0 }]\n'
    )
    trained = rtbci("train", path, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci", "--json")
    assert trained.code == 0, trained.out
    assert any(built.json["space"] in note for note in trained.json["notes"])
    said = rtbci("replay", path, "--model", tmp_path / "m.rtbci", "--recording", bundled.calibration(), "--json")
    assert said.code == 0, said.out
    assert said.json["decoders"]["seen"]["windows"]["decoded"] > 20
