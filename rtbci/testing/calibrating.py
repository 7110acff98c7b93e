"""The contract of `rtbci.interfaces.Calibrates`: a calibration leaves the same bits each time, which a file can keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration
from rtbci.errors import TransformError
from rtbci.testing.contract import ContractError, require, same_bytes
from rtbci.types import Samples, StreamInfo

Arrays = Mapping[str, NDArray[Any]]
SECONDS = 1.0
"""Length of the windows that a transform is calibrated on, where none are given."""


def some_windows(info: StreamInfo, samples: Samples) -> Calibration:
    """Windows of ``samples`` (n_samples, n_channels), `SECONDS` long and end to end, of two classes in turn."""
    length = min(max(1, round(SECONDS * info.rate)), len(samples))
    n = len(samples) // length
    windows = samples[: n * length].reshape(n, length, -1).transpose(0, 2, 1)
    return Calibration.of_windows(info, windows, np.arange(n, dtype=np.int64) % 2, ("first", "second"))


class CalibrateCheck:
    """Checks ``calibrate``, ``arrays`` and ``restore`` of what ``make`` gives, before any of it is started.

    Parameters
    ----------
    make : gives a new transform each time.
    name : how messages call it.
    calibration : windows that it can be calibrated on.
    """

    def __init__(self, make: Callable[[], Any], name: str, calibration: Calibration) -> None:
        self.make = make
        self.name = name
        self.calibration = calibration

    def check(self) -> Arrays:
        """All that is asked of it; returns what it learnt."""
        learnt = self.arrays_of(self.calibrated())
        again = self.calibrated()
        self.require_same(
            self.arrays_of(again),
            learnt,
            "of two transforms that were calibrated on the same windows differ",
            "the same calibration must leave the same bits: draw no random numbers, and copy windows to aligned buffers "
            "before BLAS sees them",
        )
        other = self.calibration.only(np.arange(1 + len(self.calibration) // 2))
        self._calibrate(again, other)
        self._calibrate(again, self.calibration)
        self.require_same(
            self.arrays_of(again),
            learnt,
            "depend on what the transform was calibrated on before",
            "calibrate() must begin from nothing: it is called once for each session, and each is calibrated on itself",
        )
        self.require_same(
            self.arrays_of(self.restored(learnt)),
            learnt,
            "after restore() differ from what was restored",
            "they must be the same, bit for bit: keep them as they are, in full precision",
        )
        self._check_foreign({}, "no arrays at all")
        self._check_foreign({"not its own": np.zeros(3)}, "arrays that are not its own")
        return learnt

    def calibrated(self) -> Any:
        """A new transform that was calibrated, not started."""
        transform = self.make()
        self._calibrate(transform, self.calibration)
        return transform

    def restored(self, arrays: Arrays) -> Any:
        """A new transform with what another one was calibrated with, as after loading a model file; not started."""
        transform = self.make()
        try:
            transform.restore({key: np.array(value) for key, value in arrays.items()})
        except Exception as error:
            raise ContractError(
                f"{self.name}.restore raised {type(error).__name__} on what its own arrays() gave: {error}; they must be "
                "all that it takes"
            ) from error
        return transform

    def arrays_of(self, transform: Any) -> Arrays:
        """Copies of what ``transform`` learnt."""
        try:
            arrays = transform.arrays()
        except Exception as error:
            raise ContractError(
                f"{self.name}.arrays raised {type(error).__name__} on a calibrated transform: {error}; what calibrate() "
                "learnt would be right, also when it has been started and has run"
            ) from error
        require(
            isinstance(arrays, Mapping) and len(arrays) > 0,
            f"{self.name}.arrays() gave {type(arrays).__name__ if not isinstance(arrays, Mapping) else 'nothing'} after "
            "calibrate(); numeric NumPy arrays by name would be right",
        )
        for key, value in arrays.items():
            require(
                isinstance(key, str) and isinstance(value, np.ndarray) and value.dtype.kind in "biuf",
                f"{self.name}.arrays() gives {key!r}: {type(value).__name__}; names and numeric NumPy arrays would be right",
            )
        return {key: np.array(value) for key, value in arrays.items()}

    def require_same(self, got: Arrays, wanted: Arrays, wrong: str, right: str) -> None:
        """Require that both have the same names and bits."""
        differ = sorted(key for key in {*got, *wanted} if not _same(got.get(key), wanted.get(key)))
        require(not differ, f'{self.name}.arrays() {wrong} (in "{", ".join(differ)}"); {right}')

    def _calibrate(self, transform: Any, calibration: Calibration) -> None:
        before = [signal.samples.copy() for signal in calibration.signals]
        try:
            transform.calibrate(calibration)
        except Exception as error:
            raise ContractError(
                f"{self.name}.calibrate raised {type(error).__name__} on {len(calibration)} windows of "
                f"{calibration.info.n_channels} channels and {calibration.n_samples} samples, not started: {error}; it must "
                "learn from any windows of its stream (others can be given as calibration=)"
            ) from error
        require(
            all(same_bytes(signal.samples, kept) for signal, kept in zip(calibration.signals, before, strict=True)),
            f"{self.name}.calibrate changed the signals that it was given; what comes after it learns from them too: work "
            "on a copy",
        )

    def _check_foreign(self, arrays: Arrays, what: str) -> None:
        try:
            self.make().restore(arrays)
        except TransformError:
            return
        except Exception as error:
            raise ContractError(
                f"{self.name}.restore raised {type(error).__name__} on {what}; a TransformError with a sentence would be "
                "right"
            ) from error
        raise ContractError(f"{self.name}.restore took {what}; a TransformError would be right")


def _same(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
    return a is not None and b is not None and same_bytes(a, b)
