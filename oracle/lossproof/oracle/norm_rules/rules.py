"""The built-in norm rules, each one object.

raw                    D = 1
plain                  D = |a| |b|
floor_norm             D = max(|a|, eps) max(|b|, eps)
floor_squared_norm     D = sqrt(max(sum a^2, eps)) sqrt(max(sum b^2, eps))
floor_product          D = max(|a| |b|, eps)
floor_squared_product  D = sqrt(max(sum a^2 sum b^2, eps))
add_squared            D = sqrt(sum a^2 + eps) sqrt(sum b^2 + eps)
threshold              D = n(a) n(b), n(v) = |v|, but 1 where |v| < eps
zero_as_one            D = n(a) n(b), n(v) = |v|, but 1 where v = 0
add_norm               D = (|a| + eps) (|b| + eps)
add_product            D = |a| |b| + eps
floor_x_norm           D = max(|a|, eps) |b|
floor_y_norm           D = |a| max(|b|, eps)
norm_of_x              D = |a|^2
norm_of_y              D = |b|^2
"""

from __future__ import annotations

from dataclasses import replace

from lossproof.oracle.formats import Mask
from lossproof.oracle.norm_rules.model import Eps, NormRule, Numbers, Quadratic, Squared, turned


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
    unbounded=True,
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
    unbounded=True,
)


def _zero_or_one(n: Quadratic, squared: Numbers) -> Numbers:
    """A squared norm, but 1 of a row of zeros, which every arithmetic tells from all others that it knows."""
    inside, certain = n.arithmetic.less(n.one - n.one, squared)
    return n.arithmetic.unknown(~certain, n.arithmetic.where(inside, squared, n.one))


def _norms_without_zeros(n: Quadratic) -> Numbers:
    return _zero_or_one(n, n.q) * _zero_or_one(n, n.r)


def _inverse_where(n: Quadratic, quantity: Numbers, divisor: Numbers) -> Numbers:
    """1 / divisor where the quantity is above 0, else 0, since P is 0 there and so is a."""
    inside, certain = n.arithmetic.less(n.one - n.one, quantity)
    inverse = n.one / n.arithmetic.where(inside, divisor, n.one)
    return n.arithmetic.unknown(~certain, n.arithmetic.where(inside, inverse, n.one - n.one))


def _over_norm(n: Quadratic) -> Numbers:
    return _inverse_where(n, n.q, n.q)


ZERO_AS_ONE = NormRule(
    name="zero_as_one",
    says="takes a norm of 0 as 1",
    square=_norms_without_zeros,
    slope=_over_norm,
)


def _norms_and_eps(n: Quadratic) -> tuple[Numbers, ...]:
    return n.arithmetic.sqrt(n.q) + n.eps, n.arithmetic.sqrt(n.r) + n.eps


def _over_norm_and_eps(n: Quadratic) -> Numbers:
    """1 / (|a| (|a| + eps)); at a = 0 the norm has no derivative, but P / D has: b / D, whatever k."""
    return _inverse_where(n, n.q, n.q + n.eps * n.arithmetic.sqrt(n.q))


ADD_NORM = NormRule(
    name="add_norm",
    says="adds to each norm: |x| + {eps}",
    square=Squared(_norms_and_eps),
    factors=_norms_and_eps,
    slope=_over_norm_and_eps,
    eps=Eps(),
    scale_free=False,
)


def _product_and_eps(n: Quadratic) -> tuple[Numbers, ...]:
    return (n.arithmetic.sqrt(n.q * n.r) + n.eps,)


def _over_product_and_eps(n: Quadratic) -> Numbers:
    """|b| / (|a| (|a| |b| + eps)) = R / (Q R + eps |a| |b|)."""
    product = n.q * n.r
    return n.r * _inverse_where(n, product, product + n.eps * n.arithmetic.sqrt(product))


ADD_PRODUCT = NormRule(
    name="add_product",
    says="adds to the product of the norms: |x| |y| + {eps}",
    square=Squared(_product_and_eps),
    factors=_product_and_eps,
    slope=_over_product_and_eps,
    eps=Eps(product=True),
    scale_free=False,
)


def _first_norm_floored(n: Quadratic) -> Numbers:
    return n.arithmetic.maximum(n.q, n.eps * n.eps) * n.r


def _inverse_of_second(n: Quadratic) -> Numbers:
    return n.one / n.r


FLOOR_X_NORM = NormRule(
    name="floor_x_norm",
    says="floors the norm of the first input alone: max(|x|, {eps}) |y|",
    square=_first_norm_floored,
    slope=_over_squared_eps,
    slope_y=_inverse_of_second,
    eps=Eps(kink=True, y=False),
)
FLOOR_Y_NORM = replace(
    FLOOR_X_NORM.swapped(),
    name="floor_y_norm",
    says="floors the norm of the second input alone: |x| max(|y|, {eps})",
)


def _first_squared(n: Quadratic) -> Numbers:
    return n.q * n.q


def _twice_inverse(n: Quadratic) -> Numbers:
    return (n.one + n.one) / n.q


NORM_OF_X = NormRule(
    name="norm_of_x",
    says="divides by the norm of the first input twice: |x|^2",
    square=_first_squared,
    slope=_twice_inverse,
    slope_y=_constant,
    scale_free=False,
    unbounded=True,
)
NORM_OF_Y = replace(
    NORM_OF_X.swapped(),
    name="norm_of_y",
    says="divides by the norm of the second input twice: |y|^2",
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
    ZERO_AS_ONE,
    ADD_NORM,
    ADD_PRODUCT,
    FLOOR_X_NORM,
    FLOOR_Y_NORM,
    NORM_OF_X,
    NORM_OF_Y,
)
"""The built-in rules, the simplest first: those with an eps are guessed in this order where answers are wrong."""
