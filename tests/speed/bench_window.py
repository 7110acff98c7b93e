"""What a frame of the whole window costs, beside pyqtgraph's `PlotDataItem`s and beside ``mne-lsl viewer``, on one stream.

    python tests/speed/bench_window.py --seconds 20 [--mne-lsl /path/to/python/with/mne-lsl] [--json]

For 64 and for 306 channels at 1 kHz, a sender process streams noise over LSL (µV for EEG, fT for MEG). On that stream, one
after the other in every round, each in a process of its own:

    window      the window with all panels open and in sight, attached to ``rtbci run`` with two decoders that each decide
                ten times a second
    items       one ``PlotDataItem`` a channel over the same ring, downsampled to peaks and clipped to the view
    mne-lsl     ``mne-lsl viewer``'s own window, with its own inlet, buffer and settings, its update called by us

All show 10 s. A frame is: look at what has come, and be painted, from the call of the update to the end of Qt's painting; it
is begun every 1/60 s, or at once where the one before took longer. Shown on an X server of its own (Xvfb, 1920 x 1080) where
there is one: everything is painted by the processor.

With ``--memory MINUTES`` the window alone runs that long, with its timer, and its resident memory is looked at each minute.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

RATE, SECONDS, FRAME = 1000.0, 10.0, 1.0 / 60.0
DECODER = """
[[decoder]]
name = "{name}"
use = "tests.speed.bench_window:Guess"
window = 1.0
hop = 0.1
"""
EXPERIMENT = """name = "frames"

[source]
use = "lsl"
name = "{stream}"
type = "{kind}"

[classes]
left = ["1"]
right = ["2"]

[trial]
start = 0.0
stop = 2.0
"""


class Guess:
    """A decoder that costs nothing: what is measured is the window."""

    def fit(self, windows: Any, labels: Any) -> Guess:
        """Nothing to learn."""
        return self

    def predict(self, window: Any) -> Any:
        """Sure of the sign of the newest sample."""
        import numpy as np

        return np.log([0.7, 0.3] if window.samples[0, -1] > 0 else [0.3, 0.7])

    def arrays(self) -> dict[str, Any]:
        """What the model file keeps."""
        import numpy as np

        return {"nothing": np.zeros(1)}

    def restore(self, arrays: Any) -> None:
        """Nothing to restore."""


# the processes ------------------------------------------------------------------------------------------------------


def send(name: str, n_channels: int) -> None:
    """Stream noise until killed, in chunks of 20 ms, with a marker every 4 s."""
    import numpy as np
    import pylsl

    meg = n_channels > 256
    info = pylsl.StreamInfo(name, "MEG" if meg else "EEG", n_channels, RATE, "float32", name)
    channels = info.desc().append_child("channels")
    for k in range(n_channels):
        channel = channels.append_child("channel")
        kind = ("mag" if k % 3 == 0 else "grad") if meg else "eeg"
        label = f"MEG{k:04d}" if meg else f"E{k}"
        for key, value in (
            ("label", label),
            ("type", kind),
            ("unit", {"eeg": "uV", "mag": "fT", "grad": "fT/cm"}[kind]),
        ):
            channel.append_child_value(key, value)
    outlet = pylsl.StreamOutlet(info, chunk_size=20, max_buffered=60)
    marks = pylsl.StreamOutlet(pylsl.StreamInfo(f"{name}-markers", "Markers", 1, 0.0, "string", f"{name}-m"))
    rng = np.random.default_rng(0)
    noise = (20 * rng.standard_normal((8000, n_channels))).astype(np.float32)
    began, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began) * RATE) // 20 * 20
        while sent < due:
            rows = np.arange(sent, sent + 20) % len(noise)
            outlet.push_chunk(noise[rows])
            sent += 20
            if sent % 4000 == 0:
                marks.push_sample([str(1 + sent // 4000 % 2)])
        time.sleep(0.005)


def frames(update: Callable[[], object], app: Any, seconds: float) -> dict[str, Any]:
    """Draw for ``seconds`` and say what a frame took, in ms, and how many there were a second."""
    import numpy as np

    took: list[float] = []
    began = due = time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        update()
        app.processEvents()
        took.append(time.perf_counter() - start)
        due = max(due + FRAME, time.perf_counter())
        while (left := due - time.perf_counter()) > 0:
            time.sleep(min(left, 0.002))
            app.processEvents()
    ms = 1e3 * np.array(took[len(took) // 5 :])  # the first fifth is getting warm
    p50, p99 = np.percentile(ms, (50, 99))
    return {"p50_ms": float(p50), "p99_ms": float(p99), "per_second": len(took) / (time.perf_counter() - began)}


def window(run_folder: str, seconds: float) -> dict[str, Any]:
    """The window with all panels in sight."""
    shown, app = opened(run_folder)
    shown._timer.stop()
    result = frames(shown.tick, app, seconds)
    result["panels"] = sorted(name for name in shown.panels if shown.docks.in_sight(name))
    shown.leave()
    return result


def opened(run_folder: str) -> tuple[Any, Any]:
    """The window on ``run_folder``, large, with all panels beside each other."""
    from PySide6.QtWidgets import QApplication

    from rtbci_ui import theme
    from rtbci_ui.preferences import Preferences
    from rtbci_ui.run import Run
    from rtbci_ui.window import MainWindow

    app = QApplication([])
    theme.apply(app, "dark")
    shown = MainWindow(Run(Path(run_folder)), preferences=Preferences(Path(tempfile.mkdtemp()) / "none.ini"))
    shown.resize(1920, 1080)
    shown.show()
    shown.docks.spread()
    until = time.monotonic() + 4.0
    while time.monotonic() < until:
        app.processEvents()
        time.sleep(0.01)
    shown.panels["traces"].all_channels()
    return shown, app


def items(run_folder: str, seconds: float) -> dict[str, Any]:
    """PlotDataItems over the session's ring."""
    import numpy as np
    import pyqtgraph as pg

    from rtbci.ring import Ring
    from rtbci.runfolder import RunFolder

    app = pg.mkQApp()
    ring = Ring.attach(RunFolder(Path(run_folder)).raw)
    plot = pg.PlotWidget()
    plot.resize(1920, 1080)
    plot.setYRange(-100 * ring.n_channels, 100)
    plot.disableAutoRange()
    curves = [plot.plot(pen=pg.mkPen(200, 200, 255)) for _ in range(ring.n_channels)]
    for curve in curves:  # what its documentation advises for long curves
        curve.setDownsampling(auto=True, method="peak")
        curve.setClipToView(True)
    plot.show()
    n = int(SECONDS * RATE)
    x = np.arange(n) / RATE
    plot.setXRange(0, SECONDS, padding=0)

    def update() -> None:
        written = ring.written
        samples = ring.view(max(written - n, 0), written)[0]
        for k, curve in enumerate(curves):
            curve.setData(x[: len(samples)], samples[:, k] - 100.0 * k)

    return frames(update, app, seconds)


