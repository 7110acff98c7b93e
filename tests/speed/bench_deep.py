"""From a window to log-probabilities: networks as they are trained, fused, with onnxruntime, in batches, and on a GPU.

Run ``OMP_NUM_THREADS=1 python tests/speed/bench_deep.py [--json] [--calls 300] [--compiled] [network ...]``. One thread of
the CPU; all variants of a network are asked in turns, so that whatever else the machine does hits all of them alike. Weights
are random: time does not depend on them. Windows lie one behind the other in a stream, but for "chunks kept", where each
begins with the last chunk of the one before it. "Begins" is how many seconds a variant takes until it has decided a first
window and a first batch.

``--compiled``: the fused network by torch.compile too, whole (``fullgraph``), in its default mode. On a CPU nothing but this
benchmark does that; it shows whether ``acceleration = "compile"`` can take a network, not what it gains on a GPU.
"""

from __future__ import annotations

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from rtbci.types import Channel, StreamInfo, Window
from rtbci_deep import device as devices
from rtbci_deep.classifiers import ConformerChunks, EegNet, Fnn, Shallow, SimpleConv1d
from rtbci_deep.decoder import NetworkDecoder
from rtbci_deep.embedders import Atm, Embedder, MegConvolution, Nice
from rtbci_deep.inference.chunks import ChunkRunner
from rtbci_deep.inference.fused import fuse
from rtbci_deep.inference.onnx_runner import FOR_EXPORT, export, is_there
from rtbci_deep.inference.runner import Runner
from rtbci_deep.inference.runtimes import Chosen, fingerprint
from rtbci_deep.inference.steps import CpuStep
from rtbci_deep.shape import Shape, text_to_array
from rtbci_deep.state import State
from rtbci_deep.whole import Whole

WAYS = ("eager", "cuda-graph", "compile")
WARM_UP, BATCH, BATCHES, PICTURES = 30, 64, 5, 200
CLOCKS = [time.perf_counter]
"""The last one counts; ``--processor-time`` adds the thread's own, on a CPU that others keep busy."""


@dataclass(frozen=True)
class Case:
    """A decoder, its window, and how many values its network gives."""

    make: Callable[..., NetworkDecoder]
    n_chans: int
    n_times: int
    rate: float
    n_outputs: int = 4
    published: str = ""


CASES = {
    "eegnet": Case(EegNet, 22, 1000, 250.0, published="2.5 eager, .63 onnxruntime, .27 arithmetic"),
    "shallow": Case(Shallow, 22, 1000, 250.0),
    "simpleconv 85,1,15": Case(SimpleConv1d, 22, 380, 95.0, published="2.1 - 6.3"),
    "simpleconv 109,4,8": Case(
        partial(SimpleConv1d, fm=109, n_convs=4, kernel=8), 22, 280, 70.0, published="2.1 - 6.3"
    ),
    "conformer-chunks": Case(ConformerChunks, 22, 1000, 250.0, published="6.7, 3.4 with chunks kept"),
    "fnn": Case(Fnn, 22, 1000, 250.0),
    "nice": Case(Nice, 63, 250, 250.0, 1024, published="6.2 eager, 3.1 frozen, 15 onnxruntime, .47 arithmetic"),
    "atm": Case(Atm, 63, 250, 250.0, 1024, published="7.8"),
    "meg-conv 1.5 s": Case(MegConvolution, 272, 181, 120.0, 768, published="19.7"),
    "meg-conv .25 s": Case(MegConvolution, 272, 31, 120.0, 768, published="12.7"),
}


