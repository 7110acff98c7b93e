"""Evoked responses as they build up: for each class all channels over each other, and the head at one time."""

from __future__ import annotations

import math
from html import escape

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.signal.averages import Average, field_power
from rtbci_ui.signal.colours import DIVERGING, SEQUENTIAL
from rtbci_ui.signal.epoch_filter import FILTERS, JUDGED
from rtbci_ui.signal.evoked import LIMITS, Evoked
from rtbci_ui.signal.evoked_plot import EvokedPlot
from rtbci_ui.signal.plots import Line, words
from rtbci_ui.signal.sites import Sites
from rtbci_ui.signal.topography import Topography

SHOWN = 4
"""Classes beside each other; more are paged through."""


class _Cell(QWidget):
    """One class: curves above, head below."""

    def __init__(self) -> None:
        super().__init__()
        self.title = words(dim=False)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.plot = EvokedPlot()
        self.map = Topography(DIVERGING, background=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addWidget(self.plot, 5)
        layout.addWidget(self.map, 4)
        self.drawn: tuple[object, ...] = ()
        self.strength = 0.0


class EvokedView(QWidget):
    """A cell for every class; all have the same scale, so that they can be compared.

    The head shows the time under the mouse, or where a class's field is strongest. `picked` is sent with the number of a
    channel that was clicked on a head.
    """

    picked = Signal(int)

    def __init__(self, model: Evoked) -> None:
        super().__init__()
        self._model = model
        self._sites: Sites | None = None
        self.kind = "eeg"
        self.channel = 0
        self.bads: frozenset[str] = frozenset()
        self.names: tuple[str, ...] = ()
        self.page = 0
        self.pointed_at: float | None = None
        self._range = self._map_range = 0.0
        self._picked: list[int] = []
        self.cells: list[_Cell] = []
        self.facts = Line()
        self.limit = QComboBox()
        self.limit.addItems(["no limit" if math.isinf(limit) else f"{limit:.0f} µV" for limit in LIMITS])
        self.limit.setCurrentIndex(LIMITS.index(model.limit))
        self.limit.setToolTip(
            f"Epochs in which a good EEG channel exceeds this peak to peak are left out; drifts do not count ({JUDGED.text})"
        )
        self.limit.currentIndexChanged.connect(lambda k: model.set_limit(LIMITS[k]))
        self.filter = QComboBox()
        self.filter.addItems(["unfiltered" if choice.off else choice.text for choice in FILTERS])
        self.filter.setToolTip(
            "What averages are seen through; recording and decoders never see it. A high-pass takes drifts away, and makes\n"
            "slow waves such as a P300 smaller."
        )
        self.filter.currentIndexChanged.connect(lambda k: model.set_filter(FILTERS[k]))
        self.more = QPushButton()
        self.more.setToolTip("Show the next classes")
        self.more.clicked.connect(self.next_page)
        self.more.hide()
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("Begin the averages anew with the markers that come from now on")
        self.reset.clicked.connect(model.reset)
        top = QHBoxLayout()
        top.setContentsMargins(6, 2, 6, 0)
        top.addWidget(self.facts, 1)
        above = words("leave out above")
        for widget in (self.more, self.filter, above, self.limit, self.reset):
            top.addWidget(widget)
        above.setVisible(model.holds_limit)
        self.limit.setVisible(model.holds_limit)
        self.waiting = words("waiting for markers")
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._row = QHBoxLayout()
        self._row.setSpacing(6)
        self._row.addWidget(self.waiting)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(self._row, 1)

    def show_sites(self, sites: Sites, kind: str, channels: list[int]) -> None:
        """Look at the ``channels`` of ``kind``, which sit at ``sites``."""
        where = {int(channel): k for k, channel in enumerate(self._model.picked)}
        self._sites, self.kind = sites, kind
        self._picked = [where[c] for c in channels if c in where]
        self._range = self._map_range = 0.0
        for cell in self.cells:
            self._place(cell)

    def _place(self, cell: _Cell) -> None:
        if self._sites is not None:
            cell.map.colour_map = SEQUENTIAL if self.kind == "grad" else DIVERGING
            cell.map.set_positions(self._sites.xy, self._sites.names)
            cell.map.setVisible(len(self._sites.xy) > 0)
            cell.map.select(self._sites.of(self.channel))
        cell.drawn = ()

    def show_channel(self, channel: int) -> None:
        """Mark a channel."""
        self.channel = channel
        for cell in self.cells:
            cell.map.select(self._sites.of(channel) if self._sites is not None else None)
            cell.drawn = ()

    def next_page(self) -> None:
        """Show the next classes."""
        self.page += 1
        for cell in self.cells:
            cell.drawn = ()

    def point(self, seconds: float | None) -> None:
        """Show the heads at ``seconds`` after the marker; None: where each class's field is strongest."""
        self.pointed_at = seconds

    def refresh(self) -> None:
        """Draw at most one cell that has changed."""
        averages = list(self._model.averages.values())
        pages = max(1, -(-len(averages) // SHOWN))
        self.page %= pages
        shown = averages[self.page * SHOWN : (self.page + 1) * SHOWN]
        self.more.setVisible(pages > 1)
        if pages > 1:
            self.more.setText(f"classes {self.page * SHOWN + 1}–{self.page * SHOWN + len(shown)} of {len(averages)} ▸")
        self.waiting.setVisible(not shown)
        while len(self.cells) < len(shown):
            cell = _Cell()
            cell.plot.pointed.connect(self.point)
            cell.map.picked.connect(self._pick)
            self._place(cell)
            self._row.addWidget(cell, 1)
            self.cells.append(cell)
        for k, cell in enumerate(self.cells):
            cell.setVisible(k < len(shown))
        self._say()
        for k, (cell, average) in enumerate(zip(self.cells, shown, strict=False)):
            if cell.drawn != self._state(cell, average):
                self._draw(cell, average, self.page * SHOWN + k)
                self._map_range = _round_up(max(other.strength for other in self.cells[: len(shown)]))
                cell.drawn = self._state(cell, average)
                return

    def _state(self, cell: _Cell, average: Average) -> tuple[object, ...]:
        ranges = (self._range, self._map_range)
        return average.name, average.version, self.pointed_at, *ranges, cell.plot.size(), self.bads

    def _pick(self, site: int) -> None:
        if self._sites is not None:
            self.picked.emit(int(self._sites.at(site)[0]))

    def _say(self) -> None:
        model = self._model
        parts = []
        if model.offenders:
            worst = max(model.offenders, key=lambda name: model.offenders[name])
            parts.append(f"left out mostly for {worst} ({model.offenders[worst]} of {sum(model.offenders.values())})")
            if not any(average.kept for average in model.averages.values()):
                parts[0] += ": raise the limit, or mark it bad"
        parts.append(f"{self._filtered()}, less the mean of the 200 ms before the marker")
        if model.unclassed:
            parts.append(f"{model.unclassed} markers of no class")
        if self._sites is not None and self._sites.without:
            parts.append(self._sites.missing_words())
        self.facts.say("   ".join(parts))

    def _filtered(self) -> str:
        """What the filter does to what is seen."""
        choice, delay = self._model.filter.choice, self._model.filter.delay / self._model.rate
        late = f", its delay of {1000 * delay:.0f} ms taken off" if delay else ""
        return "unfiltered" if choice.off else f"{choice.text} (causal{late})"

    def _draw(self, cell: _Cell, average: Average, number: int) -> None:
        colour = theme.class_colour(number)
        counts = ((average.rejected, "too large"), (average.broken, "in gaps"), (average.missed, "too old"))
        left_out = ", ".join(f"{n} {why}" for n, why in counts if n)
        cell.title.setText(
            f'<b style="color:{colour}">{escape(average.name)}</b>  n = {average.kept}'
            + (f'  <span style="color:{theme.DIM}">left out: {left_out}</span>' if left_out else "")
        )
        good = [k for k in self._picked if self.names[self._model.picked[k]] not in self.bads]
        mean = average.mean(good)
        known = bool(len(good)) and bool(np.isfinite(mean).any())
        if known:
            self._grow(float(np.nanmax(np.abs(mean))))
        power = field_power(mean[:, np.isfinite(mean).all(axis=0)], self.kind) if known else None
        own = [k for k in self._picked if self._model.picked[k] == self.channel]
        line = average.mean(own)[:, 0] if own else None
        at = None
        if power is not None:
            peak = int(np.argmax(np.where(self._model.times > 0, power, -1.0)))
            at = peak if self.pointed_at is None else int(np.argmin(np.abs(self._model.times - self.pointed_at)))
        unit = self._sites.unit if self._sites is not None else ""
        cell.plot.draw(self._model.times, mean if known else None, line, power, self._range, unit, colour, at)
        if self._sites is None or not len(self._sites.xy):
            return
        values = np.full(len(self.names), np.nan)
        if at is not None:
            values[self._model.picked[good]] = mean[at]
            when = f"{1000 * self._model.times[at]:.0f} ms".replace("-", "−")
            cell.map.title = f"at {when}" + ("" if self.pointed_at is not None else ", the strongest field")
        else:
            cell.map.title = ""
        shown = self._sites.rms(values, self.bads) if self.kind == "grad" else self._sites.mean(values, self.bads)
        cell.strength = float(np.nanmax(np.abs(shown))) if np.isfinite(shown).any() else 0.0
        limit = max(self._map_range, _round_up(cell.strength)) or 1.0
        cell.map.show_values(shown, (0.0 if self.kind == "grad" else -limit, limit), unit)

    def _grow(self, largest: float) -> None:
        """A scale for all classes, of round numbers, that shrinks only when it is far too large."""
        if self._range * 0.4 <= largest <= self._range:
            return
        wanted = max(largest, max((self._largest(a) for a in self._model.averages.values()), default=0.0))
        if wanted > 0 and not self._range * 0.4 <= wanted <= self._range:
            self._range = _round_up(wanted)

    def _largest(self, average: Average) -> float:
        good = [k for k in self._picked if self.names[self._model.picked[k]] not in self.bads]
        mean = average.mean(good)
        return float(np.nanmax(np.abs(mean))) if mean.size and np.isfinite(mean).any() else 0.0


def _round_up(value: float) -> float:
    """The next round number at or above ``value``; 0 for 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0) if step * power >= value)
