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

import numpy as np

from lossproof.oracle.binary64 import SAFE, Ball, Products, U
from lossproof.oracle.formats import Float, Mask
from lossproof.oracle.rules import SQUARED_DENOMINATORS, Quadratic

RULES = ("plain", "floor_norm", "floor_squared_norm", "floor_product", "floor_squared_product", "add_squared")
LONGEST = 1 << 31
"""d u <= 2^-22 for every length up to this."""
RANGE = SAFE * SAFE


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
