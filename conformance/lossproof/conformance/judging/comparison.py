"""Compares an answer with the documented value, row by row, by the proven bounds of the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging import memory
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.workers.protocol import Answer

Mask = NDArray[np.bool_]
PROVES_NOTHING = 0.25
ROUNDING_BOUNDS = 64
"""An error of fewer bounds may be one of rounding: sums in an unlucky order, a function that its library rounds ill."""
WIDER = 64.0
"""A rule whose bound is more than so many times the documented one's must tell its value from the documented one."""
LOW_PRECISION = ("float16", "bfloat16")
OF_ONE_NUMERATOR = {
    "score",
    "norm_rule",
    "eps",
    "eps_dtype",
    "zero",
    "gradient_factor",
    "gradient_of",
    "clamp",
}
"""Parameters under which a value is the same sum of products, divided by something else."""
CLEARLY = 2.0
"""A value that is so many times its bound off is no borderline case."""
SPARE = 8.0
"""How much wider than that the room is in which another formula's value is looked for."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One answer against the documentation. Arrays have one entry for each value of the documented result.

    `wrong`: beyond the bound. `undefined`: the documentation gives no value. `ratio`: at most so
    much distance over the bound. `silent` says why nothing is expected.
    """

    answer: Answer
    expected: Expected | None
    observed: NDArray[Any] | None
    wrong: Mask
    undefined: Mask
    ratio: NDArray[np.float64]
    shape_differs: bool = False
    size_differs: bool = False
    dtype_differs: bool = False
    silent: str = ""
    flush: bool = True
    wrt: str = ""
    """the array that the answer is the gradient for; "": it is the value"""
    tried: dict[tuple[str, bytes], Mask] = field(default_factory=dict, repr=False)
    """other parameters that were tried on the answer, which cells share, with the values that they explain"""

    @classmethod
    def unmeasured(cls, answer: Answer, observed: NDArray[Any] | None = None, silent: str = "") -> Judged:
        """An answer for which nothing is expected."""
        no_values = np.zeros(0, dtype=np.bool_)
        return cls(
            answer,
            expected=None,
            observed=observed,
            wrong=no_values,
            undefined=no_values,
            ratio=np.zeros(0, dtype=np.float64),
            silent=silent,
        )

    @property
    def refused(self) -> bool:
        """Whether an exception came instead of a value."""
        return self.answer.outcome == "error"

    @property
    def broken_off(self) -> bool:
        """Whether the target crashed, hung, or returned no array."""
        return self.answer.outcome in ("crash", "hang") or (
            self.answer.outcome == "value" and self.observed is None
        )


expected_of = memory.remembered(memory.of_question)(expect)
"""The documented result, which many answers are compared with."""


@memory.remembered(memory.of_answer)
def judge_answer(
    subject: Subject,
    arrays: Mapping[str, NDArray[Any]],
    options: Mapping[str, Any],
    answer: Answer,
    override: Mapping[str, Any] | None = None,
    flush: bool = True,
    wrt: str = "",
) -> Judged:
    """Judge the answer to one call: its value, or its gradient with respect to the array called `wrt`.

    `override` judges by other semantic parameters than the documented ones. `flush=False` takes back the allowance for
    products flushed to zero, which would accept anything where squares underflow.
    """
    observed = answer.value.numpy() if answer.value is not None else None
    if observed is None:
        return Judged.unmeasured(answer)
    try:
        expected = expected_of(subject, arrays, options, override, wrt)
    except Undocumented as silence:
        return Judged.unmeasured(answer, observed, str(silence))
    shape_differs = tuple(observed.shape) != expected.shape
    dtype_differs = expected.dtype is not None and str(observed.dtype) != expected.dtype
    size = int(np.prod(expected.shape, dtype=np.int64))
    if observed.size != size or str(observed.dtype) not in FORMATS:
        every = np.ones(expected.shape, dtype=np.bool_)
        far = np.full(expected.shape, np.inf)
        other = observed.size != size
        return Judged(
            answer,
            expected=expected,
            observed=observed,
            wrong=every,
            undefined=~every,
            ratio=far,
            shape_differs=shape_differs,
            size_differs=other,
            dtype_differs=dtype_differs,
            silent="",
            flush=flush,
            wrt=wrt,
        )
    wrong, ratio = measured(observed.reshape(expected.shape), expected, flush)
    undefined = np.asarray(expected.value.undefined)
    return Judged(
        answer,
        expected=expected,
        observed=observed,
        wrong=wrong,
        undefined=undefined,
        ratio=ratio,
        shape_differs=shape_differs,
        size_differs=False,
        dtype_differs=dtype_differs,
        flush=flush,
        wrt=wrt,
    )


