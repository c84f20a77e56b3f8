"""Where a formula jumps or has a kink, and rounding in a dtype may carry a computation across."""

from __future__ import annotations

import numpy as np

from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.rounding import EXTRA, SLACK, growth
from lossproof.oracle.scores.formula import Cosines


def near_threshold(cosines: Cosines, fmt: FloatFormat) -> tuple[Mask, Mask]:
    """Where the norm of x, and of y, is within growth(d + 8) of eps; nowhere where the rule does not jump there."""
    use, slack = cosines.measure.rule.eps, float(growth(cosines.pairs.length + EXTRA, fmt.u))
    if use is None or not use.jump:
        return np.zeros(cosines.size, dtype=bool), np.zeros(cosines.size, dtype=bool)
    eps, out = use.level(cosines.measure.eps), []
    for q, met in zip(cosines.squared_norms(), (use.x, use.y), strict=True):
        out.append(_near(np.sqrt(q[0]), np.sqrt(q[1]), eps, slack) & ~cosines.undefined & met)
    return out[0], out[1]


def near_clamp(cosines: Cosines, fmt: FloatFormat) -> Mask:
    """The pairs whose clamp of the first row, or of the product, rounding may turn over."""
    use, eps = cosines.measure.rule.eps, cosines.measure.eps
    if use is None or not (use.kink and use.x) or eps == 0:
        return np.zeros(cosines.size, dtype=bool)
    d = cosines.pairs.length
    (q_low, q_high), (r_low, r_high) = cosines.squared_norms()
    with np.errstate(all="ignore"):
        # in terms of norms or products of norms, so that nothing leaves the range of float64
        low, high, roundings = np.sqrt(q_low), np.sqrt(q_high), d + EXTRA
        if use.product:
            low, high, roundings = low * np.sqrt(r_low), high * np.sqrt(r_high), 2 * d + EXTRA
    near: Mask = _near(low, high, use.level(eps), float(growth(roundings, fmt.u))) & ~cosines.undefined
    return near & (high > 0)  # squares of zeros sum to 0 without an error, however many there are


def _near(low: Float, high: Float, edge: float, slack: float) -> Mask:
    near: Mask = (low * (1 - SLACK) <= edge * (1 + slack)) & (high * (1 + SLACK) >= edge * (1 - slack))
    return near