@dataclass
class Row:
    """What was measured of one variant of one network: milliseconds of a window, windows a second in batches of 64.

    ``difference`` is the largest one of log-probabilities from those of the first variant, for the same windows;
    ``begins_s`` how many seconds it took until the first window and the first batch were decided.
    """

    network: str
    variant: str
    p50_ms: float = float("nan")
    p99_ms: float = float("nan")
    per_second: float = float("nan")
    difference: float = float("nan")
    memory_mb: float = float("nan")
    begins_s: float = float("nan")
    said: list[np.ndarray] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Without what was said."""
        return {key: value for key, value in vars(self).items() if key != "said"}


class AsTrained:
    """A runner that asks the network as it is trained."""

    way = ""

    def __init__(self, whole: Whole, n_chans: int, n_times: int, device: torch.device, threads: int, **more) -> None:
        self.device, self.threads = device, threads
        self.whole = whole.to(device).eval()
        self.x = torch.zeros(1, n_chans, n_times)

    def one(self, samples, subject, bad):
        self.x.numpy()[0] = samples
        return self.ask(self.x, subject)[0]

    def at(self, samples, start):
        return self.one(samples, 0, None)

    def many(self, windows, subject, bad):
        return self.ask(torch.from_numpy(np.array(windows, np.float32, order="C")), subject)

    def ask(self, x, subject):
        devices.use_threads(self.threads)
        with torch.inference_mode():
            whose = torch.full((len(x),), subject, dtype=torch.int64, device=self.device)
            said = self.whole(x.to(self.device), whose, None)
            return (said[0] if isinstance(said, tuple) else said).float().cpu().numpy()


class AsTrainedChunks(AsTrained, ChunkRunner):
    """The same for a decoder that wants to be asked about chunks."""


class Compiled(Runner):
    """A runner whose functions are compiled, each of them whole; what cannot be is an error."""

    def _step_of(self, module, shape):
        return CpuStep(torch.compile(module, fullgraph=True, dynamic=False), shape, self.threads)


class CompiledChunks(Compiled, ChunkRunner):
    """The same for chunks: encoder and head."""


RUNNERS = {"as trained": (AsTrained, AsTrainedChunks), "compiled": (Compiled, CompiledChunks)}
"""Of variants that no decoder has by itself: for windows, and for windows in chunks."""


def decoder_of(case: Case, arrays: dict, variant: str, exported: bytes | None, **more) -> NetworkDecoder:
    """A decoder with the weights of ``arrays``, as ``variant`` says."""
    decoder = case.make(**more)
    if variant in RUNNERS:  # only this one: the class stays as it is
        decoder.RUNNER = RUNNERS[variant][isinstance(decoder, ConformerChunks)]
    chosen = Chosen() if exported is None else Chosen("onnx", np.frombuffer(exported, np.uint8), fingerprint(arrays))
    decoder.restore({**arrays, **chosen.arrays()})
    decoder.prepare(info_of(case), case.n_times, 4)
    return decoder


def info_of(case: Case) -> StreamInfo:
    return StreamInfo("bench", case.rate, tuple(Channel(f"C{k}") for k in range(case.n_chans)))


def arrays_of(case: Case, seed: int = 0) -> dict:
    """What a decoder of random weights would save; embeddings are held against 200 pictures."""
    torch.manual_seed(seed)
    decoder = case.make()
    positions = np.random.default_rng(1).uniform(size=(case.n_chans, 2)).astype(np.float32)
    n_classes = PICTURES if isinstance(decoder, Embedder) else case.n_outputs
    shape = Shape(case.n_chans, case.n_times, n_classes, case.n_outputs, case.rate, ("S1",), positions)
    whole = Whole(decoder._network(shape), case.n_chans, decoder.clip)
    whole.centre.normal_()
    whole.spread.uniform_(0.5, 2.0)
    arrays = State(shape, whole.eval()).arrays()
    if isinstance(decoder, Embedder):
        bank = np.random.default_rng(2).standard_normal((PICTURES, case.n_outputs)).astype(np.float32)
        arrays |= {
            "meta/classes": bank / np.linalg.norm(bank, axis=1, keepdims=True),
            "meta/space_id": text_to_array("bench"),
            "meta/logit_scale": np.array(14.0),
            "meta/similarity_scale": np.array(14.0),
            "meta/item_scale": np.array(14.0),
            "meta/normalise": np.array([True, True]),
        }
    else:
        arrays["meta/temperature"] = np.array(1.0)
    return arrays


def exported_of(case: Case, arrays: dict) -> bytes | None:
    if not all(is_there(name) for name in FOR_EXPORT):
        return None
    decoder = case.make()
    decoder.restore(arrays)
    assert decoder._state is not None
    network = fuse(decoder._state.whole, case.n_times)
    part, shape = decoder.RUNNER.part(network, case.n_times, case.n_chans)
    return export(part, shape, network.given(0, None) if part is network else ())


class Asked:
    """A decoder that is asked about window after window of a stream."""

    def __init__(self, make: Callable[[], NetworkDecoder], case: Case, hop: int) -> None:
        self.case, self.hop = case, hop
        n = case.n_times + 64 * hop
        self.stream = np.random.default_rng(3).standard_normal((n, case.n_chans)).astype(np.float32)
        self.staging = np.zeros((case.n_times, case.n_chans), np.float32)
        self.view = self.staging.T
        self.view.flags.writeable = False
        began = time.perf_counter()
        self.decoder = make()
        self.seconds: list[float] = []
        self.ask(0)
        self.per_second()
        self.begins, self.seconds = time.perf_counter() - began, []

    def ask(self, k: int) -> np.ndarray:
        start = k % 64 * self.hop
        self.staging[:] = self.stream[start : start + self.case.n_times]
        first = k * self.hop  # a stream does not begin again, so no chunk is found by accident
        window = Window(self.view, first, first + self.case.n_times - 1, 0.0, 0.0, fresh=self.hop)
        began = CLOCKS[-1]()
        said = self.decoder.predict(window)
        self.seconds.append(CLOCKS[-1]() - began)
        return said

    def per_second(self) -> float:
        starts = np.arange(BATCH, dtype=np.int64) * self.hop
        windows = np.stack([self.stream[s : s + self.case.n_times].T for s in starts])
        began = CLOCKS[-1]()
        self.decoder.predict_many(windows, starts)
        return BATCH / (CLOCKS[-1]() - began)


def measured(name: str, case: Case, variants: dict[str, Asked], calls: int) -> list[Row]:
    """All variants in turns: single windows, then batches."""
    rows = {variant: Row(name, variant) for variant in variants}
    for k in range(WARM_UP + calls):
        for variant, asked in variants.items():
            said = asked.ask(k)
            if k < 20:
                rows[variant].said.append(said)
    first = next(iter(variants))
    for variant, asked in variants.items():
        milliseconds = 1e3 * np.array(asked.seconds[WARM_UP:])
        rows[variant].begins_s = asked.begins
        rows[variant].p50_ms, rows[variant].p99_ms = (float(np.percentile(milliseconds, q)) for q in (50, 99))
        if asked.hop == variants[first].hop:
            rows[variant].difference = float(np.abs(np.array(rows[variant].said) - np.array(rows[first].said)).max())
    rates: dict[str, list[float]] = {variant: [] for variant in variants}
    for _ in range(1 + BATCHES):
        for variant, asked in variants.items():
            rates[variant].append(asked.per_second())
    for variant, found in rates.items():
        rows[variant].per_second = float(np.median(found[1:]))
    return list(rows.values())


def on_cpu(name: str, case: Case, calls: int, compiled: bool) -> list[Row]:
    arrays, hop = arrays_of(case), case.n_times
    exported = exported_of(case, arrays)

    def of(variant: str, **more) -> Callable[[], NetworkDecoder]:
        return partial(decoder_of, case, arrays, variant, exported if "runtime" in more else None, device="cpu", **more)

    variants = {
        "as trained": Asked(of("as trained"), case, hop),
        "fused": Asked(of("fused"), case, hop),
    }
    if compiled:
        variants["fused, compiled"] = Asked(of("compiled"), case, hop)
    if exported is not None:
        variants["onnxruntime"] = Asked(of("onnxruntime", runtime="onnx"), case, hop)
    if case.make is ConformerChunks:
        variants["fused, chunks kept"] = Asked(of("fused"), case, hop // 2)
        if exported is not None:
            variants["onnxruntime, chunks kept"] = Asked(of("onnxruntime", runtime="onnx"), case, hop // 2)
    return measured(name, case, variants, calls)


def on_gpu(name: str, case: Case, calls: int, ways: list[str]) -> list[Row]:
    """The ``ways`` of running on a GPU, and the memory that each takes with batches of 1 and 64."""
    arrays, variants, memory = arrays_of(case), {}, {}
    for way in ways:
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        make = partial(decoder_of, case, arrays, way, None, device="cuda", acceleration=way)
        variants[f"GPU, {way}"] = Asked(make, case, case.n_times)
        memory[f"GPU, {way}"] = (torch.cuda.memory_allocated() - before) / 1e6
    rows = measured(name, case, variants, calls)
    for row in rows:
        row.memory_mb = memory[row.variant]
    return rows


def together(name: str, case: Case, calls: int) -> list[Row]:
    """Two decoders of one kind: a window of each, one after the other and in one batch."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    one, other = (decoder_of(case, arrays_of(case, seed), "fused", None, device=device) for seed in (0, 1))
    samples = np.random.default_rng(4).standard_normal((2, case.n_chans, case.n_times)).astype(np.float32)
    took: dict[str, list[float]] = {"two, alone": [], "two, joined": []}
    for k in range(WARM_UP + calls):
        first = 2 * k * case.n_times  # no chunk is known
        windows = [Window(x, first, first + case.n_times - 1, 0.0, 0.0) for x in samples]
        ways = {
            "two, alone": lambda w=windows: [one.predict(w[0]), other.predict(w[1])],
            "two, joined": lambda w=windows: one.predict_joined([other], w),
        }
        for variant, ask in ways.items():
            began = time.perf_counter()
            ask()
            took[variant].append(time.perf_counter() - began)
    rows = []
    for variant, seconds in took.items():
        p50, p99 = np.percentile(1e3 * np.array(seconds[WARM_UP:]), (50, 99))
        rows.append(Row(name, f"{variant} ({device})", float(p50), float(p99)))
    return rows


