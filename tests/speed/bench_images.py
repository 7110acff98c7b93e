"""Live decoded images: from a window's last sample to the pictures on screen, and what a generator does to decisions.

    python tests/speed/bench_images.py [--seconds 30] [--turns 3] [--json]

A viewer of the bundled bank is streamed in this machine by a process of its own; a session decodes with a decoder that is
locked to markers and one that slides 20 times a second. In turns: nothing is drawn; the trained generator draws; a generator
draws that keeps a processor busy for two seconds at each picture. Each turn is a session of its own, so all three meet
whatever else the machine does. A window (off screen, 1600 x 900) looks at the run folder in this process with its images in
front; a picture is on screen when the gallery's paint event is over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np

from rtbci import bundled
from rtbci.bank import Bank

DECODERS = ("locked", "free-running")
SLOW = '''
import time
import numpy as np
from rtbci.bank import Bank


class Slow:
    """Keeps a processor busy for two seconds at each picture."""

    space_id = ""

    def prepare(self, bank):
        self.space_id = Bank.open(bank).space_id

    def render(self, embedding, go_on):
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            np.linalg.svd(np.random.default_rng(0).standard_normal((120, 120)))
        return np.zeros((64, 64, 3), np.uint8)
'''


def rtbci(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rtbci", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}: {done.stderr}")


def drawn(window: Any, name: str, seen: dict[str, list[float]]) -> None:
    """Note when the gallery has painted what it had not painted before."""
    feed = window.run.retrievals.get(name)
    gallery = window.panels["images"].view.gallery
    paint, last = gallery.paintEvent, [-1.0]

    def painted(event: Any) -> None:
        newest = gallery.newest
        paint(event)
        if newest is not None and newest.signal_time > last[0]:
            if last[0] >= 0:
                seen.setdefault(name, []).append(window.run.now() - newest.signal_time)
            last[0] = newest.signal_time

    assert feed is not None
    gallery.paintEvent = painted


def turn(experiment: Path, model: Path, name: str, seconds: float, which: str) -> dict[str, Any]:
    """One session; ages of its decisions, of what was painted, and pictures that were drawn."""
    from PySide6.QtWidgets import QApplication

    from rtbci_ui import theme
    from rtbci_ui.run import Run
    from rtbci_ui.window import MainWindow

    app = QApplication.instance() or QApplication(["bench"])
    theme.apply(app)
    folder = Path(tempfile.mkdtemp()) / "session"
    person = subprocess.Popen([sys.executable, "-m", "rtbci", "simulated-subject", "images", "--name", name])
    command = ["run", experiment, "--model", model, "--headless", "--seconds", seconds, "--session", folder]
    session = subprocess.Popen(
        [sys.executable, "-m", "rtbci", *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    seen: dict[str, list[float]] = {}
    status: dict[str, Any] = {}
    try:
        while not (folder / "session.json").exists() or "run_folder" not in (folder / "session.json").read_text():
            time.sleep(0.1)
        run_folder = Path(json.loads((folder / "session.json").read_text())["run_folder"])
        window = MainWindow(Run(run_folder))
        window.resize(1600, 900)
        window.show()
        window.docks.reveal("images")
        watched = False
        while session.poll() is None:
            app.processEvents()
            time.sleep(0.001)
            if (
                not watched
                and window.panels["images"].view is not None
                and window.run.retrievals.get(which) is not None
            ):
                window.select(which)
                drawn(window, which, seen)
                watched = True
            if (run_folder / "status.json").exists():
                now = time.monotonic()
                if now - status.get("looked", 0.0) > 1.0:
                    renderer = json.loads((run_folder / "status.json").read_text()).get("renderer")
                    status = {"looked": now, "renderer": renderer or status.get("renderer")}
        window.leave()
    finally:
        person.kill()
        person.wait()
    ages = {}
    for decoder in DECODERS:
        lines = (folder / "decisions" / f"{decoder}.jsonl").read_text().splitlines()
        ages[decoder] = [one["ready_time"] - one["signal_time"] for one in map(json.loads, lines)]
    return {"ages": ages, "painted": seen, "renderer": status.get("renderer")}


def main() -> None:
    """Print a Markdown table, or with ``--json`` one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    name = f"bench {os.getpid()}"
    plain = bundled.write_demo_experiment(scratch, name, "pictures")
    text = plain.read_text()
    (scratch / "slow.py").write_text(SLOW)
    bank = Bank.open(bundled.pictures())
    generator = scratch / "generator"
    rtbci("bank", "train-generator", bank.path, "--out", generator, "--epochs", 2)
    ways = {
        "nothing is drawn": "",
        "trained generator": f'\n[renderer]\nuse = "generator"\npath = "{generator}"\n',
        "two busy seconds a picture": '\n[renderer]\nuse = "./slow.py:Slow"\n',
    }
    for way, extra in ways.items():
        (scratch / f"{way}.toml").write_text(text.split("\n[renderer]")[0] + extra)
    model = scratch / "model.rtbci"
    rtbci("train", plain, "--recording", bundled.calibration("pictures"), "--out", model)
    ages: dict[str, dict[str, list[float]]] = {way: {decoder: [] for decoder in DECODERS} for way in ways}
    painted: dict[str, dict[str, list[float]]] = {way: {decoder: [] for decoder in DECODERS} for way in ways}
    pictures = dict.fromkeys(ways, 0)
    for k in range(given.turns):
        for way in ways:
            found = turn(scratch / f"{way}.toml", model, name, given.seconds, DECODERS[k % 2])
            for decoder in DECODERS:
                ages[way][decoder] += found["ages"][decoder]
                painted[way][decoder] += found["painted"].get(decoder, [])
            pictures[way] += (found["renderer"] or {}).get("drawn", 0)
    rows = [
        {
            "renderer": way,
            "decoder": decoder,
            "decisions": len(ages[way][decoder]),
            "decided_ms": percentiles(ages[way][decoder]),
            "painted": len(painted[way][decoder]),
            "painted_ms": percentiles(painted[way][decoder]),
            "pictures": pictures[way],
        }
        for way in ways
        for decoder in DECODERS
    ]
    if given.json:
        print(json.dumps(rows))
        return
    print("| renderer | decoder | decisions | decided, ms: p50, p95, p99 | painted | on screen, ms | pictures drawn |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        decided, shown = (
            ", ".join(f"{value:.1f}" for value in row[key]) if row[key] else "" for key in ("decided_ms", "painted_ms")
        )
        print(
            f"| {row['renderer']} | {row['decoder']} | {row['decisions']} | {decided} | {row['painted']} | {shown} "
            f"| {row['pictures']} |"
        )


def percentiles(seconds: list[float]) -> list[float]:
    return [round(float(v), 2) for v in np.percentile(1e3 * np.array(seconds), [50, 95, 99])] if seconds else []


if __name__ == "__main__":
    main()
