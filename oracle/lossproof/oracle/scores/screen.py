"""The screen of a cosine: which answers one pass proves right, and which wrong (docs/bounds.md, "The screen").

A row gives P', Q', R' and K' = sum |a b| in float32 or float64, c' = P'/D' and k' = K'/D'. Then

    |c' - c| <= alpha k' + beta |c'| + omega,      k'(1 - s) <= kappa <= k'(1 + 2 s)

and the bound of a grade is G (kappa + |c|) and terms that do not depend on the row. So both ends of what an answer may
be off are straight lines in k' and |c'|, whose slopes are worked out once for a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.binary64 import SAFE
from lossproof.oracle.formats import Float, FloatFormat, Mask, ulp
from lossproof.oracle.kernels import choice
from lossproof.oracle.kernels.fused import RANGE, SCORE_TERMS, Floats, usable
from lossproof.oracle.kernels.row_sums import RowSums
from lossproof.oracle.norm_rules.model import Quadratic
from lossproof.oracle.rounding import NARROW, rounding
from lossproof.oracle.scores.formula import Cosines

V = 2.0**-53
SLACK = 2.0**-36
"""Of the slopes, for the float64 arithmetic in which the lines are drawn and compared."""
LOOSE = 1 + 2.0**-16
"""`bound` knows kappa and c to 2^-24 of kappa, and an ulp that is not known to 2^-20 of the rest."""
ROWS_AT_ONCE = 1 << 14
Found = tuple[Mask, Mask]
"""Which answers are right, and which are left open."""
Ask = Callable[[NDArray[Any], NDArray[Any], Float], Found | None]


@dataclass(frozen=True)
class Working:
    """The precision of a pass."""

    dtype: Any
    u: float
    least: float
    """A squared norm from here on, up to its inverse, is off by less than u for what underflows in it."""
    lost: float
    """Twice the most that a product loses by underflow."""
    negligible: float
    """So much of D a product may always lose, so that few lines are drawn."""
    longest: int
    largest: float
    """The slopes of a gradient, times the norms, stay below."""

    def share_lost(self, least: float) -> float:
        """The part of D that a product may lose, a power of two; `least` is a lower bound of D."""
        return math.ldexp(1.0, math.frexp(max(self.negligible, self.lost / least))[1])


SINGLE = Working(np.float32, 2.0**-24, 2.0**-100, 2.0**-148, 2.0**-100, 1 << 13, 2.0**120)
DOUBLE = Working(np.float64, V, 1 / SAFE, 2.0**-1073, 2.0**-500, 1 << 31, 2.0**900)


class Line(NamedTuple):
    """slope_k k' + slope_c |c'| + constant + slope_inverse / D'."""

    k: float
    c: float
    constant: float
    inverse: float

    def at(self, k: Float, c: Float) -> Float:
        """The line, all but what depends on D'."""
        out = k * self.k
        out += c * self.c
        if self.constant:
            out += self.constant
        return out


@dataclass(frozen=True)
class Lines:
    """How far an answer may be from c' and is right, from where on it is wrong, and how far c' is from c."""

    right: Line
    wrong: Line
    radius: Line


@lru_cache(maxsize=1 << 10)
def lines(
    d: int, depth: int, form: str, fmt: FloatFormat, grade: str, work: Working, lost: float
) -> Lines | None:
    """The lines of a batch whose products lose at most `lost` of D; None where they tell nothing.

    See docs/bounds.md, "The screen", for the derivation.
    """
    growth = 0.0 if grade == "G0" else float(rounding(np.ones(1), d, fmt, grade)[0])
    if not growth < 0.25:
        return None
    offset, omega = SCORE_TERMS[form][1], 4 * d * lost
    alpha, beta, s, _ = slopes(d, depth, d, work)
    beta += offset * V
    slack = SLACK * (growth + alpha + beta)
    shift = 0.0 if grade == "G0" else fmt.u * offset  # the subtraction of a distance rounds once
    right = Line(
        growth * (1 - s) - (1 + growth) * alpha - slack,
        growth - (1 + growth) * beta - slack,
        shift * (1 - SLACK) - 2 * (offset * V + omega),
        0.0,
    )
    half = math.ldexp(0.5, fmt.quantum)
    eta = fmt.eta if grade == "G3" or (grade == "G2" and fmt.name not in NARROW) else 0.0
    # the half ulp is at most u |value|, or half the smallest subnormal number
    wrong = Line(
        (growth * (1 + 2 * s) + (2 + growth) * alpha) * LOOSE,
        (growth + (2 + growth) * beta + fmt.u) * LOOSE,
        (shift + offset * (fmt.u + 3 * V) + half + 3 * omega + eta * (d + 2 * math.sqrt(d) + 1)) * LOOSE,
        eta * d * (1 + 2.0**-9),
    )
    return Lines(right, wrong, Line(alpha, beta, offset * V + omega, 0.0))


