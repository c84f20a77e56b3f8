"""The families `cosine` and `cosine_embedding`.

    c = sum a b / D                                     similarity   (the torch, Keras and MLX documentation)
    -c                                                  negated      (Keras' loss)
    1 - c                                               distance
    1 - c where target = 1, max(0, c - margin) where -1     cosine_embedding (torch.nn.CosineEmbeddingLoss)

D is what the norm rule says (rules.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from lossproof.oracle import bounds
from lossproof.oracle.arithmetic import Arithmetic
from lossproof.oracle.enclosure import LADDER, Alternative, Enclosure, Rows
from lossproof.oracle.errors import UnsupportedInput, choice
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.rows import Array, Block, Pairs, both_zero_norms, checked, finite_rows, real_parameter
from lossproof.oracle.rules import NORM_RULES, SQUARED_DENOMINATORS, WITHOUT_EPS, Numbers, Quadratic
from numpy.typing import ArrayLike

SCORES = ("similarity", "negated", "distance")
"""The scores of a cosine: c, -c and 1 - c."""
BROADCASTS = ("expand", "normalise")
"""Broadcast the arrays and then normalise the rows, or normalise each array's rows and then broadcast."""


@dataclass(frozen=True)
class Measure:
    """A norm rule with its eps, and the value that a vanishing denominator gives (None: undefined)."""

    norm_rule: str
    eps: float
    zero: float | None

    def vanishes(self) -> bool:
        """Whether a zero norm makes D zero."""
        return self.norm_rule == "plain" or (self.norm_rule != "raw" and self.eps == 0)


def quotient(
    a: Arithmetic[Any],
    dots: tuple[Numbers, Numbers, Numbers],
    measure: Measure,
    gone: Mask,
    flips: tuple[Mask, Mask],
) -> tuple[Numbers, Numbers]:
    """(c, D^2): the cosine P / D under a norm rule; `zero` where D vanishes."""
    P, Q, R = dots
    ones = np.ones(len(gone))
    one, eps = a.number(ones), a.number(np.full(len(gone), measure.eps))
    D2 = SQUARED_DENOMINATORS[measure.norm_rule](Quadratic(a, Q, R, eps, one, *flips))
    D2 = a.where(gone, one, D2)
    c = P if measure.norm_rule == "raw" else P / a.sqrt(D2)
    if measure.zero is not None and gone.any():
        zero = measure.zero if math.isfinite(measure.zero) else 0.0
        c = a.where(gone, a.number(np.full(len(gone), zero)), c)
    return c, D2


def scored(a: Arithmetic[Any], c: Numbers, score: str, ones: Float) -> Numbers:
    """The score of a cosine."""
    if score == "similarity":
        return c
    return -c if score == "negated" else a.number(ones) - c


def embedded(a: Arithmetic[Any], c: Numbers, similar: Mask, margin: float, ones: Float) -> Numbers:
    """1 - c for similar pairs, max(0, c - margin) for the others."""
    hinge = a.maximum(a.number(0 * ones), c - a.number(margin * ones))
    return a.where(similar, a.number(ones) - c, hinge)


