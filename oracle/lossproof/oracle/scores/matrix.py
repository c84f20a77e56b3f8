"""All pairs: the cosine of every row of X with every row of Y.

The first stage is a matrix product in float64: a product of matrices is a dot product for each pair in some
order of summation, so the bound of binary64.py holds for it, whatever the library does. Pairs that stay
undecided climb the same ladder as any other.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.binary64 import DENORMAL, Products
from lossproof.oracle.arithmetic.rows import Array, Block, Pairs, checked
from lossproof.oracle.enclosure import Enclosure, Rows
from lossproof.oracle.errors import choice
from lossproof.oracle.formats import Float, FloatFormat
from lossproof.oracle.loss_over_score import LossOverScore
from lossproof.oracle.norm_rules.model import NormRule
from lossproof.oracle.scores.cosine import SCORES, Cosine, Form, measured
from lossproof.oracle.scores.formula import FIRST, Measure, Survey

AT_ONCE = 1 << 17
"""Pairs in one block of the matrix."""


class MatrixCosine(Cosine):
    """Every row of X with every row of Y, flat in C order."""

    def __init__(self, x: Array, y: Array, measure: Measure) -> None:
        pairs = Pairs(x[:, None, :], y[None, :, :], -1, expand=True)
        super().__init__(pairs, measure)
        self._x, self._y = x, y
        self.columns = len(y)
        self.stride = self.columns * max(1, AT_ONCE // max(self.columns, 1)) or 1

    @cached_property
    def survey(self) -> Survey:
        """From the rows of each matrix by themselves."""
        q, r = self._squared
        finite = ~np.isnan(q)[:, None] & ~np.isnan(r)[None, :]
        zero_denominator = self.measure.vanishes(q[:, None], r[None, :]) & finite
        return Survey(finite.ravel(), zero_denominator.ravel(), None)

    @cached_property
    def _squared(self) -> tuple[Float, Float]:
        return self._norms(self._x), self._norms(self._y)

    def _norms(self, x: Array) -> Float:
        out = np.empty(len(x))
        step = max(1, FIRST.block_elements // max(x.shape[1], 1))
        for i in range(0, len(x), step):
            block = x[i : i + step].astype(np.float64)
            out[i : i + step] = FIRST.products(Block(block, block)).q
        return out

    def row_blocks(self, elements: int, rows: Rows | slice) -> list[Rows | slice]:
        """Whole rows of the matrix where a slice is asked for."""
        if not isinstance(rows, slice):
            return super().row_blocks(elements, rows)
        start, stop, _ = rows.indices(self.size)
        return [slice(i, min(i + self.stride, stop)) for i in range(start, stop, self.stride)]

    def round_fast(self, form: str, fmt: FloatFormat) -> None:
        """The matrix product is the kernel here."""

    def screen(self, form: str, answers: NDArray[Any], fmt: FloatFormat, grade: str) -> None:
        """Nor does a pass over pairs of rows pay."""

    def products(self, rows: Rows | slice, absolute: bool) -> Products:
        """A matrix product for whole rows of the matrix, else pair by pair."""
        if not isinstance(rows, slice) or rows.start % self.columns or rows.stop % self.columns:
            return super().products(rows, absolute)
        some = slice(rows.start // self.columns, rows.stop // self.columns)
        x, y = self._x[some].astype(np.float64), self._all_y
        with np.errstate(all="ignore"):
            p = (np.abs(x) @ np.abs(y).T if absolute else x @ y.T).ravel()
        if np.count_nonzero(p) < len(p):
            # pairs without a common nonzero place: their products are exactly zero
            common = (x != 0).astype(np.float32) @ (y != 0).astype(np.float32).T
            p[(p == 0) & (common.ravel() != 0)] = DENORMAL
        q, r = self._squared
        return Products(p, np.repeat(q[some], self.columns), np.tile(r, some.stop - some.start))

    @cached_property
    def _all_y(self) -> Float:
        return self._y.astype(np.float64)


def cosine_matrix(
    X: ArrayLike,
    Y: ArrayLike,
    score: str = "similarity",
    norm_rule: str | NormRule = "plain",
    eps: float = 0.0,
    zero: float | None = None,
) -> Enclosure:
    """The cosine of every row of X (n, d) with every row of Y (m, d), exactly; an enclosure of shape (n, m).

    As `cosine(X[:, None], Y[None])`, but through matrix products. ValueError where X or Y is no matrix or the
    lengths of their rows differ.
    """
    x, y = checked("X", X), checked("Y", Y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"X has shape {x.shape} and Y {y.shape}; allowed: (n, d) and (m, d)")
    choice("score", score, SCORES)
    matrix = MatrixCosine(x, y, measured(norm_rule, eps, zero))
    return Enclosure(LossOverScore(matrix, Form(score), (len(x), len(y))))
