"""The networks have the published sizes, mind only what they should mind, and can be exported and moved."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from rtbci_deep.networks import (
    ATMS,
    NICE,
    ConformerChunks,
    EEGNet,
    FunctionalNet,
    MegConv,
    Projection,
    ShallowFBCSPNet,
    SimpleConv,
    TSConv,
)
from rtbci_deep.networks.eegnet import bounded
from rtbci_deep.networks.fnn import fourier, legendre
from rtbci_deep.networks.merger import ChannelMerger, fourier_embedding
from rtbci_deep.networks.subjects import SubjectValues

CHANS, SUBJECTS, BATCH = 6, 3, 5
N_TIMES = {
    EEGNet: 128,
    ShallowFBCSPNet: 150,
    SimpleConv: 64,
    NICE: 100,
    ATMS: 100,
    MegConv: 40,
    ConformerChunks: 240,
    FunctionalNet: 160,
}
EVERY = list(N_TIMES)


def positions(n_chans: int) -> np.ndarray:
    return np.random.default_rng(n_chans).uniform(size=(n_chans, 2)).astype(np.float32)


def build(kind: type[nn.Module], n_chans: int = CHANS, n_subjects: int = SUBJECTS, **more) -> nn.Module:
    """A small one, of which no value is a default's zero or one: so that everything does something."""
    own = {
        EEGNet: lambda: {},
        ShallowFBCSPNet: lambda: {"n_filters_time": 6, "n_filters_spat": 5},
        SimpleConv: lambda: {"fm": 6, "n_convs": 2, "kernel": 5, "n_subjects": n_subjects},
        NICE: lambda: {},
        ATMS: lambda: {"n_subjects": n_subjects, "hidden": 16},
        MegConv: lambda: {
            "positions": positions(n_chans),
            "n_subjects": n_subjects,
            "n_virtual": 10,
            "hidden_dim": 12,
            "backbone_out": 16,
            "fourier_dim": 32,
        },
        ConformerChunks: lambda: {"n_filters_time": 8, "att_heads": 4, "att_depth": 2},
        FunctionalNet: lambda: {},
    }[kind]()
    torch.manual_seed(1)
    network = kind(n_chans, N_TIMES[kind], 4, 100.0, **{**own, **more})
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.copy_(0.5 + torch.rand_like(tensor))
            elif tensor.is_floating_point() and not name.endswith(("positions", "basis")):
                tensor.add_(0.1 * torch.randn_like(tensor))
    return network.eval()


def windows(kind: type[nn.Module], n_chans: int = CHANS, batch: int = BATCH) -> torch.Tensor:
    return torch.randn(batch, n_chans, N_TIMES[kind], generator=torch.Generator().manual_seed(2))


def keywords(kind: type[nn.Module], batch: int = BATCH, n_chans: int = CHANS) -> dict[str, torch.Tensor]:
    """What the network uses besides the window: every person and a stranger, one bad channel a row."""
    bad = torch.zeros(batch, n_chans, dtype=torch.bool)
    bad[torch.arange(batch), torch.arange(batch) % n_chans] = True
    every = {"subject": torch.arange(batch) % (SUBJECTS + 1), "bad": bad}
    return {name: value for name, value in every.items() if name in kind.USES}


def outputs(network: nn.Module, x: torch.Tensor, **more) -> torch.Tensor:
    """All outputs side by side, (batch, ..)."""
    out = network(x, **more)
    return torch.cat(out, dim=1) if isinstance(out, tuple) else out


def n_parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


# --- sizes


def test_parameter_counts_are_the_published_ones():
    assert n_parameters(TSConv(63, 250)) == 103_680
    assert n_parameters(Projection(1440, 1024)) == 2_527_232
    assert n_parameters(NICE(63, 250, 768, 250.0)) == 1_802_496
    atm = ATMS(63, 250, 1024, 250.0)
    assert n_parameters(atm.encoder) == 103_680
    assert n_parameters(atm.projection) == 2_527_232
    assert n_parameters(atm) == 103_680 + 2_527_232 + 444_500  # systems.md 1.2: "attention part 444.5 k"
    assert n_parameters(SimpleConv(22, 280, 4, 70.0, fm=109, n_convs=4, kernel=8)) == 2_462_246  # 2.46 M
    assert n_parameters(SimpleConv(22, 380, 4, 95.0)) == 245_654  # .25 M
    conformer = ConformerChunks(22, 1000, 4, 250.0)
    assert n_parameters(conformer) == 717_892  # .72 M
    # braindecode's network of this name has as many at 22 x 1125
    assert n_parameters(ShallowFBCSPNet(22, 1125, 4, 250.0)) == 47_364


