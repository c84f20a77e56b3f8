"""Stage 1: float64 numbers with a proven error bound (midpoint and radius).

With u = 2^-53, one operation rounds by at most u |result| unless it underflows. Radii are computed in float64
too, a few operations each, so they are inflated by GROW = 1 + 2^-48, which covers 31 roundings; TINY =
2^-1000 covers every underflow. Numbers that are exactly zero stay exactly zero: orthogonal one-hot rows are
decided here.

Dot products: for any order of summation and with or without fused operations, |P' - P| <= gamma_d sum |a b|,
with gamma_d = d u / (1 - d u) (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section
3.1, (3.5)), and sum |a b| <= sqrt(Q R) by Cauchy-Schwarz, so no second pass is needed.
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from flint import fmpq

from lossproof.oracle.arithmetic.reals import Real
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.slices import SHORT_ROW, dot
from lossproof.oracle.formats import Float, FloatFormat, Index, Mask, cast_between

U = 2.0**-53
GROW = 1.0 + 2.0**-48
TINY = 2.0**-1000
SAFE = 2.0**400
"""Squared norms outside [1/SAFE, SAFE] are left to later stages: products of them could leave the range."""
TINY_SQUARED_NORM = 1 / (SAFE * SAFE)
"""Below it a squared norm may be all underflow; above it what d squares lose, d 2^-1075, is far below u of it."""
DENORMAL = 5e-324


@dataclass(frozen=True)
class Ball:
    """The value lies within `rad` of `mid`; an infinite or NaN rad says that nothing is known."""

    mid: Float
    rad: Float

    def __add__(self, other: Ball) -> Ball:
        mid = self.mid + other.mid
        rad = (self.rad + other.rad + U * np.abs(mid)) * GROW  # sums do not underflow
        exact = (self.rad == 0) & (other.rad == 0) & ((self.mid == 0) | (other.mid == 0))
        return Ball(mid, np.where(exact, 0.0, rad))

    def __neg__(self) -> Ball:
        return Ball(-self.mid, self.rad)

    def __sub__(self, other: Ball) -> Ball:
        return self + (-other)

    def __mul__(self, other: Ball) -> Ball:
        a, b = np.abs(self.mid), np.abs(other.mid)
        mid = self.mid * other.mid
        rad = (a * other.rad + self.rad * (b + other.rad) + U * np.abs(mid)) * GROW + TINY
        zero = ((a == 0) & (self.rad == 0)) | ((b == 0) & (other.rad == 0))
        return Ball(mid, np.where(zero, 0.0, rad))

    def __truediv__(self, other: Ball) -> Ball:
        least = np.abs(other.mid) * (1 - 2 * U) - other.rad
        mid = self.mid / other.mid
        # |a/b - a'/b'| <= (|a - a'| + |a'/b'| |b - b'|) / |b|; what underflows in the bracket is divided as well
        rad = ((self.rad + TINY + np.abs(mid) * other.rad) / least + U * np.abs(mid)) * GROW + TINY
        zero = (self.mid == 0) & (self.rad == 0)
        return Ball(mid, np.where(least > 0, np.where(zero, 0.0, rad), np.inf))


class Products(NamedTuple):
    """P, Q and R of some rows as float64 computes them.

    A zero is exact; what came out as zero but is not is the smallest subnormal. NaN in q or r marks a row
    that is not finite; an infinity is an overflow.
    """

    p: Float
    q: Float
    r: Float

    def take(self, index: Index) -> Products:
        """The rows that an index picks."""
        return Products(self.p[index], self.q[index], self.r[index])


class Binary64:
    """The arithmetic of balls."""

    name = "float64"
    block_elements = 1 << 16

    def number(self, values: Float) -> Ball:
        values = np.asarray(values, dtype=np.float64)
        return Ball(values, np.zeros_like(values))

    def rational(self, values: list[fmpq]) -> Ball:
        low, high = (np.array(ends) for ends in zip(*(Real(v).bounds() for v in values), strict=True))
        return Ball(low, (high - low) * GROW)

    def products(self, block: Block) -> Products:
        """P, Q and R of a block."""
        x, y = block.x, block.y
        with np.errstate(all="ignore"):
            if x.shape[1] <= SHORT_ROW:
                x, y = np.asfortranarray(x), np.asfortranarray(y)
            p, q, r = dot(x, y), dot(x, x), dot(y, y)
        if np.count_nonzero(p) < len(p):
            rows = np.flatnonzero(p == 0)
            p[rows[((x[rows] != 0) & (y[rows] != 0)).any(axis=1)]] = DENORMAL
        for squared, v in ((q, x), (r, y)):
            if squared.min(initial=1.0) > 0 and squared.max(initial=1.0) < np.inf:
                continue
            rows = np.flatnonzero(squared == 0)
            squared[rows[v[rows].any(axis=1)]] = DENORMAL
            rows = np.flatnonzero(~np.isfinite(squared))
            squared[rows] = np.where(np.isfinite(v[rows]).all(axis=1), np.inf, np.nan)
        return Products(p, q, r)

    def dots(self, block: Block) -> tuple[Ball, Ball, Ball]:
        return self.balls(self.products(block), block.length, block.repeats)

    def balls(self, products: Products, length: int, repeats: int) -> tuple[Ball, Ball, Ball]:
        """P, Q and R with their error bounds.

        |q - Q| <= gamma_d Q, so Q <= q / (1 - gamma_d), and gamma_d Q <= gamma_d / (1 - gamma_d) q.
        """
        p, q, r = products
        gamma = length * U / (1 - length * U) * GROW  # 32 u of it: the dozen roundings from here on
        share = gamma / (1 - gamma)
        with np.errstate(all="ignore"):
            norms = np.sqrt(np.maximum(q, TINY_SQUARED_NORM)) * np.sqrt(np.maximum(r, TINY_SQUARED_NORM))
            spread = share * norms * np.sqrt(repeats)  # 2^-853 at least, so products may underflow
            return Ball(p, np.where(p == 0, 0.0, spread)), _squared_norm(q, share), _squared_norm(r, share)

    def sqrt(self, a: Ball) -> Ball:
        mid = np.sqrt(np.maximum(a.mid, 0.0))
        # |sqrt a - sqrt a'| = |a - a'| / (sqrt a + sqrt a') <= r / sqrt a', and <= sqrt r in any case
        # (beside a mid of 0, which may be -0, the first is infinite and the second holds)
        rad = np.minimum(a.rad / np.abs(mid), np.sqrt(a.rad) * GROW + TINY)
        zero = (a.mid == 0) & (a.rad == 0)
        return Ball(mid, np.where(zero, 0.0, (rad + U * mid) * GROW + TINY))

    def maximum(self, a: Ball, b: Ball) -> Ball:
        larger, certain = self.less(a, b)
        chosen, either = np.where(larger, b.rad, a.rad), np.maximum(a.rad, b.rad)
        return Ball(np.maximum(a.mid, b.mid), np.where(certain, chosen, either))

    def less(self, a: Ball, b: Ball) -> tuple[Mask, Mask]:
        gap = b.mid - a.mid
        slack = (a.rad + b.rad + U * np.abs(gap)) * GROW
        exact = (a.rad == 0) & (b.rad == 0)
        return gap > 0, (np.abs(gap) > slack) | exact

    def where(self, mask: Mask, a: Ball, b: Ball) -> Ball:
        return Ball(np.where(mask, a.mid, b.mid), np.where(mask, a.rad, b.rad))

    def unknown(self, mask: Mask, a: Ball) -> Ball:
        return Ball(a.mid, np.where(mask, np.inf, a.rad))

    def sum(self, a: Ball) -> Ball:
        n = a.mid.size
        mid, size, rad = a.mid.sum(), np.abs(a.mid).sum(), a.rad.sum()
        gamma = n * U / (1 - n * U)
        # the sums of radii and sizes are themselves sums of n non-negative terms
        rad = (rad + gamma * size) * (1 + 2 * gamma) * GROW
        return Ball(np.array([mid]), np.array([rad]))

    def take(self, a: Ball, index: Index) -> Ball:
        return Ball(a.mid[index], a.rad[index])

    def join(self, parts: list[Ball]) -> Ball:
        return Ball(np.concatenate([p.mid for p in parts]), np.concatenate([p.rad for p in parts]))

    def bounds(self, a: Ball) -> tuple[Float, Float]:
        with np.errstate(all="ignore"):
            pad = (a.rad + (2 * U) * np.abs(a.mid)) * GROW  # 2 u |mid| for the rounding of mid -+ pad
            exact = a.rad == 0
            if exact.any():
                pad = np.where(exact, 0.0, pad)
            low, high = a.mid - pad, a.mid + pad
        known = np.isfinite(low) & np.isfinite(high)
        if not known.all():
            low, high = np.where(known, low, -np.inf), np.where(known, high, np.inf)
        return low, high

    def rounded(self, a: Ball, fmt: FloatFormat) -> tuple[Float, Mask]:
        if fmt.name == "float64":
            low, high = self.bounds(a)
            return low, low == high
        with np.errstate(all="ignore"):
            size = np.abs(a.mid)
            # u (|mid| + pad) for the rounding of mid -+ pad; where pad > |mid| the ends differ in sign anyway
            pad = size * (4 * U)
            pad += a.rad
            low, high = a.mid - pad, a.mid + pad
            if (
                not pad.max(initial=0.0) < np.inf
            ):  # nothing is known there, and the ends may be one and the same NaN
                size = np.where(pad < np.inf, size, np.nan)
            exact = size == 0
            if exact.any():
                zero = exact & (a.rad == 0)
                low[zero], high[zero] = 0.0, 0.0
            return cast_between(low, high, size, fmt)

    def within(self, a: Ball, answer: Float, tolerance: Float) -> tuple[Mask, Mask]:
        with np.errstate(all="ignore"):
            gap = np.abs(answer - a.mid)
            blur = (a.rad + 2 * U * (gap + tolerance)) * GROW
            blur = np.where((a.rad == 0) & (gap == 0), 0.0, blur)
            inside, outside = gap + blur <= tolerance, gap - blur > tolerance
        return inside, inside | outside


def _squared_norm(q: Float, share: float) -> Ball:
    """A sum of squares, known to `share` of it; exactly zero for a row of zeros; unknown outside the safe range, in
    which squares that underflow lose d 2^-1075, far below the 20 u of share, 2^-500 and more, that roundings leave.
    """
    known = np.where((q >= 1 / SAFE) & (q <= SAFE), q * share, np.inf)
    return Ball(q, np.where(q == 0, 0.0, known))
