"""The samples of a competent tester: random normals of a few shapes, and each documented option, in two dtypes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.model.dtypes import cast, numpy_dtype
from lossproof.conformance.model.subject import Subject

SHAPES = ((5, 8), (16, 32), (7, 3), (2, 3, 8), (4, 6, 16))
"""Batches of two and of three dimensions; with two dtypes, ten samples."""
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Sample:
    """One call: its arrays and options by name."""

    arrays: Mapping[str, NDArray[Any]]
    options: Mapping[str, Any]


def samples(subject: Subject, seed: int = 0) -> list[Sample]:
    """Ten samples with the defaults; then each documented option value, and weights, once."""
    rng = np.random.default_rng(seed)
    base = dict(subject.base.options)
    found = [
        Sample(_arrays(subject, rng, shape, dtype, base), base)
        for shape in _shapes(subject)
        for dtype in DTYPES
    ]
    for options in _options(subject):
        given = {**base, **options}
        found += [Sample(_arrays(subject, rng, SHAPES[0], dtype, given), given) for dtype in DTYPES]
    if subject.has("weights"):
        for dtype in DTYPES:
            found.append(Sample(_arrays(subject, rng, SHAPES[0], dtype, base, weighted=True), base))
    return found


def _shapes(subject: Subject) -> list[tuple[int, ...]]:
    """Five shapes of ranks that the documentation allows; the allowed ones again where they are fewer."""
    allowed = [s for s in SHAPES if len(s) in subject.semantics.ranks or subject.spec.family == "contrastive"]
    return [allowed[i % len(allowed)] for i in range(len(SHAPES))]


def _options(subject: Subject) -> Iterator[dict[str, Any]]:
    for option in subject.edition.call.options:
        for value in option.means if option.role == "reduction" else option.ask:
            asked = None if value == "null" else value
            if asked != option.default:
                yield {option.name: asked}


def _arrays(
    subject: Subject,
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: str,
    options: Mapping[str, Any],
    weighted: bool = False,
) -> dict[str, NDArray[Any]]:
    axis_option = subject.option("axis")
    axis = options.get(axis_option.name, axis_option.default) if axis_option else -1
    axis = -1 if axis is None else int(axis)
    by_role: dict[str, NDArray[Any]] = {}
    if subject.spec.family == "contrastive":
        batch = shape[:1]
        by_role["distances"] = cast(np.abs(rng.standard_normal(batch)), dtype)
        by_role["labels"] = rng.integers(0, 2, batch)
    else:
        x, y = rng.standard_normal((2, *shape))
        if subject.semantics.fixed("inputs") == "unit_norm":
            x, y = (v / np.linalg.norm(v, axis=axis, keepdims=True) for v in (x, y))
        by_role["x"], by_role["y"] = cast(x, dtype), cast(y, dtype)
        batch = tuple(n for i, n in enumerate(shape) if i != axis % len(shape))
        by_role["labels"] = cast(2.0 * rng.integers(0, 2, batch) - 1.0, dtype)
    if weighted:
        size = batch[:1]
        if subject.semantics.fixed("keepdims"):
            size = tuple(1 if i == axis % len(shape) else n for i, n in enumerate(shape))
        by_role["weights"] = cast(rng.uniform(0.5, 2.0, size), dtype)
    named = {}
    for parameter in subject.edition.call.arrays:
        if parameter.role in by_role:
            values = by_role[parameter.role]
            named[parameter.name] = values.astype(numpy_dtype(parameter.dtype)) if parameter.dtype else values
    return named
