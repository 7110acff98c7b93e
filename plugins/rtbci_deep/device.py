"""Where a network runs: which device was asked for, which there is, and what it means when one goes away."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rtbci.errors import DecoderError, DeviceLost

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As glibc's malloc.h numbers them."""
GONE = (
    "CUDA error", "CUDA driver error", "out of memory", "device-side assert", "illegal memory access",
    "driver shutting down", "CUBLAS_STATUS", "CUDNN_STATUS",
)  # fmt: skip
"""What PyTorch's messages, and those of kernels that it has compiled, hold when a GPU cannot be used any more, or has no
memory left."""


def find(wanted: str) -> tuple[torch.device, str | None]:
    """The device that ``wanted`` means ("auto", "cpu", "cuda", "cuda:1"), and a sentence where it is not what was asked for.

    Raises
    ------
    DecoderError
        For a name that is no device.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu"), None
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise DecoderError(f'device = "{wanted}": "auto", "cpu", "cuda" or "cuda:1" would be right') from error
    if device.type == "cpu":
        return torch.device("cpu"), None
    if device.type != "cuda":
        raise DecoderError(f'device = "{wanted}": "auto", "cpu", "cuda" or "cuda:1" would be right')
    if not torch.cuda.is_available():
        why = "this PyTorch is built without CUDA" if torch.version.cuda is None else "PyTorch sees no GPU"
        return torch.device("cpu"), f'device = "{wanted}", but {why}: it runs on the CPU'
    if (device.index or 0) >= torch.cuda.device_count():
        return torch.device("cuda:0"), f'device = "{wanted}", but there is only cuda:0: it runs there'
    return device, None


def of_rank(device: torch.device) -> torch.device:
    """The GPU of this process, where several on one machine train together (torchrun says which by LOCAL_RANK)."""
    if device.type != "cuda":
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def in_words(device: torch.device, threads: int) -> str:
    """``cpu (AVX512, torch 2.13.0), 1 thread`` or ``cuda:0 (NVIDIA H100, torch 2.13.0)``: all that rounding depends on."""
    version = torch.__version__.partition("+")[0]
    if device.type == "cpu":
        kind = torch.backends.cpu.get_cpu_capability()
        return f"cpu ({kind}, torch {version}), {threads} thread{'s' * (threads != 1)}"
    return f"cuda:{device.index or 0} ({torch.cuda.get_device_name(device)}, torch {version})"


def use_threads(threads: int) -> None:
    """Let PyTorch use that many threads of the CPU in this process: rounding depends on it."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def keep_memory() -> None:
    """Let the C library keep memory that PyTorch gives back, where it is glibc.

    Feature maps of tens of megabytes are otherwise given back to the kernel and asked for again at every layer: a step of
    EEGNet (64 windows of 64 x 320) took 485 ms so, 148 of them in the kernel, and 290 with this.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library, which may not have the habit
        return
    for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(parameter, 1 << 30)


def exact_arithmetic() -> None:
    """No TensorFloat-32 and no algorithms chosen by timing: the same network gives the same bits again."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


@contextmanager
def lost_if_gone(device: torch.device) -> Iterator[None]:
    """Turn what PyTorch raises when ``device`` is gone, or has no memory left, into DeviceLost.

    On the CPU nothing is a lost device: what is raised there is passed on.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceLost(f"{device}: out of memory ({_line(error)})") from error
    except RuntimeError as error:
        if device.type == "cpu" or not any(sign in str(error) for sign in GONE):
            raise
        raise DeviceLost(f"{device} is gone ({_line(error)})") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
