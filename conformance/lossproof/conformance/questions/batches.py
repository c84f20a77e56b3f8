"""Batches: the arrays of one question for a region, dtype and variant of an API.

The run's seed and the cell's digest seed two generators: one draws the layout (rank, batch shape, length, memory
order), the other the numbers. The property is no part of the digest, so cells of several properties share their batches
and each answer is asked for once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.layouts import Layout, Layouts, Order
from lossproof.conformance.families.regions import registry
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.model.dtypes import FORMATS, cast, numpy_dtype
from lossproof.conformance.model.subject import Subject, Variant
from lossproof.conformance.questions.seeding import draw, generator

ROWS = 64
# A sum in bfloat16 loses u n of a mean, and so 16 rows leave the bound below 1/4.
SUMMED_ROWS = {"bfloat16": 16}
# Longest rows for which the native bound stays below 1/4 (design, section 4); see test_bounds_reject.
LONGEST = {"float16": 96, "bfloat16": 8, "float32": 128, "float64": 128}
COSTLY_LENGTH = 17
"""The longest rows of a gradient where most numbers are decided by exact arithmetic."""


@dataclass(frozen=True)
class Batch:
    """One question: arrays by parameter name and the options given."""

    arrays: Mapping[str, NDArray[Any]]
    options: Mapping[str, Any]
    axis: int = -1
    """position of the embedding axis in x and y"""
    order: Order = "C"
    label: tuple[str, ...] = field(default=())
    """region, dtype, variant and number: what the batch was drawn for"""
    wrt: str = ""
    """the array that the gradient is asked for; "": the value is"""


def batches(
    subject: Subject,
    region: str,
    dtype: str,
    variant: Variant,
    count: int,
    run_seed: int,
    rows: int = ROWS,
) -> Iterator[Batch]:
    """The batches of a group of cells, a function of the seed, API, region, dtype, variant and number alone.

    `rows` is how many rows a batch has where the region and the reduction do not ask for fewer.
    """
    words = (subject.api, region, dtype, variant.slug)
    allowed = layouts(subject, region, dtype, variant, rows)
    drawn = draw((allowed.batches, allowed.lengths, allowed.orders), count, run_seed, *words)
    for number, layout in enumerate(starmap(Layout, drawn)):
        rng = generator(run_seed, *words, number)
        arrays, axis = arrange(subject, region, dtype, variant, layout, rng)
        label = (region, dtype, variant.slug, str(number))
        yield Batch(arrays, dict(variant.options), axis, layout.order, label, variant.wrt)


def layouts(subject: Subject, region: str, dtype: str, variant: Variant, rows: int = ROWS) -> Layouts:
    """Layouts in which the region means something."""
    names = variant.dtypes or (dtype,)
    compute = subject.compute_dtype(*names) if dtype in FORMATS else "float32"
    # Of mixed dtypes the narrowest counts too, so that a computation in it can be told from others.
    longest = min(LONGEST[name] for name in (compute, *names) if name in FORMATS)
    place = registry.of(subject, region)
    if variant.wrt and place.costly:
        longest = min(longest, COSTLY_LENGTH)
    rows = place.rows or rows
    if _reduction(subject, variant) != "none":
        rows = min(rows, SUMMED_ROWS.get(compute, ROWS))
    return family_of(subject).inputs.layouts(subject, place, variant, rows, longest)


def arrange(
    subject: Subject, region: str, dtype: str, variant: Variant, layout: Layout, rng: np.random.Generator
) -> tuple[dict[str, NDArray[Any]], int]:
    """The arrays of a question by parameter name, and the position of the embedding axis."""
    family = family_of(subject)
    axis = axis_of(subject, dict(variant.options))
    floating = dtype if dtype in FORMATS else "float32"
    by_role: dict[str, NDArray[Any]] = {}
    shape = layout.batch
    for role in subject.semantics.roles:  # drawn in this order
        if role == family.inputs.roles[0]:
            drawn = family.inputs.draw(subject, registry.of(subject, region), dtype, variant, layout, rng)
            by_role, shape = {**by_role, **drawn.by_role}, drawn.shape
        elif role not in family.inputs.roles and subject.has(role):
            by_role[role] = family.labels.draw(rng, layout.batch, floating)
    if variant.label:
        by_role["labels"] = np.full_like(by_role["labels"], float(variant.label))
    if variant.weights:
        by_role["weights"] = weights(variant.weights, shape, rng, floating, subject)
    named: dict[str, NDArray[Any]] = {}
    for parameter in subject.edition.call.arrays:
        if parameter.role in by_role:
            values = by_role[parameter.role]
            named[parameter.name] = values.astype(numpy_dtype(parameter.dtype)) if parameter.dtype else values
    return named, axis


def _reduction(subject: Subject, variant: Variant) -> str:
    option = subject.option("reduction")
    return subject.meaning(option and dict(variant.options).get(option.name, option.default))


def weights(
    kind: str, shape: tuple[int, ...], rng: np.random.Generator, dtype: str, subject: Subject
) -> NDArray[Any]:
    """Weights of a kind for values of this shape: quarters from 0 to 2, exact in every dtype.

    scalar: 0-d. per_sample: one for each sample of the batch (axes of length 1 behind it under the NumPy rule).
    full: one for each value. broadcast: length 1 on all axes but the last. zeros: per sample, all zero.
    """
    if kind == "scalar":
        return cast(np.asarray(rng.integers(1, 9) / 4), dtype)
    if kind == "full":
        size = shape
    elif kind == "broadcast":
        size = (1,) * (len(shape) - 1) + shape[-1:]
        if subject.semantics.fixed("keepdims"):
            size = (1,) * len(shape)
    else:
        size = shape[:1]
        if subject.semantics.weights == "numpy":
            size = shape[:1] + (1,) * (len(shape) - 1)
    values = rng.integers(0, 9, size) / 4
    return cast(np.zeros(size) if kind == "zeros" else values, dtype)
