"""The dot-product kernels of the extra `lossproof[fast]`, compiled by numba: whole rows rounded in one pass.

No fastmath and no contraction: LLVM then neither reorders nor fuses, so the error bounds of fused.py and
double_double.py hold as they stand. Sums run in fixed lanes. A kernel only says what it can prove; every row
that it leaves (a zero norm, a tie, a value out of the ordinary) goes through the ladder, so the answers are those of
NumPy, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.arithmetic import transforms
from lossproof.oracle.arithmetic.binary64 import SAFE, U
from lossproof.oracle.formats import Float, FloatFormat
from lossproof.oracle.kernels.fused import SCORE_TERMS
from lossproof.oracle.kernels.lanes import (
    PIECE,
    STEP,
    depth,
    single_gradients,
    single_sums,
    whole_gradients,
    whole_sums,
)

Rows = NDArray[np.intp]
NEAR = 1 << 14
"""Elements of each side that are read twice, and stay near in between."""
NONE: Rows = np.empty(0, dtype=np.intp)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function, and keep the machine code on disk where there is a place for it."""
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, fastmath=False, error_model="numpy")(function)
    except RuntimeError:  # no directory that could hold it
        kept = numba.njit(fastmath=False, error_model="numpy")(function)
    return kept


@compiled
def _plain_rows(x: Any, y: Any, p: Any, q: Any, r: Any) -> None:
    """P, Q and R of every row: whole runs of STEP elements in lanes, a piece at a time, and what is left one after
    another.
    """
    n, d = x.shape
    whole = d - d % STEP
    if whole == 0:
        for i in range(n):
            p[i], q[i], r[i] = single_sums(x, y, i * d, i * d + d, ())
        return
    for i in range(n):
        first = i * d
        s, t, u = whole_sums(x, y, first, first + min(whole, PIECE), ())
        for start in range(first + PIECE, first + whole, PIECE):
            v, w, z = whole_sums(x, y, start, min(start + PIECE, first + whole), ())
            s, t, u = s + v, t + w, u + z
        if whole < d:
            v, w, z = single_sums(x, y, first + whole, first + d, ())
            s, t, u = s + v, t + w, u + z
        p[i], q[i], r[i] = s, t, u


@compiled
def _scored(
    p: float,
    v: float,
    w: float,
    floor: float,
    more: float,
    least: float,
    sign: float,
    offset: float,
    k: float,
) -> tuple[float, float, bool]:
    """The score of one row and the radius of it, and whether the norms are such that this holds. All norm rules are
    D^2 = max((max(Q, floor) + more) (max(R, floor) + more), least).
    """
    a = (v if v > floor else floor) + more
    b = (w if w > floor else floor) + more
    d2 = a * b
    c = p / math.sqrt(d2 if d2 > least else least)
    value = offset + sign * c
    fine = (v >= 1 / SAFE) & (v <= SAFE) & (w >= 1 / SAFE) & (w <= SAFE)
    return value, k * (1.0 + abs(c)) + 8 * U * abs(value) + 2 * U * offset, fine


@compiled
def _round_to_single(
    p: Any, q: Any, r: Any, floor: float, more: float, at_least: float, sign: float, offset: float, k: float,
    least: float, most: float, out: Any, decided: Any,
) -> None:  # fmt: skip
    """Scores from P, Q and R, rounded to float32 where that is certain."""
    for i in range(len(p)):
        value, pad, fine = _scored(p[i], q[i], r[i], floor, more, at_least, sign, offset, k)
        low, high = np.float32(value - pad), np.float32(value + pad)
        size = abs(value)
        out[i] = low
        decided[i] = (low == high) & (size >= least) & (size < most) & fine


