"""Causes that agree on the rows of a cell, told apart by one more question.

Under a scalar weight, a mean over the sum of weights and a mean that ignores them are one number; where every norm
lies below them, or none does, two floors are. A cause is named after a question on which its alternatives differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.model.dtypes import FORMATS, cast
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.questions.batches import Batch

SMALLEST = 60
"""Norms go down to 2^-60, and their product to 1e-36: no floor that implementations use lies below."""
WEIGHTED = ("reduction", "ignore_weights")


def alternatives(
    parameters: Mapping[str, Any], weighted: bool, floors: Sequence[str], values: Sequence[float]
) -> list[dict[str, Any]]:
    """Other parameters that may agree with these on some rows; `floors` and their `values` simplest first."""
    given = set(parameters)
    if weighted and given <= set(WEIGHTED):
        found: list[dict[str, Any]] = [{"ignore_weights": True}]
        found += [{"reduction": r} for r in ("mean_by_weight", "mean_by_nonzero")]
    elif given == {"norm_rule", "eps"}:
        found = [{"norm_rule": parameters["norm_rule"], "eps": eps} for eps in values]
    elif given == {"norm_rule"} and not (rule := oracle.norm_rule(parameters["norm_rule"])).unit:
        found = [{"norm_rule": floor} for floor in floors]
        if rule.eps is None:  # an eps too small for these rows shows nothing
            found += [{"norm_rule": floors[0], "eps": eps} for eps in values]
    else:
        return []
    return [other for other in found if other != dict(parameters)]


def separating_batch(subject: Subject, batch: Batch, parameters: Mapping[str, Any]) -> Iterator[Batch]:
    """The batch on which alternatives of these parameters differ, where one can be made of this batch; at most one."""
    if batch.wrt:
        return
    if set(parameters) <= set(WEIGHTED):
        try:
            shape = expect(subject, batch.arrays, batch.options, {"reduction": "none"}).shape
        except (Undocumented, ValueError):
            return
        name, quarters = subject.names["weights"], np.arange(int(np.prod(shape, dtype=np.int64))) % 7 / 4.0
        if quarters.size > 1:
            weights = cast(quarters.reshape(shape), str(batch.arrays[name].dtype))
            yield replace(batch, arrays={**batch.arrays, name: weights})
    elif names := [subject.names[role] for role in family_of(subject).inputs.vectors]:
        axis = axis_of(subject, batch.options)
        x, y = (batch.arrays[name] for name in names)
        if x.shape == y.shape and x.size and all(str(a.dtype) in FORMATS for a in (x, y)):
            spread = dict(zip(names, (_spread(x, axis, 5), _spread(y, axis, 3)), strict=True))
            yield replace(batch, arrays={**batch.arrays, **spread})


def _spread(values: NDArray[Any], axis: int, stride: int) -> NDArray[Any]:
    """The first two elements of each row, scaled by powers of two to norms from 1 down, as far as squares go."""
    name = str(values.dtype)
    rows = np.moveaxis(values, axis, -1)[..., :2].astype(np.float64)
    rows = np.where(np.any(rows != 0, axis=-1, keepdims=True), rows, 1.0)
    top = np.frexp(np.max(np.abs(rows), axis=-1, keepdims=True))[1]
    span = min(SMALLEST, -FORMATS[name].emin // 2)
    down = (np.arange(top.size) * stride % span).reshape(top.shape)
    return np.ascontiguousarray(np.moveaxis(cast(np.ldexp(rows, -top - down), name), -1, axis))