def mne_lsl(stream: str, seconds: float) -> dict[str, Any]:
    """``mne-lsl viewer`` as it makes itself; only its timer is ours. Runs in the interpreter that has mne-lsl."""
    from mne_lsl.lsl import StreamInlet, resolve_streams
    from mne_lsl.stream_viewer.control_gui.control_eeg import ControlGUI_EEG
    from mne_lsl.stream_viewer.scope.scope_eeg import ScopeEEG
    from qtpy.QtWidgets import QApplication

    found = resolve_streams(timeout=5.0, name=stream)
    inlet = StreamInlet(found[0])
    inlet.open_stream()
    app = QApplication([])
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        time.sleep(0.05)
    control = ControlGUI_EEG(ScopeEEG(inlet))
    backend = control._backend
    backend._timer.stop()
    backend._win.resize(1920, 1080)
    result = frames(backend._update_loop, app, seconds)
    result["page_s"] = backend._xRange
    os._exit(_print(result))  # its window asks on closing


def _print(result: dict[str, Any]) -> int:
    print("RESULT " + json.dumps(result), flush=True)
    return 0


def memory(run_folder: str, minutes: float) -> dict[str, Any]:
    """Resident memory in MB of the window, each minute."""
    shown, app = opened(run_folder)
    seen: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < 60.0 * minutes:
        until = time.monotonic() + 60.0
        while time.monotonic() < until:
            app.processEvents()
            time.sleep(0.002)
        fields = Path("/proc/self/statm").read_text().split()
        seen.append(int(fields[1]) * os.sysconf("SC_PAGESIZE") / 1e6)
        print(f"minute {len(seen)}: {seen[-1]:.0f} MB", file=sys.stderr, flush=True)
    shown.leave()
    return {"mb": seen}


# the rounds ---------------------------------------------------------------------------------------------------------


