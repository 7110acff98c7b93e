"""Published weights compute in our networks what they compute in the published forward, and what did not fit is said.

The checkpoints are made here, with the names that the publications use and random values; the reference forwards are
written from the publications' descriptions, on their tensors, with ``torch.nn.functional`` alone.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from rtbci.errors import DecoderError
from rtbci_deep.networks import ATMS, NICE, ConformerChunks
from rtbci_deep.published import load_published

State = dict[str, Tensor]

CHANS, TIMES, OUT = 5, 100, 12
N_TOKENS = (TIMES - 24 - 51) // 5 + 1
BN_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def weights(prefix: str, *shape: int) -> State:
    return {f"{prefix}.weight": 0.3 * torch.randn(*shape), f"{prefix}.bias": 0.3 * torch.randn(shape[0])}


def norm(prefix: str, n: int, batch: bool = False) -> State:
    state = {f"{prefix}.weight": 1 + 0.2 * torch.randn(n), f"{prefix}.bias": 0.2 * torch.randn(n)}
    if batch:
        values = (0.2 * torch.randn(n), 0.5 + torch.rand(n), torch.tensor(7))
        state |= {f"{prefix}.{name}": value for name, value in zip(BN_BUFFERS, values, strict=True)}
    return state


def batch_norm(x: Tensor, s: State, prefix: str) -> Tensor:
    own = (s[f"{prefix}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, *own)


def layer_norm(x: Tensor, s: State, prefix: str) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], s[f"{prefix}.weight"], s[f"{prefix}.bias"])


def linear(x: Tensor, s: State, prefix: str) -> Tensor:
    return functional.linear(x, s[f"{prefix}.weight"], s[f"{prefix}.bias"])


def conv2d(x: Tensor, s: State, prefix: str) -> Tensor:
    return functional.conv2d(x, s[f"{prefix}.weight"], s[f"{prefix}.bias"])


# --- what the publications hold and compute


def encoder_state(prefix: str = "", n_chans: int = CHANS) -> State:
    return (
        weights(f"{prefix}0.tsconv.0", 40, 1, 1, 25)
        | norm(f"{prefix}0.tsconv.2", 40, batch=True)
        | weights(f"{prefix}0.tsconv.4", 40, 40, n_chans, 1)
        | norm(f"{prefix}0.tsconv.5", 40, batch=True)
        | weights(f"{prefix}0.projection.0", 40, 40, 1, 1)
    )


def projection_state(prefix: str = "", n_in: int = 40 * N_TOKENS, n_out: int = OUT) -> State:
    return (
        {name: tensor / 5 for name, tensor in weights(f"{prefix}0", n_out, n_in).items()}
        | weights(f"{prefix}1.fn.1", n_out, n_out)
        | norm(f"{prefix}2", n_out)
    )


def reference_tsconv(x: Tensor, s: State, prefix: str = "") -> Tensor:
    x = conv2d(x[:, None], s, f"{prefix}0.tsconv.0")
    x = functional.elu(batch_norm(functional.avg_pool2d(x, (1, 51), (1, 5)), s, f"{prefix}0.tsconv.2"))
    x = functional.elu(batch_norm(conv2d(x, s, f"{prefix}0.tsconv.4"), s, f"{prefix}0.tsconv.5"))
    x = conv2d(x, s, f"{prefix}0.projection.0")  # b e h w
    return x.permute(0, 2, 3, 1).reshape(len(x), -1)  # b (h w e)


def reference_projection(x: Tensor, s: State, prefix: str = "") -> Tensor:
    x = linear(x, s, f"{prefix}0")
    return layer_norm(x + linear(functional.gelu(x), s, f"{prefix}1.fn.1"), s, f"{prefix}2")


def atm_state(n_chans: int = CHANS, n_subjects: int = 3, n_out: int = OUT) -> State:
    t, e, layer = TIMES, "encoder.enc_embedding", "encoder.encoder.attn_layers.0"
    inner = 4 * (t // 4)
    state = {
        **weights(f"{e}.value_embedding", t, t),
        f"{e}.position_embedding.pe": torch.randn(1, 50, t),
        f"{e}.temporal_embedding.embed.weight": torch.randn(t, 4),
        f"{e}.mask_token": torch.randn(1, t),
        f"{e}.subject_embedding.subject_embedding.weight": torch.randn(n_subjects, t),
        f"{e}.subject_embedding.shared_embedding": torch.randn(1, t),
        f"{e}.subject_embedding.mask_embedding": torch.randn(1, t),
        **weights(f"{layer}.attention.out_projection", t, inner),
        **weights(f"{layer}.conv1", 256, t, 1),
        **weights(f"{layer}.conv2", t, 256, 1),
        **norm(f"{layer}.norm1", t),
        **norm(f"{layer}.norm2", t),
        **norm("encoder.encoder.norm", t),
        **weights("subject_wise_linear.0", t, t),
        **weights("subject_wise_linear.1", t, t),
        **encoder_state("enc_eeg.", n_chans),
        **projection_state("proj_eeg.", n_out=n_out),
        "logit_scale": torch.tensor(2.659),
    }
    for which in ("query", "key", "value"):
        state |= weights(f"{layer}.attention.{which}_projection", inner, t)
    return state


def reference_atm(x: Tensor, s: State, subject: int | None, first_tokens: bool) -> Tensor:
    e, layer = "encoder.enc_embedding", "encoder.encoder.attn_layers.0"
    n_chans = x.shape[1]
    if subject is None:
        token = s[f"{e}.subject_embedding.shared_embedding"]
    else:
        token = s[f"{e}.subject_embedding.subject_embedding.weight"][subject : subject + 1]
    x = torch.cat([token.expand(len(x), 1, -1), linear(x, s, f"{e}.value_embedding")], dim=1)
    heads = {}
    for which in ("query", "key", "value"):
        flat = linear(x, s, f"{layer}.attention.{which}_projection")
        heads[which] = flat.reshape(len(x), n_chans + 1, 4, -1)
    logits = torch.einsum("blhe,bshe->bhls", heads["query"], heads["key"]) / (TIMES // 4) ** 0.5
    gathered = torch.einsum("bhls,bshd->blhd", logits.softmax(-1), heads["value"]).reshape(len(x), n_chans + 1, -1)
    x = layer_norm(x + linear(gathered, s, f"{layer}.attention.out_projection"), s, f"{layer}.norm1")
    y = functional.gelu(functional.conv1d(x.transpose(1, 2), s[f"{layer}.conv1.weight"], s[f"{layer}.conv1.bias"]))
    y = functional.conv1d(y, s[f"{layer}.conv2.weight"], s[f"{layer}.conv2.bias"]).transpose(1, 2)
    x = layer_norm(layer_norm(x + y, s, f"{layer}.norm2"), s, "encoder.encoder.norm")
    x = x[:, :n_chans] if first_tokens else x[:, 1:]
    return reference_projection(reference_tsconv(x, s, "enc_eeg."), s, "proj_eeg.")


WIDTH, CHUNK, DEPTH, CODE = 20, 150, 2, 20 * 4


def neurogpt_state(n_chans: int = CHANS, depth: int = DEPTH, classes: int | None = 3) -> State:
    patch = "encoder.patch_embedding"
    state = (
        weights(f"{patch}.shallownet.0", WIDTH, 1, 1, 25)
        | weights(f"{patch}.shallownet.1", WIDTH, WIDTH, n_chans, 1)
        | norm(f"{patch}.shallownet.2", WIDTH, batch=True)
        | weights(f"{patch}.projection.0", WIDTH, WIDTH, 1, 1)
    )
    for i in range(depth):
        block = f"encoder.transformer.{i}"
        state |= norm(f"{block}.0.fn.0", WIDTH) | norm(f"{block}.1.fn.0", WIDTH)
        for which in ("keys", "queries", "values", "projection"):
            state |= weights(f"{block}.0.fn.1.{which}", WIDTH, WIDTH)
        state |= weights(f"{block}.1.fn.1.0", 4 * WIDTH, WIDTH) | weights(f"{block}.1.fn.1.3", WIDTH, 4 * WIDTH)
    if classes is not None:
        state |= weights("encoder.fc.fc.0", 256, 2 * CODE) | weights("encoder.fc.fc.3", 32, 256)
        state |= weights("encoder.final_layer.final_layer.0", classes, 32)
    return state | {
        "embedder.mask_token": torch.randn(1, 8),
        "decoder.transformer.h.0.ln_1.weight": torch.randn(8),
        "unembedder.model.0.weight": torch.randn(8, 8),
    }


def reference_neurogpt(chunks: Tensor, s: State) -> Tensor:
    """Codes (n, 80) of chunks (n, CHANS, 150) that have been z-scored."""
    patch = "encoder.patch_embedding"
    x = conv2d(conv2d(chunks[:, None], s, f"{patch}.shallownet.0"), s, f"{patch}.shallownet.1")
    x = functional.avg_pool2d(functional.elu(batch_norm(x, s, f"{patch}.shallownet.2")), (1, 75), (1, 15))
    x = conv2d(x, s, f"{patch}.projection.0").squeeze(2).transpose(1, 2)
    for i in range(DEPTH):
        block = f"encoder.transformer.{i}"
        y = layer_norm(x, s, f"{block}.0.fn.0")
        q, k, v = (
            linear(y, s, f"{block}.0.fn.1.{which}").reshape(len(x), -1, 10, WIDTH // 10).transpose(1, 2)
            for which in ("queries", "keys", "values")
        )
        attention = torch.softmax(q @ k.transpose(2, 3) / WIDTH**0.5, dim=-1)
        y = (attention @ v).transpose(1, 2).reshape(len(x), -1, WIDTH)
        x = x + linear(y, s, f"{block}.0.fn.1.projection")
        y = functional.gelu(linear(layer_norm(x, s, f"{block}.1.fn.0"), s, f"{block}.1.fn.1.0"))
        x = x + linear(y, s, f"{block}.1.fn.1.3")
    return x.reshape(len(x), -1)


def reference_neurogpt_head(codes: Tensor, s: State) -> Tensor:
    x = functional.elu(linear(codes.reshape(len(codes) // 2, -1), s, "encoder.fc.fc.0"))
    return linear(functional.elu(linear(x, s, "encoder.fc.fc.3")), s, "encoder.final_layer.final_layer.0")


def nice(n_chans: int = CHANS) -> NICE:
    return NICE(n_chans, TIMES, OUT, 250.0).eval()


def atm(n_chans: int = CHANS, **more) -> ATMS:
    return ATMS(n_chans, TIMES, OUT, 250.0, **{"n_subjects": 3, **more}).eval()


def conformer(**more) -> ConformerChunks:
    sizes = {"n_filters_time": WIDTH, "att_depth": DEPTH}
    return ConformerChunks(CHANS, 2 * CHUNK, 3, 250.0, **{**sizes, **more}).eval()


def saved(folder: Path, name: str, state: object) -> Path:
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


# --- NICE


def test_nices_pair_of_files_computes_what_it_was_published_to(tmp_path):
    encoder, projection = encoder_state(), projection_state()
    files = [saved(tmp_path, "Enc_eeg_cls.pth", encoder), saved(tmp_path, "Proj_eeg_cls.pth", projection)]
    network, x = nice(), torch.randn(4, CHANS, TIMES)
    report = load_published(files, network)
    close(network(x), reference_projection(reference_tsconv(x, encoder), projection))
    assert report.publication == "NICE"
    assert report.matched["0.tsconv.4.weight"] == "encoder.spatial.weight"
    assert report.matched["1.fn.1.bias"] == "projection.residual.bias"
    assert set(report.matched.values()) == set(network.state_dict())
    assert not report.not_used and not report.missing and not report.wrong_shape and not report.notes
    assert report.as_text() == "NICE from Enc_eeg_cls.pth and Proj_eeg_cls.pth: 22 of the network's 22 tensors copied"


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("nice.pth", lambda s: s),
        ("nice.pt", lambda s: {"epoch": 3, "state_dict": s}),
        ("nice.bin", lambda s: {f"module.{n}": t for n, t in s.items()}),
        ("nice.pth", lambda s: {"model_state_dict": {f"module.module.{n}": t for n, t in s.items()}, "lr": 0.1}),
        ("nice.safetensors", lambda s: s),
        ("NICE.SAFETENSORS", lambda s: s),
    ],
)
def test_nice_as_one_module_in_any_wrapper(tmp_path, name, wrap):
    state = encoder_state("enc_eeg.") | projection_state("proj_eeg.") | {"logit_scale": torch.tensor(2.659)}
    network, x = nice(), torch.randn(4, CHANS, TIMES)
    report = load_published(saved(tmp_path, name.lower(), wrap(state)).rename(tmp_path / name), network)
    close(network(x), reference_projection(reference_tsconv(x, state, "enc_eeg."), state, "proj_eeg."))
    assert report.not_used == {"logit_scale": "belongs to the published loss"}
    assert report.logit_scale == pytest.approx(2.659)


def test_the_image_projection_of_nice_is_ignored(tmp_path):
    encoder, projection = encoder_state(), projection_state()
    files = [
        saved(tmp_path, "Proj_img_cls.pth", projection_state(n_in=OUT)),
        saved(tmp_path, "Enc_eeg_cls.pth", encoder),
        saved(tmp_path, "Proj_eeg_cls.pth", projection),
    ]
    network, x = nice(), torch.randn(4, CHANS, TIMES)
    report = load_published(files, network)
    close(network(x), reference_projection(reference_tsconv(x, encoder), projection))
    assert report.not_used["Proj_img: 0.weight"] == "the identity in the published forward"
    assert len(report.not_used) == 6
    alone = load_published(files[0], network)
    with pytest.raises(DecoderError, match="none of the tensors of NICE fits this network"):
        alone.raise_if_empty()


def test_half_of_nices_pair_says_what_is_missing(tmp_path):
    network = nice()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    report = load_published(str(saved(tmp_path, "Enc_eeg_cls.pth", encoder_state())), network)
    assert set(report.missing) == {n for n in before if n.startswith("projection.")}
    assert all(torch.equal(network.state_dict()[n], before[n]) for n in report.missing)
    assert "nothing in the file for: projection.linear.weight" in report.as_text()
    assert "and 3 more" in report.as_text()


def test_two_files_with_the_same_names_are_refused(tmp_path):
    files = [saved(tmp_path, name, projection_state()) for name in ("one.pth", "other.pth")]
    with pytest.raises(DecoderError, match=r'other\.pth and a file before it both hold "0\.bias"; .* would be right'):
        load_published(files, nice())


def test_another_montage_keeps_its_spatial_filters(tmp_path):
    state = encoder_state(n_chans=63)
    network = nice(n_chans=8)
    before = network.encoder.spatial.weight.detach().clone()
    report = load_published(saved(tmp_path, "Enc_eeg_cls.pth", state), network)
    (wrong,) = report.wrong_shape
    assert (wrong.theirs, wrong.their_shape) == ("0.tsconv.4.weight", (40, 40, 63, 1))
    assert (wrong.ours, wrong.our_shape) == ("encoder.spatial.weight", (40, 40, 8, 1))
    assert torch.equal(network.encoder.spatial.weight, before)
    assert torch.equal(network.encoder.temporal.weight, state["0.tsconv.0.weight"])
    assert "encoder.spatial.weight" not in report.missing
    assert (
        "wrong shape, left as it was: encoder.spatial.weight is (40, 40, 8, 1), "
        "theirs (0.tsconv.4.weight) (40, 40, 63, 1)" in report.as_text()
    )
    report.raise_if_empty()


# --- ATM-S


@pytest.mark.parametrize("keep_subject_token", [False, True])
@pytest.mark.parametrize("subject", [None, 0, 2])
def test_atm_computes_what_it_was_published_to(tmp_path, subject, keep_subject_token):
    state = atm_state()
    network, x = atm(keep_subject_token=keep_subject_token), torch.randn(4, CHANS, TIMES)
    report = load_published(saved(tmp_path, "atm.pth", state), network)
    who = None if subject is None else torch.full((4,), subject)
    close(network(x, subject=who), reference_atm(x, state, subject, first_tokens=keep_subject_token))
    assert report.publication == "ATM-S"
    assert not report.missing and not report.wrong_shape
    assert set(report.matched.values()) == set(network.state_dict())
    assert len(report.notes) == (0 if keep_subject_token else 1)


def test_what_atm_declares_and_never_uses_is_said(tmp_path):
    report = load_published(saved(tmp_path, "atm.pth", atm_state()), atm())
    e = "encoder.enc_embedding"
    unused = {n for n, why in report.not_used.items() if why == "declared, but not used in the published forward"}
    assert unused == {
        f"{e}.position_embedding.pe",
        f"{e}.temporal_embedding.embed.weight",
        f"{e}.mask_token",
        f"{e}.subject_embedding.mask_embedding",
        *(f"subject_wise_linear.{i}.{which}" for i in (0, 1) for which in ("weight", "bias")),
    }
    assert report.not_used.keys() - unused == {"logit_scale"}
    text = report.as_text()
    assert "not used (declared, but not used in the published forward): " in text and " and 5 more" in text
    assert "note: the public code at 22c84ad convolved the subject's token" in text
    assert len(text.splitlines()) == 4


def test_other_persons_keep_their_tokens_and_the_stranger_comes_along(tmp_path):
    state = atm_state(n_subjects=10)
    network = atm(n_subjects=2)
    before = network.subjects.known.detach().clone()
    report = load_published(saved(tmp_path, "atm.pth", state), network)
    assert [w.ours for w in report.wrong_shape] == ["subjects.known"]
    assert torch.equal(network.subjects.known, before)
    x = torch.randn(4, CHANS, TIMES)
    close(network(x), reference_atm(x, state, None, first_tokens=False))


def test_settings_that_no_shape_betrays_are_noted(tmp_path):
    path = saved(tmp_path, "atm.pth", atm_state())
    report = load_published(path, atm(n_heads=5, keep_subject_token=True))  # 5 x 20 are 100 values as well
    assert not report.wrong_shape
    assert report.notes == ("n_heads is 5, published with 4: the same weights, but another function",)


# --- Neuro-GPT


def test_neurogpt_computes_what_it_was_published_to(tmp_path):
    state = neurogpt_state()
    network, x = conformer(), torch.randn(3, CHANS, 2 * CHUNK)
    report = load_published(saved(tmp_path, "pytorch_model.bin", state), network)
    chunks = x.reshape(3, CHANS, 2, CHUNK).transpose(1, 2).reshape(6, CHANS, CHUNK)
    chunks = (chunks - chunks.mean(-1, keepdim=True)) / chunks.std(-1, correction=0, keepdim=True)
    codes = reference_neurogpt(chunks, state)
    close(network.encode(chunks), codes)
    close(network(x), reference_neurogpt_head(codes, state))
    assert report.publication == "Neuro-GPT"
    assert not report.missing and not report.wrong_shape and not report.notes
    assert report.not_used == dict.fromkeys(
        ("embedder.mask_token", "decoder.transformer.h.0.ln_1.weight", "unembedder.model.0.weight"), "the GPT part"
    )


def test_pretrained_neurogpt_leaves_the_classifier_to_be_trained(tmp_path):
    report = load_published(saved(tmp_path, "pytorch_model.bin", neurogpt_state(classes=None)), conformer())
    assert set(report.missing) == {f"{n}.{w}" for n in ("first", "second", "classifier") for w in ("weight", "bias")}


def test_a_shorter_network_leaves_layers_and_a_longer_one_lacks_them(tmp_path):
    path = saved(tmp_path, "pytorch_model.bin", neurogpt_state())
    shorter = load_published(path, conformer(att_depth=1))
    assert {why for n, why in shorter.not_used.items() if n.startswith("encoder.transformer.1.")} == {
        "no tensor of our network stands for it"
    }
    longer = load_published(path, conformer(att_depth=3))
    assert len([n for n in longer.missing if n.startswith("blocks.2.")]) == 16
    other = load_published(path, conformer(n_chunks=1))
    assert [w.ours for w in other.wrong_shape] == ["first.weight"]


# --- any


def test_half_precision_is_converted(tmp_path):
    state = {name: t.half() if t.is_floating_point() else t for name, t in encoder_state().items()}
    network = nice()
    load_published(saved(tmp_path, "half.pth", state), network)
    assert network.encoder.temporal.weight.dtype == torch.float32
    assert torch.equal(network.encoder.temporal.weight, state["0.tsconv.0.weight"].float())


def test_old_checkpoints_without_counters_are_complete(tmp_path):
    state = {n: t for n, t in encoder_state().items() if not n.endswith("num_batches_tracked")}
    report = load_published([saved(tmp_path, "e.pth", state), saved(tmp_path, "p.pth", projection_state())], nice())
    assert not report.missing


def test_weights_of_another_network_are_refused(tmp_path):
    path = saved(tmp_path, "atm.pth", atm_state())
    with pytest.raises(
        DecoderError, match=r"atm\.pth holds weights of ATM-S, the network is a NICE; ATMS would be right"
    ):
        load_published(path, nice())


def test_an_unknown_checkpoint_says_what_was_looked_for(tmp_path):
    path = saved(tmp_path, "resnet.pth", {"layer1.0.conv1.weight": torch.zeros(2)})
    with pytest.raises(DecoderError, match="of no publication known here") as caught:
        load_published(path, nice())
    for word in ("layer1.0.conv1.weight", "NICE", "ATM-S", "Neuro-GPT", "encoder.enc_embedding."):
        assert word in str(caught.value)


def test_nothing_is_copied_from_a_file_with_values_that_are_no_numbers(tmp_path):
    state = encoder_state()
    state["0.projection.0.bias"][3] = float("nan")
    network = nice()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(DecoderError, match=r'"0\.projection\.0\.bias" holds values that are not finite'):
        load_published(saved(tmp_path, "nan.pth", state), network)
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())


def test_raise_if_empty_names_the_first_shape_that_does_not_fit(tmp_path):
    state = {"0.tsconv.0.weight": torch.randn(8, 1, 1, 25)}
    report = load_published(saved(tmp_path, "small.pth", state), nice())
    with pytest.raises(DecoderError, match=r"encoder\.temporal\.weight is \(40, 1, 1, 25\), theirs .*\(8, 1, 1, 25\)"):
        report.raise_if_empty()


class Malicious:
    """Touches ``path`` when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("write", [torch.save, lambda held, path: path.write_bytes(pickle.dumps(held, protocol=2))])
