"""Floors that all but underflow: the gradient of a zero row is b / sqrt(eps), and every bit of it can be told."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from lossproof import oracle


def near_middle(eps: float) -> tuple[float, Fraction, Fraction, Fraction] | None:
    """A float b for which b / sqrt(eps) all but is the middle of two float64 numbers; the middle and those two.

    Among the continued fractions of sqrt(eps) times a power of two: b / m with m odd and of 54 bits.
    """
    wide = 1 << 700
    root = Fraction(math.isqrt(int(Fraction(eps) * wide * wide)), wide)
    unit = Fraction(2) ** -math.frexp(float(root))[1]
    rest, below, b, before, m = root * unit, 0, 1, 1, 0
    while m < 1 << 54:
        whole = math.floor(rest)
        below, b, before, m = b, whole * b + below, m, whole * m + before
        if 1 << 53 < m < 1 << 54 and m % 2 and b < 1 << 53:
            return float(b), m * unit, (m - 1) * unit, (m + 1) * unit
        if rest == whole:
            break
        rest = 1 / (rest - whole)
    return None


@pytest.mark.parametrize("exponent", [-1000, -940, -300])
def test_the_gradient_of_a_zero_row_next_to_a_tie(exponent: int) -> None:
    cases = [
        (eps, *case)
        for eps in np.ldexp(1 + np.random.default_rng(3).random(100), exponent)
        if (case := near_middle(float(eps)))
    ]
    assert len(cases) > 10
    for eps, b, middle, low, high in cases:
        gradient = oracle.cosine_gradient([[0.0]], [[b]], norm_rule="floor_squared_product", eps=float(eps))
        above = Fraction(b) ** 2 > middle**2 * Fraction(float(eps))
        assert gradient.rounded("float64")[0, 0] == float(high if above else low)
        assert gradient.lower[0, 0] == float(low)
        assert gradient.upper[0, 0] == float(high)


@pytest.mark.parametrize("shift", [-500, -450, -300])
@pytest.mark.parametrize("rule", ["floor_norm", "floor_product"])
def test_the_bound_of_the_gradient_of_a_zero_row(rule: str, shift: int) -> None:
    """b / D with D = eps |b| or eps: the first stage knows c there, which is 0, and not D, whose square underflows."""
    eps, y = 2.0**shift, np.ldexp([[3.0, 4.0]], 196)
    gradient = oracle.cosine_gradient([[0.0, 0.0]], y, norm_rule=rule, eps=eps)
    limit = oracle.bound(gradient, "float64", "G2", flush=False)[0]
    values = gradient.lower[0]
    u = 2.0**-53
    wanted = np.abs(values) * ((2 + 12) * u / (1 - 28 * u)) + np.spacing(np.abs(values)) / 2
    np.testing.assert_allclose(limit, wanted, rtol=1e-9)
