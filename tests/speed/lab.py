"""What the benchmarks of live sessions share: an LSL lab of their own, and the processor time of another process."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

CONFIG = """[ports]
IPv6 = disable

[multicast]
ResolveScope = machine

[lab]
KnownPeers = {{127.0.0.1}}
SessionID = {session}
"""


def own_lab(folder: Path) -> None:
    """Let every process that is started from here see only the streams of this benchmark; the settings go to ``folder``."""
    path = folder / "lsl_api.cfg"
    path.write_text(CONFIG.format(session=f"rtbci-bench-{uuid.uuid4().hex[:12]}"))
    os.environ["LSLAPICFG"] = str(path)


def cpu_seconds(pid: int) -> float:
    """User and system time of process ``pid``, all its threads, in seconds (Linux; steps of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
