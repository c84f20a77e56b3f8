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

from lossproof.oracle.arithmetic import Arithmetic
from lossproof.oracle.formats import Mask

Numbers = Any
"""Numbers of whichever arithmetic is at work."""


@dataclass(frozen=True)
class Quadratic:
    """What a rule is given: the arithmetic, Q, R, eps and 1 as numbers, and which threshold decisions to turn over."""

    arithmetic: Arithmetic[Any]
    q: Numbers
    r: Numbers
    eps: Numbers
    one: Numbers
    flip_x: Mask
    flip_y: Mask


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


def _or_one(n: Quadratic, squared: Numbers, flip: Mask) -> Numbers:
    below, certain = n.arithmetic.less(squared, n.eps * n.eps)
    chosen = n.arithmetic.where(below ^ flip, n.one, squared)
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
NORM_RULES = tuple(SQUARED_DENOMINATORS)
"""The names of the norm rules."""

WITHOUT_EPS = ("raw", "plain")
"""The rules that have no eps."""
