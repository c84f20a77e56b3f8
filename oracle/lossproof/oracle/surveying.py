"""A block of answers tallied: one pass bounds every error from both sides, and only what that leaves open is refined.

The pass gives the least and the most that an answer may be off, and half an ulp of the exact value from below and from
above. Most grades, and most bins of the histogram, follow. The rest of the rows are asked by `accepts` and by
the error rounded once to float64, so no figure depends on what stands beside a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.enclosure import FLOATING, Enclosure, Rows, required
from lossproof.oracle.formats import Float, FloatFormat, Mask, ulp
from lossproof.oracle.grading import error_unit, exactly, excess_of, judged_in, rounded_errors
from lossproof.oracle.rounding import UP
from lossproof.oracle.screening import accepts
from lossproof.oracle.tallies import Tally, WorstAnswer, worst_of

NOTICEABLE = 2.0**-20
"""Errors below this share of the bound are no matter, and would need exact arithmetic to be put in order."""
HALF_ULP = -1
"""The exponent of the histogram's first bin."""


@dataclass(frozen=True)
class Question:
    """The question that each block is asked."""

    formula: Callable[..., Enclosure]
    parameters: Mapping[str, Any]
    fmt: FloatFormat
    grade: str
    grades: tuple[str, ...]
    kept: int

    @property
    def nothing(self) -> Tally:
        """The tally of no answers."""
        counts = dict.fromkeys((*self.grades, "none", "undefined"), 0)
        return Tally(self.fmt.name, self.grade, self.grades, 0, counts, (), {}, self.kept)


@dataclass(frozen=True)
class Block:
    """Answers and their inputs, with the number of the first row; inputs of one row are every row's."""

    first: int
    answers: NDArray[Any]
    inputs: tuple[NDArray[Any], ...]

    def some(self, rows: Rows | slice) -> Block:
        """The block of some rows alone."""
        count = len(self.answers)
        inputs = tuple(v[rows] if v.ndim and len(v) == count else v for v in self.inputs)
        first = self.first + (rows.start if isinstance(rows, slice) else int(rows[0]))
        return Block(first, self.answers[rows], inputs)


