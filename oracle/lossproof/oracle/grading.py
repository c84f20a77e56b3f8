"""Judging answers: is it near enough, how far is it off, which grade does it reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.rows import plain, readable
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows, ladder_of, required
from lossproof.oracle.formats import FORMATS, Float, FloatFormat, Mask, format_of, name_of, ulp
from lossproof.oracle.rounding import GRADES, NARROW, bound

Errors = Callable[[Float, Enclosure, FloatFormat], Float]
"""Finds |answer - exact|, flat."""

SEGMENT_SLACK = 2.0**-40
"""Where a vector lies between two others is found in float64, with that much to spare."""


def within(answer: ArrayLike, e: Enclosure, tolerance: ArrayLike, dtype: object = None) -> Mask:
    """Where |answer - exact| <= tolerance, decided rigorously; a bool array of e's shape.

    `answer` (any dtype of the oracle) has e's shape; `tolerance` (float64, >= 0, inf allowed) broadcasts to
    it. False for NaN and infinite answers and where e is undefined; where NaN is the documented value
    (`e.nan`) exactly the NaN answers are right. At a jump that rounding in `dtype` (the answer's by
    default) may cross, either side is right; at a kink every subgradient is, each vector as a whole, with
    infinities for those of its elements that leave the range of `dtype`. A question that stays undecided at
    the limit of refinement is answered False.
    """
    values, fmt = judged_in(answer, e, dtype)
    limit = _tolerance(tolerance, e)
    return within_limits(values, e, limit, e.alternatives(fmt.name), fmt).reshape(e.shape)


def error_bounds(answer: ArrayLike, e: Enclosure, dtype: object = None) -> Float:
    """|answer - exact| as a float64 within a relative 2^-10 of the truth, in e's shape; alternatives not
    considered.

    inf for answers that are not finite and NaN where e is undefined; 0 for a NaN that is documented, and
    for an infinity that the exact value rounds to.
    """
    values, fmt = judged_in(answer, e, dtype)
    return _errors(values, e, fmt).reshape(e.shape)


def error_limit(answer: ArrayLike, e: Enclosure, dtype: object = None) -> Float:
    """An upper bound of |answer - exact| in e's shape, from the first arithmetic alone: cheap, never too
    small.
    """
    values, fmt = judged_in(answer, e, dtype)
    return _errors(values, e, fmt, sharp=False).reshape(e.shape)


def error_unit(e: Enclosure, dtype: object) -> tuple[Float, Mask]:
    """(unit, near_zero): what `ulp_error` divides by, and where that is u instead of an ulp.

    |exact| < sqrt(u) counts as near 0: there half of the digits or more were lost to cancellation, and an
    ulp says nothing of the computation; the unit is then u = 2^-p (or the ulp of the smallest subnormal, if
    that is larger).
    """
    fmt = format_of(dtype)
    size = required("a unit is that of", e).exponent_limits(fmt, np.zeros(e.problem.size))
    with np.errstate(invalid="ignore"):
        near = size < ulp(np.array(np.sqrt(fmt.u)), fmt)
    return np.where(near, fmt.u, size).reshape(e.shape), near.reshape(e.shape)


def ulp_error(answer: ArrayLike, e: Enclosure, dtype: object = None) -> Float:
    """|answer - exact| in ulp of the exact value in `dtype` (the answer's by default), near 0 in units of u.

    Where the switch lies is said by `error_unit`, which also tells the rows apart.
    """
    values, fmt = judged_in(answer, e, dtype)
    unit, _ = error_unit(e, fmt.name)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(_errors(values, e, fmt).reshape(e.shape) / unit)


def excess(answer: ArrayLike, e: Enclosure, dtype: object, grade: str) -> Float:
    """|answer - exact| over the bound of a grade, the best alternative counted; at most 1 exactly where it is
    within.
    """
    values, fmt = judged_in(answer, e, dtype)
    return excess_of(values, e, fmt, grade, _errors).reshape(e.shape)


def excess_of(values: Float, e: Enclosure, fmt: FloatFormat, grade: str, errors: Errors) -> Float:
    """`excess`, flat, from the errors that a function finds."""
    out = _excess(values, e, fmt, grade, errors)
    others = e.alternatives(fmt.name)
    for other in others:
        if not other.hull:
            rows = other.mask.ravel()
            out = np.where(rows, np.fmin(out, _excess(values, other.enclosure, fmt, grade, errors)), out)
    kinked, fits = _at_kinks(values, e, bound(e, fmt.name, grade).ravel(), others, fmt)
    out = np.where(kinked & fits, np.fmin(out, 1.0), out)
    return np.where(kinked & ~fits, np.fmax(out, np.nextafter(1.0, 2.0)), out)


def grade(answer: ArrayLike, e: Enclosure, dtype: object) -> NDArray[np.str_]:
    """The best grade that each answer reaches: "G0", "G1", "G2", "G3" (float16 and bfloat16 only) or
    "none".
    """
    values, fmt = judged_in(answer, e, dtype)
    found = [_best_grade(values[some], part, fmt) for some, part in e.parts()]
    return np.concatenate(found).reshape(e.shape)


def _best_grade(values: Float, e: Enclosure, fmt: FloatFormat) -> NDArray[np.str_]:
    others = e.alternatives(fmt.name)
    out = _grade(values, e, fmt, tuple(other for other in others if other.hull))
    for other in others:
        if not other.hull:
            theirs = _grade(values, other.enclosure, fmt, ())
            out = np.where(other.mask.ravel() & (theirs < out), theirs, out)  # "G0" < "G1" < ... < "none"
    return out


def _grade(values: Float, e: Enclosure, fmt: FloatFormat, kinks: tuple[Alternative, ...]) -> NDArray[np.str_]:
    out = np.full(e.problem.size, "none", dtype="<U4")
    out[exactly(values, e, fmt)] = "G0"
    for name in GRADES if fmt.name in NARROW else GRADES[:3]:
        if not (out == "none").any():
            break
        fits = within_limits(values, e, bound(e, fmt.name, name).ravel(), kinks, fmt)
        out[fits & (out == "none")] = name
    return out


def _excess(values: Float, e: Enclosure, fmt: FloatFormat, grade: str, errors: Errors) -> Float:
    limit = bound(e, fmt.name, grade).ravel()
    error = errors(values, e, fmt)
    with np.errstate(all="ignore"):
        ratio = np.where(error == 0, 0.0, error / limit)
        ratio = np.where(np.isinf(error), np.inf, np.where(np.isinf(limit), 0.0, ratio))
    ratio = np.where(e.valued, ratio, error)
    fits = within_limits(values, e, limit, (), fmt) | (error == 0)
    return np.where(fits, np.minimum(ratio, 1.0), np.where(ratio <= 1, np.nextafter(1.0, 2.0), ratio))


def within_limits(
    values: Float, e: Enclosure, limit: Float, alternatives: tuple[Alternative, ...], fmt: FloatFormat
) -> Mask:
    """`within`, flat: values and limits one by one, with the alternatives that count."""
    out = np.isnan(values) & e.problem.nan
    asked = np.isfinite(values) & ~np.isnan(limit)
    endless = asked & np.isinf(limit) & e.valued
    out |= endless

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        inside, decided = arithmetic.within(numbers, values[rows], limit[rows])
        out[rows] = inside & decided
        return np.asarray(decided)

    e.refine(ask, asked & ~endless)
    for other in alternatives:
        rows = other.mask.ravel() & ~out
        if rows.any() and not other.hull:
            out |= rows & within_limits(values, other.enclosure, limit, (), fmt)
    kinked, fits = _at_kinks(values, e, limit, alternatives, fmt)
    return np.where(kinked, fits, out)


def _at_kinks(
    values: Float, e: Enclosure, limit: Float, alternatives: tuple[Alternative, ...], fmt: FloatFormat
) -> tuple[Mask, Mask]:
    """Where a kink is near, and where the vector that a value belongs to is a subgradient there, flat."""
    kinked, fits = np.zeros(values.size, dtype=bool), np.zeros(values.size, dtype=bool)
    for other in alternatives:
        if other.hull:
            rows = np.flatnonzero(other.mask)
            kinked[rows] = True
            fits[rows] |= _on_segment(values, e, other, limit, rows, fmt)
    return kinked, fits


def _on_segment(
    values: Float, e: Enclosure, other: Alternative, limit: Float, rows: Rows, fmt: FloatFormat
) -> Mask:
    """Whether one t in [0, 1] brings (1 - t) p + t q within its limit of every value of a vector.

    p and q are the vectors of the two sides. Each value allows an interval of t, up to a relative 2^-40; that of the
    vector is their intersection. 1 - t and t cover both ends, so a value at either side is right as well. An infinity
    stands for every number that overflows: it allows the t for which the segment, with the limit, passes the largest
    finite number on its side.
    """
    ends = [v.ravel()[rows] for v in (e.lower, e.upper, other.enclosure.lower, other.enclosure.upper)]
    p_low, p_high, q_low, q_high = ends
    # Two half-planes for each value: p_low + t (q_low - p_low) <= v + limit, and the same upside down.
    first, last = np.zeros(rows.size), np.ones(rows.size)
    largest = (2 - 2 * fmt.u) * 2.0**fmt.emax
    with np.errstate(all="ignore"):
        # the numbers that an answer stands for: itself, or from the largest finite one on
        low, high = np.minimum(values[rows], largest), np.maximum(values[rows], -largest)
        size = np.where(np.isinf(values[rows]), largest, np.abs(values[rows]))
        slack = SEGMENT_SLACK * (size + np.maximum(np.abs(p_high), np.abs(q_high)))
        for start, end, edge in (
            (p_low, q_low, high + limit[rows] + slack),
            (-p_high, -q_high, -(low - limit[rows] - slack)),
        ):
            slope, room = end - start, edge - start
            t = np.where(slope == 0, np.where(room >= 0, np.inf, -np.inf), room / slope)
            last = np.where(slope >= 0, np.fmin(last, t), last)
            first = np.where(slope < 0, np.fmax(first, t), first)
    possible = ~(np.isnan(values[rows]) | np.isnan(limit[rows])) & (first <= 1) & (last >= 0)
    # an infinity is within no infinite limit, but the limit leaves it free: it says nothing of the rest of its vector
    within = ~(np.isinf(values[rows]) & np.isinf(limit[rows]))
    if other.joint is None:
        return np.asarray(possible & within & (first <= last))
    _, vector = np.unique(other.joint[rows], return_inverse=True)
    count = int(vector.max(initial=-1)) + 1
    least, most, all_possible = np.zeros(count), np.ones(count), np.ones(count, dtype=bool)
    np.maximum.at(least, vector, first)
    np.minimum.at(most, vector, last)
    np.logical_and.at(all_possible, vector, possible)
    return within & (all_possible & (least <= most * (1 + SEGMENT_SLACK) + SEGMENT_SLACK))[vector]


def _errors(values: Float, e: Enclosure, fmt: FloatFormat, sharp: bool = True) -> Float:
    out = np.where(e.problem.undefined, np.nan, np.inf)
    out[exactly(values, e, fmt)] = 0.0

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        with np.errstate(all="ignore"):
            low, high = arithmetic.bounds(numbers - arithmetic.number(values[rows]))
            least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
            most = np.maximum(np.abs(low), np.abs(high))
            out[rows] = most
            decided: Mask = (most - least <= least * 2.0**-10) | (not sharp)
        return decided

    e.refine(ask, np.isfinite(values))
    return out


def rounded_errors(values: Float, e: Enclosure, fmt: FloatFormat) -> Float:
    """|answer - exact| rounded once to float64, flat: the same whatever stands beside a value."""
    out = _errors(values, e, fmt, sharp=False)

    def ask(arithmetic: Any, numbers: Any, rows: Rows | slice) -> Mask:
        with np.errstate(all="ignore"):
            found, decided = arithmetic.rounded(numbers - arithmetic.number(values[rows]), FORMATS["float64"])
            out[rows] = np.where(decided, np.abs(found), out[rows])
        return np.asarray(decided)

    e.refine(ask, np.isfinite(values), ladder_of(e.problem)[1:])
    return out


def exactly(values: Float, e: Enclosure, fmt: FloatFormat) -> Mask:
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

        e.refine(ask, odd)
        out |= odd & (nearest == values)
    return out


def judged_in(answer: ArrayLike, e: Enclosure, dtype: object) -> tuple[Float, FloatFormat]:
    """The answers as flat float64 and the format they are judged in; ValueError where the shape differs."""
    array, fmt = answers_in(answer, e, dtype)
    return array.astype(np.float64, copy=False), fmt


def answers_in(answer: ArrayLike, e: Enclosure, dtype: object) -> tuple[NDArray[Any], FloatFormat]:
    """As `judged_in`, but in their own dtype, if that is a float; they may be the caller's memory."""
    required("an answer is judged by", e)
    array = readable("answer", answer)
    if array.shape != e.shape:
        raise ValueError(f"answer has shape {array.shape}; the exact values have shape {e.shape}")
    if dtype is None:
        dtype = name_of(np.asarray(answer).dtype)
        dtype = dtype if dtype in FORMATS else "float64"
    return array.ravel(), format_of(dtype)


def _tolerance(tolerance: ArrayLike, e: Enclosure) -> Float:
    given = plain("tolerance", tolerance)
    if given.dtype.kind not in "iu" and str(given.dtype) not in FORMATS:
        raise ValueError(f"tolerance has dtype {given.dtype}; {', '.join(FORMATS)} and integers are allowed")
    limit = given.astype(np.float64)
    if (limit < 0).any():
        raise ValueError(f"tolerance={float(limit.min())!r} is negative; at least 0 is allowed")
    try:
        return np.broadcast_to(limit, e.shape).ravel()
    except ValueError:
        raise ValueError(f"tolerance of shape {limit.shape} does not broadcast to shape {e.shape}") from None
