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
from lossproof.oracle.double_double import EPS, RANGE, SPLITTER
from lossproof.oracle.formats import Float, Mask

LANES = 32
SHARP_LANES = 16
ZERO = 1000
"""Where 2^0 stands in the table of powers of two."""
POWERS = np.ldexp(1.0, np.arange(-ZERO, ZERO + 1))


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function, and keep the machine code on disk where there is a place for it."""
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, fastmath=False, error_model="numpy")(function)
    except RuntimeError:  # no directory that could hold it
        kept = numba.njit(fastmath=False, error_model="numpy")(function)
    return kept


@_compiled
def _plain_rows(x: Any, y: Any, p: Any, q: Any, r: Any) -> None:
    """P, Q and R of every row; whole runs of LANES elements in lanes, what is left one after another."""
    n, d = x.shape
    whole = d - d % LANES
    a, b, c = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for i in range(n):
        row, other = x[i], y[i]
        s, t, u = 0.0, 0.0, 0.0
        if whole:
            a[:] = 0.0
            b[:] = 0.0
            c[:] = 0.0
            for j in range(0, whole, LANES):
                for k in range(LANES):
                    v, w = np.float64(row[j + k]), np.float64(other[j + k])
                    a[k] += v * w
                    b[k] += v * v
                    c[k] += w * w
            for k in range(LANES):
                s += a[k]
                t += b[k]
                u += c[k]
        for j in range(whole, d):
            v, w = np.float64(row[j]), np.float64(other[j])
            s += v * w
            t += v * v
            u += w * w
        p[i], q[i], r[i] = s, t, u


@_compiled
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


@_compiled
def _two_sum(a: float, b: float) -> tuple[float, float]:
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@_compiled
def _two_prod(a: float, b: float) -> tuple[float, float]:
    p = a * b
    t = SPLITTER * a
    s = SPLITTER * b
    ah = t - (t - a)
    bh = s - (s - b)
    al = a - ah
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@_compiled
def _collected(high: float, middle: float, low: float) -> tuple[float, float, float]:
    """high + middle + low, the first two exact, as hi + lo, and what was rounded on the way."""
    s, e = _two_sum(high, middle)
    hi, lo = _two_sum(s, e + low)
    return hi, lo, 2 * U * (abs(e) + abs(low))


@_compiled
def _sharp_rows(
    x: Any, y: Any, powers: Any, bits: int, sign: float, offset: float, out: Any, decided: Any
) -> None:
    """c of float64 rows under the plain rule in double-double, scored and rounded to float64 where that is certain.

    The slices of slices.py and the bounds of double_double.py, with x2 y2 among the small terms: |x2 y2| is at most a
    quarter of the product of the first quanta. `powers` holds 2^k at k + ZERO.
    """
    n, d = x.shape
    root = math.sqrt(float(d))
    gamma = (d + 20) * U / (1 - (d + 20) * U)
    acc = np.zeros((9, SHARP_LANES))
    total = np.zeros(9)
    padded = d + (-d) % SHARP_LANES
    v_row, w_row = np.zeros(padded), np.zeros(padded)
    for i in range(n):
        decided[i] = False
        v_row[:d] = x[i]
        w_row[:d] = y[i]
        acc[:2] = 0.0
        for start in range(0, padded, SHARP_LANES):
            for k in range(SHARP_LANES):
                acc[0, k] += v_row[start + k] * v_row[start + k]
                acc[1, k] += w_row[start + k] * w_row[start + k]
        q0, r0 = 0.0, 0.0
        for k in range(SHARP_LANES):
            q0 += acc[0, k]
            r0 += acc[1, k]
        if not (q0 >= 1 / RANGE and q0 <= RANGE and r0 >= 1 / RANGE and r0 <= RANGE):
            continue
        size_x, size_y = math.sqrt(q0), math.sqrt(r0)
        ex = math.frexp(size_x * (1 + 2.0**-20))[1] - bits + ZERO
        ey = math.frexp(size_y * (1 + 2.0**-20))[1] - bits + ZERO
        s1, s2 = 1.5 * powers[52 + ex], 1.5 * powers[51 + ex - bits]
        t1, t2 = 1.5 * powers[52 + ey], 1.5 * powers[51 + ey - bits]
        half_x, half_y = powers[ex - bits - 2], powers[ey - bits - 2]
        coarse_x, coarse_y = powers[ex - 1], powers[ey - 1]
        acc[:] = 0.0
        for start in range(0, padded, SHARP_LANES):
            for k in range(SHARP_LANES):
                v, w = v_row[start + k], w_row[start + k]
                x1, y1 = (v + s1) - s1, (w + t1) - t1
                rest_x, rest_y = v - x1, w - y1
                x2, y2 = (rest_x + s2) - s2, (rest_y + t2) - t2
                xr, yr = rest_x - x2, rest_y - y2
                acc[0, k] += x1 * y1
                acc[1, k] += x1 * y2 + x2 * y1
                acc[2, k] += x2 * y2 + (v * yr + xr * (w - yr))
                acc[3, k] += x1 * x1
                acc[4, k] += x1 * x2
                acc[5, k] += x2 * x2 + xr * ((v - xr) + v)
                acc[6, k] += y1 * y1
                acc[7, k] += y1 * y2
                acc[8, k] += y2 * y2 + yr * ((w - yr) + w)
        for m in range(9):
            total[m] = 0.0
            for k in range(SHARP_LANES):
                total[m] += acc[m, k]
        p, pl, p_rad = _collected(total[0], total[1], total[2])
        p_rad += gamma * (
            root * (size_x * half_y + size_y * half_x) + d * (coarse_x * coarse_y + 2 * half_x * half_y)
        )
        q, ql, q_rad = _collected(total[3], 2 * total[4], total[5])
        q_rad += gamma * (2 * root * size_x * half_x + d * (coarse_x * coarse_x + half_x * half_x))
        r, rl, r_rad = _collected(total[6], 2 * total[7], total[8])
        r_rad += gamma * (2 * root * size_y * half_y + d * (coarse_y * coarse_y + half_y * half_y))
        # D2 = Q R, D = sqrt(D2), c = P / D as in double_double.py
        m1, e = _two_prod(q, r)
        m1, e = _two_sum(m1, e + (q * rl + ql * r))
        near = math.sqrt(m1)
        g, h = _two_prod(near, near)
        s, t = _two_sum(near, (((m1 - g) - h) + e) / (2 * near))
        c = p / s
        g, h = _two_prod(s, c)
        g, f = _two_sum(g, t * c)
        rh, rl2 = _two_sum(g, f + h)
        c, cl = _two_sum(c, ((p - rh) + (pl - rl2)) / s)
        rad = p_rad / s + abs(c) * (0.5 * (q_rad / q + r_rad / r) + 4 * EPS)
        hi, lo = _two_sum(offset, sign * c)
        hi, lo = _two_sum(hi, lo + sign * cl)
        rad = (rad + 4 * EPS * (abs(hi) + abs(offset)) + 4 * U * abs(lo)) * (1 + 2.0**-20) + 2.0**-880
        first, last = hi + (lo - rad), hi + (lo + rad)
        out[i] = first
        decided[i] = first == last and abs(first) > 2.0**-900


@_compiled
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


def depth(length: int) -> int:
    """How many additions a term of a dot product goes through at most: in its lane, over the lanes, and after them."""
    return min(length, length // LANES + 2 * LANES)


def round_gradient(
    x: NDArray[Any], y: NDArray[Any], score: str, precision: int, least: float, most: float
) -> tuple[NDArray[Any], Mask]:
    """The gradient with respect to x of float32 rows under the plain rule, held in float32, and where it is
    certain.
    """
    out, decided = np.empty(x.shape, dtype=np.float32), np.empty(x.shape, dtype=np.bool_)
    splitter = 2.0 ** (53 - precision) + 1
    h = float(depth(x.shape[1]))
    _gradient_rows(
        x, y, *products(x, y), h, _score(score)[0], precision == 24, splitter, least, most, out, decided
    )
    return out, decided


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
    sign, offset = _score(score)
    k = (depth(length) + 8) * U * (1 + 2.0**-20)
    splitter = 2.0 ** (53 - precision) + 1
    _round_rows(p, q, r, rule, eps, sign, offset, k, precision == 24, splitter, least, most, out, decided)
    return out, decided


def products(x: NDArray[Any], y: NDArray[Any]) -> tuple[Float, Float, Float]:
    """P, Q and R of float32 or float64 rows."""
    p, q, r = (np.empty(len(x)) for _ in range(3))
    _plain_rows(x, y, p, q, r)
    return p, q, r


def round_float64(x: Float, y: Float, bits: int, score: str) -> tuple[Float, Mask]:
    """Cosines of float64 rows under the plain rule, rounded to float64, and where that is certain."""
    out, decided = np.empty(len(x)), np.empty(len(x), dtype=np.bool_)
    _sharp_rows(x, y, POWERS, bits, *_score(score), out, decided)
    return out, decided


def _score(score: str) -> tuple[float, float]:
    return {"similarity": (1.0, 0.0), "negated": (-1.0, 0.0), "distance": (-1.0, 1.0)}[score]
