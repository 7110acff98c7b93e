"""Kernels of the search in a bank: the cosine of an item in one fixed order of summation, and a bound of it from bytes.

Every sum runs over `LANES` places side by side, written as LLVM vectors: place j adds the products of dimensions j,
j + LANES, ... in order, and the places are then folded in halves. LLVM may split such a vector into what registers the
processor has, but may not reorder the sum (no ``fastmath``), so a cosine has the same bits on every processor. Written as
a plain loop, a sum of floats is not vectorised at all, and one of bytes took twice as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 32
"""Sums side by side. Rows are a multiple of it long."""
GROUP = 4 * LANES
"""Dimensions whose codes lie together."""

_HALVES = nb.types.Array(nb.uint16, 2, "C", readonly=True)
_CODES = nb.types.Array(nb.int8, 3, "C", readonly=True)
_FLOATS = nb.types.Array(nb.float32, 1, "C", readonly=True)
_SHORTS = nb.types.Array(nb.int16, 1, "C", readonly=True)
_INDICES = nb.types.Array(nb.int64, 1, "C", readonly=True)
_OUT = nb.float32[::1]

_I8, _I16, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


def _all(scalar: Any, value: float) -> Any:
    """Give a constant vector of `LANES` times ``value``."""
    return ir.Constant(ir.VectorType(scalar, LANES), [ir.Constant(scalar, value)] * LANES)


def _long(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, pointer: Any, scalar: Any, at: Any) -> Any:
    """Load `LANES` values of type ``scalar`` from place ``at`` on, at no particular alignment."""
    vector = ir.VectorType(scalar, LANES)
    return builder.load(builder.bitcast(builder.gep(pointer, [at]), vector.as_pointer()), align=1)


def _pick(builder: Any, vector: Any, places: Sequence[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_I32, len(places)), [ir.Constant(_I32, place) for place in places])
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def _fold(builder: Any, add: Callable[[Any, Any], Any], vector: Any) -> Any:
    """Sum a vector: its second half is added to its first until one value is left."""
    n = vector.type.count
    while n > 1:
        n //= 2
        vector = add(_pick(builder, vector, range(n)), _pick(builder, vector, range(n, 2 * n)))
    return builder.extract_element(vector, ir.Constant(_I32, 0))


def _to_float(builder: Any, halves: Any) -> Any:
    """Turn the bits of finite float16 into float32, exactly, by integer operations that every processor has."""
    wide = builder.zext(halves, ir.VectorType(_I32, LANES))
    sign = builder.shl(builder.and_(wide, _all(_I32, 0x8000)), _all(_I32, 16))
    magnitude = builder.shl(builder.and_(wide, _all(_I32, 0x7FFF)), _all(_I32, 13))
    normal = builder.add(magnitude, _all(_I32, (127 - 15) << 23))
    floats = ir.VectorType(_F32, LANES)
    shifted = builder.bitcast(builder.add(magnitude, _all(_I32, (127 - 14) << 23)), floats)
    subnormal = builder.bitcast(builder.fsub(shifted, _all(_F32, 2.0**-14)), wide.type)
    small = builder.icmp_unsigned("<", magnitude, _all(_I32, 1 << 23))
    return builder.bitcast(builder.or_(builder.select(small, subnormal, normal), sign), floats)


def _products(builder: Any, codes: Any, query: Any) -> Any:
    """Multiply two vectors of int16 and add neighbours, in int32: the shape of x86's ``pmaddwd``."""
    wide = ir.VectorType(_I32, LANES)
    product = builder.mul(builder.sext(codes, wide), builder.sext(query, wide))
    return builder.add(
        _pick(builder, product, range(0, LANES, 2)),
        _pick(builder, product, range(1, LANES, 2)),
    )


