"""The first stage of a cosine in a handful of passes, instead of one ball after another.

With P', Q', R' from float64, c' = P' / sqrt(D2') and |a| |b| <= D (every norm rule with a kernel),
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

from lossproof.oracle.arithmetic.binary64 import SAFE, Ball, Products, U
from lossproof.oracle.arithmetic.halves import IMAGE, widen_image
from lossproof.oracle.arithmetic.slices import SHORT_ROW, dot
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.norm_rules.model import Formula, Quadratic

LONGEST = 1 << 31
"""d u <= 2^-22 for every length up to this."""
RANGE = SAFE * SAFE
NEAR_ELEMENTS, WIDE_ELEMENTS = 1 << 15, 1 << 16
LEAST, MOST = 2.0**-125, 2.0**126
"""Between them a float32 is neither near the subnormal numbers nor near infinity."""

Terms = tuple[Float, Float, Float, Float]
SCORE_TERMS = {"similarity": (1.0, 0.0), "negated": (-1.0, 0.0), "distance": (-1.0, 1.0)}
"""sign and offset: the score is offset + sign c."""


class Floats:
    """Bare float64 numbers: what the formulas of a norm rule need to be evaluated without bounds.

    What a formula decides by `less` holds where its caller knows that the two are far enough apart.
    """

    maximum, where, sqrt = np.maximum, staticmethod(np.where), np.sqrt

    @staticmethod
    def less(a: Float, b: Float) -> tuple[Mask, Mask]:
        """Where a < b, and that this is certain."""
        below = np.less(a, b)
        return below, np.ones_like(below)

    @staticmethod
    def unknown(mask: Mask, a: Float) -> Float:
        """a, for nothing is unknown."""
        return a


def cosine_ball(products: Products, square: Formula, eps: float, length: int) -> Ball:
    """c for some rows; unknown where a squared norm or D2 leaves the range in which the bound holds."""
    p, q, r = products
    k = (length + 8) * U * (1 + 2.0**-20)
    with np.errstate(all="ignore"):
        d2 = square(Quadratic(Floats(), q, r, np.float64(eps), np.float64(1)))
        c = p / np.sqrt(d2)
        rad = np.abs(c)
        rad += 1
        rad *= k
        least, most = d2.min(initial=1.0), d2.max(initial=1.0)
        if not (
            usable(eps) and least >= 1 / RANGE and most <= RANGE and _in_safe_range(q) and _in_safe_range(r)
        ):
            rad = np.where(_settled(q, r, d2, eps), rad, np.inf)
        zero = p == 0
        if zero.any():
            rad = np.where(zero & (rad < np.inf), 0.0, rad)
    return Ball(c, rad)


class Rounder:
    """Rounds the scores of narrow rows to float32, float16 or bfloat16 as cosine_ball and binary64.py would; some at
    a time, in room that is used again and again.

    Their squared norms are in range, or else zero, infinite or NaN: then c is NaN, and not certain, or 0 over a floor.
    """

    def __init__(
        self, square: Formula, eps: float, score: str, length: int, rows: int, fmt: FloatFormat
    ) -> None:
        self.square, self.eps, self.fmt = square, np.float64(eps), fmt
        self.sign, self.offset = SCORE_TERMS[score]
        self.length, self.k = length, (length + 8) * U * (1 + 2.0**-20)
        self.near = max(1, min(WIDE_ELEMENTS // length, rows))
        self.space = np.empty((2, self.near * length))
        self.words = np.empty(self.near * length, dtype=np.int32)
        self.terms = np.empty((7, rows))
        self.end = np.empty(rows, dtype=np.float32)

    def round(self, x: NDArray[Any], y: NDArray[Any], values: NDArray[Any]) -> NDArray[np.intp]:
        """Some rows, rounded into `values`; which of them are uncertain."""
        n, fmt = len(x), self.fmt
        p, q, r, c, low, high, size = self.terms[:, :n]
        first: NDArray[Any]
        last: NDArray[Any]
        with np.errstate(all="ignore"):
            for i in range(0, n, self.near):
                near = slice(i, i + self.near)
                self._products(x[near], y[near], p[near], q[near], r[near])
            c = np.divide(p, np.sqrt(self.square(Quadratic(Floats(), q, r, self.eps, np.float64(1)))), out=c)
            np.abs(c, out=high)
            high += 1
            high *= self.k
            if self.sign < 0 or self.offset:
                c *= self.sign
                c += self.offset
            np.abs(c, out=size)
            np.multiply(size, 8 * U, out=low)
            high += low
            if self.offset:
                high += 2 * U * self.offset
            np.subtract(c, high, out=low)
            high += c
            if fmt.name == "float32":
                first, last = values, self.end[:n]
                np.copyto(first, low, casting="unsafe")
                np.copyto(last, high, casting="unsafe")
            else:
                first, last = self._fewer_bits(low, c), self._fewer_bits(high, p)
                np.copyto(values, first, casting="unsafe")
            sure = np.equal(first, last)
            if not _within(size, 2 * fmt.eta, 2.0 ** (fmt.emax - 1)):
                sure &= (size >= 2 * fmt.eta) & (size < 2.0 ** (fmt.emax - 1))
        return np.flatnonzero(~sure) if not sure.all() else np.empty(0, dtype=np.intp)

    def _products(self, x: NDArray[Any], y: NDArray[Any], p: Float, q: Float, r: Float) -> None:
        v, w = self._widened(x, self.space[0]), self._widened(y, self.space[1])
        for a, b, out in ((v, w, p), (v, v, q), (w, w, r)):
            dot(a, b, out)
        doubtful = False
        for rows, squared in ((x, q), (y, r)):
            if rows.dtype == np.float16:
                p *= IMAGE
                squared *= IMAGE * IMAGE
                doubtful |= bool(squared.max(initial=0.0) >= 2.0**32)  # there may be an infinity or NaN
        if doubtful:
            v[...], w[...] = x, y
            for a, b, out in ((v, w, p), (v, v, q), (w, w, r)):
                dot(a, b, out)

    def _widened(self, x: NDArray[Any], space: Float) -> Float:
        """Rows as float64: one column after another where dot sums them so."""
        room, words = space[: x.size], self.words[: x.size]
        if self.length <= SHORT_ROW:
            out, whole = room.reshape(x.shape[::-1]).T, words.reshape(x.shape[::-1]).T
        else:
            out, whole = room.reshape(x.shape), words.reshape(x.shape)
        if x.dtype == np.float16:
            widen_image(x, out, whole)
        else:
            np.copyto(out, x, casting="unsafe")
        return out

    def _fewer_bits(self, v: Float, space: Float) -> Float:
        """The nearest number of as many bits as the format has (Veltkamp), in v."""
        np.multiply(v, 2.0 ** (53 - self.fmt.precision) + 1, out=space)
        np.subtract(space, v, out=v)
        np.subtract(space, v, out=v)
        return v


def round_gradient(x: NDArray[Any], y: NDArray[Any], sign: float, values: NDArray[Any]) -> NDArray[np.intp]:
    """The gradient of sign * c with respect to narrow rows x under the plain rule, rounded to float32 into `values`;
    which of its elements, counted flat, are uncertain.

    g_i = b_i s/D - a_i s P/(D Q). With h = d, s/D is off by (h + 6) u relatively and s P/(D Q) by (3 h + 10) u / Q: P
    by gamma_h |a| |b| with |a| |b| = D, the rest by 2 h + 10 roundings, relatively, and it is at most 1/Q. The two
    products, their difference and the ends of the enclosure round once each. Elements are at most the norm of their
    row, so one radius serves a whole row; what it leaves open is tried again with a radius for each element.
    """
    n, d = x.shape
    step = max(1, NEAR_ELEMENTS // d)
    a, b, g = (np.empty((min(step, n), d)) for _ in range(3))
    end, certain = np.empty(g.shape, dtype=np.float32), np.empty(g.shape, dtype=np.bool_)
    left = []
    for i in range(0, n, step):
        rows = slice(i, min(i + step, n))
        v, w, mid = (space[: rows.stop - i] for space in (a, b, g))
        high, sure = end[: rows.stop - i], certain[: rows.stop - i]
        np.copyto(v, x[rows], casting="unsafe")
        np.copyto(w, y[rows], casting="unsafe")
        with np.errstate(all="ignore"):
            terms, rad = _gradient_terms(v, w, sign)
            lead, pull = terms[0][:, None], terms[1][:, None]
            np.multiply(w, lead, out=mid)
            v *= pull
            mid -= v
            np.add(mid, rad[:, None], out=w)
            mid -= rad[:, None]
            np.copyto(high, w, casting="unsafe")
            np.copyto(values[rows], mid, casting="unsafe")
            _settle(values[rows], high, sure)
        if not sure.all():
            left.append(_retried(x[rows], y[rows], terms, values[rows], np.flatnonzero(~sure)) + i * d)
    return np.concatenate(left) if left else np.empty(0, dtype=np.intp)


def _retried(
    x: NDArray[Any], y: NDArray[Any], terms: Terms, values: NDArray[Any], places: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Some elements, counted flat, once more, with a radius for each; which of them stay uncertain."""
    some = np.divmod(places, x.shape[1])
    v, w = x[some].astype(np.float64), y[some].astype(np.float64)
    lead, pull, r1, r2 = (t[some[0]] for t in terms)
    with np.errstate(all="ignore"):
        middle = w * lead - v * pull
        rad = np.abs(w) * r1 + np.abs(v) * r2 + 8 * U * np.abs(middle)
        low, high = (middle - rad).astype(np.float32), (middle + rad).astype(np.float32)
        sure = np.empty(low.shape, dtype=np.bool_)
        _settle(low, high, sure)
    values[some] = low
    return places[~sure]


