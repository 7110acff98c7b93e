"""Several networks in one batch say what each of them says alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rtbci_deep.inference.chunks import ChunkRunner
from rtbci_deep.inference.joint import Joint, are_alike
from rtbci_deep.inference.runner import Runner
from rtbci_deep.networks import ATMS, NICE, ConformerChunks, EEGNet, MegConv
from tests.plugins.deep.trained import SMALL, SUBJECTS, far, whole, windows

CPU = torch.device("cpu")


def runner(kind, seed: int = 0, n_times: int | None = None, **more) -> Runner:
    form = ChunkRunner if kind is ConformerChunks else Runner
    times = n_times or SMALL[kind][0]
    return form(whole(kind, n_times=times, seed=seed, **more), 5, times, CPU, 1)


def asked(runners, x, subjects, bads) -> np.ndarray:
    given = [one.given(subject, bad) for one, subject, bad in zip(runners, subjects, bads, strict=True)]
    return np.array(Joint(runners).ask(list(x), given))


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("kind", list(SMALL))
def test_networks_with_other_weights_share_a_batch(kind, n):
    runners = [runner(kind, seed) for seed in range(n)]
    x = windows(n, whole(kind), SMALL[kind][0])
    alone = np.array([one.one(samples, SUBJECTS, None) for one, samples in zip(runners, x, strict=True)])
    together = asked(runners, x, [SUBJECTS] * n, [None] * n)
    assert Joint(runners).stacked
    assert far(together, alone) < 1e-5
    assert far(alone[0], runners[1].one(x[0], SUBJECTS, None)) > 1e-2


@pytest.mark.parametrize("kind", [EEGNet, NICE, ConformerChunks])
def test_networks_with_the_same_weights_are_one(kind):
    runners = [runner(kind), runner(kind)]
    x = windows(2, whole(kind), SMALL[kind][0])
    assert not Joint(runners).stacked
    alone = np.array([one.one(samples, 0, None) for one, samples in zip(runners, x, strict=True)])
    assert far(asked(runners, x, [0, 0], [None, None]), alone) < 1e-5


@pytest.mark.parametrize("seeds", [(0, 0, 0), (0, 1, 2)])
def test_each_has_its_own_person_and_bad_channels(seeds):
    runners = [runner(MegConv, seed) for seed in seeds]
    x = windows(3, whole(MegConv), 40)
    bads = [None, np.array([1, 0, 0, 1, 0], bool), np.array([0, 0, 1, 0, 0], bool)]
    alone = np.array([one.one(s, k, bad) for k, (one, s, bad) in enumerate(zip(runners, x, bads, strict=True))])
    joint = Joint(runners)
    for _ in range(2):
        given = [one.given(k, bad) for k, (one, bad) in enumerate(zip(runners, bads, strict=True))]
        assert far(np.array(joint.ask(list(x), given)), alone) < 1e-5


@pytest.mark.parametrize("seeds", [(0, 0, 0), (0, 1, 2)])
@pytest.mark.parametrize("kind", [EEGNet, MegConv])
def test_those_that_have_no_window_at_a_moment_change_nothing(kind, seeds):
    runners = [runner(kind, seed) for seed in seeds]
    x = windows(3, whole(kind), SMALL[kind][0])
    alone = np.array([one.one(samples, 1, None) for one, samples in zip(runners, x, strict=True)])
    joint = Joint(runners)
    for some in ((0, 1, 2), (0, 2), (1,), (2, 0), (0, 1, 2)):
        who = [runners[k] for k in some]
        said = joint.ask([x[k] for k in some], [one.given(1, None) for one in who], who)
        assert far(np.array(said), alone[list(some)]) < 1e-5


def test_alike_are_networks_of_one_form_and_size():
    one = runner(EEGNet)
    assert are_alike(one, runner(EEGNet, seed=1))
    assert not are_alike(one, runner(EEGNet, n_times=136))
    assert not are_alike(one, runner(EEGNet, F2=8))
    assert not are_alike(one, runner(EEGNet, pool1_kernel_size=5))
    assert not are_alike(one, runner(EEGNet, clip=3.0))
    assert not are_alike(runner(NICE), runner(ATMS))
    assert are_alike(runner(MegConv), runner(MegConv, seed=1))
    assert not are_alike(runner(MegConv), runner(MegConv, time_aggregation="mean"))
