"""The derivation: a ramp over the difference of two given distances, with its bound and its gradient.

value     max(p - n + m, 0)
bound     p, -n and m are added in some order: two roundings, so 2 u (|p| + |n| + |m|); the ramp is 1-Lipschitz
gradient  1 for p and -1 for n where p - n + m > 0, else 0; a kink at 0
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lossproof import oracle
from lossproof.oracle.enclosure import ROOTS
from lossproof.oracle.loss_over_score import LossOverScore
from lossproof.oracle.scores.given import GivenGradient
from lossproof.oracle.summed_gradients import factors


@dataclass
class Difference:
    """p - n, exactly."""

    positives: np.ndarray
    negatives: np.ndarray

    stride = 1
    exact = ROOTS  # a sum of three numbers needs no more

    @property
    def size(self):
        return self.positives.size

    @cached_property
    def undefined(self):
        return ~(np.isfinite(self.positives) & np.isfinite(self.negatives))

    @cached_property
    def nan(self):
        return np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic, rows):
        known = ~self.undefined[rows]
        p, n = (np.where(known, numbers[rows], 0.0) for numbers in (self.positives, self.negatives))
        return arithmetic.number(p) - arithmetic.number(n)

    def subset(self, rows):
        return Difference(self.positives[rows], self.negatives[rows])

    def ends(self):
        with np.errstate(all="ignore"):
            near = np.where(self.undefined, 0.0, self.positives - self.negatives)
        return np.nextafter(near, -np.inf), np.nextafter(near, np.inf)

    def error(self, fmt, grade):
        return 2 * fmt.u * (1 + 2 * fmt.u) * self._sizes()

    def reach(self, fmt):
        return self.error(fmt, "G3")

    def alternatives(self, fmt):
        return ()

    def round_fast(self, form, fmt):
        return None

    def screen(self, form, answers, fmt, grade):
        return None

    def _sizes(self):
        with np.errstate(all="ignore"):
            sizes = np.abs(self.positives) + np.abs(self.negatives)
        return np.where(self.undefined, 0.0, sizes) * (1 + 2.0**-50)


@dataclass(frozen=True)
class Ramp:
    """max(s + margin, 0); `sign` is that of the derivative with respect to the array asked for."""

    margin: float
    sign: float = 1.0

    form = None

    def subset(self, rows):
        return self

    def value(self, a, s, rows, count):
        with np.errstate(all="ignore"):
            return a.maximum(s + a.number(np.full(count, self.margin)), a.number(np.zeros(count)))

    def bound(self, score, error, fmt):
        reach = error + 2 * fmt.u * (1 + 2 * fmt.u) * abs(self.margin)
        top = score.ends()[1] + self.margin
        # So far below 0 that no rounding lifts it, the answer is exactly 0.
        return np.where(top < 0, np.maximum(0.0, reach + top * (1 - 2 * fmt.u)), reach)

    def slope(self, a, s, rows, turned):
        above, certain = a.less(a.number(np.full(len(rows), -self.margin)), s())
        if turned is not None:
            above = above ^ turned
        return a.unknown(~certain, a.number(np.where(above, self.sign, 0.0)))

    def slope_bound(self, score, factors, fmt):
        # a weight, a divisor and their product are rounded
        return factors * 4 * fmt.u * (1 + 16 * fmt.u)

    def near_kink(self, score, fmt):
        low, high = (end + self.margin for end in score.ends())
        reach = (score.reach(fmt) + 2 * fmt.u * abs(self.margin)) * (1 + 2.0**-40)
        return ~score.undefined & (low <= reach) & (high >= -reach)


def triplet(positives, negatives, margin):
    """The exact loss of each triplet."""
    p, n = (np.asarray(a).astype(np.float64) for a in (positives, negatives))
    if p.shape != n.shape:
        raise ValueError(f"positives of shape {p.shape} and negatives of shape {n.shape} differ")
    return oracle.Enclosure(LossOverScore(Difference(p.ravel(), n.ravel()), Ramp(float(margin)), p.shape))


def triplet_gradient(positives, negatives, margin, wrt, weights, reduction):
    """The gradient of the reduced loss with respect to `wrt`."""
    e = triplet(positives, negatives, margin)
    loss = replace(e.problem.loss, sign={"positives": 1.0, "negatives": -1.0}[wrt])
    return oracle.Enclosure(GivenGradient(e.problem.score, loss, factors(e, weights, reduction), e.shape))
