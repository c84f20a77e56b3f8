"""Values of a documented cosine, right, or each wrong in one way. Run in a real worker: Python 3.7 syntax."""

import math
import os

import numpy as np
from fakes import isqrt

WIDE = np.longdouble
"""Wider than every dtype asked for: nothing overflows or underflows on the way but where a fake means it to."""


# --- right ---


def exact_row(a, b, eps, odd):
    """sum(a b) / (max(|a|, eps) max(|b|, eps)) from exact integers, truncated and made odd, or rounded."""
    shift = 1200  # the smallest subnormal float64 is an integer then
    a, b = ([_integer(v, shift) for v in row] for row in (a, b))
    floor = _integer(eps, shift) ** 2
    dot = sum(x * y for x, y in zip(a, b))  # noqa: B905
    under = max(sum(x * x for x in a), floor) * max(sum(y * y for y in b), floor)
    if not dot or not under:
        return 0.0
    # |c| = sqrt(dot^2 / under), with a few hundred bits beyond its leading one.
    extra = 2 * max(0, (under.bit_length() - 2 * abs(dot).bit_length()) // 2 + 130)
    root = isqrt((dot * dot << extra) // under) | 1  # the last bit stands for what was cut off
    cut = max(0, root.bit_length() - 53)
    if odd:
        value = math.ldexp(root >> cut | 1, cut - extra // 2)
    else:
        kept = (root >> max(0, cut - 8)) | 1
        value = _scaled(kept, max(0, cut - 8) - extra // 2)
    return -value if dot < 0 else value


def _integer(value, shift):
    mantissa, exponent = math.frexp(float(value))
    return int(mantissa * 2**53) << (exponent - 53 + shift) if exponent - 53 + shift >= 0 else 0


def _scaled(number, exponent):
    """float(number) 2^exponent, rounded once where the result is normal."""
    return math.ldexp(float(number), exponent)


def cosine_similarity(x1, x2, axis=-1, eps=1e-8):
    """The documented value, correctly rounded: sums of exact integers, one rounding."""
    _check(x1, x2, axis)
    dtype = np.result_type(x1.dtype, x2.dtype)
    rows1, rows2 = (np.moveaxis(x, axis, -1) for x in np.broadcast_arrays(x1, x2))
    flat = zip(rows1.reshape(-1, rows1.shape[-1]), rows2.reshape(-1, rows2.shape[-1]))  # noqa: B905
    odd = dtype != np.float64  # rounding to odd first makes the cast to a narrower dtype exact
    values = [
        exact_row(a, b, eps, odd) if np.isfinite(a).all() and np.isfinite(b).all() else np.nan
        for a, b in flat
    ]
    return np.array(values, np.float64).reshape(rows1.shape[:-1]).astype(dtype)


def _check(x1, x2, axis):
    if x1.dtype.kind != "f" or x2.dtype.kind != "f":
        raise TypeError("x1 and x2 must be floating")
    if not -x1.ndim <= axis < x1.ndim:
        raise ValueError("axis out of range", axis)
    np.broadcast_shapes(x1.shape, x2.shape) if hasattr(np, "broadcast_shapes") else np.broadcast(x1, x2)


def _sums(x1, x2, axis, dtype=WIDE):
    """P, Q and R in a wide dtype."""
    a, b = (x.astype(dtype) for x in np.broadcast_arrays(x1, x2))
    return (a * b).sum(axis), (a * a).sum(axis), (b * b).sum(axis)


def _quotient(p, under):
    with np.errstate(all="ignore"):
        return np.where(under == 0, 0, p / np.where(under == 0, 1, under))


def careful(x1, x2, axis=-1, eps=1e-8):
    """The documented value in a wide dtype, rounded at the end."""
    _check(x1, x2, axis)
    p, q, r = _sums(x1, x2, axis)
    under = np.maximum(np.sqrt(q), WIDE(eps)) * np.maximum(np.sqrt(r), WIDE(eps))
    return _quotient(p, under).astype(np.result_type(x1.dtype, x2.dtype))


# --- right within rounding: several orders of summation, after scaling rows by powers of two ---


def _native(add):
    """An implementation in float32 (float64 for float64), with `add(products)` as its sum over the last axis."""

    def implementation(x1, x2, axis=-1, eps=1e-8):
        _check(x1, x2, axis)
        result = np.result_type(x1.dtype, x2.dtype)
        dtype = np.result_type(result, np.float32)
        rows = [np.moveaxis(x.astype(dtype), axis, -1) for x in np.broadcast_arrays(x1, x2)]
        scaled, exponents = zip(*(_power_of_two(x) for x in rows))  # noqa: B905
        a, b = scaled
        p, q, r = add(a * b), add(a * a), add(b * b)
        with np.errstate(all="ignore"):
            norms = np.sqrt(q), np.sqrt(r)
            # |x| / max(|x|, eps) is at most 1, and 1 where the norm overflows.
            shares = [
                np.minimum(1, np.ldexp(n, e) / dtype.type(eps))
                for n, e in zip(norms, exponents)  # noqa: B905
            ]
            value = _quotient(p, norms[0] * norms[1])
            for share in shares:
                value = np.where(share == 1, value, value * share)
        return np.asarray(value).astype(result)

    return implementation


def _power_of_two(rows):
    top = np.max(np.abs(rows), axis=-1, initial=0)
    exponent = np.frexp(np.where(np.isfinite(top), top, 1))[1]
    return np.ldexp(rows, -exponent[..., None]), exponent


def _forward(products):
    return (
        np.add.accumulate(products, -1, dtype=products.dtype)[..., -1]
        if products.shape[-1]
        else products.sum(-1)
    )


pairwise = _native(lambda products: products.sum(-1))
forward = _native(_forward)
backward = _native(lambda products: _forward(products[..., ::-1]))
strided_lanes = _native(lambda products: sum(products[..., k::8].sum(-1) for k in range(8)))


def naive(x1, x2, axis=-1, eps=1e-8):
    """In float32 without any scaling: sums of squares overflow and underflow."""
    _check(x1, x2, axis)
    result = np.result_type(x1.dtype, x2.dtype)
    dtype = np.result_type(result, np.float32)
    with np.errstate(all="ignore"):
        p, q, r = _sums(x1, x2, axis, dtype)
        under = np.maximum(np.sqrt(q), dtype.type(eps)) * np.maximum(np.sqrt(r), dtype.type(eps))
        return _quotient(p, under).astype(result)


# --- another formula ---


def wrong_sign(x1, x2, axis=-1, eps=1e-8):
    return -careful(x1, x2, axis, eps)


def distance(x1, x2, axis=-1, eps=1e-8):
    return 1 - careful(x1, x2, axis, eps)


def unnormalised(x1, x2, axis=-1, eps=1e-8):
    _check(x1, x2, axis)
    with np.errstate(all="ignore"):
        return _sums(x1, x2, axis)[0].astype(np.result_type(x1.dtype, x2.dtype))


RULES = {
    "plain": lambda q, r, eps: np.sqrt(q) * np.sqrt(r),
    "floor_squared_norm": lambda q, r, eps: np.sqrt(np.maximum(q, eps)) * np.sqrt(np.maximum(r, eps)),
    "floor_product": lambda q, r, eps: np.maximum(np.sqrt(q) * np.sqrt(r), eps),
    "floor_squared_product": lambda q, r, eps: np.sqrt(np.maximum(q * r, eps)),
    "add_squared": lambda q, r, eps: np.sqrt(q + eps) * np.sqrt(r + eps),
    "threshold": lambda q, r, eps: (
        np.where(np.sqrt(q) < eps, 1, np.sqrt(q)) * np.where(np.sqrt(r) < eps, 1, np.sqrt(r))
    ),
}


def _ruled(rule):
    def implementation(x1, x2, axis=-1, eps=1e-8):
        _check(x1, x2, axis)
        p, q, r = _sums(x1, x2, axis)
        with np.errstate(all="ignore"):
            value = _quotient(p, RULES[rule](q, r, WIDE(eps)))
            return value.astype(np.result_type(x1.dtype, x2.dtype))

    return implementation


floor_squared_norm = _ruled("floor_squared_norm")
floor_product = _ruled("floor_product")
floor_squared_product = _ruled("floor_squared_product")
add_squared = _ruled("add_squared")
threshold = _ruled("threshold")


def eps_ignored(x1, x2, axis=-1, eps=1e-8):
    """Another eps than the one that is given or documented."""
    return careful(x1, x2, axis, 1e-6)


def eps_default(x1, x2, axis=-1, eps=1e-6):
    """Another default than documented."""
    return careful(x1, x2, axis, eps)


def nan_for_zero(x1, x2, axis=-1, eps=1e-8):
    value = careful(x1, x2, axis, eps)
    _, q, r = _sums(x1, x2, axis)
    return np.where((q == 0) | (r == 0), value.dtype.type(np.nan), value)


def one_for_zero(x1, x2, axis=-1, eps=1e-8):
    value = careful(x1, x2, axis, eps)
    _, q, r = _sums(x1, x2, axis)
    return np.where((q == 0) | (r == 0), value.dtype.type(1), value)


def overflowing(x1, x2, axis=-1, eps=1e-8):
    """NaN where a sum of squares overflows the dtype of the inputs."""
    value = careful(x1, x2, axis, eps)
    with np.errstate(all="ignore"):
        _, q, r = (np.asarray(s, value.dtype) for s in _sums(x1, x2, axis))
    return np.where(np.isinf(q) | np.isinf(r), value.dtype.type(np.nan), value)


def underflowing(x1, x2, axis=-1, eps=1e-8):
    """0 where a sum of squares underflows the dtype of the inputs to zero."""
    value = careful(x1, x2, axis, eps)
    with np.errstate(all="ignore"):
        _, q, r = (np.asarray(s, value.dtype) for s in _sums(x1, x2, axis))
    return np.where((q == 0) | (r == 0), value.dtype.type(0), value)


# --- another axis, shape or dtype ---


def last_axis(x1, x2, axis=-1, eps=1e-8):
    """Whatever the axis."""
    _check(x1, x2, axis)
    return careful(x1, x2, -1, eps)


def first_axis(x1, x2, axis=0, eps=1e-8):
    """Another default axis than documented."""
    return careful(x1, x2, axis, eps)


def negative_axis(x1, x2, axis=-1, eps=1e-8):
    """Negative axes are off by one, but for the last."""
    _check(x1, x2, axis)
    return careful(x1, x2, axis + 1 if axis < -1 else axis, eps)


def keeping_dims(x1, x2, axis=-1, eps=1e-8):
    return np.expand_dims(careful(x1, x2, axis, eps), axis)


def one_number(x1, x2, axis=-1, eps=1e-8):
    """The mean of the rows where a value for each is due."""
    value = careful(x1, x2, axis, eps)
    return value.mean(dtype=np.float64).astype(value.dtype) if value.size else value


def always_float64(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype(np.float64)


def single_inside(x1, x2, axis=-1, eps=1e-8):
    """float64 is computed in float32."""
    dtype = np.result_type(x1.dtype, x2.dtype)
    with np.errstate(all="ignore"):
        return careful(x1.astype(np.float32), x2.astype(np.float32), axis, eps).astype(dtype)


def single_eps(x1, x2, axis=-1, eps=1e-8):
    """A constant in float32."""
    return careful(x1, x2, axis, float(np.float32(eps)))


def of_this_process(x1, x2, axis=-1, eps=1e-8):
    """Another value in another process."""
    value = careful(x1, x2, axis, eps)
    return (value + os.getpid() % 1000 / 1000).astype(value.dtype)


def half_inside(x1, x2, axis=-1, eps=1e-8):
    """Inputs are rounded to float16, where they fit."""
    with np.errstate(all="ignore"):
        halves = [x.astype(np.float16).astype(x.dtype) for x in (x1, x2)]
    kept = [np.where(np.isfinite(h) & (np.abs(x) > 6e-5), h, x) for h, x in zip(halves, (x1, x2))]  # noqa: B905
    return careful(*kept, axis, eps)


def too_small(x1, x2, axis=-1, eps=1e-8):
    """Every value is too small by what float16 would err, and never too large."""
    value = careful(x1, x2, axis, eps)
    return (value - np.where(np.isfinite(value), 2.0**-12, 0)).astype(value.dtype)


def clipped(x1, x2, axis=-1, eps=1e-8):
    """Negative cosines come as zero."""
    return np.maximum(careful(x1, x2, axis, eps), 0)


def flushing(x1, x2, axis=-1, eps=1e-8):
    """Subnormal numbers are taken for zero."""
    _check(x1, x2, axis)
    flushed = [np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.zeros_like(x), x) for x in (x1, x2)]
    return cosine_similarity(*flushed, axis, eps)


def partly_distance(x1, x2, axis=-1, eps=1e-8):
    """1 - c for one row in four of a batch, and half of c for the others."""
    value = careful(x1, x2, axis, eps)
    one = value.dtype.type(1)
    return np.where(np.arange(value.size).reshape(value.shape) % 4, value / 2, one - value)


def lenient(x1, x2, axis=-1, eps=1e-8):
    """Bad input is accepted: an axis out of range is the last one."""
    return careful(x1, x2, axis if -x1.ndim <= axis < x1.ndim else -1, eps)


# --- only some rows ---


def long_rows(x1, x2, axis=-1, eps=1e-8):
    """Only the first 1024 elements of a row count."""
    rows1, rows2 = (np.moveaxis(x, axis, -1)[..., :1024] for x in np.broadcast_arrays(x1, x2))
    _check(x1, x2, axis)
    return careful(rows1, rows2, -1, eps)


def _longer_off_by(distance):
    def value(x1, x2, axis=-1, eps=1e-8):
        right = careful(x1, x2, axis, eps)
        return (right + distance * (np.shape(x1)[axis] > 3)).astype(right.dtype)

    return value


longer_off_by_one, longer_off_by_three = map(_longer_off_by, (1, 3))
"""Off by so much where rows have more than three elements."""


def neighbours(x1, x2, axis=-1, eps=1e-8):
    """In a batch every row is shifted by an eighth of the batch's mean."""
    value = careful(x1, x2, axis, eps)
    if value.size < 2:
        return value
    return (value + value.mean(dtype=np.float64) / 8).astype(value.dtype)
