"""Pretrained pipelines as renderers, on pipelines of random weights: what is called how, not what is drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rtbci import plugins
from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci.interfaces import Captions, Renderer, SeesWindows
from rtbci.testing import check_renderer
from rtbci.types import Channel, StreamInfo, Window
from rtbci_vision.diffusing import prior
from rtbci_vision.generating.pictures import thumbnail, unit

pytest.importorskip("transformers", reason="transformers (the extra generate) is not installed")
diffusers = pytest.importorskip("diffusers", reason="diffusers (the extra generate) is not installed")

STREAM = StreamInfo("test", 100.0, (Channel("C3"), Channel("C4"), Channel("Pz")))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of tiny pipelines by name."""
    from tests.renderers import tiny

    folder = tmp_path_factory.mktemp("checkpoints")
    made = {"sdxl": tiny.sdxl(folder / "sdxl"), "unclip": tiny.unclip(folder / "unclip")}
    made["adapter"] = tiny.ip_adapter(folder / "adapter", made["sdxl"])
    made["sd"] = tiny.stable_diffusion(folder / "sd")
    made["controlnet"] = tiny.controlnet(folder / "controlnet", made["sd"], 3, 64, 100.0)
    made["blip"] = tiny.blip(folder / "blip")
    return made


def make(checkpoints: dict[str, Path], use: str, **more):
    """A renderer of 64 pixels on the CPU; 3 steps."""
    models = {
        "sdxl-turbo": {"model": "sdxl", "adapter": "adapter"},
        "unclip": {"model": "unclip"},
        "controlnet": {"model": "sd", "controlnet": "controlnet"},
    }[use]
    args = {name: str(checkpoints[folder]) for name, folder in models.items()}
    return plugins.make("renderers", use, {**args, "size": 64, "steps": 3, "device": "cpu", **more}, None, "test")


@pytest.fixture(scope="module")
def embeddings(colours: Path) -> np.ndarray:
    return unit(Bank.open(colours).embeddings)


def always() -> bool:
    return True


@pytest.mark.parametrize("use", ["sdxl-turbo", "unclip"])
def test_they_keep_the_contract_of_renderers(checkpoints, colours, use):
    report = check_renderer(make(checkpoints, use), colours)
    assert (report.width, report.height) == (64, 64)
    assert report.asked == 1 + 3  # before the first step, and after each


@pytest.mark.parametrize(
    ("use", "guidance"), [("sdxl-turbo", 0.0), ("sdxl-turbo", 5.0), ("unclip", 1.0), ("unclip", 7.5)]
)
def test_the_embedding_and_the_seed_decide_what_is_drawn(checkpoints, colours, embeddings, use, guidance):
    drawn = {}
    for seed in (0, 1):
        renderer = make(checkpoints, use, seed=seed, guidance=guidance, glide=0.0)
        renderer.prepare(colours)
        assert isinstance(renderer, Renderer)
        for k in (0, 5, 0):
            picture = renderer.render(embeddings[k], always)
            assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)
            if (seed, k) in drawn:
                np.testing.assert_array_equal(picture, drawn[seed, k])
            drawn[seed, k] = picture
    assert not np.array_equal(drawn[0, 0], drawn[0, 5])
    assert not np.array_equal(drawn[0, 0], drawn[1, 0])


@pytest.mark.parametrize("use", ["sdxl-turbo", "unclip"])
def test_a_picture_is_given_up_between_two_steps(checkpoints, colours, embeddings, use, monkeypatch):
    renderer = make(checkpoints, use, steps=10)
    renderer.prepare(colours)
    steps, decoded = [], []
    network, decode = renderer.pipeline.unet.forward, renderer.pipeline.vae.decode
    monkeypatch.setattr(renderer.pipeline.unet, "forward", lambda *a, **k: steps.append(1) or network(*a, **k))
    monkeypatch.setattr(renderer.pipeline.vae, "decode", lambda *a, **k: decoded.append(1) or decode(*a, **k))
    assert renderer.render(embeddings[0], lambda: len(steps) < 4) is None
    assert (len(steps), len(decoded)) == (4, 0)
    assert renderer.render(embeddings[0], always) is not None
    assert (len(steps), len(decoded)) == (14, 1)


