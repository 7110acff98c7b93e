"""A fused network says what the trained one says: every form, size, person and set of bad channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from rtbci_deep.inference.fused import FORMS, Plain, fuse
from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.folding import normed, over_channels
from rtbci_deep.networks import (
    ATMS,
    NICE,
    ConformerChunks,
    EEGNet,
    FunctionalNet,
    MegConv,
    ShallowFBCSPNet,
    SimpleConv,
)
from rtbci_deep.whole import Whole
from tests.plugins.deep.trained import SMALL, SUBJECTS, far, plainly, whole, windows

NEAR = 1e-5
FURTHER = {
    EEGNet: [
        {"n_times": 129},
        {"n_times": 127, "kernel_length": 31},
        {"n_times": 35, "F1": 3, "D": 3, "F2": 5, "kernel_length": 8},
        {"n_times": 250, "pool1_kernel_size": 3, "pool2_kernel_size": 5, "depthwise_kernel_length": 7},
        {"n_chans": 1},
    ],
    ShallowFBCSPNet: [{"n_times": 99}, {"n_times": 163, "filter_time_length": 10}, {"n_chans": 1}],
    SimpleConv: [
        {"n_times": 65, "kernel": 8},
        {"n_times": 63, "kernel": 4, "n_convs": 3},
        {"n_convs": 1, "kernel": 1},
        {"n_subjects": SUBJECTS},
    ],
    NICE: [{"n_times": 75}, {"n_times": 101, "n_chans": 2}, {"filter_time_length": 10, "pool_time_stride": 7}],
    ATMS: [{"n_times": 101, "n_heads": 3}, {"keep_subject_token": True}, {"n_chans": 2}],
    MegConv: [
        {"n_times": 41, "time_aggregation": "mean"},
        {"n_times": 17, "time_aggregation": "attention", "n_blocks": 3},
        {"n_times": 1, "hidden_dim": 10},
        {"n_chans": 30, "n_blocks": 1},
    ],
    ConformerChunks: [{"n_chunks": 1}, {"n_times": 303, "n_chunks": 3}, {"att_heads": 5, "n_chans": 1}],
    FunctionalNet: [
        {"n_times": 95, "dense_functions": 4},
        {"basis": "fourier", "n_filters": (3,), "n_functions": (4,), "taps": (3,)},
        {"n_times": 161, "n_filters": (4, 3, 2), "n_functions": (3, 2, 4), "taps": (9, 1, 30)},
    ],
}
CASES = [(kind, {}) for kind in SMALL] + [(kind, case) for kind, cases in FURTHER.items() for case in cases]


def fused(of: Whole, x: np.ndarray, subject: int = SUBJECTS, bad: np.ndarray | None = None) -> np.ndarray:
    form = fuse(of, x.shape[2])
    with torch.inference_mode():
        return form(torch.from_numpy(x.transpose(0, 2, 1).copy()), *form.given(subject, bad)).numpy()


def times(kind: type[nn.Module], case: dict) -> int:
    return case.get("n_times", SMALL[kind][0])


def named(value: object) -> str | None:
    return value.__name__ if isinstance(value, type) else ", ".join(f"{k}={v}" for k, v in value.items()) or "small"


def test_every_network_has_a_form():
    assert set(FORMS) == set(SMALL)


@pytest.mark.parametrize(("kind", "case"), CASES, ids=named)
def test_says_what_the_network_says_one_by_one_and_in_batches(kind, case):
    of = whole(kind, seed=1, **case)
    x = windows(7, of, times(kind, case))
    wanted = plainly(of, x)
    assert far(fused(of, x), wanted) < NEAR
    assert far(np.concatenate([fused(of, x[k : k + 1]) for k in range(len(x))]), wanted) < NEAR


@pytest.mark.parametrize("kind", SMALL, ids=named)
def test_values_are_cut_off_as_in_training(kind):
    of = whole(kind, seed=2, clip=1.0)
    x = windows(3, of, SMALL[kind][0])
    said = fused(of, x)
    assert far(said, plainly(of, x)) < NEAR
    assert far(said, plainly(whole(kind, seed=2), x)) > 1e-3


@pytest.mark.parametrize("kind", SMALL, ids=named)
def test_an_unscaled_network_stays_unscaled(kind):
    of = whole(kind, seed=3)
    of.centre.zero_()
    of.spread.fill_(1.0)
    x = windows(3, of, SMALL[kind][0])
    assert far(fused(of, x), plainly(of, x)) < NEAR


@pytest.mark.parametrize("kind", SMALL, ids=named)
def test_an_offset_a_thousand_times_the_signal_costs_no_digits(kind):
    of = whole(kind, seed=4, offset=1000.0)
    x = windows(3, of, SMALL[kind][0])
    exact = plainly(of.double(), x.astype(np.float64)).astype(np.float32)
    assert far(fused(of.float(), x), exact) < NEAR


@pytest.mark.parametrize("kind", [ATMS, MegConv], ids=named)
def test_each_person_is_decoded_with_what_is_theirs(kind):
    of = whole(kind, seed=5)
    x = windows(2, of, SMALL[kind][0])
    said = [fused(of, x, subject) for subject in (0, 1, 2, SUBJECTS, 17, -1)]
    for subject, one in enumerate(said[:3]):
        assert far(one, plainly(of, x, subject)) < NEAR
    stranger = plainly(of, x)
    assert all(far(one, stranger) < NEAR for one in said[3:])
    assert far(said[0], stranger) > 1e-3


@pytest.mark.parametrize("shut", [(0,), (1, 3, 4), (0, 1, 2, 3), (0, 1, 2, 3, 4), ()])
def test_bad_channels_are_left_out_whatever_they_hold(shut):
    of = whole(MegConv, seed=6)
    x = windows(2, of, 40)
    bad = np.isin(np.arange(5), shut)
    wanted = plainly(of, x, 1, bad)
    assert far(fused(of, x, 1, bad), wanted) < NEAR
    x[:, bad] = np.nan
    assert far(fused(of, x, 1, bad), wanted) < NEAR


def test_a_network_without_another_form_runs_as_it_is():
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(2)

    of = Whole(Mean(), 5)
    x = windows(3, of, 10)
    assert isinstance(fuse(of, 10), Plain)
    np.testing.assert_array_equal(fused(of, x), plainly(of, x))


def test_the_trained_network_is_left_as_it_was():
    of = whole(ATMS).train()
    before = {name: tensor.clone() for name, tensor in of.state_dict().items()}
    form = fuse(of, 100)
    assert of.training
    assert all(p.requires_grad for p in of.parameters())
    theirs = {tensor.data_ptr() for tensor in of.state_dict().values()}
    assert not theirs & {tensor.data_ptr() for tensor in form.state_dict().values()}
    assert all(torch.equal(tensor, before[name]) for name, tensor in of.state_dict().items())


@pytest.mark.parametrize("block", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("n_times", [9, 10, 23])
def test_filters_are_a_convolution_for_every_block(block, n_times):
    torch.manual_seed(0)
    weight, bias, x = torch.randn(4, 3, 5).double(), torch.randn(4).double(), torch.randn(2, 3, n_times)
    wanted = nn.functional.conv1d(nn.functional.pad(x, (2, 1)), weight.float(), bias.float())
    said = Filters(weight, bias, n_times, padding=(2, 1), block=block)(x.transpose(1, 2))
    torch.testing.assert_close(said.transpose(1, 2), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_filters_may_be_dilated(dilation):
    torch.manual_seed(0)
    weight, x = torch.randn(4, 3, 3).double(), torch.randn(2, 3, 20)
    wanted = nn.functional.conv1d(x, weight.float(), dilation=dilation, padding=dilation)
    said = Filters(weight, None, 20, padding=(dilation, dilation), dilation=dilation)(x.transpose(1, 2))
    torch.testing.assert_close(said.transpose(1, 2), wanted, rtol=0, atol=1e-5)


def test_a_batch_norm_becomes_part_of_the_layer_before_it():
    """y = g (w x + b - m) / sqrt(v + eps) + h, for g = 2, w = 3, b = 1, m = 5, v = 4, h = 7: 3 x + 3, but for eps."""
    norm = nn.BatchNorm1d(1, eps=0.0)
    norm.running_mean.fill_(5.0)
    norm.running_var.fill_(4.0)
    with torch.no_grad():
        norm.weight.fill_(2.0)
        norm.bias.fill_(7.0)
    weight, bias = normed(torch.tensor([[3.0]]), torch.tensor([1.0]), norm)
    assert (weight.item(), bias.item()) == (3.0, 3.0)


def test_two_convolutions_become_one():
    torch.manual_seed(0)
    temporal, spatial = nn.Conv2d(1, 4, (1, 5)), nn.Conv2d(4, 3, (6, 1))
    spread, x = 0.5 + torch.rand(6, 1), torch.randn(2, 6, 30)
    weight, bias = over_channels(temporal, spatial, spread)
    said = nn.functional.conv1d(x.double(), weight, bias)
    wanted = spatial(temporal((x / spread)[:, None]))[:, :, 0].double()
    torch.testing.assert_close(said, wanted, rtol=0, atol=1e-5)
