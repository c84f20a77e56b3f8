"""Predicates on inputs: where an implementation may leave the range of its dtype on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.questions.batches import Batch

Mask = NDArray[np.bool_]


def holds(
    name: str, subject: Subject, arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any], compute: str
) -> Mask:
    """For each value of an elementwise result, whether the predicate holds of the inputs it comes from."""
    inputs = family_of(subject).inputs
    by_role = {a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays}
    core = [by_role[r] for r in inputs.roles if r in by_role]
    if name == "integer_input":
        return np.asarray(any(str(a.dtype) not in FORMATS for a in core))
    if name == "weights_need_expansion":
        weights = by_role.get("weights")
        return np.asarray(weights is not None and 0 < weights.ndim < max(a.ndim for a in core) - 1)
    if name == "empty":
        return np.asarray(any(a.size == 0 for a in core))
    format_ = FORMATS[compute]
    if name == "eps_vanishes":
        eps = subject.eps(options)
        if eps is None or not 0 < eps <= format_.smallest / 2:
            return np.asarray(False)
    axis = axis_of(subject, options)
    if name == "nonfinite":
        return ~inputs.finite(by_role, axis)
    q, r = inputs.log2_squares(by_role, axis)
    if name == "zero_norm":
        return np.isneginf(q) | np.isneginf(r)
    if name == "eps_vanishes":  # it is missed where a denominator may come out as zero without it
        return (q < format_.emin) | (r < format_.emin) | (q + r < format_.emin)
    # A sum of d squares loses bits as soon as its terms near the smallest normal number.
    low, high = format_.emin + format_.precision, format_.emax + 1 - format_.unit
    with np.errstate(all="ignore"):
        judged: dict[str, Mask] = {
            "squared_norm_underflows": _tiny(q, low) | _tiny(r, low),
            "squared_norm_overflows": (q >= high) | (r >= high),
            "product_underflows": _tiny((q + r) / 2, low),
            "product_overflows": (q + r) / 2 >= high,
            "squared_product_underflows": _tiny(q + r, low),
            "squared_product_overflows": q + r >= high,
            "cubed_product_overflows": 1.5 * (q + r) >= high,  # a derivative of c may divide by D three times
        }
    return judged[name]


def ordinary(subject: Subject, arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any]) -> Mask:
    """For each value of an elementwise result, whether the inputs it comes from are of ordinary size."""
    inputs = family_of(subject).inputs
    by_role = {a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays}
    if not {inputs.roles[0], inputs.roles[-1]} <= set(by_role):
        return np.asarray(True)
    return inputs.ordinary(by_role, axis_of(subject, options))


def of_elements(mask: Mask, subject: Subject, batch: Batch, shape: tuple[int, ...]) -> Mask:
    """A mask of rows for the elements of a gradient of this shape; for all of them where rows were summed."""
    return family_of(subject).inputs.of_elements(mask, axis_of(subject, batch.options), shape)


def _tiny(exponent: NDArray[np.float64], low: float) -> Mask:
    return (exponent < low) & ~np.isneginf(exponent)
