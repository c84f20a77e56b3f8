"""Gradients of every family with respect to one of its inputs, element by element.

With c = P / D, where D follows the row a as d(log D)/da_i = k a_i (rules.SLOPES: k = 1/Q for the plain rule,
0 inside a clamp, 1/(Q + eps) where eps is added),

    dc/da_i = b_i / D - P k a_i / D = (b_i - a_i P k) / D

times the derivative of the score (1, -1 for -c and 1 - c; for the embedding loss -1, or 1 and 0 on the two
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

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.binary64 import GROW, TINY, Ball, Binary64, U
from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.kernels import choice as kernels
from lossproof.oracle.norm_rules import SLOPES, Numbers, Quadratic, followed
from lossproof.oracle.scores import gradient_bounds as bounds
from lossproof.oracle.scores import jumps
from lossproof.oracle.scores.cosine import CosineProblem, denominator

FIRST = Binary64()


@dataclass(frozen=True)
class Factors:
    """What multiplies the gradient of each pair: weights (flat) and a common rational divisor."""

    weights: Float
    divisor: fmpq

    def apply(self, a: Arithmetic[Any], values: Numbers, weights: Float) -> Numbers:
        """values times weights over the divisor."""
        if not (weights == 1).all():
            values = values * a.number(weights)
        return values if self.divisor == 1 else values / a.rational([self.divisor] * len(weights))


@dataclass(frozen=True)
class Kink:
    """Which sides of the kinks to take: pairs whose clamp, or whose hinge, is turned over."""

    clamp: Mask
    hinge: Mask


@dataclass
class CosineGradient:
    """d(score)/d(a) for every element of the rows a of all pairs; flat over (pair, element)."""

    problem: CosineProblem
    """The pairs, a first."""
    factors: Factors
    shape: tuple[int, ...]
    kink: Kink | None = None
    followed: bool = False
    """Whether the norm is differentiated inside a clamp too, as if the floor had only been put into its value."""

    @property
    def size(self) -> int:
        return self.problem.size * self.problem.pairs.length

    @cached_property
    def undefined(self) -> Mask:
        return np.repeat(
            self.problem.undefined | self.problem.zero_denominator | ~np.isfinite(self.factors.weights),
            self.length,
        )

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    @property
    def length(self) -> int:
        """d."""
        return self.problem.pairs.length

    @property
    def stride(self) -> int:
        return max(self.length, 1)

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
        out = tuple(np.empty(self.problem.size) for _ in range(4))
        for rows in self.problem.row_blocks(1 << 18, np.arange(self.problem.size)):
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
        x, y = self._elements(self.problem.pairs.block(pairs))
        lead, r1, pull, r2 = (v[pairs][:, None] for v in self._first)
        with np.errstate(all="ignore"):
            mid, part = y * lead, x * pull
            mid -= part
            rad = np.abs(y)
            rad *= r1
            np.abs(x, out=part)
            part *= r2
            rad += part
            if self.problem.pairs.wide:  # narrow numbers are too large for these products to underflow
                rad = np.where((y == 0) & (x == 0), 0.0, rad + TINY)
        return Ball(mid.ravel(), rad.ravel())

    def _elements(self, block: Block) -> tuple[Float, Float]:
        shape = (len(block.x), self.length)
        return np.broadcast_to(block.x, shape), np.broadcast_to(block.y, shape)

    def _some(self, a: Arithmetic[Any], pairs: Rows, place: Rows, element: Rows) -> Numbers:
        block = self.problem.pairs.block(pairs)
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
        problem = self.problem
        zero_denominator, still = problem.zero_denominator[pairs], np.zeros(len(pairs), dtype=bool)
        clamp = still if self.kink is None else self.kink.clamp[pairs]
        jump = (still, still) if problem.flip is None else (problem.flip[0][pairs], problem.flip[1][pairs])
        with np.errstate(all="ignore"):
            kept = problem.survey.products
            if isinstance(a, Binary64) and kept is not None:
                P, Q, R = a.balls(kept.take(pairs), self.length, problem.pairs.repeats)
            else:
                P, Q, R = a.dots(problem.pairs.block(pairs) if block is None else block)
            D2 = denominator(a, (P, Q, R), problem.measure, zero_denominator, jump)
            one, eps = (a.number(np.full(len(pairs), v)) for v in (1.0, problem.measure.eps))
            Q1 = a.where(zero_denominator, one, Q)
            k = self.slope_of_norm(Quadratic(a, Q1, R, eps, one, clamp ^ jump[0], still))
            root = one if problem.measure.norm_rule == "raw" else a.sqrt(D2)
            s = self.factors.apply(a, self._slope(a, P, root, pairs), self.factors.weights[pairs])
            lead = s / root
            return lead, lead * (P * k)

    def slope_of_norm(self, n: Quadratic) -> Numbers:
        """k, see the head of this file."""
        rule = self.problem.measure.norm_rule
        return followed(n, rule) if self.followed else SLOPES[rule](n)

    def _slope(self, a: Arithmetic[Any], P: Numbers, root: Numbers, pairs: Rows) -> Numbers:
        """The derivative of the score with respect to c."""
        problem, ones = self.problem, np.ones(len(pairs))
        if problem.similar is None:
            return a.number(ones if problem.score == "similarity" else -ones)
        above, certain = a.less(a.number(problem.margin * ones), P / root)
        if self.kink is not None:
            above = above ^ self.kink.hinge[pairs]
        slope = a.number(np.where(problem.similar[pairs], -1.0, np.where(above, 1.0, 0.0)))
        return a.unknown(~certain & ~problem.similar[pairs], slope)

    def round_fast(self, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        """Values rounded by compiled kernels, where there are any, and which of them are uncertain."""
        # Under the plain rule, the only one that they know, there is no clamp to turn over or to follow.
        alone = self.factors.divisor == 1 and bool((self.factors.weights == 1).all())
        return kernels.rounded_gradient(self.problem, fmt) if alone else None

    def round_rest(self, rows: Rows, fmt: FloatFormat) -> tuple[NDArray[Any], Mask]:
        """Values of some elements from the ladder, through the problem of their pairs alone."""
        pairs, place = np.unique(rows // self.stride, return_inverse=True)
        problem = self.problem.subset(pairs)
        factors = Factors(self.factors.weights[pairs], self.factors.divisor)
        some = place * self.stride + rows % self.stride
        few = Enclosure(replace(self, problem=problem, factors=factors, shape=(len(pairs), self.length)))
        return few.rounded_by_ladder(fmt, some, tried=True)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return bounds.gradient_bound(self, fmt, grade)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        if self.kink is not None or self.size == 0:
            return ()
        out = []
        none = np.zeros(self.problem.size, dtype=bool)
        clamp, hinge = jumps.near_kinks(self, fmt)
        for mask, kink in (
            (clamp, Kink(clamp, none)),
            (hinge, Kink(none, hinge)),
            (clamp & hinge, Kink(clamp, hinge)),
        ):
            if mask.any():
                out.append(self._other(mask, replace(self, kink=kink), hull=True))
        for jump in self.problem.alternatives(fmt):
            mask = jump.mask.ravel()
            other = jump.enclosure.problem
            assert isinstance(other, CosineProblem)
            out.append(self._other(mask, replace(self, problem=other, kink=Kink(none, none)), hull=False))
        return tuple(out)

    def _other(self, pairs: Mask, problem: CosineGradient, hull: bool) -> Alternative:
        mask = np.repeat(pairs, self.length).reshape(self.shape)
        vectors = np.repeat(np.arange(self.problem.size), self.length) if hull else None
        return Alternative(mask, Enclosure(problem), hull, vectors)


@dataclass
class GroupedSum:
    """Sums of elements of an enclosure: the gradient with respect to an array that was broadcast, or a
    transposed one.
    """

    stride: ClassVar[int] = 1

    inner: Enclosure
    members: NDArray[np.intp]
    """Of shape (elements of the result, elements in each sum)."""
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.members)

    @cached_property
    def undefined(self) -> Mask:
        mask: Mask = np.any(self.inner.problem.undefined[self.members], axis=1)
        return mask

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        members = self.members[rows]
        n, count = members.shape
        if count == 0:
            return arithmetic.number(np.zeros(n))
        order = np.argsort(members, axis=None)  # whole pairs one after another
        back = np.empty(n * count, dtype=np.intp)
        back[order] = np.arange(n * count)
        values = self.inner.problem.evaluate(arithmetic, members.ravel()[order])
        columns = back.reshape(n, count)
        with np.errstate(all="ignore"):
            total = arithmetic.take(values, columns[:, 0])
            for j in range(1, count):
                total = total + arithmetic.take(values, columns[:, j])
        return total

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return bounds.grouped_bound(self, fmt, grade)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        out = []
        for other in self.inner.problem.alternatives(fmt):
            mask = np.any(other.mask.ravel()[self.members], axis=1).reshape(self.shape)
            # Each row of a sum may take another point of its segment, so only rows that are not summed keep theirs.
            alone = other.joint is not None and self.members.shape[1] == 1
            vectors = other.joint[self.members[:, 0]] if other.joint is not None and alone else None
            other_side = Enclosure(replace(self, inner=other.enclosure))
            out.append(Alternative(mask, other_side, other.hull, vectors))
        return tuple(out)


def arranged(inner: Enclosure, wrt_shape: tuple[int, ...], full: tuple[int, ...], axis: int) -> Enclosure:
    """The gradient in the shape of the array itself: axes put back, broadcast elements summed."""
    if wrt_shape == full and axis == -1:
        return Enclosure(replace(inner.problem, shape=wrt_shape))  # type: ignore[type-var]
    index = np.moveaxis(np.arange(inner.problem.size).reshape(full), -1, axis)
    rank = index.ndim
    shape = (1,) * (rank - len(wrt_shape)) + wrt_shape
    summed = [i for i in range(rank) if shape[i] == 1 and index.shape[i] != 1]
    kept = [i for i in range(rank) if i not in summed]
    count = math.prod(index.shape[i] for i in summed)
    members = index.transpose(*kept, *summed).reshape(math.prod(wrt_shape), count)
    return Enclosure(GroupedSum(inner, members, wrt_shape))


@dataclass
class ContrastiveGradient:
    """d(cost)/d(distance): 2 d for similar pairs, -2 max(margin - d, 0) for the others; 1 and -1 or 0 without
    squares.
    """

    stride: ClassVar[int] = 1

    similar: Mask
    distances: Float
    margin: float
    squared: bool
    half: bool
    factors: Factors
    shape: tuple[int, ...]
    turned: Mask | None = None

    @property
    def size(self) -> int:
        return self.distances.size

    @cached_property
    def undefined(self) -> Mask:
        return ~np.isfinite(self.distances) | ~np.isfinite(self.factors.weights)

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        a, similar = arithmetic, self.similar[rows]
        d = a.number(np.where(self.undefined[rows], 0.0, self.distances[rows]))
        n = len(similar)
        zero, margin = (a.number(np.full(n, v)) for v in (0.0, self.margin))
        with np.errstate(all="ignore"):
            if self.squared:
                scale = a.number(np.where(similar, 2.0, -2.0) * (0.5 if self.half else 1.0))
                slope = scale * a.where(similar, d, a.maximum(margin - d, zero))
            else:
                inside, certain = a.less(d, margin)
                if self.turned is not None:
                    inside = inside ^ self.turned[rows]
                step = np.where(similar, 1.0, np.where(inside, -1.0, 0.0)) * (0.5 if self.half else 1.0)
                slope = a.unknown(~certain & ~similar, a.number(step))
            return self.factors.apply(
                a, slope, np.where(self.undefined[rows], 0.0, self.factors.weights[rows])
            )

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return bounds.contrastive_gradient_bound(self, fmt)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        if self.squared or self.turned is not None:
            return ()
        m = abs(self.margin)
        near = ~self.similar & (np.abs(self.distances - self.margin) <= 2 * fmt.u * m)
        if not near.any():
            return ()
        return (Alternative(near.reshape(self.shape), Enclosure(replace(self, turned=near)), hull=True),)
