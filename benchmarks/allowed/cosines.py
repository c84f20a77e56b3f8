"""The cosine of rows, and its gradient, by every norm rule that an edition documents and in every allowed form.

Rows have shape (d, n). With P = sum a b, Q = sum a^2 and R = sum b^2 the documented denominators are

    raw            1
    plain          sqrt(Q) sqrt(R)
    floor_norm     max(sqrt(Q), eps) max(sqrt(R), eps)
    floor_product  max(sqrt(Q) sqrt(R), eps)

Sums are taken in the dtype of the rows. What follows them is computed in it too, but in float32 where it is a short one
and the rule has an eps, which such a dtype may not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.allowed.sums import Order
from lossproof import oracle
from lossproof.oracle import NormRule

Array = NDArray[Any]
Form = Literal["divide", "one root", "in turn", "rsqrt", "normalise", "normalise by rsqrt"]
"""P / (|a| |b|), P / sqrt(Q R), P / |a| / |b|, P rsqrt(Q) rsqrt(R), sum (a / |a|) (b / |b|), the same by rsqrt."""
Slope = Literal["quotient", "cross", "normalised", "backward"]
"""b / D - c a / Q, (b Q - a P) / (Q D), (b / |b| - c a / |a|) / |a|, and normalising differentiated step by step."""
WIDE = ("float32", "float64")


@dataclass(frozen=True)
class Rule:
    """A norm rule with its eps: one for each side and one for the product, numbers or one for each row."""

    documented: NormRule
    eps_a: Any = 0.0
    eps_b: Any = 0.0
    eps: Any = 0.0

    @classmethod
    def of(cls, name: str, eps: float) -> Rule:
        """The rule with one eps for all rows."""
        documented = oracle.norm_rule(name)
        use = documented.eps
        known = documented.unit or documented.norms or (use and use.kink and not use.squared)
        if not (known and documented.symmetric):
            raise ValueError(f"no implementation of the norm rule {name!r}; write one beside the others")
        return cls(documented, eps, eps, eps)

    @property
    def floors_product(self) -> bool:
        """Whether the product of the norms is held at eps."""
        return self.documented.eps is not None and self.documented.eps.product

    @property
    def floors_norms(self) -> bool:
        """Whether each norm is held at eps."""
        return self.documented.eps is not None and not self.documented.eps.product

    def turned(self) -> Rule:
        """The rule for rows that have changed places."""
        return Rule(self.documented, self.eps_b, self.eps_a, self.eps)

    def later(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of what follows the sums."""
        short = dtype.name not in WIDE and self.documented.eps is not None
        return np.dtype(np.float32) if short else dtype


@dataclass(frozen=True)
class Cosine:
    """A way to compute the cosine: the order of its sums, its form, the form of its gradient."""

    order: Order
    form: Form = "divide"
    slope: Slope = "quotient"
    clip: bool = False
    scaled: bool = False
    """whether rows are first scaled by powers of two, so that no square leaves the range of the dtype"""

    def value(self, a: Array, b: Array, rule: Rule) -> Array:
        """The cosine of each row."""
        if self.scaled:
            a, b, rule, _ = _scaled(a, b, rule)
        c = self._value(a, b, rule).astype(a.dtype)
        one = c.dtype.type(1)
        return np.clip(c, -one, one) if self.clip else c

    def gradient(self, a: Array, b: Array, rule: Rule) -> Array:
        """The derivative of the cosine with respect to a, shape (d, n)."""
        if rule.documented.unit:
            return b
        if self.scaled:
            small_a, small_b, scaled, exponent = _scaled(a, b, rule)
            g = np.ldexp(self._slope(small_a, small_b, scaled), -exponent)
            if not rule.floors_product:
                return g
            norms = (np.sqrt(self.order(v, v)) for v in (small_a, small_b))
            return np.where(np.prod([*norms], axis=0) < scaled.eps, b / _as(rule.eps, b), g)
        return self._slope(a, b, rule).astype(a.dtype)

    def _value(self, a: Array, b: Array, rule: Rule) -> Array:
        if rule.documented.unit:
            return self.order(a, b)
        if self.form.startswith("normalise"):
            return self._normalised(a, b, rule)
        later = rule.later(a.dtype)
        p, q, r = (self.order(*pair).astype(later) for pair in ((a, b), (a, a), (b, b)))
        if self.form == "divide":
            return p / _denominator(rule, q, r)
        if self.form == "one root":
            return p / _root_of_product(rule, q, r)
        if self.form == "in turn" and not rule.floors_product:
            m, n = _norms(rule, q, r)
            return p / m / n
        if self.form == "in turn":
            m, n = (_or_one(np.sqrt(v)) for v in (q, r))
            return np.where(m * n < _as(rule.eps, m), p / _as(rule.eps, m), p / m / n)
        inverse = reciprocal_root(_or_one(q)) * reciprocal_root(_or_one(r))
        if rule.floors_norms:
            s, t = (np.minimum(reciprocal_root(_or_tiny(v)), 1 / _as(e, v)) for v, e in _sides(rule, q, r))
            inverse = s * t
        elif rule.floors_product:
            inverse = np.where(
                (q == 0) | (r == 0), 1 / _as(rule.eps, q), np.minimum(inverse, 1 / _as(rule.eps, q))
            )
        return np.asarray(p * inverse)

    def _normalised(self, a: Array, b: Array, rule: Rule) -> Array:
        later = rule.later(a.dtype)
        q, r = (self.order(v, v).astype(later) for v in (a, b))
        if self.form == "normalise by rsqrt" and not rule.floors_product:
            if rule.floors_norms:
                s, t = (
                    np.minimum(reciprocal_root(_or_tiny(v)), 1 / _as(e, v)) for v, e in _sides(rule, q, r)
                )
            else:
                s, t = (reciprocal_root(_or_one(v)) for v in (q, r))
            return self.order((a * s).astype(a.dtype), (b * t).astype(b.dtype))
        m, n = (_or_one(np.sqrt(v)) for v in (q, r)) if rule.floors_product else _norms(rule, q, r)
        c = self.order((a / m).astype(a.dtype), (b / n).astype(b.dtype)).astype(later)
        if not rule.floors_product:
            return c
        small = m * n < _as(rule.eps, m)
        return np.where(small, self.order(a, b).astype(later) / _as(rule.eps, m), c)

    def _slope(self, a: Array, b: Array, rule: Rule) -> Array:
        later = rule.later(a.dtype)
        q, r = (self.order(v, v).astype(later) for v in (a, b))
        inside = _inside(rule, q, r)
        if self.slope in ("quotient", "cross") or rule.floors_product:
            p, d = self.order(a, b).astype(later), _denominator(rule, q, r)
            a, b = a.astype(later), b.astype(later)
            q = _or_one(q)
            if self.slope == "cross":
                return np.where(inside, b / d, (b * q - a * p) / (q * d))
            return np.asarray(b / d - np.where(inside, q.dtype.type(0), p / d / q) * a)
        m, n = _norms(rule, q, r)
        ah, bh = (a / m).astype(a.dtype), (b / n).astype(b.dtype)
        if self.slope == "normalised":
            c = np.where(inside, m.dtype.type(0), self.order(ah, bh).astype(later))
            return np.asarray((bh.astype(later) - c * ah.astype(later)) / m)
        # normalising, differentiated backwards: of a / m, then of m = sqrt(Q)
        through = -self.order(bh, a).astype(later) / (m * m)
        through = np.where(inside, m.dtype.type(0), through / m)
        return np.asarray(bh.astype(later) / m + through * a.astype(later))


