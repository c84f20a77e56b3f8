"""The families `cosine` and `cosine_embedding`.

    c = sum a b / D                                     similarity   (the torch, Keras and MLX documentation)
    -c                                                  negated      (Keras' loss)
    1 - c                                               distance
    1 - c where target = 1, max(0, c - margin) where -1     cosine_embedding (torch.nn.CosineEmbeddingLoss)

D is what the norm rule says (rules.py).
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle import rounding
from lossproof.oracle.arithmetic.binary64 import Binary64, Products
from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import (
    SAFE_SQUARED_NORM,
    Array,
    Block,
    Pairs,
    Space,
    checked,
    real_parameter,
)
from lossproof.oracle.enclosure import LADDER, Alternative, Enclosure, Rows
from lossproof.oracle.errors import UnsupportedInput, choice, flag, shown
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.kernels import choice as kernels
from lossproof.oracle.kernels import fused
from lossproof.oracle.norm_rules import NORM_RULES, SQUARED_DENOMINATORS, WITHOUT_EPS, Numbers, Quadratic
from lossproof.oracle.scores import jumps

SCORES = ("similarity", "negated", "distance")
"""The scores of a cosine: c, -c and 1 - c."""
FIRST = Binary64()
KEEP_ROWS = 1 << 16
"""So many rows may keep P, Q and R whatever their length; beyond it only where the inputs are larger than
those.
"""
NEAR_ROWS = 1 << 13
BROADCASTS = ("expand", "normalise")
"""Broadcast the arrays and then normalise the rows, or normalise each array's rows and then broadcast."""


@dataclass(frozen=True)
class Measure:
    """A norm rule with its eps, and the value that a vanishing denominator gives (None: undefined)."""

    norm_rule: str
    eps: float
    zero: float | None

    def vanishes(self) -> bool:
        """Whether a zero norm makes D zero."""
        return self.norm_rule == "plain" or (self.norm_rule != "raw" and self.eps == 0)


def denominator(
    a: Arithmetic[Any],
    dots: tuple[Numbers, Numbers, Numbers],
    measure: Measure,
    zero_denominator: Mask,
    flips: tuple[Mask, Mask],
) -> Numbers:
    """D^2 under a norm rule; 1 where D vanishes."""
    _, Q, R = dots
    one, eps = (a.number(np.full(len(zero_denominator), v)) for v in (1.0, measure.eps))
    return a.where(
        zero_denominator, one, SQUARED_DENOMINATORS[measure.norm_rule](Quadratic(a, Q, R, eps, one, *flips))
    )


def quotient(a: Arithmetic[Any], P: Numbers, D2: Numbers, measure: Measure) -> Numbers:
    """c = P / D."""
    return P if measure.norm_rule == "raw" else P / a.sqrt(D2)


def filled(a: Arithmetic[Any], c: Numbers, measure: Measure, zero_denominator: Mask) -> Numbers:
    """c with the documented value where D vanishes."""
    if measure.zero is None or not zero_denominator.any():
        return c
    zero = measure.zero if math.isfinite(measure.zero) else 0.0
    return a.where(zero_denominator, a.number(np.full(len(zero_denominator), zero)), c)


def scored(a: Arithmetic[Any], c: Numbers, score: str, count: int) -> Numbers:
    """The score of a cosine."""
    if score == "similarity":
        return c
    return -c if score == "negated" else a.number(np.ones(count)) - c


def embedded(a: Arithmetic[Any], c: Numbers, similar: Mask, margin: float) -> Numbers:
    """1 - c for similar pairs, max(0, c - margin) for the others."""
    ones = np.ones(len(similar))
    hinge = a.maximum(a.number(0 * ones), c - a.number(margin * ones))
    return a.where(similar, a.number(ones) - c, hinge)


@dataclass(frozen=True)
class Survey:
    """What one pass over the rows tells: which are finite, where D vanishes, and P, Q, R where they are worth
    keeping.
    """

    finite: Mask
    zero_denominator: Mask
    products: Products | None


