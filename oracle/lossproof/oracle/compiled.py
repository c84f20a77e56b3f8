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

from lossproof.oracle.binary64 import SAFE, U
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.lanes import PIECE, STEP, depth, single_sums, whole_sums
from lossproof.oracle.transforms import SPLITTER


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
    for i in range(n):
        first = i * d
        s, t, u = whole_sums(x, y, first, first + min(whole, PIECE))
        for start in range(first + PIECE, first + whole, PIECE):
            v, w, z = whole_sums(x, y, start, min(start + PIECE, first + whole))
            s, t, u = s + v, t + w, u + z
        if whole < d:
            v, w, z = single_sums(x, y, first + whole, first + d)
            s, t, u = s + v, t + w, u + z
        p[i], q[i], r[i] = s, t, u


@compiled
def _round_rows(
    p: Any, q: Any, r: Any, rule: int, eps: float, sign: float, offset: float, k: float, single: bool, splitter: float,
    least: float, most: float, out: Any, decided: Any,
) -> None:  # fmt: skip
    """c from P, Q and R under a norm rule (numbered as in fused.RULES), scored and rounded where that is certain."""
    for i in range(len(p)):
        v, w = q[i], r[i]
        if rule == 0:
            d2 = v * w
        elif rule == 1:
            d2 = max(v, eps * eps) * max(w, eps * eps)
        elif rule == 2:
            d2 = max(v, eps) * max(w, eps)
        elif rule == 3:
            d2 = max(v * w, eps * eps)
        elif rule == 4:
            d2 = max(v * w, eps)
        else:
            d2 = (v + eps) * (w + eps)
        c = p[i] / math.sqrt(d2)
        value = offset + sign * c
        pad = k * (1.0 + abs(c)) + 8 * U * abs(value) + 2 * U * offset
        low, high = value - pad, value + pad
        if single:
            a, b = np.float64(np.float32(low)), np.float64(np.float32(high))
        else:
            g, h = splitter * low, splitter * high  # Veltkamp: a nearest number of fewer bits
            a, b = g - (g - low), h - (h - high)
        size = abs(value)
        out[i] = a
        decided[i] = (
            a == b and size >= least and size < most and v >= 1 / SAFE and v <= SAFE and w >= 1 / SAFE and w <= SAFE
        )  # fmt: skip


@compiled
def two_sum(a: float, b: float) -> tuple[float, float]:
    """a + b exactly, as in transforms.py."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@compiled
def two_prod(a: float, b: float) -> tuple[float, float]:
    """a b exactly, as in transforms.py."""
    p = a * b
    t = SPLITTER * a
    s = SPLITTER * b
    ah = t - (t - a)
    bh = s - (s - b)
    al = a - ah
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@compiled
def _gradient_rows(
    x: Any, y: Any, p: Any, q: Any, r: Any, h: float, sign: float, single: bool, splitter: float,
    least: float, most: float, out: Any, decided: Any,
) -> None:  # fmt: skip
    """g_i = b_i s/D - a_i s P/(D Q) under the plain rule, rounded where that is certain.

    With h the depth of the sums, s/D is off by (h + 6) u relatively and s P/(D Q) by (3 h + 10) u / Q: P by gamma_h
    |a| |b| with |a| |b| = D, the rest by 2 h + 10 roundings, relatively, and it is at most 1/Q. The two products and
    their difference round once each.
    """
    n, d = x.shape
    for i in range(n):
        row, other, result, sure = x[i], y[i], out[i], decided[i]
        v, w = q[i], r[i]
        fine = v >= 1 / SAFE and v <= SAFE and w >= 1 / SAFE and w <= SAFE
        lead = sign / math.sqrt(v * w)
        pull = lead * p[i] / v
        r1 = abs(lead) * ((h + 12) * U * (1 + 2.0**-20))
        r2 = (3 * h + 20) * U * (1 + 2.0**-20) / v
        for j in range(d):
            a, b = np.float64(row[j]), np.float64(other[j])
            g = b * lead - a * pull
            pad = abs(b) * r1 + abs(a) * r2 + 8 * U * abs(g)
            low, high = g - pad, g + pad
            if single:
                first, last = np.float64(np.float32(low)), np.float64(np.float32(high))
            else:
                e, f = splitter * low, splitter * high
                first, last = e - (e - low), f - (f - high)
            result[j] = first
            size = abs(g)
            sure[j] = (first == last) & (size >= least) & (size < most) & fine


def round_gradient(
    x: NDArray[Any], y: NDArray[Any], score: str, fmt: FloatFormat, values: NDArray[Any], decided: Mask
) -> None:
    """The gradient with respect to x of float32, float16 or bfloat16 rows under the plain rule, written into `values`,
    and where it is certain into `decided`.
    """
    x, y = (v if v.itemsize > 2 else v.astype(np.float32) for v in (x, y))
    out = values if fmt.name == "float32" else np.empty(x.shape, dtype=np.float32)
    splitter = 2.0 ** (53 - fmt.precision) + 1
    least, most = 2 * fmt.eta, 2.0 ** (fmt.emax - 1)
    h, sign = float(depth(x.shape[1])), score_terms(score)[0]
    _gradient_rows(x, y, *products(x, y), h, sign, fmt.precision == 24, splitter, least, most, out, decided)
    if out is not values:
        with np.errstate(all="ignore"):
            values[:] = out


def round_products(
    p: Float,
    q: Float,
    r: Float,
    rule: int,
    eps: float,
    score: str,
    length: int,
    precision: int,
    least: float,
    most: float,
) -> tuple[Float, Mask]:
    """Cosines from P, Q and R, rounded to `precision` bits, and where that is certain."""
    out, decided = np.empty(len(p)), np.empty(len(p), dtype=np.bool_)
    sign, offset = score_terms(score)
    k = (depth(length) + 8) * U * (1 + 2.0**-20)
    splitter = 2.0 ** (53 - precision) + 1
    _round_rows(p, q, r, rule, eps, sign, offset, k, precision == 24, splitter, least, most, out, decided)
    return out, decided


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


def score_terms(score: str) -> tuple[float, float]:
    """sign and offset: the score is offset + sign c."""
    return {"similarity": (1.0, 0.0), "negated": (-1.0, 0.0), "distance": (-1.0, 1.0)}[score]