def test_the_meg_network_has_the_published_size_and_one_stranger_more():
    network = MegConv(272, 181, 768, 120.0, positions(272))
    last = n_parameters(network.out) + n_parameters(network.clip_head) + n_parameters(network.mse_head)
    assert last == 3_812_864  # 3.8 M, systems.md 1.3
    assert n_parameters(network) - 270 * 270 == 7_145_496  # 7.1 M without the stranger's matrix


def test_eegnet_has_the_sizes_of_its_table():
    network = EEGNet(22, 512, 4, 128.0)
    assert network.temporal.weight.shape == (8, 1, 1, 64)  # half a second
    assert network.spatial.weight.shape == (16, 1, 22, 1)
    assert network.depthwise.weight.shape == (16, 1, 1, 16)
    assert network.classifier.in_features == 16 * (512 // 32)
    assert n_parameters(network) == 8 * 64 + 16 + 16 * 22 + 32 + 16 * 16 + 16 * 16 + 32 + 4 * (256 + 1)


@pytest.mark.parametrize(("n_times", "n_tokens"), [(250, 36), (200, 26), (125, 11), (75, 1), (79, 1), (80, 2)])
def test_tsconv_has_as_many_tokens_as_the_formula_says(n_times, n_tokens):
    network = TSConv(3, n_times).eval()
    assert network.n_tokens == n_tokens == (n_times - 24 - 51) // 5 + 1
    assert network(torch.randn(2, 3, n_times)).shape == (2, 40 * n_tokens)


def test_tsconv_is_time_major_and_feature_minor():
    network = TSConv(3, 100).eval()
    with torch.no_grad():
        network.projection.weight.zero_()
        network.projection.bias.copy_(torch.arange(40.0))
    assert network(torch.randn(1, 3, 100))[0, :80].tolist() == [*range(40), *range(40)]


def test_intermediate_sizes():
    assert TSConv(63, 250).n_features == 1440
    conformer = ConformerChunks(22, 1000, 4, 250.0).eval()
    assert (conformer.chunk, conformer.n_features) == (500, 27 * 40)
    assert conformer.encode(torch.randn(3, 22, 500)).shape == (3, 1080)
    assert ShallowFBCSPNet(22, 1125, 4, 250.0).classifier.in_features == 40 * 69
    assert FunctionalNet(4, 256, 5, 250.0).dense.basis.shape == (162, 1)  # the published example's resolution
    simple = SimpleConv(22, 280, 4, 70.0, fm=109, n_convs=4, kernel=8)
    assert [block.out_channels for block in simple.blocks.modules() if isinstance(block, nn.Conv1d)][::2] == [
        109,
        154,
        217,
        306,
    ]


@pytest.mark.parametrize("kind", EVERY)
def test_outputs_have_the_size_that_was_asked_for(kind):
    out = build(kind)(windows(kind), **keywords(kind))
    sizes = [tuple(o.shape) for o in out] if isinstance(out, tuple) else [tuple(out.shape)]
    assert sizes == {SimpleConv: [(5, 4), (5, 3)], MegConv: [(5, 4), (5, 4)]}.get(kind, [(5, 4)])


# --- what they must and must not depend on


@pytest.mark.parametrize("kind", EVERY)
def test_gradients_reach_every_parameter(kind):
    network = build(kind)
    out = outputs(network, windows(kind), **keywords(kind))
    (out * torch.randn(out.shape)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # the same for all keys, a bias of keys moves all logits of a softmax alike: it has no gradient but rounding
        if not name.endswith("attention.keys.bias"):
            assert parameter.grad.abs().max() > 1e-12, name


@pytest.mark.parametrize("kind", EVERY)
def test_a_window_is_decided_without_regard_to_its_neighbours(kind):
    network, x, more = build(kind), windows(kind), keywords(kind)
    together = outputs(network, x, **more)
    assert torch.isfinite(together).all()
    louder = 50.0 * x + 7.0
    for i in range(BATCH):
        alone = outputs(network, x[i : i + 1], **{name: value[i : i + 1] for name, value in more.items()})
        torch.testing.assert_close(alone[0], together[i], rtol=1e-5, atol=1e-5)
        among_others = louder.clone()
        among_others[i] = x[i]
        torch.testing.assert_close(outputs(network, among_others, **more)[i], together[i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", EVERY)
def test_every_channel_and_their_order_matter(kind):
    network, x = build(kind), windows(kind)
    before = outputs(network, x)
    for channel in range(CHANS):
        changed = x.clone()
        changed[:, channel] = changed[:, channel].roll(7, dims=1).square()
        assert (outputs(network, changed) - before).abs().max() > 1e-4
    assert (outputs(network, x.flip(1)) - before).abs().max() > 1e-4


@pytest.mark.parametrize("kind", [ATMS, MegConv])
def test_persons_and_strangers_have_values_of_their_own(kind):
    network, x = build(kind), windows(kind)[:1].expand(SUBJECTS + 1, -1, -1)
    each = outputs(network, x, subject=torch.arange(SUBJECTS + 1))
    for one in range(SUBJECTS + 1):
        for other in range(one):
            assert (each[one] - each[other]).abs().max() > 1e-3
    stranger = outputs(network, x[:1])
    torch.testing.assert_close(stranger[0], each[SUBJECTS], rtol=1e-5, atol=1e-5)
    nobody = torch.tensor([SUBJECTS, SUBJECTS + 5, -1])
    torch.testing.assert_close(outputs(network, x[:3], subject=nobody), stranger.expand(3, -1), rtol=1e-5, atol=1e-5)


def test_strangers_are_trained_by_taking_some_persons_for_one():
    subject = torch.zeros(400, dtype=torch.int64)
    for unknown, share in ((0.0, 0.0), (0.25, 0.25)):
        values = SubjectValues(2, (3,), unknown=unknown).train()
        with torch.no_grad():
            values.known.zero_()
            values.stranger.fill_(1.0)
        torch.manual_seed(0)
        assert values(subject, 400)[:, 0].mean().item() == pytest.approx(share, abs=0.06)
        assert not values.eval()(subject, 400).any()


# --- bad channels and positions


def test_a_bad_channel_counts_for_nothing_whatever_it_holds():
    network, x = build(MegConv), windows(MegConv)
    bad = torch.zeros(BATCH, CHANS, dtype=torch.bool)
    bad[:, 2] = True
    bad[3, 5] = True
    before = outputs(network, x, bad=bad)
    for value in (0.0, 1e6, float("nan"), float("inf")):
        changed = x.clone()
        changed[bad] = value
        assert torch.equal(outputs(network, changed, bad=bad), before)
    assert (outputs(network, x) - before).abs().max() > 1e-3
    assert torch.equal(outputs(network, x, bad=torch.zeros_like(bad)), outputs(network, x, bad=None))


def test_a_bad_channel_is_as_good_as_a_missing_one():
    network, x = build(MegConv), windows(MegConv)
    bad = torch.zeros(BATCH, CHANS, dtype=torch.bool)
    bad[:, 2] = True
    without = build(MegConv, CHANS - 1, positions=np.delete(positions(CHANS), 2, axis=0))
    shared = {n: t for n, t in network.state_dict().items() if n != "merger.positions"}
    without.load_state_dict(shared, strict=False)
    rest = torch.cat([x[:, :2], x[:, 3:]], dim=1)
    torch.testing.assert_close(outputs(network, x, bad=bad), outputs(without, rest), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_a_row_of_bad_channels_only_is_silence_and_hurts_no_other_row(training):
    network, x = build(MegConv), windows(MegConv)
    bad = torch.zeros(BATCH, CHANS, dtype=torch.bool)
    bad[1] = True
    network.merger.train(training)
    torch.manual_seed(3)
    out = outputs(network, x, bad=bad)
    assert torch.isfinite(out).all()
    if not training:
        torch.testing.assert_close(out[1], outputs(network, torch.zeros_like(x))[1], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(out[0], outputs(network, x)[0], rtol=1e-5, atol=1e-5)


def test_sensors_may_come_in_any_order_with_their_positions():
    network, x = build(MegConv), windows(MegConv)
    before = outputs(network, x)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        network.merger.positions.copy_(network.merger.positions[order])
    torch.testing.assert_close(outputs(network, x[:, order]), before, rtol=1e-5, atol=1e-5)


def test_in_training_the_sensors_around_a_random_point_are_left_out():
    axis = np.linspace(0.0, 1.0, 21)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    merger = ChannelMerger(grid, 4, dimension=32, radius=0.2).train()
    places = merger.positions
    left_out = []
    torch.manual_seed(4)
    for _ in range(12):
        x = torch.ones(1, len(grid), 2, requires_grad=True)
        merger(x).sum().backward()
        out = x.grad[0, :, 0] == 0.0
        left_out.append(int(out.sum()))
        if out.any():
            assert torch.cdist(places[out], places[out]).max() <= 0.4 + 1e-6
    assert max(left_out) > 40  # a whole disc holds about 50 of the 441
    merger.eval()
    x = torch.ones(1, len(grid), 2, requires_grad=True)
    merger(x).sum().backward()
    assert (x.grad > 0).all()


def test_a_spatial_dropout_that_leaves_nothing_leaves_no_nan():
    merger = ChannelMerger(positions(5), 4, dimension=32, radius=2.0).train()
    x = torch.randn(2, 5, 7)
    torch.testing.assert_close(merger(x), x.mean(dim=1, keepdim=True).expand(-1, 4, -1))


def test_fourier_embedding_is_the_formula():
    place = torch.tensor([[0.3, 0.8]])
    embedding = fourier_embedding(place, 32)[0]
    x, y = 0.3 + 0.2, 0.8 + 0.2
    angles = [2 * np.pi / 1.4 * (k * x + m * y) for k in range(4) for m in range(4)]
    np.testing.assert_allclose(embedding, [*np.cos(angles), *np.sin(angles)], atol=2e-6)


# --- single networks


def test_atm_drops_the_subjects_token_and_no_channel():
    x = windows(ATMS)
    for keep in (False, True):
        network = build(ATMS, keep_subject_token=keep)
        with torch.no_grad():  # channels no longer look at each other
            network.attention.values.weight.zero_()
            network.attention.values.bias.zero_()
        changed = x.clone()
        changed[:, -1] = changed[:, -1].square()
        last_matters = (network(changed) - network(x)).abs().max().item()
        subject_matters = (network(x, subject=torch.zeros(BATCH, dtype=torch.int64)) - network(x)).abs().max().item()
        assert (last_matters > 1e-3, subject_matters > 1e-3) == (not keep, keep)


def test_eegnet_bounds_its_weights_where_they_are_used():
    weight = torch.randn(16, 1, 22, 1)
    norms = bounded(weight, 1.0).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(16))
    short = 0.01 * weight
    assert torch.equal(bounded(short, 1.0), short)
    assert not bounded(torch.zeros_like(weight), 1.0).any()
    network, x = build(EEGNet), windows(EEGNet)
    with torch.no_grad():
        for layer in (network.spatial, network.classifier):
            layer.weight.mul_(100.0)
        before = network(x)
        for layer in (network.spatial, network.classifier):
            layer.weight.mul_(10.0)
    torch.testing.assert_close(network(x), before, rtol=1e-5, atol=1e-5)


def test_the_shallow_net_takes_the_logarithm_of_silence():
    network = ShallowFBCSPNet(3, 150, 2, 250.0).eval()
    assert torch.isfinite(network(torch.zeros(1, 3, 150))).all()


@pytest.mark.parametrize("basis", ["legendre", "fourier"])
def test_fnn_does_not_mind_when_something_happens(basis):
    network = build(FunctionalNet, basis=basis, taps=(16, 24))
    event = torch.randn(2, CHANS, 20, generator=torch.Generator().manual_seed(5))
    outs = []
    for start in (38, 60, 101):
        x = torch.zeros(2, CHANS, 160)
        x[:, :, start : start + 20] = event
        outs.append(network(x))
    torch.testing.assert_close(outs[1], outs[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(outs[2], outs[0], rtol=1e-5, atol=1e-6)
    assert (outs[0][0] - outs[0][1]).abs().max() > 1e-3


def test_fnn_minds_it_with_the_four_dense_functions_of_one_published_example():
    network = build(FunctionalNet, dense_functions=4, taps=(16, 24))
    event = torch.randn(1, CHANS, 20, generator=torch.Generator().manual_seed(5))
    early, late = torch.zeros(1, CHANS, 160), torch.zeros(1, CHANS, 160)
    early[:, :, 38:58], late[:, :, 101:121] = event, event
    assert (network(early) - network(late)).abs().max() > 1e-3


def test_bases_are_legendre_polynomials_and_fourier_functions():
    x = np.linspace(-1.0, 1.0, 65)
    expected = np.stack([np.ones(65), x, 1.5 * x**2 - 0.5, 2.5 * x**3 - 1.5 * x], axis=1)
    np.testing.assert_allclose(legendre(4, 65), expected, atol=1e-6)
    s = np.linspace(0.0, 1.0, 65)
    waves = [np.sin(2 * np.pi * s), np.cos(2 * np.pi * s), np.sin(4 * np.pi * s), np.cos(4 * np.pi * s)]
    np.testing.assert_allclose(fourier(5, 65), np.stack([np.ones(65), *(2**0.5 * w for w in waves)], axis=1), atol=1e-6)


def test_a_chunk_has_a_code_of_its_own():
    network, x = build(ConformerChunks), windows(ConformerChunks)
    codes = [network.encode(x[:, :, start : start + 120]) for start in (0, 120)]
    torch.testing.assert_close(network.head(torch.cat(codes, dim=1)), network(x), rtol=1e-5, atol=1e-5)
    # z-scored over the chunk: neither unit nor level of a chunk matters
    torch.testing.assert_close(network.encode(3.0 * x[:, :, :120] + 20.0), codes[0], rtol=1e-4, atol=1e-4)
    still = x[:, :, :120].clone()
    still[:, 1] = 12_345.6
    silent = x[:, :, :120].clone()
    silent[:, 1] = 0.0
    torch.testing.assert_close(network.encode(still), network.encode(silent), rtol=0, atol=0.05)


def test_attention_over_time_is_a_weighted_mean():
    attention = build(MegConv, time_aggregation="attention").time
    x = torch.randn(2, 16, 9)
    constant = x[:, :, :1].expand(-1, -1, 9)
    torch.testing.assert_close(attention(constant), x[:, :, :1])
    torch.testing.assert_close(attention(x.flip(2)), attention(x))  # of moments, wherever they are
    assert (attention(x) - x.mean(2, keepdim=True)).abs().max() > 1e-3


@pytest.mark.parametrize("time_aggregation", ["linear", "mean", "attention"])
def test_the_meg_network_gathers_time_in_three_ways(time_aggregation):
    network = build(MegConv, time_aggregation=time_aggregation, n_outputs_mse=7)
    clip, mse = network(windows(MegConv))
    assert (clip.shape, mse.shape) == ((5, 4), (5, 7))
    assert torch.isfinite(clip).all() and torch.isfinite(mse).all()


def test_simpleconv_recognises_persons_only_if_asked():
    assert isinstance(SimpleConv(3, 64, 4, 100.0)(torch.randn(2, 3, 64)), torch.Tensor)
    scores, persons = SimpleConv(3, 64, 4, 100.0, n_subjects=6)(torch.randn(2, 3, 64))
    assert (scores.shape, persons.shape) == ((2, 4), (2, 6))


# --- what a decoder relies on


@pytest.mark.parametrize("kind", EVERY)
def test_only_the_input_block_depends_on_montage_and_persons(kind):
    one, other = build(kind, 6, 3), build(kind, 9, 5)
    ours, theirs = one.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    local = {name for name in ours if name.startswith(kind.LOCAL)}
    differs = {name for name in ours if ours[name].shape != theirs[name].shape}
    assert differs <= local
    for prefix in kind.LOCAL:  # each is needed
        assert any(name.startswith(prefix) for name in differs), prefix
    other.load_state_dict({n: t for n, t in ours.items() if n not in local}, strict=False)
    assert outputs(other, windows(kind, 9)).shape[0] == BATCH
    assert frozenset({"subject", "bad", "positions"}) >= kind.USES
    assert isinstance(kind.SOURCE, str) and re.search(r"20\d\d", kind.SOURCE)


@pytest.mark.parametrize("kind", EVERY)
def test_a_network_can_be_exported(kind):
    network, x, more = build(kind), windows(kind, batch=2), keywords(kind, batch=2)
    with torch.no_grad():
        exported = torch.export.export(network, (x,), more).module()
        torch.testing.assert_close(outputs(exported, x, **more), outputs(network, x, **more), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", EVERY)
def test_nothing_is_allocated_on_another_device(kind, training):
    network = build(kind).train(training).to("meta")
    out = outputs(network, windows(kind).to("meta"), **{n: v.to("meta") for n, v in keywords(kind).items()})
    assert out.device.type == "meta"


def test_a_state_dict_moves_the_positions_too():
    one, other = build(MegConv), build(MegConv, positions=np.zeros((CHANS, 2)))
    other.load_state_dict(one.state_dict())
    assert torch.equal(outputs(other, windows(MegConv)), outputs(one, windows(MegConv)))


# --- refusals


@pytest.mark.parametrize(
    ("make", "shortest"),
    [
        (lambda n: EEGNet(3, n, 2, 128.0), 32),
        (lambda n: ShallowFBCSPNet(3, n, 2, 250.0), 99),
        (lambda n: SimpleConv(3, n, 2, 95.0), 2),
        (lambda n: SimpleConv(3, n, 2, 95.0, fm=4, n_convs=4, kernel=5), 16),
        (lambda n: NICE(3, n, 2, 250.0), 75),
        (lambda n: ATMS(3, n, 2, 250.0), 75),
        (lambda n: ConformerChunks(3, n, 2, 250.0, n_chunks=1), 99),
        (lambda n: ConformerChunks(3, 2 * (n // 2), 2, 250.0), 198),
        (lambda n: FunctionalNet(3, n, 2, 250.0), 95),
    ],
)
def test_a_window_that_is_too_short_is_refused_with_the_length_that_would_do(make, shortest):
    for n_times in (2 if shortest > 2 else 1, shortest - 1):
        with pytest.raises(ValueError, match=rf"n_times = \d+: too short .*; {shortest} samples or more would do"):
            make(n_times)
    assert make(shortest).eval()(torch.randn(1, 3, shortest)).shape == (1, 2)


def test_an_even_kernel_makes_windows_longer_as_published():
    network = SimpleConv(3, 1, 2, 70.0, fm=4, n_convs=3, kernel=8).eval()
    assert network(torch.randn(1, 3, 1)).shape == (1, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EEGNet(0, 128, 2, 128.0), "n_chans = 0; at least 1"),
        (lambda: EEGNet(3, 128, 2, 0.0), "sfreq = 0.0; more than 0"),
        (lambda: EEGNet(3, 128, 2, float("nan")), "sfreq = nan; more than 0"),
        (lambda: EEGNet(3, 128, 2, 128.0, drop_prob=1.0), "drop_prob = 1.0; a probability from 0 to below 1"),
        (lambda: NICE(3, 100, 0, 250.0), "n_outputs = 0; at least 1"),
        (lambda: SimpleConv(3, 100, 2, 95.0, n_subjects=0), "n_subjects = 0; at least 1"),
        (lambda: ATMS(3, 100, 2, 250.0, n_subjects=0), "n_subjects = 0; at least 1"),
        (lambda: ATMS(3, 100, 2, 250.0, n_heads=101), "n_heads = 101 .* at most 100"),
        (lambda: ATMS(3, 100, 2, 250.0, unknown=-0.1), "unknown = -0.1; a probability"),
        (lambda: ConformerChunks(3, 501, 2, 250.0), "n_times = 501 does not divide into 2 chunks; 500 or 502 would"),
        (lambda: ConformerChunks(3, 500, 2, 250.0, att_heads=7), "att_heads = 7 .* a divisor of 40"),
        (lambda: FunctionalNet(3, 200, 2, 250.0, taps=(8,)), "2, 2 and 1 convolutions; the same number"),
        (lambda: FunctionalNet(3, 200, 2, 250.0, basis="chebyshev"), 'basis = "chebyshev"; one of legendre, fourier'),
        (lambda: MegConv(3, 40, 2, 120.0, positions(4)), "4 positions for n_chans = 3"),
        (lambda: MegConv(3, 40, 2, 120.0, np.zeros((3, 3))), r"shape \(3, 3\); \(n_chans, 2\)"),
        (lambda: MegConv(3, 40, 2, 120.0, positions(3) * 3.0), "positions: channel . is at .*; from 0 to 1"),
        (lambda: MegConv(3, 40, 2, 120.0, np.full((3, 2), np.nan)), "channel 0 is at .*; from 0 to 1"),
        (lambda: MegConv(3, 40, 2, 120.0, positions(3), fourier_dim=2000), "fourier_dim = 2000; twice a square"),
        (
            lambda: MegConv(3, 40, 2, 120.0, positions(3), time_aggregation="max"),
            '"max"; one of linear, mean, attention',
        ),
        (
            lambda: MegConv(3, 40, 2, 120.0, positions(3), spatial_drop=-1.0),
            "spatial_drop = -1.0; a radius of 0 or more",
        ),
    ],
)
def test_arguments_that_cannot_work_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
