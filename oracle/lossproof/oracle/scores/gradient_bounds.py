"""Native bounds of gradients.

g_i = s (b_i / D - a_i c k), s the factor of score and reduction. With the model and the notation of
bounds.py, b_i / D takes d + 4 roundings for D and a few more; c has the error growth(d + 8)(kappa + |c|), and
k = 1/Q (or 1/(Q + eps)) is off by d + 2 roundings in itself and is, together with the d + 4 of D inside c,
what an implementation may compute again with other roundings. So

    |g'_i - g_i| <= |s| (growth(d + 12) (|b_i| / D + kappa |a_i| k) + growth(2 d + 12) |c| |a_i| k) + the eta
    term

whose first part is the u (d + 8)(|b_i| / D + kappa |a_i| / |a|^2) of DESIGN section 4 with the roundings of
s; the second, with |c| in place of kappa, is what its derivation leaves when the same norm is rounded twice.
The eta term: any of the products d (a b), c k, a (c k), b (1/D) and the result may be flushed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lossproof.oracle.enclosure import LADDER
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.rounding import (
    NARROW,
    UP,
    by_norms,
    flat_bound,
    inverse_norms,
    rounding,
    rounding_count,
)
from lossproof.oracle.scores import jumps

if TYPE_CHECKING:
    from lossproof.oracle.arithmetic.rows import Block
    from lossproof.oracle.scores.cosine import CosineProblem
    from lossproof.oracle.scores.gradient import ContrastiveGradient, CosineGradient, GroupedSum

MORE = 4
"""Roundings of weight, divisor, score and the product with them."""


def gradient_bound(gradient: CosineGradient, fmt: FloatFormat, grade: str) -> Float:
    """The bound of every element, flat, without the final half ulp."""
    problem, d = gradient.problem, gradient.length
    kappa, inverse, c = problem.spread
    turned = np.zeros(problem.size, dtype=bool) if gradient.kink is None else gradient.kink.clamp
    k = np.zeros(problem.size) if by_norms(problem) else _slopes(gradient, turned)
    near = jumps.near_kinks(gradient, fmt)[0]
    if near.any():  # a computation may take either side of the clamp, with the errors of that side
        k = np.where(near, np.fmax(k, _slopes(gradient, turned ^ near)), k)
    s = np.abs(np.where(np.isfinite(gradient.factors.weights), gradient.factors.weights, 0.0))
    s = s / abs(float(int(gradient.factors.divisor.p)) / float(int(gradient.factors.divisor.q))) * UP
    out = np.empty((problem.size, d))
    for rows in problem.row_blocks(1 << 15, slice(None)):
        block = problem.pairs.block(rows)
        a = np.abs(np.broadcast_to(block.x, (len(block.x), d)))
        b = np.abs(np.broadcast_to(block.y, (len(block.y), d)))
        per_pair = [v[rows][:, None] for v in (kappa, inverse, np.abs(c), k, s)]
        kap, inv, size, slope, factor = per_pair
        with np.errstate(all="ignore"):
            ahead, across = _shares(problem, block, inv, slope)
            first = ahead + kap * across
            total = rounding(first, d + MORE, fmt, grade) + rounding(size * across, 2 * d + MORE, fmt, grade)
            if fmt.flushes and (grade == "G3" or (grade == "G2" and fmt.name not in NARROW)):
                total = total + fmt.eta * (d * inv * across + a + across + inv + b + 2)
            # The result and its two terms may be subnormal, flushed or not: half a unit for each rounding there.
            last = max(fmt.eta, math.ldexp(4.0, fmt.quantum))
            out[rows] = np.where(first == 0, 0.0, total * factor + np.where(factor > 0, last, 0.0))
    return np.nan_to_num(out.ravel(), nan=np.inf, posinf=np.inf)


def _shares(problem: CosineProblem, block: Block, inverse: Float, slope: Float) -> tuple[Float, Float]:
    """|b_i| / D and |a_i| k for each element, from 1/D and k; of rows that the arithmetics scale, from their norms.

    D and 1/k = Q may leave the range there, where (|b_i| / |b|) / |a| and (|a_i| / |a|) / |a| do not.
    """
    d = problem.pairs.length
    if not by_norms(problem):
        a, b = (np.abs(np.broadcast_to(v, (len(v), d))) for v in (block.x, block.y))
        return b * inverse, a * slope
    near = block.scaled()
    down = inverse_norms(block.x)[:, None]
    shares = (np.abs(v) * inverse_norms(v)[:, None] for v in (near.y, near.x))
    ahead, across = (np.where(share == 0, 0.0, share * down) for share in shares)
    return ahead, across


def _slopes(gradient: CosineGradient, turned: Mask) -> Float:
    """Upper bounds of k for each pair, clamps `turned` over; 0 where it is not known to matter."""
    from lossproof.oracle.norm_rules import Quadratic

    problem = gradient.problem
    out = np.zeros(problem.size)
    left = np.flatnonzero(~problem.undefined & ~problem.zero_denominator)
    for arithmetic in LADDER:
        for rows in problem.row_blocks(arithmetic.block_elements, left):
            still = np.zeros(len(rows), dtype=bool)
            jump = still if problem.flip is None else problem.flip[0][rows]
            one, eps = (arithmetic.number(np.full(len(rows), v)) for v in (1.0, problem.measure.eps))
            with np.errstate(all="ignore"):
                _, Q, R = arithmetic.dots(problem.pairs.block(rows))
                k: Any = gradient.slope_of_norm(
                    Quadratic(arithmetic, Q, R, eps, one, turned[rows] ^ jump, still)
                )
                out[rows] = arithmetic.bounds(k)[1]
        left = left[~np.isfinite(out[left])]
        if not left.size:
            break
    return out


def grouped_bound(problem: GroupedSum, fmt: FloatFormat, grade: str) -> Float:
    """The bounds of the members and the roundings of their sum."""
    count = problem.members.shape[1]
    if count <= 1:  # nothing is added: the half ulp of the result is all that comes to it
        return np.asarray(problem.inner.problem.bound(fmt, grade)[problem.members].sum(axis=1))
    each = flat_bound(problem.inner, fmt, grade)[problem.members].sum(axis=1)
    size = problem.inner.magnitude[problem.members].sum(axis=1)
    share = rounding_count(count, fmt, grade)
    return np.asarray(each * (1 + share) + share * size)


def contrastive_gradient_bound(gradient: ContrastiveGradient, fmt: FloatFormat) -> Float:
    """2 t s with t = d or max(margin - d, 0): t' - t as in `contrastive_bound`, three roundings and those of
    s.
    """
    u, m = fmt.u, gradient.margin
    d = np.where(gradient.undefined, 0.0, gradient.distances)
    s = np.where(gradient.undefined, 0.0, np.abs(gradient.factors.weights))
    s = s / abs(float(int(gradient.factors.divisor.p)) / float(int(gradient.factors.divisor.q)))
    s = s * (0.5 if gradient.half else 1.0)
    if not gradient.squared:
        return s * (MORE + 2) * u * (1 + 16 * u)
    gap = m - d
    tau = u * (abs(m) + np.abs(gap)) * (1 + u)
    tau = np.where(gap < 0, np.maximum(0.0, tau + gap), tau)
    tau = np.where(gradient.similar, 0.0, tau)
    t = np.where(gradient.similar, np.abs(d), np.maximum(gap, 0.0))
    flushed = np.where((t == 0) & (tau == 0), 0.0, fmt.eta * (1 + s))
    return 2 * s * (tau + (MORE + 3) * u * (t + tau)) * UP * (1 + 16 * u) + flushed