def test_nothing_that_a_file_holds_is_run(tmp_path, write):
    path, touched = tmp_path / "evil.bin", tmp_path / "was-run"
    write(encoder_state() | {"more": Malicious(touched)}, path)
    with pytest.raises(DecoderError, match="cannot be read as a checkpoint") as caught:
        load_published(path, nice())
    assert not touched.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.pth", b"dear diary\nsecond line", "cannot be read as a checkpoint"),
        ("empty.pt", b"", "cannot be read as a checkpoint"),
        ("noise.safetensors", bytes(range(64)), "cannot be read as a checkpoint"),
        ("weights.h5", b"", r"is no checkpoint by its name; one of \.pth, \.pt, \.bin, \.safetensors would"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DecoderError, match=message) as caught:
        load_published(path, nice())
    assert "\n" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, suffix):
    path = saved(tmp_path, f"nice{suffix}", encoder_state())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DecoderError, match="cannot be read as a checkpoint") as caught:
        load_published(path, nice())
    assert "\n" not in str(caught.value)


def test_missing_files_and_files_without_tensors_are_refused(tmp_path):
    with pytest.raises(DecoderError, match=r'there is no file ".*absent\.pth"'):
        load_published(tmp_path / "absent.pth", nice())
    with pytest.raises(DecoderError, match="no file to import weights from"):
        load_published([], nice())
    for content in ({"epoch": 4}, [1, 2], torch.zeros(3), {"state_dict": {}}):
        with pytest.raises(DecoderError, match=r"holds a \w+ without tensors by name; a state dict would be right"):
            load_published(saved(tmp_path, "none.pth", content), nice())
