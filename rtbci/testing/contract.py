"""How a broken contract is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ContractError(AssertionError):
    """Something does not do what rtbci relies on, a decoder, say, or an embedder: what is wrong, and what would be right."""


def require(condition: bool, message: str) -> None:
    """Raise ContractError with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ContractError(message)


def require_methods(thing: object, what: str, methods: tuple[str, ...], protocol: str) -> None:
    """Require that ``thing`` has all ``methods``."""
    missing = [name for name in methods if not callable(getattr(thing, name, None))]
    require(
        not missing,
        f"{what} has no {' and no '.join(f'{name}()' for name in missing)}; "
        f"it must have {', '.join(f'{name}()' for name in methods)} (rtbci.interfaces.{protocol})",
    )


def same_bytes(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays are equal in shape, dtype and every bit."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def apart(a: NDArray[Any], b: NDArray[Any]) -> str:
    """How far two arrays lie apart, in words."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"shape {a.shape} {a.dtype} against {b.shape} {b.dtype}"
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return f"largest difference {float(np.nanmax(difference)) if difference.size else 0.0:.2g}"