def measured(
    values: NDArray[Any], expected: Expected, flush: bool = True
) -> tuple[Mask, NDArray[np.float64]]:
    """Which values lie beyond the bound, and an upper bound of their distance over it.

    float16 and bfloat16 may be accumulated in their own precision (G3): reported, not diverging.
    """
    value, compute = expected.value, expected.compute
    bound = reach(expected, flush)
    wrong = ~_right(values, expected, bound) & ~np.asarray(value.undefined)
    with np.errstate(all="ignore"):
        ratio = np.asarray(oracle.error_limit(values, value, compute)) / bound
    # the limit on a distance is cruder than the test of it; of values that are not documented it is NaN
    return wrong, np.where(wrong, ratio, np.fmin(ratio, 1.0))


def _right(values: NDArray[Any], expected: Expected, bound: NDArray[np.float64]) -> Mask:
    """Values within their bound, and infinities where the exact value with its bound leaves the range."""
    value = expected.value
    right = np.asarray(oracle.within(values, value, bound, expected.compute))
    wide = values.astype(np.float64)
    endless = np.isinf(wide)
    if endless.any():
        with np.errstate(invalid="ignore", over="ignore"):
            far = np.where(np.signbit(wide), -np.asarray(value.lower), np.asarray(value.upper)) + bound
            # a float64 result of a documented computation in float32 overflows where float32 does
            largest = min(FORMATS[name].largest for name in (str(values.dtype), expected.compute))
            right = right | (endless & (far > largest))
    return right


@lru_cache(maxsize=64)  # asked when an answer is judged, graded and sampled
def reach(expected: Expected, flush: bool = True) -> NDArray[np.float64]:
    """The bound on each value.

    Without `flush` the allowance for products flushed to zero is taken back where it would excuse anything (E above
    a quarter of what values there are made of: 1, or the largest element of a gradient's row): there whole sums of
    squares underflow, which is judged as such. Half an ulp of a subnormal float64 is no float64; there the bound is a
    whole one.
    """
    bound: NDArray[np.float64] = _allowed(expected, True)
    if not flush:
        strict = _allowed(expected, False)
        bound = np.where(bound > PROVES_NOTHING * _size(expected), strict, bound)
    return np.maximum(bound, np.nextafter(0.0, 1.0))


@memory.remembered(memory.of_object)
def _allowed(expected: Expected, flush: bool) -> NDArray[np.float64]:
    last = accepted(expected.compute)
    if not expected.cast:
        return oracle.bound(expected.value, expected.compute, last, flush=flush)
    wide = oracle.bound(expected.value, expected.cast, accepted(expected.cast), flush=flush)
    return np.asarray(wide + oracle.bound(expected.value, expected.compute, "G0"))


def _size(expected: Expected) -> Any:
    """Of a value 1; of a gradient the largest element of each row, but no less than the root of what may be flushed."""
    if expected.axis is None:
        return 1.0
    value = expected.value
    ends = np.fmax(np.abs(np.asarray(value.lower)), np.abs(np.asarray(value.upper)))
    least = float(np.sqrt(FORMATS[expected.compute].smallest_normal))
    return np.max(ends, axis=expected.axis, keepdims=True, initial=least)


