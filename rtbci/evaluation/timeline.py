"""The decision timeline: along each recording what was true, what each decoder believed, and what it claimed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.evaluation import curves
from rtbci.evaluation.markup import Html, folded, html, quantity
from rtbci.evaluation.nouns import Outcome, Stretch

COLOURS = 7
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008); more classes begin anew."""
FINEST, COARSEST = 600, 80
"""Most and fewest columns of a band."""
BUDGET = 300_000
"""Columns times classes of the whole page, which keep it under some three megabytes."""
BELIEF = 20
OPENED = 4
"""Recordings that are open from the beginning."""

Row = tuple[Outcome, Stretch]


def colour(label: int, idle: int | None) -> str:
    """The style class of a class's colour; idle is neutral and takes none of the others'."""
    if label == idle:
        return "kidle"
    return f"k{(label - (idle is not None and label > idle)) % COLOURS}"


def columns_for(outcomes: Sequence[Outcome]) -> int:
    """Columns of each band, so that the page stays small however many there are."""
    cost = sum(len(outcome.stretches) * len(outcome.classes) for outcome in outcomes)
    return int(np.clip(BUDGET // max(1, cost), COARSEST, FINEST))


def legend(outcomes: Sequence[Outcome]) -> Html:
    """Which colour is which class."""
    seen = dict.fromkeys((name, colour(k, o.idle)) for o in outcomes for k, name in enumerate(o.classes))
    items = [
        f'<span><svg width="14" height="12"><rect class="{c}" width="14" height="12"/></svg>{html(n)}</span>'
        for n, c in seen
    ]
    items.append(
        '<span><svg width="14" height="12"><rect class="nothing" width="14" height="12"/></svg>abstains, or no trial</span>'
    )
    return Html(f'<p class="legend">{"".join(items)}</p>')


def timelines(outcomes: Sequence[Outcome]) -> Html:
    """One block for each tested part of a recording, a row for each decoder."""
    blocks: dict[tuple[str, str, str, float], list[Row]] = {}
    for outcome in outcomes:
        for stretch in outcome.stretches:
            key = (outcome.subject, outcome.session, stretch.recording, round(stretch.began, 3))
            blocks.setdefault(key, []).append((outcome, stretch))
    columns = columns_for(outcomes)
    drawn = []
    for number, ((subject, _, recording, began), rows) in enumerate(blocks.items()):
        seconds = rows[0][1].seconds
        part = f", from {quantity(began)} s on" if began > 0 else ""
        title = Html(
            f"<b>{html(subject)}</b> {html(Path(recording).name)} "
            f'<span class="of">{html(rows[0][0].fold)}; {quantity(seconds)} s{part}</span>'
        )
        drawn.append(folded(title, _block(rows, columns), opened=number < OPENED))
    return Html("\n".join(drawn))


def _block(rows: Sequence[Row], columns: int) -> str:
    outcome, stretch = rows[0]
    if stretch.seconds <= 0:
        return '<p class="none">no samples</p>'
    lines = [_line("truth", "truth", 9, columns, _truth(outcome, stretch, columns))]
    for one, its in rows:
        shown = curves.shown_decisions(its, one.window, one.hop, columns)
        content = _belief(one, its, shown) + _claims(one, its, shown)
        lines.append(_line(one.decoder, "belief", BELIEF + 9, columns, content))
    return f'<div class="strips">{"".join(lines)}{_axis(stretch.seconds)}</div>'


def _line(name: str, kind: str, height: int, columns: int, content: str) -> str:
    return (
        f'<div class="name" title="{html(name)}">{html(name)}</div><svg class="strip {kind}" height="{height}" '
        f'viewBox="0 0 {columns} {height}" preserveAspectRatio="none">{content}</svg>'
    )


def _truth(outcome: Outcome, stretch: Stretch, columns: int) -> str:
    scale = columns / stretch.seconds
    parts: dict[str, list[str]] = {}
    for (begin, end), trial in zip(stretch.spans, stretch.trials, strict=True):
        box = f"M{begin * scale:.1f} 0h{(end - begin) * scale:.1f}v9h{(begin - end) * scale:.1f}z"
        parts.setdefault(colour(trial.truth, outcome.idle), []).append(box)
    return "".join(f'<path class="{name}" d="{"".join(boxes)}"/>' for name, boxes in parts.items())


def _claims(outcome: Outcome, stretch: Stretch, shown: NDArray[np.int64]) -> str:
    if not len(stretch.answer):
        return ""
    claimed = np.where(shown >= 0, stretch.answer[np.maximum(shown, 0)], -1)
    parts: dict[str, list[str]] = {}
    for begin, end, label in curves.runs(claimed):
        if label >= 0:
            parts.setdefault(colour(label, outcome.idle), []).append(
                f"M{begin} {BELIEF + 2}h{end - begin}v7h{begin - end}z"
            )
    return "".join(f'<path class="{name}" d="{"".join(boxes)}"/>' for name, boxes in parts.items())


def _belief(outcome: Outcome, stretch: Stretch, shown: NDArray[np.int64]) -> str:
    """The posterior of every class, one above the other, in twentieths."""
    if not len(stretch.evidence):
        return ""
    posterior = np.exp(stretch.evidence[np.maximum(shown, 0)])
    heights = np.rint(np.cumsum(posterior, axis=1) * BELIEF).astype(np.int64)
    heights = np.where(shown[:, None] >= 0, np.clip(heights, 0, BELIEF), 0)
    heights[:, -1] = np.where(shown >= 0, BELIEF, 0)
    parts = []
    for label in reversed(range(len(outcome.classes))):  # the tallest first: the next ones lie over it
        path = [f"M0 {BELIEF}"]
        for _, end, tall in curves.runs(heights[:, label]):
            path.append(f"V{BELIEF - tall}H{end}")
        parts.append(f'<path class="{colour(label, outcome.idle)}" d="{"".join(path)}V{BELIEF}z"/>')
    return f'<g class="soft">{"".join(parts)}</g>'


def _axis(seconds: float) -> str:
    size = next((s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800) if seconds / s <= 10), 3600)
    ticks = "".join(
        f'<text class="tick" x="{100 * s / seconds:.2f}%" y="11"{_anchor(s / seconds)}>{s} s</text>'
        for s in range(0, int(seconds) + 1, size)
    )
    return f'<div></div><svg class="fluid" height="14">{ticks}</svg>'


def _anchor(where: float) -> str:
    return "" if where < 0.02 else ' text-anchor="end"' if where > 0.97 else ' text-anchor="middle"'
