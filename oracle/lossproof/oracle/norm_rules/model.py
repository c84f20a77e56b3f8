"""Norm rules: a denominator with its slope, and the facts that formulas and kernels ask of it.

With P = sum a b, Q = sum a^2, R = sum b^2 a rule divides P by D. Most have D = sqrt(D2), D2 a rational function of Q, R
and eps; where eps stands beside a root, D is a product of factors r + s sqrt(q) with rational r, s and q.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
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

    def swapped(self) -> Quadratic:
        """The same of arrays that have changed places."""
        return Quadratic(self.arithmetic, self.r, self.q, self.eps, self.one, self.flip_y, self.flip_x)


Formula = Callable[[Quadratic], Numbers]
Factors = Callable[[Quadratic], tuple[Numbers, ...]]
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
    x: bool = True
    """Whether it meets the norm of a, the first row."""
    y: bool = True
    """Whether it meets the norm of b."""

    def level(self, eps: float) -> float:
        """The norm, or product of norms, beside which eps stands."""
        return math.sqrt(eps) if self.squared else eps

    def swapped(self) -> Eps:
        """The same for arrays that have changed places."""
        return replace(self, x=self.y, y=self.x)


@dataclass(frozen=True)
class Squared:
    """D2 as the square of a product of factors."""

    factors: Factors

    def __call__(self, n: Quadratic) -> Numbers:
        """(f g ...)^2."""
        product = math.prod(self.factors(n), start=n.one)
        return product * product


@dataclass(frozen=True)
class Swapped:
    """A formula of a rule for arrays that have changed places."""

    formula: Callable[[Quadratic], Any]

    def __call__(self, n: Quadratic) -> Any:
        """The formula of the inputs with their roles exchanged."""
        return self.formula(n.swapped())


@dataclass(frozen=True)
class NormRule:
    """A rule for the denominator D of a cosine.

    The bounds of rounding hold for rules under which an implementation computes D with at most d + 5 roundings, as a
    norm rule over Q and R and a few operations does, and k with d + 6.
    """

    name: str
    says: str
    """The behaviour of an implementation that follows it; `{eps}` stands for the number."""
    square: Formula
    """D2, rational in Q, R and eps unless the rule gives its `factors`; `Squared` makes it of those."""
    slope: Formula
    """k with d(log D)/da_i = k a_i: how D follows the row a. Where D is held it is 0; a kink lies where both meet."""
    eps: Eps | None = None
    """None: the rule has no eps."""
    kernel: Kernel | None = None
    """How the fast kernels compute D2, which asks that |a| |b| <= D; None: they do not know the rule."""
    followed: Formula | None = None
    """k where the value is held at its floor and the derivative is not, if that differs from `slope`."""
    slope_y: Formula | None = None
    """How D follows the row b, as `slope` has it for a; None: as it follows a, with the roles exchanged."""
    factors: Factors | None = None
    """D as a product where D2 is not rational: each factor is r + s sqrt(q), r, s and q rational in Q, R and eps."""
    unit: bool = False
    """Whether D is 1, so that nothing is divided."""
    norms: bool = False
    """Whether D is |a| |b|, so that rows may be scaled before anything is computed."""
    scale_free: bool = True
    """Whether a scaled row leaves P / D as it is, as long as no eps decides otherwise."""
    unbounded: bool = False
    """Whether D may be less than |a| |b| where P is not 0, so that P / D may leave [-1, 1]."""

    def __post_init__(self) -> None:
        if self.eps and self.eps.jump and (self.eps.kink or self.eps.product):
            raise ValueError(f"norm rule {self.name}: a jump lies at a norm, and is no kink")
        if self.kernel and (self.factors or self.slope_y or self.unbounded):
            raise ValueError(f"norm rule {self.name}: kernels know no such denominator")

    def divisors(self, n: Quadratic) -> tuple[Numbers, ...]:
        """The factors of D."""
        return self.factors(n) if self.factors else (n.arithmetic.sqrt(self.square(n)),)

    @property
    def symmetric(self) -> bool:
        """Whether both arrays are treated alike."""
        return self.slope_y is None

    def swapped(self) -> NormRule:
        """The rule for arrays that have changed places: itself where it treats both alike."""
        if self.slope_y is None:
            return self
        return replace(
            self,
            square=Swapped(self.square),
            factors=self.factors and Swapped(self.factors),
            slope=Swapped(self.slope_y),
            slope_y=Swapped(self.slope),
            eps=self.eps and self.eps.swapped(),
        )

    def slope_of(self, n: Quadratic, followed: bool) -> Numbers:
        """k of the formula, or that of a derivative that follows the norm past its floor."""
        return self.followed(n) if followed and self.followed else self.slope(n)


def turned(decision: Mask, flip: Mask | None) -> Mask:
    """A decision, turned over where that is asked for."""
    return decision if flip is None else decision ^ flip
