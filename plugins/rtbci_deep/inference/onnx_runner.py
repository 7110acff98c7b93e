"""Predicting on a CPU with onnxruntime: the fused network as one ONNX model, made once after training and kept with it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from rtbci.errors import DecoderError
from rtbci_deep.inference.steps import Array, Given

if TYPE_CHECKING:
    import onnxruntime

OPSET = 20
"""The first with GELU; onnxruntime 1.17 and later have it."""
IR_VERSION = 10
"""Of the file: the newest that onnxruntime 1.20 reads."""
FOR_EXPORT = ("onnx", "onnxscript", "onnxruntime")
"""What must be there to export and try a model; to run it, onnxruntime is enough."""


def require_packages(runtime: str) -> None:
    """Raise DecoderError where what ``runtime`` needs after training is not installed."""
    missing = [name for name in FOR_EXPORT if not is_there(name)]
    if missing:
        raise DecoderError(
            f'runtime = "{runtime}": needs {", ".join(missing)}, not installed here; '
            'pip install "rtbci[onnx]", or runtime = "torch", would be right'
        )


def is_there(package: str) -> bool:
    """Whether ``package`` can be imported."""
    return find_spec(package) is not None


def export(module: nn.Module, shape: Sequence[int], given: Given) -> bytes:
    """``module`` for one row of ``shape`` and what is ``given`` beside it, as an ONNX model; the terminal stays quiet.

    Raises
    ------
    DecoderError
        When the exporter cannot.
    """
    row = torch.zeros(1, *shape)
    try:
        with _quiet(), torch.inference_mode(False), torch.no_grad():
            plain = tuple(
                tensor.clone() for tensor in given
            )  # none of inference mode, which the exporter does not take
            program = torch.onnx.export(module, (row, *plain), opset_version=OPSET, dynamo=True, verbose=False)
    except Exception as error:
        cause = (
            error.__cause__ or error
        )  # what the exporter itself says is coloured advice on how to change the network
        reason = " ".join(str(cause).split())[:200]
        raise DecoderError(
            f"{type(module).__name__} could not be exported to ONNX ({type(cause).__name__}: {reason}); "
            'runtime = "torch" would be right'
        ) from error
    assert program is not None
    model = program.model_proto
    model.ir_version = min(model.ir_version, IR_VERSION)
    serialised: bytes = model.SerializeToString()
    return serialised


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints its progress, warns of its own code, and logs that torchvision is not there."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


class OnnxStep:
    """Runs an exported function with onnxruntime, row by row; see `rtbci_deep.inference.steps.Step`.

    Parameters
    ----------
    model : as `export` gave it. shape : of a row.
    threads : of the CPU, within an operation; operations follow one another.

    Raises
    ------
    DecoderError
        When onnxruntime does not take ``model``.
    """

    def __init__(self, model: bytes, shape: Sequence[int], threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3  # errors
        if threads > 1:  # between windows, threads that spin take the cores of others
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of classes that onnxruntime makes in C++
            reason = " ".join(str(error).split())[:200]
            raise DecoderError(f"onnxruntime {onnxruntime.__version__} does not take the model ({reason})") from error
        self.way = f"onnxruntime {onnxruntime.__version__}"
        self.rows: Array = torch.zeros(1, *shape).numpy()
        self._names = [each.name for each in self._session.get_inputs()]

    def __call__(self, n: int, given: Given = ()) -> Array:
        """See `Step`."""
        inputs = [self.rows, *(tensor.numpy() for tensor in given)]
        # one row fits, so n is 1
        said: Array = np.asarray(self._session.run(None, dict(zip(self._names, inputs, strict=True)))[0], np.float32)
        return said

    def prepare(self, given: Given = ()) -> None:
        """See `Step`."""
        self(1, given)
