"""The screen of a gradient: what one pass proves right, and what wrong (docs/bounds.md, "The screen").

With g_i = b_i lead - a_i pull, lead = s / D and pull = s c k, both are known for a row as in `screen`. What an element
may be off is a line in |b_i| and |a_i|, whose slopes are those of the row.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.enclosure import Rows
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.kernels.fused import RANGE, Floats, usable
from lossproof.oracle.kernels.row_sums import RowSums
from lossproof.oracle.norm_rules.model import Formula, Quadratic
from lossproof.oracle.rounding import EXTRA, MORE, NARROW, growth, rounding
from lossproof.oracle.scores.formula import Cosines
from lossproof.oracle.scores.screen import DOUBLE, LOOSE, SINGLE, SLACK, V, Working, in_range, slopes

AT_ONCE = 1 << 15
"""Elements of each array that are near while they are judged."""
ROWS_AT_ONCE = 1 << 14


Asked = tuple[NDArray[Any], NDArray[Any], NDArray[Any], Float]
"""Rows of both arrays, answers, and what multiplies the gradients."""


class Lines(NamedTuple):
    """Of each row: g = b lead - a pull, right within |b| ahead + |a| across, and wrong from another such line on."""

    lead: Float
    pull: Float
    ahead: Float
    across: Float
    far_ahead: Float
    far_across: Float
    far: Float
    still: Mask
    """Where all of the gradient is 0."""

    def take(self, rows: Rows | slice) -> Lines:
        """Those of some rows."""
        return Lines._make(v[rows] for v in self)


class GradientScreen:
    """Judges the gradients of one batch, in float32 where that is fine enough, then in float64 what that leaves."""

    def __init__(
        self, cosines: Cosines, slope: Formula, factors: Float, fmt: FloatFormat, grade: str
    ) -> None:
        self.cosines, self.slope, self.factors = cosines, slope, factors
        self.fmt, self.grade = fmt, grade
        self.length = cosines.pairs.length
        self.sums: dict[Working, RowSums] = {}

    def known(self) -> bool:
        """Whether there is a pass for this batch."""
        rule, pairs = self.cosines.measure.rule, self.cosines.pairs
        if rule.kernel is None or (rule.eps and rule.eps.jump) or self.cosines.flip is not None:
            return False
        d = self.length
        if pairs.repeats != 1 or not 0 < d <= DOUBLE.longest or not usable(self.cosines.measure.eps):
            return False
        return self.grade in ("G1", "G2") and float(growth(2 * d + EXTRA + MORE, self.fmt.u)) < 0.125

    def judged(self, answers: NDArray[Any]) -> tuple[Mask, Mask]:
        """Which answers, flat, are right, and which are left open."""
        shape = (self.cosines.size, self.length)
        right, open_ = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        answers = answers.reshape(shape)
        for start in range(0, self.cosines.size, ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, self.cosines.size))
            with np.errstate(all="ignore"):
                self._judge(rows, answers[rows], right[rows], open_[rows])
        return right.ravel(), open_.ravel()

    def _judge(self, rows: slice, answers: NDArray[Any], right: Mask, open_: Mask) -> None:
        asked = (*self.cosines.pairs.own(rows), answers, self.factors[rows])
        narrow = self.fmt.name != "float64" and not self.cosines.pairs.wide and answers.dtype.itemsize <= 4
        places, unsure = np.arange(len(answers)), np.ones(answers.shape, dtype=bool)
        for work in (SINGLE, DOUBLE) if narrow and self.length <= SINGLE.longest else (DOUBLE,):
            lines = self._lines(work, asked[0], asked[1], asked[3])
            if lines is None:
                continue
            fits = np.empty(asked[2].shape, dtype=bool)
            _compare(work, *asked[:3], lines, fits)
            right[places] |= fits
            left = np.flatnonzero(~fits.all(axis=1))
            if 0 < len(left) < len(fits):
                asked, lines, fits = _taken(asked, left), lines.take(left), fits[left]
            if len(left):
                unsure = ~fits
                _rule_out(*asked[:3], lines, unsure)
                some = np.flatnonzero(unsure.any(axis=1))
                left = left[some]
                asked, unsure = _taken(asked, some), unsure[some]
            places = places[left]
            if not len(places):
                return
        open_[places] = unsure & ~right[places]

    def _lines(self, work: Working, x: NDArray[Any], y: NDArray[Any], factors: Float) -> Lines | None:
        """See docs/bounds.md, "The screen", for the derivation."""
        fmt, d, measure = self.fmt, self.length, self.cosines.measure
        sums = self.sums.get(work)
        if sums is None:
            sums = self.sums[work] = RowSums(d, min(self.cosines.size, ROWS_AT_ONCE), work.dtype, halved=True)
        p, q, r, k, _ = found = sums(x, y)
        exact = work is DOUBLE and not self.cosines.pairs.wide
        sure, least = in_range(work, exact, found[1:3])
        omega = 0.0 if exact else 4 * d * work.share_lost(least)
        first, second = (float(rounding(np.ones(1), n + MORE, fmt, self.grade)[0]) for n in (d, 2 * d))
        alpha, beta, s, g = slopes(d, sums.depth, sums.norm_depth, work)
        e, each = (g + 16 * V) * (1 + 4 * g), 4 * work.u
        ahead = first * (1 - g) - g * (1 + 2 * g) - each
        by_kappa = first * (1 - s) * (1 - e) - (1 + e + second) * alpha
        by_c = second * (1 - e) - e - (1 + e + second) * beta - each
        if work is SINGLE and (ahead <= 0 or by_kappa <= 0):
            return None
        slack = (SLACK if work is DOUBLE else 2.0**-20) * (first + second)
        formula = Quadratic(Floats(), q, r, np.float64(measure.eps), np.float64(1))
        d2 = measure.rule.square(formula)
        inverse = 1 / np.sqrt(d2)
        c, kappa, slope = p * inverse, k * inverse, self.slope(formula) * np.ones(len(x))
        size, factor = np.abs(c), np.abs(factors)
        pulled, lead = factor * slope, factors * inverse
        across = pulled * ((by_kappa - slack) * kappa + (by_c - slack) * size - 4 * omega)
        # `first` and `second` of the bound, the radius, and half an ulp, each from above
        far_kappa = (first * (1 + 2 * s) + 2 * second * alpha + 2 * alpha) * kappa
        far_across = pulled * (far_kappa + (second + 2 * e + 3 * beta + each + fmt.u) * size + 8 * omega)
        far_ahead = np.abs(lead) * (first + 2 * g + each + fmt.u)
        eta = fmt.eta if self.grade == "G2" and fmt.name not in NARROW else 0.0
        last = max(fmt.eta, math.ldexp(4.0, fmt.quantum)) + math.ldexp(1.0, fmt.quantum)
        far = np.full(len(x), last)
        if eta:
            far += factor * (eta * (inverse + 2))
            far_ahead += eta * factor
            far_across += eta * factor * (d * inverse * slope + 1 + slope)
        if self._kinked():
            away = self._far_from_clamp(q, r, 2 * g + 2.0**-30)
            sure = away if sure is None else sure & away
        pull, near = factors * c * slope, np.abs(lead) * (ahead - slack)
        held = (near >= 0) & (across >= 0) & (d2 <= RANGE)
        for v, squared in ((np.abs(lead), r), (np.abs(pull), q), (across, q)):
            held &= (
                v * np.maximum(np.sqrt(squared), 1) <= work.largest
            )  # so no product with an element overflows
        if sure is not None:
            held &= sure
        if not held.all():
            for v in (near, across, far_ahead):
                v[~held] = np.nan
        return Lines(
            lead,
            pull,
            near,
            across,
            far_ahead * LOOSE,
            far_across * LOOSE,
            far * LOOSE,
            held & (factors == 0),
        )

    def _kinked(self) -> bool:
        use = self.cosines.measure.rule.eps
        return bool(use is not None and use.kink and self.cosines.measure.eps)

    def _far_from_clamp(self, q: Float, r: Float, doubt: float) -> Mask:
        """Where no rounding in the format carries a norm, or a product of norms, across its floor: see `near_clamp`."""
        use = self.cosines.measure.rule.eps
        assert use is not None
        level, roundings = use.level(self.cosines.measure.eps), self.length + EXTRA
        norm = np.sqrt(q)
        if use.product:
            norm, roundings = norm * np.sqrt(r), 2 * self.length + EXTRA
        slack = float(growth(roundings, self.fmt.u))
        away: Mask = (norm > level * (1 + slack) * (1 + doubt)) | (norm < level * (1 - slack) * (1 - doubt))
        return away


def _compare(
    work: Working, x: NDArray[Any], y: NDArray[Any], answers: NDArray[Any], lines: Lines, right: Mask
) -> None:
    """Which answers are right, in one precision.

    An element that is zero in both rows has the gradient 0; of others `lost` is what underflows: a slope, or a product.
    """
    n, d = x.shape
    step = max(1, min(AT_ONCE // d, n))
    a, b, mid, room = (np.empty((step, d), work.dtype) for _ in range(4))
    columns = [v.astype(work.dtype)[:, None] for v in lines[:4]]
    lost = 2.0**-90 if work is SINGLE else 2.0**-700
    for i in range(0, n, step):
        rows = slice(i, min(i + step, n))
        lead, pull, ahead, across = (v[rows] for v in columns)
        v, w, found, other = (space[: rows.stop - i] for space in (a, b, mid, room))
        first, second = x[rows], y[rows]
        if x.dtype != work.dtype:
            np.copyto(v, first, casting="unsafe")
            first = v
        if y.dtype != work.dtype:
            np.copyto(w, second, casting="unsafe")
            second = w
        np.multiply(second, lead, out=found)
        np.multiply(first, pull, out=other)
        found -= other
        found -= answers[rows].astype(work.dtype, copy=False)
        np.abs(found, out=found)
        found += lost
        np.multiply(second, ahead, out=other)
        np.abs(other, out=other)
        np.multiply(first, across, out=v)
        np.abs(v, out=v)
        other += v
        fits = np.less_equal(found, other, out=right[rows])
        if not fits.all():
            nothing = (x[rows] == 0) & (y[rows] == 0) & (ahead >= 0)
            fits |= (nothing | lines.still[rows, None]) & (answers[rows] == 0)


def _taken(arrays: Asked, rows: Rows) -> Asked:
    x, y, answers, factors = arrays
    return x[rows], y[rows], answers[rows], factors[rows]


def _rule_out(x: NDArray[Any], y: NDArray[Any], answers: NDArray[Any], lines: Lines, unsure: Mask) -> None:
    """Take from `unsure` the answers that are wrong; in float64, whatever the precision of the lines."""
    n, d = x.shape
    step = max(1, min(AT_ONCE // d, n))
    for i in range(0, n, step):
        rows = slice(i, min(i + step, n))
        a, b = x[rows].astype(np.float64), y[rows].astype(np.float64)
        lead, pull, _, _, ahead, across, far, _ = (v[rows, None] for v in lines)
        error = b * lead
        error -= a * pull
        error -= answers[rows]
        np.abs(error, out=error)
        b *= ahead
        np.abs(b, out=b)
        a *= across
        np.abs(a, out=a)
        b += a
        b += far
        unsure[rows] &= ~(error > b)
