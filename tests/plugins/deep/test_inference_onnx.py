"""Predicting with onnxruntime: the same answers, kept with the model, chosen by the clock, done without if there is none."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

from rtbci import model as models
from rtbci.calibration import Calibration
from rtbci.config import DecoderConfig
from rtbci.errors import DecoderError
from rtbci.model import signature_of
from rtbci.training_run import TrainingRun
from rtbci.types import Channel, StreamInfo, Window
from rtbci_deep.classifiers import ConformerChunks, EegNet, SimpleConv1d
from rtbci_deep.device import in_words
from rtbci_deep.embedders import MegConvolution
from rtbci_deep.inference import onnx_runner, runtimes
from rtbci_deep.inference.chunks import ChunkRunner
from rtbci_deep.inference.fused import fuse
from rtbci_deep.inference.onnx_runner import OnnxStep, export
from rtbci_deep.inference.runner import Runner
from rtbci_deep.inference.runtimes import Chosen, choose
from rtbci_deep.networks import ConformerChunks as ConformerNetwork
from rtbci_deep.networks import EEGNet, MegConv, SimpleConv
from rtbci_deep.shape import Shape, array_to_text
from rtbci_deep.state import State
from tests.plugins.deep.trained import SMALL, SUBJECTS, far, plainly, whole, windows

CPU = torch.device("cpu")
ON_TORCH = in_words(CPU, 1)
ON_ONNX = f"{ON_TORCH}, onnxruntime {version('onnxruntime')}"
INFO = StreamInfo("eeg", 100.0, tuple(Channel(name) for name in ("C3", "Cz", "C4")))
LABELS = np.arange(24, dtype=np.int64) % 2


def trials() -> np.ndarray:
    made = np.random.default_rng(0).standard_normal((24, 3, 100)).astype(np.float32)
    made[::2, 1] *= 3.0
    return made


def fitted(make):
    decoder = make(device="cpu")
    decoder.prepare(INFO, 100, 2)
    run = TrainingRun()
    decoder.learn(Calibration.of_windows(INFO, trials(), LABELS, ("a", "b")), run)
    return decoder, run


def restored(make, arrays):
    decoder = make(device="cpu")
    decoder.restore(arrays)
    decoder.prepare(INFO, 100, 2)
    return decoder


def said(decoder) -> np.ndarray:
    return np.array([decoder.predict(Window(x, 0, 99, 0.0, 0.0)) for x in trials()])


quick = partial(EegNet, epochs=2, batch=8)


@pytest.mark.parametrize("kind", list(SMALL))
def test_onnxruntime_says_what_the_network_says(kind):
    of, n_times = whole(kind), SMALL[kind][0]
    form = ChunkRunner if kind is ConformerNetwork else Runner
    network = fuse(of, n_times)
    part, shape = form.part(network, n_times, 5)
    model = export(part, shape, network.given(0, None) if part is network else ())
    asked = form(of, 5, n_times, CPU, 1, exported=model)
    assert asked.way == f"onnxruntime {version('onnxruntime')}"
    x = windows(5, of, n_times)
    alone = np.array([asked.one(samples, 1, None) for samples in x])
    assert far(alone, plainly(of, x, 1)) < 1e-5
    many = asked.many(x, 1, None)
    assert far(many, alone) < 1e-5
    if form is Runner:  # row by row, so the very same bits
        np.testing.assert_array_equal(many, alone)
    if kind is MegConv:
        bad = np.array([1, 0, 0, 1, 0], bool)
        x[:, bad] = np.nan
        assert far(asked.one(x[0], 1, bad)[None], plainly(of, x[:1], 1, bad)) < 1e-5
        assert (
            far(asked.one(windows(1, of, n_times)[0], SUBJECTS, None)[None], plainly(of, windows(1, of, n_times)))
            < 1e-5
        )


def test_chunks_that_were_seen_are_not_encoded_again_by_onnxruntime_either():
    of = whole(ConformerNetwork)
    part, shape = ChunkRunner.part(fuse(of, 240), 240, 5)
    asked = ChunkRunner(of, 5, 240, CPU, 1, exported=export(part, shape, ()))
    stream = np.concatenate(windows(2, of, 240), axis=1)
    for start in (0, 120, 240):
        assert (
            far(
                asked.at(stream[:, start : start + 240], start)[None], plainly(of, stream[None, :, start : start + 240])
            )
            < 1e-5
        )
    assert asked.encoded == 4


def test_exporting_leaves_the_terminal_alone():
    code = """
