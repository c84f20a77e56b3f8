"""P, Q and R of two rows in fixed lanes, written out as vectors for LLVM: numba by itself keeps such sums in memory.

Element j goes to lane j mod STEP; each lane adds its terms in order, and then the lanes are added pairwise. No
operation carries a fast-math flag, so none is reordered or fused. Rows of float16 are handed over as int16 and rows of
bfloat16 as uint16, since numba knows neither; they become float32 in the registers.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES, VECTORS = 8, 2
STEP = LANES * VECTORS
PIECE = 256 * STEP
"""Long rows are summed in pieces of so many elements: the sums are less deep then."""
DOUBLE, SINGLE, LONG, INT, SHORT = (
    ir.DoubleType(),
    ir.FloatType(),
    ir.IntType(64),
    ir.IntType(32),
    ir.IntType(16),
)
NATIVE = {types.float64: DOUBLE, types.float32: SINGLE, types.int16: SHORT, types.uint16: SHORT}


def _filled(element: Any, value: float, lanes: int) -> Any:
    return ir.Constant(ir.VectorType(element, lanes), [value] * lanes)


def _from_half(builder: Any, bits: Any, lanes: int) -> Any:
    """float16 as float32 times 2^-112: what its bits stand for in the place of a float32's, since exponents are biased
    by 15 and by 127. Copies of the sign are taken out.
    """
    wide = builder.sext(bits, ir.VectorType(INT, lanes))
    moved = builder.and_(builder.shl(wide, _filled(INT, 13, lanes)), _filled(INT, ~0x70000000, lanes))
    return builder.bitcast(moved, ir.VectorType(SINGLE, lanes))


def _rescaled(builder: Any, found: list[Any], dtypes: tuple[Any, Any]) -> list[Any]:
    """P, Q and R without the powers of two that _from_half left in them.

    An infinity or NaN of a float16 looks like a number from 2^16 on. Where Q or R says that there may be one, it
    becomes NaN.
    """
    scales = [2.0**112 if dtype == types.int16 else 1.0 for dtype in dtypes]
    factors = (scales[0] * scales[1], scales[0] ** 2, scales[1] ** 2)
    p, q, r = (builder.fmul(v, ir.Constant(DOUBLE, f)) for v, f in zip(found, factors, strict=True))
    nan, most = ir.Constant(DOUBLE, float("nan")), ir.Constant(DOUBLE, 2.0**32)
    squares = [
        builder.select(builder.fcmp_ordered("<", v, most), v, nan) if scale != 1 else v
        for v, scale in zip((q, r), scales, strict=True)
    ]
    return [p, *squares]


def _from_bfloat(builder: Any, bits: Any, lanes: int) -> Any:
    """bfloat16 as float32, of which it is the upper half."""
    wide = builder.shl(builder.zext(bits, ir.VectorType(INT, lanes)), _filled(INT, 16, lanes))
    return builder.bitcast(wide, ir.VectorType(SINGLE, lanes))


def _loaded(builder: Any, dtype: Any, pointer: Any, index: Any, lanes: int) -> Any:
    """Some elements from `index` on, as float64; contiguous, aligned as single elements are."""
    place = builder.bitcast(builder.gep(pointer, [index]), ir.VectorType(NATIVE[dtype], lanes).as_pointer())
    values = builder.load(place, align=dtype.bitwidth // 8)
    if dtype == types.int16:
        values = _from_half(builder, values, lanes)
    elif dtype == types.uint16:
        values = _from_bfloat(builder, values, lanes)
    return values if dtype == types.float64 else builder.fpext(values, ir.VectorType(DOUBLE, lanes))


def _pairwise(builder: Any, terms: list[Any]) -> Any:
    while len(terms) > 1:
        half = len(terms) // 2
        terms = [builder.fadd(a, b) for a, b in zip(terms[:half], terms[half:], strict=True)]
    return terms[0]


def _summing(lanes: int, vectors: int) -> Callable[..., Any]:
    """A function (x, y, start, stop) -> (P, Q, R) over those elements of two contiguous arrays, counted flat;
    stop - start is a multiple of lanes * vectors.
    """

    @intrinsic
    def sums(typing: Any, x: Any, y: Any, start: Any, stop: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            rows = [
                (t.dtype, context.make_array(t)(context, builder, v).data)
                for t, v in zip(signature.args[:2], args[:2], strict=True)
            ]
            zero = _filled(DOUBLE, 0.0, lanes)
            totals = [[cgutils.alloca_once_value(builder, zero) for _ in range(vectors)] for _ in "PQR"]
            step = ir.Constant(LONG, lanes * vectors)
            with cgutils.for_range_slice(builder, args[2], args[3], step, inc=True) as (index, _):
                for k in range(vectors):
                    at = builder.add(index, ir.Constant(LONG, k * lanes))
                    v, w = (_loaded(builder, dtype, pointer, at, lanes) for dtype, pointer in rows)
                    for total, (a, b) in zip(totals, ((v, w), (v, v), (w, w)), strict=True):
                        added = builder.fadd(builder.load(total[k]), builder.fmul(a, b))
                        builder.store(added, total[k])
            found = []
            for total in totals:
                vector = _pairwise(builder, [builder.load(t) for t in total])
                found.append(
                    _pairwise(
                        builder, [builder.extract_element(vector, ir.Constant(INT, k)) for k in range(lanes)]
                    )
                )
            found = _rescaled(builder, found, tuple(dtype for dtype, _ in rows))
            return context.make_tuple(builder, signature.return_type, found)

        return types.UniTuple(types.float64, 3)(x, y, types.int64, types.int64), generate

    written: Callable[..., Any] = sums
    return written


whole_sums = _summing(LANES, VECTORS)
single_sums = _summing(1, 1)


def depth(length: int) -> int:
    """How many additions a term goes through at most: in its lane, over the lanes, over the pieces, and after them."""
    return min(length, min(length, PIECE) // STEP + 8 + length // PIECE + length % STEP)
