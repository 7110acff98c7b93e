"""What a frame of scrolling traces costs: rtbci's ring of columns beside pyqtgraph curves, in one run.

``python tests/speed/bench_traces.py [--json]``; offscreen unless QT_QPA_PLATFORM or a display says otherwise.

A frame is: 16 or 17 new samples (60 Hz at 1 kHz) are in the ring, the view takes them in, and the widget is painted. Both
get the same samples, the same size and the same 10 s page. Times are medians in milliseconds; pyqtgraph is measured on fewer
frames, because it takes long.

"longest step": of the frames that a change takes (a picture that is too much for one frame comes in pieces), the one that
took the window's thread longest, in processor time, so that other work on the machine does not count; median and 95th
percentile of ten changes, with 10 s and with 60 s on the page, live and while looking back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication

from rtbci.ring import Ring
from rtbci.types import Channel, Marker, StreamInfo
from rtbci_ui import theme
from rtbci_ui.traces.filtering import Choice
from rtbci_ui.views.traces import LEFT, TraceView

RATE, SECONDS, SIZE = 1000.0, 10.0, (1600, 900)


class Feeder:
    """Noise into a ring, a frame's worth at a time."""

    def __init__(self, n_channels: int) -> None:
        self.ring = Ring.create(None, 90_000, n_channels)
        rng = np.random.default_rng(0)
        self._noise = (20 * rng.standard_normal((8000, n_channels))).astype(np.float32)
        self._at = 0
        self._due = 0.0
        for _ in range(80):
            self._push(1000)

    def _push(self, n: int) -> None:
        rows = np.arange(self._at, self._at + n)
        self.ring.push(self._noise[rows % len(self._noise)], rows / RATE, 0.0)
        self._at += n

    def frame(self) -> None:
        """Samples of one frame."""
        self._due += RATE / 60
        n = int(self._due)
        self._due -= n
        self._push(n)


class Curves(pg.PlotWidget):
    """One curve per channel over the page's samples, as one would write it with pyqtgraph."""

    def __init__(self, ring: Ring) -> None:
        super().__init__()
        self._ring = ring
        n = ring.n_channels
        self._x = np.arange(int(SECONDS * RATE)) / RATE
        self._offsets = np.arange(n, dtype=np.float32) * 100
        self._curves = [pg.PlotCurveItem(pen=pg.mkPen("#7cc4f2", width=1), skipFiniteCheck=True) for _ in range(n)]
        for curve in self._curves:
            self.addItem(curve)
        self.getPlotItem().disableAutoRange()
        self.setXRange(0, SECONDS, padding=0)
        self.setYRange(-100, n * 100, padding=0)

    def refresh(self) -> None:
        """Hand every curve its page."""
        stop = self._ring.written
        samples, _, _ = self._ring.view(stop - len(self._x), stop)
        page = np.ascontiguousarray(samples.T) + self._offsets[:, None]
        for curve, row in zip(self._curves, page, strict=True):
            curve.setData(self._x, row)


def measure(show: Callable[[], None], refresh: Callable[[], None], feeder: Feeder, frames: int) -> dict[str, float]:
    """Median and 95th percentile of one frame in ms: ``refresh`` takes the samples in, ``show`` paints."""
    took = []
    for i in range(frames + 3):
        feeder.frame()
        begun = time.perf_counter()
        refresh()
        show()
        if i >= 3:  # the first frames compile and lay out
            took.append((time.perf_counter() - begun) * 1e3)
    return {"median": round(float(np.median(took)), 3), "p95": round(float(np.percentile(took, 95)), 3)}


def longest_steps(view: TraceView, feeder: Feeder, show: Callable[[], None]) -> dict[str, dict[str, float]]:
    """What changes cost at most in one frame."""

    def step(do: Callable[[], object]) -> float:
        begun = time.thread_time()
        do()
        show()
        return (time.thread_time() - begun) * 1e3

    def settle(do: Callable[[], object] = lambda: None) -> float:
        took = [step(do)]
        quiet = 0
        while quiet < 5:
            time.sleep(0.004)
            feeder.frame()
            took.append(step(view.refresh))
            quiet = 0 if view.looking._past.busy or view.picture.unfinished else quiet + 1
        return max(took)

    def changes(*ways: Callable[[], object]) -> dict[str, float]:
        took = [settle(do) for _ in range(5) for do in ways]
        return {"median": round(float(np.median(took)), 1), "p95": round(float(np.percentile(took, 95)), 1)}

    found = {"longest step: gain": changes(lambda: view.change_gain(1), lambda: view.change_gain(-1))}
    for seconds in (10.0, 60.0):
        for where in ("live", "back"):
            view.freeze(False)
            view.filter(Choice())
            view.show_seconds(seconds)
            settle()
            if where == "live":
                found[f"longest step: pause, {seconds:g} s"] = changes(
                    lambda: view.freeze(True), lambda: view.freeze(False)
                )
            else:
                settle(lambda: view.looking.move(-0.2))
            name = f"{where}, {seconds:g} s"
            found[f"longest step: filter, {name}"] = changes(
                lambda: view.filter(Choice(1.0, 40.0, 50.0)), lambda: view.filter(Choice())
            )
            found[f"longest step: time base, {name}"] = changes(
                partial(view.show_seconds, seconds / 2), partial(view.show_seconds, seconds)
            )
    return found


def run(n_channels: int) -> dict[str, dict[str, float]]:
    """Both ways with ``n_channels``, and what changes cost."""
    app = QApplication.instance() or QApplication(["bench"])
    theme.apply(app)
    feeder = Feeder(n_channels)
    info = StreamInfo("bench", RATE, tuple(Channel(f"C{i}") for i in range(n_channels)))
    markers: list[Marker] = []
    view = TraceView(feeder.ring, info, markers, lambda: None, SECONDS)
    view.resize(*SIZE)
    view.show()
    app.processEvents()
    view.rescale()
    view.show_all(True)

    def show() -> None:
        view.repaint(view.rect().adjusted(LEFT, 0, 0, 0))  # what refresh() asks Qt for

    found = {"ring image": measure(show, view.refresh, feeder, 600)}
    markers.extend(Marker((feeder.ring.written - 1000 * k) / RATE, f"T{k}") for k in range(9, 0, -1))
    found["ring image, 9 markers"] = measure(show, view.refresh, feeder, 300)
    found |= longest_steps(view, feeder, show)
    view.looking.close()
    view.hide()
    curves = Curves(feeder.ring)
    curves.resize(*SIZE)
    curves.show()
    app.processEvents()
    found["pyqtgraph curves"] = measure(
        curves.viewport().repaint, curves.refresh, feeder, 40 if n_channels < 100 else 15
    )
    curves.hide()
    return found


def main() -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results = {str(n): run(n) for n in (64, 306)}
    if given.json:
        print(json.dumps(results))
        return 0
    print(
        f"{SIZE[0]}x{SIZE[1]}, {SECONDS:g} s at {RATE:g} Hz, {os.environ['QT_QPA_PLATFORM']}; ms a frame: median (p95)"
    )
    for n, ways in results.items():
        for way, took in ways.items():
            print(f"{n:>4} channels  {way:<36}{took['median']:>9.2f} ({took['p95']:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
