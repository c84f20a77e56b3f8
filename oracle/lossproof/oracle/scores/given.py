"""Scores that are given: numbers without an error, such as distances that another program computed."""

# ruff: noqa: D102 (the protocols document these methods)

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.enclosure import ROOTS, Alternative, Enclosure, Rows
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.loss_over_score import Loss, Score
from lossproof.oracle.summed_gradients import Factors


@dataclass
class Given:
    """One number for each pair; one that is not finite is undefined."""

    stride: ClassVar[int] = 1
    exact: ClassVar[Arithmetic[Any]] = ROOTS

    numbers: Float

    @property
    def size(self) -> int:
        return self.numbers.size

    @cached_property
    def undefined(self) -> Mask:
        return ~np.isfinite(self.numbers)

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        return arithmetic.number(np.where(self.undefined[rows], 0.0, self.numbers[rows]))

    def subset(self, rows: Rows) -> Given:
        return Given(self.numbers[rows])

    def ends(self) -> tuple[Float, Float]:
        numbers = np.where(self.undefined, 0.0, self.numbers)
        return numbers, numbers

    def error(self, fmt: FloatFormat, grade: str) -> Float:
        return np.zeros(self.size)

    def reach(self, fmt: FloatFormat) -> Float:
        return np.zeros(self.size)

    def alternatives(self, fmt: FloatFormat) -> Iterable[tuple[Mask, Score]]:
        return ()

    def round_fast(self, form: str, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        return None

    def screen(
        self, form: str, answers: NDArray[Any], fmt: FloatFormat, grade: str
    ) -> tuple[Mask, Mask] | None:
        return None


class SlopedLoss(Loss, Protocol):
    """A loss whose gradient with respect to a given score has a bound."""

    def slope_bound(self, score: Score, factors: Float, fmt: FloatFormat) -> Float:
        """How far the slope, times factors >= 0, may be off without the final half ulp, flat."""
        ...


@dataclass
class GivenGradient:
    """d(loss)/d(score) for every score that is given."""

    stride: ClassVar[int] = 1

    score: Given
    loss: SlopedLoss
    factors: Factors
    shape: tuple[int, ...]
    turned: Mask | None = None

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.score.exact

    @property
    def size(self) -> int:
        return self.score.size

    @cached_property
    def undefined(self) -> Mask:
        return self.score.undefined | ~np.isfinite(self.factors.weights)

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        some = np.arange(self.size)[rows]
        undefined = self.undefined[some]
        turned = None if self.turned is None else self.turned[some]
        with np.errstate(all="ignore"):
            slope = self.loss.slope(arithmetic, lambda: self.score.evaluate(arithmetic, some), some, turned)
            return self.factors.apply(arithmetic, slope, np.where(undefined, 0.0, self.factors.weights[some]))

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return self.loss.slope_bound(self.score, np.where(self.undefined, 0.0, self.factors.sizes()), fmt)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        if self.turned is not None:
            return ()
        near = self.loss.near_kink(self.score, fmt)
        if not near.any():
            return ()
        return (Alternative(near.reshape(self.shape), Enclosure(replace(self, turned=near)), hull=True),)
