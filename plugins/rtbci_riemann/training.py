"""What a fit is given, checked before anything is learnt from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError

Fitted = TypeVar("Fitted")


def n_classes_of(windows: NDArray[np.float32], labels: NDArray[np.int64], declared: int | None) -> int:
    """Number of classes in ``labels`` (n_windows,), each of which must have windows. Raises DecoderError."""
    if windows.ndim != 3 or len(windows) != len(labels) or not len(windows):
        raise DecoderError(
            f"windows of shape {windows.shape} with {len(labels)} labels; "
            "fit wants (n_windows, n_channels, n_samples) and one label for each window"
        )
    if not np.isfinite(windows).all():
        raise DecoderError("training windows with NaN or infinite samples; leave those windows out")
    if (windows == windows[..., :1]).all():
        raise DecoderError("training windows that are flat in every channel; recorded signals would be right")
    counts = np.bincount(labels, minlength=declared or 2)
    if not counts.all():
        raise DecoderError(
            f"classes with {counts.tolist()} training windows; every class needs some, and there must be two or more"
        )
    return len(counts)


def n_runs(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Runs of equal labels (n_classes,) in ``labels`` (n_windows,): windows of one trial follow each other."""
    begins = np.concatenate([[True], labels[1:] != labels[:-1]])
    counts: NDArray[np.int64] = np.bincount(labels[begins], minlength=n_classes)
    return counts


def fitting(what: str, fit: Callable[[], Fitted]) -> Fitted:
    """What ``fit`` returns; a numerical failure in a library becomes a DecoderError that says what failed."""
    try:
        return fit()
    except (np.linalg.LinAlgError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DecoderError(
            f'{what} failed on the training windows ({reason}); estimator = "oas" copes with most'
        ) from error
