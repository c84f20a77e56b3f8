"""Batches: the arrays of one question for a region, dtype and variant of an API.

The run's seed and the cell's digest seed two generators: one draws the layout (rank, batch shape, length, memory
order), the other the numbers. The property is no part of the digest, so cells of several properties share their batches
and each answer is asked for once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product, starmap
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.regions import registry
from lossproof.conformance.families.regions.model import Region, Shape
from lossproof.conformance.model.dtypes import FORMATS, cast, numpy_dtype
from lossproof.conformance.model.subject import Subject, Variant
from lossproof.conformance.questions.seeding import draw, generator

ROWS = 64
# A sum in bfloat16 loses u n of a mean, and so 16 rows leave the bound below 1/4.
SUMMED_ROWS = {"bfloat16": 16}
# Longest rows for which the native bound stays below 1/4 (design, section 4); see test_bounds_reject.
LONGEST = {"float16": 96, "bfloat16": 8, "float32": 128, "float64": 128}
LENGTHS = (2, 3, 4, 7, 8, 16, 17, 32, 33, 64, 96, 100, 128)
PAIRS = (64, 63, 33)
"""How many distances a question gives."""
COSTLY_LENGTH = 17
"""The longest rows of a gradient where most numbers are decided by exact arithmetic."""

Layout_ = Literal["C", "transposed", "strided"]


@dataclass(frozen=True)
class Layout:
    """Shape of the batch without the embedding axis, length of the rows, and memory order."""

    batch: tuple[int, ...]
    d: int
    order: Layout_ = "C"


@dataclass(frozen=True)
class Layouts:
    """All layouts that a batch may have: a shape, a length and an order are drawn on their own."""

    batches: tuple[tuple[int, ...], ...]
    lengths: tuple[int, ...]
    orders: tuple[Layout_, ...] = ("C",)

    def __iter__(self) -> Iterator[Layout]:
        return starmap(Layout, product(self.batches, self.lengths, self.orders))

    def draw(self, count: int, run_seed: int, *words: object) -> list[Layout]:
        """`count` layouts, a function of the seed and the words alone."""
        drawn = draw((self.batches, self.lengths, self.orders), count, run_seed, *words)
        return list(starmap(Layout, drawn))


@dataclass(frozen=True)
class Batch:
    """One question: arrays by parameter name and the options given."""

    arrays: Mapping[str, NDArray[Any]]
    options: Mapping[str, Any]
    axis: int = -1
    """position of the embedding axis in x and y"""
    order: Layout_ = "C"
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
    drawn = layouts(subject, region, dtype, variant, rows).draw(count, run_seed, *words)
    for number, layout in enumerate(drawn):
        rng = generator(run_seed, *words, number)
        arrays, axis = arrange(subject, region, dtype, variant, layout, rng)
        label = (region, dtype, variant.slug, str(number))
        yield Batch(arrays, dict(variant.options), axis, layout.order, label, variant.wrt)


def ranks(subject: Subject, variant: Variant) -> tuple[int, ...]:
    """Ranks of x and y in which the axis exists and the batch holds several rows."""
    axis = _axis(subject, variant)
    allowed = [r for r in subject.semantics.ranks if -r <= axis < r]
    if variant.rank is not None:
        return (variant.rank,)
    return tuple(r for r in allowed if r >= 2) or tuple(allowed)


def _axis(subject: Subject, variant: Variant) -> int:
    option = subject.option("axis")
    if option is None:
        return -1
    value = dict(variant.options).get(option.name, option.default)
    return -1 if value is None else int(value)


def layouts(subject: Subject, region: str, dtype: str, variant: Variant, rows: int = ROWS) -> Layouts:
    """Layouts in which the region means something."""
    names = variant.dtypes or (dtype,)
    compute = subject.compute_dtype(*names) if dtype in FORMATS else "float32"
    # Of mixed dtypes the narrowest counts too, so that a computation in it can be told from others.
    longest = min(LONGEST[name] for name in (compute, *names) if name in FORMATS)
    place = registry.of(subject, region)
    if variant.wrt and place.costly:
        longest = min(longest, COSTLY_LENGTH)
    length = lengths(place, longest)
    rows = place.rows or rows
    if _reduction(subject, variant) != "none":
        rows = min(rows, SUMMED_ROWS.get(compute, ROWS))
    if subject.spec.family == "contrastive":
        return Layouts(tuple((size,) for size in place.lengths or PAIRS), (1,))
    shapes = tuple(s for r in ranks(subject, variant) for s in _batch_shapes(r, rows))
    if place.hollow:
        hollow = tuple((0, *s[1:]) for s in shapes if s)
        return Layouts(hollow, length) if hollow else Layouts(shapes, (0, 3))
    return Layouts(shapes, length, ("C", "transposed", "strided"))


def lengths(region: Region, longest: int) -> tuple[int, ...]:
    """The lengths of rows of a region: its own, or those up to `longest`."""
    return region.lengths or tuple(v for v in LENGTHS if v <= min(longest, region.longest))


def _batch_shapes(rank: int, rows: int) -> list[tuple[int, ...]]:
    if rank == 1:
        return [()]
    if rank == 2:
        return [(rows,)]
    if rank == 3:
        return [(8, rows // 8), (rows // 4, 4)]
    return [(2, rows // 8, 4) + (1,) * (rank - 4), (4, 2, rows // 8) + (1,) * (rank - 4)]


def arrange(
    subject: Subject, region: str, dtype: str, variant: Variant, layout: Layout, rng: np.random.Generator
) -> tuple[dict[str, NDArray[Any]], int]:
    """The arrays of a question by parameter name, and the position of the embedding axis."""
    call = subject.edition.call
    n = int(np.prod(layout.batch, dtype=np.int64))
    named: dict[str, NDArray[Any]] = {}
    axis = _axis(subject, variant)
    if subject.spec.family == "contrastive":
        margin = float(_option(subject, variant, "margin", 1.0))
        labels = rng.integers(0, 2, n)
        shape = Shape(n, 1, FORMATS[dtype], margin=margin)
        (distances,) = registry.of(subject, region).arrays(rng, shape)
        by_role = {"labels": labels, "distances": distances}
        result_shape = layout.batch
    else:
        x, y = _rows(subject, region, dtype, variant, layout.d, n, rng)
        by_role = {
            "x": _laid(x, layout.batch, axis, variant.broadcast in ("left", "both"), 0),
            "y": _laid(y, layout.batch, axis, variant.broadcast in ("right", "both"), 1),
        }
        if variant.broadcast == "axis":
            position = axis % by_role["y"].ndim
            by_role["y"] = np.take(by_role["y"], [0], axis=position)
        result_shape = layout.batch
        if subject.semantics.keepdims:
            position = axis % (len(layout.batch) + 1)
            result_shape = (*layout.batch[:position], 1, *layout.batch[position:])
        if subject.has("labels"):
            by_role["labels"] = cast(
                2.0 * rng.integers(0, 2, layout.batch) - 1.0, "float32" if dtype not in FORMATS else dtype
            )
    if variant.label:
        by_role["labels"] = np.full_like(by_role["labels"], float(variant.label))
    if variant.weights:
        weights_dtype = dtype if dtype in FORMATS else "float32"
        by_role["weights"] = weights(variant.weights, result_shape, rng, weights_dtype, subject)
    for parameter in call.arrays:
        if parameter.role in by_role:
            values = by_role[parameter.role]
            named[parameter.name] = values.astype(numpy_dtype(parameter.dtype)) if parameter.dtype else values
    return named, axis


def _option(subject: Subject, variant: Variant, role: str, otherwise: Any) -> Any:
    option = subject.option(role)
    return otherwise if option is None else dict(variant.options).get(option.name, option.default)


def _reduction(subject: Subject, variant: Variant) -> str:
    option = subject.option("reduction")
    return subject.meaning(option and dict(variant.options).get(option.name, option.default))


def _rows(
    subject: Subject, region: str, dtype: str, variant: Variant, d: int, n: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of x and y in their dtypes, shape (n, d)."""
    semantics = subject.semantics
    names = variant.dtypes or (dtype, dtype)
    floats = tuple(name for name in names if name in FORMATS)
    if not floats:
        x, y = _integers(rng, (2, n, d), dtype)
        return x.astype(dtype), y.astype(dtype)
    # Numbers that the documented computation has room for, on the scale of its roundoff.
    result = semantics.result_dtype
    every = (*floats, subject.compute_dtype(*names), *([result] if result in FORMATS else []))
    narrow = min(every, key=lambda name: (FORMATS[name].emax, FORMATS[name].precision))
    eps = subject.eps(dict(variant.options)) or 0.0
    shape = Shape(n, d, FORMATS[narrow], eps, semantics.norm_rule or "plain")
    x, y = registry.of(subject, region).arrays(rng, shape, unit_norm=semantics.inputs == "unit_norm")
    if len(floats) < len(names):
        whole = _integers(rng, (n, d), next(name for name in names if name not in FORMATS))
        return (whole.astype(names[0]), y) if names[0] not in FORMATS else (x, whole.astype(names[1]))
    if len(set(names)) > 1:  # the wider of two dtypes has digits that the other has no room for
        last = 1 + (2 * rng.random((2, n, d)) - 1) * FORMATS[narrow].unit
        x, y = (rows.astype(np.float64) * digits for rows, digits in zip((x, y), last, strict=True))
    return cast(x, names[0]), cast(y, names[1])


