"""Dot products without rounding errors, from slices of the rows.

A row with |x_i| < 2^E is cut into slices of w bits: adding and subtracting sigma = 1.5 2^(52 + q) rounds
every element to a multiple of the quantum 2^q (Rump, Ogita, Oishi, SISC 31(1), 2008, pp. 189-224, algorithm
3.2 ExtractVector), and what is left is at most half a quantum. With q_0 = E - w and q_(k+1) = q_k - 1 - w all
slices are integers of at most 2^w quanta, so when 2 d 2^(2w) <= 2^53 every partial sum of slice products is
an integer below 2^53 quanta: the dot product of two slices is exact in float64, and so is the sum of two of
them, whatever the order of summation and whether or not products are fused (the idea of Ozaki et al., Numer.
Algorithms 59, 2012, pp. 95-118). No TwoProd and no TwoSum over the rows is needed, which makes this fast in
NumPy and safe against reassociation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.formats import Float

Ints = NDArray[np.int64]
SLICE = 26
"""Bits of a slice that is counted from the norm of a row: see sliced_dots.py."""
SHORT_ROW = 8
"""Rows up to this length are summed column by column."""


def width(length: int) -> int:
    """w: the bits of a slice for rows of this length."""
    return (52 - max(length - 1, 0).bit_length()) // 2


def exponents(x: Float) -> Ints:
    """E for each row: all elements are below 2^E in magnitude; 0 for rows of zeros and empty rows."""
    largest = np.maximum(x.max(axis=1, initial=0.0), -x.min(axis=1, initial=0.0))
    out: Ints = np.frexp(largest)[1].astype(np.int64)
    return out


@dataclass(frozen=True)
class Sliced:
    """Rows as a sum of exact slices and a rest: x = parts[0] + parts[1] + ... + rest."""

    parts: list[Float]
    rest: Float
    first: Ints
    """q of the first slice, for each row; each later one is 1 + w lower."""
    step: int

    def quantum(self, k: int) -> Ints:
        """q of slice k."""
        return self.first - k * self.step


def sliced(x: Float, largest: Ints, bits: int, count: int) -> Sliced:
    """Cut rows below 2^largest, from -400 to 400, into at most `count` slices of `bits` bits."""
    first = largest - bits
    parts, rest, step = [], x, bits + 1
    for k in range(count):
        sigma = np.ldexp(1.5, 52 + first - k * step)[:, None]
        part = rest + sigma
        part -= sigma
        if k == 0:
            rest = rest - part
        else:
            rest -= part
        parts.append(part)
        if not rest.any():
            break
    return Sliced(parts, rest, first, step)


def dot(x: Float, y: Float, out: Float | None = None) -> Float:
    """Row by row, in the order that NumPy likes; rows of length 1 are repeated.

    Short rows are summed column by column, since NumPy's loops over short rows are slow: best in Fortran order.
    """
    if x.shape[1] != y.shape[1]:
        x, y = np.broadcast_arrays(x, y)
    if not 0 < x.shape[1] <= SHORT_ROW:
        return np.asarray(_dot_rows(x, y, out))
    total = np.multiply(x[:, 0], y[:, 0], out)
    for k in range(1, x.shape[1]):
        total += x[:, k] * y[:, k]
    return total


def _einsum_rows(x: Float, y: Float, out: Float | None) -> Float:
    return np.asarray(np.einsum("ij,ij->i", x, y, out=out))


_dot_rows: Callable[[Float, Float, Float | None], Float] = getattr(np, "vecdot", _einsum_rows)
"""vecdot came with NumPy 2 and is the faster one."""
