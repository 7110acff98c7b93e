"""Charts of shares over time and over confidence: SVG in the page's own colours, as `rtbci.evaluation.figures`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci import metrics
from rtbci.evaluation import curves
from rtbci.evaluation.markup import Html, count, html, share
from rtbci.evaluation.nouns import Outcome


@dataclass(frozen=True, slots=True)
class Axes:
    """Where a point stands in a drawing of ``width`` by ``height``; its y is a share from 0 to 1."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    low: float = 0.0
    high: float = 1.0

    def x(self, value: float) -> float:
        """Pixels from the left, within the axes."""
        where = self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)
        return float(min(self.right, max(self.left, where)))

    def y(self, value: float) -> float:
        """Pixels from the top, within the axes."""
        return self.bottom - min(1.0, max(0.0, value)) * (self.bottom - self.top)

    def frame(self, name: str) -> str:
        """Lines of equal share with their numbers, and what the x axis is."""
        parts = [
            f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{self.y(v):.1f}" y2="{self.y(v):.1f}"/>'
            + self.text(self.left - 5, self.y(v) + 3.5, f"{v:g}", "end")
            for v in (0, 0.25, 0.5, 0.75, 1)
        ]
        return "".join(parts) + self.text((self.left + self.right) / 2, self.height - 3, name)

    def ticks(self, values: Sequence[float], y: float) -> str:
        """Numbers along the x axis."""
        return "".join(self.text(self.x(v), y, f"{v:g}".replace("-", "−")) for v in values)

    def text(self, x: float, y: float, words: str, anchor: str = "middle") -> str:
        """Small text."""
        return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html(words)}</text>'

    def drawing(self, parts: Sequence[str], name: str, note: str, kind: str = "") -> Html:
        """The finished chart with a line of text below."""
        return Html(
            f'<div class="small"><svg class="{kind}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{html(name)}">{"".join(parts)}</svg><p class="note">{html(note)}</p></div>'
        )


def round_numbers(low: float, high: float) -> list[float]:
    """Some five round numbers from ``low`` to ``high``."""
    rough = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(rough))
    step = float(next(m * size for m in (1, 2, 5, 10) if m * size >= rough * 0.999))
    return [round(k * step, 6) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def time_course(outcomes: Sequence[Outcome], bins: NDArray[np.float64]) -> Html | None:
    """Accuracy of one decoder's windows by when they end after the cue; None without such windows.

    ``bins`` are the edges (n_bins + 1,) in seconds, as `curves.course_bins` gives them.
    """
    seconds, accuracy, n = curves.time_course(outcomes, bins)
    extent = curves.trial_extent(outcomes)
    if extent is None or not n.any():
        return None
    axes = Axes(330, 190, 32, 8, 322, 152, float(bins[0]), float(bins[-1]))
    chance = 1 / max(len(outcome.classes) for outcome in outcomes)
    (a, b), zero, level = (axes.x(extent[0]), axes.x(extent[1])), axes.x(0), axes.y(chance)
    parts = [
        _guessing(axes, bins, n, chance),
        axes.frame("end of the window, seconds after the cue"),
        axes.ticks(round_numbers(axes.low, axes.high), axes.bottom + 15),
        f'<rect class="extent" x="{a:.1f}" width="{b - a:.1f}" y="{axes.bottom - 2}" height="4"/>',
        f'<line class="chance" x1="{axes.left}" x2="{axes.right}" y1="{level:.1f}" y2="{level:.1f}"/>',
        f'<line class="cue" x1="{zero:.1f}" x2="{zero:.1f}" y1="{axes.top}" y2="{axes.bottom}"/>',
        _curve(axes, seconds, accuracy),
    ]
    note = f"n = {count(int(n.max()))} trials"
    inside = np.flatnonzero((n > 0) & (bins[1:] <= extent[1] + 1e-9))
    if len(inside):  # the last window of the trial, not the best one: picking that would flatter
        note += f"; {share(float(accuracy[inside[-1]]))} at the trial's end"
    return axes.drawing(parts, "accuracy over time", note)


def _guessing(axes: Axes, bins: NDArray[np.float64], n: NDArray[np.int64], chance: float) -> str:
    """The zone that guessing reaches with the trials of each bin."""
    parts = []
    for begin, end, trials in curves.runs(n):
        if trials > 0:
            top = axes.y(float(metrics.binomial_level(trials, chance)))
            x, to = axes.x(float(bins[begin])), axes.x(float(bins[end]))
            box = f'x="{x:.1f}" width="{to - x:.1f}" y="{top:.1f}" height="{axes.bottom - top:.1f}"'
            parts.append(f'<rect class="guess" {box}/>')
    return "".join(parts)


def _curve(axes: Axes, seconds: NDArray[np.float64], accuracy: NDArray[np.float64]) -> str:
    """A line that breaks where there is nothing; pieces too short for a line are dots."""
    parts = []
    for begin, end, there in curves.runs(np.isfinite(accuracy).astype(np.int64)):
        if there:
            at = [(axes.x(float(seconds[k])), axes.y(float(accuracy[k]))) for k in range(begin, end)]
            parts.append(f'<polyline class="curve" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"/>')
            if len(at) <= 3:
                parts += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in at]
    return "".join(parts)


def reliability(outcomes: Sequence[Outcome]) -> Html | None:
    """How often one decoder was right when it was so sure, with the number of trials; None without trials."""
    posterior, truth = curves.confidences(outcomes, max(len(outcome.classes) for outcome in outcomes))
    if not len(truth):
        return None
    found = metrics.reliability(posterior, truth)
    axes = Axes(260, 262, 32, 8, 250, 168)
    floor, most = 226, max(n for _, _, n in found)
    parts = [
        axes.frame("confidence (posterior of the answer)"),
        f'<line class="chance" x1="{axes.left}" x2="{axes.right}" y1="{axes.bottom}" y2="{axes.top}"/>',
        axes.ticks((0, 0.5, 1), floor + 13),
        f'<line class="grid" x1="{axes.left}" x2="{axes.right}" y1="{floor}" y2="{floor}"/>',
    ]
    for confidence, accuracy, n in found:
        x, tall, radius = axes.x(confidence), 34 * n / most, 1.8 + 4.2 * (n / most) ** 0.5
        told = f"{count(n)} trials, confidence {share(confidence)}, right {share(accuracy)}"
        parts += [
            f'<circle class="dot" cx="{x:.1f}" cy="{axes.y(accuracy):.1f}" r="{radius:.1f}"><title>{told}</title></circle>',
            f'<rect class="bar" x="{x - 7:.1f}" width="14" y="{floor - tall:.1f}" height="{tall:.1f}"/>',
            axes.text(x, floor - tall - 3, str(n)),
        ]
    return axes.drawing(parts, "reliability", f"n = {count(len(truth))} trials", "square")
