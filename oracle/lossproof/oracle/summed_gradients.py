"""Gradients of sums: what weights and reductions multiply them by, and the sums over what was broadcast."""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from flint import fmpq
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.reals import rational
from lossproof.oracle.arithmetic.rows import checked
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows
from lossproof.oracle.errors import choice
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.norm_rules.model import Numbers
from lossproof.oracle.reduction import REDUCTIONS
from lossproof.oracle.rounding import flat_bound, rounding_count


@dataclass(frozen=True)
class Factors:
    """The factors of each pair's gradient: weights (flat) and a common rational divisor."""

    weights: Float
    divisor: fmpq

    def apply(self, a: Arithmetic[Any], values: Numbers, weights: Float) -> Numbers:
        """values times weights over the divisor."""
        if not (weights == 1).all():
            values = values * a.number(weights)
        return values if self.divisor == 1 else values / a.rational([self.divisor] * len(weights))

    def sizes(self) -> Float:
        """|weights / divisor|, flat; 0 for a weight that is not finite."""
        sizes = np.abs(np.where(np.isfinite(self.weights), self.weights, 0.0))
        return np.asarray(sizes / abs(float(int(self.divisor.p)) / float(int(self.divisor.q))))


def factors(e: Enclosure, weights: ArrayLike | None, reduction: str) -> Factors:
    """The factors that weights and a reduction come to; ValueError where they do not fit."""
    choice("reduction", reduction, REDUCTIONS)
    size = e.problem.size
    w = np.ones(e.shape) if weights is None else checked("weights", weights).astype(np.float64)
    try:
        w = np.broadcast_to(w, e.shape).ravel().copy()
    except ValueError:
        raise ValueError(
            f"weights of shape {w.shape} do not broadcast to the values' shape {e.shape}"
        ) from None
    divisor = fmpq(1)
    if reduction == "mean":
        divisor = fmpq(size)
    elif reduction == "mean_by_nonzero":
        divisor = fmpq(int(np.count_nonzero(w)))
    elif reduction == "mean_by_weight" and np.isfinite(w).all():
        divisor = sum((rational(v) for v in w.tolist()), fmpq(0))
    if divisor == 0:
        w, divisor = np.full(size, np.nan), fmpq(1)
    return Factors(w, divisor)


@dataclass
class GroupedSum:
    """Sums of elements of an enclosure: the gradient with respect to an array that was broadcast, or a
    transposed one.
    """

    stride: ClassVar[int] = 1

    inner: Enclosure
    members: NDArray[np.intp]
    """Of shape (elements of the result, elements in each sum)."""
    shape: tuple[int, ...]

    @property
    def exact(self) -> Arithmetic[Any]:
        return self.inner.problem.exact

    @property
    def size(self) -> int:
        return len(self.members)

    @cached_property
    def undefined(self) -> Mask:
        mask: Mask = np.any(self.inner.problem.undefined[self.members], axis=1)
        return mask

    @cached_property
    def nan(self) -> Mask:
        return np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        members = self.members[rows]
        n, count = members.shape
        if count == 0:
            return arithmetic.number(np.zeros(n))
        order = np.argsort(members, axis=None)  # whole pairs one after another
        back = np.empty(n * count, dtype=np.intp)
        back[order] = np.arange(n * count)
        values = self.inner.problem.evaluate(arithmetic, members.ravel()[order])
        columns = back.reshape(n, count)
        with np.errstate(all="ignore"):
            total = arithmetic.take(values, columns[:, 0])
            for j in range(1, count):
                total = total + arithmetic.take(values, columns[:, j])
        return total

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        """The bounds of the members and the roundings of their sum."""
        count = self.members.shape[1]
        if count <= 1:  # nothing is added: the half ulp of the result is all that comes to it
            return np.asarray(self.inner.problem.bound(fmt, grade)[self.members].sum(axis=1))
        each = flat_bound(self.inner, fmt, grade)[self.members].sum(axis=1)
        size = self.inner.magnitude[self.members].sum(axis=1)
        share = rounding_count(count, fmt, grade)
        return np.asarray(each * (1 + share) + share * size)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        out = []
        for other in self.inner.problem.alternatives(fmt):
            mask = np.any(other.mask.ravel()[self.members], axis=1).reshape(self.shape)
            # Each row of a sum may take another point of its segment, so only rows that are not summed keep theirs.
            alone = other.joint is not None and self.members.shape[1] == 1
            vectors = other.joint[self.members[:, 0]] if other.joint is not None and alone else None
            other_side = Enclosure(replace(self, inner=other.enclosure))
            out.append(Alternative(mask, other_side, other.hull, vectors))
        return tuple(out)


def arranged(inner: Enclosure, wrt_shape: tuple[int, ...], full: tuple[int, ...], axis: int) -> Enclosure:
    """The gradient in the shape of the array itself: axes put back, broadcast elements summed."""
    if wrt_shape == full and axis == -1:
        return Enclosure(replace(inner.problem, shape=wrt_shape))  # type: ignore[type-var]
    index = np.moveaxis(np.arange(inner.problem.size).reshape(full), -1, axis)
    rank = index.ndim
    shape = (1,) * (rank - len(wrt_shape)) + wrt_shape
    summed = [i for i in range(rank) if shape[i] == 1 and index.shape[i] != 1]
    kept = [i for i in range(rank) if i not in summed]
    count = math.prod(index.shape[i] for i in summed)
    members = index.transpose(*kept, *summed).reshape(math.prod(wrt_shape), count)
    return Enclosure(GroupedSum(inner, members, wrt_shape))
