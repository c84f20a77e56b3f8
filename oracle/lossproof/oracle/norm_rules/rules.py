"""The built-in norm rules, each one object.

raw                    D = 1
plain                  D = |a| |b|
floor_norm             D = max(|a|, eps) max(|b|, eps)
floor_squared_norm     D = sqrt(max(sum a^2, eps)) sqrt(max(sum b^2, eps))
floor_product          D = max(|a| |b|, eps)
floor_squared_product  D = sqrt(max(sum a^2 sum b^2, eps))
add_squared            D = sqrt(sum a^2 + eps) sqrt(sum b^2 + eps)
threshold              D = n(a) n(b), n(v) = |v|, but 1 where |v| < eps
"""

from __future__ import annotations

from lossproof.oracle.formats import Mask
from lossproof.oracle.norm_rules.model import Eps, NormRule, Numbers, Quadratic, turned


def _one(n: Quadratic) -> Numbers:
    return n.one


def _constant(n: Quadratic) -> Numbers:
    return n.one - n.one


RAW = NormRule(
    name="raw",
    says="does not normalise: the plain dot product",
    square=_one,
    slope=_constant,
    unit=True,
    scale_free=False,
)


def _product(n: Quadratic) -> Numbers:
    return n.q * n.r


def _inverse(n: Quadratic) -> Numbers:
    return n.one / n.q


def _unfloored(eps: float) -> tuple[float, float, float]:
    return 0.0, 0.0, 0.0


PLAIN = NormRule(
    name="plain",
    says="divides by |x| |y| without any floor",
    square=_product,
    slope=_inverse,
    kernel=_unfloored,
    norms=True,
)


def _over(n: Quadratic, quantity: Numbers, floor: Numbers) -> Numbers:
    """1/Q where the quantity exceeds its floor, else 0: a clamp holds D constant below it."""
    above, certain = n.arithmetic.less(floor, quantity)
    above = turned(above, n.flip_x)
    slope = n.one / n.arithmetic.where(above, n.q, n.one)
    return n.arithmetic.unknown(~certain, n.arithmetic.where(above, slope, n.one - n.one))


def _norms_floored(n: Quadratic) -> Numbers:
    larger, eps2 = n.arithmetic.maximum, n.eps * n.eps
    return larger(n.q, eps2) * larger(n.r, eps2)


def _over_squared_eps(n: Quadratic) -> Numbers:
    return _over(n, n.q, n.eps * n.eps)


def _followed(n: Quadratic) -> Numbers:
    """d(log max(|a|, eps)) with d|a| for d max: 1/(max(|a|, eps) |a|), and 0 where |a| = 0.

    Differentiating the norm gives this where only its value was raised to eps.
    """
    a, still = n.arithmetic, n.one - n.one
    below, certain = a.less(n.q, n.eps * n.eps)
    below = turned(below, n.flip_x)
    inside, sure = a.less(still, n.q)
    pulled = n.one / (n.eps * a.sqrt(a.where(inside, n.q, n.one)))
    return a.unknown(~(certain & sure), a.where(below, a.where(inside, pulled, still), _over_squared_eps(n)))


def _norm_floors(eps: float) -> tuple[float, float, float]:
    return eps * eps, 0.0, 0.0


FLOOR_NORM = NormRule(
    name="floor_norm",
    says="floors each norm: max(|x|, {eps})",
    square=_norms_floored,
    slope=_over_squared_eps,
    followed=_followed,
    eps=Eps(kink=True),
    kernel=_norm_floors,
)


def _squared_norms_floored(n: Quadratic) -> Numbers:
    larger = n.arithmetic.maximum
    return larger(n.q, n.eps) * larger(n.r, n.eps)


def _over_eps(n: Quadratic) -> Numbers:
    return _over(n, n.q, n.eps)


def _squared_norm_floors(eps: float) -> tuple[float, float, float]:
    return eps, 0.0, 0.0


FLOOR_SQUARED_NORM = NormRule(
    name="floor_squared_norm",
    says="floors each squared norm: max(sum x^2, {eps})",
    square=_squared_norms_floored,
    slope=_over_eps,
    eps=Eps(squared=True, kink=True),
    kernel=_squared_norm_floors,
)


def _product_floored(n: Quadratic) -> Numbers:
    return n.arithmetic.maximum(n.q * n.r, n.eps * n.eps)


def _product_over_squared_eps(n: Quadratic) -> Numbers:
    return _over(n, n.q * n.r, n.eps * n.eps)


def _product_floors(eps: float) -> tuple[float, float, float]:
    return 0.0, 0.0, eps * eps


FLOOR_PRODUCT = NormRule(
    name="floor_product",
    says="floors the product of the norms: max(|x| |y|, {eps})",
    square=_product_floored,
    slope=_product_over_squared_eps,
    eps=Eps(product=True, kink=True),
    kernel=_product_floors,
)


def _squared_product_floored(n: Quadratic) -> Numbers:
    return n.arithmetic.maximum(n.q * n.r, n.eps)


def _product_over_eps(n: Quadratic) -> Numbers:
    return _over(n, n.q * n.r, n.eps)


def _squared_product_floors(eps: float) -> tuple[float, float, float]:
    return 0.0, 0.0, eps


FLOOR_SQUARED_PRODUCT = NormRule(
    name="floor_squared_product",
    says="floors the product of the squared norms: max(|x|^2 |y|^2, {eps})",
    square=_squared_product_floored,
    slope=_product_over_eps,
    eps=Eps(product=True, squared=True, kink=True),
    kernel=_squared_product_floors,
)


def _added(n: Quadratic) -> Numbers:
    return (n.q + n.eps) * (n.r + n.eps)


def _inverse_added(n: Quadratic) -> Numbers:
    return n.one / (n.q + n.eps)


def _more(eps: float) -> tuple[float, float, float]:
    return 0.0, eps, 0.0


ADD_SQUARED = NormRule(
    name="add_squared",
    says="adds to each squared norm: sum x^2 + {eps}",
    square=_added,
    slope=_inverse_added,
    eps=Eps(squared=True),
    kernel=_more,
    scale_free=False,
)


def _or_one(n: Quadratic, squared: Numbers, flip: Mask | None) -> Numbers:
    below, certain = n.arithmetic.less(squared, n.eps * n.eps)
    chosen = n.arithmetic.where(turned(below, flip), n.one, squared)
    return n.arithmetic.unknown(~certain, chosen)


def _norms_or_one(n: Quadratic) -> Numbers:
    return _or_one(n, n.q, n.flip_x) * _or_one(n, n.r, n.flip_y)


def _over_threshold(n: Quadratic) -> Numbers:
    below, certain = n.arithmetic.less(n.q, n.eps * n.eps)
    below = turned(below, n.flip_x)
    slope = n.one / n.arithmetic.where(below, n.one, n.q)
    return n.arithmetic.unknown(~certain, n.arithmetic.where(below, n.one - n.one, slope))


THRESHOLD = NormRule(
    name="threshold",
    says="treats a norm below {eps} as 1",
    square=_norms_or_one,
    slope=_over_threshold,
    eps=Eps(jump=True),
)

RULES = (
    RAW,
    PLAIN,
    FLOOR_NORM,
    FLOOR_SQUARED_NORM,
    FLOOR_PRODUCT,
    FLOOR_SQUARED_PRODUCT,
    ADD_SQUARED,
    THRESHOLD,
)
"""The built-in rules, the simplest first: those with an eps are guessed in this order where answers are wrong."""
