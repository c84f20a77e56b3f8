"""The screen of scores/screen.py as a kernel: P, Q, R and K of rows in lanes, and what they say of an answer.

Sums in lanes are less deep than those of NumPy, so this leaves fewer rows open. It judges none otherwise: whatever is
decided is proven, and rows that are left go the same way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.formats import Float, Mask
from lossproof.oracle.kernels.compiled import compiled
from lossproof.oracle.kernels.lanes import (
    PIECE,
    STEP,
    single_screen,
    single_screen_single,
    whole_screen,
    whole_screen_single,
)

ROWS_AT_ONCE = 1 << 10
"""Rows whose sums are near while they are judged."""


def _summed(whole_sums: Any, single_sums: Any) -> Any:
    """A kernel (x, y, start, found) that writes the sums of rows from `start` on into the columns of `found`."""

    @compiled
    def sums(x: Any, y: Any, start: int, found: Any) -> None:
        d = x.shape[1]
        whole = d - d % STEP
        for i in range(found.shape[1]):
            first = (start + i) * d
            p, q, r, k = 0.0, 0.0, 0.0, 0.0
            for begin in range(first, first + whole, PIECE):
                s, t, u, v = whole_sums(x, y, begin, min(begin + PIECE, first + whole), ())
                p, q, r, k = p + s, q + t, r + u, k + v
            if whole < d:
                s, t, u, v = single_sums(x, y, first + whole, first + d, ())
                p, q, r, k = p + s, q + t, r + u, k + v
            found[0, i], found[1, i], found[2, i], found[3, i] = p, q, r, k

    return sums


_sums_in_double, _sums_in_single = (
    _summed(whole_screen, single_screen),
    _summed(whole_screen_single, single_screen_single),
)


@compiled
def _judged(
    found: Any, answers: Any, floors: Any, score: Any, reach: Any, lines: Any, right: Any, left: Any
) -> None:
    """Which answers are right, and which are left open."""
    floor, more, at_least = floors
    sign, offset = score
    least, most = reach
    near_k, near_c, near, far_k, far_c, far, far_inverse = lines
    for i in range(len(answers)):
        p, q, r, k = found[0, i], found[1, i], found[2, i], found[3, i]
        d2 = ((q if q > floor else floor) + more) * ((r if r > floor else floor) + more)
        inverse = 1 / math.sqrt(d2 if d2 > at_least else at_least)
        c, kappa = p * inverse, k * inverse
        size = abs(c)
        error = abs(answers[i] - (offset + sign * c))
        fine = (q >= least) & (q <= most) & (r >= least) & (r <= most)
        accepted = fine & (error <= near_k * kappa + near_c * size + near)
        refused = fine & (error > far_k * kappa + far_c * size + far + far_inverse * inverse)
        right[i] = accepted
        left[i] = not (accepted | refused)


def judge(
    x: NDArray[Any],
    y: NDArray[Any],
    answers: Float,
    floors: tuple[float, float, float],
    score: tuple[float, float],
    reach: tuple[float, float],
    lines: tuple[float, ...],
) -> tuple[Mask, Mask]:
    """Which answers are right, and which are left open, from sums in the precision of the rows (C-contiguous).

    `reach`: between which squared norms the lines hold.
    """
    n = len(x)
    right, left = np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.bool_)
    found = np.empty((4, min(n, ROWS_AT_ONCE)))
    sums = _sums_in_single if x.dtype == np.float32 else _sums_in_double
    for start in range(0, n, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, n)
        part = found[:, : stop - start]
        sums(x, y, start, part)
        _judged(part, answers[start:stop], floors, score, reach, lines, right[start:stop], left[start:stop])
    return right, left
