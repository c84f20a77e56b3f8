"""The arrays of a family that hold numbers: vectors along an axis, or one given number a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.formula import Arrays
from lossproof.conformance.model.subject import Subject

Mask = NDArray[np.bool_]
Logarithms = NDArray[np.float64]
ORDINARY = 32
"""Norms and distances from 2^-32 to 2^32 are ordinary input; so is a distance of 0."""


@dataclass(frozen=True)
class Inputs(ABC):
    """The roles of the arrays that hold numbers, the one whose samples are counted first."""

    roles: tuple[str, ...]

    @property
    def vectors(self) -> tuple[str, ...]:
        """The roles of the arrays that have an embedding axis."""
        return ()

    def partner(self, role: str) -> str:
        """The role that may be mistaken for this one; itself where there is none."""
        return role

    @abstractmethod
    def log2_squares(self, by_role: Arrays, axis: int) -> tuple[Logarithms, Logarithms]:
        """log2 of the squared size of each row of the first and of the last array: -inf for 0, inf or NaN beyond."""

    @abstractmethod
    def finite(self, by_role: Arrays, axis: int) -> Mask:
        """The rows whose numbers are all finite."""

    @abstractmethod
    def ordinary(self, by_role: Arrays, axis: int) -> Mask:
        """The rows whose numbers are of ordinary size."""

    @abstractmethod
    def of_elements(self, mask: Mask, axis: int, shape: tuple[int, ...]) -> Mask:
        """A mask of rows for the elements of a gradient of this shape; for all of them where rows were summed."""

    @abstractmethod
    def nearness(self, by_role: Arrays, axis: int) -> float:
        """How near the pairs lie to each other on average, in float64."""


class Vectors(Inputs):
    """Pairs of vectors along the embedding axis."""

    @property
    def vectors(self) -> tuple[str, ...]:
        """Both."""
        return self.roles

    def partner(self, role: str) -> str:
        """The other one."""
        return self.roles[1 - self.roles.index(role)] if role in self.roles else role

    def log2_squares(self, by_role: Arrays, axis: int) -> tuple[Logarithms, Logarithms]:
        """Of the norms."""
        x, y = self._pair(by_role)
        return log2_squared_norms(x, axis), log2_squared_norms(y, axis)

    def finite(self, by_role: Arrays, axis: int) -> Mask:
        """In both vectors."""
        x, y = (np.isfinite(a.astype(np.float64)).all(axis) for a in self._pair(by_role))
        return np.asarray(x & y)

    def ordinary(self, by_role: Arrays, axis: int) -> Mask:
        """Both norms."""
        q, r = (_within(s) for s in self.log2_squares(by_role, axis))
        return np.asarray(q & r)

    def of_elements(self, mask: Mask, axis: int, shape: tuple[int, ...]) -> Mask:
        """All elements of a row share its mark."""
        if mask.ndim == 0:
            return mask
        try:
            return np.broadcast_to(np.expand_dims(mask, axis), shape)
        except ValueError:
            return np.asarray(mask.any())

    def nearness(self, by_role: Arrays, axis: int) -> float:
        """The mean cosine."""
        x, y = (by_role[role] for role in self.roles)
        return float(np.mean((x * y).sum(axis) / np.sqrt((x * x).sum(axis) * (y * y).sum(axis))))

    def _pair(self, by_role: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
        """Both with the rank of their common shape, in which the axis counts: a vector against a matrix is a row."""
        x, y = (by_role[role] for role in self.roles)
        rank = max(x.ndim, y.ndim)
        x, y = (a.reshape((1,) * (rank - a.ndim) + a.shape) for a in (x, y))
        return x, y


class Given(Inputs):
    """Distances that are handed in, one a row in each array."""

    def log2_squares(self, by_role: Arrays, axis: int) -> tuple[Logarithms, Logarithms]:
        """Of the distances."""
        with np.errstate(all="ignore"):
            sizes = [2.0 * np.log2(np.abs(by_role[role].astype(np.float64))) for role in self.roles]
        return sizes[0], sizes[-1]

    def finite(self, by_role: Arrays, axis: int) -> Mask:
        """In every array."""
        return np.asarray(np.all([np.isfinite(by_role[r].astype(np.float64)) for r in self.roles], axis=0))

    def ordinary(self, by_role: Arrays, axis: int) -> Mask:
        """Every distance, or 0."""
        sizes = self.log2_squares(by_role, axis)
        return np.asarray(np.all([_within(s) | np.isneginf(s) for s in sizes], axis=0))

    def of_elements(self, mask: Mask, axis: int, shape: tuple[int, ...]) -> Mask:
        """A row is one element."""
        return mask

    def nearness(self, by_role: Arrays, axis: int) -> float:
        """The mean of the first distances, negated."""
        return -float(np.mean(by_role[self.roles[0]]))


def _within(squares: Logarithms) -> Mask:
    return np.asarray((squares >= -2 * ORDINARY) & (squares <= 2 * ORDINARY))


def log2_squared_norms(values: NDArray[Any], axis: int) -> Logarithms:
    """log2(sum x^2) along an axis, without leaving the range: -inf for a zero row, inf or NaN for a nonfinite one."""
    wide = np.abs(values.astype(np.float64))
    with np.errstate(all="ignore"):
        top = np.max(wide, axis=axis, keepdims=True, initial=0.0)
        _, exponent = np.frexp(np.where(np.isfinite(top), top, 1.0))
        scaled = np.ldexp(wide, -exponent)
        total = np.sum(scaled * scaled, axis=axis)
        return np.asarray(np.log2(total) + 2.0 * np.squeeze(exponent, axis=axis))


def axis_of(subject: Subject, options: Mapping[str, Any]) -> int:
    """The embedding axis under these options: -1 where it is no option, or None is given."""
    option = subject.option("axis")
    value = options.get(option.name, option.default) if option else -1
    return -1 if value is None else int(value)
