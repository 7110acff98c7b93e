"""Accuracies as dots with intervals, over what guessing reaches: SVG written by hand.

Its colours are the page's, so it follows its light and dark. Nothing is loaded to draw it, and nothing by it: no plotting
library, no script, no font.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtbci import metrics
from rtbci.evaluation import curves
from rtbci.evaluation.markup import NOT_COMPUTED, Html, count, html, share
from rtbci.evaluation.nouns import Outcome

LANE = 20
"""Pixels between two lanes of accuracies."""
MARKS = Html(
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
    '<path id="cross" d="M-3.2-3.2 3.2 3.2M-3.2 3.2 3.2-3.2"/><path id="diamond" d="M0-4.3 4.3 0 0 4.3-4.3 0Z"/>'
    "</defs></svg>"
)
LEGEND = Html(
    '<p class="legend">'
    '<span><svg width="34" height="12"><path class="ci" d="M2 6H32"/><circle class="dot" cx="17" cy="6" r="4"/></svg>'
    "accuracy, 95 % interval</span>"
    '<span><svg width="26" height="12"><rect class="guess" width="26" height="12"/></svg>what guessing reaches</span>'
    '<span><svg width="8" height="12"><path class="chance" d="M4 0V12"/></svg>chance 1/K</span>'
    '<span><svg width="12" height="12"><use class="mark" href="#cross" x="6" y="6"/></svg>shuffled-label control</span>'
    '<span><svg width="12" height="12"><use class="mark" href="#diamond" x="6" y="6"/></svg>time-only control</span></p>'
)


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of an accuracy panel: shares from 0 to 1, None where there is none."""

    name: str
    trials: int | None
    accuracy: float | None
    low: float | None
    high: float | None
    chance: float | None
    guessing: float | None
    shuffled: float | None
    time_only: float | None


def lane_of(point: curves.Point, name: str) -> Lane:
    """The lane of one session's accuracy."""
    chance = 1 / point.n_classes
    guessing = float(metrics.binomial_level(point.trials, chance)) if point.trials else None
    return Lane(
        name, point.trials, point.accuracy, point.low, point.high, chance, guessing, point.shuffled, point.time_only
    )


def _x(value: float) -> str:
    """Where a share stands, in per cent of the width; a little room on both sides keeps marks whole."""
    return f"{3 + 94 * min(1.0, max(0.0, value)):.2f}%"


def accuracy_panel(lanes: Sequence[Lane]) -> Html:
    """Dots with intervals, one lane each, over the zone that guessing reaches; as wide as there is room."""
    height = LANE * len(lanes)
    parts = [
        f'<line class="grid" x1="{_x(x)}" x2="{_x(x)}" y1="0" y2="{height + 4}"/>'
        f'<text class="tick" x="{_x(x)}" y="{height + 15}" text-anchor="middle">{x:g}</text>'
        for x in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [_lane(lane, LANE * k) for k, lane in enumerate(lanes)]
    names = "".join(f'<div title="{html(lane.name)}">{html(lane.name)}</div>' for lane in lanes)
    numbers = "".join(f"<div>{_number(lane)}</div>" for lane in lanes)
    return Html(
        f'<div class="lanes"><div class="names">{names}</div>'
        f'<svg class="fluid" height="{height + 20}" role="img" aria-label="accuracies">{"".join(parts)}</svg>'
        f'<div class="numbers">{numbers}</div></div>'
    )


def _number(lane: Lane) -> str:
    if lane.accuracy is None:
        return f'<span class="none">{"no trials" if lane.trials == 0 else NOT_COMPUTED}</span>'
    trials = "" if lane.trials is None else f' <span class="of">of {count(lane.trials)}</span>'
    return f"{share(lane.accuracy)}{trials}"


def _lane(lane: Lane, top: float) -> str:
    middle = top + LANE / 2
    parts = []
    if lane.guessing is not None:
        width = f"{94 * min(1.0, lane.guessing):.2f}%"
        parts.append(f'<rect class="guess" x="{_x(0)}" width="{width}" y="{top + 2}" height="{LANE - 4}"/>')
    if lane.chance is not None:
        parts.append(
            f'<line class="chance" x1="{_x(lane.chance)}" x2="{_x(lane.chance)}" y1="{top}" y2="{top + LANE}"/>'
        )
    for mark, value in (("cross", lane.shuffled), ("diamond", lane.time_only)):
        if value is not None:
            parts.append(f'<use class="mark" href="#{mark}" x="{_x(value)}" y="{middle}"/>')
    if lane.low is not None and lane.high is not None:
        parts.append(f'<line class="ci" x1="{_x(lane.low)}" x2="{_x(lane.high)}" y1="{middle}" y2="{middle}"/>')
    if lane.accuracy is not None:
        parts.append(f'<circle class="dot" cx="{_x(lane.accuracy)}" cy="{middle}" r="4"/>')
    told = [("accuracy", lane.accuracy), ("guessing reaches", lane.guessing), ("shuffled labels", lane.shuffled)]
    told.append(("time only", lane.time_only))
    title = "; ".join(f"{name} {share(value)}" for name, value in told if value is not None)
    return f"<g><title>{html(lane.name)}: {title}</title>{''.join(parts)}</g>"


def sessions(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Lane]]]:
    """Panels (title, lanes) of every subject's session and decoder; what there is more of stands below each other."""
    points = curves.points(outcomes)
    many_people = len({p.subject for p in points}) > 1
    many_sessions = len({(p.subject, p.session) for p in points}) > len({p.subject for p in points})

    def who(point: curves.Point) -> str:
        if many_people:
            return f"{point.subject} · {point.session}" if many_sessions else point.subject
        return f"session {point.session}"

    units, decoders = len({who(p) for p in points}), len({p.decoder for p in points})
    panels: dict[str, list[Lane]] = {}
    for point in points:
        title, name = (point.decoder, who(point)) if units >= decoders else (who(point), point.decoder)
        panels.setdefault(title, []).append(lane_of(point, name))
    return list(panels.items())
