"""The loop that trains a network: epochs, early stopping, checkpoints; the same on one CPU, one GPU and several of either.

::

    epoch: batches -> loss -> step ... -> held-out loss -> smaller than ever, and than guessing? keep these weights
                                                        -> not for `patience` epochs since? stop

Where a few held-out trials are never told better than by guessing, they cannot say which epoch is good, and the last one is
kept.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rtbci.errors import DecoderError, DeviceLost
from rtbci.training_run import TrainingRun
from rtbci_deep import checkpoint
from rtbci_deep.device import lost_if_gone
from rtbci_deep.material import Batch, Material, Ranks
from rtbci_deep.ranks import agreed, together, told_by_first
from rtbci_deep.settings import Settings
from rtbci_deep.whole import Whole

BETTER = 0.99
"""Of the loss of guessing, what the held-out loss must fall below for an epoch to be the best so far."""
CHECKPOINT_SECONDS = 5.0
"""A training that is killed loses no more than this, or one epoch where that takes longer."""


class Objective(Protocol):
    """What a network is trained for. ``metric`` names what `judge` gives beside the loss, such as "accuracy"."""

    metric: str

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """What is to become small, of a batch that is trained on."""
        ...

    def judge(self, network: nn.Module, material: Material) -> tuple[float, float]:
        """Loss and metric on windows that are not trained on."""
        ...

    def guessing(self, material: Material) -> float:
        """The loss that `judge` would give for who says nothing."""
        ...


@dataclass(slots=True)
class Course:
    """How a training went: epochs are counted from 1, 0 where there was none; ``best_*`` are of the held-out trials."""

    epochs: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    best_metric: float = math.nan
    losses: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    finished: bool = False


class Trainer:
    """Trains ``whole`` on ``material``; afterwards it has the weights that did best on ``held_out``, or the last ones.

    Parameters
    ----------
    epochs : passes at most.
    key : of the training; a checkpoint in ``run.checkpoints / stage`` that has another one is not of this training.
    only_local : whether only the input block is trained. Batch norms of the rest keep their statistics, dropout is off
        there.
    """

    def __init__(
        self,
        whole: Whole,
        objective: Objective,
        material: Material,
        held_out: Material | None,
        settings: Settings,
        run: TrainingRun,
        *,
        epochs: int,
        stage: str,
        only_local: bool = False,
    ) -> None:
        self.whole = whole
        self.objective = objective
        self.material = material
        self.held_out = held_out
        self.settings = settings
        self.run = run
        self.epochs = epochs
        self.device = material.device
        self.ranks = Ranks(run.rank, run.of)
        self.only_local = only_local
        self.course = Course()
        self._folder = None if run.checkpoints is None else run.checkpoints / stage
        self._best: dict[str, Tensor] = {}
        self._saved_at = 0.0
        self._bar = math.inf if held_out is None else BETTER * objective.guessing(held_out)
        for name, parameter in whole.named_parameters():
            parameter.requires_grad_(not only_local or whole.is_local(name))
        trained = [p for p in whole.parameters() if p.requires_grad]
        if not trained:
            raise DecoderError(
                f"{type(whole.network).__name__} has no parameter in its input block; train = all would be right"
            )
        make = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
        self._optimizer = make(
            trained,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=getattr(objective, "betas", (0.9, 0.999)),
        )
        self._type = _autocast_type(settings, self.device)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._type is torch.float16)

    def train(self) -> Course:
        """Run the epochs that are left. Raises DecoderError when the loss is no number any more, DeviceLost."""
        try:
            return self._train()
        except DeviceLost as lost:
            again = "the same command, which goes on from its checkpoint where one was kept"
            if "out of memory" in str(lost):
                again = f"a smaller batch (now {self.settings.batch})"
            raise DeviceLost(f'{lost}; {again}, or device = "cpu", would be right') from lost

    def _train(self) -> Course:
        with lost_if_gone(self.device):
            self._go_on()
            network = together(self.whole, self.ranks, self.device)
            while not self.course.finished:
                self._epoch(network)
                self._keep()
            if self._best:
                self.whole.load_state_dict(self._best)
            self.whole.eval()
        return self.course

    def _epoch(self, network: nn.Module) -> None:
        number = self.course.epochs
        self._training_mode(network)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            # dropout and mixup are functions of seed, epoch and rank, so that a resumed training repeats them
            torch.manual_seed((self.settings.seed * 1_000_003 + number) * 1009 + self.ranks.rank)
            loss = self._pass(network, number)
        held_out, metric = math.nan, math.nan
        if self.held_out is not None:
            self.whole.eval()
            with torch.inference_mode():
                held_out, metric = self.objective.judge(self.whole, self.held_out)
        loss, held_out, metric = agreed((loss, held_out, metric), self.ranks, self.device)
        if not math.isfinite(loss) or (self.held_out is not None and not math.isfinite(held_out)):
            raise DecoderError(
                f"the loss is {loss} after epoch {number + 1}; a lower learning_rate "
                f"(now {self.settings.learning_rate:g}) or clip = 20.0 would be right"
            )
        self._judge(number + 1, loss, held_out, metric)

    def _pass(self, network: nn.Module, number: int) -> float:
        total, n = torch.zeros((), device=self.device), 0
        steps = max(1, -(-self.material.drawn // self.settings.batch))
        for step, batch in enumerate(self.material.epoch(number, self.ranks)):
            rate = learning_rate(self.settings, (number + step / steps) / self.epochs)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._optimizer.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, self._type, enabled=self._type is not torch.float32):
                loss = self.objective.loss(network, batch)
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.step(self._optimizer)
            self._scaler.update()
            total += loss.detach() * len(batch)
            n += len(batch)
        return float(total) / max(1, n)

    def _training_mode(self, network: nn.Module) -> None:
        network.train()
        if not self.only_local:
            return
        local = {name.rpartition(".")[0] for name, _ in self.whole.named_parameters() if self.whole.is_local(name)}
        for name, module in self.whole.named_modules():
            if not any(one == name or one.startswith(f"{name}.") for one in local) and name:
                module.eval()

    def _judge(self, epoch: int, loss: float, held_out: float, metric: float) -> None:
        course = self.course
        course.epochs = epoch
        course.losses.append(loss)
        text = f"loss {loss:.3f}"
        if self.held_out is not None:
            course.held_out.append(held_out)
            if held_out < min(course.best_loss, self._bar):
                course.best_epoch, course.best_loss, course.best_metric = epoch, held_out, metric
                self._best = {name: tensor.detach().clone() for name, tensor in self.whole.state_dict().items()}
            best = f"best after {course.best_epoch}" if course.best_epoch else "no better than guessing so far"
            text += f", held out {held_out:.3f}, {self.objective.metric} {metric:.3f} ({best})"
        stale = self.settings.patience and course.best_epoch
        course.finished = epoch >= self.epochs or bool(stale and epoch - course.best_epoch >= self.settings.patience)
        self.run.progress(epoch, self.epochs, text)

    # ------------------------------------------------------------------ checkpoints

    def _keep(self) -> None:
        if self._folder is None or self.ranks.rank != 0:
            return
        now = time.monotonic()
        if not self.course.finished and now - self._saved_at < CHECKPOINT_SECONDS:
            return
        tensors, rest = checkpoint.flatten("optimizer.", self._optimizer.state_dict())
        tensors |= {f"now.{name}": tensor for name, tensor in self.whole.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        state = {
            "key": self._key,
            "optimizer": rest,
            "scaler": self._scaler.state_dict(),
            "course": {name: getattr(self.course, name) for name in Course.__slots__},
        }
        try:
            checkpoint.write(self._folder, state, tensors)
        except OSError as error:
            self.run.note(f"no checkpoint could be kept in {self._folder} ({error.strerror}); training went on")
            self._folder = None
        self._saved_at = now

    @property
    def _key(self) -> str:
        return f"{self.run.key}/{self.run.of}/{torch.__version__}"

    def _go_on(self) -> None:
        """Become what the first process's checkpoint says, where there is one of this training."""
        if self._folder is None:
            return
        kept = checkpoint.read(self._folder, self._key) if self.ranks.rank == 0 else None
        kept = told_by_first(kept, self.ranks, self.device)
        if kept is None:
            if (self._folder / checkpoint.NAME).exists():
                self.run.note(
                    f"the checkpoint in {self._folder} is of another training, or damaged; this one began anew"
                )
            return
        state, tensors = kept
        self.whole.load_state_dict(_named(tensors, "now."))
        self._best = {name: tensor.to(self.device) for name, tensor in _named(tensors, "best.").items()}
        self._optimizer.load_state_dict(checkpoint.unflatten("optimizer.", tensors, state["optimizer"]))
        self._scaler.load_state_dict(state["scaler"])
        self.course = Course(**state["course"])
        if not self.course.finished:
            self.run.note(f"went on from a checkpoint after epoch {self.course.epochs}")


def learning_rate(settings: Settings, progress: float) -> float:
    """The learning rate when ``progress`` (0 to 1) of the training is done.

    "one-cycle" rises for the first 30 % from a 25th along half a cosine, then falls to a 10^4-th of that (Smith and Topin
    2019, with PyTorch's values).
    """
    top = settings.learning_rate
    if settings.schedule == "constant":
        return top
    if settings.schedule == "step":
        return top if progress < 0.8 else top / 10
    low, end = top / 25, top / 25 / 1e4
    first, last, share = (low, top, progress / 0.3) if progress < 0.3 else (top, end, (progress - 0.3) / 0.7)
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def _autocast_type(settings: Settings, device: torch.device) -> torch.dtype:
    if settings.precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    found: torch.dtype = getattr(torch, settings.precision)
    return found


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
