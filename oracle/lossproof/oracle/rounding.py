"""How far an honest native computation may be from the exact value: the bounds of DESIGN section 4.

Model: every operation of a format with unit roundoff u returns (exact)(1 + delta), |delta| <= u, unless it
underflows; a product that underflows may come out as 0, an error of at most eta, the smallest normal
number. With gamma_k = k u / (1 - k u) and any order of summation (Higham 2002, section 3.1):

    |P' - P| <= gamma_d sum |a b| + d eta,   Q' = Q (1 + theta_d),   R' = R (1 + theta_d)

so D' = D (1 + theta_{d+5}): two square roots, two sums, a product, an eps that is off by u, and taking a
maximum or adding eps >= 0 never increases a relative error. Dividing, with kappa = sum |a b| / D,

    |c' - c| <= gamma_{d+8} / (1 - gamma_{d+8}) (kappa + |c|) + eta (d/D + ...) + ulp/2.

gamma / (1 - gamma) = k u / (1 - 2 k u) is what `growth` computes; its first-order part is the u (d + 8) of
DESIGN, and it is infinite where it proves nothing (2 k u >= 1). Normalising the rows first and then
multiplying rounds each factor once more (2 of the 8), and each normalised element and each product of them
may be flushed: eta (d + 2 sqrt(d) + 1) with the result's own underflow, more where D may be less than
|a| |b|. The long form of every derivation is in docs/bounds.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossproof.oracle.enclosure import Enclosure, required
from lossproof.oracle.errors import choice, flag
from lossproof.oracle.formats import FORMATS, Float, FloatFormat, format_of

GRADES = ("G0", "G1", "G2", "G3")
"""G0 correctly rounded, G1 careful summation, G2 any order, G3 accumulated in float16 or bfloat16 itself."""
NARROW = ("float16", "bfloat16")
EXTRA = 8
"""Roundings beyond the d of a dot product: the 8 of u (d + 8)."""
MORE = 4
"""Roundings of a gradient's weight, divisor and slope, and of the product with them."""
UP = 1 + 2.0**-40
"""The bounds are computed in float64: a hundred or so roundings, and then some."""
SLACK = 2.0**-40
"""Of comparisons in float64 that ask whether a jump or a kink is near."""


def growth(count: float | Float, u: float) -> Float:
    """k u / (1 - 2 k u): what k roundings can do to a quotient, second-order terms included; inf where 2 k u
    >= 1.
    """
    k = np.asarray(count, dtype=np.float64) * u
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(2 * k < 1, k / np.maximum(1 - 2 * k, 1e-300), np.inf))


def bound(e: Enclosure, dtype: object, grade: str, flush: bool = True) -> Float:
    """The native bound of e's values in `dtype` for a grade; float64, NaN where there is no value.

    G0 is half an ulp of the exact value. G3 exists for float16 and bfloat16 only (ValueError otherwise).
    `flush=False` takes back the eta terms: where whole sums of squares underflow they would excuse any
    answer, and underflow is to be judged as such.
    """
    required("a bound is that of", e)
    fmt = graded(replace(format_of(dtype), flushes=flag("flush", flush)), grade)
    parts = [flat_bound(part, fmt, grade) for _, part in e.parts()]
    return np.concatenate(parts).reshape(e.shape)


def graded(fmt: FloatFormat, grade: str) -> FloatFormat:
    """The format itself, if it has such a grade.

    Raises:
        ValueError: there is no such grade, or the format has none of that name.
    """
    choice("grade", grade, GRADES)
    if grade == "G3" and fmt.name not in NARROW:
        raise ValueError(f"grade 'G3' is for {' and '.join(NARROW)}; for {fmt.name} use G0, G1 or G2")
    return fmt


def flat_bound(e: Enclosure, fmt: FloatFormat, grade: str) -> Float:
    """`bound`, flat."""
    zero = np.zeros(e.problem.size)
    main = zero if grade == "G0" else e.problem.bound(fmt, grade) * UP
    # Where the exponent is in doubt, an ulp that changes nothing in the sum may stand for it.
    negligible = main * 2.0**-20
    half = 0.5 * e.exponent_limits(fmt, negligible)
    return np.where(e.valued, main + half, np.nan)


def rounding(size: Float, count: int, fmt: FloatFormat, grade: str) -> Float:
    """The most that sums of `count` products, and the operations around them, may lose of `size`."""
    with np.errstate(invalid="ignore"):
        if grade == "G1":
            out = fmt.u * (2 * np.sqrt(count) + EXTRA) * size
        elif grade == "G2" and fmt.name in NARROW:
            single = FORMATS["float32"].u
            out = (growth(4, fmt.u) + growth(count + EXTRA, single)) * size
        else:
            out = growth(count + EXTRA, fmt.u) * size
    return np.where(size == 0, 0.0, out)


def rounding_count(n: int, fmt: FloatFormat, grade: str) -> float:
    """The relative error of a sum of n terms, its division included."""
    if grade == "G1":
        return fmt.u * (2 * float(np.sqrt(n)) + 3)
    if grade == "G2" and fmt.name in NARROW:
        return float(growth(4, fmt.u) + growth(n + 3, FORMATS["float32"].u))
    return float(growth(n + 3, fmt.u))
