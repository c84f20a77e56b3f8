"""Numbers of each arithmetic around a true value that is known exactly, and what the arithmetic says of it.

The true value is put at either end of what is known of a number, so that a radius that is too small shows.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import fmpq

from lossproof.oracle.arithmetic.binary64 import Ball, Binary64
from lossproof.oracle.arithmetic.double_double import DoubleDouble, Pair
from lossproof.oracle.arithmetic.exact import Exact

STAGES = {
    "float64": Binary64(),
    "one slice": DoubleDouble(1),
    "two slices": DoubleDouble(2),
    "exact": Exact(),
}


def fraction(v):
    return fmpq(*float(v).as_integer_ratio())


class Known(NamedTuple):
    """Numbers of an arithmetic and the true values."""

    number: object
    true: list[fmpq]


def floats(g, n, low, high):
    """Signed floats with exponents from low to high; some have short significands, or those beside a power of two."""
    significand = 1 + g.random(n)
    kinds = g.integers(0, 6, n)
    for kind, special in enumerate((1.0, np.nextafter(1.0, 2), np.nextafter(2.0, 0))):
        significand[kinds == kind] = special
    return np.ldexp(significand * g.choice([-1.0, 1.0], n), g.integers(low, high + 1, n).astype(int))


def radii(g, mid):
    """From nothing through small parts of a number, and all but a few units of it, to more than all of it; of a zero
    from nothing to 1.
    """
    n = len(mid)
    share = 2.0 ** -g.choice([0.5, 1.0, 3.0, 30.0, 50.0, 70.0, 100.0], n) * g.choice([1.0, 4.0], n)
    share = np.where(g.random(n) < 0.2, 1 - g.choice([5, 6, 8, 12, 40], n) * 2.0**-53, share)
    around_zero = g.choice([0.0, 0.0, 2.0**-900, 1e-30, 1.0], n)
    return np.where(mid == 0, around_zero, np.where(g.random(n) < 0.35, 0.0, np.abs(mid) * share))


def known(stage, g, mid, rad, least=None):
    """Numbers around `mid` known to `rad`, the truth at one end or in the middle (and not below `least`)."""
    side = g.choice([-1, -1, 0, 1, 1], len(mid))
    lo = np.zeros_like(mid)
    if isinstance(stage, DoubleDouble):
        half = np.where(mid == 0, 0.0, np.abs(mid - np.nextafter(mid, 0)) / 2)
        lo = half * g.choice([0, 1e-9, 0.4, -0.9999, 0.9999], len(mid))
    true = [
        fraction(m) + fraction(v) + int(s) * fraction(r)
        for m, v, s, r in zip(mid, lo, side, rad, strict=True)
    ]
    if least is not None:
        true = [max(v, fmpq(least)) for v in true]
    if isinstance(stage, Exact):
        return Known(stage.rational(true), true)
    return Known(Ball(mid, rad) if isinstance(stage, Binary64) else Pair(mid, lo, rad), true)


def ends(number, i):
    """The known ends of one number, as fractions; None where nothing is known."""
    if isinstance(number, np.ndarray):
        assert not number[i].terms
        return number[i].r, number[i].r
    if not np.isfinite(number.rad[i]):
        return None
    if isinstance(number, Ball):
        mid = fraction(number.mid[i])
    else:
        assert number.hi[i] + number.lo[i] == number.hi[i]
        mid = fraction(number.hi[i]) + fraction(number.lo[i])
    return mid - fraction(number.rad[i]), mid + fraction(number.rad[i])


def holds(number, true):
    """The share of numbers of which something is known; all of it is right. None: nothing can be known."""
    told = 0
    for i, v in enumerate(true):
        at = ends(number, i)
        if at is not None:
            assert v is not None
            assert at[0] <= v <= at[1], (i, float(Fraction(int(v.p), int(v.q))))
            told += 1
    return told / len(true)


def nearest(v, fmt):
    """The nearest number of a format, ties to even, of a fraction; Python rounds a fraction to even as well."""
    if v == 0:
        return 0.0
    size = abs(v)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent
    quantum = Fraction(2) ** (max(exponent, fmt.emin) - fmt.precision + 1)
    value = round(v / quantum) * quantum
    return float(value) if abs(value) < Fraction(2) ** (fmt.emax + 1) else np.inf if v > 0 else -np.inf