class CosineProblem:
    """All pairs of rows under one measure, with a score or with targets and a margin."""

    stride = 1

    def __init__(
        self,
        pairs: Pairs,
        measure: Measure,
        shape: tuple[int, ...],
        score: str,
        similar: Mask | None = None,
        margin: float = 0.0,
        flip: tuple[Mask, Mask] | None = None,
    ) -> None:
        self.pairs, self.measure, self.shape, self.size = pairs, measure, shape, pairs.size
        self.score, self.similar, self.margin, self.flip = score, similar, margin, flip

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
                if self.measure.vanishes():
                    zero_denominator[rows] = ((found.q == 0) | (found.r == 0)) & finite[rows]
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
        parts = [self._values(arithmetic, self.cosines(arithmetic, r)[0], r) for r in blocks]
        if len(parts) == 1:
            return parts[0]
        return arithmetic.join(parts) if parts else arithmetic.number(np.empty(0))

    def cosines(
        self, arithmetic: Arithmetic[Any], rows: Rows | slice, absolute: bool = False
    ) -> tuple[Any, Callable[[], Any]]:
        """c of some rows, or that of their absolute values, and a function that gives D^2."""
        zero_denominator = self.zero_denominator[rows]
        measure, d, plain = self.measure, self.pairs.length, self.measure.norm_rule == "plain"
        with np.errstate(all="ignore"):
            if isinstance(arithmetic, Binary64):
                products = self.products(rows, absolute)
                dots = partial(arithmetic.balls, products, d, self.pairs.repeats)
                if measure.norm_rule in fused.RULES and self.pairs.repeats == 1:
                    c = fused.cosine_ball(products, measure.norm_rule, measure.eps, d)
                    c = c if not zero_denominator.any() else filled(arithmetic, c, measure, zero_denominator)
                    return c, lambda: denominator(
                        arithmetic, dots(), measure, zero_denominator, self._flips(rows)
                    )
                found = dots()
            else:
                block = self._block(rows, absolute)
                found = arithmetic.dots(
                    block.scaled() if plain and self.pairs.wide and not self._in_safe_range else block
                )
            D2 = denominator(arithmetic, found, measure, zero_denominator, self._flips(rows))
            return filled(
                arithmetic, quotient(arithmetic, found[0], D2, measure), measure, zero_denominator
            ), lambda: D2

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

    def _values(self, arithmetic: Arithmetic[Any], c: Numbers, rows: Rows | slice) -> Any:
        with np.errstate(all="ignore"):
            if self.similar is None:
                return scored(arithmetic, c, self.score, len(self.zero_denominator[rows]))
            return embedded(arithmetic, c, self.similar[rows], self.margin)

    def row_blocks(self, elements: int, rows: Rows | slice) -> list[Any]:
        """Rows, in blocks of so many elements, and not so many rows that the caches cannot hold what they need."""
        step = min(max(1, elements // max(self.pairs.length, 1)), NEAR_ROWS)
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.size)
            return [slice(i, min(i + step, stop)) for i in range(start, stop, step)]
        return [rows[i : i + step] for i in range(0, len(rows), step)]

    def round_fast(self, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        """Values rounded by compiled kernels, where there are any, and which of them are uncertain."""
        return kernels.rounded(self, fmt)

    def round_rest(self, rows: Rows, fmt: FloatFormat) -> tuple[NDArray[Any], Mask]:
        """Values of some rows from the ladder."""
        return Enclosure(self.subset(rows)).rounded_by_ladder(fmt)

    def subset(self, rows: Rows) -> CosineProblem:
        """The problem of some pairs alone."""
        similar = None if self.similar is None else self.similar[rows]
        flip = None if self.flip is None else (self.flip[0][rows], self.flip[1][rows])
        pairs = self.pairs.subset(rows)
        return CosineProblem(pairs, self.measure, (len(rows),), self.score, similar, self.margin, flip)

    def as_similarity(self) -> Self:
        """The same rows with c itself as the value."""
        other = copy(self)
        other.score, other.similar = "similarity", None
        return other

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

    @cached_property
    def spread(self) -> tuple[Float, Float, Float]:
        """What the bounds of every format and grade are made of, see `bounds.spread`."""
        return rounding.spread(self)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return rounding.cosine_bound(self, fmt, grade)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        if self.measure.norm_rule != "threshold" or self.flip is not None or self.size == 0:
            return ()
        near_x, near_y = jumps.near_threshold(self, fmt)
        none = np.zeros(self.size, dtype=bool)
        out = []
        for mask, flip in (
            (near_x, (near_x, none)),
            (near_y, (none, near_y)),
            (near_x & near_y, (near_x, near_y)),
        ):
            if mask.any():
                other = copy(self)
                other.flip = flip
                out.append(Alternative(mask.reshape(self.shape), Enclosure(other)))
        return tuple(out)


def cosine(
    x: ArrayLike,
    y: ArrayLike,
    axis: int = -1,
    score: str = "similarity",
    norm_rule: str = "plain",
    eps: float = 0.0,
    zero: float | None = None,
    keepdims: bool = False,
    broadcast: str = "expand",
) -> Enclosure:
    """The cosine of two arrays along an axis, exactly.

    x and y (float16, bfloat16, float32, float64, or integers up to 2^53; mixed dtypes are fine) are broadcast
    against each other; the result has their shape without `axis` (with length 1 there for keepdims).
    `score` is one of SCORES, `norm_rule` one of NORM_RULES; `eps` is the exact real number that the float
    is and must be 0 for the rules without one. `zero` is the value of c (before the score) where the
    denominator is 0: None leaves it undefined, NaN says that NaN is documented. `broadcast="normalise"`
    takes each array's norms before broadcasting.

    An input row that holds an infinity or NaN is undefined. ValueError (UnsupportedInput for dtypes) says
    what was given and what is allowed. For the mathematics see DESIGN section 3 and rules.py.
    """
    a, b, position = operands(x, y, axis, ("x", "y"))
    pairs = Pairs(a, b, position, choice("broadcast", broadcast, BROADCASTS) == "expand")
    choice("score", score, SCORES)
    shape = pairs.shape
    if flag("keepdims", keepdims):
        at = position % (len(shape) + 1)
        shape = (*shape[:at], 1, *shape[at:])
    return Enclosure(CosineProblem(pairs, measured(norm_rule, eps, zero), shape, score))


def cosine_embedding(
    x1: ArrayLike,
    x2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    norm_rule: str = "plain",
    eps: float = 0.0,
    zero: float | None = None,
    axis: int = -1,
) -> Enclosure:
    """1 - c where target is 1, max(0, c - margin) where it is -1, for each pair of rows, exactly.

    `target` broadcasts against the pairs' shape (that of `cosine`); its values are 1 and -1. The rest as in
    `cosine`.
    """
    a, b, position = operands(x1, x2, axis, ("x1", "x2"))
    pairs = Pairs(a, b, position, expand=True)
    labels = checked("target", target).astype(np.float64)
    if not np.isin(labels, (1.0, -1.0)).all():
        raise ValueError(f"target holds {_others(labels, (1.0, -1.0))}; allowed: 1 and -1")
    try:
        labels = np.broadcast_to(labels, pairs.shape)
    except ValueError:
        raise ValueError(
            f"target of shape {labels.shape} does not broadcast to the pairs' shape {pairs.shape}"
        ) from None
    similar = (labels == 1).ravel()
    measure = measured(norm_rule, eps, zero)
    margin = real_parameter("margin", margin)
    return Enclosure(CosineProblem(pairs, measure, pairs.shape, "embedding", similar, margin))


def measured(norm_rule: str, eps: float, zero: float | None) -> Measure:
    """The measure that checked parameters name; ValueError says which are allowed."""
    choice("norm_rule", norm_rule, NORM_RULES)
    eps = real_parameter("eps", eps, minimum=0.0)
    if eps and norm_rule in WITHOUT_EPS:
        raise ValueError(f"norm_rule {norm_rule!r} has no eps, but eps={eps!r} was given; leave it out")
    if zero is not None and not (isinstance(zero, float) and math.isnan(zero)):
        zero = real_parameter("zero", zero)
    return Measure(norm_rule, eps, zero)


def operands(x: ArrayLike, y: ArrayLike, axis: int, names: tuple[str, str]) -> tuple[Array, Array, int]:
    """Checked arrays of equal rank and the axis counted from the end; ValueError where they do not fit."""
    a, b = checked(names[0], x), checked(names[1], y)
    for name, array in zip(names, (a, b), strict=True):
        if array.ndim == 0:
            raise ValueError(f"{name} is 0-d; at least one axis is needed")
    rank = max(a.ndim, b.ndim)
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or not -rank <= axis < rank:
        raise ValueError(f"axis={shown(axis)} for arrays of {rank} axes; allowed: {-rank} to {rank - 1}")
    position = int(axis) - rank if axis >= 0 else int(axis)
    shapes = (a.shape, b.shape)
    a, b = (v.reshape((1,) * (rank - v.ndim) + v.shape) for v in (a, b))
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(
            f"{names[0]} of shape {shapes[0]} and {names[1]} of shape {shapes[1]} do not broadcast"
        ) from None
    if a.shape[position] != b.shape[position] and 0 in (a.shape[position], b.shape[position]):
        raise UnsupportedInput(
            f"lengths {a.shape[position]} and {b.shape[position]} along axis {axis}: one of them is 0"
        )
    return a, b, position


def _others(values: Array, allowed: tuple[float, ...]) -> str:
    return ", ".join(f"{v:g}" for v in np.unique(values[~np.isin(values, allowed)])[:3])
