"""The report at the end of a session or a replay: the same numbers from the same code, for a person and as JSON.

Beside every accuracy stand the number of trials, the chance levels, a Wilson interval, and what the same answers would
score against shuffled labels. The measures are those of `rtbci.metrics`, as in an evaluation.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import metrics, retrieval_tally
from rtbci.config import DecoderConfig, Experiment
from rtbci.retrieval import wilson_interval
from rtbci.retrieved import Found
from rtbci.trials import Trial
from rtbci.types import Decision, Flag

_LITTLE = np.dtype("<f8")


class DecisionHash:
    """SHA-256 over every decision's sample indices and float values, in the order in which they were made.

    Times are left out: they tell when it was decided, not what. A row is little-endian ``start, stop, sample, answer``
    (int64) and the log-probabilities and the evidence (float64).
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, decision: Decision) -> None:
        """Take one more decision."""
        head = struct.pack("<4q", decision.start, decision.stop, decision.sample, decision.answer)
        self._hash.update(head + self._bytes(decision.log_probs) + self._bytes(decision.evidence))

    @staticmethod
    def _bytes(values: NDArray[np.float64]) -> bytes:
        # a copy, which another byte order needs, takes longer than the hash
        return (values if values.dtype == _LITTLE else values.astype(_LITTLE)).tobytes()

    def hexdigest(self) -> str:
        """The hash so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()


def shuffled_accuracy(trials: Sequence[Trial], n_classes: int) -> float | None:
    """Expected accuracy of the same answers against the same labels in random order (exact, nothing is drawn)."""
    if not trials:
        return None
    truth = np.bincount([t.truth for t in trials], minlength=n_classes) / len(trials)
    answer = np.bincount([t.answer for t in trials], minlength=n_classes) / len(trials)
    return float(truth @ answer)


def truths(trials: Sequence[Trial]) -> NDArray[np.int64]:
    """The class (n_trials,) int64 that each trial was of."""
    return np.array([t.truth for t in trials], np.int64)


def answers(trials: Sequence[Trial]) -> NDArray[np.int64]:
    """The class (n_trials,) int64 that each trial was answered with."""
    return np.array([t.answer for t in trials], np.int64)


def posteriors(trials: Sequence[Trial], n_classes: int) -> NDArray[np.float64] | None:
    """Probabilities (n_trials, n_classes) float64 after each trial; None where a trial has none on record."""
    if any(len(t.evidence) != n_classes for t in trials):
        return None
    return np.exp(np.array([t.evidence for t in trials], np.float64).reshape(len(trials), n_classes))


def guessing_level(n_trials: int, n_classes: int) -> float | None:
    """Accuracy that guessing reaches in less than 5 % of cases; None where even all right would be guessed more often."""
    level = metrics.binomial_level(n_trials, metrics.chance_level(n_classes))
    return level if level <= 1.0 else None


def trial_seconds(experiment: Experiment, config: DecoderConfig) -> float:
    """Length of one of the decoder's trials: what the experiment says, but no less than a window and a hop."""
    if config.hop is None:
        return config.window
    return max(experiment.trial.stop - experiment.trial.start, config.window + config.hop)


AGE_PERCENTILES = ("p50", "p95", "p99")


def percentiles(ages: Sequence[float]) -> dict[str, float] | None:
    """p50, p95 and p99 of ``ages`` (seconds), in milliseconds; None without any."""
    if not len(ages):
        return None
    values = np.percentile(np.asarray(ages) * 1e3, [50, 95, 99])
    return {name: round(float(value), 3) for name, value in zip(AGE_PERCENTILES, values, strict=True)}


