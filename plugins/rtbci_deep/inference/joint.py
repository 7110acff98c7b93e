"""Windows of several decoders in one batch, for a GPU that a single window leaves idle."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rtbci_deep.device import lost_if_gone
from rtbci_deep.inference.cuda import Cuda, GpuStep
from rtbci_deep.inference.runner import Runner
from rtbci_deep.inference.steps import Array, CpuStep, Given, Step


def are_alike(one: Runner, other: Runner) -> bool:
    """Whether both run networks of one form and size, on one device."""
    return (
        one.device == other.device
        and one.shape == other.shape
        and type(one.fused) is type(other.fused)
        and _form(one.fused) == _form(other.fused)
    )


def _form(module: nn.Module) -> tuple[object, ...]:
    """Whatever of ``module`` is not the value of a tensor: the sizes of all of them, and all numbers and flags."""
    plain = (bool, int, float, tuple)
    return (
        *((name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()),
        *(
            (name, key, value)
            for name, part in module.named_modules()
            for key, value in vars(part).items()
            if isinstance(value, plain) and not key.startswith("__")
        ),
    )


class Joint:
    """Asks ``runners``, which are alike, about a window each, in one batch.

    With the same weights that is a batch of one network; with others, the weights lie stacked and every product is a batch
    of products.

    Source: ``torch.func.stack_module_state`` and ``vmap`` (PyTorch's tutorial on model ensembling).
    """

    def __init__(self, runners: Sequence[Runner]) -> None:
        first, *others = self.runners = tuple(runners)
        self.device = first.device
        # what is given belongs to one person and one set of bad channels: a batch of one network has room for one of it
        alike = not first.given(0, None) and all(_same_weights(first.fused, other.fused) for other in others)
        self.stacked = not alike
        module = Stack([runner.fused for runner in runners]) if self.stacked else first.fused
        self._newest = [runner.given(0, None) for runner in self.runners]
        self._given: tuple[tuple[Given, ...], Given] | None = None
        with lost_if_gone(self.device):
            self._step = self._step_of(module, first)

    def _step_of(self, module: nn.Module, first: Runner) -> Step:
        n = len(self.runners)
        if self.device.type == "cpu":
            return CpuStep(module, first.shape, first.threads, block=n)
        return GpuStep(module, first.shape, Cuda(self.device), first.acceleration, sizes=(n,))

    def ask(
        self, windows: Sequence[Array], given: Sequence[Given], runners: Sequence[Runner] | None = None
    ) -> list[Array]:
        """The main output (n_outputs,) of each runner for its window (n_chans, n_times), and what is ``given`` of it.

        Where only some of the `runners` have a window they are named; the rows of the others hold what was there before.
        """
        places = [self.runners.index(one) for one in runners] if runners is not None else list(range(len(self.runners)))
        with lost_if_gone(self.device):
            for place, window in zip(places, windows, strict=True):
                self._step.rows[place] = window.T
            for place, one in zip(places, given, strict=True):
                self._newest[place] = one
            said = self._step(len(self.runners), self._together(tuple(self._newest)))
            return [said[place] for place in places]

    def _together(self, given: tuple[Given, ...]) -> Given:
        if not self.stacked:
            return ()
        if self._given is None or any(a is not b for a, b in zip(self._given[0], given, strict=True)):
            with torch.inference_mode():
                self._given = given, tuple(torch.stack(each) for each in zip(*given, strict=True))
        return self._given[1]


class Stack(nn.Module):
    """Networks of one form as one: rows (n_modules, ...), one for each, to outputs (n_modules, n_outputs).

    What is given beside rows is stacked likewise.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        parameters, buffers = torch.func.stack_module_state(list(modules))
        self._names = tuple((parameters | buffers).keys())
        for k, tensor in enumerate((parameters | buffers).values()):
            self.register_buffer(f"tensor{k}", tensor.detach())
        self._one = (copy.deepcopy(modules[0]).to("meta"),)  # in a tuple: it is no part of this, and has no weights

    def forward(self, rows: Tensor, *given: Tensor) -> Tensor:
        """See the class."""
        tensors = {name: self.get_buffer(f"tensor{k}") for k, name in enumerate(self._names)}

        def one(state: dict[str, Tensor], row: Tensor, *more: Tensor) -> Tensor:
            said: Tensor = torch.func.functional_call(self._one[0], state, (row[None], *more))[0]
            return said

        stacked: Tensor = torch.vmap(one)(tensors, rows, *given)
        return stacked


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
