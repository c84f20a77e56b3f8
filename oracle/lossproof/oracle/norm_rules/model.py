"""Norm rules: the square of a denominator with its slope, and the facts that formulas and kernels ask of it.

With P = sum a b, Q = sum a^2, R = sum b^2 a rule divides P by D = sqrt(D2), D2 a rational function of Q, R and eps.
"""

from __future__ import annotations

import math
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


Formula = Callable[[Quadratic], Numbers]
Kernel = Callable[[float], tuple[float, float, float]]
"""eps -> (floor, more, least), where D2 = max((max(Q, floor) + more) (max(R, floor) + more), least)."""


@dataclass(frozen=True)
class Eps:
    """How a rule uses its eps: beside which quantity it stands, and whether something is decided there."""

    product: bool = False
    """Whether it meets the product of both norms; else each norm on its own."""
    squared: bool = False
    """Whether it meets the square of that."""
    kink: bool = False
    """Whether D is held there: the value is continuous, its derivative is not."""
    jump: bool = False
    """Whether the value itself jumps there."""

    def level(self, eps: float) -> float:
        """The norm, or product of norms, beside which eps stands."""
        return math.sqrt(eps) if self.squared else eps


@dataclass(frozen=True)
class NormRule:
    """A rule for the denominator D of a cosine.

    The bounds of rounding hold for rules under which an implementation computes D with at most d + 4 roundings, as a
    norm rule over Q and R and a few operations does, and k with the error of Q and two more.
    """

    name: str
    says: str
    """The behaviour of an implementation that follows it; `{eps}` stands for the number."""
    square: Formula
    """D2."""
    slope: Formula
    """k with d(log D)/da_i = k a_i: how D follows the row a. Where D is held it is 0; a kink lies where both meet."""
    eps: Eps | None = None
    """None: the rule has no eps."""
    kernel: Kernel | None = None
    """How the fast kernels compute D2, which asks that |a| |b| <= D; None: they do not know the rule."""
    followed: Formula | None = None
    """k where the value is held at its floor and the derivative is not, if that differs from `slope`."""
    unit: bool = False
    """Whether D is 1, so that nothing is divided."""
    norms: bool = False
    """Whether D is |a| |b|, so that rows may be scaled before anything is computed."""
    scale_free: bool = True
    """Whether a scaled row leaves P / D as it is, as long as no eps decides otherwise."""

    def __post_init__(self) -> None:
        if self.eps and self.eps.jump and (self.eps.kink or self.eps.product):
            raise ValueError(f"norm rule {self.name}: a jump lies at a norm, and is no kink")

    @property
    def vanishes(self) -> bool:
        """Whether D is 0 where a norm is 0 and no eps keeps it from that."""
        return not self.unit

    def slope_of(self, n: Quadratic, followed: bool) -> Numbers:
        """k of the formula, or that of a derivative that follows the norm past its floor."""
        return self.followed(n) if followed and self.followed else self.slope(n)


def turned(decision: Mask, flip: Mask | None) -> Mask:
    """A decision, turned over where that is asked for."""
    return decision if flip is None else decision ^ flip
