"""Stage 3: exact rational numbers and square roots of them, one Python object for each row.

A float is an integer times a power of two, so sums of products are integers: all elements of a row are
brought to the row's smallest exponent first.
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

from collections.abc import Callable
from operator import mul
from typing import Any

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.reals import Real, Undecided, rational
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.slices import Sliced, dot, exponents, sliced, width
from lossproof.oracle.formats import Float, FloatFormat, Index, Mask

MOST_SLICES = 8
LARGEST = 200
Reals = NDArray[np.object_]
"""A one-dimensional array of `Real`."""


class Exact:
    """The arithmetic of exact real numbers; numbers are object arrays, whose operators work element by
    element.
    """

    name = "exact"
    block_elements = 1 << 20

    def number(self, values: Float) -> Reals:
        values = np.asarray(values, dtype=np.float64)
        return _array([Real(rational(v)) for v in values.ravel().tolist()]).reshape(values.shape)

    def rational(self, values: list[fmpq]) -> Reals:
        return _array([Real(v) for v in values])

    def dots(self, block: Block) -> tuple[Reals, Reals, Reals]:
        with np.errstate(all="ignore"):
            sums, done = _by_slices(block)
        left = np.flatnonzero(~done)
        if left.size:
            for out, part in zip(sums, _by_integers(Block(block.x[left], block.y[left])), strict=True):
                for i, v in zip(left, part, strict=True):
                    out[i] = v
        return _array(sums[0]), _array(sums[1]), _array(sums[2])

    def sqrt(self, a: Reals) -> Reals:
        return _array([v.sqrt() for v in a])

    def maximum(self, a: Reals, b: Reals) -> Reals:
        return _array([v if (v - w).sign() >= 0 else w for v, w in zip(a, b, strict=True)])

    def less(self, a: Reals, b: Reals) -> tuple[Mask, Mask]:
        less = np.array([(v - w).sign() < 0 for v, w in zip(a, b, strict=True)], dtype=bool)
        return less, np.ones(len(a), dtype=bool)

    def where(self, mask: Mask, a: Reals, b: Reals) -> Reals:
        return np.where(mask, a, b)

    def unknown(self, mask: Mask, a: Reals) -> Reals:
        return a  # every comparison was certain

    def sum(self, a: Reals) -> Reals:
        return _array([Real.sum(a)])

    def take(self, a: Reals, index: Index) -> Reals:
        taken: Reals = a[index]
        return taken

    def join(self, parts: list[Reals]) -> Reals:
        return np.concatenate(parts)

    def bounds(self, a: Reals) -> tuple[Float, Float]:
        pairs = [v.bounds() for v in a]
        return np.array([p[0] for p in pairs], dtype=np.float64), np.array(
            [p[1] for p in pairs], dtype=np.float64
        )

    def rounded(self, a: Reals, fmt: FloatFormat) -> tuple[Float, Mask]:
        return _attempt(a, lambda v, _: v.rounded(fmt), np.float64)

    def within(self, a: Reals, answer: Float, tolerance: Float) -> tuple[Mask, Mask]:
        def inside(v: Real, i: int) -> bool:
            t, y = rational(tolerance[i].item()), rational(answer[i].item())
            return v.compare(y - t) >= 0 and v.compare(y + t) <= 0

        return _attempt(a, inside, np.bool_)


def _attempt(a: Reals, ask: Callable[[Real, int], Any], dtype: type[Any]) -> tuple[NDArray[Any], Mask]:
    out, decided = np.zeros(len(a), dtype=dtype), np.ones(len(a), dtype=bool)
    for i, v in enumerate(a):
        try:
            out[i] = ask(v, i)
        except Undecided:
            decided[i] = False
    return out, decided


def _array(values: list[Real]) -> Reals:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _dyadic(n: int, e: int) -> Real:
    return Real(fmpq(n << e) if e >= 0 else fmpq(n, 1 << -e))


def _by_slices(block: Block) -> tuple[tuple[list[Real], list[Real], list[Real]], Mask]:
    """The three sums from dot products of slices, all of them exact, and the rows for which this was
    possible.
    """
    ex, ey = exponents(block.x), exponents(block.y)
    done = (np.abs(ex) <= LARGEST) & (np.abs(ey) <= LARGEST)
    x, y = block.x, block.y
    if not done.all():
        x, y = (np.where(done[:, None], v, 0.0) for v in (x, y))
        ex, ey = np.where(done, ex, 0), np.where(done, ey, 0)
    bits = width(block.length)
    sx, sy = (sliced(v, e, bits, MOST_SLICES) for v, e in ((x, ex), (y, ey)))
    done &= ~sx.rest.any(axis=1) & ~sy.rest.any(axis=1)
    return (_joined(sx, sy), _joined(sx, sx), _joined(sy, sy)), done


def _joined(a: Sliced, b: Sliced) -> list[Real]:
    """sum over k, l of a_k b_l: the products with k + l = s share the quantum first_a + first_b - s step."""
    count = len(a.parts) + len(b.parts) - 1
    first = a.first + b.first
    total = np.zeros((count, len(first)), dtype=np.int64)
    for k, part in enumerate(a.parts):
        for m, other in enumerate(b.parts):
            total[k + m] += np.ldexp(dot(part, other), -(first - (k + m) * a.step)).astype(np.int64)
    last = (first - (count - 1) * a.step).tolist()
    out = []
    for values, e in zip(total.T.tolist(), last, strict=True):
        n = 0
        for v in values:
            n = (n << a.step) + v
        out.append(_dyadic(n, e))
    return out


def _by_integers(block: Block) -> tuple[list[Real], list[Real], list[Real]]:
    p, q, r = [], [], []
    repeats = block.length
    for (a, e), (b, f) in zip(_integers(block.x), _integers(block.y), strict=True):
        wide_a = a * repeats if len(a) == 1 < repeats else a
        wide_b = b * repeats if len(b) == 1 < repeats else b
        p.append(_dyadic(sum(map(mul, wide_a, wide_b)), e + f))
        q.append(_dyadic(sum(map(mul, a, a)), 2 * e))
        r.append(_dyadic(sum(map(mul, b, b)), 2 * f))
    return p, q, r


def _integers(rows: Float) -> list[tuple[list[int], int]]:
    """Each row as integers times one power of two."""
    significand, exponent = np.frexp(rows)
    whole = np.ldexp(significand, 53).astype(np.int64)
    exponent = exponent.astype(np.int64) - 53
    least = np.where(whole == 0, 1 << 20, exponent).min(axis=1, initial=1 << 20)
    least = np.where(least == 1 << 20, 0, least)
    shift = np.where(whole == 0, 0, exponent - least[:, None])
    narrow = shift.max(axis=1, initial=0) == 0
    out = []
    for i in range(len(rows)):
        values = whole[i].tolist()
        if not narrow[i]:
            values = [n << s for n, s in zip(values, shift[i].tolist(), strict=True)]
        out.append((values, int(least[i])))
    return out
