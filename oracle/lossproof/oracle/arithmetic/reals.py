"""Exact real numbers: a rational plus rational multiples of square roots of rationals.

Every value of the families here is such a number: c = P / sqrt(D^2) with P and D^2 rational, or P over factors
r + s sqrt(q), by which one divides through the conjugate; 1 - c, c - margin, weighted sums of those, and the
gradients. So nothing has to be guessed:

- with one root, the sign of r + s sqrt(q) follows from comparing r^2 with s^2 q;
- with several, roots whose product is rational are merged; what is left is linearly independent over the
rationals
  (Besicovitch, J. London Math. Soc. 15, 1940, pp. 3-6), so the sum is rational only if all its coefficients
  are 0;
- an irrational number is never a tie between two floats, so refining its enclosure ends.

Enclosures are integers: floor(v 2^k) by `isqrt`. No global precision is involved, so threads may share these.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TypeAlias

from flint import fmpq, fmpz

from lossproof.oracle.formats import FloatFormat, round_integer

Rational: TypeAlias = fmpq
Term: TypeAlias = tuple[fmpq, fmpq]
"""(s, q) for s sqrt(q), q > 0."""

ZERO = fmpq(0)
FIRST_BITS = 128
LIMIT_BITS = 1 << 16
"""Refinement stops here: an answer then says `undecided`. Only sums of very many roots can reach it."""
MERGE_LIMIT = 1000
"""Sums of more roots than this are not merged pair by pair (the work is quadratic)."""


class Undecided(ArithmeticError):  # noqa: N818 (a state of knowledge, not a fault)
    """The stated limit of refinement was reached."""


def rational(value: float | int) -> fmpq:
    """The exact rational value of a finite float or an integer."""
    n, d = value.as_integer_ratio()
    return fmpq(n, d)


def square_root(q: fmpq) -> fmpq | None:
    """The rational square root of q >= 0, if there is one."""
    n, d = int(q.p), int(q.q)
    root_n, root_d = math.isqrt(n), math.isqrt(d)
    if root_n * root_n == n and root_d * root_d == d:
        return fmpq(root_n, root_d)
    return None


class Real:
    """r + sum(s_i sqrt(q_i)), exact and immutable."""

    __slots__ = ("r", "terms")

    def __init__(self, r: fmpq, terms: tuple[Term, ...] = ()) -> None:
        self.r = r
        self.terms = terms

    @classmethod
    def sum(cls, values: Iterable[Real]) -> Real:
        """The exact sum."""
        r, terms = ZERO, list[Term]()
        for value in values:
            r = r + value.r
            terms.extend(value.terms)
        return cls(r, tuple(terms))

    def __add__(self, other: Real) -> Real:
        return Real(self.r + other.r, self.terms + other.terms)

    def __neg__(self) -> Real:
        return Real(-self.r, tuple((-s, q) for s, q in self.terms))

    def __sub__(self, other: Real) -> Real:
        return self + (-other)

    def __mul__(self, other: Real) -> Real:
        if not other.terms:
            f = other.r
            return Real(self.r * f, tuple((s * f, q) for s, q in self.terms) if f != 0 else ())
        if not self.terms:
            return other * self
        r = self.r * other.r
        terms = [(s * w, q) for v, w in ((self, other.r), (other, self.r)) if w != 0 for s, q in v.terms]
        for s, q in self.terms:
            for t, w in other.terms:
                if q == w:
                    r = r + s * t * q
                else:
                    terms.append((s * t, q * w))
        return Real(r, tuple(terms))

    def __truediv__(self, other: Real) -> Real:
        if not other.terms:
            return self * Real(1 / other.r)
        if len(other.terms) == 1:
            return self * other._inverse()
        raise ArithmeticError("quotients by sums of several roots are no part of the formulas")

    def _inverse(self) -> Real:
        """1 / (r + s sqrt(q)) = (r - s sqrt(q)) / (r^2 - s^2 q)."""
        (s, q), r = self.terms[0], self.r
        norm = r * r - s * s * q
        if norm == 0:  # s sqrt(q) is rational: r or -r
            return Real(1 / (r + s * abs(r / s)))
        return Real(r / norm, ((-s / norm, q),))

    def sqrt(self) -> Real:
        """The square root of a rational number >= 0."""
        if self.terms:
            raise ArithmeticError("roots of roots are no part of the formulas")
        return Real(ZERO, ((fmpq(1), self.r),)) if self.r != 0 else Real(ZERO)

    def merged(self) -> Real:
        """The same number with rational roots evaluated and commensurable roots joined: rational iff no term
        is left.
        """
        if len(self.terms) > MERGE_LIMIT:
            raise Undecided(f"a sum of {len(self.terms)} square roots")
        r, classes = self.r, list[list[fmpq]]()
        for s, q in self.terms:
            root = square_root(q)
            if root is not None:
                r = r + s * root
                continue
            for entry in classes:
                ratio = square_root(q / entry[1])
                if ratio is not None:
                    entry[0] = entry[0] + s * ratio
                    break
            else:
                classes.append([s, q])
        return Real(r, tuple((s, q) for s, q in classes if s != 0))

    def enclose(self, k: int) -> tuple[int, int]:
        """Integers with lo <= v 2^k <= hi, at most one apart for each term and one for the rational part."""
        n, d = int(self.r.p), int(self.r.q)
        lo = (n << k if k >= 0 else n >> -k) // d
        hi = lo if k >= 0 and (n << k) == lo * d else lo + 1
        for s, q in self.terms:
            square = s * s * q
            n, d = int(square.p), int(square.q)
            root = math.isqrt((n << 2 * k if k >= 0 else n >> -2 * k) // d)
            lo, hi = (lo + root, hi + root + 1) if s > 0 else (lo - root - 1, hi - root)
        return lo, hi

    def sign(self) -> int:
        """-1, 0 or 1, exactly."""
        value = self
        if len(value.terms) > 1:
            for k in (FIRST_BITS, 4 * FIRST_BITS):
                lo, hi = value.enclose(k)
                if lo > 0 or hi < 0:
                    return 1 if lo > 0 else -1
            value = value.merged()
        if not value.terms:
            return _sign(value.r)
        if len(value.terms) == 1:
            s, q = value.terms[0]
            if value.r == 0 or _sign(value.r) == _sign(s):
                return _sign(s)
            return _sign(value.r) * _sign(value.r * value.r - s * s * q)
        k = 4 * FIRST_BITS
        while k < LIMIT_BITS:  # not rational, so not zero
            k *= 2
            lo, hi = value.enclose(k)
            if lo > 0 or hi < 0:
                return 1 if lo > 0 else -1
        raise Undecided(f"the sign of a sum of {len(value.terms)} square roots at {k} bits")

    def compare(self, other: fmpq) -> int:
        """The sign of v - other, exactly."""
        return Real(self.r - other, self.terms).sign()

    def rounded(self, fmt: FloatFormat) -> float:
        """The nearest number of `fmt`, ties to even, as a float64; Undecided beyond the limit."""
        value, k = self, _start(self, fmt.precision)
        if not value.terms:
            return _round_rational(value.r, fmt)
        for attempt in range(64):
            lo, hi = value.enclose(k)
            a, b = round_integer(lo, -k, fmt), round_integer(hi, -k, fmt)
            if a == b and (a != 0 or lo >= 0 or hi <= 0):
                return a
            if attempt == 1:  # a tie, an exact zero, or very near to one
                value = value.merged()
                if not value.terms:
                    return _round_rational(value.r, fmt)
            k = max(2 * k, k + FIRST_BITS)
            if k > LIMIT_BITS:
                break
        raise Undecided(f"rounding to {fmt.name} at {k} bits")

    def bounds(self) -> tuple[float, float]:
        """The nearest float64 numbers below and above; equal where v is one, unless that takes several roots to see."""
        value = self.merged() if len(self.terms) == 1 else self
        if not value.terms:
            return _floor_rational(value.r), -_floor_rational(-value.r)
        k = _start(value, 53)
        while True:
            lo, hi = value.enclose(k)
            low, high = _floor(lo, -k), -_floor(-hi, -k)
            if high <= math.nextafter(low, math.inf) or k > LIMIT_BITS:
                return low, high
            if len(value.terms) > 1 and k > 4 * FIRST_BITS:
                value = value.merged()
                if not value.terms:
                    return _floor_rational(value.r), -_floor_rational(-value.r)
            k = max(2 * k, k + FIRST_BITS)


def _sign(q: fmpq) -> int:
    return int(q > 0) - int(q < 0)


def _start(value: Real, precision: int) -> int:
    """How many bits after the point a first enclosure needs: the precision beyond the largest part."""
    largest = -(1 << 30)
    if value.r != 0:
        largest = _log2(value.r)
    for s, q in value.terms:
        largest = max(largest, (_log2(s * s * q)) // 2)
    if largest == -(1 << 30):
        return FIRST_BITS
    return precision + 24 - largest + len(value.terms).bit_length()


def _log2(q: fmpq) -> int:
    return int(abs(int(q.p))).bit_length() - int(q.q).bit_length()


def _scaled_floor(q: fmpq, bits: int) -> tuple[int, int, bool]:
    """(n, exponent, sticky) with n = floor(q 2^-exponent) of about `bits` bits."""
    shift = bits - _log2(q)
    n, d = int(q.p), int(q.q)
    if shift >= 0:
        n <<= shift
    else:
        d <<= -shift
    whole, rest = divmod(n, d)
    return whole, -shift, rest != 0


def _round_rational(q: fmpq, fmt: FloatFormat) -> float:
    if q == 0:
        return 0.0
    n, exponent, sticky = _scaled_floor(q, fmt.precision + 3)
    return round_integer(n, exponent, fmt, sticky)


def _floor_rational(q: fmpq) -> float:
    if q == 0:
        return 0.0
    n, exponent, _ = _scaled_floor(q, 60)
    return _floor(n, exponent)


def _floor(n: int, exponent: int) -> float:
    """The largest float64 <= n 2^exponent (-inf and the largest finite number at the ends)."""
    if n == 0:
        return 0.0
    size = abs(n).bit_length()
    quantum = max(exponent + size - 53, -1074)
    drop = quantum - exponent
    kept = n >> drop if drop >= 0 else n << -drop  # >> floors, also below zero
    try:
        return math.ldexp(float(kept), quantum)
    except OverflowError:
        return math.nextafter(math.inf, 0.0) if n > 0 else -math.inf


def as_fraction(q: fmpq | fmpz) -> Fraction:
    """A Python fraction."""
    q = fmpq(q)
    return Fraction(int(q.p), int(q.q))
