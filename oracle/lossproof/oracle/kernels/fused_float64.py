"""Cosines of rows rounded to float64 in a handful of passes: sums from one slice, and a quotient in double-double.

What double_double.py does for any formula, without its detours: the same sums (sliced_dots.py), the same square root,
quotient and bounds. Rows that this leaves open go up the ladder, so the answers are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.binary64 import U
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.sliced_dots import RANGE, sums_of_slices
from lossproof.oracle.arithmetic.slices import SLICE
from lossproof.oracle.arithmetic.transforms import two_prod, two_sum
from lossproof.oracle.formats import Float, Mask
from lossproof.oracle.kernels.fused import SCORE_TERMS

LONGEST = 1024
"""Rows up to this length are mostly decided by one slice."""


def round_rows(x: Float, y: Float, score: str, values: Float) -> NDArray[np.intp]:
    """Cosines of float64 rows under the plain rule, rounded to float64 and written into `values`; which of them are
    uncertain.
    """
    sums, _ = sums_of_slices(Block(x, y), 1)
    with np.errstate(all="ignore"):
        first, sure = _rounded(sums, x.shape[1], *SCORE_TERMS[score])
    values[:] = first
    return np.flatnonzero(~sure) if not sure.all() else np.empty(0, dtype=np.intp)


def _rounded(sums: Float, d: int, sign: float, offset: float) -> tuple[Float, Mask]:
    """c = P / sqrt(Q R), scored and rounded, and where that is certain.

    A row with 2^(E - 1) <= |x| < 2^E has a rest of at most sqrt(d) half quanta of 2^(E - SLICE), so |rx| <= f |x| with
    f = sqrt(d) 2^-SLICE. The rest of P is then off by gamma (f + f + 2 f^2) |x| |y|, that of Q by gamma (2 + f) f Q,
    and so is that of R; gamma = (d + 8) u as in sliced_dots.py, and 1 + 2^-18 covers the rounding of the norms.
    The rests leave a radius of 2^-75 at least, so what is decided is far from underflow, and 1 + 2^-20 covers what the
    quotient, the root and the score lose in double-double: a few times 2^-102.
    """
    (p, p_low), (q, q_low), (r, r_low) = (
        two_sum(sums[2], sums[5] + sums[6]),
        two_sum(sums[3], sums[7]),
        two_sum(sums[4], sums[8]),
    )
    d2, e = two_prod(q, r)
    d2, e = two_sum(d2, e + (q * r_low + q_low * r))
    near = np.sqrt(d2)
    g, h = two_prod(near, near)
    s, t = two_sum(near, (((d2 - g) - h) + e) / (2 * near))
    c = p / s
    g, h = two_prod(s, c)
    g, f = two_sum(g, t * c)
    high, low = two_sum(g, f + h)
    c, c_low = two_sum(c, ((p - high) + (p_low - low)) / s)
    rest = np.sqrt(float(d)) * 2.0**-SLICE * (1 + 2.0**-18)
    gamma = (d + 8) * U * (1 + 2.0**-20)
    rad = np.abs(c)
    rad *= gamma * (2 + rest) * rest
    rad += gamma * (2 + 2 * rest) * rest
    if sign < 0 or offset:
        c, low = two_sum(np.full(len(c), offset), sign * c)
        c, c_low = two_sum(c, low + sign * c_low)
    rad *= 1 + 2.0**-20
    first, last = c + (c_low - rad), c + (c_low + rad)
    sure = first == last
    for squared in sums[:2]:
        if not (squared.min(initial=1.0) >= 1 / RANGE and squared.max(initial=1.0) <= RANGE):
            sure &= (squared >= 1 / RANGE) & (squared <= RANGE)
    return first, sure
