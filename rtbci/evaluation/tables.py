"""Tables of the report: the headline, the other measures, confusions, comparisons, folds, failures, and how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.evaluation.figures import LEGEND, Lane, accuracy_panel
from rtbci.evaluation.markup import (
    NOT_COMPUTED,
    Html,
    anything,
    cell,
    count,
    folded,
    html,
    interval,
    level,
    p_value,
    quantity,
    several,
    share,
    table,
    yes_no,
)
from rtbci.evaluation.nouns import Outcome

Scores = Mapping[str, Any]
Column = tuple[str, str, str, Callable[[object], str]]
"""Key of a score, heading, explanation, and how it is written."""

CHANCE: tuple[Column, ...] = (
    ("trials", "trials", "test trials of all folds", count),
    ("trial_accuracy", "accuracy", "share of test trials answered right", share),
    (
        "ci",
        "95 % interval",
        "bootstrap over trials; with several subjects, over subjects and then their trials",
        interval,
    ),
    ("chance", "1/K", "one over the number of classes", share),
    ("chance_majority", "majority", "always answering the most frequent class", share),
    ("chance_binomial", "guessing < 5 %", "smallest accuracy that guessing reaches in less than 5 % of cases", level),
    ("permutation_mean", "permuted", "mean accuracy against permuted labels of the test trials", share),
    ("permutation_p", "p", "share of permutations that are as accurate", p_value),
    ("shuffled", "shuffled", "the same decoder, trained on shuffled labels", share),
    ("time_only", "time only", "a control that knows only when a trial comes", share),
)
MEASURES: tuple[Column, ...] = (
    ("balanced_accuracy", "balanced", "mean over classes of the share answered right", share),
    ("nmcc", "nMCC", "(Matthews correlation + 1) / 2", share),
    ("kappa", "κ", "Cohen's kappa", share),
    ("auc", "AUC", "area under the ROC curve; with more than two classes, one against the rest, averaged", share),
    ("window_accuracy", "windows", "share of single windows whose most probable class is the true one", share),
    ("itr_bits_per_min", "ITR, bit/min", "Wolpaw's information transfer rate at one decision each interval", quantity),
    ("decision_interval_s", "one each, s", "seconds between two decisions, which the rate supposes", quantity),
    (
        "false_activations_per_min",
        "false/min",
        "claims that begin while nothing is to be claimed, per minute of that",
        quantity,
    ),
    ("calibration_error", "calibration", "expected calibration error: mean distance of confidence and accuracy", share),
    (
        "coverage_at_10_percent_error",
        "coverage",
        "share of decisions one may keep, surest first, at 10 % errors",
        share,
    ),
)
FOLDS: tuple[Column, ...] = (
    ("past", "past only", "whether all training data were recorded before the test data", yes_no),
    ("train_trials", "train trials", "", count),
    CHANCE[0],
    CHANCE[1],
    CHANCE[2],
    CHANCE[5],
    ("permutation_p", "p", "share of permutations that are as accurate", p_value),
    CHANCE[8],
    CHANCE[9],
    *(column for column in MEASURES if column[0] != "decision_interval_s"),
    ("fit_seconds", "fit, s", "time to fit the decoder", quantity),
    ("replay_seconds", "replay, s", "time to decide the test parts", quantity),
)


def overview(summary: Mapping[str, Scores]) -> Html:
    """All decoders, each in one lane of accuracy against chance and controls."""
    return Html(LEGEND + accuracy_panel([_lane(name, scores) for name, scores in summary.items()]))


def _lane(name: str, scores: Scores) -> Lane:
    low, high = scores.get("ci") or (None, None)
    return Lane(
        name,
        trials=scores.get("trials"),
        accuracy=scores.get("trial_accuracy"),
        low=low,
        high=high,
        chance=scores.get("chance"),
        guessing=scores.get("chance_binomial"),
        shuffled=scores.get("shuffled"),
        time_only=scores.get("time_only"),
    )


def scores_table(
    named: Sequence[tuple[Sequence[object], Scores]], heads: Sequence[str], columns: Sequence[Column]
) -> Html:
    """One row for each of ``named`` (its first cells, its scores)."""
    header = [(head, "") for head in heads] + [(heading, hint) for _, heading, hint, _ in columns]
    rows = [
        [
            *(cell(first) for first in firsts),
            *(cell(write(scores.get(key)), number=True) for key, _, _, write in columns),
        ]
        for firsts, scores in named
    ]
    return table(header, rows, numbers_from=len(heads))


def headline(summary: Mapping[str, Scores]) -> Html:
    """Accuracy beside all that chance and controls reach."""
    return scores_table([((name,), scores) for name, scores in summary.items()], ["decoder"], CHANCE)


def measures(summary: Mapping[str, Scores], rows: Sequence[Scores]) -> Html:
    """What else was measured; the decision interval is that of the folds where the summary has none."""
    named = []
    for name, scores in summary.items():
        seconds = [r["decision_interval_s"] for r in rows if r.get("decoder") == name and r.get("decision_interval_s")]
        middle = float(np.median(seconds)) if seconds else None
        named.append(((name,), {"decision_interval_s": middle, **scores}))
    return scores_table(named, ["decoder"], MEASURES)


def folds(rows: Sequence[Scores]) -> Html:
    """The scores of every fold, folded away where they are many."""
    heads = ["decoder", "subject", "session", "fold"]
    firsts = [tuple(row.get(key, NOT_COMPUTED) for key in heads) for row in rows]
    made = scores_table(list(zip(firsts, rows, strict=True)), heads, FOLDS)
    return folded(several(len(rows), "row"), made, opened=len(rows) <= 24)


def confusion(outcomes: Sequence[Outcome]) -> Html:
    """Counts and row percentages of one decoder's trials, rows the truth; a column for trials without an answer."""
    classes = outcomes[0].classes
    counts = confusion_counts(outcomes)
    unanswered = bool(counts[:, -1].any())
    shown = counts if unanswered else counts[:, :-1]
    heads = "".join(f'<th scope="col">{html(name)}</th>' for name in [*classes, "none"][: shown.shape[1]])
    lines = []
    for label, row in zip(classes, shown, strict=True):
        total = int(row.sum())
        cells = "".join(_share_cell(int(n), total) for n in row)
        lines.append(f'<tr><th scope="row">{html(label)}</th>{cells}<td class="n of">{count(total)}</td></tr>')
    return Html(
        f'<div class="wide"><table class="confusion"><thead><tr><th class="of">truth ↓ answer →</th>{heads}'
        f'<th class="n of">trials</th></tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def confusion_counts(outcomes: Sequence[Outcome]) -> NDArray[np.int64]:
    """Trials (n_classes, n_classes + 1) by truth and answer; those without an answer are in the last column."""
    n = len(outcomes[0].classes)
    counts = np.zeros((n, n + 1), np.int64)
    for outcome in outcomes:
        for trial in outcome.trials:
            counts[trial.truth, trial.answer] += 1  # -1 is the last column
    return counts


def _share_cell(n: int, total: int) -> str:
    if not total:
        return '<td class="share none">–</td>'
    percent = f"{100 * n / total:.0f}"
    return f'<td class="share" style="--s:{percent}%"><b>{count(n)}</b> <span>{percent} %</span></td>'


COMPARED: tuple[Column, ...] = (
    ("unit", "paired by", "what the two decoders are paired over", anything),
    ("n", "n", "pairs", count),
    ("trials", "trials", "test trials that both decoders answered", count),
    ("difference", "difference", "mean accuracy of the first minus that of the second", share),
    ("ci", "95 % interval", "of the difference", interval),
    ("test", "test", "", anything),
    ("p", "p", "before correction", p_value),
    ("p_corrected", "p, corrected", "for the number of pairs of decoders (Holm 1979)", p_value),
)
PAIR = ("first", "second")


def comparisons(found: Sequence[Scores]) -> Html:
    """Each pair of decoders; columns that no comparison has are left out, others that one has stand at the end."""
    columns = [column for column in COMPARED if any(column[0] in one for one in found)]
    known = {*PAIR, *(key for key, *_ in COMPARED)}
    extra = dict.fromkeys(key for one in found for key in one if key not in known)
    columns += [(key, key, "", anything) for key in extra]
    named = [([anything(one.get(key)) for key in PAIR], one) for one in found]
    return scores_table(named, ["decoder", "against"], columns)


def failures(failed: Sequence[Scores]) -> Html:
    """What did not come to an end, and why."""
    rows = [[cell(one.get("task", "?")), cell(one.get("error", "?"))] for one in failed]
    return table([("task", ""), ("why it failed", "")], rows, numbers_from=2)


def about(entries: Mapping[str, str]) -> Html:
    """How the evaluation was made; what has many lines is folded away."""
    short = [(k, v) for k, v in entries.items() if "\n" not in str(v).strip() and len(str(v)) < 400]
    lines = "".join(f"<dt>{html(k)}</dt><dd>{html(v)}</dd>" for k, v in short)
    long = [folded(k, f"<pre>{html(v)}</pre>") for k, v in entries.items() if (k, v) not in short]
    return Html(f"<dl>{lines}</dl>{''.join(long)}")
