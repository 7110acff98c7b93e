"""What tests look at in a session that runs, and in what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests import live

FAKE = "./fake_gpu.py:Fake"


def decoder(session: Path, name: str) -> dict[str, Any]:
    """The status of one decoder, empty while there is none."""
    return live.status_of(session).get("decoders", {}).get(name, {})


def decoded(session: Path, name: str) -> int:
    """Decisions of one decoder so far."""
    return decoder(session, name).get("decoded", 0)


def ended(process: subprocess.Popen[str], session: Path) -> tuple[dict[str, Any], str]:
    """The report, and all that the session printed, after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=40)
    assert process.returncode == 0, out
    return json.loads((session / "report.json").read_text()), out


def origins(session: Path, name: str) -> list[tuple[str | None, bool]]:
    """Device and exactness at every beginning of one decoder."""
    lines = (session / "decisions" / f"{name}.origins.jsonl").read_text().splitlines()
    return [(one["device"], one["exact"]) for one in map(json.loads, lines)]
