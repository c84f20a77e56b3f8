"""An independent computation of everything the oracle says: exact fractions and mpmath at 400 digits.

It shares no code with the oracle. Rows are lists of fractions; values are mpmath numbers.
"""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np

F = Fraction
mpmath.mp.dps = 400

PRECISION = {
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
    "float32": (24, -126, 127),
    "float64": (53, -1022, 1023),
}


def fractions(row):
    return [F(v) for v in np.asarray(row).astype(np.float64).tolist()]


def dot(a, b):
    return sum((p * q for p, q in zip(a, b, strict=True)), F(0))


def root(q):
    return mpmath.sqrt(mpmath.mpf(q.numerator)) / mpmath.sqrt(mpmath.mpf(q.denominator))


def number(q):
    return mpmath.mpf(q.numerator) / mpmath.mpf(q.denominator)


def denominator(q, r, rule, eps):
    """D as the documentation of each rule gives it."""
    eps = F(eps)
    match rule:
        case "add_norm":
            return (root(q) + number(eps)) * (root(r) + number(eps))
        case "add_product":
            return root(q * r) + number(eps)
    return root(_squared_denominator(q, r, rule, eps))


def _squared_denominator(q, r, rule, eps):
    match rule:
        case "raw":
            return F(1)
        case "plain":
            return q * r
        case "floor_norm":
            return max(q, eps**2) * max(r, eps**2)
        case "floor_squared_norm":
            return max(q, eps) * max(r, eps)
        case "floor_product":
            return max(q * r, eps**2)
        case "floor_squared_product":
            return max(q * r, eps)
        case "add_squared":
            return (q + eps) * (r + eps)
        case "threshold":
            return (q if q >= eps**2 else F(1)) * (r if r >= eps**2 else F(1))
        case "zero_as_one":
            return (q or F(1)) * (r or F(1))
        case "floor_x_norm":
            return max(q, eps**2) * r
        case "floor_y_norm":
            return q * max(r, eps**2)
        case "norm_of_x":
            return q**2
        case "norm_of_y":
            return r**2
    raise AssertionError(rule)


def cosine(a, b, rule="plain", eps=0.0):
    """c as an mpmath number, or None for 0/0."""
    a, b = fractions(a), fractions(b)
    p, d = dot(a, b), denominator(dot(a, a), dot(b, b), rule, eps)
    if d == 0:
        return None
    return number(p) / d if p else mpmath.mpf(0)


def score(c, name):
    return {"similarity": c, "negated": -c, "distance": 1 - c}[name]


def rounded(v, dtype):
    """The nearest number of a format, ties to even, as a Python float."""
    p, emin, emax = PRECISION[dtype]
    if v == 0:
        return 0.0
    exponent = mpmath.frexp(v)[1] - 1
    quantum = max(exponent, emin) - p + 1
    units = mpmath.nint(mpmath.ldexp(v, -quantum))  # ties to even
    value = mpmath.ldexp(units, quantum)
    if abs(value) >= mpmath.ldexp(1, emax + 1):
        return float("inf") if v > 0 else float("-inf")
    return float(value)


def ulp(v, dtype):
    p, emin, _ = PRECISION[dtype]
    exponent = emin if v == 0 else max(mpmath.frexp(v)[1] - 1, emin)
    return mpmath.ldexp(1, exponent - p + 1)
