"""A family is a loss over a score: the two protocols, and the problem that composes them.

    value       loss(score(x, y), labels)
    bound       the image of an interval: max |loss(s') - loss(s)| over |s' - s| <= E, and the loss's own roundings
    gradient    d loss / d score times d score / d x, see scores/gradient.py and scores/given.py
    kinks       where rounding may carry a score across a kink of the loss

No slope stands alone: at a kink it is 0 where the answer may not be.
"""

# ruff: noqa: D102 (the protocols document these methods)

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows, Rowwise
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.norm_rules.model import Numbers


class Score(Rowwise, Protocol):
    """The score of pairs of vectors, one exact number a pair."""

    def subset(self, rows: Rows) -> Score:
        """The score of some pairs (flat) alone."""
        ...

    def ends(self) -> tuple[Float, Float]:
        """Float64 numbers around each value, near enough for a bound, flat."""
        ...

    def error(self, fmt: FloatFormat, grade: str) -> Float:
        """E: how far an honest computation in `fmt` may be off, without the final half ulp, flat."""
        ...

    def reach(self, fmt: FloatFormat) -> Float:
        """How far any computation in `fmt` may be off, whatever its grade, flat."""
        ...

    def alternatives(self, fmt: FloatFormat) -> Iterable[tuple[Mask, Score]]:
        """Where the score jumps and rounding in `fmt` may cross the jump (flat), and the score on the other side."""
        ...

    def round_fast(self, form: str, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        """A form of the values, rounded by kernels, and which of them are uncertain; None where no kernel applies."""
        ...

    def screen(
        self, form: str, answers: NDArray[Any], fmt: FloatFormat, grade: str
    ) -> tuple[Mask, Mask] | None:
        """Which answers to a form of the values one pass proves right, and which it leaves open, flat.

        None where no such pass is known.
        """
        ...


class Loss(Protocol):
    """The cost of a score, or the form in which the score is given."""

    @property
    def form(self) -> str | None:
        """The name under which the kernels know the loss; None if they do not."""
        ...

    def subset(self, rows: Rows) -> Self:
        """The loss of some pairs (flat) alone."""
        ...

    def value(self, a: Arithmetic[Any], s: Numbers, rows: Rows | slice, count: int) -> Numbers:
        """The cost of the scores s, `count` of them, those of these rows."""
        ...

    def bound(self, score: Score, error: Float, fmt: FloatFormat) -> Float:
        """How far the cost may be off where the score is off by `error`, without the final half ulp, flat."""
        ...

    def slope(self, a: Arithmetic[Any], s: Callable[[], Numbers], rows: Rows, turned: Mask | None) -> Numbers:
        """d loss / d score for some rows, unknown where a kink is too near; `turned` takes the other side of it."""
        ...

    def near_kink(self, score: Score, fmt: FloatFormat) -> Mask:
        """Where rounding in `fmt` may carry the score across a kink, flat."""
        ...


@dataclass
class LossOverScore:
    """One cost for each pair."""

    score: Score
    loss: Loss
    shape: tuple[int, ...]

    @property
    def stride(self) -> int:
        return self.score.stride

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.score.exact

    @property
    def size(self) -> int:
        return self.score.size

    @property
    def undefined(self) -> Mask:
        return self.score.undefined

    @property
    def nan(self) -> Mask:
        return self.score.nan

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        count = len(range(*rows.indices(self.size))) if isinstance(rows, slice) else len(rows)
        return self.loss.value(arithmetic, self.score.evaluate(arithmetic, rows), rows, count)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return self.loss.bound(self.score, self.score.error(fmt, grade), fmt)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        return tuple(
            Alternative(mask.reshape(self.shape), Enclosure(replace(self, score=other)))
            for mask, other in self.score.alternatives(fmt)
        )

    def subset(self, rows: Rows) -> LossOverScore:
        """The problem of some pairs (flat) alone."""
        return LossOverScore(self.score.subset(rows), self.loss.subset(rows), (len(rows),))

    def round_fast(self, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        """Values rounded by kernels, and which of them are uncertain; None where no kernel applies."""
        return None if self.loss.form is None else self.score.round_fast(self.loss.form, fmt)

    def screen(self, answers: NDArray[Any], fmt: FloatFormat, grade: str) -> tuple[Mask, Mask] | None:
        """Which answers one pass proves right, and which it leaves open; None where no such pass is known."""
        form = self.loss.form
        return None if form is None else self.score.screen(form, answers, fmt, grade)

    def remainder(self, open_: Mask) -> tuple[Rows, LossOverScore]:
        """The places of open values, and the problem of these."""
        rows = np.flatnonzero(open_)
        return rows, self.subset(rows)

    def round_rest(self, rows: Rows, fmt: FloatFormat) -> tuple[NDArray[Any], Mask]:
        """Values of some rows from the ladder."""
        return Enclosure(self.subset(rows)).rounded_by_ladder(fmt)
