"""Honest computations in the dtype itself, in every order of summation: what the bounds must never call
wrong.
"""

from __future__ import annotations

import numpy as np


def _forward(t, dtype):
    s = t[:, 0]
    for j in range(1, t.shape[1]):
        s = (s + t[:, j]).astype(dtype)
    return s


def _backward(t, dtype):
    return _forward(t[:, ::-1], dtype)


def _pairwise(t, dtype):
    while t.shape[1] > 1:
        if t.shape[1] % 2:
            t = np.concatenate([t, np.zeros((len(t), 1), dtype)], axis=1)
        t = (t[:, ::2] + t[:, 1::2]).astype(dtype)
    return t[:, 0]


def _blocked(t, dtype):
    lanes = [_forward(t[:, k::4], dtype) for k in range(min(4, t.shape[1]))]
    return _forward(np.stack(lanes, axis=1), dtype)


def _shuffled(t, dtype):
    return _forward(t[:, np.random.default_rng(t.shape[1]).permutation(t.shape[1])], dtype)


ORDERS = {f.__name__[1:]: f for f in (_forward, _backward, _pairwise, _blocked, _shuffled)}


def dot(a, b, order, dtype):
    if order != "fused":
        return ORDERS[order]((a * b).astype(dtype), dtype)
    # One rounding for each multiply-add. The exact sum is formed in a wider format; for float32 the wider sum
    # is itself rounded at 2^-53, far below what the bound could notice.
    s = np.zeros(len(a), dtype)
    wide = np.longdouble if dtype is np.float64 else np.float64
    for j in range(a.shape[1]):
        s = (a[:, j].astype(wide) * b[:, j].astype(wide) + s.astype(wide)).astype(dtype)
    return s


def cosine(x, y, rule, eps, order, dtype):
    """c by the documented formula, every operation rounded to the dtype; and where no sum of squares or D
    left its range.
    """
    e = dtype(eps)
    q, r = dot(x, x, order, dtype), dot(y, y, order, dtype)
    p = dot(x, y, order, dtype)
    one = dtype(1)

    def root(v):
        return np.sqrt(v).astype(dtype)

    n, m = root(q), root(r)
    denominator = {
        "raw": lambda: np.full(len(x), one),
        "plain": lambda: (n * m).astype(dtype),
        "floor_norm": lambda: (np.maximum(n, e) * np.maximum(m, e)).astype(dtype),
        "floor_squared_norm": lambda: (root(np.maximum(q, e)) * root(np.maximum(r, e))).astype(dtype),
        "floor_product": lambda: np.maximum((n * m).astype(dtype), e),
        "floor_squared_product": lambda: root(np.maximum((q * r).astype(dtype), e)),
        "add_squared": lambda: (root((q + e).astype(dtype)) * root((r + e).astype(dtype))).astype(dtype),
        "zero_as_one": lambda: (np.where(n == 0, one, n) * np.where(m == 0, one, m)).astype(dtype),
        "add_norm": lambda: ((n + e).astype(dtype) * (m + e).astype(dtype)).astype(dtype),
        "add_product": lambda: ((n * m).astype(dtype) + e).astype(dtype),
        "floor_x_norm": lambda: (np.maximum(n, e) * m).astype(dtype),
        "floor_y_norm": lambda: (n * np.maximum(m, e)).astype(dtype),
        "norm_of_x": lambda: (n * n).astype(dtype),
        "norm_of_y": lambda: (m * m).astype(dtype),
        "threshold": lambda: (np.where(n < e, one, n) * np.where(m < e, one, m)).astype(dtype),
    }[rule]()
    finite = np.finfo(np.float32) if dtype is np.float32 else None
    tiny = (
        float(finite.tiny) if finite else {np.float64: 2.0**-1022, np.float16: 2.0**-14}.get(dtype, 2.0**-126)
    )
    squares = [q, r, (q * r).astype(dtype)] if rule == "floor_squared_product" else [q, r]
    fine = (
        np.isfinite(p.astype(float))
        & np.isfinite(denominator.astype(float))
        & (denominator.astype(float) >= tiny)
    )
    d = x.shape[1]
    for v in squares:
        fine &= np.isfinite(v.astype(float)) & (v.astype(float) >= 4 * d * tiny)
    with np.errstate(all="ignore"):
        return (p / denominator).astype(dtype), fine


def _floored(n, e):
    return np.maximum(n, e)


NORMALISED = {
    "plain": lambda n, m, e: (n, m),
    "floor_norm": lambda n, m, e: (_floored(n, e), _floored(m, e)),
    "floor_squared_norm": lambda n, m, e: (n, m),
    "zero_as_one": lambda n, m, e: (n, m),
    "add_norm": lambda n, m, e: (n + e, m + e),
    "floor_x_norm": lambda n, m, e: (_floored(n, e), m),
    "floor_y_norm": lambda n, m, e: (n, _floored(m, e)),
    "norm_of_x": lambda n, m, e: (n, n),
    "norm_of_y": lambda n, m, e: (m, m),
}
"""By which numbers each row is divided, from the norms, under the rules whose D is a product of two."""


def normalised(x, y, rule, eps, order, dtype):
    """Each row over its norm first, then the dot product."""
    e = dtype(eps)
    norms, fine = [], np.ones(len(x), dtype=bool)
    for v in (x, y):
        q = dot(v, v, order, dtype)
        fine &= np.isfinite(q.astype(float)) & (
            q.astype(float)
            >= 4
            * v.shape[1]
            * float(np.ldexp(1.0, -1022 if dtype is np.float64 else (-14 if dtype is np.float16 else -126)))
        )
        n = np.sqrt(q).astype(dtype)
        if rule == "floor_squared_norm":
            n = np.sqrt(np.maximum(q, e)).astype(dtype)
        norms.append(n)
    with np.errstate(all="ignore"):
        out = [
            (v / n[:, None]).astype(dtype) for v, n in zip((x, y), NORMALISED[rule](*norms, e), strict=True)
        ]
    return dot(*out, order, dtype), fine
