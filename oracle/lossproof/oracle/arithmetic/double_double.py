"""Stage 2: numbers of two doubles with a proven error bound.

A value is within `rad` of hi + lo, |lo| <= ulp(hi)/2. With u = 2^-53 the relative errors of the operations
are at most 3 u^2 for addition, 5 u^2 for multiplication and 15 u^2 + 56 u^3 for division (Joldes, Muller,
Popescu, ACM TOMS 44(2), 2017, theorems 3.1, 5.1 and 6.2: AccurateDWPlusDW, DWTimesDW1, DWDivDW2) and 25/8 u^2
for the square root (Lefevre, Louvet, Muller, Picot, Rideau, ACM TOMS 49(1), 2023, SQRTDWtoDW); EPS = 16 u^2 =
2^-102 covers them all. They hold while nothing underflows or overflows: numbers outside [2^-900, 2^900] are
given up (rad = inf) or covered by TINY. Division and square root divide what they have left of the numerator, some of
which may have underflowed: LOST covers that.

NumPy neither reorders nor fuses these operations; `self_test.py` checks that on start.
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq

from lossproof.oracle.arithmetic.binary64 import GROW, SAFE, U
from lossproof.oracle.arithmetic.reals import Real, rational
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.sliced_dots import sliced_dots
from lossproof.oracle.arithmetic.transforms import fast_two_sum, two_prod, two_sum
from lossproof.oracle.formats import Float, FloatFormat, Index, Mask, cast_ends

EPS = 2.0**-102
LARGEST = SAFE * SAFE * 2.0**100
TINY = 2.0**-880
LOST = 2.0**-1000
ONE_SLICE = 1024
"""In longer rows one slice proves too little."""


@dataclass(frozen=True)
class Pair:
    """The value lies within `rad` of hi + lo, hi being the float64 nearest to that sum; nothing is known where rad is
    infinite or NaN.
    """

    hi: Float
    lo: Float
    rad: Float

    def __neg__(self) -> Pair:
        return Pair(-self.hi, -self.lo, self.rad)

    def __add__(self, other: Pair) -> Pair:
        s, e = two_sum(self.hi, other.hi)
        t, f = two_sum(self.lo, other.lo)
        s, e = fast_two_sum(s, e + t)
        hi, lo = fast_two_sum(s, e + f)
        rad = (self.rad + other.rad + EPS * np.abs(hi)) * GROW
        zero = ((self.hi == 0) | (other.hi == 0)) & (self.rad == 0) & (other.rad == 0)
        return Pair(hi, lo, np.where(zero, 0.0, rad))  # adding an exact zero is exact

    def __sub__(self, other: Pair) -> Pair:
        return self + (-other)

    def __mul__(self, other: Pair) -> Pair:
        p, e = two_prod(self.hi, other.hi)
        hi, lo = fast_two_sum(p, e + (self.hi * other.lo + self.lo * other.hi))
        a, b = np.abs(self.hi) * GROW, np.abs(other.hi) * GROW
        rad = (a * other.rad + self.rad * (b + other.rad) + EPS * np.abs(hi)) * GROW + TINY
        return _unless(hi, lo, rad, _zero(self) | _zero(other))

    def __truediv__(self, other: Pair) -> Pair:
        t = self.hi / other.hi
        c, e = two_prod(other.hi, t)
        c, f = fast_two_sum(c, other.lo * t)
        rh, rl = fast_two_sum(c, f + e)
        hi, lo = fast_two_sum(t, ((self.hi - rh) + (self.lo - rl)) / other.hi)
        least = np.abs(other.hi) * (1 - 4 * U) - other.rad
        rad = ((self.rad + LOST + np.abs(hi) * other.rad) / least + EPS * np.abs(hi)) * GROW + TINY
        exact = _unless(hi, lo, rad, _zero(self))
        if least.min(initial=1.0) > 0:
            return exact
        return Pair(exact.hi, exact.lo, np.where(least > 0, exact.rad, np.inf))


def _unless(hi: Float, lo: Float, rad: Float, zero: Mask) -> Pair:
    """An exact zero where `zero` is set; where the range was left, nothing is known."""
    size = np.abs(hi)
    if not size.max(initial=0.0) < LARGEST:
        rad = np.where((size < LARGEST) & (rad < np.inf), rad, np.inf)
    if not zero.any():
        return Pair(hi, lo, rad)
    return Pair(np.where(zero, 0.0, hi), np.where(zero, 0.0, lo), np.where(zero, 0.0, rad))


def _zero(a: Pair) -> Mask:
    """Where a number is exactly zero."""
    zero: Mask = a.hi == 0
    return zero & (a.rad == 0) if zero.any() else zero


class DoubleDouble:
    """The arithmetic of pairs, with rows in one slice (half the work, some 2^-70 of |x| |y|) or in two (2^-86 and
    less).
    """

    block_elements = 1 << 17

    def __init__(self, slices: int = 2) -> None:
        self.slices = slices
        self.name = "double-double" if slices == 2 else f"double-double, {slices} slice"

    def number(self, values: Float) -> Pair:
        values = np.asarray(values, dtype=np.float64)
        return Pair(values, np.zeros_like(values), np.zeros_like(values))

    def rational(self, values: list[fmpq]) -> Pair:
        ends = [Real(v).bounds() for v in values]
        highs = [low if np.isfinite(low) else high for low, high in ends]  # -inf: below all of float64
        lows = [Real(v - rational(h)).bounds()[0] for v, h in zip(values, highs, strict=True)]
        hi, lo = fast_two_sum(np.array(highs), np.array(lows))
        return Pair(hi, lo, EPS * np.abs(hi) + TINY)

    def dots(self, block: Block) -> tuple[Pair, Pair, Pair]:
        sums = sliced_dots(block, self.slices if block.length <= ONE_SLICE else 2)
        with np.errstate(all="ignore"):
            p, q, r = (Pair(*two_sum(s.high, s.low), s.rad) for s in sums)
        return p, q, r

    def sqrt(self, a: Pair) -> Pair:
        positive = a.hi > 0
        hi = np.where(positive, a.hi, 1.0)
        s = np.sqrt(hi)
        p, e = two_prod(s, s)
        root, lo = fast_two_sum(s, (((hi - p) - e) + a.lo) / (2 * s))
        coarse = np.sqrt(a.rad)  # |sqrt(a) - sqrt(a')| is at most this, and at most |a - a'| / sqrt(a')
        rad = np.where(positive, np.minimum(a.rad / root, coarse) + LOST / root + EPS * root, coarse)
        root, lo = np.where(positive, root, 0.0), np.where(positive, lo, 0.0)
        return _unless(root, lo, (rad + TINY) * GROW, (a.hi == 0) & (a.rad == 0))

    def maximum(self, a: Pair, b: Pair) -> Pair:
        larger, certain = self.less(a, b)
        chosen = self.where(larger, b, a)
        rad = np.maximum(a.rad, b.rad) + 4 * EPS * (np.abs(a.hi) + np.abs(b.hi))
        return Pair(chosen.hi, chosen.lo, np.where(certain, chosen.rad, rad))

    def less(self, a: Pair, b: Pair) -> tuple[Mask, Mask]:
        gap = b - a
        positive = gap.hi > 0
        exact = (a.rad == 0) & (b.rad == 0) & (gap.hi == 0)
        return positive, (np.abs(gap.hi) * (1 - 2 * U) > gap.rad) | exact

    def where(self, mask: Mask, a: Pair, b: Pair) -> Pair:
        return Pair(np.where(mask, a.hi, b.hi), np.where(mask, a.lo, b.lo), np.where(mask, a.rad, b.rad))

    def unknown(self, mask: Mask, a: Pair) -> Pair:
        return Pair(a.hi, a.lo, np.where(mask, np.inf, a.rad))

    def sum(self, a: Pair) -> Pair:
        while len(a.hi) > 1:  # pairwise
            half = len(a.hi) // 2
            pairs = self.take(a, slice(0, half)) + self.take(a, slice(half, 2 * half))
            a = self.join([pairs, self.take(a, slice(2 * half, None))])
        return a if len(a.hi) else self.number(np.zeros(1))

    def take(self, a: Pair, index: Index) -> Pair:
        return Pair(a.hi[index], a.lo[index], a.rad[index])

    def join(self, parts: list[Pair]) -> Pair:
        return Pair(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("hi", "lo", "rad")))

    def bounds(self, a: Pair) -> tuple[Float, Float]:
        with np.errstate(all="ignore"):
            low, high = self._shifted(a)
            below, above = np.nextafter(a.hi, -np.inf), np.nextafter(a.hi, np.inf)
            # |lo| is at most half a spacing: where its sign is sure, hi is one of the two floats around the value
            over, under = a.lo > a.rad, a.lo < -a.rad
            low = np.where(over, a.hi, np.where(under, below, np.nextafter(low, -np.inf)))
            high = np.where(over, above, np.where(under, a.hi, np.nextafter(high, np.inf)))
            exact = (a.rad == 0) & (a.lo == 0)
            low, high = (
                np.where(exact, a.hi + 0.0, low),
                np.where(exact, a.hi + 0.0, high),
            )  # no zero below zero
        return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)

    def rounded(self, a: Pair, fmt: FloatFormat) -> tuple[Float, Mask]:
        if fmt.name == "float64":
            with np.errstate(all="ignore"):
                first, last = self._shifted(a)
            settled = np.isfinite(first) & np.isfinite(last) & (first == last)
            return first + 0.0, settled & ((first != 0) | (a.rad == 0))
        return cast_ends(*self.bounds(a), fmt)

    def within(self, a: Pair, answer: Float, tolerance: Float) -> tuple[Mask, Mask]:
        with np.errstate(all="ignore"):
            gap = a - self.number(answer)
            gap = self.where(gap.hi < 0, -gap, gap)
            excess = gap - self.number(tolerance)
            # either difference has widened the radius by GROW, which is more than the low part, at most u of the high
            inside, outside = excess.hi < -excess.rad, excess.hi > excess.rad
            inside |= (excess.hi == 0) & (excess.rad == 0)
        return inside, inside | outside

    @staticmethod
    def _shifted(a: Pair) -> tuple[Float, Float]:
        """The nearest float64 to hi + (lo - rad) and to hi + (lo + rad), rad a little widened."""
        rad = (a.rad + 2 * U * np.abs(a.lo)) * GROW
        rad = np.where(a.rad == 0, 0.0, rad)
        return a.hi + (a.lo - rad), a.hi + (a.lo + rad)
