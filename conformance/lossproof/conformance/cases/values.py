"""Numbers that a case expects: by the oracle, as exact values, or as the digits that a document prints."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.cases.outcomes import (
    batch_of,
    conforms,
    diverges,
    kind_of,
    kind_of_value,
    wanted_of,
)
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging.comparison import judge_answer, measured, reach, ulps
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.judging.outcome import Failure, Outcome
from lossproof.conformance.judging.serialize import documented, enclosed, hexed, literal, seen
from lossproof.conformance.model.dtypes import FORMATS, numpy_dtype
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.workers.protocol import Answer
from lossproof.specs.models import ArrayValues, Case


def by_oracle(subject: Subject, case: Case, answer: Answer) -> Outcome:
    """The documented formula's value, within its bound."""
    batch = batch_of(case)
    judged = judge_answer(subject, batch.arrays, batch.options, answer)
    if judged.expected is None:
        return Outcome("undocumented", observed=seen(answer), note=judged.silent, rows=1, case=case)
    wanted = documented(judged)
    if judged.undefined.all() and judged.undefined.size:
        return Outcome("undocumented", observed=seen(answer), rows=1, case=case)
    shaped = judged.size_differs or (case.property == "shape" and judged.shape_differs)
    if not (judged.wrong.any() or shaped):
        return conforms(case, wanted, seen(answer))
    kind = kind_of(case) if shaped else kind_of_value(case)
    outcome = diverges(case, kind, answer, wanted, seen(answer), "another value")
    wrong = judged.wrong if judged.wrong.any() else np.ones_like(judged.wrong)
    failure = Failure(Reply(batch_of(case), answer, judged), wrong, kind)
    ratio = float(np.nanmax(judged.ratio, initial=0.0))
    error = None if judged.size_differs else float(np.nanmax(ulps(judged), initial=0.0))
    return Outcome(
        "diverges",
        kind=outcome.kind,
        failures=(failure,),
        rows=1,
        error=error,
        ratio=ratio,
        grade="none",
        expected=wanted,
        observed=seen(answer),
        case=case,
    )


def valued(subject: Subject, case: Case, answer: Answer) -> Outcome:
    """Exact values: within the bound of the documented formula where there is one, else equal."""
    assert answer.value is not None
    values = case.expect.value
    wanted = literal(ArrayValues(values=values, dtype="float64"))
    observed = answer.value.numpy().astype(np.float64)
    if observed.size != wanted.size:
        return diverges(
            case, case.kind or "shape", answer, wanted_of(case), seen(answer), "another number of values"
        )
    tolerance = _tolerance(subject, case, wanted, answer.value.dtype)
    said = {"value": hexed(wanted), "tolerance": hexed(tolerance)}
    with np.errstate(all="ignore"):
        near = np.abs(observed.reshape(wanted.shape) - wanted) <= tolerance
    same = (
        (near & np.isfinite(wanted))
        | (np.isnan(wanted) & np.isnan(observed.reshape(wanted.shape)))
        | (observed.reshape(wanted.shape) == wanted)
    )
    if same.all():
        return conforms(case, said, seen(answer))
    return diverges(case, kind_of_value(case), answer, said, seen(answer), "another value", of_value=True)


def _tolerance(subject: Subject, case: Case, wanted: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """The bound of the documented formula on the case's inputs; without a formula a few ulps, near 0 of 1."""
    batch = batch_of(case)
    try:
        expected = expect(subject, batch.arrays, batch.options)
        return np.nan_to_num(reach(expected).reshape(wanted.shape), nan=0.0, posinf=0.0)
    except (Undocumented, ValueError):
        size = np.maximum(np.abs(wanted), 1.0)
        return np.asarray(size * (4 * FORMATS[dtype].unit if dtype in FORMATS else 0.0))


def printed_digits(subject: Subject, case: Case, answer: Answer) -> Outcome:
    """Digits as the document prints them, met within one unit of the last one or within the bound of the exact value.

    A printed number that is no rounding of the exact value, and farther from it than the bound, contradicts the
    formula.
    """
    assert answer.value is not None
    digits = np.asarray(case.expect.printed, dtype=object)
    printed = np.vectorize(lambda t: float(str(t)), otypes=[float])(digits)
    unit = np.vectorize(last_digit, otypes=[float])(digits)
    observed = answer.value.numpy().astype(np.float64)
    if observed.size != printed.size:
        return diverges(
            case, "shape", answer, wanted_of(case), seen(answer), "another number of values than printed"
        )
    met = np.abs(observed.reshape(printed.shape) - printed) <= unit * (1 + 1e-9)
    contradicted = np.zeros(printed.shape, dtype=np.bool_)
    batch = batch_of(case)
    exact: Any = None
    try:
        expected = expect(subject, batch.arrays, batch.options)
    except (Undocumented, ValueError):
        expected = None
    if expected is not None and int(np.prod(expected.shape, dtype=np.int64)) == printed.size:
        wrong, _ = measured(
            observed.reshape(expected.shape).astype(numpy_dtype(answer.value.dtype)), expected
        )
        met = met | ~wrong.reshape(printed.shape)
        near = np.maximum(reach(expected).reshape(printed.shape), unit / 2)
        contradicted = ~np.asarray(
            oracle.within(printed.reshape(expected.shape), expected.value, near.reshape(expected.shape))
        )
        contradicted = contradicted.reshape(printed.shape)
        exact = enclosed(expected)
    wanted = {"printed": case.expect.printed, **({"exact": exact} if exact is not None else {})}
    if not met.all():
        return diverges(
            case,
            kind_of(case),
            answer,
            wanted,
            seen(answer),
            "neither the printed nor the exact value",
            of_value=True,
        )
    if contradicted.any():
        return diverges(
            case,
            "documentation",
            answer,
            wanted,
            seen(answer),
            "the printed digits are not those of the documented formula",
        )
    return conforms(case, wanted, seen(answer))


def last_digit(text: Any) -> float:
    """One unit of the last digit of a printed number: 0.001 for -0.999; 0 for a NaN or an infinity."""
    exponent = Decimal(str(text)).as_tuple().exponent
    return 10.0**exponent if isinstance(exponent, int) else 0.0