def _gradient_terms(v: Float, w: Float, sign: float) -> tuple[Terms, Float]:
    """s/D, s P/(D Q) and the factors of |b_i| and |a_i| in their errors for some rows; the radius of each row."""
    d = v.shape[1]
    p, q, r = dot(v, w), dot(v, v), dot(w, w)
    lead = sign / np.sqrt(q * r)
    pull = lead * p / q
    grow = U * (1 + 2.0**-20)
    r1, r2 = np.abs(lead) * ((d + 12) * grow), (3 * d + 20) * grow / q
    r1[~((q >= 1 / SAFE) & (q <= SAFE) & (r >= 1 / SAFE) & (r <= SAFE))] = np.inf
    rad: Float = np.sqrt(r) * (r1 + 8 * grow * np.abs(lead)) + np.sqrt(q) * (r2 + 8 * grow * np.abs(pull))
    return (lead, pull, r1, r2), rad


def _settle(low: NDArray[Any], high: NDArray[Any], sure: Mask) -> None:
    """Where the two ends are one float32, neither subnormal nor close to infinity. `high` is overwritten."""
    np.equal(low, high, out=sure)
    np.abs(low, out=high)
    if not _within(high, LEAST, MOST):
        sure &= (high >= LEAST) & (high <= MOST)


def usable(eps: float) -> bool:
    """Whether eps and its square leave no room for underflow."""
    return eps == 0 or 2.0**-500 <= eps <= SAFE


def _in_safe_range(q: Float) -> bool:
    return _within(q, 1 / SAFE, SAFE)


def _within(v: Float, least: float, most: float) -> bool:
    return bool(v.min(initial=1.0) >= least and v.max(initial=1.0) <= most)


def _settled(q: Float, r: Float, d2: Float, eps: float) -> Mask:
    """Where nothing underflowed or overflowed: norms zero or in the safe range, and so is D2."""
    if not usable(eps):
        return np.zeros(len(q), dtype=bool)
    fine: Mask = (d2 >= 1 / RANGE) & (d2 <= RANGE)
    for squared in (q, r):
        fine &= (squared == 0) | ((squared >= 1 / SAFE) & (squared <= SAFE))
    return fine
