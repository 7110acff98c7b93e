"""Display filters: causal, for the picture alone. What is recorded and what decoders see never passes through here.

A filter looks at a signal, keeps its own samples for the page, and filters each sample once, in order, whatever the pieces
that they come in; after a gap it begins anew, as if the first value after it had always been there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.kernels.display import blank, hold
from rtbci.kernels.filters import filter_sections
from rtbci.ring import Ring
from rtbci_ui.positions import Positions
from rtbci_ui.traces.signals import Signal

HIGH_PASSES, LOW_PASSES, NOTCHES = (0.5, 1.0), (40.0, 70.0), (50.0, 60.0)
"""The frequencies that are offered, in Hz."""
SETTLING_SECONDS = 4.0
"""Signal that a filter has seen before what it makes of it is shown, where there is any."""
_LOW_PASS_QS = (0.54119610, 1.30656297)
"""Quality of the two pole pairs of a Butterworth low-pass of fourth order: 1 / (2 cos(pi/8)) and 1 / (2 cos(3 pi/8))."""
_NOTCH_Q = 15.0
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Choice:
    """Cut-off frequencies in Hz, None for none: high-pass (second order), low-pass (fourth), notch with two harmonics."""

    high_pass: float | None = None
    low_pass: float | None = None
    notch: float | None = None

    @property
    def off(self) -> bool:
        """Whether nothing is filtered."""
        return self == Choice()

    @property
    def text(self) -> str:
        """As the screen says it."""
        band = ""
        if self.high_pass is not None and self.low_pass is not None:
            band = f"{self.high_pass:g}–{self.low_pass:g} Hz"
        elif self.high_pass is not None:
            band = f"above {self.high_pass:g} Hz"
        elif self.low_pass is not None:
            band = f"below {self.low_pass:g} Hz"
        line = "" if self.notch is None else f"no {self.notch:g} Hz"
        return ", ".join(part for part in (band, line) if part) or "off"

    def following(self, line: float = 50.0) -> Choice:
        """The next of: off, 0.5 Hz high-pass, 1–40 Hz, 1–70 Hz without the ``line``; what is none of them goes to off."""
        line = self.notch or line
        order = (Choice(), Choice(0.5), Choice(1.0, 40.0), Choice(1.0, 70.0, line))
        return order[(order.index(self) + 1) % len(order)] if self in order else Choice()

    def possible(self, rate: float) -> Choice:
        """Without what lies above 0.45 of ``rate`` Hz."""
        top = 0.45 * rate
        low_pass = self.low_pass if self.low_pass is not None and self.low_pass < top else None
        notch = self.notch if self.notch is not None and self.notch < top else None
        return replace(self, low_pass=low_pass, notch=notch)


def design(choice: Choice, rate: float) -> NDArray[np.float64]:
    """Sections (n_sections, 6) float64, rows b0 b1 b2 1 a1 a2, of ``choice`` at ``rate`` Hz.

    The bilinear transform with the cut-off pre-warped, as scipy's ``butter`` and ``iirnotch`` do it; importing those would
    stop the window for a second.
    """
    choice = choice.possible(rate)
    rows = []
    if choice.high_pass is not None:
        cos, alpha = _angle(choice.high_pass, rate, math.sqrt(0.5))
        rows.append(_section((1 + cos) / 2, -(1 + cos), (1 + cos) / 2, cos, alpha))
    if choice.low_pass is not None:
        for q in _LOW_PASS_QS:
            cos, alpha = _angle(choice.low_pass, rate, q)
            rows.append(_section((1 - cos) / 2, 1 - cos, (1 - cos) / 2, cos, alpha))
    if choice.notch is not None:
        for multiple in (1, 2, 3):
            if choice.notch * multiple < 0.45 * rate:
                cos, _ = _angle(choice.notch * multiple, rate, _NOTCH_Q)
                width = math.tan(math.pi * choice.notch * multiple / _NOTCH_Q / rate)
                rows.append(np.array([1.0, -2 * cos, 1.0, 1 + width, -2 * cos, 1 - width]) / (1 + width))
    return np.array(rows).reshape(-1, 6)


def _angle(frequency: float, rate: float, q: float) -> tuple[float, float]:
    omega = 2.0 * math.pi * frequency / rate
    return math.cos(omega), math.sin(omega) / (2.0 * q)


def _section(b0: float, b1: float, b2: float, cos: float, alpha: float) -> NDArray[np.float64]:
    return np.array([b0, b1, b2, 1 + alpha, -2 * cos, 1 - alpha]) / (1 + alpha)


def steady(sections: NDArray[np.float64]) -> NDArray[np.float64]:
    """State (n_sections, 2) of the cascade that has been fed with 1 for ever (scipy's ``sosfilt_zi``)."""
    state = np.empty((len(sections), 2))
    level = 1.0
    for row, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        out = level * (b0 + b1 + b2) / (1.0 + a1 + a2)
        state[row] = out - b0 * level, b2 * level - a2 * out
        level = out
    return state


class Filtered:
    """A signal behind a display filter, for as long as the page is.

    It is itself a `Signal` with the sample numbers of the one that it looks at, from ``first`` on.
    """

    def __init__(
        self, signal: Signal, positions: Positions, sections: NDArray[np.float64], first: int, capacity: int
    ) -> None:
        """Filter ``signal`` from sample ``first`` on; keep ``capacity`` samples. ``positions`` tells where its gaps are."""
        self._signal, self._positions = signal, positions
        self._sections = np.ascontiguousarray(sections, np.float64)
        self._steady = steady(self._sections)
        self.n_channels = signal.n_channels
        self.first = first
        self._kept = Ring.create(None, capacity, signal.n_channels, max_gaps=1)
        self.capacity = capacity
        self._state = np.zeros((len(sections), 2, signal.n_channels))
        self._work = np.empty(signal.n_channels)
        self._last = np.zeros(signal.n_channels, np.float32)
        self._held = np.empty((min(_PIECE, capacity), signal.n_channels), np.float32)
        self._out = np.empty_like(self._held)
        self._unbroken = -1  # the sample up to which the stretch goes that the state belongs to

    @property
    def written(self) -> int:
        """One after the newest filtered sample."""
        return self.first + self._kept.written

    @property
    def oldest(self) -> int:
        """The oldest filtered sample that is kept."""
        return self.first + self._kept.oldest

    def refresh(self, stop: int) -> None:
        """Filter what has come up to sample ``stop``. Raises Overrun where the writer has lapped us."""
        start = self.written
        for stretch in self._positions.stretches(start, stop):
            at = stretch.start
            if at != self._unbroken or self._positions.begins(at):
                self._prime(at)
            while at < stretch.stop:
                n = min(len(self._held), stretch.stop - at)
                samples, times, _ = self._signal.view(at, at + n)
                broken = hold(samples, self._held[:n], self._last)
                filter_sections(self._held[:n], self._out[:n], self._sections, self._state, self._work)
                if broken:
                    blank(samples, self._out[:n])
                if not self._signal.intact(at):
                    raise Overrun(at, self._signal.oldest)
                self._kept.push(self._out[:n], times, 0.0)
                at += n
                self._unbroken = at

    def _prime(self, at: int) -> None:
        first = self._signal.view(at, at + 1)[0][0]
        np.copyto(self._last, first, where=np.isfinite(first))
        self._state[:] = self._steady[:, :, None] * self._last.astype(np.float64)

    def view(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
        """Filtered samples (n, n_channels), their times and nothing that is worth reading."""
        return self._kept.view(start - self.first, stop - self.first)

    def intact(self, start: int) -> bool:
        """Whether sample ``start`` and all after it are still kept."""
        return self._kept.intact(start - self.first)

    def close(self) -> None:
        """Give the memory back."""
        self._kept.close()
