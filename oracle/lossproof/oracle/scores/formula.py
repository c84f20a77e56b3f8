"""The cosine of each pair of rows under a norm rule: c = sum a b / D, D what the rule says (norm_rules/)."""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from lossproof.oracle.arithmetic.binary64 import Binary64, Products
from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import SAFE_SQUARED_NORM, Block, Pairs, Space
from lossproof.oracle.enclosure import LADDER, ROOTS, Rows
from lossproof.oracle.formats import Float, Mask
from lossproof.oracle.kernels import fused
from lossproof.oracle.norm_rules.model import NormRule, Numbers, Quadratic

FIRST = Binary64()
KEEP_ROWS = 1 << 16
"""So many rows may keep P, Q and R whatever their length; beyond it only where the inputs are larger than
those.
"""
NEAR_ROWS = 1 << 13


@dataclass(frozen=True)
class Measure:
    """A norm rule with its eps, and the value that a vanishing denominator gives (None: undefined)."""

    rule: NormRule
    eps: float
    zero: float | None

    @property
    def vanishing(self) -> tuple[bool, bool]:
        """Whether a zero norm of x, and one of y, makes D zero."""
        return _vanishing(self.rule, self.eps)

    def vanishes(self, q: Float, r: Float) -> Mask:
        """Where D is zero, from the squared norms."""
        of_x, of_y = self.vanishing
        zero: Mask = ((q == 0) & of_x) | ((r == 0) & of_y)
        return zero


@lru_cache(maxsize=256)
def _vanishing(rule: NormRule, eps: float) -> tuple[bool, bool]:
    """Asked of the formula itself, with a norm of 0 beside one of 1: zeros are exact in every arithmetic."""
    q, r, one = (FIRST.number(np.array(v)) for v in ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0)))
    zero = np.zeros(2, dtype=bool)
    with np.errstate(all="ignore"):
        for factor in rule.divisors(Quadratic(FIRST, q, r, FIRST.number(np.full(2, eps)), one)):
            low, high = FIRST.bounds(factor)
            zero |= (low == 0) & (high == 0)
    return bool(zero[0]), bool(zero[1])


def divisors(
    a: Arithmetic[Any],
    dots: tuple[Numbers, Numbers, Numbers],
    measure: Measure,
    zero_denominator: Mask,
    flips: tuple[Mask, Mask],
) -> tuple[Numbers, ...]:
    """The factors of D under a norm rule; 1 where D vanishes."""
    _, Q, R = dots
    one, eps = (a.number(np.full(len(zero_denominator), v)) for v in (1.0, measure.eps))
    factors = measure.rule.divisors(Quadratic(a, Q, R, eps, one, *flips))
    return tuple(a.where(zero_denominator, one, factor) for factor in factors)


def divided(number: Numbers, factors: tuple[Numbers, ...]) -> Numbers:
    """number / D."""
    for factor in factors:
        number = number / factor
    return number


def filled(a: Arithmetic[Any], c: Numbers, measure: Measure, zero_denominator: Mask) -> Numbers:
    """c with the documented value where D vanishes."""
    if measure.zero is None or not zero_denominator.any():
        return c
    zero = measure.zero if math.isfinite(measure.zero) else 0.0
    return a.where(zero_denominator, a.number(np.full(len(zero_denominator), zero)), c)


@dataclass(frozen=True)
class Survey:
    """One pass's findings on the rows: which are finite, where D vanishes, and P, Q, R where worth keeping."""

    finite: Mask
    zero_denominator: Mask
    products: Products | None