@compiled
def _round_to_bits(
    p: Any, q: Any, r: Any, floor: float, more: float, at_least: float, sign: float, offset: float, k: float,
    least: float, most: float, splitter: float, out: Any, decided: Any,
) -> None:  # fmt: skip
    """Scores from P, Q and R, rounded to float64 numbers of fewer bits where that is certain (Veltkamp)."""
    for i in range(len(p)):
        value, pad, fine = _scored(p[i], q[i], r[i], floor, more, at_least, sign, offset, k)
        low, high = value - pad, value + pad
        g, h = splitter * low, splitter * high
        low, high = g - (g - low), h - (h - high)
        size = abs(value)
        out[i] = low
        decided[i] = (low == high) & (size >= least) & (size < most) & fine


@compiled
def _narrowed(bits: Any, precision: int, bias: int, out: Any) -> None:
    """The bit patterns of float64 numbers as those of a format of 16 bits, which holds them as normal numbers."""
    drop = 53 - precision
    shift = (1023 - bias) << (precision - 1)
    for i in range(len(out)):
        b = bits[i]
        out[i] = ((b >> 48) & 0x8000) | (((b & 0x7FFFFFFFFFFFFFFF) >> drop) - shift)


two_sum = compiled(transforms.two_sum)
two_prod = compiled(transforms.two_prod)


@compiled
def _gradient_terms(
    p: float, v: float, w: float, h: float, sign: float
) -> tuple[float, float, float, float, float]:
    """s/D, s P/(D Q), the factors of |b_i| and |a_i| in their errors, and a radius for all elements of a row (infinite
    where the norms are out of range).

    With h the depth of the sums, s/D is off by (h + 6) u relatively and s P/(D Q) by (3 h + 10) u / Q: P by gamma_h
    |a| |b| with |a| |b| = D, the rest by 2 h + 10 roundings, relatively, and it is at most 1/Q. The two products and
    their difference round once each. Elements are at most the norm of their row, so one radius serves a whole row.
    """
    if not ((v >= 1 / SAFE) & (v <= SAFE) & (w >= 1 / SAFE) & (w <= SAFE)):
        return 0.0, 0.0, 0.0, 0.0, np.inf
    grow = U * (1 + 2.0**-20)
    lead = sign / math.sqrt(v * w)
    pull = lead * p / v
    r1, r2 = abs(lead) * ((h + 12) * grow), (3 * h + 20) * grow / v
    rad = math.sqrt(w) * (r1 + 8 * grow * abs(lead)) + math.sqrt(v) * (r2 + 8 * grow * abs(pull))
    return lead, pull, r1, r2, rad


