"""Predicting on a GPU: which way is taken, padded batches, what is told. A CPU takes its place where there is none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from rtbci.errors import DecoderError, DeviceLost
from rtbci_deep.device import lost_if_gone
from rtbci_deep.inference.chunks import ChunkRunner
from rtbci_deep.inference.cuda import GPU_BLOCK, ROUNDS, GpuStep, Host
from rtbci_deep.inference.fused import fuse
from rtbci_deep.inference.runner import Runner, in_blocks
from rtbci_deep.inference.steps import CpuStep
from rtbci_deep.inference.timing import in_words, medians
from rtbci_deep.networks import ConformerChunks, EEGNet, MegConv
from tests.plugins.deep.trained import SMALL, SUBJECTS, far, whole, windows

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")


class Ticking:
    """A clock by which eager calls and graphs take what they are told, in turns."""

    def __init__(self, eager: float, graph: float) -> None:
        self.now = 0.0
        self.steps = itertools.cycle((0.0, eager, 0.0, graph))

    def __call__(self) -> float:
        self.now += next(self.steps)
        return self.now


def pair(kind, acceleration, **more) -> tuple[GpuStep, CpuStep, np.ndarray, Host]:
    """The same network as for a GPU, which is a CPU here, and as for a CPU; and windows as rows."""
    of, n_times = whole(kind), SMALL[kind][0]
    host = Host()
    rows = windows(GPU_BLOCK + 5, of, n_times).transpose(0, 2, 1)
    shape = n_times, 5
    return (
        GpuStep(fuse(of, n_times), shape, host, acceleration, **more),
        CpuStep(fuse(of, n_times), shape, 1),
        rows,
        host,
    )


@pytest.mark.parametrize("acceleration", ["eager", "cuda-graph", "auto"])
@pytest.mark.parametrize("kind", [EEGNet, MegConv])
def test_a_gpu_is_asked_for_the_same_in_every_way(kind, acceleration):
    step, plain, rows, _ = pair(kind, acceleration)
    given = fuse(whole(kind), SMALL[kind][0]).given(1, None)
    wanted = in_blocks(plain, rows, given)
    for n in (1, 2, GPU_BLOCK, GPU_BLOCK + 5):
        assert far(in_blocks(step, rows[:n], given), wanted[:n]) < 1e-5


def test_a_batch_that_is_not_full_is_filled_with_zeros_and_cut():
    step, _, rows, host = pair(EEGNet, "cuda-graph")
    full = in_blocks(step, rows[:GPU_BLOCK])
    assert host.captured == 1
    np.testing.assert_array_equal(in_blocks(step, rows[:9]), full[:9])  # the very same graph
    assert host.captured == 1
    assert not step.rows[9:].any()


def test_one_graph_for_each_size_and_no_more():
    step, _, rows, host = pair(EEGNet, "cuda-graph")
    for n in (1, 2, 1, GPU_BLOCK, 3):
        in_blocks(step, rows[:n])
    assert host.captured == 2


def test_what_a_graph_said_is_not_overwritten_by_the_next():
    step, _, rows, _ = pair(EEGNet, "cuda-graph")
    first = in_blocks(step, rows[:1])
    kept = first.copy()
    in_blocks(step, rows[1:2])
    np.testing.assert_array_equal(first, kept)


def test_other_bad_channels_reach_a_captured_graph():
    step, plain, rows, _ = pair(MegConv, "cuda-graph")
    form = fuse(whole(MegConv), 40)
    some = [form.given(1, bad) for bad in (None, np.array([1, 0, 0, 1, 0], bool), np.array([0, 1, 0, 0, 0], bool))]
    for given in (*some, *some[::-1]):
        assert far(in_blocks(step, rows[:1], given), in_blocks(plain, rows[:1], given)) < 1e-5


@pytest.mark.parametrize(("eager", "graph", "way"), [(1.0, 2.0, "eager"), (2.0, 1.0, "CUDA graph")])
def test_auto_takes_what_is_faster_and_says_which(eager, graph, way):
    clock = Ticking(eager, graph)
    step, _, rows, host = pair(EEGNet, "auto", clock=clock)
    assert step.way == ""
    step.prepare()
    assert step.way == way
    assert clock.now == ROUNDS * (eager + graph)
    in_blocks(step, rows[:2])
    assert host.captured == (1 if way == "eager" else 2)  # the block goes the way of the single window
    assert clock.now == ROUNDS * (eager + graph)


class NoGraphs(Host):
    """A GPU that can capture nothing."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def capture(self, function):
        raise self.error