@dataclass(frozen=True)
class Surveyed:
    """The answers of a block, flat, with two-sided bounds of their errors."""

    question: Question
    block: Block
    e: Enclosure
    values: Float
    least: Float
    most: Float
    """|answer - exact| lies between; from 0 to inf where the pass says nothing."""
    small: Float
    large: Float
    """Half an ulp of the exact value lies between."""
    known: Mask
    """Where there is a number, and a finite answer."""

    @cached_property
    def width(self) -> int:
        """Answers to a row."""
        return self.values.size // max(len(self.block.answers), 1)

    @cached_property
    def settled(self) -> Mask:
        """The known ones that no jump is near."""
        mask = self.known.copy()
        for other in self.e.alternatives(self.question.fmt.name):
            mask &= ~other.mask.ravel()
        return mask

    @cached_property
    def tolerance(self) -> Callable[[str], Float]:
        """The bound of a grade but for the half ulp; worked out once."""
        found: dict[str, Float] = {"G0": np.zeros(self.values.size)}

        def main(grade: str) -> Float:
            if grade not in found:
                found[grade] = self.e.problem.bound(self.question.fmt, grade) * UP
            return found[grade]

        return main

    def counts(self) -> dict[str, int]:
        """Answers by grade."""
        undefined = self.e.problem.undefined
        left, open_ = ~undefined & self.settled, ~undefined & ~self.settled
        out = dict(self.question.nothing.counts)
        for grade in self.question.grades:
            main = self.tolerance(grade)
            with np.errstate(invalid="ignore"):
                right, wrong = self.most <= main + self.small, self.least > main + self.large
            out[grade] += int(np.count_nonzero(left & right))
            open_ |= left & ~right & ~wrong
            left &= wrong
        out["none"] += int(np.count_nonzero(left))
        out["undefined"] += int(np.count_nonzero(undefined))
        for grade, count in self._open_counts(np.flatnonzero(open_)).items():
            out[grade] += count
        return out

    def _open_counts(self, places: Rows) -> Mapping[str, int]:
        """The grades of some answers, asked one by one; an infinity that the exact value rounds to reaches all."""
        if not places.size:
            return {}
        answers, e, values, here = self._alone(places)
        found = np.full(here.size, "none", dtype="<U4")
        for grade in reversed(self.question.grades):
            found[accepts(answers, e, self.question.fmt.name, grade).ravel()[here]] = grade
        found[exactly(values, e, self.question.fmt)[here]] = self.question.grades[0]
        return Counter(found.tolist())

    def histogram(self) -> dict[float, int]:
        """Answers by error in ulp, up to each power of two."""
        low, high = (_bin(error) for error in self._error_ulp())
        open_ = ~self.e.problem.undefined & ~(self.known & (low == high))
        bins = low[self.known & ~open_].tolist()
        found = Counter(bins)
        places = np.flatnonzero(open_)
        if places.size:
            _, e, values, here = self._alone(places)
            found.update(_bin(_ulps(values, e, self.question.fmt)[here]).tolist())
        return {2.0**exponent: count for exponent, count in sorted(found.items())}

    def _error_ulp(self) -> tuple[Float, Float]:
        """The errors in the unit of `ulp_error`, from below and from above."""
        fmt = self.question.fmt
        switch = ulp(np.array(np.sqrt(fmt.u)), fmt)
        small, large = 2 * self.small, 2 * self.large
        first, last = (np.where(size < switch, fmt.u, size) for size in (small, large))
        either = (small < switch) & (
            large >= switch
        )  # near zero or not: the unit is u or no less than the switch
        lowest = np.where(either, np.minimum(last, switch), np.minimum(first, last))
        highest = np.where(either, np.maximum(last, fmt.u), np.maximum(first, last))
        with np.errstate(over="ignore"):
            return self.least / highest, self.most / lowest

    def worst(self, floor: float) -> tuple[WorstAnswer, ...]:
        """The worst answers, as far as their ratio reaches the floor.

        They are asked in the order of the most that the ratio may be, until no answer that is left can be among them.
        """
        kept, question = self.question.kept, self.question
        with np.errstate(all="ignore"):
            most = self.most / (self.tolerance(question.grade) + self.small) * UP
        most = np.where(self.settled & ~np.isnan(most), most, np.inf)
        rivals = np.flatnonzero(~self.e.problem.undefined & (most >= max(floor, NOTICEABLE)))
        rivals = rivals[np.argsort(-most[rivals], kind="stable")]
        found: tuple[WorstAnswer, ...] = ()
        asked, step = 0, kept
        while kept and asked < rivals.size:
            next_one = int(rivals[asked])
            if len(found) == kept and found[-1].rank < (-most[next_one], self._index(next_one)):
                break
            found = worst_of((*found, *self._asked(np.sort(rivals[asked : asked + step]), floor)), kept)
            asked, step = asked + step, 4 * step
        return found

    def _asked(self, places: Rows, floor: float) -> list[WorstAnswer]:
        fmt = self.question.fmt
        _, e, values, here = self._alone(places)
        ratio = excess_of(values, e, fmt, self.question.grade, rounded_errors)[here]
        reached = np.flatnonzero(ratio >= max(floor, NOTICEABLE))
        if reached.size > self.question.kept:
            reached = reached[np.argsort(-ratio[reached], kind="stable")[: self.question.kept]]
        errors = _ulps(values, e, fmt)[here]
        exact = e.rounded(fmt.name).ravel()[here].astype(np.float64)
        return [
            WorstAnswer(
                self._index(int(places[i])),
                float(self.values[places[i]]),
                float(exact[i]),
                float(errors[i]),
                float(ratio[i]),
            )
            for i in reached
        ]

    def _alone(self, places: Rows) -> tuple[NDArray[Any], Enclosure, Float, Rows]:
        """Answers (flat) judged with their rows alone: answers, values and where those asked for stand among them."""
        width = max(self.width, 1)
        rows, order = np.unique(places // width, return_inverse=True)
        block = self.block.some(rows)
        e = self.question.formula(*block.inputs, **self.question.parameters)
        values, _ = judged_in(block.answers, e, self.question.fmt.name)
        return block.answers, e, values, order * width + places % width

    def _index(self, place: int) -> tuple[int, ...]:
        row, *rest = np.unravel_index(place, self.block.answers.shape)
        return (self.block.first + int(row), *(int(i) for i in rest))


def tallied(question: Question, block: Block, floor: float = 0.0) -> Tally:
    """The tally of a block; of the worst answers only those whose ratio reaches the floor."""
    one = surveyed(question, block)
    return Tally(
        question.fmt.name,
        question.grade,
        question.grades,
        len(block.answers),
        one.counts(),
        one.worst(floor),
        one.histogram(),
        question.kept,
    )


def surveyed(question: Question, block: Block) -> Surveyed:
    """The one pass; ValueError where the answers do not fit the formula."""
    e = required("formula must give", question.formula(*block.inputs, **question.parameters))
    values, fmt = judged_in(block.answers, e, question.fmt.name)
    known = np.isfinite(values) & e.valued
    if fmt.name == "float64":
        known &= ~(np.abs(values) < fmt.eta)  # half an ulp may be no number there
    least, most, small, large = (np.zeros(values.size) for _ in range(4))
    most[:] = np.inf

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        with np.errstate(all="ignore"):
            low, high = arithmetic.bounds(numbers)
            near, far = _sizes(low, high)
            small[rows], large[rows] = 0.5 * ulp(near, fmt), 0.5 * ulp(far, fmt)
            low, high = arithmetic.bounds(numbers - arithmetic.number(values[rows]))
            least[rows], most[rows] = _sizes(low, high)
        return np.ones(low.size, dtype=bool)

    # The radius of the first stage is as large as a tolerance in float64: see screening.py.
    e.refine(ask, known, FLOATING[1:2] if fmt.name == "float64" else FLOATING[:1])
    known &= np.isfinite(most) & np.isfinite(large)
    return Surveyed(question, block, e, values, least, most, small, large, known)


def _sizes(low: Float, high: Float) -> tuple[Float, Float]:
    """The least and the largest magnitude between two ends."""
    least, most = np.abs(low), np.abs(high)
    return np.where((low <= 0) & (high >= 0), 0.0, np.minimum(least, most)), np.maximum(least, most)


def _ulps(values: Float, e: Enclosure, fmt: FloatFormat) -> Float:
    """The errors in the unit of `ulp_error`, from errors rounded once; inf where there is no number to speak of."""
    unit = error_unit(e, fmt.name)[0].ravel()
    error = rounded_errors(values, e, fmt)
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(error) & e.valued, error / unit, error)


def _bin(errors: Float) -> Float:
    """The exponent of the least power of two, from a half on, that is no smaller than each error."""
    fraction, exponent = np.frexp(errors)
    out = np.where(errors <= 0.5, HALF_ULP, exponent - (fraction == 0.5)).astype(
        np.float64
    )  # 0 has no exponent
    return np.where(np.isfinite(errors), out, np.inf)