def reciprocal_root(q: Array) -> Array:
    """1 / sqrt(q), rounded once: in a wider dtype where there is one."""
    wide = np.longdouble if q.dtype == np.float64 else np.float64
    return np.asarray((1 / np.sqrt(q.astype(wide))).astype(q.dtype))


def _norms(rule: Rule, q: Array, r: Array) -> tuple[Array, Array]:
    m, n = np.sqrt(q), np.sqrt(r)
    if rule.documented.norms:
        return _or_one(m), _or_one(n)
    return np.maximum(m, _as(rule.eps_a, m)), np.maximum(n, _as(rule.eps_b, n))


def _denominator(rule: Rule, q: Array, r: Array) -> Array:
    if rule.floors_product:
        m = np.sqrt(q) * np.sqrt(r)
        return np.asarray(np.maximum(m, _as(rule.eps, m)))
    m, n = _norms(rule, q, r)
    return m * n


def _root_of_product(rule: Rule, q: Array, r: Array) -> Array:
    if rule.documented.norms:
        return _or_one(np.sqrt(q * r))
    if rule.floors_product:
        m = np.sqrt(q * r)
        return np.asarray(np.maximum(m, _as(rule.eps, m)))
    (q, e), (r, f) = _sides(rule, q, r)
    e, f = _as(e, q), _as(f, r)
    return np.asarray(np.sqrt(np.maximum(q, e * e) * np.maximum(r, f * f)))


def _inside(rule: Rule, q: Array, r: Array) -> NDArray[np.bool_]:
    """Where the documented floor holds the denominator, so that a alone does not move it."""
    m = np.sqrt(q)
    if rule.floors_norms:
        return np.asarray(m < _as(rule.eps_a, m))
    if rule.floors_product:
        return np.asarray(m * np.sqrt(r) < _as(rule.eps, m))
    return np.zeros(q.shape, dtype=np.bool_)


def _sides(rule: Rule, q: Array, r: Array) -> tuple[tuple[Array, Any], tuple[Array, Any]]:
    return (q, rule.eps_a), (r, rule.eps_b)


def _as(eps: Any, like: Array) -> Array:
    return np.asarray(eps).astype(like.dtype)


def _or_one(values: Array) -> Array:
    return np.where(values == 0, values.dtype.type(1), values)


def _or_tiny(values: Array) -> Array:
    return np.asarray(np.maximum(values, np.finfo(values.dtype).tiny))


def _scaled(a: Array, b: Array, rule: Rule) -> tuple[Array, Array, Rule, Array]:
    """Rows times 2^-k with their largest element in [1/2, 1), the eps that this makes of theirs, and k of a.

    A row below its own eps is scaled as eps would be: its norm does not count, and no quotient by eps may underflow.
    """
    least = np.frexp(rule.eps_a)[1] if rule.floors_norms else -(2**15)
    k, m = (np.maximum(np.frexp(np.max(np.abs(v), axis=0))[1], least) for v in (a, b))
    with np.errstate(over="ignore", under="ignore"):
        eps_a, eps_b, eps = (
            np.ldexp(np.asarray(e, dtype=a.dtype), -exponent)
            for e, exponent in ((rule.eps_a, k), (rule.eps_b, m), (rule.eps, k + m))
        )
    return np.ldexp(a, -k), np.ldexp(b, -m), Rule(rule.documented, eps_a, eps_b, eps), k
