"""The family `contrastive`: what a pair costs, given its distance and whether it is a similar pair.

    y d^2 + (1 - y) max(margin - d, 0)^2        y = 1 for similar pairs (tensorflow-addons' ContrastiveLoss)

after Hadsell, Chopra and LeCun, CVPR 2006, equation (4), which has the factor 1/2 and y = 0 for similar
pairs. Without the squares it is y d + (1 - y) max(margin - d, 0).
"""

# ruff: noqa: D102 (the protocols document these methods)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import checked, real_parameter
from lossproof.oracle.enclosure import Enclosure, Rows
from lossproof.oracle.errors import UnsupportedInput, flag, shown
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.loss_over_score import LossOverScore, Score
from lossproof.oracle.norm_rules.model import Numbers
from lossproof.oracle.rounding import MORE, UP
from lossproof.oracle.scores.given import Given, GivenGradient
from lossproof.oracle.summed_gradients import factors

LABELS = (-1.0, 0.0, 1.0)


@dataclass(frozen=True)
class Contrastive:
    """d^2 for similar pairs, max(margin - d, 0)^2 for the others; without squares, or half of it, on request."""

    similar: Mask
    margin: float
    squared: bool
    half: bool

    @property
    def factor(self) -> float:
        """1, or 1/2."""
        return 0.5 if self.half else 1.0

    @property
    def form(self) -> None:
        """No kernel knows the loss."""

    def subset(self, rows: Rows) -> Self:
        return replace(self, similar=self.similar[rows])

    def value(self, a: Arithmetic[Any], s: Numbers, rows: Rows | slice, count: int) -> Numbers:
        margin, factor, zero = (a.number(np.full(count, v)) for v in (self.margin, self.factor, 0.0))
        with np.errstate(all="ignore"):
            v = a.where(self.similar[rows], s, a.maximum(margin - s, zero))
            return factor * (v * v if self.squared else v)

    def bound(self, score: Score, error: Float, fmt: FloatFormat) -> Float:
        """The bound of one cost; no sum is involved, so all grades but G0 agree.

        t = d or max(margin - d, 0), |t' - t| <= tau. Squaring: |t'^2 - t^2| <= 2 t tau + tau^2, rounded once more,
        and multiplied by a label that is 0 or 1, added to 0 and halved without error, so 2 u t^2 covers it; eta if
        the square underflows.
        """
        u = fmt.u
        t, tau = self._near(score, error, fmt)
        if self.squared:
            out = (
                (2 * np.abs(t) * tau + tau * tau) * (1 + 2 * u)
                + 2 * u * t * t
                + np.where((t == 0) & (tau == 0), 0.0, fmt.eta)
            )
        else:
            out = tau + u * np.abs(t)
        return out * self.factor * UP

    def slope(self, a: Arithmetic[Any], s: Callable[[], Numbers], rows: Rows, turned: Mask | None) -> Numbers:
        similar, d = self.similar[rows], s()
        zero, margin = (a.number(np.full(len(rows), v)) for v in (0.0, self.margin))
        if self.squared:
            scale = a.number(np.where(similar, 2.0, -2.0) * self.factor)
            return scale * a.where(similar, d, a.maximum(margin - d, zero))
        inside, certain = a.less(d, margin)
        if turned is not None:
            inside = inside ^ turned
        step = np.where(similar, 1.0, np.where(inside, -1.0, 0.0)) * self.factor
        return a.unknown(~certain & ~similar, a.number(step))

    def slope_bound(self, score: Score, factors: Float, fmt: FloatFormat) -> Float:
        """2 t s: t as in `bound`, three roundings and those of s."""
        u, s = fmt.u, factors * self.factor
        if not self.squared:
            return s * (MORE + 2) * u * (1 + 16 * u)
        t, tau = self._near(score, np.zeros(score.size), fmt)
        flushed = np.where((t == 0) & (tau == 0), 0.0, fmt.eta * (1 + s))
        return 2 * s * (tau + (MORE + 3) * u * (np.abs(t) + tau)) * UP * (1 + 16 * u) + flushed

    def near_kink(self, score: Score, fmt: FloatFormat) -> Mask:
        """Squares have none: their slope is 0 on both sides."""
        if self.squared:
            return np.zeros(score.size, dtype=bool)
        low, high = score.ends()
        away = np.maximum(np.maximum(low - self.margin, self.margin - high), 0.0)
        reach = score.reach(fmt) + 2 * fmt.u * abs(self.margin)
        near: Mask = ~self.similar & ~score.undefined & (away <= reach)
        return near

    def _near(self, score: Score, error: Float, fmt: FloatFormat) -> tuple[Float, Float]:
        """t, and tau: the error of the score, and u (|margin| + |margin - d|) for the rounding of their difference."""
        low, high = score.ends()
        d = np.where(np.abs(low) > np.abs(high), low, high)
        gap = self.margin - low
        tau = error + fmt.u * (abs(self.margin) + np.abs(gap) + error) * (1 + fmt.u)
        tau = np.where(gap < 0, np.maximum(0.0, tau + gap), tau)
        t = np.where(self.similar, d, np.maximum(gap, 0.0))
        return t, np.where(self.similar, error, tau)


