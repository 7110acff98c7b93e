"""Whose recordings a network is trained on: strangers among known persons, nobody known, another cap, other things seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rtbci.calibration import Calibration
from rtbci.errors import DecoderError
from rtbci.training_run import TrainingRun
from rtbci.types import Channel
from rtbci_deep.classifiers import SimpleConv1d
from rtbci_deep.embedders import Atm, MegConvolution, Nice
from rtbci_deep.losses import mixed, of_subjects
from rtbci_deep.positions import positions_of
from tests.plugins.deep import simulated

SMALL_MEG = {"epochs": 2, "dims": 8, "hidden": 16, "n_blocks": 1, "width": 32, "n_virtual": 12}


def learnt(decoder, data: Calibration, run: TrainingRun | None = None):
    decoder.prepare(data.info, data.n_samples, len(data.classes))
    decoder.learn(data, run or TrainingRun())
    return decoder


def with_cap(data: Calibration, names: str) -> Calibration:
    """``data`` as recorded with the electrodes ``names``."""
    info = replace(data.info, channels=tuple(Channel(name) for name in names.split()))
    return replace(data, info=info, picked=info)


def test_a_recording_of_nobody_known_may_stand_beside_those_of_known_persons():
    """The subject head tells known persons apart; a stranger is none of them, and still teaches the classes."""
    data = simulated.calibration(10, subjects=("ann", "bob", ""))
    arrays = learnt(SimpleConv1d(epochs=2, fm=8), data).arrays()
    assert arrays["local/network.subject_head.weight"].shape[0] == 2


def test_strangers_say_nothing_about_who_is_who():
    torch.manual_seed(0)
    scores, who = torch.randn(5, 2), torch.tensor([0, 1, 2, 1, 2])  # 2: a stranger
    other, known = who.flip(0), torch.tensor([0, 1, 3])
    want = torch.nn.functional.cross_entropy(scores[known], who[known])
    assert torch.isclose(of_subjects(scores, who, other, 1.0), want)
    want = 0.25 * want + 0.75 * torch.nn.functional.cross_entropy(scores[[1, 3, 4]], other[[1, 3, 4]])
    assert torch.isclose(of_subjects(scores, who, other, 0.25), want)
    assert of_subjects(scores, torch.full((5,), 2), other, 1.0) == 0.0  # and no NaN where all are
    everybody = torch.tensor([0, 1, 1, 0, 1])
    assert torch.isclose(of_subjects(scores, everybody, who, 1.0), mixed(scores, everybody, who, 1.0, None))


def test_another_cap_of_as_many_channels_has_its_own_positions():
    """Front and back: what was learnt of a person comes along, where the sensors were does not."""
    front, back = "Fp1 Fp2 F3 F4", "P3 P4 O1 O2"
    some = learnt(MegConvolution(**SMALL_MEG), with_cap(simulated.calibration(12, subjects=("ann",)), front)).arrays()
    new = with_cap(simulated.calibration(12, subjects=("eve",), seed=3), back)
    for train in ("all", "local"):
        other = learnt(MegConvolution(**SMALL_MEG), new, TrainingRun(begin=some, train=train)).arrays()
        np.testing.assert_array_equal(other["local/network.merger.positions"], positions_of(new.info))
        np.testing.assert_array_equal(other["meta/positions"], positions_of(new.info))
    assert np.abs(positions_of(new.info) - some["local/network.merger.positions"]).max() > 0.1


def test_an_input_block_of_persons_alone_cannot_be_trained_on_nobody():
    """Before, all epochs were trained and nothing was learnt."""
    some = learnt(MegConvolution(**SMALL_MEG), simulated.calibration(12, subjects=("ann",))).arrays()
    with pytest.raises(DecoderError) as refused:
        learnt(MegConvolution(**SMALL_MEG), simulated.calibration(12), TrainingRun(begin=some, train="local"))
    assert "no recording says whose it is" in str(refused.value) and "\n" not in str(refused.value)
    new = learnt(
        MegConvolution(**SMALL_MEG),
        simulated.calibration(12, subjects=("eve",)),
        TrainingRun(begin=some, train="local"),
    ).arrays()
    name = "local/network.subjects.known"
    assert np.abs(new[name] - some[name]).max() > 1e-6
    # where there is more than persons, such as filters of the cap, that is trained
    some = learnt(Atm(epochs=1, dims=8), simulated.calibration(12, subjects=("ann",))).arrays()
    run = TrainingRun(begin=some, train="local")
    new = learnt(Atm(epochs=1, dims=8), simulated.calibration(12), run).arrays()
    name = "local/network.encoder.spatial.weight"
    assert np.abs(new[name] - some[name]).max() > 1e-6


def test_class_directions_do_not_depend_on_the_seed():
    """A round of several sites has a seed of its own, and a network that goes on at a new person's may have another one."""
    data = simulated.calibration(10)
    one, other = (learnt(Nice(epochs=1, dims=8, seed=seed), data).arrays() for seed in (1, 2))
    np.testing.assert_array_equal(one["meta/classes"], other["meta/classes"])
    name = "shared/network.encoder.temporal.weight"
    assert not np.array_equal(one[name], other[name])


def test_an_input_block_is_not_trained_towards_a_space_that_the_rest_does_not_know(tmp_path):
    data, embeddings = simulated.evoked(40)
    for space in ("a", "b"):
        labels = np.array([f"item {k}" for k in range(40)])
        np.savez(tmp_path / f"{space}.npz", labels=labels, embeddings=embeddings, space_id=np.array(f"test:{space}"))
    some = learnt(Nice(epochs=1, targets=tmp_path / "a.npz"), data).arrays()
    run = TrainingRun(begin=some, train="local")
    with pytest.raises(DecoderError, match=r'has learnt space "test:a", the targets are of "test:b".*--train all'):
        learnt(Nice(epochs=1, targets=tmp_path / "b.npz"), data, run)
    learnt(Nice(epochs=1, targets=tmp_path / "a.npz"), data, run)
    learnt(Nice(epochs=1, targets=tmp_path / "b.npz"), data, TrainingRun(begin=some))  # all of it: it may learn another
