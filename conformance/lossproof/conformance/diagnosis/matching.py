"""Which wrong values of a failure other semantic parameters, or a predicate on the inputs, account for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.diagnosis import predicates
from lossproof.conformance.diagnosis.model import Behaviour
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import explains, reach
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.judging.outcome import Failure
from lossproof.conformance.model.subject import Subject

Mask = NDArray[np.bool_]
FEW = 6
"""Wrong rows on which a rule is tried before it is tried on all: those farthest off, and some evenly spaced."""
BY_ROW = {
    "score", "norm_rule", "eps", "eps_dtype", "zero", "subnormals", "compute_dtype", "similar", "squared", "half",
    "gradient_factor", "gradient_of", "clamp",
}  # fmt: skip
"""Parameters under which a row's value is the same whatever stands beside it."""


def explained(subject: Subject, failure: Failure, parameters: Mapping[str, Any]) -> Mask:
    """Which values of a failure come out as observed under other semantic parameters; none where no wrong one does."""
    batch, judged = failure.reply.batch, failure.reply.judged
    if judged.observed is None:
        return np.zeros_like(failure.wrong)
    if set(parameters) == {"result_dtype"}:
        same = judged.dtype_differs and str(judged.observed.dtype) == parameters["result_dtype"]
        return np.full_like(failure.wrong, same)
    if set(parameters) == {"keepdims"} and not judged.size_differs:
        other = expect(subject, batch.arrays, batch.options, parameters)
        return np.full_like(
            failure.wrong, judged.shape_differs and other.shape == tuple(judged.observed.shape)
        )
    mask = explains(subject, batch.arrays, batch.options, judged, parameters, failure.wrong)
    return mask if mask.shape == failure.wrong.shape else np.full_like(failure.wrong, bool(mask.all()))


def case_explained(subject: Subject, failure: Failure, parameters: Mapping[str, Any]) -> bool:
    """Whether the answer to a case that states its value comes out as observed under other parameters alone."""
    return _comes_out(subject, failure, parameters) and not _comes_out(subject, failure, {})


def _comes_out(subject: Subject, failure: Failure, parameters: Mapping[str, Any]) -> bool:
    batch, observed = failure.reply.batch, failure.reply.judged.observed
    try:
        other = expect(subject, batch.arrays, batch.options, parameters)
    except (Undocumented, ValueError):
        return False
    if observed is None or observed.size != int(np.prod(other.shape, dtype=np.int64)):
        return False
    values = observed.reshape(other.shape)
    right = oracle.within(values, other.value, reach(other), other.compute)
    return bool(np.where(other.value.undefined, np.isnan(values.astype(np.float64)), right).all())


def holding(subject: Subject, failure: Failure, predicate: str) -> Mask:
    """Which values of a failure come of inputs of which a predicate holds."""
    batch, expected = failure.reply.batch, failure.reply.judged.expected
    compute = expected.compute if expected else "float32"
    mask = predicates.holds(predicate, subject, batch.arrays, batch.options, compute)
    if batch.wrt:
        mask = predicates.of_elements(mask, subject, batch, failure.wrong.shape)
    if mask.size == failure.wrong.size:
        return mask.reshape(failure.wrong.shape)
    return np.full_like(failure.wrong, bool(mask.any()))  # a reduced value: one such input is enough


def on_ordinary_input(subject: Subject, failure: Failure, mask: Mask) -> bool:
    """Whether one of these wrong values comes of inputs of ordinary size; of a reduced value, all of its inputs."""
    batch = failure.reply.batch
    try:
        ordinary = predicates.ordinary(subject, batch.arrays, batch.options)
    except (ValueError, IndexError, TypeError):  # inputs that no formula takes: their size is not the point
        return True
    if batch.wrt:
        ordinary = predicates.of_elements(ordinary, subject, batch, mask.shape)
    if ordinary.size != mask.size:
        return bool(ordinary.all())
    return bool((mask & ordinary.reshape(mask.shape)).any())


EXTREMES = (
    "squared_norm_overflows", "squared_norm_underflows", "squared_product_overflows", "squared_product_underflows",
)  # fmt: skip
"""Predicates of input whose squares leave the range of the dtype on the way."""