def test_image_embeddings_reach_the_adapter_as_the_prior_gives_them(checkpoints, colours, embeddings, monkeypatch):
    renderer = make(checkpoints, "sdxl-turbo", glide=0.0)
    renderer.prepare(colours)
    given = []
    layer = renderer.pipeline.unet.encoder_hid_proj.image_projection_layers[0]
    before = layer.forward
    monkeypatch.setattr(layer, "forward", lambda x: given.append(x.numpy().copy()) or before(x))
    renderer.render(embeddings[3], always)
    wanted = renderer.prior(embeddings[3])
    np.testing.assert_allclose(given[0].reshape(-1), wanted, rtol=1e-6)
    encoder = renderer.encode([thumbnail(Bank.open(colours), 3)])[0]
    assert np.linalg.norm(wanted) == pytest.approx(np.linalg.norm(encoder), rel=0.5)  # of the encoder's length, not 1


def test_image_embeddings_of_a_bank_are_computed_once_and_leave_it_whole(checkpoints, colours, monkeypatch):
    renderer = make(checkpoints, "unclip", seed=7)
    renderer.prepare(colours)
    held_out = renderer.prior.held_out
    monkeypatch.setattr(type(renderer), "encode", lambda self, pictures: pytest.fail("embedded again"))
    again = make(checkpoints, "unclip", seed=7)
    again.prepare(colours)
    assert again.prior.held_out == held_out
    assert Bank.open(colours).damage() == ""


def test_embeddings_glide_between_frames(checkpoints, colours, embeddings):
    def second(glide: float) -> tuple[np.ndarray, np.ndarray]:
        renderer = make(checkpoints, "unclip", glide=glide)
        renderer.prepare(colours)
        return tuple(renderer.render(embeddings[k], always).astype(float) for k in (0, 5))

    (first, alone), (_, gliding) = second(0.0), second(0.9)
    assert np.abs(gliding - first).mean() < np.abs(alone - first).mean()


def test_a_caption_model_says_what_was_drawn(checkpoints, colours, embeddings):
    renderer = make(checkpoints, "unclip", captions=str(checkpoints["blip"]))
    renderer.prepare(colours)
    assert isinstance(renderer, Captions)
    picture = renderer.render(embeddings[0], always)
    said = renderer.caption(picture)
    assert said == renderer.caption(picture)
    assert set(said.split()) <= set("abcdefghijklmnopqrst") | {"[DEC]", "[UNK]"} or said.isascii()
    assert make(checkpoints, "unclip").caption(picture) == ""


# ---------------------------------------------------------------------- the ControlNet of signals


def signal(seed: int, samples: int = 64) -> Window:
    values = np.random.default_rng(seed).standard_normal((3, samples)).astype(np.float32)
    return Window(values, 0, samples - 1, 1.0, 1.0)


def test_a_controlnet_draws_the_signal_that_it_saw(checkpoints, colours, embeddings):
    renderer = make(checkpoints, "controlnet")
    renderer.prepare(colours)
    assert isinstance(renderer, SeesWindows)
    assert renderer.seconds == 0.64
    renderer.begin(STREAM)
    assert renderer.render(embeddings[0], always) is None  # nothing was seen
    drawn = []
    for seed in (1, 2, 1):
        renderer.see(signal(seed))
        drawn.append(renderer.render(embeddings[seed], always))
    assert drawn[0].shape == (64, 64, 3)
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])
    scaled = Window(signal(1).samples * 40.0 + 7.0, 0, 63, 1.0, 1.0)
    renderer.see(scaled)
    assert np.abs(renderer.render(embeddings[0], always).astype(int) - drawn[0].astype(int)).max() <= 1


