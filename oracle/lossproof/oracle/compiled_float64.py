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

from lossproof.oracle.binary64 import U
from lossproof.oracle.compiled import compiled, score_terms, two_prod, two_sum
from lossproof.oracle.double_double import EPS
from lossproof.oracle.formats import Float, Mask
from lossproof.oracle.lanes import STEP, whole_sums
from lossproof.oracle.sliced_dots import RANGE, second_width
from lossproof.oracle.slices import SLICE

LANES = STEP
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
def _sums(x: Any, y: Any, sigmas: Any, halves: Any, found: Any) -> None:
    """P, Q and R of every row as sum + rest with a radius: the nine rows of `found`. P is unknown where Q or R is out
    of range.

    The rest of P is a sum of 2 d products, each of which is rounded once, added to its neighbour, and goes through at
    most d / LANES + 4 further sums in its lane and over the lanes, and one for each element after the last whole run.
    """
    n, d = x.shape
    whole = d - d % LANES
    gamma = (whole // LANES + (d - whole) + 10) * U * (1 + 2.0**-20)
    root = math.sqrt(float(d)) * (1 + 2.0**-20)
    a, b, c = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    e, f, g = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    squares = np.zeros(2)
    bits = squares.view(np.int64)
    for i in range(n):
        row, other = x[i], y[i]
        _, q, r = whole_sums(x, y, i * d, i * d + whole)
        for j in range(whole, d):
            v, w = row[j], other[j]
            q += v * v
            r += w * w
        if not (q >= 1 / RANGE and q <= RANGE and r >= 1 / RANGE and r <= RANGE):
            found[:, i] = 1.0
            found[2, i] = np.inf
            continue
        squares[0], squares[1] = q * (1 + 2.0**-20), r * (1 + 2.0**-20)
        field_x, field_y = bits[0] >> 52, bits[1] >> 52
        size_x, rest_x = math.sqrt(q), root * halves[field_x]  # |x| and |rx|
        size_y, rest_y = math.sqrt(r), root * halves[field_y]
        s, t = sigmas[field_x], sigmas[field_y]
        p, q, r, p_low, q_low, r_low = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        if whole:
            a[:] = 0.0
            b[:] = 0.0
            c[:] = 0.0
            e[:] = 0.0
            f[:] = 0.0
            g[:] = 0.0
            for j in range(0, whole, LANES):
                for k in range(LANES):
                    v, w = row[j + k], other[j + k]
                    x1, y1 = (v + s) - s, (w + t) - t
                    rx, ry = v - x1, w - y1
                    a[k] += x1 * y1
                    b[k] += x1 * x1
                    c[k] += y1 * y1
                    e[k] += x1 * ry + rx * w
                    f[k] += rx * (v + x1)
                    g[k] += ry * (w + y1)
            for k in range(LANES // 2):
                e[k] += e[k + LANES // 2]
                f[k] += f[k + LANES // 2]
                g[k] += g[k + LANES // 2]
            for k in range(LANES):
                p += a[k]
                q += b[k]
                r += c[k]
            p_low = ((e[0] + e[4]) + (e[1] + e[5])) + ((e[2] + e[6]) + (e[3] + e[7]))
            q_low = ((f[0] + f[4]) + (f[1] + f[5])) + ((f[2] + f[6]) + (f[3] + f[7]))
            r_low = ((g[0] + g[4]) + (g[1] + g[5])) + ((g[2] + g[6]) + (g[3] + g[7]))
        for j in range(whole, d):
            v, w = row[j], other[j]
            x1, y1 = (v + s) - s, (w + t) - t
            rx, ry = v - x1, w - y1
            p += x1 * y1
            q += x1 * x1
            r += y1 * y1
            p_low += x1 * ry + rx * w
            q_low += rx * (v + x1)
            r_low += ry * (w + y1)
        found[0, i], found[1, i] = p, p_low
        found[2, i] = gamma * ((size_x + rest_x) * rest_y + rest_x * size_y)
        found[3, i], found[4, i], found[5, i] = q, q_low, gamma * rest_x * (2 * size_x + rest_x)
        found[6, i], found[7, i], found[8, i] = r, r_low, gamma * rest_y * (2 * size_y + rest_y)


@compiled
def _fine_sums(x: Any, y: Any, rows: Any, sigmas: Any, halves: Any, finer: float, found: Any) -> None:
    """As `_sums`, of a few rows and from two slices, the second of a quantum that is `finer` times the first; see
    sliced_dots.py. One element after another: this is seldom wanted.
    """
    d = x.shape[1]
    gamma = (d + 10) * U * (1 + 2.0**-20)
    root = math.sqrt(float(d)) * (1 + 2.0**-20) * finer
    squares = np.zeros(2)
    bits = squares.view(np.int64)
    for m in range(len(rows)):
        row, other = x[rows[m]], y[rows[m]]
        q, r = 0.0, 0.0
        for j in range(d):
            q += row[j] * row[j]
            r += other[j] * other[j]
        found[:, m] = 1.0
        found[2, m] = np.inf
        if not (q >= 1 / RANGE and q <= RANGE and r >= 1 / RANGE and r <= RANGE):
            continue
        squares[0], squares[1] = q * (1 + 2.0**-20), r * (1 + 2.0**-20)
        field_x, field_y = bits[0] >> 52, bits[1] >> 52
        size_x, rest_x = math.sqrt(q), root * halves[field_x]
        size_y, rest_y = math.sqrt(r), root * halves[field_y]
        s, t = sigmas[field_x], sigmas[field_y]
        s2, t2 = s * finer, t * finer
        p, q, r, p_mid, q_mid, r_mid, p_low, q_low, r_low = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        p_small, q_small, r_small = 0.0, 0.0, 0.0
        for j in range(d):
            v, w = row[j], other[j]
            x1, y1 = (v + s) - s, (w + t) - t
            rx, ry = v - x1, w - y1
            x2, y2 = (rx + s2) - s2, (ry + t2) - t2
            rx -= x2
            ry -= y2
            p += x1 * y1
            q += x1 * x1
            r += y1 * y1
            p_mid += x1 * y2 + x2 * y1
            q_mid += x1 * x2
            r_mid += y1 * y2
            p_small += x2 * y2
            q_small += x2 * x2
            r_small += y2 * y2
            p_low += v * ry + rx * (w - ry)
            q_low += rx * (v + (v - rx))
            r_low += ry * (w + (w - ry))
        found[0, m], found[1, m], error = _collected(p, p_mid, p_small, p_low)
        found[2, m] = error + gamma * ((size_x + rest_x) * rest_y + rest_x * (size_y + rest_y))
        found[3, m], found[4, m], error = _collected(q, 2 * q_mid, q_small, q_low)
        found[5, m] = error + gamma * rest_x * (2 * size_x + rest_x)
        found[6, m], found[7, m], error = _collected(r, 2 * r_mid, r_small, r_low)
        found[8, m] = error + gamma * rest_y * (2 * size_y + rest_y)


@compiled
def _collected(high: float, middle: float, small: float, rest: float) -> tuple[float, float, float]:
    """high + middle + (rest + small), where all but rest is exact, as a sum of two, and what was rounded on the way."""
    s, e = two_sum(high, middle)
    low = rest + small
    return s, low + e, 4 * U * (abs(small) + abs(e) + abs(low))


@compiled
def _rounded(found: Any, sign: float, offset: float, out: Any, decided: Any) -> None:
    """c = P / D, D = sqrt(Q R), in double-double as in double_double.py; scored and rounded where that is certain."""
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
        rad = (rad + 4 * EPS * (abs(high) + offset) + 4 * U * abs(low)) * (1 + 2.0**-20) + 2.0**-880
        first, last = high + (low - rad), high + (low + rad)
        out[i] = first
        decided[i] = (first == last) & (abs(first) > 2.0**-900)


def round_rows(x: Float, y: Float, score: str) -> tuple[Float, Mask]:
    """Cosines of float64 rows under the plain rule, rounded to float64, and where that is certain."""
    out, decided, found = np.empty(len(x)), np.empty(len(x), dtype=np.bool_), np.empty((9, len(x)))
    _sums(x, y, SIGMAS, HALVES, found)
    _rounded(found, *score_terms(score), out, decided)
    rows = np.flatnonzero(~decided)
    if rows.size:
        finer = 2.0 ** -(second_width(x.shape[1]) + 1)
        found, values, sure = (
            np.empty((9, rows.size)),
            np.empty(rows.size),
            np.empty(rows.size, dtype=np.bool_),
        )
        _fine_sums(x, y, rows, SIGMAS, HALVES, finer, found)
        _rounded(found, *score_terms(score), values, sure)
        out[rows], decided[rows] = values, sure
    return out, decided
