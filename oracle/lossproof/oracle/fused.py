"""The first stage of a cosine in a handful of passes, instead of one ball after another.

With P', Q', R' from float64, c' = P' / sqrt(D2') and |a| |b| <= D (all rules but raw and threshold),
Cauchy-Schwarz gives

    |c' - c| <= gamma_d + |c'| (gamma_d + 6 u) (1 + ...) <= k (1 + |c'|),  k = (d + 8) u (1 + 2^-20) for d u
    <= 2^-22:

Q' and R' have a relative error of gamma_d, D2' two of those and at most three more roundings (a sum with eps,
a product; a maximum adds nothing), halved by the square root, which rounds once, as does the division. The
test that holds this to the generic formula is in tests/oracle/test_stages.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.binary64 import SAFE, Ball, Products, U
from lossproof.oracle.formats import Float, Mask
from lossproof.oracle.rules import SQUARED_DENOMINATORS, Quadratic
from lossproof.oracle.slices import dot

RULES = ("plain", "floor_norm", "floor_squared_norm", "floor_product", "floor_squared_product", "add_squared")
LONGEST = 1 << 31
"""d u <= 2^-22 for every length up to this."""
RANGE = SAFE * SAFE
NEAR_ELEMENTS = 1 << 15
LEAST, MOST = 2.0**-125, 2.0**126
"""Between them a float32 is neither near the subnormal numbers nor near infinity."""


class Floats:
    """Bare float64 numbers: what the formula of a norm rule needs to be evaluated without bounds."""

    @staticmethod
    def maximum(a: Float, b: Float) -> Float:
        """The larger one."""
        return np.maximum(a, b)


def cosine_ball(products: Products, norm_rule: str, eps: float, length: int) -> Ball:
    """c for some rows; unknown where a squared norm or D2 leaves the range in which the bound holds."""
    p, q, r = products
    k = (length + 8) * U * (1 + 2.0**-20)
    with np.errstate(all="ignore"):
        d2 = SQUARED_DENOMINATORS[norm_rule](Quadratic(Floats(), q, r, np.float64(eps), np.float64(1)))
        c = p / np.sqrt(d2)
        rad = np.abs(c)
        rad += 1
        rad *= k
        least, most = d2.min(initial=1.0), d2.max(initial=1.0)
        if not (usable(eps) and least >= 1 / RANGE and most <= RANGE and _tame(q) and _tame(r)):
            rad = np.where(_settled(q, r, d2, eps), rad, np.inf)
        zero = p == 0
        if zero.any():
            rad = np.where(zero & (rad < np.inf), 0.0, rad)
    return Ball(c, rad)


def round_gradient(
    x: NDArray[Any], y: NDArray[Any], sign: float, values: NDArray[Any], decided: Mask
) -> None:
    """The gradient of sign * c with respect to narrow rows x under the plain rule, rounded to float32 into `values`,
    and where that is certain.

    g_i = b_i s/D - a_i s P/(D Q). With h = d, s/D is off by (h + 6) u relatively and s P/(D Q) by (3 h + 10) u / Q: P
    by gamma_h |a| |b| with |a| |b| = D, the rest by 2 h + 10 roundings, relatively, and it is at most 1/Q. The two
    products, their difference and the ends of the enclosure round once each. Elements are at most the norm of their
    row, so one radius serves a whole row; what it leaves open is tried again with a radius for each element.
    """
    n, d = x.shape
    step = max(1, NEAR_ELEMENTS // d)
    a, b, g = (np.empty((min(step, n), d)) for _ in range(3))
    end = np.empty(g.shape, dtype=np.float32)
    terms = np.empty((4, n))
    for i in range(0, n, step):
        rows = slice(i, min(i + step, n))
        v, w, mid = (space[: rows.stop - i] for space in (a, b, g))
        high = end[: rows.stop - i]
        np.copyto(v, x[rows], casting="unsafe")
        np.copyto(w, y[rows], casting="unsafe")
        with np.errstate(all="ignore"):
            rad = _gradient_terms(v, w, sign, terms[:, rows])[:, None]
            lead, pull = terms[:2, rows]
            np.multiply(w, lead[:, None], out=mid)
            v *= pull[:, None]
            mid -= v
            np.add(mid, rad, out=w)
            mid -= rad
            np.copyto(high, w, casting="unsafe")
            np.copyto(values[rows], mid, casting="unsafe")
            _settle(values[rows], high, decided[rows])
    some = np.nonzero(~decided)
    if some[0].size:
        v, w = x[some].astype(np.float64), y[some].astype(np.float64)
        lead, pull, r1, r2 = terms[:, some[0]]
        with np.errstate(all="ignore"):
            middle = w * lead - v * pull
            rad = np.abs(w) * r1 + np.abs(v) * r2 + 8 * U * np.abs(middle)
            low, last = (middle - rad).astype(np.float32), (middle + rad).astype(np.float32)
            sure = np.empty(low.shape, dtype=np.bool_)
            _settle(low, last, sure)
        values[some], decided[some] = low, sure


def _gradient_terms(v: Float, w: Float, sign: float, terms: Float) -> Float:
    """s/D, s P/(D Q) and the factors of |b_i| and |a_i| in their errors for some rows, into `terms`; the radius of each
    row.
    """
    d = v.shape[1]
    p, q, r = dot(v, w), dot(v, v), dot(w, w)
    lead = sign / np.sqrt(q * r)
    pull = lead * p / q
    grow = U * (1 + 2.0**-20)
    r1, r2 = np.abs(lead) * ((d + 12) * grow), (3 * d + 20) * grow / q
    r1[~((q >= 1 / SAFE) & (q <= SAFE) & (r >= 1 / SAFE) & (r <= SAFE))] = np.inf
    terms[:] = lead, pull, r1, r2
    rad: Float = np.sqrt(r) * (r1 + 8 * grow * np.abs(lead)) + np.sqrt(q) * (r2 + 8 * grow * np.abs(pull))
    return rad


def _settle(low: NDArray[Any], high: NDArray[Any], sure: Mask) -> None:
    """Where the two ends are one float32, neither subnormal nor close to infinity. `high` is overwritten."""
    np.equal(low, high, out=sure)
    np.abs(low, out=high)
    if not (high.min(initial=1.0) >= LEAST and high.max(initial=1.0) < MOST):
        sure &= (high >= LEAST) & (high < MOST)


def usable(eps: float) -> bool:
    """Whether eps and its square leave no room for underflow."""
    return eps == 0 or 2.0**-500 <= eps <= SAFE


def _tame(q: Float) -> bool:
    return bool(q.min(initial=1.0) >= 1 / SAFE and q.max(initial=1.0) <= SAFE)


def _settled(q: Float, r: Float, d2: Float, eps: float) -> Mask:
    """Where nothing underflowed or overflowed: norms zero or in the safe range, and so is D2."""
    if not usable(eps):
        return np.zeros(len(q), dtype=bool)
    fine: Mask = (d2 >= 1 / RANGE) & (d2 <= RANGE)
    for squared in (q, r):
        fine &= (squared == 0) | ((squared >= 1 / SAFE) & (squared <= SAFE))
    return fine