@dataclass
class CosineProblem:
    """All pairs of rows under one measure, with a score or with targets and a margin."""

    pairs: Pairs
    measure: Measure
    shape: tuple[int, ...]
    score: str = "similarity"
    similar: Mask | None = None
    """Flat, for cosine_embedding; then `score` means nothing."""
    margin: float = 0.0
    flip: tuple[Mask, Mask] | None = None
    size: int = field(init=False)
    undefined: Mask = field(init=False)
    nan: Mask = field(init=False)
    gone: Mask = field(init=False)
    """Flat: where D is zero."""

    def __post_init__(self) -> None:
        self.size = self.pairs.size
        finite, self.gone = np.ones(self.size, dtype=bool), np.zeros(self.size, dtype=bool)
        for rows in self.row_blocks(1 << 16, slice(None)):
            block = self.pairs.block(rows)
            finite[rows] = finite_rows(block)
            if self.measure.vanishes():
                self.gone[rows] = both_zero_norms(block)
        self.gone &= finite
        zero = self.measure.zero
        self.nan = self.gone & (zero is not None and math.isnan(zero))
        self.undefined = ~finite | (self.gone & (zero is None))

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        parts = [
            self._values(arithmetic, self.pairs.block(r), r)
            for r in self.row_blocks(arithmetic.block_elements, rows)
        ]
        return arithmetic.join(parts) if parts else arithmetic.number(np.empty(0))

    def cosines(self, arithmetic: Arithmetic[Any], block: Block, rows: Rows | slice) -> tuple[Any, Any]:
        """(c, D^2) of some rows."""
        gone = self.gone[rows]
        still = np.zeros(len(gone), dtype=bool)
        flips = (still, still) if self.flip is None else (self.flip[0][rows], self.flip[1][rows])
        with np.errstate(all="ignore"):
            return quotient(arithmetic, arithmetic.dots(block), self.measure, gone, flips)

    def _values(self, arithmetic: Arithmetic[Any], block: Block, rows: Rows | slice) -> Any:
        c, _ = self.cosines(arithmetic, block, rows)
        ones = np.ones(len(block.x))
        with np.errstate(all="ignore"):
            if self.similar is None:
                return scored(arithmetic, c, self.score, ones)
            return embedded(arithmetic, c, self.similar[rows], self.margin, ones)

    def row_blocks(self, elements: int, rows: Rows | slice) -> list[Any]:
        step = max(1, elements // max(self.pairs.length, 1))
        if isinstance(rows, slice):
            return [slice(i, min(i + step, self.size)) for i in range(0, self.size, step)]
        return [rows[i : i + step] for i in range(0, len(rows), step)]

    def similarity_limits(self) -> tuple[Float, Float]:
        """Float64 enclosures of c itself, flat; 0 where there is no value."""
        plain = Enclosure(replace(self, score="similarity", similar=None))
        out = np.zeros(self.size), np.zeros(self.size)

        def ask(arithmetic: Any, numbers: Any, rows: Rows) -> Mask:
            out[0][rows], out[1][rows] = arithmetic.bounds(numbers)
            return np.isfinite(out[0][rows]) & np.isfinite(out[1][rows])

        plain.climb(ask)
        return out

    def squared_norms(self) -> tuple[tuple[Float, Float], tuple[Float, Float]]:
        """Float64 enclosures of Q and of R, flat."""
        out = tuple((np.zeros(self.size), np.full(self.size, np.inf)) for _ in range(2))
        left = np.flatnonzero(~self.undefined)
        for arithmetic in LADDER:
            for rows in self.row_blocks(arithmetic.block_elements, left):
                for (low, high), squared in zip(
                    out, arithmetic.dots(self.pairs.block(rows))[1:], strict=True
                ):
                    low[rows], high[rows] = arithmetic.bounds(squared)
            left = left[~(np.isfinite(out[0][1][left]) & np.isfinite(out[1][1][left]))]
        return out[0], out[1]

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        return bounds.cosine_bound(self, fmt, grade)

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        if self.measure.norm_rule != "threshold" or self.flip is not None or self.size == 0:
            return ()
        near_x, near_y = bounds.near_threshold(self, fmt)
        none = np.zeros(self.size, dtype=bool)
        out = []
        for mask, flip in (
            (near_x, (near_x, none)),
            (near_y, (none, near_y)),
            (near_x & near_y, (near_x, near_y)),
        ):
            if mask.any():
                other = replace(self, flip=flip)
                out.append(Alternative(mask.reshape(self.shape), Enclosure(other)))
        return tuple(out)


def cosine(
    x: ArrayLike,
    y: ArrayLike,
    axis: int = -1,
    score: str = "similarity",
    norm_rule: str = "plain",
    eps: float = 0.0,
    zero: float | None = None,
    keepdims: bool = False,
    broadcast: str = "expand",
) -> Enclosure:
    """The cosine of two arrays along an axis, exactly.

    x and y (float16, bfloat16, float32, float64, or integers up to 2^53; mixed dtypes are fine) are broadcast
    against each other; the result has their shape without `axis` (with length 1 there for keepdims).
    `score` is one of SCORES, `norm_rule` one of NORM_RULES; `eps` is the exact real number that the float
    is and must be 0 for the rules without one. `zero` is the value of c (before the score) where the
    denominator is 0: None leaves it undefined, NaN says that NaN is documented. `broadcast="normalise"`
    takes each array's norms before broadcasting.

    An input row that holds an infinity or NaN is undefined. ValueError (UnsupportedInput for dtypes) says
    what was given and what is allowed. For the mathematics see DESIGN section 3 and rules.py.
    """
    a, b, position = _operands(x, y, axis, ("x", "y"))
    pairs = Pairs(a, b, position, choice("broadcast", broadcast, BROADCASTS) == "expand")
    choice("score", score, SCORES)
    shape = pairs.shape
    if keepdims:
        at = position % (len(shape) + 1)
        shape = (*shape[:at], 1, *shape[at:])
    return Enclosure(CosineProblem(pairs, _measure(norm_rule, eps, zero), shape, score))


def cosine_embedding(
    x1: ArrayLike,
    x2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    norm_rule: str = "plain",
    eps: float = 0.0,
    zero: float | None = None,
    axis: int = -1,
) -> Enclosure:
    """1 - c where target is 1, max(0, c - margin) where it is -1, for each pair of rows, exactly.

    `target` broadcasts against the pairs' shape (that of `cosine`); its values are 1 and -1. The rest as in
    `cosine`.
    """
    a, b, position = _operands(x1, x2, axis, ("x1", "x2"))
    pairs = Pairs(a, b, position, expand=True)
    labels = checked("target", target).astype(np.float64)
    if not np.isin(labels, (1.0, -1.0)).all():
        raise ValueError(f"target holds {_others(labels, (1.0, -1.0))}; allowed: 1 and -1")
    try:
        labels = np.broadcast_to(labels, pairs.shape)
    except ValueError:
        raise ValueError(
            f"target of shape {labels.shape} does not broadcast to the pairs' shape {pairs.shape}"
        ) from None
    similar = (labels == 1).ravel()
    measure = _measure(norm_rule, eps, zero)
    margin = real_parameter("margin", margin)
    return Enclosure(CosineProblem(pairs, measure, pairs.shape, "embedding", similar, margin))


def _measure(norm_rule: str, eps: float, zero: float | None) -> Measure:
    choice("norm_rule", norm_rule, NORM_RULES)
    eps = real_parameter("eps", eps, minimum=0.0)
    if eps and norm_rule in WITHOUT_EPS:
        raise ValueError(f"norm_rule {norm_rule!r} has no eps, but eps={eps!r} was given; leave it out")
    if zero is not None and not (isinstance(zero, float) and math.isnan(zero)):
        zero = real_parameter("zero", zero)
    return Measure(norm_rule, eps, zero)


def _operands(x: ArrayLike, y: ArrayLike, axis: int, names: tuple[str, str]) -> tuple[Array, Array, int]:
    """Checked arrays of equal rank and the axis counted from the end; ValueError where they do not fit."""
    a, b = checked(names[0], x), checked(names[1], y)
    for name, array in zip(names, (a, b), strict=True):
        if array.ndim == 0:
            raise ValueError(f"{name} is 0-d; at least one axis is needed")
    rank = max(a.ndim, b.ndim)
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or not -rank <= axis < rank:
        raise ValueError(f"axis={axis!r} for arrays of {rank} axes; allowed: {-rank} to {rank - 1}")
    position = int(axis) - rank if axis >= 0 else int(axis)
    shapes = (a.shape, b.shape)
    a, b = (v.reshape((1,) * (rank - v.ndim) + v.shape) for v in (a, b))
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(
            f"{names[0]} of shape {shapes[0]} and {names[1]} of shape {shapes[1]} do not broadcast"
        ) from None
    if a.shape[position] != b.shape[position] and 0 in (a.shape[position], b.shape[position]):
        raise UnsupportedInput(
            f"lengths {a.shape[position]} and {b.shape[position]} along axis {axis}: one of them is 0"
        )
    return a, b, position


def _others(values: Array, allowed: tuple[float, ...]) -> str:
    return ", ".join(f"{v:g}" for v in np.unique(values[~np.isin(values, allowed)])[:3])