def near(judged: Judged) -> Mask:
    """Where a value misses its bound by so little that rounding, not another formula, may be the reason.

    In a narrow dtype 64 bounds may exceed every value there is, so the distance must also be small beside the value's
    size.
    """
    assert judged.expected is not None
    ratio = np.nan_to_num(judged.ratio, nan=np.inf)
    bound = reach(judged.expected, judged.flush)
    value = judged.expected.value
    ends = np.fmax(np.abs(np.asarray(value.lower)), np.abs(np.asarray(value.upper)))
    size = np.fmax(_size(judged.expected), ends) if judged.expected.axis is None else _size(judged.expected)
    with np.errstate(invalid="ignore"):
        return np.asarray((ratio < ROUNDING_BOUNDS) & (ratio * bound <= PROVES_NOTHING * size))


def accepted(compute: str) -> str:
    """The last grade that is no divergence in a dtype."""
    return "G3" if compute in LOW_PRECISION else "G2"


@memory.remembered(memory.of_objects)
def grade(answers: Sequence[Judged]) -> str:
    """The best grade that every value reaches; the first value that misses a grade ends the search for it."""
    valued = [j for j in answers if j.expected is not None and j.observed is not None and not j.size_differs]
    if any(j.wrong.any() for j in valued):
        return "none"
    if not valued:
        return ""
    first = valued[0].expected
    assert first is not None
    last = "G2" if first.cast else accepted(first.compute)
    return next((g for g in ("G0", "G1", "G2") if all(_reaches(j, g) for j in valued)), last)


def _reaches(judged: Judged, name: str) -> bool:
    assert judged.expected is not None
    assert judged.observed is not None
    expected = judged.expected
    bound = oracle.bound(expected.value, expected.compute, name, flush=judged.flush)
    near = _right(judged.observed.reshape(expected.shape), expected, bound)
    return bool(np.all(near | judged.undefined))


@memory.remembered(memory.of_object)
def ulps(judged: Judged) -> NDArray[np.float64]:
    """Distance of each value from the exact one, in ulp of the computing dtype (near 0 in units of u).

    inf for answers that are no floating-point numbers.
    """
    assert judged.expected is not None
    assert judged.observed is not None
    if str(judged.observed.dtype) not in FORMATS:
        return np.full(judged.expected.shape, np.inf)
    values = judged.observed.reshape(judged.expected.shape)
    return np.asarray(oracle.ulp_error(values, judged.expected.value, judged.expected.compute))


def explains(
    subject: Subject,
    arrays: Mapping[str, NDArray[Any]],
    options: Mapping[str, Any],
    judged: Judged,
    parameters: Mapping[str, Any],
    wanted: Mask | None = None,
) -> Mask:
    """Which of the documented result's values come out as observed under other semantic parameters.

    Where all of the values that are `wanted` are far from the other formula's, none is told: that costs little.
    """
    name = repr(sorted(parameters.items())), b"" if wanted is None else wanted.tobytes()
    if name not in judged.tried:
        mask = _explains(subject, arrays, options, judged, parameters, wanted)
        mask.flags.writeable = False
        judged.tried[name] = mask
    return judged.tried[name]


