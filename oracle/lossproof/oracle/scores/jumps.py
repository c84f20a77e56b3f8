"""Where a formula jumps or has a kink, and rounding in a dtype may carry a computation across."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lossproof.oracle.enclosure import Enclosure, Rows
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.rounding import EXTRA, growth, rounding

if TYPE_CHECKING:
    from lossproof.oracle.scores.cosine import CosineProblem
    from lossproof.oracle.scores.gradient import CosineGradient

SLACK = 2.0**-40
"""For the float64 in which the comparison is made."""


def near_threshold(problem: CosineProblem, fmt: FloatFormat) -> tuple[Mask, Mask]:
    """Where the norm of x, and of y, is within growth(d + 8) of eps."""
    eps, slack = problem.measure.eps, float(growth(problem.pairs.length + EXTRA, fmt.u))
    out = []
    for q in problem.squared_norms():
        out.append(_near(np.sqrt(q[0]), np.sqrt(q[1]), eps, slack) & ~problem.undefined)
    return out[0], out[1]


def near_kinks(gradient: CosineGradient, fmt: FloatFormat) -> tuple[Mask, Mask]:
    """The pairs whose clamp, and the pairs whose hinge, rounding may turn over."""
    problem = gradient.problem
    none = np.zeros(problem.size, dtype=bool)
    return _near_clamp(problem, fmt, none), _near_hinge(problem, fmt, none)


def _near_clamp(problem: CosineProblem, fmt: FloatFormat, none: Mask) -> Mask:
    rule, eps = problem.measure.norm_rule, problem.measure.eps
    if not rule.startswith("floor") or eps == 0:
        return none
    d = problem.pairs.length
    (q_low, q_high), (r_low, r_high) = problem.squared_norms()
    with np.errstate(all="ignore"):
        # in terms of norms or products of norms, so that nothing leaves the range of float64
        low, high, roundings = np.sqrt(q_low), np.sqrt(q_high), d + EXTRA
        if rule.endswith("product"):
            low, high, roundings = low * np.sqrt(r_low), high * np.sqrt(r_high), 2 * d + EXTRA
    floor = float(np.sqrt(eps)) if "squared" in rule else eps
    near: Mask = _near(low, high, floor, float(growth(roundings, fmt.u))) & ~problem.undefined
    return near & (high > 0)  # squares of zeros sum to 0 without an error, however many there are


def _near_hinge(problem: CosineProblem, fmt: FloatFormat, none: Mask) -> Mask:
    if problem.similar is None:
        return none
    kappa, inverse, c = problem.spread
    error = rounding(kappa + np.abs(c), problem.pairs.length, fmt, "G3")
    if fmt.flushes:  # 1/D may be infinite
        error = error + np.where(kappa > 0, fmt.eta * problem.pairs.length * (inverse + 4), 0.0)
    error = (error + 2 * fmt.u * abs(problem.margin)) * (1 + SLACK)
    near = none.copy()

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        low, high = (v - problem.margin for v in arithmetic.bounds(numbers))
        reach = error[rows] + 2.0**-52 * (np.abs(low) + np.abs(high) + 2 * abs(problem.margin))
        far = (low > reach) | (high < -reach)
        near[rows] = ~far
        decided: Mask = far | ((low >= -reach) & (high <= reach))
        return decided

    Enclosure(problem.as_similarity()).refine(ask)
    return near & ~problem.similar & ~problem.undefined & ~problem.zero_denominator


def _near(low: Float, high: Float, edge: float, slack: float) -> Mask:
    near: Mask = (low * (1 - SLACK) <= edge * (1 + slack)) & (high * (1 + SLACK) >= edge * (1 - slack))
    return near
