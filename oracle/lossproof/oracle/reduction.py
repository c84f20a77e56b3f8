"""Reductions: weighted values, their sum, and the means with their three divisors.

    none              w e
    sum               sum(w e)
    mean              sum(w e) / n, n the number of elements
    mean_by_weight    sum(w e) / sum(w)
    mean_by_nonzero   sum(w e) / count(w != 0)

Weights broadcast against e as NumPy arrays do; n, sum(w) and the count are taken over the broadcast shape.
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.reals import Real, rational
from lossproof.oracle.arithmetic.rows import checked, real_parameter
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows, required
from lossproof.oracle.errors import UnsupportedInput, choice
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.rounding import flat_bound, growth, rounding_count

REDUCTIONS = ("none", "sum", "mean", "mean_by_weight", "mean_by_nonzero")
"""The names of the reductions."""
MOST_ALTERNATIVES = 64
"""A reduction over elements that may each lie on either side of a jump has at most this many values."""


@dataclass
class WeightedProblem:
    """w e, element by element."""

    stride: ClassVar[int] = 1

    inner: Enclosure
    index: NDArray[np.intp]
    """Which element of e each element of the result is."""
    weights: Float
    shape: tuple[int, ...]
    size: int = field(init=False)
    undefined: Mask = field(init=False)
    nan: Mask = field(init=False)

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.inner.problem.exact

    def __post_init__(self) -> None:
        self.size = self.index.size
        self.undefined = self.inner.problem.undefined[self.index] | ~np.isfinite(self.weights)
        self.nan = self.inner.problem.nan[self.index] & ~self.undefined

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        wanted, where = np.unique(self.index[rows], return_inverse=True)
        weights = np.where(np.isfinite(self.weights[rows]), self.weights[rows], 0.0)
        values = arithmetic.take(self.inner.problem.evaluate(arithmetic, wanted), where)
        with np.errstate(all="ignore"):
            return values * arithmetic.number(weights)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        """w e: |w| E, the rounding of w to the dtype and of the product; eta if it underflows. 0 for a weight of 0."""
        inner = flat_bound(self.inner, fmt, grade)[self.index]
        size = np.abs(self.weights) * self.inner.magnitude[self.index]
        with np.errstate(invalid="ignore"):
            product = growth(2, fmt.u) * size + np.where(size == 0, 0.0, fmt.eta)
            out = np.abs(self.weights) * inner * (1 + 3 * fmt.u) + product
        return np.where(self.weights == 0, 0.0, out)  # nothing is lost, even where E is infinite

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        out = []
        for other in self.inner.problem.alternatives(fmt):
            mask = other.mask.ravel()[self.index].reshape(self.shape)
            out.append(Alternative(mask, Enclosure(replace(self, inner=other.enclosure))))
        return tuple(out)


@dataclass
class TotalProblem:
    """The sum of all elements over a divisor."""

    stride: ClassVar[int] = 1

    inner: Enclosure
    """The weighted values."""
    reduction: str
    weights: Float
    """The broadcast weights, flat."""
    empty: float | None
    shape: tuple[int, ...] = ()
    size: int = 1
    undefined: Mask = field(init=False)
    nan: Mask = field(init=False)
    divisor: Real = field(init=False)
    zero_over_zero: bool = field(init=False)
    """Whether the value is 0/0."""

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.inner.problem.exact

    def __post_init__(self) -> None:
        problem = self.inner.problem
        undefined, nan = bool(problem.undefined.any()), bool(problem.nan.any())
        self.divisor = Real(rational(1)) if undefined else self._divisor()
        self.zero_over_zero = not undefined and not nan and self.divisor.sign() == 0
        if self.zero_over_zero and not self._vanishes():
            self.zero_over_zero, undefined = False, True  # a nonzero number over zero
        if self.zero_over_zero:
            undefined = self.empty is None
            nan = self.empty is not None and math.isnan(self.empty)
        self.undefined, self.nan = np.array([undefined]), np.array([nan and not undefined])

    def _divisor(self) -> Real:
        if self.reduction == "sum":
            return Real(rational(1))
        if self.reduction == "mean":
            return Real(rational(self.weights.size))
        if self.reduction == "mean_by_nonzero":
            return Real(rational(int(np.count_nonzero(self.weights))))
        return Real.sum(Real(rational(w)) for w in self.weights.tolist())

    def _vanishes(self) -> bool:
        exact = self.exact
        total: Real = exact.sum(self.inner.problem.evaluate(exact, slice(None)))[0]
        return total.sign() == 0

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        if self.zero_over_zero:
            value = 0.0 if self.empty is None or math.isnan(self.empty) else self.empty
            return arithmetic.take(arithmetic.number(np.array([value])), rows)
        if self.undefined[0] or self.nan[0]:
            return arithmetic.take(arithmetic.number(np.zeros(1)), rows)
        with np.errstate(all="ignore"):
            total = arithmetic.sum(self.inner.problem.evaluate(arithmetic, slice(None)))
            if self.reduction != "sum":
                total = total / arithmetic.rational([self.divisor.r])
        return arithmetic.take(total, rows)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        """sum E_i / divisor + u (n + 3) sum |w e| / divisor, E_i that of the weighted elements.

        n - 1 additions, the division, and a divisor that is rounded once; mean_by_weight sums its divisor as
        well, a relative error of gamma_n sum |w| / |sum w|, or none where every order of summation is exact.
        """
        if self.zero_over_zero or self.undefined[0] or self.nan[0]:
            return np.zeros(1)
        n = self.inner.problem.size
        divisor = abs(float(np.max(np.abs(self.divisor.bounds()))))
        terms = float(np.sum(flat_bound(self.inner, fmt, grade)))
        sizes = np.array([float(np.sum(self.inner.magnitude))])
        count = rounding_count(n, fmt, grade)
        with np.errstate(invalid="ignore", over="ignore"):
            out = (terms * (1 + count) + count * sizes) / divisor
            if self.reduction == "mean_by_weight" and not sums_exactly(self.weights, fmt):
                spread = count * float(np.sum(np.abs(self.weights))) / divisor
                share = spread / (1 - spread) if spread < 1 else np.inf
                total = (sizes + terms) / divisor
                out = out + np.where(total == 0, 0.0, share * total)
        return np.asarray(out)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        others = self.inner.problem.alternatives(fmt)
        if not others:
            return ()
        sides = [[None, *(o for o in others if o.mask.ravel()[i])] for i in range(self.inner.problem.size)]
        count = math.prod(len(s) for s in sides)
        if count > MOST_ALTERNATIVES:
            raise UnsupportedInput(
                f"{count} values are right here, since several norms lie at the threshold; "
                f"at most {MOST_ALTERNATIVES} can be told apart"
            )
        out = []
        for choices in list(product(*sides))[1:]:
            mixed = Enclosure(MixedProblem(self.inner, tuple(choices)))
            out.append(Alternative(np.array(True), Enclosure(replace(self, inner=mixed))))
        return tuple(out)


@dataclass
class MixedProblem:
    """The elements of an enclosure, some of them replaced by an alternative."""

    stride: ClassVar[int] = 1

    inner: Enclosure
    choices: tuple[Alternative | None, ...]

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.inner.problem.exact

    def __post_init__(self) -> None:
        problem = self.inner.problem
        self.shape, self.size, self.undefined, self.nan = (
            problem.shape,
            problem.size,
            problem.undefined,
            problem.nan,
        )

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        value = self.inner.problem.evaluate(arithmetic, slice(None))
        for i, chosen in enumerate(self.choices):
            if chosen is not None:
                mask = np.zeros(self.size, dtype=bool)
                mask[i] = True
                value = arithmetic.where(
                    mask, chosen.enclosure.problem.evaluate(arithmetic, slice(None)), value
                )
        return arithmetic.take(value, rows)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        out = self.inner.problem.bound(fmt, grade)
        for i, chosen in enumerate(self.choices):
            if chosen is not None:
                out[i] = chosen.enclosure.problem.bound(fmt, grade)[i]
        return out

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        return ()


def reduce(
    e: Enclosure, reduction: str = "none", weights: ArrayLike | None = None, empty: float | None = None
) -> Enclosure:
    """Weight and reduce an enclosure, exactly.

    `reduction` is one of REDUCTIONS. `weights` (a number or an array of a float dtype or integers)
    broadcasts against e as NumPy arrays do, so per-sample weights for a result of higher rank are given
    right-expanded. `none` returns the weighted values in the broadcast shape, every other reduction a
    scalar (shape ()). `empty` is what 0/0 gives (a mean over nothing, or over weights that sum to 0): None
    leaves it undefined; 0.0 or NaN where the documentation says so. An undefined element makes the sum
    undefined, whatever its weight; so does a weight that is not finite, and a sum that is not 0 over
    weights that sum to 0.
    """
    choice("reduction", reduction, REDUCTIONS)
    required("reduce takes", e)
    if empty is not None and not (isinstance(empty, float) and math.isnan(empty)):
        empty = real_parameter("empty", empty)
    if weights is None:
        if reduction == "none":
            return e
        return Enclosure(TotalProblem(e, reduction, np.ones(e.problem.size), empty))
    w = checked("weights", weights).astype(np.float64)
    try:
        shape = np.broadcast_shapes(e.shape, w.shape)
    except ValueError:
        raise ValueError(
            f"weights of shape {w.shape} do not broadcast against values of shape {e.shape}"
        ) from None
    index = np.broadcast_to(np.arange(e.problem.size).reshape(e.shape), shape).ravel()
    flat = np.broadcast_to(w, shape).ravel()
    weighted = Enclosure(WeightedProblem(e, index, flat, shape))
    return weighted if reduction == "none" else Enclosure(TotalProblem(weighted, reduction, flat, empty))


def sums_exactly(values: Float, fmt: FloatFormat) -> bool:
    """Whether any order of summation is exact: multiples of one power of two q, partial sums up to 2^p q."""
    digits, exponents = np.frexp(values[values != 0])
    if not digits.size or not np.isfinite(digits).all():
        return not digits.size
    whole = np.abs(np.ldexp(digits, 53)).astype(np.int64)
    q = float(np.min(np.ldexp((whole & -whole).astype(np.float64), exponents - 53)))
    with np.errstate(over="ignore"):
        return bool(q >= fmt.eta and np.sum(np.abs(values)) <= q / fmt.u)
