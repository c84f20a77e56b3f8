"""Numbers of two doubles where one part of them is all that is left, and questions at the very end of what is known."""

from __future__ import annotations

import numpy as np
import pytest

from lossproof.oracle.arithmetic.binary64 import Ball, Binary64
from lossproof.oracle.arithmetic.double_double import EPS, DoubleDouble, Pair
from lossproof.oracle.arithmetic.transforms import fast_two_sum

from .enclosed import fraction, holds

PAIRS = DoubleDouble()
N = 200


def pairs(g, hi):
    """Exactly these, with low parts of many sizes and all their bits."""
    lo = hi * 2.0**-54 * g.uniform(-1, 1, hi.size) * 2.0 ** -g.integers(0, 40, hi.size)
    return Pair(*fast_two_sum(hi, lo), np.zeros(hi.size))


def test_sums_whose_high_parts_cancel_are_as_sharp_as_any():
    """The part rounded off the low parts is no longer small beside the sum then (Joldes et al., theorem 3.1)."""
    g = np.random.default_rng(4)
    hi = g.uniform(1, 2, N)
    near = hi * (1 + 2.0**-52 * g.integers(-3, 4, N))  # the same, or a few units beside it
    a, b = pairs(g, hi), pairs(g, -near)
    true = [
        sum((fraction(v) for v in parts), fraction(0.0)) for parts in zip(a.hi, a.lo, b.hi, b.lo, strict=True)
    ]
    found = a + b
    assert holds(found, true) == 1
    assert (found.rad <= 2 * EPS * np.abs(found.hi)).all()
    assert min(abs(t) for t in true) < fraction(2.0**-80)
    assert holds(a - (-b), true) == 1


@pytest.mark.parametrize("stage", [Binary64(), PAIRS], ids=["float64", "two slices"])
def test_a_tolerance_that_ends_within_the_last_bit_of_what_is_known_decides_nothing(stage):
    """The truth is at the end of mid +- rad, and the tolerance is the float64 beside it, on the other side."""
    g = np.random.default_rng(5)
    mid, rad = g.uniform(1, 2, N), g.uniform(0.2, 0.5, N)
    number = Ball(mid, rad) if isinstance(stage, Binary64) else Pair(mid, 0 * mid, rad)
    zero, above, below = np.zeros(N), mid + rad, mid - rad
    over = np.array(
        [fraction(v) < fraction(m) + fraction(r) for v, m, r in zip(above, mid, rad, strict=True)]
    )
    under = np.array(
        [fraction(v) > fraction(m) - fraction(r) for v, m, r in zip(below, mid, rad, strict=True)]
    )
    assert min(over.sum(), under.sum()) > 10
    for tolerance, some in ((above, over), (below, under)):
        assert not stage.within(number, zero, tolerance)[1][some].any()
    for far in (below * (1 - 2.0**-40), above * (1 + 2.0**-40)):
        assert stage.within(number, zero, far)[1].all()
