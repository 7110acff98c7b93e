"""The words beside pictures: percentages, ranks and what they are of, so that no number stands without its ground."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtbci.rendered import Rendered
from rtbci.types import Retrieved
from rtbci_ui import wording
from rtbci_ui.tallies import Session, Tally, Trial

_KINDS = {"picture": "pictures", "caption": "captions", "sound": "sounds"}


def percent(value: float | None) -> str:
    """A share in percent, with two figures where it is small; what is smaller than .01 % keeps one."""
    if value is None:
        return wording.UNKNOWN
    hundredths = 100.0 * value
    if 99.5 <= hundredths < 100.0:
        return f"{math.floor(10.0 * hundredths + 1e-6) / 10.0:.1f} %"  # all but one are not all
    if hundredths >= 9.95 or hundredths == 0.0:
        return f"{hundredths:.0f} %"
    if hundredths >= 0.995:
        return f"{hundredths:.1f} %"
    return f"{hundredths:.2f} %" if hundredths >= 0.095 else f"{hundredths:.1g} %" if hundredths >= 1e-3 else "<.001 %"


def span(interval: tuple[float, float] | None) -> str:
    """An interval of a share, such as "21–49 %"."""
    if interval is None:
        return wording.UNKNOWN
    low, high = (percent(end).removesuffix(" %") for end in interval)
    return f"{low}–{high} %"


def rank(value: int | float, candidates: int) -> str:
    """A rank with what it is among."""
    return f"rank {value:g} of {wording.count(candidates)}" if value else "not among these"


def verdict(newest: Retrieved, name: str) -> str:
    """What is claimed, or that nothing is."""
    return f"claims: {name}" if newest.answer >= 0 else "abstains"


def repeats(number: int) -> str:
    """How many presentations stand behind what is shown."""
    return "single presentation" if number <= 1 else f"{number} presentations averaged"


def presentations(tally: Tally) -> str:
    """What was averaged before each trial of a tally was decoded."""
    if tally.most == 1:
        return "single"
    return f"{tally.most} averaged" if tally.fewest == tally.most else f"{tally.fewest}–{tally.most} averaged"


def claims(session: Session) -> str:
    """How often something was claimed, and rightly."""
    made, right = session.claims()
    return f"{wording.count(made)} claim{'s' if made != 1 else ''}, {wording.count(right)} right"


def outcome(trial: Trial) -> str:
    """What became of a trial, in a word that needs no colour."""
    word = "hit" if trial.hit else "miss"
    return f"{word}, abstained" if trial.abstained else word


@dataclass(frozen=True, slots=True)
class Share:
    """An accuracy and all that it is to be read with; ``shuffled`` is "" where there is no control."""

    value: str
    interval: str
    chance: str
    shuffled: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of accuracies: what was ranked among what, of how many trials.

    ``top5`` is None where five or fewer candidates cannot miss.
    """

    what: str
    trials: str
    top1: Share
    top5: Share | None
    median: str
    chance_median: str


def line(tally: Tally, noun: str) -> Line:
    """The row of one tally; ``noun`` is what items are called, "pictures" say."""
    found = tally.retrieval
    control = wording.UNKNOWN if found.shuffled_top1 is None else percent(found.shuffled_top1)
    top1 = Share(percent(found.top1), span(found.top_interval(1)), percent(found.chance_top1), control)
    top5 = None
    if found.candidates > 5:
        top5 = Share(percent(found.top5), span(found.top_interval(5)), percent(found.chance_top5))
    median = f"{found.median_rank:g}" if found.median_rank is not None else wording.UNKNOWN
    what = noun if tally.kind == "item" else "class centres"
    return Line(
        f"{wording.count(found.candidates)} {what}",
        f"n {wording.count(found.n)}, {presentations(tally)}",
        top1,
        top5,
        median,
        f"{(found.candidates + 1) / 2:g}",
    )


def noun(kind: str) -> str:
    """What items of a bank are called."""
    return _KINDS.get(kind, "items")


def drawing(picture: Rendered | None, renderer: Mapping[str, Any]) -> list[str]:
    """What there is to say of a drawn picture and of who drew it, a line each."""
    said = []
    if picture is not None:
        said.append(f"by {picture.renderer}, took {wording.age_ms(picture.ready_time - picture.asked_time)}")
        if picture.caption:
            said.append(f"nearest caption: “{picture.caption}”")
    state = str(renderer.get("state") or "")
    drawn = renderer.get("drawn", picture.number if picture else None)
    overtaken = renderer.get("overtaken", picture.overtaken if picture else None)
    counts = [
        f"{wording.count(int(number))} {word}"
        for number, word in ((drawn, "drawn"), (overtaken, "overtaken"))
        if number
    ]
    said.append(", ".join(part for part in (f"renderer {state}" if state else "", *counts) if part))
    problem = renderer.get("problem")
    if problem:
        said.append(f"problem: {problem}")
    return [words for words in said if words]
