"""The judge: an answer against the documented value, row by row, by the proven bounds of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance import conditions
from lossproof.conformance.dtypes import FORMATS
from lossproof.conformance.expectation import Expected, Silent, expect
from lossproof.conformance.messages import Answer
from lossproof.conformance.subject import Subject

Mask = NDArray[np.bool_]
LOW_PRECISION = ("float16", "bfloat16")


@dataclass(frozen=True)
class Judged:
    """One answer against the documentation. Arrays have one entry for each value of the documented result.

    `wrong`: beyond the bound. `undefined`: the documentation gives no value. `error`: distance in ulp. `ratio`: distance
    over the bound. `silent` says why nothing is expected; `refused` holds the exception instead of a value.
    """

    answer: Answer
    expected: Expected | None
    observed: NDArray[Any] | None
    wrong: Mask
    undefined: Mask
    error: NDArray[np.float64]
    ratio: NDArray[np.float64]
    low_precision: bool = False
    shape_differs: bool = False
    size_differs: bool = False
    dtype_differs: bool = False
    silent: str = ""

    @property
    def refused(self) -> bool:
        """Whether an exception came instead of a value."""
        return self.answer.outcome == "error"

    @property
    def broken_off(self) -> bool:
        """Whether the target crashed, hung, or returned no array."""
        return self.answer.outcome in ("crash", "hang") or (self.answer.outcome == "value" and self.observed is None)


NONE = np.zeros(0, dtype=np.bool_)
NOTHING = np.zeros(0, dtype=np.float64)


def judge(
    subject: Subject,
    arrays: Mapping[str, NDArray[Any]],
    options: Mapping[str, Any],
    answer: Answer,
    override: Mapping[str, Any] | None = None,
    flush: bool = True,
) -> Judged:
    """Judge the answer to one call.

    `override` judges by other semantic parameters than the documented ones. `flush=False` takes back the allowance for
    products flushed to zero, which would accept anything where squares underflow.
    """
    observed = answer.value.numpy() if answer.value is not None else None
    if observed is None:
        return Judged(answer, None, None, NONE, NONE, NOTHING, NOTHING)
    try:
        expected = expect(subject, arrays, options, override)
    except Silent as silence:
        return Judged(answer, None, observed, NONE, NONE, NOTHING, NOTHING, silent=str(silence))
    shape_differs = tuple(observed.shape) != expected.shape
    dtype_differs = expected.dtype is not None and str(observed.dtype) != expected.dtype
    size = int(np.prod(expected.shape, dtype=np.int64))
    if observed.size != size or str(observed.dtype) not in FORMATS:
        every = np.ones(expected.shape, dtype=np.bool_)
        far = np.full(expected.shape, np.inf)
        return Judged(
            answer, expected, observed, every, ~every, far, far, False, shape_differs, observed.size != size, dtype_differs
        )
    values = observed.reshape(expected.shape)
    wrong, error, ratio, low = measured(values, expected, flush)
    return Judged(
        answer, expected, observed, wrong, np.asarray(expected.value.undefined), error, ratio,
        low, shape_differs, False, dtype_differs,
    )  # fmt: skip


def measured(
    values: NDArray[Any], expected: Expected, flush: bool = True
) -> tuple[Mask, NDArray[np.float64], NDArray[np.float64], bool]:
    """Which values lie beyond the bound, their distance in ulp and over the bound, and whether one needs grade G3.

    float16 and bfloat16 may be accumulated in their own precision (G3): reported, not diverging.
    """
    value, compute = expected.value, expected.compute
    bound = oracle.bound(value, compute, "G3" if compute in LOW_PRECISION else "G2", flush=flush)
    undefined = np.asarray(value.undefined)
    within = np.asarray(oracle.within(values, value, bound))
    wrong = ~within & ~undefined
    error = np.asarray(oracle.ulp_error(values, value, compute))
    with np.errstate(all="ignore"):
        ratio = np.abs(np.asarray(oracle.distance(values, value))) / bound
    low = False
    if compute in LOW_PRECISION and not wrong.all():
        strict = oracle.bound(value, compute, "G2", flush=flush)
        low = bool(np.any(within & ~np.asarray(oracle.within(values, value, strict)) & ~undefined))
    return wrong, error, ratio, low


def explains(
    subject: Subject,
    arrays: Mapping[str, NDArray[Any]],
    options: Mapping[str, Any],
    judged: Judged,
    parameters: Mapping[str, Any],
) -> Mask:
    """Which of the wrong values are right under other semantic parameters."""
    if judged.observed is None:
        return NONE
    try:
        other = expect(subject, arrays, options, parameters)
    except (Silent, ValueError):
        return np.zeros_like(judged.wrong)
    if int(np.prod(other.shape, dtype=np.int64)) != judged.observed.size or str(judged.observed.dtype) not in FORMATS:
        return np.zeros_like(judged.wrong)
    if judged.size_differs:
        wrong, *_ = measured(judged.observed.reshape(other.shape), other)
        return np.full_like(judged.wrong, not wrong.any())
    wrong, *_ = measured(judged.observed.reshape(other.shape), other)
    undefined = np.asarray(other.value.undefined)
    nan = np.isnan(judged.observed.reshape(other.shape).astype(np.float64))
    right = np.where(undefined, nan, ~wrong)
    return judged.wrong & right.reshape(judged.wrong.shape)


def meets(
    name: str, subject: Subject, arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any], judged: Judged
) -> Mask:
    """Which of the wrong values come from inputs of which the predicate holds."""
    compute = judged.expected.compute if judged.expected else "float32"
    mask = conditions.holds(name, subject, arrays, options, compute)
    if mask.size != judged.wrong.size:  # a reduced value: one such input is enough
        return judged.wrong & bool(mask.any())
    return judged.wrong & mask.reshape(judged.wrong.shape)