class Cosines:
    """c for all pairs of rows under one measure."""

    stride = 1
    exact = ROOTS

    def __init__(self, pairs: Pairs, measure: Measure, flip: tuple[Mask, Mask] | None = None) -> None:
        self.pairs, self.measure, self.flip, self.size = pairs, measure, flip, pairs.size

    @cached_property
    def survey(self) -> Survey:
        """Made once, in blocks."""
        keep = self.size <= KEEP_ROWS or self.pairs.bytes_per_pair >= 24
        kept = Products(*(np.empty(self.size) for _ in range(3))) if keep else None
        finite, zero_denominator = np.ones(self.size, dtype=bool), np.zeros(self.size, dtype=bool)
        space = Space()
        for rows in self.row_blocks(FIRST.block_elements, slice(None)):
            found = FIRST.products(self.pairs.block(rows, space))
            if not (found.q.min(initial=1.0) > 0 and found.r.min(initial=1.0) > 0):  # a zero norm, or NaN
                finite[rows] = ~(np.isnan(found.q) | np.isnan(found.r))
                zero_denominator[rows] = self.measure.vanishes(found.q, found.r) & finite[rows]
            if kept is not None:
                for whole, part in zip(kept, found, strict=True):
                    whole[rows] = part
        return Survey(finite, zero_denominator, kept)

    @cached_property
    def zero_denominator(self) -> Mask:
        """Flat: where D is zero."""
        return self.survey.zero_denominator

    @cached_property
    def nan(self) -> Mask:
        zero = self.measure.zero
        return self.zero_denominator & (zero is not None and math.isnan(zero))

    @cached_property
    def undefined(self) -> Mask:
        return ~self.survey.finite | (self.zero_denominator & (self.measure.zero is None))

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        ready = isinstance(arithmetic, Binary64) and self.survey.products is not None
        blocks = [rows] if ready else self.row_blocks(arithmetic.block_elements, rows)
        parts = [self.cosines(arithmetic, r)[0] for r in blocks]
        if len(parts) == 1:
            return parts[0]
        return arithmetic.join(parts) if parts else arithmetic.number(np.empty(0))

    def cosines(
        self, arithmetic: Arithmetic[Any], rows: Rows | slice, absolute: bool = False
    ) -> tuple[Any, Callable[[], Any]]:
        """c of some rows, or that of their absolute values, and a function that gives the factors of D."""
        zero_denominator = self.zero_denominator[rows]
        measure, d = self.measure, self.pairs.length
        with np.errstate(all="ignore"):
            if isinstance(arithmetic, Binary64):
                products = self.products(rows, absolute)
                dots = partial(arithmetic.balls, products, d, self.pairs.repeats)
                if measure.rule.kernel is not None and self.pairs.repeats == 1:
                    c = fused.cosine_ball(products, measure.rule.square, measure.eps, d)
                    c = c if not zero_denominator.any() else filled(arithmetic, c, measure, zero_denominator)
                    return c, lambda: divisors(
                        arithmetic, dots(), measure, zero_denominator, self._flips(rows)
                    )
                found = dots()
            else:
                block = self._block(rows, absolute)
                scaled = measure.rule.norms and self.pairs.wide and not self._in_safe_range
                found = arithmetic.dots(block.scaled() if scaled else block)
            D = divisors(arithmetic, found, measure, zero_denominator, self._flips(rows))
            c = found[0] if measure.rule.unit else divided(found[0], D)
            return filled(arithmetic, c, measure, zero_denominator), lambda: D

    @cached_property
    def _in_safe_range(self) -> bool:
        """Whether no row needs scaling."""
        kept = self.survey.products
        return kept is not None and all(
            v.min(initial=1.0) >= 1 / SAFE_SQUARED_NORM and v.max(initial=1.0) <= SAFE_SQUARED_NORM
            for v in (kept.q, kept.r)
        )

    def products(self, rows: Rows | slice, absolute: bool) -> Products:
        """P, Q and R of some rows in float64."""
        if self.survey.products is None or absolute:
            return FIRST.products(self._block(rows, absolute))
        return self.survey.products.take(rows)

    def _block(self, rows: Rows | slice, absolute: bool) -> Block:
        block = self.pairs.block(rows)
        return block.absolute() if absolute else block

    def _flips(self, rows: Rows | slice) -> tuple[Mask, Mask]:
        if self.flip is None:
            still = np.zeros(len(self.zero_denominator[rows]), dtype=bool)
            return still, still
        return self.flip[0][rows], self.flip[1][rows]

    def row_blocks(self, elements: int, rows: Rows | slice) -> list[Any]:
        """Rows, in blocks of so many elements, and not so many rows that the caches cannot hold what they need."""
        step = min(max(1, elements // max(self.pairs.length, 1)), NEAR_ROWS)
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.size)
            return [slice(i, min(i + step, stop)) for i in range(start, stop, step)]
        return [rows[i : i + step] for i in range(0, len(rows), step)]

    def squared_norms(self) -> tuple[tuple[Float, Float], tuple[Float, Float]]:
        """Float64 enclosures of Q and of R, flat."""
        out = tuple((np.zeros(self.size), np.full(self.size, np.inf)) for _ in range(2))
        left = np.flatnonzero(~self.undefined)
        for arithmetic in LADDER:
            for rows in self.row_blocks(arithmetic.block_elements, left):
                for (low, high), squared in zip(
                    out, arithmetic.dots(self.pairs.block(rows))[1:], strict=True
                ):
                    low[rows], high[rows] = arithmetic.bounds(squared)
            left = left[~(np.isfinite(out[0][1][left]) & np.isfinite(out[1][1][left]))]
        return out[0], out[1]