def main() -> None:
    """Print a Markdown table, or with ``--json`` one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=300, help="windows of each variant")
    parser.add_argument("--only-gpu", action="store_true", help="leave the CPU out")
    parser.add_argument("--compiled", action="store_true", help="on the CPU compiled, too")
    parser.add_argument(
        "--processor-time", action="store_true", help="of the one thread, where the machine is busy (CPU)"
    )
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS, help="of running on a GPU")
    parser.add_argument("--joined", action="store_true", help="two decoders in one batch, too")
    options = parser.parse_args()
    if options.processor_time:
        CLOCKS.append(time.thread_time)
    torch.set_num_threads(1)
    devices.keep_memory()
    load = os.getloadavg()[0]
    about = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__, "load": round(load, 1)}
    about["clock"] = CLOCKS[-1].__name__
    if not options.json:
        print(
            f"{about}; windows to log-probabilities, one thread; ms p50 (p99), windows a second in batches of {BATCH}\n"
        )
        print("| network | window | variant | ms | windows/s | largest difference | MB | begins, s | reference, ms |")
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
    rows: list[Row] = []
    for name, case in CASES.items():
        if options.networks and name not in options.networks:
            continue
        found: list[Row] = []
        if not options.only_gpu:
            found += on_cpu(name, case, options.calls, options.compiled)
        if torch.cuda.is_available():
            found += on_gpu(name, case, options.calls, options.ways)
        if options.joined:
            found += together(name, case, options.calls)
        rows += found
        if not options.json:  # at once: a lease may end before the last network
            print("\n".join(map(_in_words, found)), flush=True)
    if options.json:
        print(json.dumps({**about, "calls": options.calls, "rows": [row.as_json() for row in rows]}))


def _in_words(row: Row) -> str:
    case = CASES[row.network]
    return (
        f"| {row.network} | {case.n_chans} x {case.n_times} | {row.variant} | {row.p50_ms:.2f} ({row.p99_ms:.2f}) "
        f"| {_number(row.per_second)} | {_number(row.difference, '.0e')} | {_number(row.memory_mb)} "
        f"| {_number(row.begins_s, '.2f')} | {case.published} |"
    )


def _number(value: float, form: str = ".0f") -> str:
    return "" if np.isnan(value) else format(value, form)


if __name__ == "__main__":
    main()
