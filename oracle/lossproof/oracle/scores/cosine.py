"""The family `cosine`.

    c = sum a b / D     similarity   (the torch, Keras and MLX documentation)
    -c                  negated      (Keras' loss)
    1 - c               distance

D is what the norm rule says (norm_rules/rules.py).
"""

# ruff: noqa: D102 (the protocols document these methods)

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import Array, Pairs, checked, real_parameter
from lossproof.oracle.enclosure import Enclosure, Rows
from lossproof.oracle.errors import UnsupportedInput, choice, flag, shown
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.loss_over_score import LossOverScore, Score
from lossproof.oracle.norm_rules.model import NormRule, Numbers
from lossproof.oracle.norm_rules.registry import norm_rule as rule_called
from lossproof.oracle.scores import bounds, fast, jumps
from lossproof.oracle.scores.formula import Cosines, Measure
from lossproof.oracle.scores.screen import screen_cosines

SCORES = ("similarity", "negated", "distance")
"""The scores of a cosine: c, -c and 1 - c."""
BROADCASTS = ("expand", "normalise")
"""Broadcast the arrays and then normalise the rows, or normalise each array's rows and then broadcast."""


class Cosine(Cosines):
    """The cosine as a score: with its bounds, its jumps and its kernels."""

    def subset(self, rows: Rows) -> Cosine:
        flip = None if self.flip is None else (self.flip[0][rows], self.flip[1][rows])
        return Cosine(self.pairs.subset(rows), self.measure, flip)

    @cached_property
    def spread(self) -> bounds.Spread:
        """The numbers from which the bounds of every format and grade are computed."""
        return bounds.spread(self)

    @cached_property
    def stretch(self) -> Float:
        """Upper bounds of |a| |b| / D, flat, 1 at least: how far a row may exceed 1 once it is divided."""
        return bounds.stretch(self, self.spread[1])

    def ends(self) -> tuple[Float, Float]:
        return bounds.cosine_ends(self, self.spread[0] * bounds.SHARP)

    def error(self, fmt: FloatFormat, grade: str) -> Float:
        return bounds.error(self.spread, self.stretch, self.pairs.length, fmt, grade)

    def reach(self, fmt: FloatFormat) -> Float:
        return bounds.reach(self.spread, self.stretch, self.pairs.length, fmt)

    def alternatives(self, fmt: FloatFormat) -> Iterable[tuple[Mask, Self]]:
        if self.flip is not None or self.size == 0:
            return
        near_x, near_y = jumps.near_threshold(self, fmt)
        none = np.zeros(self.size, dtype=bool)
        for mask, flip in (
            (near_x, (near_x, none)),
            (near_y, (none, near_y)),
            (near_x & near_y, (near_x, near_y)),
        ):
            if mask.any():
                other = copy(self)
                other.flip = flip
                for known in ("spread", "stretch"):  # those of this side, if a bound was asked before
                    other.__dict__.pop(known, None)
                yield mask, other

    def round_fast(self, form: str, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        return fast.round_cosines(self, form, fmt)

    def screen(
        self, form: str, answers: NDArray[Any], fmt: FloatFormat, grade: str
    ) -> tuple[Mask, Mask] | None:
        return screen_cosines(self, form, answers, fmt, grade)


@dataclass(frozen=True)
class Form:
    """A score as it is, negated, or as a distance."""

    form: str

    def subset(self, rows: Rows) -> Self:
        return self

    def value(self, a: Arithmetic[Any], s: Numbers, rows: Rows | slice, count: int) -> Numbers:
        if self.form == "similarity":
            return s
        with np.errstate(all="ignore"):
            return -s if self.form == "negated" else a.number(np.ones(count)) - s

    def bound(self, score: Score, error: Float, fmt: FloatFormat) -> Float:
        return error + fmt.u if self.form == "distance" else error

    def slope(self, a: Arithmetic[Any], s: Callable[[], Numbers], rows: Rows, turned: Mask | None) -> Numbers:
        return a.number(np.full(len(rows), 1.0 if self.form == "similarity" else -1.0))

    def near_kink(self, score: Score, fmt: FloatFormat) -> Mask:
        return np.zeros(score.size, dtype=bool)


def cosine(
    x: ArrayLike,
    y: ArrayLike,
    axis: int = -1,
    score: str = "similarity",
    norm_rule: str | NormRule = "plain",
    eps: float = 0.0,
    zero: float | None = None,
    keepdims: bool = False,
    broadcast: str = "expand",
) -> Enclosure:
    """The cosine of two arrays along an axis, exactly.

    x and y (float16, bfloat16, float32, float64, or integers up to 2^53; mixed dtypes are fine) are broadcast
    against each other; the result has their shape without `axis` (with length 1 there for keepdims).
    `score` is one of SCORES, `norm_rule` one of NORM_RULES, the name of a rule that an installed package brings, or
    a `NormRule`; `eps` is the exact real number that the float is and must be 0 for the rules without one. `zero` is
    the value of c (before the score) where the denominator is 0: None leaves it undefined, NaN says that NaN is
    documented. `broadcast="normalise"` takes each array's norms before broadcasting.

    An input row that holds an infinity or NaN is undefined. ValueError (UnsupportedInput for dtypes) says
    what was given and what is allowed. For the mathematics see norm_rules/rules.py and docs/oracle.md.
    """
    a, b, position = operands(x, y, axis, ("x", "y"))
    pairs = Pairs(a, b, position, choice("broadcast", broadcast, BROADCASTS) == "expand")
    choice("score", score, SCORES)
    shape = pairs.shape
    if flag("keepdims", keepdims):
        at = position % (len(shape) + 1)
        shape = (*shape[:at], 1, *shape[at:])
    return Enclosure(LossOverScore(Cosine(pairs, measured(norm_rule, eps, zero)), Form(score), shape))


def measured(norm_rule: str | NormRule, eps: float, zero: float | None) -> Measure:
    """The measure that checked parameters name; ValueError says which are allowed."""
    rule = rule_called(norm_rule)
    eps = real_parameter("eps", eps, minimum=0.0)
    if eps and rule.eps is None:
        raise ValueError(f"norm_rule {rule.name!r} has no eps, but eps={eps!r} was given; leave it out")
    if zero is not None and not (isinstance(zero, float) and math.isnan(zero)):
        zero = real_parameter("zero", zero)
    return Measure(rule, eps, zero)


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
    if a.shape == b.shape:
        return a, b, position
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