def step_on(gpu: Host, acceleration: str) -> GpuStep:
    return GpuStep(fuse(whole(EEGNet), 128), (128, 5), gpu, acceleration)


def test_auto_goes_on_without_a_graph_where_none_can_be_captured():
    refusal = RuntimeError("operation not permitted when stream is capturing")
    step = step_on(NoGraphs(refusal), "auto")
    step.prepare()
    assert step.way == "eager"
    with pytest.raises(RuntimeError, match="not permitted"):
        step_on(NoGraphs(refusal), "cuda-graph").prepare()
    with pytest.raises(torch.OutOfMemoryError):
        step_on(NoGraphs(torch.OutOfMemoryError("CUDA out of memory")), "auto").prepare()


def test_what_cannot_be_compiled_is_told_in_a_line(monkeypatch):
    def no_compiler(module, **options):
        assert options == {"mode": "max-autotune-no-cudagraphs", "dynamic": False}

        def call(*inputs):
            raise FileNotFoundError("no such file:\n triton")

        return call

    monkeypatch.setattr(torch, "compile", no_compiler)
    with pytest.raises(DecoderError, match=r'acceleration = "compile": .*no such file: triton.*"auto" would be right'):
        step_on(Host(), "compile").prepare()


def test_a_compiled_module_is_asked_in_place_of_the_network(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module, **options: module)
    step, plain, rows, host = pair(EEGNet, "compile")
    assert far(in_blocks(step, rows[:3]), in_blocks(plain, rows[:3])) < 1e-5
    assert (step.way, host.captured) == ("compiled", 0)


@pytest.mark.parametrize("kind", list(SMALL))
def test_every_network_is_compiled_whole(kind):
    """Without a break in the graph, and no shape is left open; what makes code of it (here: nothing) is not looked at."""
    form, (n_times, _) = fuse(whole(kind), SMALL[kind][0]), SMALL[kind]
    given, rows = form.given(1, None), torch.from_numpy(windows(3, whole(kind), n_times).transpose(0, 2, 1).copy())
    compiled = torch.compile(form, backend="eager", fullgraph=True, dynamic=False)
    with torch.inference_mode():
        for n in (1, 3):
            assert far(compiled(rows[:n], *given).numpy(), form(rows[:n], *given).numpy()) < 1e-6


def test_larger_batches_than_there_is_room_for_are_cut_up():
    step, plain, rows, host = pair(EEGNet, "eager", sizes=(3,))
    assert far(in_blocks(step, rows[:8]), in_blocks(plain, rows[:8])) < 1e-5
    assert host.captured == 0
    assert step.way == "eager"


def test_medians_are_taken_in_turns_after_a_warm_up():
    asked = []
    times = iter([0, 1, 1, 3, 3, 4, 4, 9, 9, 10, 10, 12])
    found = medians({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")}, 3, 2, lambda: next(times))
    assert found == {"a": 1, "b": 2}
    assert "".join(asked) == "ab" * (2 + 3)
    assert in_words(0.00027) == "0.27 ms"


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: unspecified launch failure",
        "CUDA driver error: device not ready",
        "Triton Error [CUDA]: an illegal memory access was encountered",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    ],
)
def test_what_pytorch_says_of_a_gpu_that_is_gone_is_a_lost_device(message):
    with pytest.raises(DeviceLost, match="cuda:0 is gone"), lost_if_gone(torch.device("cuda", 0)):
        raise RuntimeError(message)
    with pytest.raises(RuntimeError) as raised, lost_if_gone(torch.device("cuda", 0)):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")  # a mistake of ours is none
    assert not isinstance(raised.value, DeviceLost)


