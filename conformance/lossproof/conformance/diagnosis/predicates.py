"""Predicates on inputs: where an implementation may leave the range of its dtype on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.regions.held import log2_squared_norms
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.questions.batches import Batch

Mask = NDArray[np.bool_]


def holds(
    name: str, subject: Subject, arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any], compute: str
) -> Mask:
    """For each value of an elementwise result, whether the predicate holds of the inputs it comes from."""
    by_role = {a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays}
    core = [by_role[r] for r in ("x", "y", "distances") if r in by_role]
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
        if eps is None or not 0 < eps <= format_.smallest / 2 or "distances" in by_role:
            return np.asarray(False)
    if "distances" in by_role:
        distance = by_role["distances"].astype(np.float64)
        if name == "nonfinite":
            return np.asarray(~np.isfinite(distance))
        with np.errstate(all="ignore"):
            squared = 2.0 * np.log2(np.abs(distance))
        q = r = squared
    else:
        axis = axis_of(subject, options)
        x, y = _of_one_rank(by_role["x"], by_role["y"])
        if name == "nonfinite":
            x_finite, y_finite = (np.isfinite(a.astype(np.float64)).all(axis) for a in (x, y))
            finite: Mask = np.asarray(x_finite & y_finite)
            return ~finite
        q, r = log2_squared_norms(x, axis), log2_squared_norms(y, axis)
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


ORDINARY = 32
"""Norms and distances from 2^-32 to 2^32 are ordinary input; so is a distance of 0."""


def ordinary(subject: Subject, arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any]) -> Mask:
    """For each value of an elementwise result, whether the inputs it comes from are of ordinary size."""
    by_role = {a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays}
    if "distances" in by_role:
        size = np.abs(by_role["distances"].astype(np.float64))
        return np.asarray((size == 0) | ((size >= 2.0**-ORDINARY) & (size <= 2.0**ORDINARY)))
    if not {"x", "y"} <= set(by_role):
        return np.asarray(True)
    axis = axis_of(subject, options)
    squares = (log2_squared_norms(a, axis) for a in _of_one_rank(by_role["x"], by_role["y"]))
    q, r = ((s >= -2 * ORDINARY) & (s <= 2 * ORDINARY) for s in squares)
    return np.asarray(q & r)


def _of_one_rank(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both with the rank of their common shape, in which the axis counts: a vector against a matrix is a row."""
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape((1,) * (rank - a.ndim) + a.shape) for a in (x, y))
    return x, y


def of_elements(mask: Mask, subject: Subject, batch: Batch, shape: tuple[int, ...]) -> Mask:
    """A mask of rows for the elements of a gradient of this shape; for all of them where rows were summed."""
    if mask.ndim == 0 or not subject.has("x"):
        return mask
    rows = np.expand_dims(mask, axis_of(subject, batch.options))
    try:
        return np.broadcast_to(rows, shape)
    except ValueError:
        return np.asarray(mask.any())


def _tiny(exponent: NDArray[np.float64], low: float) -> Mask:
    return (exponent < low) & ~np.isneginf(exponent)


def axis_of(subject: Subject, options: Mapping[str, Any]) -> int:
    """The embedding axis of x and y under these options."""
    option = subject.option("axis")
    value = options.get(option.name, option.default) if option else -1
    return -1 if value is None else int(value)