def test_a_controlnet_keeps_the_contract(checkpoints, colours):
    assert check_renderer(make(checkpoints, "controlnet", guidance=1.0), colours, info=STREAM).asked == 4


def test_a_controlnet_of_another_stream_or_size_is_refused(checkpoints, colours, tmp_path):
    renderer = make(checkpoints, "controlnet")
    renderer.prepare(colours)
    with pytest.raises(BankError, match="a stream of 1 channels at 100 Hz; the 3 channels at 100 Hz"):
        renderer.begin(StreamInfo("one", 100.0, (Channel("C3"),)))
    with pytest.raises(BankError, match="size = 128; 64, which the hint"):
        make(checkpoints, "controlnet", size=128).prepare(colours)
    with pytest.raises(BankError, match="holds no ControlNet of signals"):
        make(checkpoints, "controlnet", controlnet=str(tmp_path)).prepare(colours)


def test_a_hint_is_of_the_size_of_the_latents_for_any_length_of_signal():
    import torch

    from rtbci_vision.diffusing.hint import HintShape, SignalHint

    for n_samples in (40, 64, 440, 512, 1000):
        made = SignalHint(HintShape(5, n_samples, 100.0, 4, 16))
        assert made(torch.zeros(2, 5, n_samples)).shape == (2, 4, 16, 16)


# ---------------------------------------------------------------------- the prior


def test_a_prior_finds_a_linear_map_and_restores_the_spread():
    random = np.random.default_rng(0)
    z = unit(random.standard_normal((200, 12)))
    weights = random.standard_normal((12, 20))
    targets = z @ weights * 3.0 + 5.0
    fitted = prior.fit(z, targets)
    assert fitted.held_out > 0.999
    np.testing.assert_allclose([fitted(one) for one in z[:5]], targets[:5], atol=0.1)
    noisy = prior.fit(z, targets + 4.0 * random.standard_normal(targets.shape))
    said = np.array([noisy(one) for one in z])
    wanted = (targets + 4.0 * random.standard_normal(targets.shape)).std(axis=0)
    assert 0.8 < (said.std(axis=0) / wanted).mean() < 1.3
    assert 0.2 < noisy.held_out < 0.9
    with pytest.raises(BankError, match="5 pictures to fit a prior on; 8 or more"):
        prior.fit(z[:5], targets[:5])


def test_a_prior_on_more_dimensions_than_items_is_the_same_regression():
    random = np.random.default_rng(1)
    z, targets = unit(random.standard_normal((20, 50))), random.standard_normal((20, 3))
    x_mean, y_mean, wide = prior._ridge(z.astype(float), targets, 0.1)
    x = z - x_mean
    gram = x.T @ x
    penalty = 0.1 * np.trace(x @ x.T) / 20 + 1e-12
    wanted = np.linalg.solve(gram + penalty * np.eye(50), x.T @ (targets - y_mean))
    np.testing.assert_allclose(wide, wanted, atol=1e-8)


# ---------------------------------------------------------------------- what is refused


def test_a_model_that_cannot_be_had_is_refused_in_one_line(checkpoints, colours, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        BankError, match=r"cannot be loaded .* or a folder that save_pretrained wrote, would be right"
    ) as e:
        make(checkpoints, "unclip", model=str(tmp_path)).prepare(colours)
    assert "\n" not in str(e.value)
    with pytest.raises(BankError, match="cannot be loaded"):
        make(checkpoints, "sdxl-turbo", adapter=str(tmp_path)).prepare(colours)


def test_without_diffusers_the_extra_is_named(checkpoints, colours, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(BankError, match=r'pip install "rtbci\[generate\]", or the renderer "generator"'):
        make(checkpoints, "unclip").prepare(colours)


def test_arguments_are_checked(checkpoints):
    from rtbci.errors import RtbciError

    with pytest.raises(RtbciError, match="steps = 0, size = 64"):
        make(checkpoints, "unclip", steps=0)
    with pytest.raises(RtbciError, match="a multiple of 64"):
        make(checkpoints, "unclip", size=100)