def contrastive(
    labels: ArrayLike,
    distances: ArrayLike,
    margin: float = 1.0,
    similar: int = 1,
    squared: bool = True,
    half: bool = False,
) -> Enclosure:
    """The contrastive cost of each distance, exactly.

    `labels` (values 0 and 1, or 1 and -1) broadcasts against `distances` (float dtypes or integers, any
    sign); a label equal to `similar` marks a similar pair. `margin` is the exact real number that the float
    is. A distance that is not finite is undefined. ValueError says what was given and what is allowed.
    """
    y, d = checked("labels", labels).astype(np.float64), checked("distances", distances).astype(np.float64)
    if isinstance(similar, bool) or not isinstance(similar, (int, np.integer)) or similar not in (-1, 0, 1):
        raise ValueError(f"similar={shown(similar)}; allowed: 1, 0 and -1")
    if not np.isin(y, LABELS).all():
        others = np.unique(y[~np.isin(y, LABELS)])[:3].tolist()
        raise ValueError(f"labels holds {others}; allowed: 0 and 1, or -1 and 1")
    try:
        y, d = np.broadcast_arrays(y, d)
    except ValueError:
        raise ValueError(
            f"labels of shape {y.shape} and distances of shape {d.shape} do not broadcast"
        ) from None
    loss = Contrastive(
        (y == similar).ravel(), real_parameter("margin", margin), flag("squared", squared), flag("half", half)
    )
    return Enclosure(LossOverScore(Given(d.ravel().copy()), loss, d.shape))


def contrastive_gradient(
    labels: ArrayLike,
    distances: ArrayLike,
    margin: float = 1.0,
    similar: int = 1,
    squared: bool = True,
    half: bool = False,
    weights: ArrayLike | None = None,
    reduction: str = "sum",
) -> Enclosure:
    """The gradient of the reduced `contrastive` with respect to the distances, in their shape.

    labels must have the shape of the distances, or broadcast to it. Without squares the cost has a kink at
    the margin.
    """
    e = contrastive(labels, distances, margin, similar, squared, half)
    if e.shape != np.shape(distances):
        raise UnsupportedInput(
            f"labels of shape {np.shape(labels)} widen distances of shape {np.shape(distances)}; "
            "the gradient is taken for distances that have the shape of the result"
        )
    problem = e.problem
    assert isinstance(problem, LossOverScore)
    score, loss = problem.score, problem.loss
    assert isinstance(score, Given)
    assert isinstance(loss, Contrastive)
    return Enclosure(GivenGradient(score, loss, factors(e, weights, reduction), e.shape))
