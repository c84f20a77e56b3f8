"""Native bounds of gradients.

g_i = s (b_i / D - a_i c k), s the factor of score and reduction. With the model and the notation of
rounding.py, b_i / D takes d + 5 roundings for D and a few more; c has the error growth(d + 8)(kappa + |c|), and
k = 1/Q (or 1/(Q + eps)) is off by d + 6 roundings in itself and is, together with the d + 5 of D inside c,
what an implementation may compute again with other roundings. So

    |g'_i - g_i| <= |s| (growth(d + 12) (|b_i| / D + kappa |a_i| k) + growth(2 d + 12) |c| |a_i| k) + the eta
    term

whose first part is the u (d + 8)(|b_i| / D + kappa |a_i| / |a|^2) of DESIGN section 4 with the roundings of
s; the second, with |c| in place of kappa, is what its derivation leaves when the same norm is rounded twice.
The eta term: any of the products d (a b), c k, a (c k), b (1/D) and the result may be flushed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.enclosure import LADDER
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.norm_rules.model import Numbers, Quadratic
from lossproof.oracle.rounding import MORE, NARROW, UP, rounding
from lossproof.oracle.scores import jumps
from lossproof.oracle.scores.bounds import by_norms, inverse_norms
from lossproof.oracle.scores.cosine import Cosine

SlopeOfNorm = Callable[[Quadratic], Numbers]
"""k of a norm rule, see gradient.py."""


def gradient_bound(
    score: Cosine, slope_of_norm: SlopeOfNorm, turned: Mask, sizes: Float, fmt: FloatFormat, grade: str
) -> Float:
    """The bound of every element, flat, without the final half ulp.

    `turned`: the pairs whose clamp is turned over; `sizes`: what multiplies the gradient of each pair.
    """
    d = score.pairs.length
    kappa, inverse, c = score.spread
    k = np.zeros(score.size) if by_norms(score) else _slopes(score, slope_of_norm, turned)
    near = jumps.near_clamp(score, fmt)
    if near.any():  # a computation may take either side of the clamp, with the errors of that side
        k = np.where(near, np.fmax(k, _slopes(score, slope_of_norm, turned ^ near)), k)
    s = sizes * UP
    out = np.empty((score.size, d))
    for rows in score.row_blocks(1 << 15, slice(None)):
        block = score.pairs.block(rows)
        a = np.abs(np.broadcast_to(block.x, (len(block.x), d)))
        b = np.abs(np.broadcast_to(block.y, (len(block.y), d)))
        per_pair = [v[rows][:, None] for v in (kappa, inverse, np.abs(c), k, s)]
        kap, inv, size, slope, factor = per_pair
        with np.errstate(all="ignore"):
            ahead, across = _shares(score, block, inv, slope)
            first = ahead + kap * across
            total = rounding(first, d + MORE, fmt, grade) + rounding(size * across, 2 * d + MORE, fmt, grade)
            if fmt.flushes and (grade == "G3" or (grade == "G2" and fmt.name not in NARROW)):
                total = total + fmt.eta * (d * inv * across + a + across + inv + b + 2)
            # The result and its two terms may be subnormal, flushed or not: half a unit for each rounding there.
            last = max(fmt.eta, math.ldexp(4.0, fmt.quantum))
            out[rows] = np.where(first == 0, 0.0, total * factor + np.where(factor > 0, last, 0.0))
    return np.nan_to_num(out.ravel(), nan=np.inf, posinf=np.inf)


def _shares(score: Cosine, block: Block, inverse: Float, slope: Float) -> tuple[Float, Float]:
    """|b_i| / D and |a_i| k for each element, from 1/D and k; of rows that the arithmetics scale, from their norms.

    D and 1/k = Q may leave the range there, where (|b_i| / |b|) / |a| and (|a_i| / |a|) / |a| do not.
    """
    d = score.pairs.length
    if not by_norms(score):
        a, b = (np.abs(np.broadcast_to(v, (len(v), d))) for v in (block.x, block.y))
        return b * inverse, a * slope
    near = block.scaled()
    down = inverse_norms(block.x)[:, None]
    shares = (np.abs(v) * inverse_norms(v)[:, None] for v in (near.y, near.x))
    ahead, across = (np.where(share == 0, 0.0, share * down) for share in shares)
    return ahead, across


def _slopes(score: Cosine, slope_of_norm: SlopeOfNorm, turned: Mask) -> Float:
    """Upper bounds of k for each pair, clamps `turned` over; 0 where it is not known to matter."""
    out = np.zeros(score.size)
    left = np.flatnonzero(~score.undefined & ~score.zero_denominator)
    for arithmetic in LADDER:
        for rows in score.row_blocks(arithmetic.block_elements, left):
            still = np.zeros(len(rows), dtype=bool)
            jump = still if score.flip is None else score.flip[0][rows]
            one, eps = (arithmetic.number(np.full(len(rows), v)) for v in (1.0, score.measure.eps))
            with np.errstate(all="ignore"):
                _, Q, R = arithmetic.dots(score.pairs.block(rows))
                k: Any = slope_of_norm(Quadratic(arithmetic, Q, R, eps, one, turned[rows] ^ jump, still))
                out[rows] = arithmetic.bounds(k)[1]
        left = left[~np.isfinite(out[left])]
        if not left.size:
            break
    return out