@dataclass(slots=True)
class DecoderTally:
    """Counts what one decoder did, decision by decision and trial by trial.

    ``trial_seconds`` is the length of a trial, which the information transfer rate takes for the time of a decision;
    without it there is no rate. ``found``: at which ranks in a bank
    stood what was shown. ``device`` is what a decoder that may
    run on a GPU runs on, or ran on last.
    """

    classes: tuple[str, ...]
    trials: list[Trial] = field(default_factory=list)
    without_data: int = 0
    decoded: int = 0
    skipped: int = 0
    late: int = 0
    over_gap: int = 0
    restarts: int = 0
    problem: str | None = None
    device: str | None = None
    ages: list[float] = field(default_factory=list)
    digest: DecisionHash = field(default_factory=DecisionHash)
    trial_seconds: float | None = None
    found: list[Found] = field(default_factory=list)

    def add(self, decision: Decision) -> None:
        """Count one decision."""
        self.decoded += 1
        self.skipped = max(self.skipped, decision.skipped)
        self.late += bool(decision.flags & Flag.LATE)
        self.ages.append(decision.age)
        self.digest.add(decision)

    @property
    def trial_accuracy(self) -> float | None:
        """Share of trials answered right, None without trials."""
        return sum(t.answer == t.truth for t in self.trials) / len(self.trials) if self.trials else None

    @property
    def window_accuracy(self) -> float | None:
        """Share of the trials' windows whose most probable class is the true one, None without trials."""
        windows = sum(t.windows for t in self.trials)
        return sum(t.correct for t in self.trials) / windows if windows else None

    @property
    def confusion(self) -> list[list[int]]:
        """Trials by true class (rows) and answer (columns), in the order of ``classes``."""
        table = np.zeros((len(self.classes), len(self.classes)), int)
        for trial in self.trials:
            table[trial.truth, trial.answer] += 1
        return [[int(n) for n in row] for row in table]

    @property
    def measures(self) -> dict[str, float | None]:
        """What the trials' answers are worth beyond their accuracy, and what guessing would be (`rtbci.metrics.score`)."""
        n_classes, truth = len(self.classes), truths(self.trials)
        found = metrics.score(
            truth, answers(self.trials), posteriors(self.trials, n_classes), n_classes, self.trial_seconds
        )
        del found["accuracy"]  # stands in the report as trial_accuracy
        return {
            **found,
            "decision_interval_s": self.trial_seconds,
            "chance_binomial": guessing_level(len(self.trials), n_classes),
            "chance_majority": metrics.majority_level(truth, n_classes),
        }

    def as_json(self) -> dict[str, Any]:
        """What stands under ``decoders`` in the report."""
        right = sum(t.answer == t.truth for t in self.trials)
        claimed = [t for t in self.trials if t.claimed >= 0]
        return {
            "classes": list(self.classes),
            "trial_accuracy": self.trial_accuracy,
            "trial_accuracy_ci95": list(wilson_interval(right, len(self.trials))) if self.trials else None,
            "chance": 1.0 / len(self.classes),
            "shuffled": shuffled_accuracy(self.trials, len(self.classes)),
            **self.measures,
            "window_accuracy": self.window_accuracy,
            "trials": len(self.trials),
            "trials_without_data": self.without_data,
            "confusion": self.confusion,
            "claimed": {
                "trials": len(claimed),
                "right": sum(t.claimed == t.truth for t in claimed),
                "median_seconds": float(np.median([t.seconds_to_claim or 0.0 for t in claimed])) if claimed else None,
            },
            "decision_age_ms": percentiles(self.ages) or dict.fromkeys(AGE_PERCENTILES),
            "windows": {
                "decoded": self.decoded,
                "skipped": self.skipped,
                "late": self.late,
                "over_gap": self.over_gap,
            },
            "restarts": self.restarts,
            "problem": self.problem,
            "device": self.device,
            "decisions_sha256": self.digest.hexdigest(),
            **retrieval_tally.as_json(self.found),
        }


MEASURES = (("balanced_accuracy", "balanced"), ("kappa", "kappa"), ("auc", "AUC"), ("nmcc", "nMCC"))


def _measures_text(decoder: dict[str, Any]) -> str:
    found = [f"{name} {decoder[key]:.3f}" for key, name in MEASURES if decoder[key] is not None]
    if decoder["itr_bits_per_min"] is not None:
        seconds = decoder["decision_interval_s"]
        found.append(f"{decoder['itr_bits_per_min']:.1f} bits/min at a decision every {seconds:.2f} s")
    return ", ".join(found)