def _integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[np.int64]:
    """Rows of integers without a zero row: of 8 bits all that there are, so that products leave their range."""
    if dtype in ("int8", "uint8"):
        limits = np.iinfo(dtype)
        rows = rng.integers(limits.min, limits.max + 1, shape)
    else:  # small, so that no product overflows
        rows = rng.integers(0 if dtype == "bool" else -9, 10, shape)
    rows[..., 0] = np.where(rows.any(-1), rows[..., 0], 1)
    return rows


def _laid(rows: NDArray[Any], batch: tuple[int, ...], axis: int, shared: bool, side: int) -> NDArray[Any]:
    """Rows as an array whose embedding axis stands at `axis`; shared: one batch axis has length 1, to be broadcast."""
    values = rows.reshape(*batch, rows.shape[-1])
    if shared and batch:
        values = np.take(values, [0], axis=(side if len(batch) > 1 else 0))
    return np.ascontiguousarray(np.moveaxis(values, -1, axis))


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
        if subject.semantics.keepdims:
            size = (1,) * len(shape)
    else:
        size = shape[:1]
        if subject.semantics.weights == "numpy":
            size = shape[:1] + (1,) * (len(shape) - 1)
    values = rng.integers(0, 9, size) / 4
    return cast(np.zeros(size) if kind == "zeros" else values, dtype)
