"""A session that records until somebody kills it: ``python killed_session.py FOLDER``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from small_session import LiveSession, decision_of

from rtbci.types import Marker

if __name__ == "__main__":
    live = LiveSession(Path(sys.argv[1]), capacity=120_000, decoders=("riemann",))
    decisions = live.decide("riemann", 0, 0)
    live.recorder.start()
    print("recording", flush=True)
    for i in range(10_000):
        live.push(10)
        if i % 10 == 0:
            live.mark(Marker(100.0 + i / 100, f"T{i % 3}", None, "cues"))
            decisions.add(decision_of(i // 10))
        time.sleep(0.01)
