"""The norm rules: what stands under the dot product. Each is the square of the documented denominator.

With P = sum a b, Q = sum a^2, R = sum b^2 every rule divides P by D = sqrt(D2), and D2 is rational:

    raw                    D = 1
    plain                  D = |a| |b|
    floor_norm             D = max(|a|, eps) max(|b|, eps)
    floor_squared_norm     D = sqrt(max(sum a^2, eps)) sqrt(max(sum b^2, eps))
    floor_product          D = max(|a| |b|, eps)
    floor_squared_product  D = sqrt(max(sum a^2 sum b^2, eps))
    add_squared            D = sqrt(sum a^2 + eps) sqrt(sum b^2 + eps)
    threshold              D = n(a) n(b), n(v) = |v|, but 1 where |v| < eps
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lossproof.oracle.formats import Mask

Numbers = Any
"""Numbers of whichever arithmetic is at work."""


@dataclass(frozen=True)
class Quadratic:
    """The inputs of a rule: Q, R, eps and 1 as numbers, and which decisions of a threshold or clamp to turn over."""

    arithmetic: Any
    """An `Arithmetic`; bare floats with a `maximum` do for the rules without a threshold."""
    q: Numbers
    r: Numbers
    eps: Numbers
    one: Numbers
    flip_x: Mask | None = None
    flip_y: Mask | None = None


def _turned(decision: Mask, flip: Mask | None) -> Mask:
    return decision if flip is None else decision ^ flip


def _raw(n: Quadratic) -> Numbers:
    return n.one


def _plain(n: Quadratic) -> Numbers:
    return n.q * n.r


def _floor_norm(n: Quadratic) -> Numbers:
    larger, eps2 = n.arithmetic.maximum, n.eps * n.eps
    return larger(n.q, eps2) * larger(n.r, eps2)


def _floor_squared_norm(n: Quadratic) -> Numbers:
    larger = n.arithmetic.maximum
    return larger(n.q, n.eps) * larger(n.r, n.eps)


def _floor_product(n: Quadratic) -> Numbers:
    return n.arithmetic.maximum(n.q * n.r, n.eps * n.eps)


def _floor_squared_product(n: Quadratic) -> Numbers:
    return n.arithmetic.maximum(n.q * n.r, n.eps)


def _add_squared(n: Quadratic) -> Numbers:
    return (n.q + n.eps) * (n.r + n.eps)


def _threshold(n: Quadratic) -> Numbers:
    return _or_one(n, n.q, n.flip_x) * _or_one(n, n.r, n.flip_y)


def _or_one(n: Quadratic, squared: Numbers, flip: Mask | None) -> Numbers:
    below, certain = n.arithmetic.less(squared, n.eps * n.eps)
    chosen = n.arithmetic.where(_turned(below, flip), n.one, squared)
    return n.arithmetic.unknown(~certain, chosen)


SQUARED_DENOMINATORS: dict[str, Callable[[Quadratic], Numbers]] = {
    "raw": _raw,
    "plain": _plain,
    "floor_norm": _floor_norm,
    "floor_squared_norm": _floor_squared_norm,
    "floor_product": _floor_product,
    "floor_squared_product": _floor_squared_product,
    "add_squared": _add_squared,
    "threshold": _threshold,
}


def _constant(n: Quadratic) -> Numbers:
    return n.one - n.one


def _always(n: Quadratic) -> Numbers:
    return n.one / n.q


def _over(n: Quadratic, quantity: Numbers, floor: Numbers) -> Numbers:
    """1/Q where the quantity exceeds its floor, else 0: a clamp holds D constant below it."""
    above, certain = n.arithmetic.less(floor, quantity)
    above = _turned(above, n.flip_x)
    slope = n.one / n.arithmetic.where(above, n.q, n.one)
    return n.arithmetic.unknown(~certain, n.arithmetic.where(above, slope, n.one - n.one))


def _threshold_slope(n: Quadratic) -> Numbers:
    below, certain = n.arithmetic.less(n.q, n.eps * n.eps)
    below = _turned(below, n.flip_x)
    slope = n.one / n.arithmetic.where(below, n.one, n.q)
    return n.arithmetic.unknown(~certain, n.arithmetic.where(below, n.one - n.one, slope))


SLOPES: dict[str, Callable[[Quadratic], Numbers]] = {
    "raw": _constant,
    "plain": _always,
    "floor_norm": lambda n: _over(n, n.q, n.eps * n.eps),
    "floor_squared_norm": lambda n: _over(n, n.q, n.eps),
    "floor_product": lambda n: _over(n, n.q * n.r, n.eps * n.eps),
    "floor_squared_product": lambda n: _over(n, n.q * n.r, n.eps),
    "add_squared": lambda n: n.one / (n.q + n.eps),
    "threshold": _threshold_slope,
}
"""k with d(log D)/da_i = k a_i: how D follows the row a. 0 inside a clamp, 1/Q outside; a kink lies where
they meet.
"""


def followed(n: Quadratic, rule: str) -> Numbers:
    """k where the value is clamped and the derivative is not: of floor_norm, d(log max(|a|, eps)) with d|a| for d max.

    1/(max(|a|, eps) |a|), and 0 where |a| = 0: what differentiating the norm gives whose value alone was raised to
    eps. Other rules are differentiated as they stand.
    """
    k = SLOPES[rule](n)
    if rule != "floor_norm":
        return k
    a, still = n.arithmetic, n.one - n.one
    below, certain = a.less(n.q, n.eps * n.eps)
    below = _turned(below, n.flip_x)
    inside, sure = a.less(still, n.q)
    pulled = n.one / (n.eps * a.sqrt(a.where(inside, n.q, n.one)))
    return a.unknown(~(certain & sure), a.where(below, a.where(inside, pulled, still), k))


NORM_RULES = tuple(SQUARED_DENOMINATORS)
"""The names of the norm rules."""

WITHOUT_EPS = ("raw", "plain")
"""The rules that have no eps."""