def child(python: str, which: str, *arguments: object) -> dict[str, Any]:
    """Run one consumer and return what it says."""
    command = [python, __file__, "--child", which, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{which}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(lines[-1][7:])
    return result


def session(folder: Path, stream: str, n_channels: int) -> tuple[subprocess.Popen[bytes], str]:
    """A session of two decoders on ``stream``; its process and run folder."""
    from rtbci.runfolder import read_json

    experiment = folder / "experiment.toml"
    experiment.write_text(
        EXPERIMENT.format(stream=stream, kind="MEG" if n_channels > 256 else "EEG")
        + DECODER.format(name="first")
        + DECODER.format(name="second")
    )
    model = folder / "model.rtbci"
    make_model(experiment, model, n_channels, folder)
    place = folder / "session"
    command = [sys.executable, "-m", "rtbci", "run", experiment, "--model", model, "--headless", "--session", place]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=(folder / "session.err").open("wb"), cwd=ROOT
    )
    until = time.monotonic() + 60.0
    while time.monotonic() < until and process.poll() is None:
        fields = read_json(place / "session.json") if place.exists() else None
        status = read_json(Path((fields or {}).get("run_folder", "/none")) / "status.json") if fields else None
        if status and status["state"] == "live" and status["samples"]["received"] > 12 * RATE:
            return process, fields["run_folder"] if fields else ""
        time.sleep(0.25)
    raise SystemExit(f"the session did not begin: {(folder / 'session.err').read_text()[-2000:]}")


def make_model(experiment: Path, model: Path, n_channels: int, folder: Path) -> None:
    """A model of both decoders, trained on a minute of noise with markers."""
    import mne
    import numpy as np

    rng = np.random.default_rng(1)
    meg = n_channels > 256
    names = [f"MEG{k:04d}" if meg else f"E{k}" for k in range(n_channels)]
    kinds = [("mag" if k % 3 == 0 else "grad") if meg else "eeg" for k in range(n_channels)]
    raw = mne.io.RawArray(1e-6 * rng.standard_normal((n_channels, int(40 * RATE))), mne.create_info(names, RATE, kinds))
    raw.set_annotations(mne.Annotations(np.arange(2, 38, 3), 0, [str(1 + k % 2) for k in range(12)]))
    recording = folder / "noise_raw.fif"
    raw.save(recording, verbose="error")
    command = [sys.executable, "-m", "rtbci", "train", experiment, "--recording", recording, "--out", model]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd=ROOT)


def main() -> None:
    """Print a table, or with ``--json`` one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each consumer in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--channels", type=int, nargs="+", default=[64, 306])
    parser.add_argument("--mne-lsl", metavar="PYTHON", help="an interpreter that has mne-lsl and a Qt binding")
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="only look at the window's memory this long")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.child:
        act(given.child)
        return
    from tests.speed.bench_decision_age import display
    from tests.speed.lab import own_lab

    table: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch, display() as (where, environment):
        own_lab(Path(scratch))
        os.environ.update(environment, PYTHONPATH=str(ROOT))
        for n_channels in given.channels:
            stream = f"frames-{uuid.uuid4().hex[:8]}"
            folder = Path(scratch) / str(n_channels)
            folder.mkdir()
            sender = subprocess.Popen([sys.executable, __file__, "--child", "send", stream, str(n_channels)])
            running, run_folder = session(folder, stream, n_channels)
            try:
                if given.memory:
                    table[f"{n_channels} memory"] = [child(sys.executable, "memory", run_folder, given.memory)]
                    continue
                for _ in range(given.rounds):
                    for which, python, what in (
                        ("window", sys.executable, run_folder),
                        ("items", sys.executable, run_folder),
                        ("mne_lsl", given.mne_lsl, stream),
                    ):
                        if python:
                            found = child(python, which, what, given.seconds)
                            table.setdefault(f"{n_channels} {which}", []).append(found)
                            print(n_channels, which, found, file=sys.stderr, flush=True)
            finally:
                running.terminate()
                running.wait(30)
                sender.kill()
    if given.json:
        print(json.dumps({"display": where, "table": table}))
        return
    print(f"{where}; median of rounds; ms of a frame")
    for name, rounds in table.items():
        print(
            name,
            *(
                f"{k} {sorted(r[k] for r in rounds)[len(rounds) // 2]:.1f}"
                for k in rounds[0]
                if k != "mb" and isinstance(rounds[0][k], float)
            ),
        )


def act(words: list[str]) -> None:
    """Be one of the processes."""
    which, rest = words[0], words[1:]
    if which == "send":
        send(rest[0], int(rest[1]))
    elif which == "mne_lsl":
        mne_lsl(rest[0], float(rest[1]))
    else:
        _print({"window": window, "items": items, "memory": memory}[which](rest[0], float(rest[1])))


if __name__ == "__main__":
    main()