@compiled
def _gradient_to_single(
    x: Any, y: Any, h: float, sign: float, least: float, most: float, out: Any, left: Any
) -> int:
    """g_i = b_i s/D - a_i s P/(D Q) under the plain rule, rounded to float32 where that is certain; the places where it
    is not are written into `left`, and counted. What the radius of a row leaves open is tried again with one for each
    element.
    """
    n, d = x.shape
    whole, step, count = d - d % STEP, max(1, NEAR // d), 0
    p, q, r = np.empty(step), np.empty(step), np.empty(step)
    for start in range(0, n, step):
        stop = min(start + step, n)
        _plain_rows(x[start:stop], y[start:stop], p, q, r)
        for i in range(start, stop):
            k = i - start
            lead, pull, r1, r2, rad = _gradient_terms(p[k], q[k], r[k], h, sign)
            first, middle, last, steps = i * d, i * d + whole, i * d + d, (lead, pull, rad)
            apart, small, large = whole_gradients(x, y, out, first, middle, steps)
            if whole < d:
                more, some_small, some_large = single_gradients(x, y, out, middle, last, steps)
                apart, small, large = apart | more, min(small, some_small), max(large, some_large)
            if not apart and small >= least and large < most:
                continue
            for j in range(d):
                a, b = np.float64(x[i, j]), np.float64(y[i, j])
                g = b * lead - a * pull
                pad = abs(b) * r1 + abs(a) * r2 + 8 * U * abs(g)
                low, high = np.float32(g - pad), np.float32(g + pad)
                out[i, j] = low
                if not (rad < np.inf and low == high and abs(g) >= least and abs(g) < most):
                    left[count] = i * d + j
                    count += 1
    return count


@compiled
def _gradient_to_bits(
    x: Any, y: Any, h: float, sign: float, least: float, most: float, splitter: float, out: Any, left: Any
) -> int:
    """As _gradient_to_single, to float32 numbers of fewer bits."""
    n, d = x.shape
    p, q, r = np.empty(n), np.empty(n), np.empty(n)
    _plain_rows(x, y, p, q, r)
    count = 0
    for i in range(n):
        row, other, result = x[i], y[i], out[i]
        lead, pull, r1, r2, rad = _gradient_terms(p[i], q[i], r[i], h, sign)
        for j in range(d):
            a, b = np.float64(row[j]), np.float64(other[j])
            g = b * lead - a * pull
            pad = abs(b) * r1 + abs(a) * r2 + 8 * U * abs(g)
            low, high = g - pad, g + pad
            e, f = splitter * low, splitter * high
            low, high = e - (e - low), f - (f - high)
            result[j] = low
            if not (rad < np.inf and low == high and abs(g) >= least and abs(g) < most):
                left[count] = i * d + j
                count += 1
    return count


def round_gradient(
    x: NDArray[Any], y: NDArray[Any], score: str, fmt: FloatFormat, values: NDArray[Any]
) -> Rows:
    """The gradient with respect to x of float32, float16 or bfloat16 rows under the plain rule, written into `values`;
    which of its elements, counted flat, are uncertain.
    """
    x, y = (v if v.itemsize > 2 else v.astype(np.float32) for v in (x, y))
    left = np.empty(x.size, dtype=np.intp)
    terms = (x, y, float(depth(x.shape[1])), SCORE_TERMS[score][0], *ordinary(fmt))
    if fmt.name == "float32":
        return left[: _gradient_to_single(*terms, values, left)].copy()
    out = np.empty(x.shape, dtype=np.float32)
    count = _gradient_to_bits(*terms, 2.0 ** (53 - fmt.precision) + 1, out, left)
    with np.errstate(all="ignore"):
        values[:] = out
    return left[:count].copy()


def round_cosines(
    x: NDArray[Any],
    y: NDArray[Any],
    floors: tuple[float, float, float],
    score: str,
    fmt: FloatFormat,
    values: NDArray[Any],
) -> Rows:
    """Scores of rows in any of the four formats, rounded to float32, float16 or bfloat16 and written into `values`;
    which of them are uncertain. `floors` are what the kernel of a norm rule makes of its eps.
    """
    found, decided = products(x, y), np.empty(len(x), dtype=np.bool_)
    k = (depth(x.shape[1]) + 8) * U * (1 + 2.0**-20)
    terms = (*floors, *SCORE_TERMS[score], k, *ordinary(fmt))
    if fmt.name == "float32":
        _round_to_single(*found, *terms, values, decided)
    else:
        out = np.empty(len(x))
        _round_to_bits(*found, *terms, 2.0 ** (53 - fmt.precision) + 1, out, decided)
        _narrowed(out.view(np.int64), fmt.precision, fmt.emax, values.view(np.uint16))
    return np.flatnonzero(~decided) if not decided.all() else NONE


def ordinary(fmt: FloatFormat) -> tuple[float, float]:
    """Between these two a number is neither near the subnormal numbers of a format nor near infinity."""
    return 2 * fmt.eta, 2.0 ** (fmt.emax - 1)


def products(x: NDArray[Any], y: NDArray[Any]) -> tuple[Float, Float, Float]:
    """P, Q and R of rows in any of the four formats."""
    p, q, r = (np.empty(len(x)) for _ in range(3))
    _plain_rows(_known(x), _known(y), p, q, r)
    return p, q, r


def _known(x: NDArray[Any]) -> NDArray[Any]:
    """Rows in a dtype that numba knows; see lanes.py."""
    if x.itemsize > 2:
        return x
    return x.view(np.int16 if x.dtype == np.float16 else np.uint16)
