"""The evaluation as CSV for other programs: UTF-8, a header whose names carry the units, empty for None."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rtbci.errors import RtbciError
from rtbci.evaluation.evaluated import Evaluated
from rtbci.evaluation.nouns import Outcome, Stretch

LARGE = 200_000
"""Decisions from which on their file is compressed."""
WHOSE = ("decoder", "subject", "session", "fold", "recording", "part_begins_s")


def write_all(folder: Path, evaluation: Evaluated) -> None:
    """Write ``rows.csv``, ``summary.csv``, ``trials.csv`` and ``decisions.csv`` (``.csv.gz`` where it is large).

    Raises
    ------
    RtbciError
        When the folder cannot be written.
    """
    outcomes = evaluation.outcomes
    replace_file(folder / "rows.csv", lambda file: _write(file, *_scores(evaluation.rows)))
    named = [{"decoder": name, **scores} for name, scores in evaluation.summary.items()]
    replace_file(folder / "summary.csv", lambda file: _write(file, *_scores(named)))
    replace_file(folder / "trials.csv", lambda file: _write(file, _trial_header(outcomes), _trials(outcomes)))
    large = sum(len(s.time) for o in outcomes for s in o.stretches) >= LARGE
    name, other = ("decisions.csv.gz", "decisions.csv") if large else ("decisions.csv", "decisions.csv.gz")

    def decisions(file: BinaryIO) -> None:
        if large:  # without name and time: the same evaluation gives the same bytes
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                _write(packed, _decision_header(outcomes), _decisions(outcomes))
        else:
            _write(file, _decision_header(outcomes), _decisions(outcomes))

    replace_file(folder / name, decisions)
    (folder / other).unlink(missing_ok=True)  # of an earlier evaluation into the same folder


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file that appears under ``path`` whole or not at all.

    Raises
    ------
    RtbciError
        When it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
        temporary.replace(path)
    except OSError as error:
        raise RtbciError(
            f"{path}: cannot be written ({error.strerror}); a folder with room that you may write to would be right"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write(file: Any, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    text.detach()  # flushes; the file is its owner's to close


def _scores(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Header and lines of scores: an interval is two columns, a list or a table is JSON."""
    flat = [dict(_flat(row)) for row in rows]
    header = list(dict.fromkeys(key for row in flat for key in row))
    return header, [[row.get(key) for key in header] for row in flat]


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if key == "ci":
            low, high = value if value else (None, None)
            yield "ci_low", low
            yield "ci_high", high
        elif isinstance(value, list | tuple | dict):
            yield key, json.dumps(value, ensure_ascii=False)
        else:
            yield key, value


def _class_names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(name for outcome in outcomes for name in outcome.classes))


def _whose(outcome: Outcome, stretch: Stretch) -> list[Any]:
    return [outcome.decoder, outcome.subject, outcome.session, outcome.fold, stretch.recording, stretch.began]


def _name(outcome: Outcome, label: int) -> str:
    return outcome.classes[label] if label >= 0 else ""


def _trial_header(outcomes: Sequence[Outcome]) -> list[str]:
    own = ("marker_time_s", "marker", "cue_s", "begin_s", "end_s", "truth", "answer", "claimed", "seconds_to_claim")
    rest = ("windows", "windows_right", "time_only")
    most = max((len(outcome.shuffled) for outcome in outcomes), default=0)
    posteriors = [f"p_{name}" for name in _class_names(outcomes)]
    return [*WHOSE, *own, *rest, *(f"shuffled_{k + 1}" for k in range(most)), *posteriors]


def _trials(outcomes: Sequence[Outcome]) -> Iterator[list[Any]]:
    names = _class_names(outcomes)
    most = max((len(outcome.shuffled) for outcome in outcomes), default=0)
    for outcome in outcomes:
        number = 0
        for stretch in outcome.stretches:
            for trial, cue, (begin, end) in zip(stretch.trials, stretch.cues, stretch.spans, strict=True):
                times = [trial.time, trial.label, float(cue), float(begin), float(end)]
                labels = [_name(outcome, k) for k in (trial.truth, trial.answer, trial.claimed)]
                only = _name(outcome, int(outcome.time_only[number])) if number < len(outcome.time_only) else None
                shuffled = (
                    [_name(outcome, int(k)) for k in outcome.shuffled[:, number]] if outcome.shuffled.size else []
                )
                shuffled += [""] * (most - len(shuffled))
                posterior = dict(zip(outcome.classes, np.exp(trial.evidence).tolist(), strict=False))
                yield [
                    *_whose(outcome, stretch), *times, *labels, trial.seconds_to_claim, trial.windows, trial.correct,
                    only, *shuffled, *(posterior.get(name) for name in names),
                ]  # fmt: skip
                number += 1


def _decision_header(outcomes: Sequence[Outcome]) -> list[str]:
    names = _class_names(outcomes)
    own = ("window_ends_s", "truth", "claimed")
    return [*WHOSE, *own, *(f"window_p_{name}" for name in names), *(f"evidence_p_{name}" for name in names)]


def _decisions(outcomes: Sequence[Outcome]) -> Iterator[list[Any]]:
    names = _class_names(outcomes)
    for outcome in outcomes:
        at = [outcome.classes.index(name) if name in outcome.classes else None for name in names]
        for stretch in outcome.stretches:
            whose = _whose(outcome, stretch)
            columns = [stretch.time.tolist(), stretch.truth.tolist(), stretch.answer.tolist()]
            alone, together = np.exp(stretch.log_probs).tolist(), np.exp(stretch.evidence).tolist()
            for time, truth, answer, p, q in zip(*columns, alone, together, strict=True):
                own = [time, _name(outcome, truth), _name(outcome, answer)]
                # six digits: a third of the size, and the exact values are kept with the finished tasks
                shares = ["" if k is None else f"{one[k]:.6g}" for one in (p, q) for k in at]
                yield [*whose, *own, *shares]
