"""What is known of the machine: figures of real processes and disks, and nothing where nothing can be known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from rtbci.host import OLD_SECONDS, GpuMemory, Host, disk_free, merged


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


BURNS = """
import sys
kept = bytearray(200_000_000)
for i in range(0, len(kept), 4096): kept[i] = 1
x = 0
for i in range(20_000_000): x += i
print("burnt", flush=True)
sys.stdin.read()
"""


class TestHost:
    def test_the_first_look_knows_no_loads_and_the_next_one_does(self, tmp_path: Path) -> None:
        clock = Clock()
        host = Host(lambda: tmp_path, clock=clock)
        first = host.look()
        assert first["cpu"] is None
        assert first["session_cpu"] is None
        assert first["n_cpus"] == psutil.cpu_count()
        assert first["memory_mb"] > 1.0
        assert first["gpu"] == []
        busy = psutil.Process().cpu_times().user
        while psutil.Process().cpu_times().user < busy + 0.1:  # the machine counts in steps of 10 ms
            pass
        clock.time += 1.0
        second = host.look()
        assert 0.0 < second["cpu"] <= 100.0
        assert 10.0 <= second["session_cpu"] < 500.0
        assert host.status() == second

    def test_other_processes_of_the_session_count(self, tmp_path: Path) -> None:
        clock = Clock()
        child = subprocess.Popen([sys.executable, "-c", BURNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert child.stdout is not None
            alone = Host(lambda: tmp_path, clock=clock)
            both = Host(lambda: tmp_path, lambda: [child.pid], clock=clock)
            alone.look(), both.look()
            assert child.stdout.readline() == b"burnt\n"
            used = psutil.Process(child.pid).cpu_times().user
            clock.time += 1.0
            mine, ours = alone.look(), both.look()
            assert used > 0.3
            assert ours["session_cpu"] - mine["session_cpu"] == pytest.approx(100.0 * used, abs=60.0)
            assert 200.0 < ours["memory_mb"] - mine["memory_mb"] < 400.0
            child.kill()
            child.wait()
            gone = both.look()
            assert gone["memory_mb"] == pytest.approx(mine["memory_mb"], abs=50.0)
        finally:
            child.kill()
            child.communicate()

    def test_a_look_that_is_held_up_leaves_nothing_that_is_old(self, tmp_path: Path) -> None:
        clock = Clock()
        host = Host(lambda: tmp_path, clock=clock)
        assert host.status() == {}
        host.look()
        assert host.status()["disk_free"] > 0
        clock.time += OLD_SECONDS + 0.1
        assert host.status() == {}

    def test_it_looks_by_itself(self, tmp_path: Path) -> None:
        looked = __import__("threading").Event()

        def folder() -> Path:
            looked.set()
            return tmp_path

        host = Host(folder)
        host.start()
        assert looked.wait(20.0)
        host.stop()
        host._thread.join(20.0)
        assert not host._thread.is_alive()
        assert host.status()["disk_free"] == pytest.approx(disk_free(tmp_path), rel=0.5)


class TestDisk:
    def test_free_bytes_of_the_disk_on_which_the_folder_is_or_will_be(self, tmp_path: Path) -> None:
        there = os.statvfs(tmp_path)
        for folder in (tmp_path, tmp_path / "not" / "yet"):
            assert disk_free(folder) == pytest.approx(there.f_bavail * there.f_frsize, rel=0.2)

    def test_a_place_that_cannot_be_asked_is_unknown(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        assert disk_free(tmp_path / "file" / "below") is None


class Cuda:
    """What is asked of torch, for two GPUs of which one is used."""

    def __init__(self, *, begun: bool = True, broken: bool = False) -> None:
        self.begun = begun
        self.broken = broken
        self.asked: list[int] = []
        self.cuda = self

    def is_initialized(self) -> bool:
        return self.begun

    def device_count(self) -> int:
        return 2

    def memory_reserved(self, device: int) -> int:
        return (0, 5_000_000)[device]

    def mem_get_info(self, device: int) -> tuple[int, int]:
        if self.broken:
            raise RuntimeError("CUDA error: the device is lost")
        self.asked.append(device)
        return 6_000_000_000, 8_000_000_000

    def get_device_name(self, device: int) -> str:
        return "Paper Tiger"


PAPER = {"device": 1, "name": "Paper Tiger", "used_mb": 2000.0, "total_mb": 8000.0}


class TestGpu:
    def test_only_gpus_that_this_process_uses_are_asked(self) -> None:
        torch = Cuda()
        assert GpuMemory({"torch": torch}).look() == [PAPER]
        assert torch.asked == [1]

    @pytest.mark.parametrize(
        "modules", [{}, {"torch": Cuda(begun=False)}, {"torch": Cuda(broken=True)}, {"torch": SimpleNamespace()}]
    )
    def test_where_torch_is_not_loaded_or_has_begun_no_gpu_there_is_none(self, modules: dict[str, Any]) -> None:
        assert GpuMemory(modules).look() == []

    def test_the_driver_is_asked_every_other_second(self) -> None:
        torch, clock = Cuda(), Clock()
        gpu = GpuMemory({"torch": torch}, clock)
        for _ in range(9):
            gpu.look()
            clock.time += 0.5
        assert len(torch.asked) == 3

    def test_a_gpu_of_several_workers_is_one(self) -> None:
        other = {**PAPER, "device": 0}
        assert merged([[PAPER], [], [{**PAPER, "used_mb": 2500.0}, other]]) == [other, {**PAPER, "used_mb": 2500.0}]

    def test_torch_is_not_loaded_to_be_asked(self) -> None:
        code = "import sys; from rtbci.host import GpuMemory; print(GpuMemory().look(), 'torch' in sys.modules)"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert said == "[] False\n"
