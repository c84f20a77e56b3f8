"""Screening answers: most are right, and to know that needs neither the exact value nor the exact bound.

One pass of the cheapest arithmetic that is fine enough gives each value with a radius, and its tolerance from below and
from above (scores/screen.py). An answer within the smaller is right, one beyond the larger is wrong. The rows between,
and values that no pass is known for, get their bound, an ulp from below and from above, and climb the ladder where that
leaves them open. The verdict is that of `within` with `bound`, whatever stands beside a row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from lossproof.oracle.enclosure import FLOATING, Divisible, Enclosure, Rows, Screened
from lossproof.oracle.errors import flag
from lossproof.oracle.formats import Float, FloatFormat, Mask, ulp
from lossproof.oracle.grading import answers_in, within_limits
from lossproof.oracle.rounding import UP, flat_bound, graded


def accepts(
    answer: ArrayLike, e: Enclosure, dtype: object = None, grade: str = "G2", flush: bool = True
) -> Mask:
    """Where an answer lies within the bound of a grade; a bool array of e's shape.

    The same as `within(answer, e, bound(e, dtype, grade, flush), dtype)`, at a fraction of its cost. `answer` (any
    dtype of the oracle) has e's shape; `dtype` is that of the computation, by default the answer's. For `grade` and
    `flush` see `bound`, for infinite answers, jumps and kinks `within`.

    Raises:
        ValueError: the answer has another shape, or the dtype has no such grade.
    """
    answers, fmt = answers_in(answer, e, dtype)
    fmt = graded(fmt if flag("flush", flush) else replace(fmt, flushes=False), grade)
    # to ask whether it is `Screened` takes longer than to judge a few rows
    problem = cast(Screened, e.problem) if hasattr(e.problem, "screen") else None
    found = None if problem is None else problem.screen(answers, fmt, grade)
    if problem is None or found is None:
        values = answers.astype(np.float64, copy=False)
        parts = [_accepted(values[some], part, fmt, grade) for some, part in e.parts()]
        return np.concatenate(parts).reshape(e.shape)
    right, open_ = found
    if open_.any():
        rows, rest = problem.remainder(open_)
        for some, part in Enclosure(rest).parts():
            right[rows[some]] = _accepted(answers[rows[some]].astype(np.float64), part, fmt, grade)
    return right.reshape(e.shape)


def _accepted(values: Float, e: Enclosure, fmt: FloatFormat, grade: str) -> Mask:
    others = e.alternatives(fmt.name)
    right, open_ = _screened(values, e, fmt, grade)
    for other in others:  # the other side of a jump may be right, and at a kink a vector counts as a whole
        open_ |= other.mask.ravel() & ~e.problem.undefined
    rows = np.flatnonzero(open_)
    if rows.size and not others and isinstance(e.problem, Divisible):
        some = Enclosure(e.problem.subset(rows))
        right[rows] = within_limits(values[rows], some, flat_bound(some, fmt, grade), (), fmt)
    elif rows.size:
        right[rows] = within_limits(values, e, flat_bound(e, fmt, grade), others, fmt)[rows]
    return right


def _screened(values: Float, e: Enclosure, fmt: FloatFormat, grade: str) -> tuple[Mask, Mask]:
    """Which answers the first arithmetic proves right, and which it leaves open; flat."""
    size = e.problem.size
    main = np.zeros(size) if grade == "G0" else e.problem.bound(fmt, grade) * UP
    right, open_ = np.zeros(size, dtype=bool), ~e.problem.undefined

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        with np.errstate(all="ignore"):
            low, high = arithmetic.bounds(numbers)
            least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
            small, large = (0.5 * ulp(end, fmt) for end in (least, np.maximum(np.abs(low), np.abs(high))))
            near, sure = arithmetic.within(numbers, values[rows], main[rows] + small)
            right[rows] = near & sure
            near, sure = arithmetic.within(numbers, values[rows], main[rows] + large)
            open_[rows] = ~right[rows] & (near | ~sure)
        return np.ones(len(low), dtype=bool)

    # The radius of the first stage is as large as a tolerance in float64, so that would leave every row open.
    stage = FLOATING[1:2] if fmt.name == "float64" else FLOATING[:1]
    e.refine(ask, np.isfinite(values) & np.isfinite(main), stage)
    return right, open_