def slopes(d: int, depth: int, norm_depth: int, work: Working) -> tuple[float, float, float, float]:
    """alpha, beta and s as above, and g: how far D may be off relatively.

    A product of P goes through `depth` roundings, one of Q and R through `norm_depth`, and one of K through d.
    """
    gamma = _gamma(d, work.u)
    g = _gamma(norm_depth + 1, work.u) + 4 * V
    alpha = _gamma(depth, work.u) * (1 + g) / (1 - gamma) * (1 + SLACK)
    return alpha, (g + 3 * V) * (1 + SLACK), (gamma + g + 2 * V) * (1 + SLACK), g


def _gamma(count: int, u: float) -> float:
    return count * u / (1 - count * u)


def screen_cosines(
    cosines: Cosines, form: str, answers: NDArray[Any], fmt: FloatFormat, grade: str
) -> tuple[Mask, Mask] | None:
    """Which answers are right, and which are left open, flat; None for a measure that the screen does not know."""
    measure, pairs = cosines.measure, cosines.pairs
    rule = measure.rule
    if rule.kernel is None or (rule.eps and rule.eps.jump) or cosines.flip is not None:
        return None
    if pairs.repeats != 1 or not 0 < pairs.length <= DOUBLE.longest or not usable(measure.eps):
        return None
    screen = Screen(cosines, form, fmt, grade)
    with np.errstate(all="ignore"):
        if cosines.size <= ROWS_AT_ONCE:
            return screen.judged(*pairs.own(slice(0, cosines.size)), answers)
        right, open_ = np.empty(cosines.size, dtype=bool), np.empty(cosines.size, dtype=bool)
        for start in range(0, cosines.size, ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, cosines.size))
            right[rows], open_[rows] = screen.judged(*pairs.own(rows), answers[rows])
    return right, open_


