"""What a frame of scrolling traces costs: rtbci's ring of columns beside pyqtgraph curves, in one run.

``python tests/speed/bench_traces.py [--json]``; offscreen unless QT_QPA_PLATFORM or a display says otherwise.

A frame is: 16 or 17 new samples (60 Hz at 1 kHz) are in the ring, the view takes them in, and the widget is painted. Both
get the same samples, the same size and the same 10 s page. Times are medians in milliseconds; pyqtgraph is measured on fewer
frames, because it takes long.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication

from rtbci.ring import Ring
from rtbci.types import Channel, Marker, StreamInfo
from rtbci_ui import theme
from rtbci_ui.views.traces import LEFT, TraceView

RATE, SECONDS, SIZE = 1000.0, 10.0, (1600, 900)


class Feeder:
    """Noise into a ring, a frame's worth at a time."""

    def __init__(self, n_channels: int) -> None:
        self.ring = Ring.create(None, 30_000, n_channels)
        rng = np.random.default_rng(0)
        self._noise = (20 * rng.standard_normal((8000, n_channels))).astype(np.float32)
        self._at = 0
        self._due = 0.0
        for _ in range(20):
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


def run(n_channels: int) -> dict[str, dict[str, float]]:
    """Both ways with ``n_channels``, and what a whole redraw costs."""
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
    found["gain change"] = measure(view.repaint, lambda: view.change_gain(1), feeder, 20)
    found["time base change"] = measure(view.repaint, view._rebuild, feeder, 20)
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
            print(f"{n:>4} channels  {way:<24}{took['median']:>9.2f} ({took['p95']:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
