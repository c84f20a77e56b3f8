"""Gradients of a loss over cosines with respect to one of the arrays, element by element.

With c = P / D, where D follows the row a as d(log D)/da_i = k a_i (`slope` of its norm rule: k = 1/Q for the plain one,
0 inside a clamp, 1/(Q + eps) where eps is added),

    dc/da_i = b_i / D - P k a_i / D = (b_i - a_i P k) / D

times the derivative of the loss (1, -1 for -c and 1 - c; for the embedding loss -1, or 1 and 0 on the two
sides of the hinge), times the weight over the divisor of the reduction. It is the square root of a rational
with a sign, so the exact stage decides it. Inside a clamp the formula has a derivative although an
implementation may return NaN.

At a kink (a norm exactly at its floor, c exactly at the margin) the valid subgradients are all values between
those of the two sides (Clarke, Optimization and Nonsmooth Analysis, 1983, section 2.5); where rounding may
carry a computation across the kink, either side is right as well. `Enclosure.alternatives` tells them, with
`hull` set.
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.binary64 import GROW, TINY, Ball, Binary64, U
from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows
from lossproof.oracle.errors import choice
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.loss_over_score import Loss, LossOverScore
from lossproof.oracle.norm_rules.model import NormRule, Numbers, Quadratic
from lossproof.oracle.norm_rules.registry import norm_rule as rule_called
from lossproof.oracle.scores import fast, jumps
from lossproof.oracle.scores.cosine import Cosine, cosine, operands
from lossproof.oracle.scores.formula import FIRST, divided, divisors
from lossproof.oracle.scores.gradient_bounds import gradient_bound
from lossproof.oracle.scores.gradient_screen import GradientScreen
from lossproof.oracle.summed_gradients import Factors, arranged, factors

CLAMPS = ("held", "followed")
"""The derivative's behaviour below a floor: it is that of the formula, or it follows the norm all the same."""


@dataclass(frozen=True)
class Kink:
    """Which sides of the kinks to take: pairs whose clamp, or whose loss, is turned over."""

    clamp: Mask
    loss: Mask


