"""P, Q, R and K = sum |a b| of rows in one precision, float32 or float64, in a handful of passes of NumPy.

P is summed in two halves, so that no product goes through more than `depth` roundings, its own and the last addition
included. The other sums are of one sign, so any order gives them to a relative gamma_d. NumPy hands them to a BLAS,
whose order is not known and need not be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.formats import Float

AT_ONCE = 1 << 17
"""Elements of each side that are near while they are multiplied and summed."""
UNDIVIDED = 16
"""Rows shorter than this are summed whole."""


class RowSums:
    """Sums rows of one length, some at a time, in room that is used again and again."""

    def __init__(self, length: int, rows: int, working: Any) -> None:
        self.half = (length + 1) // 2 if length >= UNDIVIDED else length
        self.depth = min(self.half + 1, length)
        self.near = max(1, min(rows, AT_ONCE // length))
        self.working = np.dtype(working)
        self.room: list[NDArray[Any] | None] = [None, None, None]
        self.ones = np.ones(length, self.working)

    def __call__(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[Float, Float, Float, Float]:
        """P, Q, R and K as float64."""
        n, near = len(x), self.near
        if n <= near:
            p, rest, q, r, k = self._summed(x, y)
        else:
            parts = [self._summed(x[i : i + near], y[i : i + near]) for i in range(0, n, near)]
            p, rest, q, r, k = (np.concatenate(v) for v in zip(*parts, strict=True))
        if self.working.itemsize == 8:
            return (p if rest is p else p + rest), q, r, k
        wide = np.float64
        total = p.astype(wide)
        if rest is not p:
            total += rest
        return total, q.astype(wide), r.astype(wide), k.astype(wide)

    def _summed(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Both halves of P (twice the whole, if it is not divided), Q, R and K."""
        half, ones = self.half, self.ones
        if x.dtype != self.working:
            x = self._widened(x, 1)
        if y.dtype != self.working:
            y = self._widened(y, 2)
        z = np.multiply(x, y, out=self._space(0, x.shape))
        p = z[:, :half] @ ones[:half]
        rest = z[:, half:] @ ones[half:] if half < len(ones) else p
        np.abs(z, out=z)
        return p, rest, _squares(x), _squares(y), z @ ones

    def _widened(self, v: NDArray[Any], place: int) -> NDArray[Any]:
        room = self._space(place, v.shape)
        np.copyto(room, v, casting="unsafe")
        return room

    def _space(self, place: int, shape: tuple[int, ...]) -> NDArray[Any]:
        found = self.room[place]
        if found is None:
            found = self.room[place] = np.empty((self.near, len(self.ones)), self.working)
        return found[: shape[0]]


def _squares(v: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(_dot(v, v))


def _einsum(v: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.einsum("ij,ij->i", v, w))


_dot: Any = getattr(np, "vecdot", _einsum)
"""vecdot came with NumPy 2 and is the faster one."""
