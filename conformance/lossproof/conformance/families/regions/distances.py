"""The regions of given distances: the same names as of vectors, but numbers of shape (n,), none of them negative.

Distances have no direction, and a squared distance that leaves the dtype's range is no representable result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from lossproof.conformance.families.regions import vectors
from lossproof.conformance.families.regions.model import (
    GIVEN,
    Draw,
    DrawnArrays,
    Region,
    Shape,
    anything,
    in_every_dtype,
    in_float32,
)


def ordinary(rng: np.random.Generator, s: Shape) -> DrawnArrays:
    """Distances around 1, every fourth one in the neighbourhood of the margin."""
    values = np.abs(rng.standard_normal(s.n)) * np.exp2(rng.integers(-3, 3, s.n))
    near = s.margin * (1 + rng.integers(-4, 5, s.n) * s.format.unit)
    return (np.where(np.arange(s.n) % 4 == 1, near, values),)


# Numbers of other regions are drawn after those of ordinary distances: so the same seed has always given them.


def zero(rng: np.random.Generator, s: Shape) -> DrawnArrays:
    """Zeros of both signs."""
    ordinary(rng, s)
    return (np.where(np.arange(s.n) % 2 == 0, 0.0, -0.0),)


def tiny_norm(rng: np.random.Generator, s: Shape) -> DrawnArrays:
    """Distances log-uniform from where their square nears underflow to 1e-2."""
    ordinary(rng, s)
    return (np.exp2(rng.uniform(s.format.emin / 2 + 6, np.log2(1e-2), s.n)),)


def mixed_scale(rng: np.random.Generator, s: Shape) -> DrawnArrays:
    """Distances that differ by many powers of two; their squares stay in range."""
    ordinary(rng, s)
    return (np.exp2(rng.uniform(-s.format.emax / 3, s.format.emax / 3, s.n)),)


def subnormal(rng: np.random.Generator, s: Shape) -> DrawnArrays:
    """Distances below the smallest normal number."""
    ordinary(rng, s)
    few_bits = rng.integers(1, 2 ** min(6, s.format.precision - 2), s.n)
    return (few_bits.astype(np.float64) * s.format.smallest,)


def nonfinite(rng: np.random.Generator, s: Shape) -> DrawnArrays:
    """inf and NaN."""
    ordinary(rng, s)
    return (np.array([np.inf, np.nan])[np.arange(s.n) % 2],)


def _of(
    region: Region, draw: Draw, asked_by: Mapping[str, tuple[str, ...]], lengths: tuple[int, ...] = ()
) -> Region:
    """The region of distances that has the name of one of vectors; a reduced distance may be any."""
    return replace(
        region,
        space=GIVEN,
        draw=draw,
        contains=anything,
        asked_by=asked_by,
        lengths=lengths,
    )


VALUES: Final = in_every_dtype("value", "gradient")
"""The properties that ask most regions."""

REGIONS: Final = (
    _of(
        vectors.ORDINARY,
        ordinary,
        {
            **VALUES,
            **in_every_dtype(
                "batch", "determinism", "dtype", "mutation", "permutation", "range", "reduction", "weights"
            ),
            **in_float32("error", "output", "shape"),
        },
    ),
    _of(
        vectors.ZERO,
        zero,
        {**in_every_dtype("zero_vector", "gradient"), **in_float32("determinism", "mutation", "output")},
    ),
    _of(vectors.TINY_NORM, tiny_norm, VALUES),
    _of(vectors.MIXED_SCALE, mixed_scale, {**VALUES, **in_every_dtype("batch", "permutation", "range")}),
    _of(vectors.SUBNORMAL, subnormal, VALUES),
    _of(vectors.NONFINITE, nonfinite, in_float32("value", "gradient")),
    _of(vectors.EMPTY, ordinary, in_float32("value", "gradient", "reduction"), (0,)),
    _of(vectors.LENGTH_1, ordinary, VALUES, (1,)),
    _of(
        vectors.LONG,
        ordinary,
        {**VALUES, **in_every_dtype("range"), **in_float32("determinism")},
        (4096, 5000),
    ),
)
