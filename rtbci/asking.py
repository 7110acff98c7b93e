"""Where code of a plugin is called: what it raises or returns wrongly becomes one line that names it, for its author."""

from __future__ import annotations

import traceback
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError, RtbciError
from rtbci.interfaces import Decoder, Embeds, Joins
from rtbci.types import Window


def origin(error: BaseException, apart_from: Container[str] = ()) -> str:
    """``Type: message (file, line n)`` in one line, with the innermost place that is a file and not ``apart_from``."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if not f.filename.startswith("<") and f.filename not in apart_from]
    place = f" ({outside[-1].filename}, line {outside[-1].lineno})" if outside else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


@contextmanager
def blamed_on(what: str) -> Iterator[None]:
    """Turn whatever is raised within, even an attempt to end the program, into a DecoderError that begins with ``what``."""
    try:
        yield
    except RtbciError:
        raise
    except (Exception, SystemExit) as error:
        raise DecoderError(f"{what} raised {origin(error)}") from error


def name_of(decoder: Decoder) -> str:
    """How messages call ``decoder``: by its class, or by that of the scikit-learn estimator it is made around."""
    return type(getattr(decoder, "estimator", decoder)).__name__


def log_probs_of(decoder: Decoder, window: Window, n_classes: int) -> NDArray[np.float64]:
    """What ``decoder`` says of ``window``: (n_classes,) float64 natural logarithms of probabilities that sum to 1.

    Raises
    ------
    DecoderError
        When it raises something, or what it returned is anything else.
    """
    name = f"{name_of(decoder)}.predict"
    with blamed_on(name):
        said: object = decoder.predict(window)
    return _log_probs(said, name, n_classes)


def embedded(decoder: Embeds, window: Window, n_classes: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The embedding (n_dims,) float32 of ``window``, and what ``decoder`` says of its class, as `log_probs_of` gives it.

    Raises
    ------
    DecoderError
        When it raises something, or what it returned is anything else.
    """
    name = name_of(decoder)  # type: ignore[arg-type]
    with blamed_on(f"{name}.embed"):
        embedding = np.asarray(decoder.embed(window), np.float32)
    if embedding.ndim != 1 or not np.isfinite(embedding).all() or not embedding.any():
        raise DecoderError(
            f"{name}.embed returned an array of shape {embedding.shape}; it must return (n_dims,) finite values, not all 0"
        )
    with blamed_on(f"{name}.classify"):
        said: object = decoder.classify(embedding)
    return embedding, _log_probs(said, f"{name}.classify", n_classes)


def log_probs_joined(
    first: Joins, others: Sequence[Decoder], windows: Sequence[Window], n_classes: int
) -> list[NDArray[np.float64]]:
    """What ``first`` and ``others`` say, in one batch, of ``windows``, one for each: as `log_probs_of` gives it.

    Raises
    ------
    DecoderError
        When ``first`` raises something, or what it returned is not log-probabilities for each window.
    """
    name = f"{name_of(first)}.predict_joined"  # type: ignore[arg-type]
    with blamed_on(name):
        said: object = first.predict_joined(others, windows)
        answers = list(said) if isinstance(said, Iterable) else []
    if len(answers) != len(windows):
        came = f"{len(answers)} answers" if isinstance(said, Iterable) else f"a {type(said).__name__}"
        raise DecoderError(f"{name} returned {came} for {len(windows)} windows; it must return one for each")
    return [_log_probs(answer, name, n_classes) for answer in answers]


def _log_probs(said: object, name: str, n_classes: int) -> NDArray[np.float64]:
    try:
        result = np.asarray(said, np.float64)
    except (TypeError, ValueError):
        result = np.empty(0)
    if result.shape != (n_classes,):
        came = f"an array of shape {said.shape}" if isinstance(said, np.ndarray) else f"a {type(said).__name__}"
        raise DecoderError(f"{name} returned {came}; it must return ({n_classes},) log-probabilities, one per class")
    if not np.isfinite(result).all() or abs(float(np.exp(result).sum()) - 1.0) > 1e-6:
        raise DecoderError(
            f"{name} returned {np.array2string(result, precision=4)}; "
            "it must return finite logarithms of probabilities that sum to 1"
        )
    return result