def _sum_of(n_terms: int, total: Any, result: Any, terms: Callable[..., Sequence[Any]]) -> Any:
    """Make ``f(table, i, query)``: the sum over ``query`` (a multiple of n_terms * LANES) of its products with item i."""

    @intrinsic
    def dot(typingctx: Any, table: Any, i: Any, query: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            rows = context.make_array(signature.args[0])(context, builder, args[0])
            vector = context.make_array(signature.args[2])(context, builder, args[2])
            shape = cgutils.unpack_tuple(builder, rows.shape)
            length = cgutils.unpack_tuple(builder, vector.shape)[0]
            add = builder.fadd if total.element == _F32 else builder.add
            sums = [cgutils.alloca_once_value(builder, ir.Constant(total, None)) for _ in range(n_terms)]
            step = _long(n_terms * LANES)
            with cgutils.for_range_slice(builder, _long(0), length, step, intp=_I64) as (at, _):
                for place, term in zip(sums, terms(builder, rows.data, shape, args[1], vector.data, at), strict=True):
                    builder.store(add(builder.load(place), term), place)
            value = builder.load(sums[0])
            for place in sums[1:]:
                value = add(value, builder.load(place))
            return _fold(builder, add, value)

        return result(table, i, query), codegen

    return dot


def _half_terms(builder: Any, halves: Any, shape: Any, i: Any, query: Any, at: Any) -> Sequence[Any]:
    row = builder.gep(halves, [builder.mul(i, shape[1])])
    return [builder.fmul(_to_float(builder, _load(builder, row, _I16, at)), _load(builder, query, _F32, at))]


def _byte_terms(builder: Any, codes: Any, shape: Any, i: Any, query: Any, at: Any) -> Sequence[Any]:
    group = builder.udiv(at, _long(GROUP))
    row = builder.gep(codes, [builder.mul(builder.add(builder.mul(group, shape[1]), i), shape[2])])
    shorts, terms = ir.VectorType(_I16, LANES), []
    for k in range(0, GROUP, LANES):
        loaded = builder.sext(_load(builder, row, _I8, _long(k)), shorts)
        terms.append(_products(builder, loaded, _load(builder, query, _I16, builder.add(at, _long(k)))))
    return terms


_half_dot = _sum_of(1, ir.VectorType(_F32, LANES), types.float32, _half_terms)
_byte_dot = _sum_of(GROUP // LANES, ir.VectorType(_I32, LANES // 2), types.int32, _byte_terms)


@nb.njit([nb.float64(_OUT)], cache=True, nogil=True)
def bring_to_unit_length(query: NDArray[np.float32]) -> float:
    """Divide ``query`` (n,) by its length, summed in float64 in order, and return that length."""
    power = 0.0
    for i in range(len(query)):
        power += np.float64(query[i]) * np.float64(query[i])
    length = math.sqrt(power)
    for i in range(len(query)):
        query[i] = np.float32(np.float64(query[i]) / length) if length > 0.0 else np.float32(0.0)
    return length


@nb.njit([nb.void(_HALVES, _FLOATS, _OUT)], cache=True, nogil=True)
def cosines(halves: NDArray[np.uint16], query: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill ``out`` (n_items,) with the products of all rows of ``halves`` with ``query``.

    Parameters
    ----------
    halves : (n_items, n) uint16, the bits of finite float16; n is a multiple of `LANES`.
    query : (n,) float32.
    """
    for i in range(halves.shape[0]):
        out[i] = _half_dot(halves, i, query)


@nb.njit([nb.void(_HALVES, _INDICES, _FLOATS, _OUT)], cache=True, nogil=True)
def cosines_of(
    halves: NDArray[np.uint16], rows: NDArray[np.int64], query: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """As `cosines`, for the rows ``rows`` (n,) alone: the same bits. ``out`` is (n,)."""
    for j in range(len(rows)):
        out[j] = _half_dot(halves, rows[j], query)


@nb.njit([nb.void(_CODES, _FLOATS, _SHORTS, nb.float64, nb.float64, _OUT)], cache=True, nogil=True)
def upper_bounds(
    codes: NDArray[np.int8],
    errors: NDArray[np.float32],
    query: NDArray[np.int16],
    unit: float,
    offset: float,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out`` (n_items,) with ``offset`` plus the product of the codes with the query, plus the errors.

    Each group of dimensions is an array of its own, so that one core reads several streams, which keeps more requests to
    the memory in flight than one does: 100 000 x 768 codes took 3.4 ms, as long as the bare reading, instead of 7.2.

    Parameters
    ----------
    codes : (n_groups, n_items, GROUP) int8.
    errors : (n_items,) float32.
    query : (n_groups * GROUP,) int16, in units of ``unit``. No sum of products may leave int32.
    """
    for i in range(len(out)):
        out[i] = np.float32(offset + unit * _byte_dot(codes, i, query) + errors[i])


@nb.njit([nb.float64(_FLOATS, nb.float64)], cache=True, nogil=True)
def log_sum_exp(cosines: NDArray[np.float32], scale: float) -> float:
    """Logarithm of the sum of ``exp(scale * cosines)`` (n,), in float64 and in order: what a softmax divides by."""
    top = np.float64(cosines[0])
    for i in range(1, len(cosines)):
        top = max(top, np.float64(cosines[i]))
    total = 0.0
    for i in range(len(cosines)):
        total += math.exp(scale * (np.float64(cosines[i]) - top))
    return scale * top + math.log(total)
