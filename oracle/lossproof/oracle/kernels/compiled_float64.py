"""Cosines of float64 rows rounded by a compiled kernel: dot products from one exact slice and its rest.

A row with |x| < 2^E is split into x1, its elements rounded to multiples of 2^(E - SLICE), and the rest rx:

    x y = x1 y1 + [x1 ry + rx y]        x x = x1 x1 + [rx (x + x1)]

What stands before the brackets is exact in any order of summation (sliced_dots.py), what stands within is small and
plain float64. A few in a thousand are left undecided by this; they are asked once more with two slices, and
then go up the ladder.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossproof.oracle.arithmetic.binary64 import U
from lossproof.oracle.arithmetic.double_double import EPS
from lossproof.oracle.arithmetic.sliced_dots import RANGE, second_width
from lossproof.oracle.arithmetic.slices import SLICE
from lossproof.oracle.formats import Float
from lossproof.oracle.kernels.compiled import NONE, Rows, compiled, two_prod, two_sum
from lossproof.oracle.kernels.fused import SCORE_TERMS
from lossproof.oracle.kernels.lanes import (
    STEP,
    single_fine,
    single_slices,
    single_sums,
    whole_fine,
    whole_slices,
    whole_sums,
)

FIELDS = np.arange(2048)
QUANTA = np.clip((FIELDS - 1022 + 1) // 2 - SLICE, -400, 400)
"""By the exponent field of |x|^2: |x|^2 < 2^(field - 1022), so |x| < 2^E with E half of that, rounded up. Only rows
with a squared norm in [1/RANGE, RANGE] are looked at.
"""
SIGMAS = np.ldexp(1.5, 52 + QUANTA)
"""Adding and subtracting it rounds to a multiple of the quantum."""
HALVES = np.ldexp(0.5, QUANTA)
"""Half a quantum: what the rest of an element is at most."""


@compiled
def _steps(q: float, squares: Any, bits: Any) -> tuple[int, bool]:
    """The exponent field of a squared norm that float64 found, a little enlarged, and whether it is in range."""
    squares[0] = q * (1 + 2.0**-20)
    return (bits[0] >> 52) & 2047, (q >= 1 / RANGE) & (q <= RANGE)


@compiled
def _sums(x: Any, y: Any, sigmas: Any, halves: Any, found: Any) -> None:
    """P, Q and R of every row as sum + rest with a radius: the nine rows of `found`. P is unknown where Q or R is out
    of range.

    The rest of P is a sum of 2 d products, each of which is rounded once, added to its neighbour, and goes through at
    most d / STEP + 4 further sums in its lane and over the lanes, and one for each element after the last whole run.
    """
    n, d = x.shape
    whole = d - d % STEP
    gamma = (whole // STEP + (d - whole) + 10) * U * (1 + 2.0**-20)
    root = math.sqrt(float(d)) * (1 + 2.0**-20)
    squares = np.zeros(1)
    bits = squares.view(np.int64)
    for i in range(n):
        start, middle, stop = i * d, i * d + whole, i * d + d
        q, r = 0.0, 0.0
        if whole:
            _, q, r = whole_sums(x, y, start, middle, ())
        if whole < d:
            _, q_low, r_low = single_sums(x, y, middle, stop, ())
            q, r = q + q_low, r + r_low
        field_x, fine_x = _steps(q, squares, bits)
        field_y, fine_y = _steps(r, squares, bits)
        if not (fine_x and fine_y):
            found[:, i] = 1.0
            found[2, i] = np.inf
            continue
        size_x, rest_x = math.sqrt(q), root * halves[field_x]  # |x| and |rx|
        size_y, rest_y = math.sqrt(r), root * halves[field_y]
        steps = (sigmas[field_x], sigmas[field_y])
        p, q, r, p_low, q_low, r_low = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        if whole:
            p, q, r, p_low, q_low, r_low = whole_slices(x, y, start, middle, steps)
        if whole < d:
            s, t, u, s_low, t_low, u_low = single_slices(x, y, middle, stop, steps)
            p, q, r, p_low, q_low, r_low = p + s, q + t, r + u, p_low + s_low, q_low + t_low, r_low + u_low
        found[0, i], found[1, i] = p, p_low
        found[2, i] = gamma * ((size_x + rest_x) * rest_y + rest_x * size_y)
        found[3, i], found[4, i], found[5, i] = q, q_low, gamma * rest_x * (2 * size_x + rest_x)
        found[6, i], found[7, i], found[8, i] = r, r_low, gamma * rest_y * (2 * size_y + rest_y)


@compiled
def _fine_sums(x: Any, y: Any, rows: Any, sigmas: Any, halves: Any, finer: float, found: Any) -> None:
    """As `_sums`, of a few rows and from two slices, the second of a quantum that is `finer` times the first; see
    sliced_dots.py.
    """
    d = x.shape[1]
    whole = d - d % STEP
    gamma = (whole // STEP + (d - whole) + 10) * U * (1 + 2.0**-20)
    root = math.sqrt(float(d)) * (1 + 2.0**-20) * finer
    squares = np.zeros(1)
    bits = squares.view(np.int64)
    for m in range(len(rows)):
        start = rows[m] * d
        middle, stop = start + whole, start + d
        _, q, r = whole_sums(x, y, start, middle, ())
        _, q_low, r_low = single_sums(x, y, middle, stop, ())
        q, r = q + q_low, r + r_low
        field_x, fine_x = _steps(q, squares, bits)
        field_y, fine_y = _steps(r, squares, bits)
        found[:, m] = 1.0
        found[2, m] = np.inf
        if not (fine_x and fine_y):
            continue
        size_x, rest_x = math.sqrt(q), root * halves[field_x]
        size_y, rest_y = math.sqrt(r), root * halves[field_y]
        s, t = sigmas[field_x], sigmas[field_y]
        steps = (s, t, s * finer, t * finer)
        a, b = whole_fine(x, y, start, middle, steps), single_fine(x, y, middle, stop, steps)
        found[0, m], found[1, m], error = _collected(a[0] + b[0], a[3] + b[3], a[6] + b[6], a[9] + b[9])
        found[2, m] = error + gamma * ((size_x + rest_x) * rest_y + rest_x * (size_y + rest_y))
        found[3, m], found[4, m], error = _collected(
            a[1] + b[1], 2 * (a[4] + b[4]), a[7] + b[7], a[10] + b[10]
        )
        found[5, m] = error + gamma * rest_x * (2 * size_x + rest_x)
        found[6, m], found[7, m], error = _collected(
            a[2] + b[2], 2 * (a[5] + b[5]), a[8] + b[8], a[11] + b[11]
        )
        found[8, m] = error + gamma * rest_y * (2 * size_y + rest_y)


@compiled
def _collected(high: float, middle: float, small: float, rest: float) -> tuple[float, float, float]:
    """high + middle + (rest + small), where all but rest is exact, as a sum of two, and what was rounded on the way."""
    s, e = two_sum(high, middle)
    low = rest + small
    return s, low + e, 4 * U * (abs(small) + abs(e) + abs(low))


@compiled
def _rounded(found: Any, sign: float, offset: float, out: Any, decided: Any) -> None:
    """c = P / D, D = sqrt(Q R), in double-double as in double_double.py; scored and rounded where that is certain.

    The rests leave a radius of 2^-110 at least, so what is decided is far from underflow.
    """
    for i in range(len(out)):
        p, p_low = two_sum(found[0, i], found[1, i])
        q, q_low = two_sum(found[3, i], found[4, i])
        r, r_low = two_sum(found[6, i], found[7, i])
        d2, e = two_prod(q, r)
        d2, e = two_sum(d2, e + (q * r_low + q_low * r))
        near = math.sqrt(d2)
        g, h = two_prod(near, near)
        s, t = two_sum(near, (((d2 - g) - h) + e) / (2 * near))
        c = p / s
        g, h = two_prod(s, c)
        g, f = two_sum(g, t * c)
        high, low = two_sum(g, f + h)
        c, c_low = two_sum(c, ((p - high) + (p_low - low)) / s)
        rad = found[2, i] / s + abs(c) * (0.5 * (found[5, i] / q + found[8, i] / r) + 4 * EPS)
        high, low = two_sum(offset, sign * c)
        high, low = two_sum(high, low + sign * c_low)
        rad = (rad + 4 * EPS * (abs(high) + offset) + 4 * U * abs(low)) * (1 + 2.0**-20)
        first, last = high + (low - rad), high + (low + rad)
        out[i] = first
        decided[i] = first == last


def round_rows(x: Float, y: Float, score: str, values: Float) -> Rows:
    """Cosines of float64 rows under the plain rule, rounded to float64 and written into `values`; which of them are
    uncertain.
    """
    decided, found = np.empty(len(x), dtype=np.bool_), np.empty((9, len(x)))
    _sums(x, y, SIGMAS, HALVES, found)
    _rounded(found, *SCORE_TERMS[score], values, decided)
    if decided.all():
        return NONE
    rows = np.flatnonzero(~decided)
    finer = 2.0 ** -(second_width(x.shape[1]) + 1)
    found, some, sure = np.empty((9, rows.size)), np.empty(rows.size), np.empty(rows.size, dtype=np.bool_)
    _fine_sums(x, y, rows, SIGMAS, HALVES, finer, found)
    _rounded(found, *SCORE_TERMS[score], some, sure)
    values[rows] = some
    return rows[~sure]
