"""The evaluation as one HTML file that needs nothing beside it, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rtbci import metrics
from rtbci.evaluation import charts, csv_files, curves, drawn, figures, retrieved, tables, timeline
from rtbci.evaluation.evaluated import Evaluated
from rtbci.evaluation.markup import Html, count, figure, html, several, share
from rtbci.evaluation.nouns import Outcome
from rtbci.evaluation.page_style import STYLE

__all__ = ["Evaluated", "page", "write"]

Section = tuple[str, str, str]
"""Anchor, heading, content."""
NOTHING = '<p class="none">not computed: no trials</p>'


def write(folder: Path, evaluation: Evaluated) -> Path:
    """Write ``report.html``, ``rows.csv``, ``summary.csv``, ``trials.csv``, ``decisions.csv(.gz)``; the HTML's path.

    Each file appears whole or not at all, the HTML last.

    Raises
    ------
    RtbciError
        When the folder cannot be written.
    """
    csv_files.write_all(folder, evaluation)
    text = page(evaluation).encode("utf-8", "backslashreplace")
    csv_files.replace_file(folder / "report.html", lambda file: file.write(text))
    return folder / "report.html"


def page(evaluation: Evaluated) -> str:
    """The report: no script, no font, no picture from elsewhere; light or dark as the reader's screen is."""
    sections = list(_sections(evaluation))
    links = "".join(f'<a href="#{anchor}">{html(heading)}</a>' for anchor, heading, _ in sections)
    body = "".join(f'<section id="{a}"><h2>{html(h)}</h2>{content}</section>\n' for a, h, content in sections)
    people = {outcome.subject for outcome in evaluation.outcomes}
    trials = max((sum(len(o.trials) for o in group) for group in _by_decoder(evaluation.outcomes).values()), default=0)
    lead = (
        f"{several(len(evaluation.summary), 'decoder')}, {several(len(people), 'subject')}, "
        f"{several(trials, 'test trial')}. Split: <b>{html(evaluation.split)}</b>, {html(evaluation.split_text)}."
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html(evaluation.name)}: evaluation</title>\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="generator" content="rtbci">\n'
        f"<style>{STYLE}</style></head>\n<body><main>{figures.MARKS}<h1>{html(evaluation.name)}</h1>\n"
        f'<p class="lead">{lead}</p>{_warnings(evaluation)}\n<nav>{links}</nav>\n{body}</main></body></html>\n'
    )


def _warnings(evaluation: Evaluated) -> str:
    said = [html(text) for text in evaluation.warnings]
    if evaluation.failed:
        said.append(
            Html(
                f'{several(len(evaluation.failed), "task")} failed and count nowhere below: <a href="#failed">why</a>.'
            )
        )
    if not said:
        return ""
    items = "".join(f"<li>{text}</li>" for text in said)
    return f'<div class="warnings" role="note"><h2>Before you believe the numbers</h2><ul>{items}</ul></div>'


def _sections(evaluation: Evaluated) -> Iterator[Section]:
    outcomes = evaluation.outcomes
    yield "accuracy", "Accuracy against chance", _headline(evaluation)
    if evaluation.summary:
        yield "measures", "Other measures", _measures(evaluation)
    if any("retrieval" in scores for scores in evaluation.summary.values()):
        yield "retrieval", "What was found in the bank", retrieved.section(evaluation.summary)
    if any("pictures" in scores for scores in evaluation.summary.values()):
        yield "pictures", "What was drawn", drawn.section(evaluation.summary)
    if any(isinstance(scores.get("flattering"), Mapping) for scores in evaluation.summary.values()):
        yield "flattering", "What shortcuts would have shown", _flattering(evaluation.summary)
    if outcomes:
        yield "sessions", "Every subject and session", _sessions(outcomes)
        yield "course", "From the cue on", _course(outcomes)
        yield "confusion", "Confusions", _confusions(outcomes)
        yield "confidence", "Confidence", _confidence(outcomes)
        yield "timeline", "Decisions along each recording", _timeline(outcomes)
    if len(evaluation.summary) > 1:
        yield "comparisons", "Decoders compared", _comparisons(evaluation.comparisons)
    if evaluation.rows:
        yield "folds", "Every fold", f'<div class="folds">{tables.folds(evaluation.rows)}</div>'
    if evaluation.failed:
        yield "failed", "What failed", f'<div class="failures">{tables.failures(evaluation.failed)}</div>'
    yield "about", "How this was made", tables.about(evaluation.about)


