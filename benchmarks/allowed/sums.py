"""Dot products along the first axis, in every order that is allowed, in the dtype of the arrays.

Each takes x and y of shape (d, n), d >= 1, and gives n dot products. Every operation is rounded to the dtype once, as a
processor would; a step is one NumPy operation over the n rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Order = Callable[[Array, Array], Array]
SPLITTER = 2.0**27 + 1  # Veltkamp: cuts a float64 into two halves of 26 bits


def forward(x: Array, y: Array) -> Array:
    """First to last."""
    return one_by_one(x * y)


def backward(x: Array, y: Array) -> Array:
    """Last to first."""
    return one_by_one((x * y)[::-1])


def shuffled(x: Array, y: Array) -> Array:
    """In an order drawn for the length."""
    return one_by_one((x * y)[np.random.default_rng(len(x)).permutation(len(x))])


def pairwise(x: Array, y: Array) -> Array:
    """Neighbours first, as a tree."""
    return tree(x * y)


def lanes(width: int) -> Order:
    """`width` running sums, as a vector unit keeps them, added as a tree; what is left over comes last."""

    def order(x: Array, y: Array) -> Array:
        terms = x * y
        full = len(terms) // width * width
        if not full:
            return one_by_one(terms)
        sums = terms[:width]
        for start in range(width, full, width):
            sums = sums + terms[start : start + width]
        return one_by_one(np.concatenate([tree(sums)[None], terms[full:]]))

    return order


def library(x: Array, y: Array) -> Array:
    """As NumPy's own kernels do."""
    return np.asarray(np.einsum("dn,dn->n", x, y))


def fused(x: Array, y: Array) -> Array:
    """First to last with fused multiply-add: each step rounds once, not twice. float32 only.

    A product of two float32 is exact in float64; the sum with the accumulator is rounded to odd there (Boldo and
    Melquiond, IEEE Trans. Computers 57, 2008), so that rounding it to float32 afterwards is one rounding.
    """
    if x.dtype != np.float32:
        raise TypeError(f"fused multiply-add is emulated for float32, not {x.dtype}")
    total = x[0] * y[0]
    for a, b in zip(x[1:].astype(np.float64), y[1:].astype(np.float64), strict=True):
        near, error = two_sum(a * b, total.astype(np.float64))
        even = near.view(np.int64) % 2 == 0
        odd = np.where((error != 0) & even, np.nextafter(near, np.copysign(np.inf, error)), near)
        total = odd.astype(np.float32)
    return np.asarray(total)


def kahan(x: Array, y: Array) -> Array:
    """Kahan's compensated sum of the rounded products."""
    terms = x * y
    total, lost = terms[0], np.zeros_like(terms[0])
    for term in terms[1:]:
        term = term - lost
        larger = total + term
        total, lost = larger, (larger - total) - term
    return np.asarray(total)


def dot2(x: Array, y: Array) -> Array:
    """Dot2 of Ogita, Rump and Oishi (SISC 2005), as if in twice the precision. float32 and float64."""
    product, error = two_product(x, y)
    total, small = product[0], error[0]
    for p, e in zip(product[1:], error[1:], strict=True):
        total, rest = two_sum(total, p)
        small = small + (rest + e)
    return np.asarray(total + small)


def flushed(x: Array, y: Array) -> Array:
    """First to last; every result below the smallest normal number becomes zero."""
    eta = np.finfo(x.dtype).smallest_normal if x.dtype.kind == "f" else np.float32(2.0**-126)

    def flush(values: Array) -> Array:
        return np.where(np.abs(values) < eta, values.dtype.type(0), values)

    terms = flush(x * y)
    total = terms[0]
    for term in terms[1:]:
        total = flush(total + term)
    return np.asarray(total)


ORDERS: dict[str, Order] = {
    "forward": forward,
    "backward": backward,
    "pairwise": pairwise,
    "4 lanes": lanes(4),
    "8 lanes": lanes(8),
    "16 lanes": lanes(16),
    "shuffled": shuffled,
    "library": library,
    "fused": fused,
    "Kahan": kahan,
    "Dot2": dot2,
    "flushed to zero": flushed,
}


def one_by_one(terms: Array) -> Array:
    """The sum over the first axis, term by term."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return np.asarray(total)


def tree(terms: Array) -> Array:
    """The sum over the first axis, by halves."""
    while len(terms) > 1:
        half = len(terms) // 2
        terms = np.concatenate([terms[:half] + terms[half : 2 * half], terms[2 * half :]])
    return np.asarray(terms[0])


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Knuth: a + b = sum + error, exactly."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """a b = product + error, exactly: through float64 for float32, by Veltkamp and Dekker for float64."""
    product = a * b
    if a.dtype == np.float32:
        exact = a.astype(np.float64) * b.astype(np.float64)
        return product, (exact - product.astype(np.float64)).astype(np.float32)
    (ah, al), (bh, bl) = _halves(a), _halves(b)
    return product, al * bl - (((product - ah * bh) - al * bh) - ah * bl)


def _halves(a: Array) -> tuple[Array, Array]:
    moved = SPLITTER * a
    high = moved - (moved - a)
    return high, a - high