@dataclass
class CosineGradient:
    """d(score)/d(a) for every element of the rows a of all pairs; flat over (pair, element)."""

    score: Cosine
    """The pairs, a first."""
    loss: Loss
    factors: Factors
    shape: tuple[int, ...]
    kink: Kink | None = None
    followed: bool = False
    """Whether the norm is differentiated inside a clamp too, as if the floor had only been put into its value."""

    @property
    def size(self) -> int:
        return self.score.size * self.score.pairs.length

    @cached_property
    def undefined(self) -> Mask:
        return np.repeat(
            self.score.undefined | self.score.zero_denominator | ~np.isfinite(self.factors.weights),
            self.length,
        )

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    @property
    def length(self) -> int:
        """d."""
        return self.score.pairs.length

    @property
    def stride(self) -> int:
        return max(self.length, 1)

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.score.exact

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        d = self.stride
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.size)
            if isinstance(arithmetic, Binary64) and start % d == 0 and stop % d == 0:
                return self._whole(slice(start // d, stop // d))
            rows = np.arange(start, stop)
        pairs, place = np.unique(rows // d, return_inverse=True)
        step = max(1, arithmetic.block_elements // d)
        if len(pairs) <= step:
            return self._some(arithmetic, pairs, place, rows % d)
        order = np.argsort(place, kind="stable")
        edges = np.searchsorted(place[order], np.arange(0, len(pairs) + step, step))
        parts = []
        for i, (first, last) in enumerate(pairwise(edges)):
            chosen = order[first:last]
            some = pairs[i * step : (i + 1) * step]
            parts.append(self._some(arithmetic, some, place[chosen] - i * step, rows[chosen] % d))
        back = np.empty(len(order), dtype=np.intp)
        back[order] = np.arange(len(order))
        return arithmetic.take(arithmetic.join(parts), back)

    @cached_property
    def _first(self) -> tuple[Float, Float, Float, Float]:
        """The two coefficients in float64 with their error bounds, for all pairs."""
        out = tuple(np.empty(self.score.size) for _ in range(4))
        for rows in self.score.row_blocks(1 << 18, np.arange(self.score.size)):
            for whole, part in zip(out, self._coefficients(rows), strict=True):
                whole[rows] = part
        return out[0], out[1], out[2], out[3]

    def _coefficients(self, rows: Rows) -> tuple[Float, Float, Float, Float]:
        lead, pull = self.coefficients(FIRST, rows)
        slack = 3 * U  # two products and their difference round once each
        with np.errstate(all="ignore"):
            return (
                lead.mid,
                (lead.rad + slack * np.abs(lead.mid)) * GROW,
                pull.mid,
                (pull.rad + slack * np.abs(pull.mid)) * GROW,
            )

    def _whole(self, pairs: slice) -> Ball:
        """All elements of some pairs: g = b lead - a pull, with |g' - g| <= |b| r1 + |a| r2."""
        x, y = self._elements(self.score.pairs.block(pairs))
        lead, r1, pull, r2 = (v[pairs][:, None] for v in self._first)
        with np.errstate(all="ignore"):
            mid, part = y * lead, x * pull
            mid -= part
            rad = np.abs(y)
            rad *= r1
            np.abs(x, out=part)
            part *= r2
            rad += part
            if self.score.pairs.wide:  # narrow numbers are too large for these products to underflow
                rad = np.where((y == 0) & (x == 0), 0.0, rad + TINY)
        return Ball(mid.ravel(), rad.ravel())

    def _elements(self, block: Block) -> tuple[Float, Float]:
        shape = (len(block.x), self.length)
        return np.broadcast_to(block.x, shape), np.broadcast_to(block.y, shape)

    def _some(self, a: Arithmetic[Any], pairs: Rows, place: Rows, element: Rows) -> Numbers:
        block = self.score.pairs.block(pairs)
        lead, pull = self.coefficients(a, pairs, block)
        x, y = self._elements(block)
        with np.errstate(all="ignore"):
            x, y = a.number(x[place, element]), a.number(y[place, element])
            return y * a.take(lead, place) - x * a.take(pull, place)

    def coefficients(
        self, a: Arithmetic[Any], pairs: Rows, block: Block | None = None
    ) -> tuple[Numbers, Numbers]:
        """(s / D, s P k / D) for some pairs, s the factor of score and reduction: g_i = b_i s/D - a_i s P k /
        D.
        """
        score = self.score
        zero_denominator, still = score.zero_denominator[pairs], np.zeros(len(pairs), dtype=bool)
        clamp = still if self.kink is None else self.kink.clamp[pairs]
        jump = (still, still) if score.flip is None else (score.flip[0][pairs], score.flip[1][pairs])
        with np.errstate(all="ignore"):
            kept = score.survey.products
            if isinstance(a, Binary64) and kept is not None:
                P, Q, R = a.balls(kept.take(pairs), self.length, score.pairs.repeats)
            else:
                P, Q, R = a.dots(score.pairs.block(pairs) if block is None else block)
            one, eps = (a.number(np.full(len(pairs), v)) for v in (1.0, score.measure.eps))
            D = (one,)
            if not score.measure.rule.unit:
                D = divisors(a, (P, Q, R), score.measure, zero_denominator, jump)
            Q1 = a.where(zero_denominator, one, Q)
            k = self.slope_of_norm(Quadratic(a, Q1, R, eps, one, clamp ^ jump[0], still))
            turned = None if self.kink is None else self.kink.loss[pairs]
            slope = self.loss.slope(a, lambda: divided(P, D), pairs, turned)
            s = self.factors.apply(a, slope, self.factors.weights[pairs])
            lead = divided(s, D)
            return lead, lead * (P * k)

    def slope_of_norm(self, n: Quadratic) -> Numbers:
        """k, see the head of this file."""
        return self.score.measure.rule.slope_of(n, self.followed)

    def round_fast(self, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        """Values rounded by compiled kernels, where there are any, and which of them are uncertain."""
        # Under the plain rule, the only one that they know, there is no clamp to turn over or to follow.
        alone = self.factors.divisor == 1 and bool((self.factors.weights == 1).all())
        if not alone or self.loss.form is None:
            return None
        return fast.round_gradients(self.score, self.loss.form, fmt)

    def round_rest(self, rows: Rows, fmt: FloatFormat) -> tuple[NDArray[Any], Mask]:
        """Values of some elements from the ladder, through the problem of their pairs alone."""
        pairs, place = np.unique(rows // self.stride, return_inverse=True)
        some = place * self.stride + rows % self.stride
        return Enclosure(self._picked(pairs)).rounded_by_ladder(fmt, some, tried=True)

    def screen(self, answers: NDArray[Any], fmt: FloatFormat, grade: str) -> tuple[Mask, Mask] | None:
        """Which answers one pass proves right, and which it leaves open; None where no such pass is known."""
        if self.loss.form is None or self.kink is not None or self.size == 0:
            return None
        sign = 1.0 if self.loss.form == "similarity" else -1.0
        divisor = float(int(self.factors.divisor.p)) / float(int(self.factors.divisor.q))
        passes = GradientScreen(
            self.score, self.slope_of_norm, self.factors.weights * (sign / divisor), fmt, grade
        )
        return passes.judged(answers) if passes.known() else None

    def remainder(self, open_: Mask) -> tuple[Rows, CosineGradient]:
        """The places of the gradients that hold open elements, and the problem of these."""
        pairs = np.flatnonzero(open_.reshape(self.score.size, self.length).any(axis=1))
        places = pairs[:, None] * self.length + np.arange(self.length)
        return places.ravel(), self._picked(pairs)

    def _picked(self, pairs: Rows) -> CosineGradient:
        return replace(
            self,
            score=self.score.subset(pairs),
            loss=self.loss.subset(pairs),
            factors=Factors(self.factors.weights[pairs], self.factors.divisor),
            shape=(len(pairs), self.length),
        )

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        turned = np.zeros(self.score.size, dtype=bool) if self.kink is None else self.kink.clamp
        return gradient_bound(self.score, self.slope_of_norm, turned, self.factors.sizes(), fmt, grade)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        if self.kink is not None or self.size == 0:
            return ()
        out = []
        none = np.zeros(self.score.size, dtype=bool)
        clamp, hinge = jumps.near_clamp(self.score, fmt), self.loss.near_kink(self.score, fmt)
        for mask, kink in (
            (clamp, Kink(clamp, none)),
            (hinge, Kink(none, hinge)),
            (clamp & hinge, Kink(clamp, hinge)),
        ):
            if mask.any():
                out.append(self._other(mask, replace(self, kink=kink), hull=True))
        for mask, other in self.score.alternatives(fmt):
            out.append(self._other(mask, replace(self, score=other, kink=Kink(none, none)), hull=False))
        return tuple(out)

    def _other(self, pairs: Mask, other: CosineGradient, hull: bool) -> Alternative:
        mask = np.repeat(pairs, self.length).reshape(self.shape)
        vectors = np.repeat(np.arange(self.score.size), self.length) if hull else None
        return Alternative(mask, Enclosure(other), hull, vectors)


def cosine_gradient(
    x: ArrayLike,
    y: ArrayLike,
    wrt: str = "x",
    axis: int = -1,
    score: str = "similarity",
    norm_rule: str | NormRule = "plain",
    eps: float = 0.0,
    weights: ArrayLike | None = None,
    reduction: str = "sum",
    clamp: str = "held",
) -> Enclosure:
    """The gradient of the summed, weighted and reduced `cosine` with respect to x or y, in that array's
    shape.

    The arguments are those of `cosine` and `reduce`; `weights` broadcasts to the shape of the values, `none`
    and `sum` give the gradient of the sum. Where D is 0, where a row is not finite and where the divisor is 0
    it is undefined. At kinks see `Enclosure.alternatives`; `within`, `excess` and `grade` accept every valid
    subgradient. `clamp` is "held" (the derivative of the formula) or "followed": what comes of flooring the value of
    a norm and differentiating the norm itself (of `floor_norm` alone).
    """
    choice("wrt", wrt, ("x", "y"))
    choice("clamp", clamp, CLAMPS)
    if wrt == "y":  # errors name the arrays as they were given
        operands(x, y, axis, ("x", "y"))
    arrays = (x, y) if wrt == "x" else (y, x)
    rule = rule_called(norm_rule) if wrt == "x" else rule_called(norm_rule).swapped()
    e = cosine(*arrays, axis=axis, score=score, norm_rule=rule, eps=eps)
    return gradient_of(e, arrays, axis, weights, reduction, clamp == "followed")


def gradient_of(
    e: Enclosure,
    arrays: tuple[ArrayLike, ArrayLike],
    axis: int,
    weights: ArrayLike | None,
    reduction: str,
    followed: bool = False,
) -> Enclosure:
    """The gradient of a loss over cosines with respect to the first of two arrays, in its shape."""
    problem, wrt, other = e.problem, np.shape(arrays[0]), np.shape(arrays[1])
    assert isinstance(problem, LossOverScore)
    score = problem.score
    assert isinstance(score, Cosine)
    rank = max(len(wrt), len(other))
    position = axis - rank if axis >= 0 else axis
    full = (*score.pairs.shape, score.pairs.length)
    inner = Enclosure(
        CosineGradient(score, problem.loss, factors(e, weights, reduction), full, followed=followed)
    )
    return arranged(inner, wrt, full, position)
