"""Embedding networks: they meet the embeddings of what was shown, also of things they have not seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rtbci.bank.targets import load
from rtbci.errors import DecoderError
from rtbci.interfaces import Embeds
from rtbci.training_run import TrainingRun
from rtbci.types import Window
from rtbci_deep.embedders import Atm, MegConvolution, Nice
from tests.plugins.deep import simulated

SMALL_MEG = {"hidden": 32, "n_blocks": 1, "width": 64, "n_virtual": 16}


def targets(path, labels, embeddings, space="test:space"):
    np.savez(path, labels=np.array(labels), embeddings=embeddings, space_id=np.array(space))
    return path


def learnt(decoder, data, run=None):
    decoder.prepare(data.info, data.n_samples, len(data.classes))
    decoder.learn(data, run or TrainingRun())
    return decoder


def window(data, k) -> Window:
    return Window(data.cut([k])[0], 0, 0, 0.0, 0.0)


def top1(decoder, data, embeddings) -> float:
    """How often the item that was shown is nearest of all."""
    y = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    z = np.stack([decoder.embed(window(data, k)) for k in range(len(data))])
    return float(np.mean((z @ y.T).argmax(axis=1) == np.arange(len(data))))


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: Nice(learning_rate=2e-3, epochs=60, batch=64, **k),
        lambda **k: Atm(learning_rate=2e-3, epochs=50, **k),
        lambda **k: MegConvolution(learning_rate=2e-3, epochs=50, patience=50, similarity_scale=5.0, **SMALL_MEG, **k),
    ],
    ids=["nice", "atm", "meg-conv"],
)
def test_items_that_were_never_seen_are_found_by_their_embedding(tmp_path, make):
    data, embeddings = simulated.evoked(400, noise=0.5)
    path = targets(tmp_path / "t.npz", [f"item {k}" for k in range(400)], embeddings)
    decoder = learnt(make(targets=path), data)
    new, theirs = simulated.evoked(50, seed=9, noise=0.5)
    found = top1(decoder, new, theirs)
    assert found > 0.3  # of 50: chance is .02
    assert isinstance(decoder, Embeds) and decoder.space_id == "test:space"


def test_classes_are_the_mean_directions_of_their_items(tmp_path):
    data, embeddings = simulated.evoked(40)
    path = targets(tmp_path / "t.npz", [f"item {k}" for k in range(40)], embeddings)
    decoder = learnt(Nice(targets=path, epochs=2), data)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    wanted = np.stack([unit[odd::2].mean(axis=0) for odd in (0, 1)])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(decoder.arrays()["meta/classes"], wanted, atol=1e-6)
    # log-probabilities are those of the similarities, sharpened by the scale that is told
    z = decoder.embed(window(data, 3)).astype(np.float64)
    logits = decoder.logit_scale * (wanted @ z)
    said = decoder.predict(window(data, 3))
    assert np.allclose(said, logits - np.log(np.exp(logits).sum()), atol=1e-5)


def test_without_embeddings_each_class_is_a_direction_of_its_own():
    of_class = np.tile(np.random.default_rng(3).standard_normal((2, 8)).astype(np.float32), (40, 1))
    data, _ = simulated.evoked(80, embeddings=of_class)
    decoder = learnt(Nice(epochs=60, learning_rate=5e-3, dims=16, batch=64), data)
    kept = decoder.arrays()["meta/classes"]
    assert kept.shape == (2, 16) and np.allclose(kept @ kept.T, np.eye(2), atol=1e-5)
    assert decoder.space_id == "rtbci:classes"
    new, _ = simulated.evoked(80, seed=5, embeddings=of_class)
    right = [decoder.predict(window(new, k)).argmax() == new.labels[k] for k in range(len(new))]
    assert np.mean(right) > 0.8


def test_what_is_needed_to_compare_is_kept_with_the_weights(tmp_path):
    data, embeddings = simulated.evoked(40)
    path = targets(tmp_path / "t.npz", [f"item {k}" for k in range(40)], embeddings)
    decoder = learnt(Atm(targets=path, epochs=2), data)
    arrays = decoder.arrays()
    assert arrays["meta/similarity_scale"] == pytest.approx(np.log(1 / 0.07))  # raw, not its exponential
    assert arrays["meta/normalise"].tolist() == [False, True]
    again = Atm()
    again.restore(arrays)  # without the file of embeddings
    again.prepare(data.info, data.n_samples, 2)
    assert again.space_id == "test:space"
    assert again.logit_scale == decoder.logit_scale
    for k in (0, 7):
        assert again.predict(window(data, k)).tobytes() == decoder.predict(window(data, k)).tobytes()
        assert again.embed(window(data, k)).tobytes() == decoder.embed(window(data, k)).tobytes()


def test_a_person_who_was_trained_on_has_a_token_and_others_are_strangers(tmp_path):
    from dataclasses import replace

    data, embeddings = simulated.evoked(60)
    other, _ = simulated.evoked(60, seed=4)
    signals = tuple(replace(c.signals[0], subject=name) for c, name in ((data, "ann"), (other, "bob")))
    places = [np.concatenate([getattr(data.places, f), getattr(other.places, f)]) for f in type(data.places).__slots__]
    places[0] = np.repeat([0, 1], 60)
    places[5] = np.arange(120)
    both = replace(
        data,
        signals=signals,
        places=type(data.places)(*places),
        markers=data.markers * 2,
        moments=np.concatenate([data.moments, other.moments + np.array([1.0, 0.0])]),
    )
    path = targets(tmp_path / "t.npz", [f"item {k}" for k in range(60)], embeddings)
    decoder = Atm(targets=path, epochs=3)
    decoder.prepare(both.info, both.n_samples, 2)
    decoder.learn(both, TrainingRun())
    said = {}
    for name in ("ann", "bob", "eve", ""):
        decoder.prepare(simulated.info(6, subject=name), 100, 2)
        said[name] = decoder.predict(window(both, 0)).tobytes()
        stranger = name not in ("ann", "bob")
        assert any("stranger" in note for note in decoder.notes) == stranger
    assert said["ann"] != said["bob"] != said["eve"]
    assert said["eve"] == said[""]


def test_a_bad_channel_does_not_matter_to_meg_conv():
    data = simulated.calibration(20, window=100)
    decoder = learnt(MegConvolution(epochs=2, dims=8, **SMALL_MEG), data)
    samples = data.cut([0])[0]
    noisy = samples.copy()
    noisy[1] = 1e5
    marked = [Window(x, 0, 0, 0.0, 0.0, bads=("C2",)) for x in (samples, noisy)]
    first, second = (decoder.predict(one) for one in marked)
    assert np.allclose(first, second, atol=1e-6)
    assert not np.allclose(decoder.predict(Window(noisy, 0, 0, 0.0, 0.0)), first, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.update(labels=a["labels"][:-1]), "has labels of shape"),
        (lambda a: a.update(embeddings=a["embeddings"] * np.nan), "not finite"),
        (lambda a: a.update(labels=np.array(["a"] * 4)), 'has label "a" twice'),
        (lambda a: a.pop("space_id"), "is something else"),
    ],
)
def test_files_of_embeddings_that_cannot_be_are_refused_in_one_line(tmp_path, change, says):
    arrays = {
        "labels": np.array(list("abcd")),
        "embeddings": np.eye(4, dtype=np.float32),
        "space_id": np.array("x"),
    }
    change(arrays)
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(DecoderError) as refused:
        load(tmp_path / "t.npz", "targets")
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_no_file_no_archive_and_pickle_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "pickle.npz", labels=np.array(["a", None], object), embeddings=np.eye(2), space_id="x")
    for name in ("missing.npz", "text.npz", "pickle.npz"):
        with pytest.raises(DecoderError) as refused:
            load(tmp_path / name, "targets = t.npz")
        assert str(refused.value).startswith("targets = t.npz: ") and "\n" not in str(refused.value)
        assert "would be right" in str(refused.value)


def test_a_marker_without_an_embedding_is_named(tmp_path):
    data, embeddings = simulated.evoked(20)
    path = targets(tmp_path / "t.npz", [f"item {k}" for k in range(19)], embeddings[:19])
    with pytest.raises(DecoderError, match=r'has no embedding for marker "item 19"; it has 19: item 0, item 1'):
        learnt(Nice(targets=path, epochs=1), data)


def test_published_weights_are_where_training_begins_and_what_fitted_is_told(tmp_path):
    """A pair of files with NICE's names, for 63 channels: the spatial filters do not fit 6, all else does."""
    torch.manual_seed(3)

    def norm(name: str) -> dict[str, torch.Tensor]:
        values = (torch.rand(40), torch.rand(40), torch.rand(40), torch.rand(40) + 0.5)
        return dict(
            zip((f"{name}.{k}" for k in ("weight", "bias", "running_mean", "running_var")), values, strict=True)
        )

    encoder = {
        "0.tsconv.0.weight": torch.randn(40, 1, 1, 25),
        "0.tsconv.0.bias": torch.randn(40),
        **norm("0.tsconv.2"),
        "0.tsconv.4.weight": torch.randn(40, 40, 63, 1),
        "0.tsconv.4.bias": torch.randn(40),
        **norm("0.tsconv.5"),
        "0.projection.0.weight": torch.randn(40, 40, 1, 1),
        "0.projection.0.bias": torch.randn(40),
    }
    projection = {
        "0.weight": torch.randn(16, 240),
        "0.bias": torch.randn(16),
        "1.fn.1.weight": torch.randn(16, 16),
        "1.fn.1.bias": torch.randn(16),
        "2.weight": torch.randn(16),
        "2.bias": torch.randn(16),
    }
    torch.save(encoder, tmp_path / "Enc_eeg_cls.pth")
    torch.save(projection, tmp_path / "Proj_eeg_cls.pth")
    data, _ = simulated.evoked(20)
    run = TrainingRun()
    decoder = learnt(Nice(epochs=1, learning_rate=1e-12, dims=16, pretrained=tmp_path), data, run)
    told = next(note for note in run.notes if "tensors copied" in note)
    assert "wrong shape, left as it was: encoder.spatial.weight is (40, 40, 6, 1)" in told
    assert "(0.tsconv.4.weight) (40, 40, 63, 1)" in told
    arrays = decoder.arrays()
    assert np.allclose(
        arrays["shared/network.encoder.temporal.weight"], encoder["0.tsconv.0.weight"].numpy(), atol=1e-6
    )
    assert np.allclose(arrays["shared/network.projection.linear.weight"], projection["0.weight"].numpy(), atol=1e-6)


def test_a_folder_without_weights_is_refused(tmp_path):
    data, _ = simulated.evoked(20)
    with pytest.raises(DecoderError, match="a folder without a file of weights"):
        learnt(Nice(epochs=1, pretrained=tmp_path), data)
