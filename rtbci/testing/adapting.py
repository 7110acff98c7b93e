"""The contract of `rtbci.interfaces.Adapts`: nothing but learning changes answers, and what was learnt can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.interfaces import Saves
from rtbci.testing.contract import ContractError, apart, require, same_bytes
from rtbci.types import Samples

Answers = Callable[[Any], NDArray[np.float64]]
Trials = list[tuple[Samples, int]]


class AdaptCheck:
    """Checks ``adapt`` on copies of a fitted ``decoder``.

    Parameters
    ----------
    name : how messages call the decoder.
    copied : makes a decoder that knows what the given one does, as from a file.
    answers : what a decoder says of some windows, (n_windows, n_classes) log-probabilities that were found to be right.
    trials : windows (n, n_channels, n_samples) float32 of a trial, and their class; some of each.
    """

    def __init__(
        self,
        decoder: Any,
        name: str,
        copied: Callable[[Any], Any],
        answers: Answers,
        trials: Trials,
        n_classes: int,
    ) -> None:
        self.decoder = decoder
        self.name = name
        self.copied = copied
        self.answers = answers
        self.trials = trials
        self.n_classes = n_classes

    def check(self) -> None:
        """All that is asked of it."""
        require(
            isinstance(self.decoder, Saves),
            f"{self.name} has adapt() and no arrays() and restore(); what it learns while it runs must be kept over a "
            "restart (rtbci.interfaces.Saves)",
        )
        self._check_apart()
        self._check_repeated()
        self._check_kept()
        self._check_labels()

    def _check_apart(self) -> None:
        before = self.answers(self.decoder)
        copy = self._learnt(self.copied(self.decoder), self.trials)
        self._require_same(
            self.answers(self.decoder),
            before,
            "changed its answers when a copy of it adapted",
            "restore() must copy what it is given, and nothing may be shared between decoders",
        )
        after = self.answers(copy)
        self._require_same(
            self.answers(copy),
            after,
            "gave other answers when it was asked again after adapt()",
            "predict must not learn: only adapt may change what it knows",
        )

    def _check_repeated(self) -> None:
        """The same trials give the same bits: on windows that are then overwritten, and with questions in between."""
        plain = self._learnt(self.copied(self.decoder), self.trials)
        kept = self.copied(self.decoder)
        for windows, label in self.trials:
            given = windows.copy()
            self._adapt(kept, given, label)
            require(
                same_bytes(given, windows),
                f"{self.name}.adapt changed the windows that it was given; work on a copy",
            )
            given[:] = 0.0
            self.answers(kept)
        wanted = self.answers(plain)
        self._require_same(
            self.answers(kept),
            wanted,
            "learnt something else from the same trials when it was asked about windows in between, or when the windows "
            "it had been given were overwritten",
            "a session is run again from its recording: let adapt depend on what it is given alone, draw no random "
            "numbers, and keep no view of the windows",
        )
        self._require_same_arrays(kept, plain, "after the same trials")

    def _check_kept(self) -> None:
        """What was learnt is in the arrays, and learning goes on from there as it would have."""
        half = len(self.trials) // 2
        first = self._learnt(self.copied(self.decoder), self.trials[:half])
        second = self.copied(first)
        self._require_same(
            self.answers(second),
            self.answers(first),
            "does not decide after restore() as it did when it had adapted",
            "arrays() must hold what adapt learnt as well, in full precision",
        )
        self._learnt(first, self.trials[half:])
        self._learnt(second, self.trials[half:])
        self._require_same(
            self.answers(second),
            self.answers(first),
            "learns something else after restore() than it would have without",
            "arrays() must hold all that adapt goes by, such as how many trials there were",
        )
        self._require_same_arrays(second, first, "after restore() and the same trials")

    def _check_labels(self) -> None:
        windows = self.trials[0][0]
        for label in (self.n_classes, -1):
            try:
                self.copied(self.decoder).adapt(windows.copy(), label)
            except DecoderError:
                continue
            except Exception as error:
                raise ContractError(
                    f"{self.name}.adapt raised {type(error).__name__} on label {label} of {self.n_classes} classes: "
                    f"{error}; a DecoderError with a sentence would be right"
                ) from error
            raise ContractError(
                f"{self.name}.adapt took label {label}, where there are {self.n_classes} classes; a DecoderError would be "
                "right"
            )

    def _learnt(self, decoder: Any, trials: Trials) -> Any:
        for windows, label in trials:
            self._adapt(decoder, windows.copy(), label)
        return decoder

    def _adapt(self, decoder: Any, windows: Samples, label: int) -> None:
        try:
            decoder.adapt(windows, label)
        except Exception as error:
            raise ContractError(
                f"{self.name}.adapt raised {type(error).__name__} on {len(windows)} windows of class {label}: {error}"
            ) from error

    def _require_same(self, got: NDArray[np.float64], wanted: NDArray[np.float64], wrong: str, right: str) -> None:
        require(same_bytes(got, wanted), f"{self.name} {wrong} ({apart(got, wanted)}); {right}")

    def _require_same_arrays(self, one: Any, other: Any, when: str) -> None:
        a, b = ({key: np.asarray(value) for key, value in decoder.arrays().items()} for decoder in (one, other))
        require(
            set(a) == set(b) and all(same_bytes(a[key], b[key]) for key in a),
            f"{self.name}.arrays() of two decoders differ {when}; they must be the same, bit for bit",
        )
