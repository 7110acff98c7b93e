"""What a session takes from its machine, and what the machine has left: processor, memory, disk, GPU memory.

A figure that is not to be had is missing or None, never 0. Who shows it says "unknown".
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
OLD_SECONDS = 5.0
"""Figures that are older are not told: a disk that does not answer holds up whoever looks."""
GPU_SECONDS = 2.0
"""Between two looks at the memory of GPUs, each of which asks the driver."""


class GpuMemory:
    """How full the GPUs are that this process uses; it asks torch, but only where a decoder has loaded and begun it."""

    def __init__(self, modules: Mapping[str, Any] = sys.modules, clock: Callable[[], float] = time.monotonic) -> None:
        self._modules = modules
        self._clock = clock
        self._looked = -GPU_SECONDS
        self._known: list[dict[str, Any]] = []

    def look(self) -> list[dict[str, Any]]:
        """``name``, ``used_mb`` and ``total_mb`` (of 10^6 bytes, by all processes) of each, and its ``device`` number."""
        if self._clock() - self._looked >= GPU_SECONDS:
            self._looked = self._clock()
            self._known = self._ask()
        return self._known

    def _ask(self) -> list[dict[str, Any]]:
        torch = self._modules.get("torch")
        if torch is None or not hasattr(torch, "cuda") or not torch.cuda.is_initialized():
            return []
        try:
            # a GPU that this process keeps nothing on is left alone: to ask after it would put a context there
            mine = [i for i in range(torch.cuda.device_count()) if torch.cuda.memory_reserved(i) > 0]
            return [self._memory(torch, i) for i in mine]
        except RuntimeError as error:  # a GPU that has just been lost; its decoder will tell
            log.warning("GPU memory is unknown: %s", error)
            return []

    @staticmethod
    def _memory(torch: Any, device: int) -> dict[str, Any]:
        free, total = torch.cuda.mem_get_info(device)
        name = str(torch.cuda.get_device_name(device))
        return {"device": device, "name": name, "used_mb": (total - free) / 1e6, "total_mb": total / 1e6}


def merged(reports: Iterable[Iterable[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """GPUs that several workers have reported, each once, as the one that sees most of it in use does."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for gpu in (gpu for report in reports for gpu in report):
        key = int(gpu["device"]), str(gpu["name"])
        if key not in found or gpu["used_mb"] > found[key]["used_mb"]:
            found[key] = dict(gpu)
    return [found[key] for key in sorted(found)]


class Host:
    """Looks at the machine once a second, in a thread of its own; whoever asks gets what was seen last.

    Parameters
    ----------
    folder : gives where recordings go; the disk that is watched is the one that it is on, or will be.
    pids : gives the processes whose processor time and memory count besides this one's.
    gpus : gives what workers have reported of GPUs (`GpuMemory.look`).
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        pids: Callable[[], Iterable[int]] = tuple,
        gpus: Callable[[], Iterable[Iterable[Mapping[str, Any]]]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._pids = pids
        self._gpus = gpus
        self._clock = clock
        self._processes: dict[int, tuple[psutil.Process, float]] = {}
        self._machine: tuple[float, float] | None = None
        self._spent_at: float | None = None
        self._seen: dict[str, Any] = {}
        self._seen_at = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="host", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. A look that is held up by a disk is not waited for."""
        self._end.set()

    def _work(self) -> None:
        while True:
            try:
                self.look()
            except (OSError, psutil.Error, RuntimeError) as error:
                log.debug("the machine was not looked at: %s", error)
            if self._end.wait(LOOK_SECONDS):
                return

    def status(self) -> dict[str, Any]:
        """What was seen last; nothing where that is too long ago.

        ``cpu`` (percent of the machine), ``n_cpus``, ``session_cpu`` (percent of one core), ``memory_mb``, ``disk_free``
        (bytes) and ``gpu`` (of each, what `GpuMemory.look` gives).
        """
        return {} if self._clock() - self._seen_at > OLD_SECONDS else dict(self._seen)

    def look(self) -> dict[str, Any]:
        """Look now. Loads are of the time since the last look: the first one knows none."""
        spent, memory = self._session()
        seen = {
            "cpu": self._load(),
            "n_cpus": psutil.cpu_count(),
            "session_cpu": spent,
            "memory_mb": memory,
            "disk_free": disk_free(self._folder()),
            "gpu": merged(self._gpus()),
        }
        self._seen, self._seen_at = seen, self._clock()
        return dict(seen)

    def _load(self) -> float | None:
        """Percent of the machine's processor time that somebody used since the last look."""
        times = psutil.cpu_times()._asdict()
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)  # part of user and nice
        idle = times["idle"] + times.get("iowait", 0.0)
        before, self._machine = self._machine, (total, idle)
        if before is None or total <= before[0]:
            return None
        share = float((idle - before[1]) / (total - before[0]))
        return round(min(100.0, max(0.0, 100.0 * (1.0 - share))), 1)

    def _session(self) -> tuple[float | None, float | None]:
        """Percent of one core since the last look, and megabytes of memory that are the session's processes' own."""
        now = self._clock()
        spent, memory = 0.0, 0
        processes: dict[int, tuple[psutil.Process, float]] = {}
        for pid in {os.getpid(), *self._pids()}:
            try:
                process, before = self._processes.get(pid) or (psutil.Process(pid), None)
                with process.oneshot():
                    times, held = process.cpu_times(), process.memory_info()
            except psutil.Error:
                continue  # it has ended in this very moment, or is not ours to ask
            total = times.user + times.system
            # one that has come since the last look has spent all of its time since
            spent += total - (before if before is not None else 0.0)
            # what is shared, the samples and libraries above all, would be counted once for each process
            memory += held.rss - getattr(held, "shared", 0)
            processes[pid] = (process, total)
        self._processes = processes
        since, self._spent_at = self._spent_at, now
        load = None if since is None or now <= since else round(100.0 * spent / (now - since), 1)
        return load, round(memory / 1e6, 1) if processes else None


def disk_free(folder: Path) -> int | None:
    """Bytes that are free for this user where ``folder`` is, or will be made; None where that cannot be told."""
    for place in (folder, *folder.absolute().parents):
        try:
            return int(psutil.disk_usage(str(place)).free)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.debug("free space of %s is unknown: %s", place, error)
            return None
    return None
