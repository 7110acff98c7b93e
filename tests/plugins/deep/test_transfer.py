"""What is taken along: a network trained on some people goes to another by training its input block alone."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.errors import DecoderError
from rtbci.training_run import TrainingRun
from rtbci.types import Window
from rtbci_deep.classifiers import EegNet, Shallow, SimpleConv1d
from rtbci_deep.embedders import Atm
from tests.plugins.deep import simulated

SMALL = {"epochs": 20, "learning_rate": 3e-3}


def learnt(decoder, data, run=None):
    decoder.prepare(data.info, data.n_samples, len(data.classes))
    decoder.learn(data, run or TrainingRun())
    return decoder


def accuracy(decoder, data) -> float:
    said = [decoder.predict(Window(data.cut([k])[0], 0, 0, 0.0, 0.0)).argmax() for k in range(len(data))]
    return float(np.mean(np.array(said) == data.labels))


@pytest.fixture(scope="module")
def people():
    """A network of two people, four channels."""
    return learnt(EegNet(**SMALL), simulated.calibration(30, subjects=("ann", "bob"))).arrays()


def test_only_the_input_block_changes_when_only_it_is_trained(people):
    new = simulated.calibration(12, seed=40)
    decoder = learnt(EegNet(**SMALL), new, TrainingRun(begin=people, train="local"))
    arrays = decoder.arrays()
    shared = [name for name in arrays if name.startswith("shared/")]
    assert len(shared) > 5
    assert all(arrays[name].tobytes() == people[name].tobytes() for name in shared)  # batch norms' statistics, too
    assert arrays["local/network.spatial.weight"].tobytes() != people["local/network.spatial.weight"].tobytes()


def test_another_montage_begins_with_an_input_block_of_its_own_and_learns(people):
    new = simulated.calibration(24, seed=40, n_channels=6)
    run = TrainingRun(begin=people, train="local")
    decoder = learnt(EegNet(epochs=40, learning_rate=1e-2), new, run)
    assert any("network.spatial.weight" in note and "began anew" in note for note in run.notes)
    arrays = decoder.arrays()
    assert all(a.tobytes() == people[n].tobytes() for n, a in arrays.items() if n.startswith("shared/"))
    assert accuracy(decoder, simulated.calibration(16, seed=90, n_channels=6)) > 0.85


def test_all_of_it_may_be_trained_from_there(people):
    new = simulated.calibration(12, seed=40)
    arrays = learnt(EegNet(epochs=1), new, TrainingRun(begin=people)).arrays()
    assert any(a.tobytes() != people[n].tobytes() for n, a in arrays.items() if n.startswith("shared/"))
    # it did begin there: one epoch away from it is nearer than one away from a network of its own
    own = learnt(EegNet(epochs=1), new).arrays()
    name = "shared/network.temporal.weight"
    assert np.linalg.norm(arrays[name] - people[name]) < 0.2 * np.linalg.norm(own[name] - people[name])


def test_a_network_of_another_window_or_kind_cannot_lend_its_shared_part(people):
    with pytest.raises(DecoderError) as refused:
        learnt(EegNet(epochs=1), simulated.calibration(12, window=200), TrainingRun(begin=people, train="local"))
    assert "network.classifier.weight is" in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(DecoderError, match="shares nothing with this network"):
        learnt(SimpleConv1d(epochs=1), simulated.calibration(12), TrainingRun(begin={"shared/other": np.zeros(3)}))


def test_new_people_leave_the_strangers_token_as_it_is():
    some = learnt(Atm(epochs=2, dims=8), simulated.calibration(12, subjects=("ann", "bob"))).arrays()
    run = TrainingRun(begin=some, train="local")
    other = learnt(Atm(epochs=2, dims=8), simulated.calibration(12, subjects=("eve",)), run).arrays()
    assert other["local/network.subjects.known"].shape[0] == 1
    name = "shared/network.subjects.stranger"
    assert other[name].tobytes() == some[name].tobytes()


@pytest.mark.parametrize("make", [EegNet, Shallow, SimpleConv1d, lambda **k: Atm(dims=8, **k)])
def test_every_array_is_local_shared_or_about_the_model(make):
    arrays = learnt(make(epochs=1), simulated.calibration(10, subjects=("ann", "bob"))).arrays()
    kinds = {name.partition("/")[0] for name in arrays}
    assert kinds == {"local", "shared", "meta"}
    montage = learnt(make(epochs=1), simulated.calibration(10, n_channels=7)).arrays()
    shared = {name for name in arrays if name.startswith("shared/")}
    assert {n: arrays[n].shape for n in shared} == {n: montage[n].shape for n in shared}