def _chance_text(decoder: dict[str, Any]) -> str:
    level = decoder["chance_binomial"]
    guessed = "too few trials to tell from guessing" if level is None else f"below {level:.3f} it may be guessing (5 %)"
    return f"{guessed}; always the most frequent class {decoder['chance_majority']:.2f}"


def _said_text(annotations: dict[str, Any]) -> list[str]:
    """What people noted while the session ran, and which decoder took over when (`rtbci.annotations`)."""
    lines = [f"note       {note['time']:.3f} s  {note['text']}" for note in annotations.get("notes", ())]
    for mark in annotations.get("bads", ()):
        lines.append(
            f"channel    {mark['time']:.3f} s  {mark['channel']} marked {'bad' if mark['bad'] else 'good again'}"
        )
    for switch in annotations.get("charge", ()):
        lines.append(f"in charge  {switch['time']:.3f} s  {switch['to']} in place of {switch['from']}")
    return ["", *lines] if lines else []


def as_text(report: dict[str, Any]) -> str:
    """The report for a person."""
    samples = report["samples"]
    lines = [f"note: {note}" for note in report.get("notes", ())]
    lines += [f"{samples['received']} samples received, {samples['lost']} lost, {report['gaps']} gaps"]
    for name, decoder in report["decoders"].items():
        windows, age = decoder["windows"], decoder["decision_age_ms"]
        lines.append("")
        lines.append(f"{name}")
        if decoder["trials"]:
            low, high = decoder["trial_accuracy_ci95"]
            lines.append(
                f"  trials   {decoder['trial_accuracy']:.3f} right of {decoder['trials']} "
                f"(95 % interval {low:.2f} to {high:.2f}; chance {decoder['chance']:.2f}, "
                f"shuffled labels {decoder['shuffled']:.2f})"
            )
            lines.append(f"  chance   {_chance_text(decoder)}")
            lines.append(f"  measures {_measures_text(decoder)}")
            lines.append(f"  windows  {decoder['window_accuracy']:.3f} right, within trials")
            width = max(len(c) for c in decoder["classes"])
            head = " ".join(f"{c:>{max(width, 5)}}" for c in decoder["classes"])
            lines.append(f"  {'truth':>{width + 4}} {head}   <- answer")
            for label, row in zip(decoder["classes"], decoder["confusion"], strict=True):
                lines.append(f"  {label:>{width + 4}} " + " ".join(f"{n:>{max(width, 5)}}" for n in row))
            claimed = decoder["claimed"]
            if claimed["trials"]:
                lines.append(
                    f"  claimed  {claimed['trials']} of {decoder['trials']} trials crossed the threshold, "
                    f"{claimed['right']} of them right, {claimed['median_seconds']:.2f} s after the marker (median)"
                )
        else:
            lines.append("  no finished trial with a known class")
        if decoder["trials_without_data"]:
            lines.append(f"  {decoder['trials_without_data']} trials had no whole window to decode")
        lines += retrieval_tally.as_text(decoder)
        if age["p50"] is not None:
            lines.append(f"  age      p50 {age['p50']:.1f} ms, p95 {age['p95']:.1f} ms, p99 {age['p99']:.1f} ms")
        lines.append(
            f"  windows  {windows['decoded']} decoded, {windows['skipped']} skipped, {windows['late']} late, "
            f"{windows['over_gap']} over a gap"
        )
        if decoder["restarts"] or decoder["problem"]:
            lines.append(
                f"  worker   restarted {decoder['restarts']} times; {decoder['problem'] or 'no problem known'}"
            )
        if decoder["device"]:
            lines.append(f"  device   {decoder['device']}")
        lines.append(f"  sha256   {decoder['decisions_sha256']}")
    lines += _said_text(report.get("annotations") or {})
    if report.get("session"):
        lines.append("")
        lines.append(f"session    {report['session']}")
    return "\n".join(lines)
