"""P, Q, R and K = sum |a b| of rows in one precision, float32 or float64, in a handful of passes of NumPy.

P is summed in two halves, so that no product goes through more than `depth` roundings, its own and the last addition
included. The other sums are of one sign, so any order gives them to a relative gamma_d; Q and R may be `halved`
as well, and then go through `norm_depth`. NumPy hands all to a BLAS, whose order is not known and need not be.
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

    def __init__(self, length: int, rows: int, working: Any, halved: bool = False) -> None:
        self.half = (length + 1) // 2 if length >= UNDIVIDED else length
        self.depth = min(self.half + 1, length)
        self.halved = halved and self.half < length
        self.norm_depth = self.depth if self.halved else length
        self.near = max(1, min(rows, AT_ONCE // length))
        self.working = np.dtype(working)
        self.room: list[NDArray[Any] | None] = [None, None, None]
        self.ones = np.ones(length, self.working)

    def __call__(self, x: NDArray[Any], y: NDArray[Any]) -> Float:
        """P, Q, R and K as the rows of a float64 matrix, P as a sum of two: P, Q, R, K, rest of P."""
        n, near = len(x), self.near
        found = np.empty((5, n), self.working)
        if n <= near:
            self._sum(x, y, found)
        else:
            for i in range(0, n, near):
                self._sum(x[i : i + near], y[i : i + near], found[:, i : i + near])
        wide = found.astype(np.float64, copy=False)
        wide[0] += wide[4]
        return wide

    def _sum(self, x: NDArray[Any], y: NDArray[Any], found: NDArray[Any]) -> None:
        half, ones = self.half, self.ones
        if x.dtype != self.working:
            x = self._widened(x, 1)
        if y.dtype != self.working:
            y = self._widened(y, 2)
        p, q, r, k, rest = found
        z = np.multiply(x, y, out=self._space(0, x.shape))
        if half < len(ones):
            np.matmul(z[:, :half], ones[:half], out=p)
            np.matmul(z[:, half:], ones[half:], out=rest)
        else:
            np.matmul(z, ones, out=p)
            rest[:] = 0
        np.abs(z, out=z)
        np.matmul(z, ones, out=k)
        for v, squared in ((x, q), (y, r)):
            if self.halved:
                _dot(v[:, :half], v[:, :half], out=squared)
                squared += _dot(v[:, half:], v[:, half:])
            else:
                _dot(v, v, out=squared)

    def _widened(self, v: NDArray[Any], place: int) -> NDArray[Any]:
        room = self._space(place, v.shape)
        np.copyto(room, v, casting="unsafe")
        return room

    def _space(self, place: int, shape: tuple[int, ...]) -> NDArray[Any]:
        found = self.room[place]
        if found is None:
            found = self.room[place] = np.empty((self.near, len(self.ones)), self.working)
        return found[: shape[0]]


def _einsum(v: NDArray[Any], w: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    return np.asarray(np.einsum("ij,ij->i", v, w, out=out))


_dot: Any = getattr(np, "vecdot", _einsum)
"""vecdot came with NumPy 2 and is the faster one."""