class Screen:
    """Judges rows of one batch, first in float32 where that is fine enough, then in float64 those that it leaves."""

    def __init__(self, cosines: Cosines, form: str, fmt: FloatFormat, grade: str) -> None:
        measure = cosines.measure
        self.elements = cosines.size * cosines.pairs.length
        self.kernel = None if measure.rule.kernel is None else measure.rule.kernel(measure.eps)
        self.square, self.eps = cosines.measure.rule.square, np.float64(cosines.measure.eps)
        self.form, self.fmt, self.grade = form, fmt, grade
        self.sign, self.offset = SCORE_TERMS[form]
        self.length, self.wide = cosines.pairs.length, cosines.pairs.wide
        self.rows = min(cosines.size, ROWS_AT_ONCE)
        self.sums: dict[Working, RowSums] = {}

    def judged(self, x: NDArray[Any], y: NDArray[Any], answers: NDArray[Any]) -> tuple[Mask, Mask]:
        """Which answers are right, and which are left open."""
        answers = answers.astype(np.float64, copy=False)
        fine = self.fmt.name == "float64" or self.grade == "G0" or self.wide or self.length > SINGLE.longest
        ways: list[Ask] = [] if fine else [partial(self._asked, SINGLE)]
        if (
            choice.compiled_wanted(self.elements) and self.eps <= 1
        ):  # so that D lies in range where the norms do
            ways = [partial(self._compiled, DOUBLE if fine else SINGLE)]
        ways.append(partial(self._asked, DOUBLE))
        found: Found | None = None
        for ask in ways:
            if found is None:
                found = ask(x, y, answers)
            elif found[1].any():
                right, open_ = found
                rows = np.flatnonzero(open_)
                more = ask(x[rows], y[rows], answers[rows])
                if more is not None:
                    right[rows], open_[rows] = more
        return (np.zeros(len(x), dtype=bool), np.ones(len(x), dtype=bool)) if found is None else found

    def _compiled(self, work: Working, x: NDArray[Any], y: NDArray[Any], answers: Float) -> Found | None:
        # numba takes a second to load, and may not be installed
        from lossproof.oracle.kernels import compiled_screen
        from lossproof.oracle.kernels.lanes import depth

        lost = 0.0 if work is DOUBLE and not self.wide else work.share_lost(work.least)
        drawn = lines(self.length, depth(self.length), self.form, self.fmt, self.grade, work, lost)
        if drawn is None or drawn.right.k <= 0 or self.kernel is None:
            return None
        x, y = (np.ascontiguousarray(v, work.dtype) for v in (x, y))
        reach = (work.least, 1 / work.least)
        return compiled_screen.judge(
            x, y, answers, self.kernel, (self.sign, self.offset), reach, (*drawn.right[:3], *drawn.wrong)
        )

    def _asked(self, work: Working, x: NDArray[Any], y: NDArray[Any], answers: Float) -> Found | None:
        sums = self.sums.get(work)
        if sums is None:
            sums = self.sums[work] = RowSums(self.length, self.rows, work.dtype)
        p, q, r, k, _ = found = sums(x, y)
        exact = work is DOUBLE and not self.wide  # no product of narrow numbers underflows in float64
        sure, least = in_range(work, exact, found[1:3])
        d2 = self.square(Quadratic(Floats(), q, r, self.eps, np.float64(1)))
        if self.eps > 1:  # else D lies in range where the norms do
            fine = d2 <= RANGE
            sure = fine if sure is None else sure & fine
        lost = 0.0 if exact else work.share_lost(least)
        drawn = lines(self.length, sums.depth, self.form, self.fmt, self.grade, work, lost)
        if drawn is None or (work is SINGLE and drawn.right.k <= 0):
            return None
        return self._compared(drawn, work, sure, p, np.sqrt(d2), k, answers)

    def _compared(
        self,
        drawn: Lines,
        work: Working,
        sure: Mask | None,
        c: Float,
        denominator: Float,
        k: Float,
        answers: Float,
    ) -> tuple[Mask, Mask]:
        c /= denominator
        k /= denominator
        if self.sign < 0 or self.offset:
            value = c * self.sign
            value += self.offset
        else:
            value = c
        error = answers - value
        np.abs(error, out=error)
        size = np.abs(c)
        most = drawn.right.at(k, size)
        if work is DOUBLE:
            low = np.abs(value)
            low -= drawn.radius.at(k, size) * (1 + SLACK)
            most += 0.5 * ulp(np.maximum(low, 0.0, out=low), self.fmt)
            most += self._flushed(drawn, k, denominator)
        right = np.less_equal(error, most)
        if sure is not None:
            right &= sure
        if right.all():
            return right, np.zeros(len(right), dtype=bool)
        far = drawn.wrong.at(k, size)
        if drawn.wrong.inverse:
            far += drawn.wrong.inverse / denominator
        wrong = error > far
        if sure is not None:
            wrong &= sure
        wrong |= right
        return right, np.logical_not(wrong, out=wrong)

    def _flushed(self, drawn: Lines, k: Float, denominator: Float) -> Float | float:
        """The allowance for flushed products, from below; 0 where nobody would see it."""
        inverse = drawn.wrong.inverse
        if not inverse or inverse < self.fmt.u * 2.0**-10 * float(denominator.min(initial=1.0)):
            return 0.0
        return np.where(k > 0, inverse * (1 - 2.0**-8) / denominator, 0.0)


def in_range(work: Working, exact: bool, squared: Float) -> tuple[Mask | None, float]:
    """Where the squared norms, two rows of them, are such that the lines hold (None: everywhere), and the least.

    `exact`: a zero is the norm of a row of zeros, and not one that underflowed. NaN and infinities are never in range.
    """
    least, most = work.least, 1 / work.least
    lowest = float(squared.min(initial=most))
    if lowest >= least and squared.max(initial=0.0) <= most:
        return None, lowest
    fine = (squared >= least) & (squared <= most)
    if exact:
        fine |= squared == 0
    return fine[0] & fine[1], least
