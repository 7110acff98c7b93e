"""The contracts of `rtbci.interfaces.UsesDevice` and `rtbci.interfaces.Joins`: what is said of devices, and is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.devices import CPU, is_cpu, shown
from rtbci.testing.contract import ContractError, apart, require, require_methods
from rtbci.types import Window

Check = Callable[[object], None]
NAMED = ("device", "tolerance", "use_device")


def declared_tolerance(decoder: Any, name: str) -> float:
    """The tolerance that ``decoder`` declares, 0 where it uses no device. Raises ContractError where it is none."""
    if not hasattr(decoder, "use_device"):
        return 0.0
    require_methods(decoder, name, ("use_device",), "UsesDevice")
    said = getattr(decoder, "tolerance", None)
    right = "; how far a log-probability may differ in a batch or on another device, such as 1e-4, would be right"
    require(
        said is not None,
        f"{name} has use_device() and no tolerance before it is fitted{right}, from the constructor on",
    )
    number = isinstance(said, int | float) and not isinstance(said, bool) and 0.0 <= said < math.inf
    require(number, f"{name}.tolerance is {said!r}{right}")
    return float(said)  # type: ignore[arg-type]


class DeviceCheck:
    """Checks ``device`` and ``use_device`` of a fitted ``decoder`` that has a ``tolerance``.

    Parameters
    ----------
    name : how messages call the decoder.
    copied : makes a decoder that knows what the given one does, as from a file; what is given as its second argument is
        called before it is restored. None where the decoder cannot be saved.
    answers : what a decoder says, one by one, of some windows, (n_windows, n_classes) log-probabilities.
    """

    def __init__(
        self,
        decoder: Any,
        name: str,
        tolerance: float,
        copied: Callable[[Any, Callable[[Any], None]], Any] | None,
        answers: Callable[[Any], NDArray[np.float64]],
    ) -> None:
        self.decoder = decoder
        self.name = name
        self.tolerance = tolerance
        self.copied = copied
        self.answers = answers

    def check(self) -> None:
        """The device is told; on the processor answers are the same within the tolerance."""
        self._told(self.decoder, "after prepare() and fit()")
        if self.copied is None:
            return
        self._told(self.copied(self.decoder, lambda made: None), "after restore() and prepare()")
        moved = self.copied(self.decoder, self._to_cpu)
        device = self._told(moved, 'after use_device("cpu"), restore() and prepare()')
        require(
            is_cpu(device),
            f'{self.name}.runs_on is "{device}" after use_device("{CPU}") and prepare(); words that begin with "{CPU}", '
            'such as "cpu, 1 thread", would be right',
        )
        wanted, got = self.answers(self.decoder), self.answers(moved)
        require(
            bool(np.allclose(got, wanted, rtol=0.0, atol=self.tolerance)),
            f'{self.name} gives other answers after use_device("{CPU}") ({apart(got, wanted)}) than its tolerance of '
            f"{shown(self.tolerance)} allows; a larger tolerance, or sums in higher precision, would be right",
        )

    def _told(self, decoder: Any, when: str) -> str:
        device = getattr(decoder, "runs_on", None)
        require(
            isinstance(device, str) and bool(device.strip()),
            f'{self.name}.runs_on is {device!r} {when}; what it runs on, in words such as "cpu, 1 thread" or '
            '"cuda:0 (NVIDIA H100)", would be right',
        )
        return str(device)

    def _to_cpu(self, decoder: Any) -> None:
        try:
            decoder.use_device(CPU)
        except Exception as error:
            raise ContractError(
                f'{self.name}.use_device("{CPU}") raised {type(error).__name__} before restore() and prepare(): {error}; '
                "it is called there when another device was lost, and must only note what is wanted"
            ) from error


class JoinCheck:
    """Checks ``joins`` and ``predict_joined`` of ``decoder`` against ``predict``.

    Parameters
    ----------
    name : how messages call the decoder.
    others : further decoders of its kind, fitted on the same windows with other labels, prepared alike.
    windows : as many windows as there are decoders, each on a buffer of its own.
    ask : asks ``predict`` of a decoder about a window.
    check_answer : judges whether something is log-probabilities.
    """

    def __init__(
        self,
        decoder: Any,
        name: str,
        tolerance: float,
        others: Sequence[Any],
        windows: Sequence[Window],
        ask: Callable[[Any, Window], NDArray[np.float64]],
        check_answer: Check,
    ) -> None:
        self.decoder = decoder
        self.name = name
        self.tolerance = tolerance
        self.others = others
        self.windows = windows
        self.ask = ask
        self.check_answer = check_answer

    def check(self) -> None:
        """It joins none but its kind, and what is decided together is what each decides alone."""
        require_methods(self.decoder, self.name, ("joins", "predict_joined"), "Joins")
        require(
            not self._joins(object()),
            f"{self.name}.joins says that it joins an object of another kind; False would be right",
        )
        for n in range(1, len(self.others) + 1):
            if all(self._joins(other) for other in self.others[:n]):
                self._check_together(self.others[:n], self.windows[: n + 1])

    def _joins(self, other: object) -> bool:
        try:
            said = self.decoder.joins(other)
        except Exception as error:
            raise ContractError(
                f"{self.name}.joins raised {type(error).__name__} on a {type(other).__name__}: {error}; False would be right"
            ) from error
        require(
            isinstance(said, bool | np.bool_),
            f"{self.name}.joins returned a {type(said).__name__}; True or False would be right",
        )
        return bool(said)

    def _check_together(self, others: Sequence[Any], windows: Sequence[Window]) -> None:
        before = [window.samples.copy() for window in windows]
        alone = [self.ask(one, window) for one, window in zip((self.decoder, *others), windows, strict=True)]
        try:
            said: object = self.decoder.predict_joined(list(others), list(windows))
        except Exception as error:
            raise ContractError(
                f"{self.name}.predict_joined raised {type(error).__name__} on {len(windows)} windows: {error}"
            ) from error
        answers = list(said) if isinstance(said, Sequence | np.ndarray) else None
        require(
            answers is not None and len(answers) == len(windows),
            f"{self.name}.predict_joined returned {_brief(said)} for {len(windows)} windows; a list of log-probabilities, "
            "its own first and then those of the others in their order, would be right",
        )
        for got, wanted in zip(answers or (), alone, strict=True):
            self.check_answer(got)
            require(
                bool(np.allclose(got, wanted, rtol=0.0, atol=self.tolerance)),
                f"{self.name}.predict_joined gives other answers than predict gives one by one "
                f"({apart(np.asarray(got), wanted)}); within its tolerance of {shown(self.tolerance)} would be right, each "
                "decoder's weights being used for its own window",
            )
        untouched = all(np.array_equal(window.samples, kept) for window, kept in zip(windows, before, strict=True))
        require(untouched, f"{self.name}.predict_joined changed the samples of a window; work on a copy")


def _brief(said: object) -> str:
    return f"{len(said)} answers" if isinstance(said, Sequence | np.ndarray) else f"a {type(said).__name__}"
