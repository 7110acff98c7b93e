"""What decoders found in a bank, scored and shown: retrieval stands in an evaluation beside the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rtbci import retrieval_tally
from rtbci.evaluation.markup import Html, cell, count, figure, interval, quantity, share, table
from rtbci.evaluation.nouns import Outcome
from rtbci.retrieval_tally import retrieval_of
from rtbci.retrieved import Found

Scores = dict[str, Any]
OF = {"retrieval": "item", "retrieval_classes": "centre"}
"""Which candidates an entry is about; the first is about classes where markers name no items."""
COLUMNS = (
    ("n", "trials", "test trials of all folds", count),
    ("candidates", "candidates", "items of the bank, or centres of its classes", count),
    ("averaged", "averaged", "presentations that were averaged before each was decoded", count),
    ("top1", "top-1", "share of trials whose true candidate is the best", share),
    ("top1_interval", "95 % interval", "Wilson, of top-1", interval),
    ("chance_top1", "chance", "one over the number of candidates", share),
    ("shuffled_top1", "shuffled", "expected for the same answers and truths in random order", share),
    (
        "control_top1",
        "control",
        "the same decoder, trained on presentations that were given each other's pictures",
        share,
    ),
    ("top5", "top-5", "share of trials whose true candidate is among the best five", share),
    ("chance_top5", "chance", "five over the number of candidates", share),
    ("median_rank", "median rank", "of the true candidate, from 1", quantity),
    ("two_way", "2-way", "the true candidate against one other: chance is 0.5", share),
)


def scores(own: Sequence[Outcome]) -> Scores:
    """What `rtbci.retrieval_tally` has to say of one decoder's folds; ``control_top1`` beside each figure."""
    found = retrieval_tally.as_json([one for outcome in own for one in outcome.found])
    for key in OF.keys() & found.keys():
        said = [top for outcome in own for top in outcome.control_top1.get(found[key]["kind"], ())]
        found[key]["control_top1"] = sum(said) / len(said) if said else None
    return found


def top1_by_kind(found: Sequence[Found]) -> dict[str, float]:
    """Top-1 accuracy of whole trials alone, by kind of candidates."""
    by_kind: dict[str, float] = {}
    for kind in ("item", "centre"):
        measured = retrieval_of([one for one in found if one.kind == kind and one.whole and one.averaged == 1])
        if measured is not None and measured.top1 is not None:
            by_kind[kind] = measured.top1
    return by_kind


def section(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of all decoders that looked in a bank, and what it says."""
    header = [("decoder", ""), ("candidates are", ""), *((heading, hint) for _, heading, hint, _ in COLUMNS)]
    rows: list[list[Html]] = []
    for name, one in summary.items():
        for entry in _entries(one):
            what = "items" if entry.get("kind", "item") == "item" else "classes"
            rows.append(
                [cell(name), cell(what), *(cell(write(entry.get(key)), number=True) for key, _, _, write in COLUMNS)]
            )
    caption = (
        "Where in the bank stood what was shown. Each trial alone; rows with more presentations averaged follow. Shuffled "
        "is exact: the mean over all orders of the truths. What the control reaches, something other than the picture gives "
        "away."
    )
    return figure(
        table(header, rows, numbers_from=2) + "".join(_by_time(name, one) for name, one in summary.items()), caption
    )


def _entries(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = [{**one[key], "two_way": one[key]["n_way"].get("2")} for key in OF if key in one]
    candidates = one["retrieval"]["candidates"] if "retrieval" in one else None
    repeats = [{**row, "candidates": candidates} for row in one.get("retrieval_repeats", ()) if row["averaged"] > 1]
    return [*entries, *repeats]


def _by_time(name: str, one: Mapping[str, Any]) -> Html:
    rows = one.get("retrieval_by_time", ())
    if not rows:
        return Html("")
    header = [
        (f"{name}: seconds since onset", ""),
        ("trials", ""),
        ("top-1", ""),
        ("chance", ""),
        ("shuffled", ""),
        ("median rank", ""),
    ]
    keys = (("n", count), ("top1", share), ("chance_top1", share), ("shuffled_top1", share), ("median_rank", quantity))
    return table(
        header,
        [[cell(f"{row['seconds']:.2f}"), *(cell(write(row[key]), number=True) for key, write in keys)] for row in rows],
    )


def as_text(summary: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Lines for a terminal."""
    lines = []
    for name, one in summary.items():
        for line in retrieval_tally.as_text(dict(one)):
            lines.append(f"{name}: {line.strip()}")
        if (control := one.get("retrieval", {}).get("control_top1")) is not None:
            lines.append(f"{name}: trained on shuffled pictures, top-1 {control:.3f}")
    return lines