def _headline(evaluation: Evaluated) -> str:
    summary = evaluation.summary
    if not summary:
        return "<p>No task came to an end: there is nothing to show.</p>"
    words = "".join(f"<li><b>{html(name)}</b> {html(in_words(scores))}</li>" for name, scores in summary.items())
    caption = (
        "Share of test trials answered right, over all folds, with a 95 % bootstrap interval. The grey zone ends at the "
        "smallest accuracy that guessing among K classes reaches in less than 5 % of cases with so many trials (binomial). "
        "Shuffled labels: the same decoder, trained on labels in random order. Time only: a control that knows when a "
        "trial comes and no brain signal; what it reaches, the order of the trials gives away. Where the classes are not "
        "equally frequent, the majority column is the level to beat. Headings explain themselves where the pointer rests."
    )
    return figure(tables.overview(summary) + tables.headline(summary), caption) + f"<ul>{words}</ul>"


def in_words(scores: Mapping[str, Any]) -> str:
    """What the numbers of one decoder come to, in a sentence that claims no more than they do."""
    accuracy, guessing, only = (scores.get(key) for key in ("trial_accuracy", "chance_binomial", "time_only"))
    shuffled, majority = scores.get("shuffled"), scores.get("chance_majority")
    if accuracy is None:
        return "has no test trial to be judged by."
    said = [f"answered {share(accuracy)} of {count(scores.get('trials'))} trials right"]
    if guessing is not None and guessing > 1:
        said.append("which are too few to tell anything from guessing")
    elif guessing is not None and accuracy < guessing:
        said.append(f"no more than guessing reaches ({share(guessing)})")
    elif majority is not None and accuracy <= majority:
        said.append(f"no more than always answering the most frequent class ({share(majority)})")
    elif guessing is not None:
        said.append(f"more than guessing reaches ({share(guessing)})")
        # always answering the most frequent class is no sign of a leak: a control must do better than that by luck
        suspicious = _suspicious(scores.get("trials"), guessing, majority)
        if shuffled is not None and shuffled >= suspicious:
            said.append(
                f"but trained on shuffled labels it still reaches {share(shuffled)}: "
                "something other than its labels tells the class"
            )
        if only is not None and only >= accuracy:
            said.append(
                f"but knowing only when a trial comes reaches {share(only)}: no brain signal is needed for this"
            )
        elif only is not None and only >= suspicious:
            said.append(f"while knowing only when a trial comes reaches {share(only)} by itself")
    if scores.get("past") is False:
        said.append("and it was trained in part on what was recorded later, as no live session can be")
    return ", ".join(said) + "."


def _suspicious(trials: Any, guessing: float, majority: float | None) -> float:
    """The accuracy from which on a control that should know nothing knows something."""
    if not trials or majority is None:
        return guessing
    return max(guessing, float(metrics.binomial_level(int(trials), majority)))


def _measures(evaluation: Evaluated) -> str:
    caption = (
        "Over all test trials. False activations are claims of a class while no class is to be claimed. The transfer rate "
        "supposes one decision in each interval given beside it, and counts no pause between trials. "
        "nMCC, AUC and balanced accuracy are 0.5, κ is 0, for two classes and an answer that knows nothing."
    )
    return figure(tables.measures(evaluation.summary, evaluation.rows), caption)


