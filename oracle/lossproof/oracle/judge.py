"""Judging answers: is it near enough, how far is it off, which grade does it reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.bounds import GRADES, NARROW, bound
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows
from lossproof.oracle.formats import FORMATS, Float, FloatFormat, Mask, format_of, ulp
from lossproof.oracle.rows import checked


def within(answer: ArrayLike, e: Enclosure, tolerance: ArrayLike, dtype: object = None) -> Mask:
    """Where |answer - exact| <= tolerance, decided rigorously; a bool array of e's shape.

    `answer` (any dtype of the oracle) has e's shape; `tolerance` (float64, >= 0, inf allowed) broadcasts to
    it. False for NaN and infinite answers and where e is undefined; where NaN is the documented value
    (`e.nan`) exactly the NaN answers are right. At a jump that rounding in `dtype` (the answer's by
    default) may cross, either side is right. A question that stays undecided at the limit of refinement is
    answered False.
    """
    values, fmt = _answer(answer, e, dtype)
    limit = _tolerance(tolerance, e)
    return _within(values, e, limit, e.alternatives(fmt.name)).reshape(e.shape)


def error_bounds(answer: ArrayLike, e: Enclosure, dtype: object = None) -> Float:
    """|answer - exact| as a float64 within a relative 2^-10 of the truth, in e's shape; alternatives not
    considered.

    inf for answers that are not finite and NaN where e is undefined; 0 for a NaN that is documented, and
    for an infinity that the exact value rounds to.
    """
    values, fmt = _answer(answer, e, dtype)
    return _errors(values, e, fmt).reshape(e.shape)


def error_limit(answer: ArrayLike, e: Enclosure, dtype: object = None) -> Float:
    """An upper bound of |answer - exact| in e's shape, from the first arithmetic alone: cheap, never too
    small.
    """
    values, fmt = _answer(answer, e, dtype)
    return _errors(values, e, fmt, sharp=False).reshape(e.shape)


def error_unit(e: Enclosure, dtype: object) -> tuple[Float, Mask]:
    """(unit, near_zero): what `ulp_error` divides by, and where that is u instead of an ulp.

    |exact| < sqrt(u) counts as near 0: there half of the digits or more were lost to cancellation, and an
    ulp says nothing of the computation; the unit is then u = 2^-p (or the ulp of the smallest subnormal, if
    that is larger).
    """
    fmt = format_of(dtype)
    size = e.exponent_limits(fmt, np.zeros(e.problem.size))
    with np.errstate(invalid="ignore"):
        near = size < ulp(np.array(np.sqrt(fmt.u)), fmt)
    return np.where(near, fmt.u, size).reshape(e.shape), near.reshape(e.shape)


def ulp_error(answer: ArrayLike, e: Enclosure, dtype: object = None) -> Float:
    """|answer - exact| in ulp of the exact value in `dtype` (the answer's by default), near 0 in units of u.

    Where the switch lies is said by `error_unit`, which also tells the rows apart.
    """
    values, fmt = _answer(answer, e, dtype)
    unit, _ = error_unit(e, fmt.name)
    with np.errstate(invalid="ignore"):
        return np.asarray(_errors(values, e, fmt).reshape(e.shape) / unit)


def excess(answer: ArrayLike, e: Enclosure, dtype: object, grade: str) -> Float:
    """|answer - exact| over the bound of a grade, the best alternative counted; at most 1 exactly where it is
    within.
    """
    values, fmt = _answer(answer, e, dtype)
    out = _excess(values, e, fmt, grade)
    for other in e.alternatives(fmt.name):
        rows = other.mask.ravel()
        out = np.where(rows, np.fmin(out, _excess(values, other.enclosure, fmt, grade)), out)
        if other.hull:
            out = np.where(rows & between(values, e, other.enclosure), 0.0, out)
    return out.reshape(e.shape)


def grade(answer: ArrayLike, e: Enclosure, dtype: object) -> NDArray[np.str_]:
    """The best grade that each answer reaches: "G0", "G1", "G2", "G3" (float16 and bfloat16 only) or
    "none".
    """
    values, fmt = _answer(answer, e, dtype)
    out = _grade(values, e, fmt)
    for other in e.alternatives(fmt.name):
        rows = other.mask.ravel()
        theirs = _grade(values, other.enclosure, fmt)
        out = np.where(rows & (theirs < out), theirs, out)  # "G0" < "G1" < ... < "none"
        if other.hull:
            out = np.where(rows & between(values, e, other.enclosure), "G0", out)
    return out.reshape(e.shape)


def _grade(values: Float, e: Enclosure, fmt: FloatFormat) -> NDArray[np.str_]:
    out = np.full(e.problem.size, "none", dtype="<U4")
    out[_exactly(values, e, fmt)] = "G0"
    for name in GRADES if fmt.name in NARROW else GRADES[:3]:
        if not (out == "none").any():
            break
        fits = _within(values, e, bound(e, fmt.name, name).ravel(), ())
        out[fits & (out == "none")] = name
    return out


def _excess(values: Float, e: Enclosure, fmt: FloatFormat, grade: str) -> Float:
    limit = bound(e, fmt.name, grade).ravel()
    error = _errors(values, e, fmt)
    with np.errstate(all="ignore"):
        ratio = np.where(error == 0, 0.0, error / limit)
        ratio = np.where(np.isinf(error), np.inf, np.where(np.isinf(limit), 0.0, ratio))
    ratio = np.where(e.valued, ratio, error)
    fits = _within(values, e, limit, ()) | (error == 0)
    return np.where(fits, np.minimum(ratio, 1.0), np.where(ratio <= 1, np.nextafter(1.0, 2.0), ratio))


def _within(values: Float, e: Enclosure, limit: Float, alternatives: tuple[Alternative, ...]) -> Mask:
    out = np.isnan(values) & e.problem.nan
    asked = np.isfinite(values) & ~np.isnan(limit)
    endless = asked & np.isinf(limit) & e.valued
    out |= endless

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        inside, decided = arithmetic.within(numbers, values[rows], limit[rows])
        out[rows] = inside & decided
        return np.asarray(decided)

    e.climb(ask, asked & ~endless)
    for other in alternatives:
        rows = other.mask.ravel() & ~out
        if rows.any():
            out |= rows & _within(values, other.enclosure, limit, ())
            if other.hull:
                out |= rows & between(values, e, other.enclosure)
    return out


def between(values: Float, e: Enclosure, other: Enclosure) -> Mask:
    """Where a value lies between the exact values of two enclosures."""
    lower, upper = np.fmin(e.lower, other.lower).ravel(), np.fmax(e.upper, other.upper).ravel()
    return np.asarray((values >= lower) & (values <= upper))


def _errors(values: Float, e: Enclosure, fmt: FloatFormat, sharp: bool = True) -> Float:
    out = np.where(e.problem.undefined, np.nan, np.inf)
    out[_exactly(values, e, fmt)] = 0.0

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        with np.errstate(all="ignore"):
            low, high = arithmetic.bounds(numbers - arithmetic.number(values[rows]))
            least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
            most = np.maximum(np.abs(low), np.abs(high))
            out[rows] = most
            decided: Mask = (most - least <= least * 2.0**-10) | (not sharp)
        return decided

    e.climb(ask, np.isfinite(values))
    return out


def _exactly(values: Float, e: Enclosure, fmt: FloatFormat) -> Mask:
    """Where an answer that is not finite is right all the same, or a subnormal one is the nearest (half an
    ulp is then 0).
    """
    out = np.isnan(values) & e.problem.nan
    odd = np.isinf(values)
    if fmt.name == "float64":
        odd |= np.abs(values) < fmt.eta
    if odd.any():
        nearest = np.full(len(values), np.nan)

        def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
            nearest[rows], decided = arithmetic.rounded(numbers, fmt)
            return np.asarray(decided)

        e.climb(ask, odd)
        out |= odd & (nearest == values)
    return out


def _answer(answer: ArrayLike, e: Enclosure, dtype: object) -> tuple[Float, FloatFormat]:
    """The answers as flat float64 and the format they are judged in; ValueError where the shape differs."""
    array = checked("answer", answer)
    if array.shape != e.shape:
        raise ValueError(f"answer has shape {array.shape}; the exact values have shape {e.shape}")
    if dtype is None:
        dtype = str(np.asarray(answer).dtype)
        dtype = dtype if dtype in FORMATS else "float64"
    return array.astype(np.float64).ravel(), format_of(dtype)


def _tolerance(tolerance: ArrayLike, e: Enclosure) -> Float:
    limit = np.asarray(tolerance, dtype=np.float64)
    if (limit < 0).any():
        raise ValueError(f"tolerance={float(limit.min())!r} is negative; at least 0 is allowed")
    try:
        return np.broadcast_to(limit, e.shape).ravel()
    except ValueError:
        raise ValueError(f"tolerance of shape {limit.shape} does not broadcast to shape {e.shape}") from None