from tests.plugins.deep.trained import whole
from rtbci_deep.inference.fused import fuse
from rtbci_deep.inference.onnx_runner import OnnxStep, export
from rtbci_deep.networks import EEGNet
import warnings
warnings.simplefilter("always")
OnnxStep(export(fuse(whole(EEGNet), 128), (128, 5), ()), (128, 5), 1)(1)
"""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_is_of_a_fixed_kind():
    import onnx

    model = onnx.load_from_string(export(fuse(whole(SimpleConv), 64), (64, 5), ()))
    assert [(each.domain, each.version) for each in model.opset_import if not each.domain] == [("", onnx_runner.OPSET)]
    assert model.ir_version <= onnx_runner.IR_VERSION
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 64, 5]


def test_what_is_no_model_is_refused_in_words():
    with pytest.raises(DecoderError, match=r"onnxruntime .* does not take the model"):
        OnnxStep(b"no model", (4, 2), 1)


def test_what_cannot_be_exported_is_told_in_a_line():
    class Odd(torch.nn.Module):
        def forward(self, rows):
            raise ValueError("no\n such thing")

    with pytest.raises(
        DecoderError, match=r'Odd could not be exported to ONNX .*no such thing.*runtime = "torch"'
    ) as raised:
        export(Odd(), (4, 2), ())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        quick,
        partial(SimpleConv1d, epochs=2, fm=6, kernel=5),
        partial(ConformerChunks, n_chunks=1, epochs=1, att_depth=1),
        partial(MegConvolution, epochs=1, dims=4, hidden=6, n_blocks=1, width=8, n_virtual=5),
    ],
    ids=["eegnet", "simpleconv", "conformer-chunks", "meg-conv"],
)
def test_a_decoder_keeps_its_exported_network(make):
    decoder, _ = fitted(partial(make, runtime="onnx"))
    arrays = decoder.arrays()
    assert arrays["meta/onnx"].dtype == np.uint8
    assert decoder.runs_on == ON_ONNX
    copy = restored(partial(make, runtime="onnx"), arrays)
    assert copy.runs_on == decoder.runs_on
    assert copy.notes == decoder.notes
    np.testing.assert_array_equal(said(copy), said(decoder))
    again = copy.arrays()
    assert {key: value.tobytes() for key, value in again.items()} == {
        key: value.tobytes() for key, value in arrays.items()
    }
    plain = restored(make, {key: value for key, value in arrays.items() if "onnx" not in key and key != "meta/runtime"})
    assert plain.runs_on == ON_TORCH
    np.testing.assert_allclose(said(plain), said(decoder), rtol=0, atol=decoder.tolerance / 10)


def test_a_decoder_for_pytorch_alone_keeps_nothing_of_it():
    decoder, run = fitted(quick)
    assert not {"meta/onnx", "meta/runtime"} & set(decoder.arrays())
    assert not any("onnx" in note for note in run.notes)


def test_a_model_file_holds_it(tmp_path):
    decoder, _ = fitted(partial(quick, runtime="onnx"))
    config = DecoderConfig(
        "net", "eegnet", 1.0, 0.1, args={"epochs": 2, "batch": 8, "runtime": "onnx", "device": "cpu"}
    )
    made = models.make(config, decoder, classes=("a", "b"), signature=signature_of(INFO), trained_on=[])
    path = tmp_path / "net.rtbci"
    models.save(path, {"net": made})
    loaded = models.load(path, lambda use, args: EegNet(**args))["net"].decoder
    loaded.prepare(INFO, 100, 2)
    assert loaded.runs_on == ON_ONNX
    np.testing.assert_array_equal(said(loaded), said(decoder))
    with zipfile.ZipFile(path) as archive:
        assert not any(name.endswith(".onnx") for name in archive.namelist())


def test_without_onnxruntime_it_runs_with_pytorch_and_says_so(monkeypatch):
    make = partial(quick, runtime="onnx")
    decoder, _ = fitted(make)
    wanted, arrays = said(decoder), decoder.arrays()
    monkeypatch.setattr(runtimes, "is_there", lambda package: package != "onnxruntime")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    other = restored(make, arrays)
    assert other.runs_on == ON_TORCH
    assert [note for note in other.notes if "onnxruntime, which is not installed" in note]
    np.testing.assert_allclose(said(other), wanted, rtol=0, atol=other.tolerance)
    assert "meta/onnx" in other.arrays()  # what was trained is passed on


@pytest.mark.parametrize("runtime", ["onnx", "fastest"])
def test_training_for_onnx_without_its_packages_is_refused(monkeypatch, runtime):
    monkeypatch.setattr(onnx_runner, "is_there", lambda package: package == "onnx")
    with pytest.raises(DecoderError) as raised:
        fitted(partial(quick, epochs=10**9, runtime=runtime))  # told before it is trained
    assert str(raised.value) == (
        f'runtime = "{runtime}": needs onnxscript, onnxruntime, not installed here; '
        'pip install "rtbci[onnx]", or runtime = "torch", would be right'
    )


class Ticking:
    """A clock by which PyTorch and onnxruntime take what they are told, in turns."""

    def __init__(self, torch_takes: float, onnx_takes: float) -> None:
        self.now, self.turn, self.takes = 0.0, 0, (0.0, torch_takes, 0.0, onnx_takes)

    def __call__(self) -> float:
        self.now += self.takes[self.turn % 4]
        self.turn += 1
        return self.now


@pytest.mark.parametrize(("torch_takes", "onnx_takes", "name"), [(2e-3, 1e-3, "onnx"), (1e-3, 2e-3, "torch")])
def test_the_fastest_is_kept_and_both_medians_are_told(torch_takes, onnx_takes, name):
    run, of = TrainingRun(), whole(EEGNet)
    window = windows(1, of, 128)[0]
    state, clock = State(Shape(5, 128, 3, 3, 100.0), of), Ticking(torch_takes, onnx_takes)
    chosen = choose("fastest", Runner, state, 1, window, run, clock)
    assert chosen.name == name
    assert (chosen.model is not None) == (name == "onnx")
    assert run.notes == [
        f"a window takes {torch_takes * 1e3:g} ms with PyTorch and {onnx_takes * 1e3:g} ms with onnxruntime "
        f"(medians of 60, cpu, 1 thread): it predicts with {'onnxruntime' if name == 'onnx' else 'PyTorch'}"
    ]
    assert array_to_text(chosen.arrays()["meta/runtime"]) == name
    assert Chosen.restore(chosen.arrays()).arrays().keys() == chosen.arrays().keys()


def test_the_fastest_is_measured_in_training():
    decoder, run = fitted(partial(quick, runtime="fastest"))
    assert sum("it predicts with" in note for note in run.notes) == 1
    copy = restored(partial(quick, runtime="fastest"), decoder.arrays())
    assert copy.runs_on == decoder.runs_on
    np.testing.assert_array_equal(said(copy), said(decoder))


@pytest.mark.parametrize(
    "broken", [{"meta/runtime": b"onnx"}, {"meta/runtime": b"tensorflow"}, {"meta/onnx": b"model"}]
)
def test_half_of_an_exported_network_is_refused(broken):
    decoder, _ = fitted(quick)
    arrays = {**decoder.arrays(), **{key: np.frombuffer(value, np.uint8) for key, value in broken.items()}}
    with pytest.raises(DecoderError, match="runtime"):
        restored(quick, arrays)
