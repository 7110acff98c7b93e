"""What a decoder learnt, as bytes and back, without pickle: safetensors for arrays, skops for scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtbci.asking import blamed_on, name_of
from rtbci.errors import ModelError
from rtbci.interfaces import Decoder, Saves

ARRAYS, ESTIMATOR = "arrays.safetensors", "estimator.skops"
TRUSTED = ("numpy", "scipy", "sklearn", "pyriemann", "mne")
"""Packages whose types a scikit-learn estimator may hold; those of the decoder's own package are allowed as well."""


@runtime_checkable
class HoldsEstimator(Protocol):
    """A decoder around a scikit-learn estimator, which is then saved instead of arrays."""

    estimator: Any

    def adopt(self, estimator: Any) -> None:
        """Become a decoder around this fitted ``estimator``. Raises DecoderError."""
        ...


def kind_of(decoder: Decoder, what: str) -> str:
    """Which of `ARRAYS` and `ESTIMATOR` holds what ``decoder`` learns. Raises ModelError that begins with ``what``."""
    if isinstance(decoder, Saves):
        return ARRAYS
    if isinstance(decoder, HoldsEstimator):
        return ESTIMATOR
    raise ModelError(
        f"{what}: {type(decoder).__name__} cannot be saved; it needs arrays() and restore() "
        "(rtbci.interfaces.Saves), or to be a scikit-learn estimator (use may name a function that returns one)"
    )


def to_bytes(decoder: Decoder, what: str) -> bytes:
    """What ``decoder`` learnt. Raises ModelError that begins with ``what``."""
    if kind_of(decoder, what) == ESTIMATOR:
        import skops.io

        assert isinstance(decoder, HoldsEstimator)
        dumped: bytes = skops.io.dumps(decoder.estimator)
        _untrusted_types(dumped, decoder, what)
        return dumped
    assert isinstance(decoder, Saves)
    with blamed_on(f"{what}: {name_of(decoder)}.arrays"):
        given: object = decoder.arrays()
    return arrays_to_bytes(given, what)


def arrays_to_bytes(given: object, what: str) -> bytes:
    """Arrays by name as safetensors has them. Raises ModelError, beginning with ``what``, for anything else."""
    from safetensors.numpy import save

    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ModelError(f"{what}: arrays() gave a {type(given).__name__}; numeric arrays by name would be right")
    # in C order, and copied with np.array: ascontiguousarray would give a scalar an axis
    arrays = {name: np.array(value, order="C") for name, value in given.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ModelError(
                f'{what}: array "{name}" has dtype {array.dtype}; integers, floats and booleans can be saved'
            )
    saved: bytes = save(arrays)
    return saved


def arrays_from_bytes(data: bytes, what: str) -> dict[str, NDArray[Any]]:
    """What `arrays_to_bytes` was given. Raises ModelError, beginning with ``what``, for damaged ``data``."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(data))
    except SafetensorError as error:
        raise ModelError(f"{what}: its arrays are damaged ({error}); train it again") from error


def from_bytes(decoder: Decoder, data: bytes, what: str) -> None:
    """Make ``decoder`` the one that `to_bytes` gave ``data`` for. Raises ModelError, or the decoder's DecoderError."""
    if kind_of(decoder, what) == ARRAYS:
        assert isinstance(decoder, Saves)
        arrays = arrays_from_bytes(data, what)
        with blamed_on(f"{name_of(decoder)}.restore"):
            decoder.restore(arrays)
        return
    import skops.io

    assert isinstance(decoder, HoldsEstimator)
    try:
        estimator = skops.io.loads(data, trusted=_untrusted_types(data, decoder, what))
    except ModelError:
        raise
    except Exception as error:  # a damaged or foreign skops file fails in any way it likes
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{what}: its estimator cannot be loaded ({type(error).__name__}: {reason}); train it again"
        ) from error
    decoder.adopt(estimator)


def _untrusted_types(data: bytes, decoder: HoldsEstimator, what: str) -> list[str]:
    """Types in ``data`` that skops would not load unasked; ModelError names those of packages that we do not trust.

    The decoder's own package was imported to make it, so its types are as trusted as it is. What the file itself says its
    decoder is called has no say here.
    """
    import skops.io

    own = {type(held).__module__.partition(".")[0] for held in (decoder, decoder.estimator)} - {"rtbci"}
    allowed = sorted({*TRUSTED, *own})
    found: list[str] = skops.io.get_untrusted_types(data=data)
    foreign = sorted(name for name in found if name.partition(".")[0] not in allowed)
    edited = [name for name in foreign if name.startswith("rtbci_file_")]
    if edited and any(module.startswith("rtbci_file_") for module in own):
        raise ModelError(
            f"{what} was saved with another version of the decoder's file ({edited[0].partition('.')[2]} in it has been "
            "edited since); train it again, or restore the file"
        )
    if foreign:
        raise ModelError(
            f"{what} holds {', '.join(foreign)}, which no model file may bring; types of {', '.join(allowed)} may be in it"
        )
    return found
