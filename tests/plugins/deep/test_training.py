"""Training of networks: the same seed gives the same network, what is held out is the future, an interrupted one goes on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rtbci.calibration import Calibration
from rtbci.confidence import log_softmax, temperature
from rtbci.errors import DecoderError, DeviceLost
from rtbci.held_out import chronological
from rtbci.training_run import TrainingRun
from rtbci.types import Window
from rtbci_deep import trainer
from rtbci_deep.classifiers import EegNet, Fnn, Shallow, SimpleConv1d
from rtbci_deep.losses import contrast, mixed
from rtbci_deep.material import Batch, Material, Ranks
from rtbci_deep.objectives import FACTORS, Classes, Embeddings, Similarity
from rtbci_deep.ranks import backend_for
from rtbci_deep.settings import Settings
from rtbci_deep.trainer import learning_rate
from rtbci_deep.whole import scaling
from tests.plugins.deep import simulated

CPU = torch.device("cpu")


def learnt(decoder, data: Calibration, run: TrainingRun | None = None):
    decoder.prepare(data.info, data.n_samples, len(data.classes))
    decoder.learn(data, run or TrainingRun())
    return decoder


def accuracy(decoder, data: Calibration) -> float:
    said = [decoder.predict(Window(data.cut([k])[0], 0, 0, 0.0, 0.0)).argmax() for k in range(len(data))]
    return float(np.mean(np.array(said) == data.labels))


def same(a, b) -> bool:
    one, two = a.arrays(), b.arrays()
    return one.keys() == two.keys() and all(one[k].tobytes() == two[k].tobytes() for k in one)


# ---------------------------------------------------------------------- what is learnt


@pytest.mark.parametrize(
    ("make", "epochs"), [(EegNet, 25), (Shallow, 25), (SimpleConv1d, 15), (lambda **k: Fnn(taps=[16, 16], **k), 40)]
)
def test_networks_learn_what_can_be_learnt(make, epochs):
    data = simulated.calibration()
    decoder = learnt(make(epochs=epochs, learning_rate=3e-3), data)
    assert accuracy(decoder, simulated.calibration(20, seed=100)) > 0.9


def test_the_same_seed_gives_the_same_network_and_another_one_another():
    data = simulated.calibration(20)
    first, again = learnt(EegNet(epochs=3), data), learnt(EegNet(epochs=3), data)
    assert same(first, again)
    assert not same(first, learnt(EegNet(epochs=3, seed=1), data))


def test_training_leaves_the_random_state_of_the_process_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    learnt(EegNet(epochs=2, mixup=True), simulated.calibration(10))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_loss_that_explodes_is_told_with_what_would_help(monkeypatch):
    usual = Classes.loss
    monkeypatch.setattr(Classes, "loss", lambda self, network, batch: usual(self, network, batch) * 1e30 * 1e30)
    with pytest.raises(
        DecoderError, match=r"the loss is inf after epoch 1; a lower learning_rate \(now 0.001\) or clip"
    ):
        learnt(EegNet(epochs=3), simulated.calibration(10))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            r"a smaller batch \(now 64\), or device",
        ),
        (DeviceLost("cuda:0 is gone (CUDA error: unspecified launch failure)"), "goes on from its checkpoint"),
    ],
)
def test_a_gpu_that_is_full_or_gone_in_training_is_told_with_what_would_help(monkeypatch, error, says):
    def loss(self, network, batch):
        raise error

    monkeypatch.setattr(Classes, "loss", loss)
    with pytest.raises(DeviceLost, match=says) as lost:
        learnt(EegNet(epochs=3), simulated.calibration(10))
    assert "\n" not in str(lost.value)


# ---------------------------------------------------------------------- the held-out block


def test_the_last_trials_are_held_out_and_the_gap_before_them_is_purged():
    data = simulated.calibration(20)
    split = chronological(data, 0.2, every_class=True)
    assert sorted(set(data.trial[split.held_out])) == [16, 17, 18, 19]
    begin = data.places.start[split.held_out].min()
    assert (data.places.start[split.train] + 2 * data.n_samples <= begin).all()
    assert set(data.trial[split.train]) == set(range(16))  # trials stand 1 s apart: nothing else was lost


def test_every_subject_gives_its_own_last_trials():
    data = simulated.calibration(10, subjects=("a", "b"))
    split = chronological(data, 0.2, every_class=True)
    assert sorted(set(data.trial[split.held_out])) == [8, 9, 18, 19]


def test_more_is_held_out_where_a_class_would_be_missing():
    data = simulated.calibration(20)
    labels = np.where(data.trial >= 14, 0, data.labels)  # the last trials are of one class alone
    split = chronological(data.with_labels(labels), 0.1, every_class=True)
    assert set(labels[split.held_out]) == {0, 1}
    assert data.trial[split.held_out].min() == 13


def test_nothing_is_held_out_where_it_cannot_be():
    data = simulated.calibration(20)
    labels = (data.trial >= 10).astype(np.int64)  # first all of one class, then all of the other
    split = chronological(data.with_labels(labels), 0.2, every_class=True)
    assert len(split.held_out) == 0 and len(split.train) == len(data)
    assert split.problem == "20 trials are too few to hold some of every class out"


def test_windows_that_lie_near_the_block_are_purged():
    data = simulated.calibration(10, hop=10)
    close = data.places.start + 0
    split = chronological(data, 0.1, every_class=False)
    held = close[split.held_out].min()
    left_out = set(range(len(data))) - set(split.train) - set(split.held_out)
    assert all(close[k] + 2 * data.n_samples > held for k in left_out)


def test_early_stopping_keeps_the_weights_that_were_best_on_the_held_out_trials():
    data = simulated.calibration(30, gain=1.0)
    run = TrainingRun()
    decoder = learnt(EegNet(epochs=60, patience=8, learning_rate=5e-3), data, run)
    note = next(note for note in run.notes if note.startswith("best after epoch"))
    best, last = _numbers(note)
    assert last <= 60 and (last == 60 or last - best == 8)
    # the loss that is told is that of the weights that are kept
    split = chronological(data, 0.2, every_class=True)
    said = np.array([decoder._said(Window(data.cut([k])[0], 0, 0, 0.0, 0.0)) for k in split.held_out], np.float64)
    counts = np.bincount(data.labels[split.train], minlength=2)
    assert counts[0] == counts[1]  # so that no class weighs more
    losses = [-log_softmax(f * said)[np.arange(len(said)), data.labels[split.held_out]].mean() for f in FACTORS]
    assert f"held-out loss {min(losses):.3f}" in note


def _numbers(note: str) -> tuple[int, int]:
    words = note.split(":")[0].split()
    return int(words[3]), int(words[5])


def test_refit_trains_anew_on_everything_for_as_many_epochs_as_were_best():
    data = simulated.calibration(20)
    run = TrainingRun()
    decoder = learnt(EegNet(epochs=25, patience=2, learning_rate=5e-3, refit=True), data, run)
    once = learnt(EegNet(epochs=25, patience=2, learning_rate=5e-3), data)
    best = next(_numbers(note)[0] for note in run.notes if note.startswith("best after epoch"))
    assert f"trained anew on all trials for {best} epochs" in run.notes
    assert not same(decoder, once)
    # the confidence is that of the first training, whose trials were held out
    assert decoder.arrays()["meta/temperature"] == once.arrays()["meta/temperature"]


def test_held_out_trials_that_say_nothing_do_not_choose_an_epoch():
    """Labels that mean nothing: the held-out loss never falls below that of guessing, and no early epoch is kept for it."""
    data = simulated.calibration(30)
    shuffled = data.reassigned(np.random.default_rng(0).permutation(30))
    run, told = TrainingRun(), []
    run.say = told.append
    learnt(EegNet(epochs=12, patience=2), shuffled, run)
    assert any(
        "never told better than by guessing" in note and "all 12 epochs were trained" in note for note in run.notes
    )
    assert "no better than guessing so far" in told[-1]


# ---------------------------------------------------------------------- batches


def test_each_epoch_draws_other_windows_of_each_trial_within_it():
    data = simulated.calibration(10, hop=10)
    rows = np.arange(len(data))
    material = Material(data, rows, Settings(per_trial=3, batch=8), CPU, data.labels, {})
    first, second = (list(material.epoch(e)) for e in (0, 1))
    assert sum(len(b) for b in first) == 30 and [len(b) for b in first] == [8, 8, 8, 6]
    assert not torch.equal(first[0].x, second[0].x)
    again = list(material.epoch(0))
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    signal = data.signals[0].samples
    for batch in first:
        for x, row in zip(batch.x.numpy(), batch.row, strict=True):
            low, high = data.places.lowest[row], data.places.highest[row]
            assert any(np.array_equal(x, signal[s : s + 100].T) for s in range(low, high + 1))


def test_jitter_moves_windows_no_further_than_it_says():
    data, _ = simulated.evoked(30)
    rows = np.arange(len(data))
    signal = data.signals[0].samples
    for jitter, reach in ((None, 0), (0.05, 5)):
        material = Material(data, rows, Settings(jitter=jitter), CPU, data.labels, {})
        moved = []
        for batch in material.epoch(0):
            for x, row in zip(batch.x.numpy(), batch.row, strict=True):
                start = data.places.start[row]
                moved += [s for s in range(-60, 61) if np.array_equal(x, signal[start + s : start + s + 100].T)]
        assert len(moved) == 30 and max(map(abs, moved)) <= reach
        assert reach == 0 or len(set(moved)) > 5


def test_processes_share_every_batch_and_miss_no_window():
    data = simulated.calibration(10)
    material = Material(data, np.arange(len(data)), Settings(batch=16), CPU, data.labels, {})
    alone = list(material.epoch(3))
    shared = list(zip(material.epoch(3, Ranks(0, 2)), material.epoch(3, Ranks(1, 2)), strict=True))
    for whole, (a, b) in zip(alone, shared, strict=True):
        assert sorted([*a.row, *b.row]) == sorted(whole.row)
        assert torch.equal(whole.x[::2], a.x) and torch.equal(whole.x[1::2], b.x)


def test_repetitions_of_a_marker_are_averaged():
    data = simulated.calibration(12, hop=300, window=300)
    material = Material(data, np.arange(len(data)), Settings(average=100, batch=64), CPU, data.labels, {})
    batch = next(iter(material.epoch(0)))
    for x, label in zip(batch.x.numpy(), batch.label.numpy(), strict=True):
        mean = data.cut(np.flatnonzero(data.labels == label)).mean(axis=0)
        assert np.allclose(x, mean, atol=1e-4)


def test_class_weights_make_classes_count_alike():
    data = simulated.calibration(20)
    labels = np.where(data.trial < 15, 0, 1)
    material = Material(data.with_labels(labels), np.arange(len(data)), Settings(), CPU, labels, {})
    weights = material.class_weights(2).numpy()
    assert np.allclose(weights, [20 / 15 / 2, 20 / 5 / 2])


def test_scaling_is_that_of_the_training_windows_alone():
    data = simulated.calibration(10)
    rows = np.arange(20)
    centre, spread = scaling(data, rows, "zscore")
    windows = data.cut(rows).astype(np.float64)
    assert np.allclose(centre[:, 0], windows.mean(axis=(0, 2)), atol=1e-4)
    assert np.allclose(spread[:, 0], windows.std(axis=(0, 2)), rtol=1e-5)
    low, middle, high = np.percentile(windows.transpose(1, 0, 2).reshape(4, -1), (25, 50, 75), axis=1)
    centre, spread = scaling(data, rows, "robust")
    assert np.allclose(centre[:, 0], middle, atol=1e-4) and np.allclose(spread[:, 0], high - low, rtol=1e-5)


# ---------------------------------------------------------------------- losses and confidence


def test_contrast_is_the_published_loss_where_all_items_differ():
    torch.manual_seed(0)
    z, y = torch.randn(6, 5), torch.randn(6, 5)
    logits = 3.0 * z @ y.T
    diagonal = torch.arange(6)
    forward = torch.nn.functional.cross_entropy(logits, diagonal)
    backward = torch.nn.functional.cross_entropy(logits.T, diagonal)
    item = torch.tensor([9, 3, 4, 0, 7, 1])
    assert torch.isclose(contrast(z, y, item, scale=3.0, symmetric=True), (forward + backward) / 2)
    assert torch.isclose(contrast(z, y, item, scale=3.0, symmetric=False), forward)


def test_an_item_that_was_shown_twice_is_no_distractor_of_itself():
    z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    y = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    loss = contrast(z, y, torch.tensor([5, 5, 2]), scale=50.0, symmetric=False)
    assert loss < 1e-6  # the published loss would be log 2 for two of the three
    both = contrast(z, y, torch.tensor([5, 5, 2]), scale=50.0, symmetric=True)
    assert torch.isclose(both, torch.tensor(np.log(2) / 4, dtype=torch.float32), atol=1e-5)


def test_windows_of_rare_classes_weigh_more_in_the_contrast():
    torch.manual_seed(0)
    z, y, item = torch.randn(4, 3), torch.eye(3)[[0, 0, 0, 1]], torch.tensor([0, 0, 0, 1])
    each = torch.nn.functional.cross_entropy(2.0 * z @ torch.eye(3)[:2].T, item, reduction="none")
    weight = torch.tensor([0.5, 0.5, 0.5, 1.5])
    loss = contrast(z, y, item, scale=2.0, symmetric=False, weight=weight)
    assert torch.isclose(loss, (weight * each).sum() / weight.sum())
    assert torch.isclose(contrast(z, y, item, scale=2.0, symmetric=False), each.mean())


@pytest.mark.parametrize(("weights", "share"), [(None, 1 / 6), ([0.6, 3.0], 1 / 2)])
def test_without_a_signal_an_embedding_says_how_often_classes_come_or_nothing(weights, share):
    """One window in six is of the rare class; what is the same for all windows can only learn that."""
    said = torch.zeros(1, 2, requires_grad=True)
    label = torch.tensor([0, 0, 0, 0, 0, 1])
    batch = Batch(torch.zeros(6, 1, 1), label, label, torch.zeros(6, dtype=torch.int64), np.arange(6))
    objective = Embeddings(
        torch.eye(2),
        Similarity(1.0, False, True, False),
        mse=0.0,
        weights=None if weights is None else torch.tensor(weights),
    )
    optimizer = torch.optim.Adam([said], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        objective.loss(lambda x, subject: said.expand(6, 2), batch).backward()
        optimizer.step()
    assert torch.softmax(said[0], dim=0)[1].item() == pytest.approx(share, abs=0.01)


def test_mixup_is_the_mixture_of_two_losses():
    scores, label = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    other = label.flip(0)
    want = 0.3 * torch.nn.functional.cross_entropy(scores, label)
    want += 0.7 * torch.nn.functional.cross_entropy(scores, other)
    assert torch.isclose(mixed(scores, label, other, 0.3, None), want)


def test_temperature_cools_what_is_too_sure_and_counts_a_trial_once():
    random = np.random.default_rng(0)
    n = 2000
    true = random.standard_normal((n, 2)) * 1.5
    labels = (random.random(n) < 1 / (1 + np.exp(true[:, 0] - true[:, 1]))).astype(np.int64)
    trial = np.arange(n)
    assert abs(temperature(4.0 * true, labels, trial) - 4.0) < 0.4
    # a trial that has ten windows says as much as one that has one
    tenfold = temperature(np.repeat(4.0 * true, 10, axis=0), np.repeat(labels, 10), np.repeat(trial, 10))
    assert abs(tenfold - temperature(4.0 * true, labels, trial)) < 1e-3


def test_few_held_out_trials_move_the_temperature_little():
    logits = np.array([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0]])
    assert 0.3 < temperature(logits, np.array([0, 1, 0]), np.arange(3)) <= 1.0


@pytest.mark.parametrize("schedule", ["constant", "step", "one-cycle"])
def test_learning_rates(schedule):
    settings = Settings(schedule=schedule, learning_rate=1.0)
    rates = [learning_rate(settings, p) for p in (0.0, 0.15, 0.3, 0.79, 0.81, 1.0)]
    assert rates == pytest.approx(
        {
            "constant": [1.0] * 6,
            "step": [1.0, 1.0, 1.0, 1.0, 0.1, 0.1],
            "one-cycle": [0.04, 0.52, 1.0, rates[3], rates[4], 0.04e-4],
        }[schedule]
    )
    assert schedule != "one-cycle" or 1.0 > rates[3] > rates[4] > rates[5]


def test_one_cycle_is_pytorchs():
    settings = Settings(schedule="one-cycle", learning_rate=0.2)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.2)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=1001, cycle_momentum=False)
    for step in range(1000):
        assert learning_rate(settings, step / 1000) == pytest.approx(theirs.get_last_lr()[0], rel=0.02, abs=1e-6)
        optimizer.step()
        theirs.step()


# ---------------------------------------------------------------------- interrupted


class Interrupted(Exception):
    """A kill, for which there is no cleaning up."""


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("where", ["early", "at the very end"])
def test_an_interrupted_training_goes_on_and_ends_with_the_same_bits(tmp_path, monkeypatch, where, refit):
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    data = simulated.calibration(16)
    settings = {"epochs": 6, "patience": 0, "mixup": True, "refit": refit}
    told: list[str] = []
    whole = learnt(EegNet(**settings), data, TrainingRun(say=told.append))
    at = 2 if where == "early" else len(told)

    def say(text: str) -> None:
        told.append(text)
        if len(told) == at:
            raise Interrupted

    told.clear()
    first = EegNet(**settings)
    first.prepare(data.info, data.n_samples, 2)
    with pytest.raises(Interrupted):
        first.learn(data, TrainingRun(say=say, checkpoints=tmp_path / "c", key="k"))
    again = TrainingRun(checkpoints=tmp_path / "c", key="k")
    assert same(learnt(EegNet(**settings), data, again), whole)
    assert any("went on from a checkpoint" in note for note in again.notes) or (refit and at > 6)


def test_a_checkpoint_of_another_training_is_not_taken(tmp_path):
    data = simulated.calibration(16)
    learnt(EegNet(epochs=2), data, TrainingRun(checkpoints=tmp_path, key="one"))
    run = TrainingRun(checkpoints=tmp_path, key="other")
    other = learnt(EegNet(epochs=2, seed=3), data, run)
    assert same(other, learnt(EegNet(epochs=2, seed=3), data))
    assert any("is of another training, or damaged" in note for note in run.notes)


def test_a_damaged_checkpoint_costs_nothing_but_time(tmp_path):
    data = simulated.calibration(16)
    learnt(EegNet(epochs=2), data, TrainingRun(checkpoints=tmp_path, key="k"))
    path = tmp_path / "first" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run = TrainingRun(checkpoints=tmp_path, key="k")
    assert same(learnt(EegNet(epochs=2), data, run), learnt(EegNet(epochs=2), data))
    assert any("damaged" in note for note in run.notes)


def test_bfloat16_trains_too():
    data = simulated.calibration(30)
    decoder = learnt(EegNet(epochs=20, learning_rate=3e-3, precision="bfloat16"), data)
    assert accuracy(decoder, simulated.calibration(20, seed=100)) > 0.85
    assert decoder.arrays()["shared/network.temporal.weight"].dtype == np.float32


# ---------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"epochs": 0}, "epochs = 0: it must be a whole number, 1 or more"),
        ({"batch": 2.5}, "batch = 2.5: it must be a whole number"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: it must be above 0"),
        ({"validation": 0.7}, "validation = 0.7: it must be 0 or more and at most 0.5"),
        ({"optimizer": "sgd"}, 'optimizer = "sgd": one of "adam", "adamw" would be right'),
        ({"jitter": -1.0}, "jitter = -1.0: it must be 0 or more and at most 60"),
    ],
)
def test_arguments_that_cannot_be_are_refused_in_one_line(arguments, says):
    with pytest.raises(DecoderError) as refused:
        EegNet(**arguments)
    assert str(refused.value).startswith(says) and "\n" not in str(refused.value)


def test_a_device_that_is_none_is_refused_and_one_that_is_not_there_is_told():
    data = simulated.calibration(10)
    with pytest.raises(DecoderError, match='device = "tpu"'):
        learnt(EegNet(epochs=1, device="tpu"), data)
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    run = TrainingRun()
    decoder = learnt(EegNet(epochs=1, device="cuda"), data, run)
    assert decoder.runs_on.startswith("cpu (") and decoder.runs_on.endswith(", 1 thread")
    assert any('device = "cuda", but' in note and "it runs on the CPU" in note for note in run.notes)


def test_a_window_too_short_for_the_network_is_refused_in_one_line():
    data = simulated.calibration(10, window=12)
    with pytest.raises(DecoderError) as refused:
        learnt(Shallow(epochs=1), data)
    assert "12" in str(refused.value) and "\n" not in str(refused.value)


# ---------------------------------------------------------------------- several processes


@pytest.mark.parametrize(
    ("device", "processes", "gpus", "wanted"),
    [("cpu", 2, 4, "gloo"), ("cuda", 2, 2, "nccl"), ("cuda:0", 1, 1, "nccl"), ("cuda:0", 2, 1, "gloo")],
)
def test_processes_that_share_a_gpu_do_not_meet_by_nccl(monkeypatch, device, processes, gpus, wanted):
    """NCCL refuses two processes on one GPU ("Duplicate GPU detected"), as one NVIDIA H200 has shown."""
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert backend_for(torch.device(device)) == wanted


# ---------------------------------------------------------------------- what an epoch is judged by


class Says(torch.nn.Module):
    """Says of each window what it is told to."""

    def __init__(self, scores) -> None:
        super().__init__()
        self.scores = torch.as_tensor(np.asarray(scores), dtype=torch.float32)

    def forward(self, x, subject=None):
        return self.scores[: len(x)]


def judged(scores, labels, weights=(1.0, 1.0)) -> tuple[float, float]:
    data = Calibration.of_windows(
        simulated.info(), np.zeros((len(labels), 4, 8), np.float32), np.array(labels), ("a", "b")
    )
    material = Material(data, np.arange(len(labels)), Settings(), CPU, data.labels, {})
    objective = Classes(None if weights is None else torch.tensor(weights), mixup=False)
    return objective.judge(Says(scores), material)


def test_always_naming_the_class_that_most_held_out_trials_have_is_worth_nothing():
    labels = [1] * 10 + [0] * 2
    always, knows = [[-2.0, 2.0]] * 12, [[-0.1, 0.1]] * 10 + [[0.1, -0.1]] * 2
    loss, accuracy = judged(always, labels)
    assert accuracy == pytest.approx(0.5)
    assert loss == pytest.approx(np.log(2), abs=1e-3)
    assert judged(always, labels, None)[1] == pytest.approx(10 / 12)  # with balance = false it is, as the user wants it
    assert judged(knows, labels)[1] == 1.0
    assert judged(knows, labels)[0] < loss - 0.05


def test_an_epoch_is_judged_by_what_it_is_worth_at_the_best_temperature():
    """Three of four right, and far too sure: worth as much as the same answers given with care."""
    labels = [0, 1] * 20
    right = np.where(np.arange(40) % 8 < 6, 1.0, -1.0) * np.where(np.array(labels) == 1, 1.0, -1.0)
    sure, careful = (size * np.stack([-right, right], axis=1) for size in (8.0, 0.55))
    assert judged(sure, labels)[0] == pytest.approx(judged(careful, labels)[0], abs=0.01)
    assert judged(sure, labels)[0] < np.log(2) - 0.1


def test_a_temperature_is_not_drawn_by_the_class_that_most_held_out_trials_have():
    labels, trial = np.array([1] * 10 + [0] * 2), np.arange(12)
    always = np.tile([-0.5, 0.5], (12, 1))
    assert temperature(always, labels, trial, balance=False) < 1.0  # surer
    assert temperature(always, labels, trial) > 1.5  # less sure
