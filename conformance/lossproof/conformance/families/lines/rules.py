"""Norm rules in plain arithmetic, and the eps that answers show."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossproof.conformance.families.lines.model import Mask, Numbers, Rows, Wide, written
from lossproof.oracle.norm_rules.model import NormRule, Quadratic

STEPS = 90
"""Halvings of an interval of powers of two that find an eps to three digits and more."""
LOWEST, HIGHEST = -160.0, 12.0
"""log2 of the smallest and largest eps that is looked for."""


class Plain:
    """Arrays of NumPy as the numbers of a norm rule; whatever is decided counts as certain."""

    def number(self, values: Any) -> Numbers:
        """The numbers themselves."""
        return np.asarray(values, Wide)

    def sqrt(self, a: Numbers) -> Numbers:
        """The root of each."""
        return np.asarray(np.sqrt(a))

    def maximum(self, a: Numbers, b: Numbers) -> Numbers:
        """The larger one."""
        return np.asarray(np.maximum(a, b))

    def less(self, a: Numbers, b: Numbers) -> tuple[Mask, Mask]:
        """Where a < b; certain everywhere."""
        found = np.asarray(a < b)
        return found, np.ones_like(found)

    def where(self, mask: Mask, a: Numbers, b: Numbers) -> Numbers:
        """a where the mask holds, else b."""
        return np.where(mask, a, b)

    def unknown(self, mask: Mask, a: Numbers) -> Numbers:
        """Nothing is unknown here."""
        return a


def denominator(rule: NormRule, rows: Rows, eps: Any) -> Numbers:
    """D of each row under a rule."""
    with np.errstate(all="ignore"):
        one: Numbers = np.ones(rows.size, Wide)
        number = np.broadcast_to(np.asarray(eps, Wide), one.shape)
        for factor in rule.divisors(Quadratic(Plain(), rows["q"], rows["r"], number, one)):
            one = one * factor
        return one


def fitted(rule: NormRule, rows: Rows, cosines: Numbers) -> list[float]:
    """The eps that a person may have written, by the cosines that came: each row is solved for it.

    A row counts whose D grows with eps where it is solved, so that its answer tells the eps.
    """
    with np.errstate(all="ignore"):
        wanted = np.abs(rows["p"] / cosines)
        telling = rows.wrong & np.isfinite(wanted) & (wanted > 0)
        if not telling.any():
            return []
        low, high = (np.full(rows.size, end, Wide) for end in (LOWEST, HIGHEST))
        for _ in range(STEPS):
            middle = (low + high) / 2
            above = denominator(rule, rows, np.exp2(middle)) > wanted
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        eps = np.exp2((low + high) / 2)
        near = np.abs(denominator(rule, rows, eps) / wanted - 1)
        grows = denominator(rule, rows, eps * 1.1) / denominator(rule, rows, eps / 1.1) - 1
    telling &= (near < 1e-3) & (grows > 1e-6)
    room = rows.bound / np.maximum(np.abs(cosines), 1e-30)
    telling &= np.asarray(grows > 2 * room, dtype=bool)
    return written(eps[telling])