class Bare(nn.Module):
    """Asks a GPU for ever more memory."""

    def forward(self, rows):
        return rows.new_empty(1 << 50)


# ------------------------------------------------------------------ on a GPU


def on_gpu(kind, acceleration: str) -> Runner:
    form = ChunkRunner if kind is ConformerChunks else Runner
    return form(whole(kind), 5, SMALL[kind][0], torch.device("cuda"), 1, acceleration=acceleration)


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("acceleration", ["eager", "cuda-graph", "auto"])
@pytest.mark.parametrize("kind", list(SMALL))
def test_a_gpu_says_what_a_cpu_says(kind, acceleration):
    of, form = whole(kind), ChunkRunner if kind is ConformerChunks else Runner
    x = windows(GPU_BLOCK + 3, of, SMALL[kind][0])
    wanted = form(of, 5, SMALL[kind][0], torch.device("cpu"), 1).many(x, SUBJECTS, None)
    asked = on_gpu(kind, acceleration)
    assert far(np.array([asked.one(samples, SUBJECTS, None) for samples in x]), wanted) < 1e-4
    for n in (1, 2, GPU_BLOCK, len(x)):
        assert far(asked.many(x[:n], SUBJECTS, None), wanted[:n]) < 1e-4


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("kind", list(SMALL))
def test_a_graph_says_what_eager_mode_says_again_and_again(kind):
    x = windows(4, whole(kind), SMALL[kind][0])
    eager, graph = on_gpu(kind, "eager"), on_gpu(kind, "cuda-graph")
    assert (eager.way, graph.way) == ("eager", "CUDA graph")
    said = [graph.one(samples, SUBJECTS, None) for samples in x]
    assert far(np.array(said), np.array([eager.one(samples, SUBJECTS, None) for samples in x])) < 1e-5
    for i in (3, 1, 0, 2, 1, 3):
        np.testing.assert_array_equal(graph.one(x[i], SUBJECTS, None), said[i])


@needs_gpu
@pytest.mark.gpu
def test_bad_channels_reach_a_graph_on_a_gpu():
    x, bad = windows(1, whole(MegConv), 40)[0], np.array([1, 0, 0, 1, 0], bool)
    cpu = Runner(whole(MegConv), 5, 40, torch.device("cpu"), 1)
    asked = on_gpu(MegConv, "cuda-graph")
    for shut in (None, bad, None, ~bad):
        assert far(asked.one(x, 1, shut), cpu.one(x, 1, shut)) < 1e-4


@needs_gpu
@pytest.mark.gpu
def test_no_memory_left_is_a_lost_device(monkeypatch):
    asked = on_gpu(EEGNet, "eager")
    asked._step = asked._step_of(Bare(), asked.shape)
    with pytest.raises(DeviceLost, match="out of memory"):
        asked.one(windows(1, whole(EEGNet), 128)[0], 0, None)


@needs_gpu
@pytest.mark.gpu
def test_a_compiled_network_says_the_same():
    x = windows(3, whole(EEGNet), 128)
    asked, eager = on_gpu(EEGNet, "compile"), on_gpu(EEGNet, "eager")
    assert asked.way == "compiled"
    assert far(asked.many(x, 0, None), eager.many(x, 0, None)) < 1e-4


def test_no_memory_left_on_the_cpu_is_no_lost_device():
    asked = Runner(whole(EEGNet), 5, 128, torch.device("cpu"), 1)
    asked._step = asked._step_of(Bare(), asked.shape)
    with pytest.raises(RuntimeError, match="memory") as raised:
        asked.one(windows(1, whole(EEGNet), 128)[0], 0, None)
    assert not isinstance(raised.value, DeviceLost)
