"""Pairs of vectors along an embedding axis, of every rank, memory order and mix of dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.formula import Arrays
from lossproof.conformance.families.inputs import Drawn, Inputs, Logarithms, Mask, axis_of, within
from lossproof.conformance.families.layouts import Layout, Layouts, lengths
from lossproof.conformance.families.lines.model import Wide
from lossproof.conformance.families.regions.held import log2_squared_norms
from lossproof.conformance.families.regions.model import VECTORS, Region, Shape
from lossproof.conformance.model.dtypes import FORMATS, cast
from lossproof.conformance.model.subject import Subject, Variant


class Vectors(Inputs):
    """Pairs of vectors along the embedding axis."""

    space = VECTORS

    @property
    def vectors(self) -> tuple[str, ...]:
        """Both."""
        return self.roles

    def layouts(self, subject: Subject, region: Region, variant: Variant, rows: int, longest: int) -> Layouts:
        """Of every rank and memory order; a hollow batch has no rows, or rows of no elements."""
        found = lengths(region, longest)
        shapes = tuple(s for r in ranks(subject, variant) for s in _batch_shapes(r, rows))
        if region.hollow:
            hollow = tuple((0, *s[1:]) for s in shapes if s)
            return Layouts(hollow, found) if hollow else Layouts(shapes, (0, 3))
        return Layouts(shapes, found, ("C", "transposed", "strided"))

    def draw(
        self,
        subject: Subject,
        region: Region,
        dtype: str,
        variant: Variant,
        layout: Layout,
        rng: np.random.Generator,
    ) -> Drawn:
        """Rows of both vectors; where the variant broadcasts, one of them has an axis of length 1."""
        axis = axis_of(subject, dict(variant.options))
        count = int(np.prod(layout.batch, dtype=np.int64))
        pair = _rows(subject, region, dtype, variant, layout.d, count, rng)
        shared = (("left", "both"), ("right", "both"))
        x, y = (_laid(a, layout.batch, axis, variant.broadcast in shared[i], i) for i, a in enumerate(pair))
        if variant.broadcast == "axis":
            y = np.take(y, [0], axis=axis % y.ndim)
        shape = layout.batch
        if subject.semantics.fixed("keepdims"):
            position = axis % (len(shape) + 1)
            shape = (*shape[:position], 1, *shape[position:])
        return Drawn(dict(zip(self.roles, (x, y), strict=True)), shape)

    def partner(self, role: str) -> str:
        """The other one."""
        return self.roles[1 - self.roles.index(role)] if role in self.roles else role

    def log2_squares(self, by_role: Arrays, axis: int) -> tuple[Logarithms, Logarithms]:
        """Of the norms."""
        x, y = self._pair(by_role)
        return log2_squared_norms(x, axis), log2_squared_norms(y, axis)

    def finite(self, by_role: Arrays, axis: int) -> Mask:
        """In both vectors."""
        x, y = (np.isfinite(a.astype(np.float64)).all(axis) for a in self._pair(by_role))
        return np.asarray(x & y)

    def ordinary(self, by_role: Arrays, axis: int) -> Mask:
        """Both norms."""
        q, r = (within(s) for s in self.log2_squares(by_role, axis))
        return np.asarray(q & r)

    def of_elements(self, mask: Mask, axis: int, shape: tuple[int, ...]) -> Mask:
        """All elements of a row share its mark."""
        if mask.ndim == 0:
            return mask
        try:
            return np.broadcast_to(np.expand_dims(mask, axis), shape)
        except ValueError:
            return np.asarray(mask.any())

    def sums(self, by_role: Arrays, axis: int) -> Mapping[str, NDArray[Any]]:
        """Of products, absolute values and elements of each pair of vectors, and of the whole batch's squares."""
        pair = np.broadcast_arrays(*self._pair(by_role))
        x, y = (np.moveaxis(a.astype(np.float64).astype(Wide), axis, -1) for a in pair)
        x, y = (a.reshape(-1, a.shape[-1]) for a in (x, y))
        sizes = [np.abs(a) for a in (x, y)]
        with np.errstate(invalid="ignore"):  # of infinite elements
            products = x * y
        q, r = (x * x).sum(-1), (y * y).sum(-1)
        return {
            "p": products.sum(-1), "q": q, "r": r, "s": np.abs(products).sum(-1), "sumx": x.sum(-1), "sumy": y.sum(-1),
            "l1x": sizes[0].sum(-1), "l1y": sizes[1].sum(-1), "topx": sizes[0].max(-1, initial=0),
            "topy": sizes[1].max(-1, initial=0), "allq": np.full(q.size, q.sum()), "allr": np.full(r.size, r.sum()),
            "length": np.full(q.size, x.shape[-1]),
        }  # fmt: skip

    def nearness(self, by_role: Arrays, axis: int) -> float:
        """The mean cosine."""
        x, y = (by_role[role] for role in self.roles)
        return float(np.mean((x * y).sum(axis) / np.sqrt((x * x).sum(axis) * (y * y).sum(axis))))

    def _pair(self, by_role: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
        """Both with the rank of their common shape, in which the axis counts: a vector against a matrix is a row."""
        x, y = (by_role[role] for role in self.roles)
        rank = max(x.ndim, y.ndim)
        x, y = (a.reshape((1,) * (rank - a.ndim) + a.shape) for a in (x, y))
        return x, y


def ranks(subject: Subject, variant: Variant) -> tuple[int, ...]:
    """Ranks of x and y in which the axis exists and the batch holds several rows."""
    axis = axis_of(subject, dict(variant.options))
    allowed = [r for r in subject.semantics.ranks if -r <= axis < r]
    if variant.rank is not None:
        return (variant.rank,)
    return tuple(r for r in allowed if r >= 2) or tuple(allowed)


def _batch_shapes(rank: int, rows: int) -> list[tuple[int, ...]]:
    if rank == 1:
        return [()]
    if rank == 2:
        return [(rows,)]
    if rank == 3:
        return [(8, rows // 8), (rows // 4, 4)]
    return [(2, rows // 8, 4) + (1,) * (rank - 4), (4, 2, rows // 8) + (1,) * (rank - 4)]


def _rows(
    subject: Subject, region: Region, dtype: str, variant: Variant, d: int, n: int, rng: np.random.Generator
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
    shape = Shape(n, d, FORMATS[narrow], eps, semantics.fixed("norm_rule") or "plain")
    x, y = region.arrays(rng, shape, unit_norm=semantics.fixed("inputs") == "unit_norm")
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
