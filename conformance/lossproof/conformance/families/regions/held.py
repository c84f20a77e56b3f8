"""A reduced question as a region sees it: its arrays, their norms, and the format whose range counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.model.dtypes import FORMATS, Format


def log2_squared_norms(values: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """log2(sum x^2) along an axis, without leaving the range: -inf for a zero row, inf or NaN for a nonfinite one."""
    wide = np.abs(values.astype(np.float64))
    with np.errstate(all="ignore"):
        top = np.max(wide, axis=axis, keepdims=True, initial=0.0)
        _, exponent = np.frexp(np.where(np.isfinite(top), top, 1.0))
        scaled = np.ldexp(wide, -exponent)
        total = np.sum(scaled * scaled, axis=axis)
        return np.asarray(np.log2(total) + 2.0 * np.squeeze(exponent, axis=axis))


@dataclass(frozen=True)
class Held:
    """The arrays that a region draws, in a question that is being reduced; `axis` is that of the elements of a row."""

    arrays: tuple[NDArray[Any], ...]
    axis: int = -1

    @cached_property
    def format(self) -> Format:
        """The format of the arrays, of several the one with the smallest range; float32 for integers."""
        named = [str(a.dtype) for a in self.arrays if str(a.dtype) in FORMATS]
        return FORMATS[min(named, key=lambda n: FORMATS[n].emax)] if named else FORMATS["float32"]

    @cached_property
    def values(self) -> tuple[NDArray[np.float64], ...]:
        """The arrays in float64."""
        return tuple(a.astype(np.float64) for a in self.arrays)

    @cached_property
    def finite(self) -> bool:
        """Whether every element is a finite number."""
        return all(bool(np.isfinite(a).all()) for a in self.values)

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """log2 of the norm of each row of each array; -inf for a zero row."""
        return np.concatenate([np.ravel(log2_squared_norms(a, self.axis)) / 2 for a in self.arrays])
