"""One training from a calibration to weights: a network is built, given what there is to begin from, scaled and trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rtbci.calibration import Calibration, Indices
from rtbci.errors import DecoderError
from rtbci.held_out import Split, kept_apart
from rtbci.training_run import TrainingRun
from rtbci_deep.material import Material
from rtbci_deep.settings import Settings
from rtbci_deep.shape import Shape
from rtbci_deep.state import take
from rtbci_deep.trainer import Course, Objective, Trainer
from rtbci_deep.whole import Whole, scaling

CHECKPOINTS = (".pth", ".pt", ".bin", ".safetensors")
OF_PERSONS = "network.subjects.known"
"""What `rtbci_deep.networks.subjects.SubjectValues` has for known persons is called so in every network that has it."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is trained with.

    Attributes
    ----------
    name : how errors call the decoder.
    items : (n_windows,) int64, what was shown at each window of the calibration.
    network, objective : make the untrained network, and what it is trained for.
    """

    name: str
    calibration: Calibration
    items: Indices
    shape: Shape
    settings: Settings
    run: TrainingRun
    device: torch.device
    network: Callable[[Shape], nn.Module]
    objective: Callable[[Material, Whole], Objective]

    def build(self) -> Whole:
        """A network to train: initialised by the seed, then with what published weights or an earlier model have for it.

        Raises
        ------
        DecoderError
            When there can be no such network, or nothing of those weights fits it.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            try:
                whole = Whole(self.network(self.shape), self.shape.n_chans, self.settings.clip)
            except ValueError as error:
                raise DecoderError(f"{self.name}: {error}") from error
        if self.settings.pretrained is not None:
            from rtbci_deep.published import load_published

            report = load_published(_checkpoints(self.settings.pretrained), whole.network)
            report.raise_if_empty()
            self.run.note(report.as_text())
        only_local = self.run.train == "local"
        if only_local and not self.shape.subjects:
            self._refuse_nobody(whole)
        if self.run.begin is not None:
            self.run.note(take(whole, self.run.begin, all_shared=only_local))
        return whole

    def _refuse_nobody(self, whole: Whole) -> None:
        """Refuse to train an input block that is made of known persons alone where no recording says whose it is."""
        local = [name for name, _ in whole.named_parameters() if whole.is_local(name)]
        if local and all(name.startswith(OF_PERSONS) for name in local):
            raise DecoderError(
                f"{self.name}: the input block is what the network learns of each person; no recording says whose it is, "
                "so nothing would be trained; a file called sub-NAME_…, a folder sub-NAME, or --train all would be right"
            )

    def train(self, whole: Whole, split: Split, epochs: int, stage: str) -> Course:
        """Train ``whole`` on the windows of ``split``; ``stage`` is what its checkpoint is called. See `Trainer`."""
        calibration, settings = kept_apart(self.calibration, split), self.settings
        centre, spread = scaling(calibration, split.train, settings.scale)
        whole.centre.copy_(torch.from_numpy(centre))
        whole.spread.copy_(torch.from_numpy(spread))
        whole.to(self.device)
        material = self._material(calibration, split.train)
        return Trainer(
            whole,
            self.objective(material, whole),
            material,
            self._material(calibration, split.held_out) if len(split.held_out) else None,
            settings,
            self.run,
            epochs=epochs,
            stage=stage,
            only_local=self.run.train == "local",
        ).train()

    def _material(self, calibration: Calibration, rows: Indices) -> Material:
        subjects = {name: k for k, name in enumerate(self.shape.subjects)}
        return Material(calibration, rows, self.settings, self.device, self.items, subjects)

    def tell(self, course: Course, split: Split) -> None:
        """Put into the report how it went."""
        if not len(split.held_out):
            self.run.note(f"trained for {course.epochs} epochs, loss {course.losses[-1]:.3f}")
            return
        n_trials = len(np.unique(self.calibration.trial[split.held_out]))
        if not course.best_epoch:
            self.run.note(
                f"{n_trials} held-out trials were never told better than by guessing (loss {course.held_out[-1]:.3f}); "
                f"all {course.epochs} epochs were trained"
            )
            return
        self.run.note(
            f"best after epoch {course.best_epoch} of {course.epochs}: held-out loss {course.best_loss:.3f}, "
            f"{course.best_metric:.3f} of {len(split.held_out)} windows of {n_trials} trials right"
        )


def _checkpoints(path: Path) -> list[Path]:
    """The file at ``path``, or all files of weights in the folder there. Raises DecoderError when there is none."""
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix in CHECKPOINTS)
    if not found:
        raise DecoderError(f"pretrained = {path}: a folder without a file of weights ({', '.join(CHECKPOINTS)})")
    return found
