"""The family `contrastive`: what a pair costs, given its distance and whether it is a similar pair.

    y d^2 + (1 - y) max(margin - d, 0)^2        y = 1 for similar pairs (tensorflow-addons' ContrastiveLoss)

after Hadsell, Chopra and LeCun, CVPR 2006, equation (4), which has the factor 1/2 and y = 0 for similar
pairs. Without the squares it is y d + (1 - y) max(margin - d, 0).
"""

# ruff: noqa: D102 (the protocol documents these methods)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lossproof.oracle import rounding
from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.rows import checked, real_parameter
from lossproof.oracle.enclosure import Alternative, Enclosure, Rows
from lossproof.oracle.errors import flag, shown
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.norm_rules import Numbers

LABELS = (-1.0, 0.0, 1.0)


def cost(
    a: Arithmetic[Any],
    d: Numbers,
    similar: Mask,
    margin: Numbers,
    factor: Numbers,
    zero: Numbers,
    squared: bool,
) -> Numbers:
    """factor * (d^2 for similar pairs, max(margin - d, 0)^2 for the others); without squares on request."""
    v = a.where(similar, d, a.maximum(margin - d, zero))
    return factor * (v * v if squared else v)


@dataclass
class ContrastiveProblem:
    """One cost for each distance."""

    stride: ClassVar[int] = 1

    similar: Mask
    distances: Float
    margin: float
    squared: bool
    half: bool
    shape: tuple[int, ...]
    size: int = field(init=False)
    undefined: Mask = field(init=False)
    nan: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.distances.size
        self.undefined = ~np.isfinite(self.distances)
        self.nan = np.zeros(self.size, dtype=bool)

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        d, similar = np.where(self.undefined[rows], 0.0, self.distances[rows]), self.similar[rows]
        margin, factor, zero = (np.full(len(d), v) for v in (self.margin, 0.5 if self.half else 1.0, 0.0))
        n = arithmetic.number
        with np.errstate(all="ignore"):
            return cost(arithmetic, n(d), similar, n(margin), n(factor), n(zero), self.squared)

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return rounding.contrastive_bound(self, fmt, grade)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        return ()


def contrastive(
    labels: ArrayLike,
    distances: ArrayLike,
    margin: float = 1.0,
    similar: int = 1,
    squared: bool = True,
    half: bool = False,
) -> Enclosure:
    """The contrastive cost of each distance, exactly.

    `labels` (values 0 and 1, or 1 and -1) broadcasts against `distances` (float dtypes or integers, any
    sign); a label equal to `similar` marks a similar pair. `margin` is the exact real number that the float
    is. A distance that is not finite is undefined. ValueError says what was given and what is allowed.
    """
    y, d = checked("labels", labels).astype(np.float64), checked("distances", distances).astype(np.float64)
    if isinstance(similar, bool) or not isinstance(similar, (int, np.integer)) or similar not in (-1, 0, 1):
        raise ValueError(f"similar={shown(similar)}; allowed: 1, 0 and -1")
    if not np.isin(y, LABELS).all():
        others = np.unique(y[~np.isin(y, LABELS)])[:3].tolist()
        raise ValueError(f"labels holds {others}; allowed: 0 and 1, or -1 and 1")
    try:
        y, d = np.broadcast_arrays(y, d)
    except ValueError:
        raise ValueError(
            f"labels of shape {y.shape} and distances of shape {d.shape} do not broadcast"
        ) from None
    problem = ContrastiveProblem(
        (y == similar).ravel(),
        d.ravel().copy(),
        real_parameter("margin", margin),
        flag("squared", squared),
        flag("half", half),
        d.shape,
    )
    return Enclosure(problem)
