"""What a decoder found in a bank over a whole run, counted: by kind of candidates, by repeats, and by time since onset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtbci.retrieval import Kind, Retrieval, shuffled_top1_of
from rtbci.retrieved import Found


def retrieval_of(found: Sequence[Found]) -> Retrieval | None:
    """The measures of trials that have the same candidates; None without any."""
    if not found:
        return None
    ranks, truth, best = (
        np.array([getattr(one, name) for one in found], np.int64) for name in ("rank", "truth", "best")
    )
    first = found[0]
    return Retrieval(ranks, first.candidates, first.kind, first.averaged, shuffled_top1_of(best, truth))


def as_json(found: Sequence[Found]) -> dict[str, Any]:
    """What stands in a report, all of it only as far as markers told what was shown.

    ``retrieval`` : each trial alone, among all items of the bank; among the centres of its classes where markers name none.
    ``retrieval_classes`` : among classes, beside the items. ``retrieval_repeats`` : among items, a row for each number of
    presentations that were averaged. ``retrieval_by_time`` : a row for each number of seconds since onset, of windows that
    slide. ``retrieval_claims`` : of trials alone, how many were claimed, and how many of these rightly.
    """
    whole = [one for one in found if one.whole]
    items = _of(whole, "item")
    centres = retrieval_of(_of(whole, "centre"))
    alone = retrieval_of([one for one in items if one.averaged == 1])
    if alone is None:
        return {} if centres is None else {"retrieval": centres.as_json()}
    said: dict[str, Any] = {"retrieval": alone.as_json()}
    if centres is not None:
        said["retrieval_classes"] = centres.as_json()
    claimed = [one for one in items if one.claimed >= 0 and one.averaged == 1]
    said["retrieval_claims"] = {
        "n": alone.n,
        "claimed": len(claimed),
        "right": sum(one.claimed == one.truth for one in claimed),
    }
    repeats = sorted({one.averaged for one in items})
    if len(repeats) > 1:
        said["retrieval_repeats"] = [_row([one for one in items if one.averaged == n]) for n in repeats]
    moments = (
        sorted({round(one.seconds, 3) for one in _of(found, "item")}) if any(not one.whole for one in found) else []
    )
    if moments:
        rows = [[one for one in _of(found, "item") if round(one.seconds, 3) == at] for at in moments]
        said["retrieval_by_time"] = [{"seconds": at, **_row(row)} for at, row in zip(moments, rows, strict=True)]
    return said


def _of(found: Sequence[Found], kind: Kind) -> list[Found]:
    return [one for one in found if one.kind == kind]


def _row(found: Sequence[Found]) -> dict[str, Any]:
    measured = retrieval_of(found)
    assert measured is not None
    wanted = ("averaged", "n", "top1", "top5", "median_rank", "chance_top1", "shuffled_top1", "top1_interval")
    whole = measured.as_json()
    return {name: whole[name] for name in wanted}


def as_text(decoder: dict[str, Any]) -> list[str]:
    """Lines of a report for a person, of what `as_json` gave."""
    lines = [_text(decoder[key]) for key in ("retrieval", "retrieval_classes") if key in decoder]
    if "retrieval_claims" in decoder:
        claims = decoder["retrieval_claims"]
        lines.append(f"  claimed  {claims['claimed']} of {claims['n']} pictures, {claims['right']} of them rightly")
    for row in decoder.get("retrieval_repeats", ())[1:]:
        lines.append(
            f"           mean of {row['averaged']}: top-1 {row['top1']:.3f} of {row['n']} "
            f"(shuffled {row['shuffled_top1']:.3f}), median rank {row['median_rank']:g}"
        )
    times = decoder.get("retrieval_by_time", ())
    if times:
        said = ", ".join(
            f"{row['top1']:.3f} at {row['seconds']:.2f} s (shuffled {row['shuffled_top1']:.3f})" for row in times
        )
        lines.append(f"           top-1 since onset: {said} (chance {times[0]['chance_top1']:.3f})")
    return lines


def _text(found: dict[str, Any]) -> str:
    low, high = found["top1_interval"]
    what = "items" if found["kind"] == "item" else "classes"
    five = f", top-5 {found['top5']:.3f} (chance {found['chance_top5']:.3f})" if found["candidates"] > 5 else ""
    return (
        f"  found    top-1 {found['top1']:.3f} of {found['n']} trials, each alone, among {found['candidates']} {what} "
        f"({low:.2f} to {high:.2f}; chance {found['chance_top1']:.3f}, shuffled {found['shuffled_top1']:.3f}){five}; "
        f"median rank {found['median_rank']:g}"
    )
