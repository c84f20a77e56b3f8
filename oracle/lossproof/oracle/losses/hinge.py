"""The family `cosine_embedding`: a hinge over a cosine (torch.nn.CosineEmbeddingLoss).

1 - c where target = 1, max(0, c - margin) where it is -1
"""

# ruff: noqa: D102 (the protocols document these methods)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import Array, Pairs, checked, real_parameter
from lossproof.oracle.enclosure import Enclosure, Rows, refine
from lossproof.oracle.errors import choice
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.loss_over_score import LossOverScore, Score
from lossproof.oracle.norm_rules.model import NormRule, Numbers
from lossproof.oracle.norm_rules.registry import norm_rule as rule_called
from lossproof.oracle.rounding import SLACK
from lossproof.oracle.scores.cosine import Cosine, measured, operands
from lossproof.oracle.scores.gradient import gradient_of


@dataclass(frozen=True)
class Hinge:
    """1 - s for similar pairs, max(0, s - margin) for the others."""

    similar: Mask
    margin: float

    @property
    def form(self) -> None:
        """No kernel knows the loss."""

    def subset(self, rows: Rows) -> Self:
        return replace(self, similar=self.similar[rows])

    def value(self, a: Arithmetic[Any], s: Numbers, rows: Rows | slice, count: int) -> Numbers:
        ones = np.ones(count)
        with np.errstate(all="ignore"):
            hinge = a.maximum(a.number(0 * ones), s - a.number(self.margin * ones))
            return a.where(self.similar[rows], a.number(ones) - s, hinge)

    def bound(self, score: Score, error: Float, fmt: FloatFormat) -> Float:
        # max(0, s - margin): the margin is rounded, the subtraction is exact up to the final half ulp, and max
        # is 1-Lipschitz; where s - margin is so far below 0 that rounding cannot lift it, the answer is exactly
        # 0.
        m, u = abs(self.margin), fmt.u
        hinge = error + u * m * (1 + u) + u * error
        # the upper end: a gap guessed too wide would prove too much
        gap = score.ends()[1] - self.margin
        hinge = np.where(gap < 0, np.maximum(0.0, hinge + gap * (1 - 2 * u)), hinge)
        return np.where(self.similar, error + u, hinge)

    def slope(self, a: Arithmetic[Any], s: Callable[[], Numbers], rows: Rows, turned: Mask | None) -> Numbers:
        above, certain = a.less(a.number(np.full(len(rows), self.margin)), s())
        if turned is not None:
            above = above ^ turned
        similar = self.similar[rows]
        slope = a.number(np.where(similar, -1.0, np.where(above, 1.0, 0.0)))
        return a.unknown(~certain & ~similar, slope)

    def near_kink(self, score: Score, fmt: FloatFormat) -> Mask:
        error = (score.reach(fmt) + 2 * fmt.u * abs(self.margin)) * (1 + SLACK)
        near = np.zeros(score.size, dtype=bool)

        def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
            low, high = (v - self.margin for v in arithmetic.bounds(numbers))
            reach = error[rows] + 2.0**-52 * (np.abs(low) + np.abs(high) + 2 * abs(self.margin))
            far = (low > reach) | (high < -reach)
            near[rows] = ~far
            decided: Mask = far | ((low >= -reach) & (high <= reach))
            return decided

        refine(score, ask)
        return near & ~self.similar & ~score.undefined


def cosine_embedding(
    x1: ArrayLike,
    x2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    norm_rule: str | NormRule = "plain",
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
    return Enclosure(LossOverScore(Cosine(pairs, measure), Hinge(similar, margin), pairs.shape))


def cosine_embedding_gradient(
    x1: ArrayLike,
    x2: ArrayLike,
    target: ArrayLike,
    wrt: str = "x1",
    margin: float = 0.0,
    norm_rule: str | NormRule = "plain",
    eps: float = 0.0,
    axis: int = -1,
    weights: ArrayLike | None = None,
    reduction: str = "sum",
) -> Enclosure:
    """The gradient of the reduced `cosine_embedding` with respect to x1 or x2; as `cosine_gradient`.

    Where c lies exactly at the margin, every value between 0 and the gradient of c is a valid subgradient.
    """
    choice("wrt", wrt, ("x1", "x2"))
    if wrt == "x2":
        operands(x1, x2, axis, ("x1", "x2"))
    arrays = (x1, x2) if wrt == "x1" else (x2, x1)
    rule = rule_called(norm_rule) if wrt == "x1" else rule_called(norm_rule).swapped()
    e = cosine_embedding(*arrays, target, margin=margin, norm_rule=rule, eps=eps, axis=axis)
    return gradient_of(e, arrays, axis, weights, reduction)


def _others(values: Array, allowed: tuple[float, ...]) -> str:
    return ", ".join(f"{v:g}" for v in np.unique(values[~np.isin(values, allowed)])[:3])