def _flattering(summary: Mapping[str, Mapping[str, Any]]) -> str:
    columns: tuple[tables.Column, ...] = (
        ("window_accuracy", "windows, shortcut", "random folds, zero-phase filters", share),
        ("windows_here", "windows, here", "trained on one part, tested on another, causal filters", share),
        ("trial_accuracy", "trials, shortcut", "random folds, zero-phase filters", share),
        ("trials_here", "trials, here", "trained on one part, tested on another, causal filters", share),
        ("auc", "AUC, shortcut", "of windows", share),
        ("folds", "random folds", "", count),
    )
    named = []
    for name, scores in summary.items():
        shortcut = scores.get("flattering")
        if isinstance(shortcut, Mapping):
            here = {"windows_here": scores.get("window_accuracy"), "trials_here": scores.get("trial_accuracy")}
            named.append(((name,), {**shortcut, **here}))
    caption = (
        "For comparison only: the same recordings with filters that look into the future (zero-phase) and windows dealt at "
        "random into training and test, so that overlapping windows of a trial are in both. No live session can reach this."
    )
    return figure(tables.scores_table(named, ["decoder"], columns), caption)


def _panels(parts: Sequence[tuple[str, str | None]], kind: str = "") -> str:
    drawn = "".join(f"<div><h3>{html(title)}</h3>{content or NOTHING}</div>" for title, content in parts)
    return f'<div class="panels {kind}">{drawn}</div>'


def _by_decoder(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.decoder, []).append(outcome)
    return groups


def _sessions(outcomes: Sequence[Outcome]) -> str:
    panels = figures.sessions(outcomes)
    drawn = [(title, figures.accuracy_panel(lanes)) for title, lanes in panels]
    caption = (
        "Share of trials answered right in each subject's session, over the folds that test it, with a 95 % Wilson interval "
        "and the number of trials. Grey zone, dashes and marks as above, each for its own number of trials."
    )
    return figure(figures.LEGEND + _panels(drawn, "broad" if len(drawn) > 1 else "one"), caption)


def _course(outcomes: Sequence[Outcome]) -> str:
    bins = curves.course_bins(outcomes)
    drawn = [(name, charts.time_course(group, bins)) for name, group in _by_decoder(outcomes).items()]
    caption = (
        "Share of trials whose single window, ending at that time after the cue (upright line), has the true class as its "
        "most probable one; windows that end after the next cue are left out. Dashes: 1/K. Grey: what guessing reaches, at "
        "each time alone, with the trials there (binomial, 5 %; of twenty times one is above by luck). The bar below "
        "marks the trial. Before the cue there is nothing to decode: what stands above chance there comes from the order "
        "of the trials."
    )
    return figure(_panels(drawn), caption)


def _confusions(outcomes: Sequence[Outcome]) -> str:
    drawn = [(name, tables.confusion(group)) for name, group in _by_decoder(outcomes).items()]
    caption = "Trials by true class (rows) and answer (columns), with percentages of each row, over all folds."
    many = max(len(outcome.classes) for outcome in outcomes) > 3
    return figure(_panels(drawn, "broad" if many else ""), caption)


def _confidence(outcomes: Sequence[Outcome]) -> str:
    drawn = [(name, charts.reliability(group)) for name, group in _by_decoder(outcomes).items()]
    caption = (
        "How often the answer was right (dots) among trials of like confidence: the posterior of the answer after the "
        "trial's last window, in ten equal bins. On the dashes, confidence is what it says; below them the decoder is too "
        "sure. Bars: trials in each bin, and a dot's area too: a small dot says little."
    )
    return figure(_panels(drawn), caption)


def _timeline(outcomes: Sequence[Outcome]) -> str:
    columns = count(timeline.columns_for(outcomes))
    caption = (
        f"Along each tested part, in seconds from its begin: the class of the trial (above), and for each decoder the "
        f"accumulated posterior of all classes (stacked, pale) with the class that it claims at that moment (full colour, "
        f"below). Drawn at {columns} instants of the part, each the decision then in force; all decisions are in the CSV."
    )
    return figure(timeline.legend(outcomes) + timeline.timelines(outcomes), caption)


def _comparisons(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "<p>Not computed: there are no two decoders with the same test trials.</p>"
    caption = (
        "Two decoders on the same trials, paired by what the third column names. A difference above zero is in favour of "
        "the first; the corrected p takes account of how many pairs were tested."
    )
    return figure(tables.comparisons(found), caption)