def _explains(
    subject: Subject,
    arrays: Mapping[str, NDArray[Any]],
    options: Mapping[str, Any],
    judged: Judged,
    parameters: Mapping[str, Any],
    wanted: Mask | None,
) -> Mask:
    if judged.observed is None:
        return np.zeros_like(judged.wrong)
    observed = judged.observed
    try:
        other = expected_of(subject, arrays, options, parameters, judged.wrt)
    except (Undocumented, ValueError):
        return np.zeros_like(judged.wrong)
    if int(np.prod(other.shape, dtype=np.int64)) != observed.size or str(observed.dtype) not in FORMATS:
        return np.zeros_like(judged.wrong)
    values = observed.reshape(other.shape)
    if wanted is not None and set(parameters) <= OF_ONE_NUMERATOR and _far_off(judged, other, values, wanted):
        return np.zeros_like(judged.wrong)
    value = other.value
    bound = reach(other, judged.flush)
    # 0/0 of a rule or a divisor is NaN; along another axis a NaN says nothing, whatever vectors are zero there
    nothing = np.isnan(values.astype(np.float64)) & ("axis" not in parameters)
    right = np.where(value.undefined, nothing, _right(values, other, bound))
    if np.any(right & (bound > PROVES_NOTHING)) and not np.any(right & ~_accepts_all(judged, other, bound)):
        return np.zeros_like(judged.wrong)  # not one row tells this rule from the documented one
    if right.size != judged.wrong.size:
        return np.full_like(judged.wrong, bool(right.all()))
    return np.asarray(right.reshape(judged.wrong.shape))


def _far_off(judged: Judged, other: Expected, values: NDArray[Any], wanted: Mask) -> bool:
    """Whether all these values are so far from the other formula's that its bound, which is costly, need not be known.

    With the same sum of products over another denominator, bound and value grow alike: the other bound is about the
    documented one times |answer| / |documented value|, if the answer is the other value.
    """
    own = judged.expected
    if own is None or (own.shape, own.compute, own.cast) != (other.shape, other.compute, other.cast):
        return False
    if wanted.shape != other.shape or not wanted.any():
        return False
    wanted = _clearest(judged, wanted, own.axis)
    wide = np.abs(values.astype(np.float64))
    bound, size = reach(own, judged.flush), np.abs(np.asarray(own.value.lower))
    if own.axis is not None:  # the elements of a row's gradient are rounded as its largest is
        bound, size, wide = (
            np.broadcast_to(np.max(a, axis=own.axis, keepdims=True, initial=0.0), a.shape)
            for a in (bound, size, wide)
        )
    unit = FORMATS[own.compute].unit
    with np.errstate(all="ignore"):
        room = SPARE * (bound * np.maximum(1.0, wide / size) + unit * np.maximum(1.0, wide))
    undefined = np.asarray(other.value.undefined)
    open_ = np.isinf(values.astype(np.float64)) | (~np.isnan(wide) & ~np.isfinite(room)) | undefined
    if (wanted & open_).any():
        return False
    near = wanted & oracle.within(values, other.value, room, other.compute)
    if near.any():  # where the other formula gives the documented value, its bound is the documented one
        clearly = near & (judged.ratio > CLEARLY)
        documented = np.asarray(own.value.lower)
        near &= ~(clearly & oracle.within(documented, other.value, reach(own, judged.flush) / 8))
    return not near.any()


def _clearest(judged: Judged, wanted: Mask, axis: int | None) -> Mask:
    """Of wrong values those that are clearly so; of a gradient's row the element that is farthest off."""
    ratio = np.where(wanted, np.nan_to_num(judged.ratio, nan=np.inf), -np.inf)
    if axis is not None:
        wanted = wanted & (ratio == np.max(ratio, axis=axis, keepdims=True))
    clear = wanted & (ratio > CLEARLY)
    return clear if clear.any() else wanted


def _accepts_all(judged: Judged, other: Expected, bound: NDArray[np.float64]) -> Mask:
    """Where the bound of another formula is so much wider that it accepts the documented value as well.

    A raw dot product of rows of mixed scale that cancels has a bound that says nothing of any value.
    """
    own = judged.expected
    if own is None or own.shape != other.shape:
        return np.zeros(other.shape, dtype=np.bool_)
    wider = bound > WIDER * reach(own, judged.flush)
    both = wider & np.asarray(oracle.within(np.asarray(own.value.lower), other.value, bound))
    both = both & ~np.asarray(own.value.undefined) & ~np.asarray(other.value.undefined)
    if (
        other.axis is not None
    ):  # small elements of a gradient tell little: one that tells the two apart is enough
        return np.full(both.shape, bool(both[judged.wrong].all()))
    return np.asarray(both)