def at_extremes(subject: Subject, failure: Failure, mask: Mask) -> bool:
    """Whether all of these wrong values come of inputs whose squares leave the range of the dtype."""
    if failure.reply.judged.expected is None or failure.says:
        return False
    held = np.logical_or.reduce([holding(subject, failure, name) for name in EXTREMES])
    return bool(held[mask].all())


def no_farther(subject: Subject, failure: Failure, parameters: Mapping[str, Any]) -> bool:
    """Whether arithmetic of fewer bits might have left every value where it is."""
    batch, judged = failure.reply.batch, failure.reply.judged
    try:
        other = expect(subject, batch.arrays, batch.options, parameters, judged.wrt)
    except (Undocumented, ValueError):
        return False
    if judged.observed is None or judged.size_differs:
        return False
    values = judged.observed.reshape(other.shape)
    return bool(np.all(oracle.within(values, other.value, reach(other), other.compute)))


def accounts_for(subject: Subject, failure: Failure, behaves: Behaviour) -> bool:
    """Whether parameters and predicate of a cause account for every wrong value of a failure."""
    match = failure.wrong
    if behaves.parameters:
        match = match & explained(subject, failure, behaves.parameters)
    if behaves.predicate:
        match = match & holding(subject, failure, behaves.predicate)
    return bool(match.any()) and bool((match == failure.wrong).all())


def few_rows(subject: Subject, failure: Failure, mask: Mask) -> Failure | None:
    """The failure on a few rows in `mask`, half of them those farthest off; None where they do not stand alone."""
    batch, judged = failure.reply.batch, failure.reply.judged
    expected, observed = judged.expected, judged.observed
    if expected is None or observed is None or judged.size_differs or mask.shape != expected.shape:
        return None
    rank = max((a.ndim for a in batch.arrays.values()), default=0)
    vectors = family_of(subject).inputs.vectors
    lead = 1 if vectors and rank and axis_of(subject, batch.options) % rank == 0 else 0
    along = lead if batch.wrt or subject.semantics.fixed("keepdims") else 0
    if mask.ndim <= along or not subject.reduces_not(batch.options):
        return None
    size = mask.shape[along]
    wrong = np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != along)))
    if size <= FEW or not wrong.size:
        return None
    ratio = np.where(mask, np.nan_to_num(judged.ratio, nan=np.inf), 0.0)
    off = ratio.max(axis=tuple(i for i in range(mask.ndim) if i != along))[wrong]
    off = np.where(np.isfinite(off), off, 0.0)  # NaN and infinity tell rules apart less than numbers do
    spaced = np.linspace(0, wrong.size - 1, FEW // 2).round().astype(int)
    rows = wrong[np.union1d(np.argsort(-off, kind="stable")[: FEW - FEW // 2], spaced)]
    arrays = {}
    for name, values in batch.arrays.items():
        at = lead if subject.roles[name] in vectors else 0
        if values.ndim <= at or values.shape[at] != size or (at == lead and values.ndim != rank and lead):
            return None
        arrays[name] = np.take(values, rows, axis=at)
    try:
        fewer = expect(subject, arrays, batch.options, wrt=batch.wrt)
    except (Undocumented, ValueError):
        return None
    taken = {n: np.take(getattr(judged, n), rows, axis=along) for n in ("wrong", "undefined", "ratio")}
    if fewer.shape != taken["wrong"].shape:
        return None
    part = replace(
        judged,
        expected=fewer,
        observed=np.take(observed.reshape(expected.shape), rows, axis=along),
        tried={},
        **taken,
    )
    reply = replace(failure.reply, batch=replace(batch, arrays=arrays), judged=part)
    return replace(failure, reply=reply, wrong=np.take(mask, rows, axis=along))


def rows_of(failure: Failure) -> int:
    """How many rows a failure has: of a gradient, vectors."""
    expected = failure.reply.judged.expected
    along = expected.shape[expected.axis] if expected is not None and expected.axis is not None else 1
    return max(1, failure.wrong.size // max(1, along))
