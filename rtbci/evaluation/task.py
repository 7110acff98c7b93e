"""One task: one decoder on one fold, trained, replayed through the live pipeline, with its controls beside it.

A function of its arguments alone, so that it can run in another process or on another machine and be found again when an
evaluation is resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble, config, training
from rtbci import model as models
from rtbci.calibration import Calibration
from rtbci.config import DecoderConfig, Experiment
from rtbci.devices import tolerance_of
from rtbci.evaluation import controls
from rtbci.evaluation.nouns import Fold, Outcome, Part, Recorded, Stretch
from rtbci.evaluation.retrieved import top1_by_kind
from rtbci.evaluation.stretch import OnePart, decide
from rtbci.interfaces import Decoder, Saves
from rtbci.replay import in_batches
from rtbci.report import DecisionHash
from rtbci.training import Gathered
from rtbci.training_run import TrainingRun
from rtbci.training_set import Piece

if TYPE_CHECKING:
    from rtbci.bank.retriever import Index

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Task:
    """What to do: the experiment's text and path (for relative plugin files), a decoder of it, a fold, and the controls.

    ``batched``: the decoder answers batches within its tolerance, where it would otherwise be asked window by window.
    """

    text: str
    path: Path | None
    decoder: str
    fold: Fold
    shuffles: int
    seed: int
    version: str
    batched: bool = False

    @property
    def name(self) -> str:
        """How a person calls it."""
        return f"{self.decoder}, subject {self.fold.subject}, {self.fold.name}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What to do for `rtbci.evaluation.flattery`: a decoder of an experiment on all recordings of one subject."""

    text: str
    path: Path | None
    decoder: str
    recordings: tuple[Recorded, ...]
    seed: int
    version: str

    @property
    def name(self) -> str:
        """How a person calls it."""
        return f"{self.decoder}, subject {self.recordings[0].subject}, zero-phase filters and random folds"


def run(task: Task, progress: Progress = lambda text: None) -> Outcome:
    """Train on the fold's past, decide its test parts, and let the controls answer the same trials.

    Raises
    ------
    RtbciError
        In one line, as `rtbci train` and `rtbci replay` would say it.
    """
    assemble.limit_threads()
    experiment = config.loads(task.text, task.path)
    chosen = experiment.decoder(task.decoder)
    gathered = training.gather(experiment, chosen, [_piece(part) for part in task.fold.train], progress)
    data = gathered.data
    started = time.perf_counter()
    decoder = assemble.make_decoder(experiment, chosen)
    training.fit(experiment, chosen, decoder, data, TrainingRun(say=lambda text: progress(f"{task.name} {text}")))
    fitted = time.perf_counter()
    digest = DecisionHash()
    index = assemble.open_bank(experiment, chosen, decoder)
    stretches = _decide(experiment, chosen, decoder, gathered, task, digest, index)
    done = time.perf_counter()
    progress(f"{task.name}: controls")
    shuffled, control_top1 = _shuffled(experiment, chosen, gathered, task, index)
    return Outcome(
        decoder=chosen.name,
        subject=task.fold.subject,
        session=task.fold.session,
        fold=task.fold.name,
        past=task.fold.past,
        classes=tuple(experiment.classes),
        idle=experiment.idle,
        window=chosen.window,
        hop=chosen.hop,
        stretches=stretches,
        shuffled=shuffled,
        control_top1=control_top1,
        time_only=_time_only(data, stretches, task, experiment.idle),
        train_windows=len(data.labels),
        train_trials=len(data.moments),
        fit_seconds=fitted - started,
        replay_seconds=done - fitted,
        decisions_sha256=digest.hexdigest(),
        notes=(*data.info.notes, *in_batches(chosen.name, tolerance_of(decoder) if task.batched else 0.0)),
    )


def _piece(part: Part) -> Piece:
    recorded = part.recorded
    return Piece(recorded.path, part.start, part.stop, recorded.person, recorded.session)


def _decide(
    experiment: Experiment,
    chosen: DecoderConfig,
    decoder: Decoder,
    gathered: Gathered,
    task: Task,
    digest: DecisionHash,
    index: Index | None,
) -> tuple[Stretch, ...]:
    signature = models.signature_of(gathered.data.picked)
    learnt = dict(decoder.arrays()) if isinstance(decoder, Saves) else None
    rest = training.rest_for(experiment, chosen, decoder, gathered.data, TrainingRun(), index)
    stretches = []
    for part in task.fold.test:
        if learnt is not None:  # as a session does: each begins with the model, whatever another one has adapted
            decoder = assemble.make_decoder(experiment, chosen)
            assert isinstance(decoder, Saves)
            decoder.restore({name: np.array(array) for name, array in learnt.items()})
        one = OnePart(decoder, signature, gathered.calibrated, _piece(part), task.batched, index, rest)
        stretches.append(decide(experiment, chosen, one, digest))
    return tuple(stretches)


def _shuffled(
    experiment: Experiment, chosen: DecoderConfig, gathered: Gathered, task: Task, index: Index | None
) -> tuple[NDArray[np.int64], dict[str, tuple[float, ...]]]:
    """Answers (n_shuffles, n_trials) of the same decoder trained on shuffled labels; it adapts to nothing (labels leak).

    And, by kind of candidates, its top-1 accuracy in the bank in each shuffle.
    """
    frozen, data = replace(chosen, adapt=False), gathered.data
    rows, tops = [], dict[str, tuple[float, ...]]()
    for k in range(task.shuffles):
        order = controls.shuffled_order(len(data.moments), task.seed + k)
        decoder = assemble.make_decoder(experiment, chosen)
        training.fit(experiment, frozen, decoder, data.reassigned(order))
        stretches = _decide(experiment, frozen, decoder, gathered, task, DecisionHash(), index)
        rows.append([trial.answer for stretch in stretches for trial in stretch.trials])
        for kind, top in top1_by_kind([one for stretch in stretches for one in stretch.found]).items():
            tops[kind] = (*tops.get(kind, ()), top)
    return np.array(rows, np.int64).reshape(len(rows), -1), tops


def _time_only(data: Calibration, stretches: Sequence[Stretch], task: Task, idle: int | None) -> NDArray[np.int64]:
    """Answers (n_trials,) of a control that knows of a trial only when it comes; -1 for idle, which it is not asked about.

    (That idle follows every trial is how idle is made, and gives nothing away.)
    """
    ordinal: dict[int, int] = {}
    train = []
    for k, (recording, seconds) in enumerate(data.moments):
        label = int(data.labels[data.trial == k][0])
        if label != idle:
            number = int(recording)
            ordinal[number] = ordinal.get(number, -1) + 1
            train.append((number, float(seconds), ordinal[number], label))
    numbers = {part.recorded.path: i for i, part in enumerate(task.fold.train)}
    test, asked = [], []
    for part, stretch in zip(task.fold.test, stretches, strict=True):
        number = numbers.setdefault(part.recorded.path, len(numbers))
        for trial, span in zip(stretch.trials, stretch.spans, strict=True):
            asked.append(trial.truth != idle)
            if trial.truth != idle:  # in a recording that was trained on before, the count goes on
                ordinal[number] = ordinal.get(number, -1) + 1
                test.append((number, stretch.began + float(span[0]), ordinal[number], trial.truth))
    answers = np.full(len(asked), -1, np.int64)
    answers[np.array(asked, bool)] = controls.time_only(train, test)
    return answers
