"""Power in the customary bands over the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from rtbci_ui.signal.plots import Line
from rtbci_ui.signal.sites import Sites
from rtbci_ui.signal.spectra import BANDS, Spectra, band_power, decibels
from rtbci_ui.signal.topography import Topography

MODES = ("relative", "absolute")
_LEAST = {"relative": 2.0, "absolute": 3.0}
"""Least span of a colour bar (% and dB): differences below are noise and must not fill it."""


class BandsView(QWidget):
    """A map for each of delta, theta, alpha, beta and gamma, each with a scale of its own.

    ``relative`` is the band's share of the power from 1 to 45 Hz; ``absolute`` is in dB. `picked` is sent with the number of
    a channel that was clicked.
    """

    picked = Signal(int)

    def __init__(self, spectra: Spectra) -> None:
        super().__init__()
        self._spectra = spectra
        self._sites: Sites | None = None
        self._version = -1
        self.bads: frozenset[str] = frozenset()
        self.facts = Line()
        self.mode = QComboBox()
        self.mode.addItems(["share of 1–45 Hz", "decibels"])
        self.mode.setToolTip("Each band's share of the power from 1 to 45 Hz, or its power in decibels")
        self.mode.currentIndexChanged.connect(self._again)
        self.maps: dict[str, Topography] = {}
        self._values: dict[str, NDArray[np.float64]] = {}
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        for name, low, high in BANDS:
            view = Topography(background=True)
            view.title = f"{name}  {low:.0f}–{high:.0f} Hz"
            view.picked.connect(self._pick)
            self.maps[name] = view
        self._columns = 0
        self._arrange(3)
        top = QHBoxLayout()
        top.setContentsMargins(6, 2, 6, 0)
        top.addWidget(self.facts, 1)
        top.addWidget(self.mode)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(self._grid, 1)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for k, view in enumerate(self.maps.values()):
            self._grid.addWidget(view, k // columns, k % columns)
        for row in range(2):
            self._grid.setRowStretch(row, 1 if row * columns < len(BANDS) else 0)

    def resizeEvent(self, event: object) -> None:
        """One row where it is wide, two where it is not."""
        self._arrange(5 if self.width() > 2.6 * self.height() else 3)

    def show_sites(self, sites: Sites) -> None:
        """Look at other channels."""
        self._sites = sites
        for view in self.maps.values():
            view.set_positions(sites.xy, sites.names)
        self._again()

    def show_channel(self, channel: int) -> None:
        """Mark a channel."""
        for view in self.maps.values():
            view.select(self._sites.of(channel) if self._sites is not None else None)

    def _pick(self, site: int) -> None:
        if self._sites is not None:
            self.picked.emit(int(self._sites.at(site)[0]))

    def _again(self) -> None:
        self._version = -1

    def refresh(self) -> None:
        """Draw where there is a new average."""
        if self._version == self._spectra.version:
            return
        self._version = self._spectra.version
        self.redraw()

    def redraw(self) -> None:
        """Draw the newest average."""
        sites, spectra = self._sites, self._spectra
        if sites is None or not spectra.n_segments:
            self.facts.say("waiting for the first spectrum")
            return
        relative = self.mode.currentIndex() == 0
        whole = sites.mean(band_power(spectra.frequencies, spectra.psd, BANDS[0][1], BANDS[-1][2]), self.bads)
        for name, low, high in BANDS:
            power = sites.mean(band_power(spectra.frequencies, spectra.psd, low, high), self.bads)
            if relative:
                shown = 100.0 * power / np.where(whole > 0, whole, np.nan)
            else:
                shown = decibels(power)
            self._values[name] = shown
            view = self.maps[name]
            unit = "%" if relative else f"dB re ({sites.unit})²"
            if len(sites.xy):
                view.show_values(shown, _limits(shown, _LEAST[MODES[0 if relative else 1]]), unit)
        seconds = (spectra.n_segments + 1) * spectra.n_samples / 2 / self._rate()
        missing = sites.missing_words()
        source = f"places: {sites.source}" if sites.source else "no places"
        self.facts.say("   ".join(part for part in (f"newest {seconds:.0f} s", source, missing) if part))

    def _rate(self) -> float:
        return float(self._spectra.frequencies[1]) * self._spectra.n_samples


def _limits(values: NDArray[np.float64], least: float) -> tuple[float, float]:
    """Limits of a colour bar for ``values``, at least ``least`` apart."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, least
    low, high = float(known.min()), float(known.max())
    middle = (low + high) / 2
    return (low, high) if high - low >= least else (middle - least / 2, middle + least / 2)
