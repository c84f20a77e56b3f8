"""Sums over two rows in fixed lanes, written out as vectors for LLVM: numba by itself keeps such sums in memory.

Element j goes to lane j mod STEP; each lane adds its terms in order, and then the lanes are added pairwise. No
operation carries a fast-math flag, so none is reordered. Only where a product is exact may LLVM fuse it with the sum:
then the bits are the same. Rows of float16 are handed over as int16 and rows of bfloat16 as uint16, since numba knows
neither; they become float32 in the registers.
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
AHEAD, LINE = 2048, 64
"""Memory is asked for so many bytes before it is needed, a line at a time."""
DOUBLE, SINGLE, LONG, INT, SHORT, BYTE = (
    ir.DoubleType(),
    ir.FloatType(),
    ir.IntType(64),
    ir.IntType(32),
    ir.IntType(16),
    ir.IntType(8),
)
NATIVE = {types.float64: DOUBLE, types.float32: SINGLE, types.int16: SHORT, types.uint16: SHORT}


def _filled(element: Any, value: float, lanes: int) -> Any:
    return ir.Constant(ir.VectorType(element, lanes), [value] * lanes)


def _intrinsic(builder: Any, name: str, result: Any, args: list[Any]) -> Any:
    kind = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


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


def _loaded(builder: Any, dtype: Any, pointer: Any, index: Any, lanes: int, working: Any = DOUBLE) -> Any:
    """Some elements from `index` on, as float64 or as they are; contiguous, aligned as single elements are."""
    place = builder.bitcast(builder.gep(pointer, [index]), ir.VectorType(NATIVE[dtype], lanes).as_pointer())
    values = builder.load(place, align=dtype.bitwidth // 8)
    if dtype == types.int16:
        values = _from_half(builder, values, lanes)
    elif dtype == types.uint16:
        values = _from_bfloat(builder, values, lanes)
    wide = dtype == types.float64 or working is SINGLE
    return values if wide else builder.fpext(values, ir.VectorType(DOUBLE, lanes))


def _pairwise(builder: Any, terms: list[Any]) -> Any:
    while len(terms) > 1:
        half = len(terms) // 2
        terms = [builder.fadd(a, b) for a, b in zip(terms[:half], terms[half:], strict=True)]
    return terms[0]


def _folded(builder: Any, vector: Any, lanes: int) -> Any:
    """The sum of all lanes, half of them added to the other half again and again."""
    while lanes > 1:
        lanes //= 2
        halves = [
            ir.Constant(ir.VectorType(INT, lanes), list(range(first, first + lanes))) for first in (0, lanes)
        ]
        low, high = (builder.shuffle_vector(vector, vector, places) for places in halves)
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(INT, 0))


def _added(builder: Any, total: Any, a: Any, b: Any, exact: bool) -> Any:
    """total + a b. Rounded twice, or once where the product is exact and the processor can."""
    if not exact:
        return builder.fadd(total, builder.fmul(a, b))
    vector = isinstance(total.type, ir.VectorType)
    lanes, element = (f"v{total.type.count}", total.type.element) if vector else ("", total.type)
    bits = 32 if element is SINGLE else 64
    return _intrinsic(builder, f"llvm.fmuladd.{lanes}f{bits}", total.type, [a, b, total])


def _fetched(builder: Any, dtype: Any, pointer: Any, index: Any, elements: int) -> None:
    """Ask for the memory that will be read AHEAD bytes from now on; beyond the end of an array this does nothing."""
    start = builder.bitcast(builder.gep(pointer, [index]), BYTE.as_pointer())
    hints = [ir.Constant(INT, v) for v in (0, 3, 1)]  # to read, and to keep, data
    for offset in range(0, elements * dtype.bitwidth // 8, LINE):
        place = builder.gep(start, [ir.Constant(LONG, AHEAD + offset)])
        _intrinsic(builder, "llvm.prefetch.p0i8", ir.VoidType(), [place, *hints])


Terms = Callable[[Any, Any, Any, list[Any], list[Any], bool], list[Any]]
"""(builder, v, w, totals, steps, narrow) -> totals with what the elements v and w of the two rows add to them."""


def _product_terms(b: Any, v: Any, w: Any, totals: list[Any], steps: list[Any], narrow: bool) -> list[Any]:
    """P, Q and R. Products of two numbers of at most 24 bits are exact."""
    return [
        _added(b, total, a, c, narrow) for total, (a, c) in zip(totals, ((v, w), (v, v), (w, w)), strict=True)
    ]


def _screen_terms(b: Any, v: Any, w: Any, totals: list[Any], steps: list[Any], narrow: bool) -> list[Any]:
    """P, Q, R and the sum of |v w|. The bound of the screen holds with and without fused operations."""
    p, q, r, k = totals
    term = b.fmul(v, w)
    size = _intrinsic(
        b, f"llvm.fabs.v{term.type.count}f{32 if term.type.element is SINGLE else 64}", term.type, [term]
    )
    return [b.fadd(p, term), _added(b, q, v, v, True), _added(b, r, w, w, True), b.fadd(k, size)]


def _cut(b: Any, v: Any, step: Any) -> tuple[Any, Any]:
    """v as a multiple of a quantum and the rest, exactly; see slices.py."""
    part = b.fsub(b.fadd(v, step), step)
    return part, b.fsub(v, part)


def _slice_terms(b: Any, v: Any, w: Any, totals: list[Any], steps: list[Any], narrow: bool) -> list[Any]:
    """The terms that _sums of compiled_float64.py adds up; `steps` are the sigmas of x and y."""
    p, q, r, p_low, q_low, r_low = totals
    (x1, rx), (y1, ry) = _cut(b, v, steps[0]), _cut(b, w, steps[1])
    return [
        _added(b, p, x1, y1, True),
        _added(b, q, x1, x1, True),
        _added(b, r, y1, y1, True),
        b.fadd(p_low, b.fadd(b.fmul(x1, ry), b.fmul(rx, w))),
        _added(b, q_low, rx, b.fadd(v, x1), False),
        _added(b, r_low, ry, b.fadd(w, y1), False),
    ]


def _fine_terms(b: Any, v: Any, w: Any, totals: list[Any], steps: list[Any], narrow: bool) -> list[Any]:
    """The terms that _fine_sums of compiled_float64.py adds up; `steps` are the sigmas of x and y, and finer ones."""
    p, q, r, p_mid, q_mid, r_mid, p_small, q_small, r_small, p_low, q_low, r_low = totals
    (x1, rx), (y1, ry) = _cut(b, v, steps[0]), _cut(b, w, steps[1])
    (x2, rx), (y2, ry) = _cut(b, rx, steps[2]), _cut(b, ry, steps[3])
    return [
        _added(b, p, x1, y1, True),
        _added(b, q, x1, x1, True),
        _added(b, r, y1, y1, True),
        _added(b, _added(b, p_mid, x1, y2, True), x2, y1, True),
        _added(b, q_mid, x1, x2, True),
        _added(b, r_mid, y1, y2, True),
        _added(b, p_small, x2, y2, True),
        _added(b, q_small, x2, x2, True),
        _added(b, r_small, y2, y2, True),
        b.fadd(p_low, b.fadd(b.fmul(v, ry), b.fmul(rx, b.fsub(w, ry)))),
        _added(b, q_low, rx, b.fadd(v, b.fsub(v, rx)), False),
        _added(b, r_low, ry, b.fadd(w, b.fsub(w, ry)), False),
    ]


def _summing(
    terms: Terms, count: int, lanes: int, vectors: int, ahead: bool = False, working: Any = DOUBLE
) -> Callable[..., Any]:
    """A function (x, y, start, stop, steps) -> `count` sums over those elements of two contiguous arrays, counted flat;
    stop - start is a multiple of lanes * vectors, and `steps` a tuple of numbers. With `working` SINGLE both arrays
    hold float32, and are summed in it.
    """

    @intrinsic
    def sums(typing: Any, x: Any, y: Any, start: Any, stop: Any, steps: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            rows = [
                (t.dtype, context.make_array(t)(context, builder, v).data)
                for t, v in zip(signature.args[:2], args[:2], strict=True)
            ]
            narrow = all(dtype != types.float64 for dtype, _ in rows)
            zero = _filled(working, 0.0, lanes)
            totals = [
                [cgutils.alloca_once_value(builder, zero) for _ in range(count)] for _ in range(vectors)
            ]
            given = [_spread(builder, v, lanes) for v in cgutils.unpack_tuple(builder, args[4])]
            step = ir.Constant(LONG, lanes * vectors)
            with cgutils.for_range_slice(builder, args[2], args[3], step, inc=True) as (index, _):
                for dtype, pointer in rows if ahead else ():
                    _fetched(builder, dtype, pointer, index, lanes * vectors)
                for k, places in enumerate(totals):
                    at = builder.add(index, ir.Constant(LONG, k * lanes))
                    v, w = (_loaded(builder, dtype, pointer, at, lanes, working) for dtype, pointer in rows)
                    old = [builder.load(place) for place in places]
                    for place, new in zip(places, terms(builder, v, w, old, given, narrow), strict=True):
                        builder.store(new, place)
            found = [
                _folded(builder, _pairwise(builder, [builder.load(p) for p in places]), lanes)
                for places in zip(*totals, strict=True)
            ]
            if working is SINGLE:
                found = [builder.fpext(v, DOUBLE) for v in found]
            if count == len("PQR"):
                found = _rescaled(builder, found, tuple(dtype for dtype, _ in rows))
            return context.make_tuple(builder, signature.return_type, found)

        return types.UniTuple(types.float64, count)(x, y, types.int64, types.int64, steps), generate

    written: Callable[..., Any] = sums
    return written


def _gradients(lanes: int, vectors: int) -> Callable[..., Any]:
    """A function (x, y, out, start, stop, (lead, pull, rad)) that writes y lead - x pull - rad, rounded to float32,
    into `out` and returns (whether + rad gives something else, the least and the largest magnitude).
    """

    @intrinsic
    def rounded(typing: Any, x: Any, y: Any, out: Any, start: Any, stop: Any, steps: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            b = builder
            vector, words = (ir.VectorType(kind, lanes) for kind in (SINGLE, INT))
            (_, x_at), (_, y_at), (_, out_at) = (
                (t.dtype, context.make_array(t)(context, b, v).data)
                for t, v in zip(signature.args[:3], args[:3], strict=True)
            )
            lead, pull, rad = (_spread(b, v, lanes) for v in cgutils.unpack_tuple(b, args[5]))
            apart = cgutils.alloca_once_value(b, _filled(INT, 0, lanes))
            least = cgutils.alloca_once_value(b, _filled(SINGLE, 1.0, lanes))
            most = cgutils.alloca_once_value(b, _filled(SINGLE, 1.0, lanes))
            step, sign = ir.Constant(LONG, lanes * vectors), _filled(INT, 0x7FFFFFFF, lanes)
            with cgutils.for_range_slice(b, args[3], args[4], step, inc=True) as (index, _):
                for k in range(vectors):
                    at = b.add(index, ir.Constant(LONG, k * lanes))
                    v, w = (_loaded(b, types.float32, place, at, lanes) for place in (x_at, y_at))
                    g = b.fsub(b.fmul(w, lead), b.fmul(v, pull))
                    low, high = b.fptrunc(b.fsub(g, rad), vector), b.fptrunc(b.fadd(g, rad), vector)
                    place = b.bitcast(b.gep(out_at, [at]), vector.as_pointer())
                    b.store(low, place, align=4)
                    bits = b.bitcast(low, words)
                    b.store(b.or_(b.load(apart), b.xor(bits, b.bitcast(high, words))), apart)
                    size = b.bitcast(b.and_(bits, sign), vector)
                    for end, order in ((least, "<"), (most, ">")):
                        known = b.load(end)
                        b.store(b.select(b.fcmp_ordered(order, size, known), size, known), end)
            differs = _elements(b, b.load(apart), lanes)
            ends = [_elements(b, b.load(end), lanes) for end in (least, most)]
            for k in range(1, lanes):
                differs[0] = b.or_(differs[0], differs[k])
                for end, order in zip(ends, "<>", strict=True):
                    end[0] = b.select(b.fcmp_ordered(order, end[0], end[k]), end[0], end[k])
            changed = b.icmp_unsigned("!=", differs[0], ir.Constant(INT, 0))
            return context.make_tuple(b, signature.return_type, [changed, ends[0][0], ends[1][0]])

        result = types.Tuple((types.boolean, types.float32, types.float32))
        return result(x, y, out, types.int64, types.int64, steps), generate

    written: Callable[..., Any] = rounded
    return written


def _elements(builder: Any, vector: Any, lanes: int) -> list[Any]:
    return [builder.extract_element(vector, ir.Constant(INT, k)) for k in range(lanes)]


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    """A vector that holds one number in every lane."""
    vector = _filled(DOUBLE, 0.0, lanes)
    for k in range(lanes):
        vector = builder.insert_element(vector, value, ir.Constant(INT, k))
    return vector


whole_sums = _summing(_product_terms, 3, LANES, VECTORS, ahead=True)
single_sums = _summing(_product_terms, 3, 1, 1)
whole_screen, single_screen = (
    _summing(_screen_terms, 4, *shape, ahead=shape[0] > 1) for shape in ((LANES, VECTORS), (1, 1))
)
whole_screen_single, single_screen_single = (
    _summing(_screen_terms, 4, *shape, ahead=shape[0] > 1, working=SINGLE)
    for shape in ((LANES, VECTORS), (1, 1))
)
whole_slices, single_slices = (_summing(_slice_terms, 6, *shape) for shape in ((LANES, VECTORS), (1, 1)))
whole_fine, single_fine = (_summing(_fine_terms, 12, *shape) for shape in ((LANES, VECTORS), (1, 1)))
whole_gradients, single_gradients = _gradients(LANES, VECTORS), _gradients(1, 1)


def depth(length: int) -> int:
    """How many additions a term goes through at most: in its lane, over the lanes, over the pieces, and after them."""
    return min(length, min(length, PIECE) // STEP + 8 + length // PIECE + length % STEP)
