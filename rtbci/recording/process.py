"""Whether the process that wrote something down is still the one that runs under its number."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def birth(pid: int) -> str | None:
    """What tells process ``pid`` from later ones with the same number: boot and start time; None where it cannot be told.

    Linux only: field 22 of ``/proc/PID/stat`` (proc(5)), in clock ticks since the boot.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # the name in field 2 may hold blanks and brackets; what follows the last bracket does not
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}:{fields[18]}"


def is_alive(pid: int, born: str | None) -> bool:
    """Whether the process ``pid`` that had `birth` ``born`` still runs on this machine."""
    if sys.platform == "linux":
        now = birth(pid)
        return now is not None and (born is None or now == born)
    elif sys.platform == "win32":  # pragma: no cover - os.kill(pid, 0) would end the process there
        import ctypes

        synchronize, still_running = 0x00100000, 0x102
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(synchronize, False, pid)
        if not handle:
            return False
        running: bool = kernel.WaitForSingleObject(handle, 0) == still_running
        kernel.CloseHandle(handle)
        return running
    else:  # pragma: no cover - macOS
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
