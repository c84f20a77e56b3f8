"""Which wrong values of a failure other semantic parameters, or a condition on the inputs, account for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance import conditions
from lossproof.conformance.judge import explains
from lossproof.conformance.property import Failure
from lossproof.conformance.subject import Subject

Mask = NDArray[np.bool_]


def explained(subject: Subject, failure: Failure, parameters: Mapping[str, Any]) -> Mask:
    """Which values of a failure come out as observed under other semantic parameters."""
    batch, judged = failure.reply.batch, failure.reply.judged
    if judged.observed is None:
        return np.zeros_like(failure.wrong)
    if set(parameters) == {"result_dtype"}:
        same = judged.dtype_differs and str(judged.observed.dtype) == parameters["result_dtype"]
        return np.full_like(failure.wrong, same)
    if set(parameters) == {"keepdims"} and not judged.size_differs:
        from lossproof.conformance.expectation import expect

        other = expect(subject, batch.arrays, batch.options, parameters)
        return np.full_like(
            failure.wrong, judged.shape_differs and other.shape == tuple(judged.observed.shape)
        )
    mask = explains(subject, batch.arrays, batch.options, judged, parameters)
    return mask if mask.shape == failure.wrong.shape else np.full_like(failure.wrong, bool(mask.all()))


def holding(subject: Subject, failure: Failure, predicate: str) -> Mask:
    """Which values of a failure come of inputs of which a condition holds."""
    batch, expected = failure.reply.batch, failure.reply.judged.expected
    compute = expected.compute if expected else "float32"
    mask = conditions.holds(predicate, subject, batch.arrays, batch.options, compute)
    if batch.wrt:
        mask = conditions.of_elements(mask, subject, batch, failure.wrong.shape)
    if mask.size == failure.wrong.size:
        return mask.reshape(failure.wrong.shape)
    return np.full_like(failure.wrong, bool(mask.any()))  # a reduced value: one such input is enough


def accounts_for(subject: Subject, failure: Failure, behaves: Mapping[str, Any]) -> bool:
    """Whether parameters and predicate of a cause account for every wrong value of a failure."""
    match = failure.wrong
    if behaves.get("parameters"):
        match = match & explained(subject, failure, behaves["parameters"])
    if behaves.get("predicate"):
        match = match & holding(subject, failure, behaves["predicate"])
    return bool(match.any()) and bool((match == failure.wrong).all())
