"""Faults planted in the oracle are caught: a bound too small, a lost low word, a missing sticky bit, a double
rounding.
"""

from __future__ import annotations

import mpmath
import numpy as np
from flint import fmpq

from lossproof import oracle
from lossproof.oracle import rounding
from lossproof.oracle.arithmetic import reals, sliced_dots
from lossproof.oracle.arithmetic.binary64 import Ball, Binary64
from lossproof.oracle.arithmetic.double_double import DoubleDouble, Pair
from lossproof.oracle.arithmetic.exact import Exact
from lossproof.oracle.kernels import fused

from . import native, reference, samples, soaking, test_bounds


def mismatches(length=4):
    counts = soaking.Counter()
    return sum(
        soaking.check(region, dtype, length, 77, counts, chunk=100)
        for region in ("ordinary", "nearly_orthogonal", "nearly_parallel", "ties")
        for dtype in samples.DTYPES
    )


def test_without_a_fault_nothing_is_found():
    assert mismatches() == 0


def test_a_first_stage_without_its_bound(monkeypatch):
    original = fused.cosine_ball
    monkeypatch.setattr(fused, "cosine_ball", lambda *a: Ball(original(*a).mid, original(*a).rad * 2.0**-30))
    assert mismatches()


def test_a_lost_low_word(monkeypatch):
    original = DoubleDouble.dots

    def dots(self, block):
        return tuple(Pair(v.hi, np.zeros_like(v.lo), v.rad) for v in original(self, block))

    monkeypatch.setattr(DoubleDouble, "dots", dots)
    assert mismatches()


def test_a_lost_rest(monkeypatch):
    original = sliced_dots._cut

    def cut(x, sigma, part, rest):
        original(x, sigma, part, rest)
        rest[:] = 0.0

    monkeypatch.setattr(sliced_dots, "_cut", cut)
    assert mismatches()


def elevenths():
    """Elevenths of integers, rounded by the exact stage; how many are wrong."""
    return sum(
        reals.Real(fmpq(n, 11)).rounded(soaking.FORMATS[name]) != reference.rounded(mpmath.mpf(n) / 11, name)
        for n in range(1, 300)
        for name in samples.DTYPES
    )


def test_a_missing_sticky_bit(monkeypatch):
    """A value that is taken for its own truncation then looks like a tie."""
    assert elevenths() == 0
    original = reals.round_integer
    monkeypatch.setattr(reals, "round_integer", lambda n, e, fmt, sticky=False: original(n, e, fmt, False))
    assert elevenths()


def test_a_double_rounding(monkeypatch):
    original = Exact.rounded

    def rounded(self, a, fmt):
        values, decided = original(self, a, fmt)
        if fmt.name in ("float16", "bfloat16"):
            once = original(self, a, soaking.FORMATS["float32"])[0]
            return once.astype(np.float32).astype(fmt.dtype).astype(np.float64), decided
        return values, decided

    monkeypatch.setattr(Exact, "rounded", rounded)
    assert mismatches_at_midpoints()


def test_a_double_rounding_in_the_first_stage(monkeypatch):
    def rounded(self, a, fmt):
        values = a.mid.astype(np.float32).astype(fmt.dtype).astype(np.float64)
        return values, np.isfinite(a.rad)

    monkeypatch.setattr(Binary64, "rounded", rounded)
    assert mismatches()


def mismatches_at_midpoints():
    """Values a hair above the middle of two bfloat16 numbers, through the exact stage alone."""
    value = np.array([[1 + 2.0**-8 + 2.0**-40]])
    e = oracle.cosine(value, np.ones((1, 1)), norm_rule="raw")
    numbers = e.problem.evaluate(Exact(), np.arange(1))
    told = Exact().rounded(numbers, soaking.FORMATS["bfloat16"])[0]
    return int(told[0] != 1 + 2.0**-7)


def test_a_native_bound_too_small_by_two(monkeypatch):
    """Roundings that all go one way use more than half of the bound, so the half of it calls an honest answer
    wrong.
    """
    x, y = test_bounds.biased("float32", 64, 60)
    answer, _ = native.cosine(x, y, "plain", 0.0, "forward", np.float32)
    e = oracle.cosine(x, y)
    assert oracle.within(answer, e, oracle.bound(e, "float32", "G2")).all()
    original = rounding.growth
    monkeypatch.setattr(rounding, "growth", lambda count, u: original(count, u) / 2)
    assert not oracle.within(answer, e, oracle.bound(e, "float32", "G2")).all()
