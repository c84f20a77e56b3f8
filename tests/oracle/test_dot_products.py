"""P, Q and R of every stage, and how exact slices of rows are, against exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq

from lossproof.oracle.arithmetic.binary64 import Binary64
from lossproof.oracle.arithmetic.rows import Block

from .enclosed import STAGES, floats, fraction, holds

KINDS = (
    "ordinary",
    "near unit norm",
    "parallel",
    "cancelling",
    "mixed",
    "tiny",
    "huge",
    "sparse",
    "constant",
    "everywhere",
)


def rows(kind, n, d, g):
    """Rows that are hard in one way each; the exponents of some leave the range of every product."""
    x, y = g.standard_normal((n, d)), g.standard_normal((n, d))
    if kind in ("near unit norm", "parallel"):
        x /= np.linalg.norm(x, axis=1)[:, None] * (1 + 1e-9 * g.random((n, 1)))
        y = (
            x * (1 - 1e-12 * g.random((n, 1)))
            if kind == "parallel"
            else y / np.linalg.norm(y, axis=1)[:, None]
        )
        return x * 2.0 ** g.integers(-3, 3, (n, 1)), y
    if kind == "cancelling" and d > 1:
        y[:, -1] = -(x[:, :-1] * y[:, :-1]).sum(1) / x[:, -1]
    if kind == "mixed":
        return (v * 2.0 ** g.integers(-70, 71, (n, d)) for v in (x, y))
    if kind in ("tiny", "huge"):
        e = g.choice([150, 190, 210, 280, 420, 500, 520], (n, 1)) * (-1 if kind == "tiny" else 1)
        return x * 2.0**e, y * 2.0 ** g.choice([-1, 0, 1, 1], (n, 1)) * np.where(
            g.random((n, 1)) < 0.5, 2.0**e, 1.0
        )
    if (
        kind == "constant"
    ):  # what two slices leave of an element is the same for all; of some, as much as there can be
        x, y = (np.repeat(v[:, :1], d, axis=1) for v in (x, y))
        x[:4], y[2:6] = 2.0**-4 + 2.0**-50, 2.0**-5 - 2.0**-51
        return x, y
    if kind == "sparse":
        return x * (g.random((n, d)) < 0.3), y * (g.random((n, d)) < 0.4)
    if kind == "everywhere":
        return (floats(g, n * d, -1074, 1000).reshape(n, d) * g.choice([0, 1, 1, 1], (n, d)) for _ in "xy")
    return x, y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STAGES)
def test_dot_products_hold_the_value(name, kind):
    """P, Q and R of every stage, also where one side is a single number that is repeated."""
    stage = STAGES[name]
    for lengths in ((1, 1), (2, 2), (3, 3), (8, 8), (9, 9), (33, 33), (64, 64), (1, 6), (40, 1)):
        g = np.random.default_rng([KINDS.index(kind), *lengths])
        x, y = rows(kind, 12, max(lengths), g)
        x, y = np.ascontiguousarray(x[:, : lengths[0]]), np.ascontiguousarray(y[:, : lengths[1]])
        found = stage.dots(Block(x, y))
        a, b = ([[fraction(v) for v in row] for row in side] for side in (x, y))
        wide = [
            (u * (max(lengths) // len(u)), v * (max(lengths) // len(v))) for u, v in zip(a, b, strict=True)
        ]
        for number, sides in zip(found, (wide, zip(a, a, strict=True), zip(b, b, strict=True)), strict=True):
            told = holds(number, [sum((p * q for p, q in zip(u, v, strict=True)), fmpq(0)) for u, v in sides])
            assert told == 1 or (kind in ("tiny", "huge", "everywhere") and name != "exact")
            if kind in ("ordinary", "near unit norm", "parallel") and name in ("one slice", "two slices"):
                scale = np.sqrt((x * x).sum(1) * x.shape[1] + (y * y).sum(1) * y.shape[1]) ** 2
                assert (number.rad <= scale * 2.0 ** (-66 if name == "one slice" else -80)).all()


@pytest.mark.parametrize("name", ["float64", "one slice", "two slices"])
def test_what_is_exactly_zero_is_known_to_be(name):
    """Rows of zeros and rows with nothing in common; a sum that cancels, or underflows, is no such zero."""
    x = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [3.0, 1.0, 0.0], [1e-180, 0.0, 0.0]])
    y = np.array([[0.0, 7.0, 0.0], [1.0, 2.0, 3.0], [-1.0, 3.0, 0.0], [1e-180, 0.0, 1.0]])
    p, q, r = STAGES[name].dots(Block(x, y))
    assert (p.rad == 0).tolist() == [True, True, False, False]
    assert (q.rad == 0).tolist() == [False, True, False, False]
    assert (r.rad > 0).all()


def test_products_of_rows_that_leave_the_range_are_told_apart():
    """Exact zeros, numbers that only look like one, overflows, and rows that are not finite."""
    x = np.array(
        [[0.0, 1.0], [1e-200, 0.0], [1e200, 0.0], [np.inf, 1.0], [np.nan, 0.0], [0.0, 0.0], [1e-300, 2.0]]
    )
    y = np.array(
        [[1.0, 0.0], [1e-200, 1.0], [1e200, 1.0], [1.0, 1.0], [1.0, 1.0], [np.inf, 1.0], [1e-300, 0.0]]
    )
    p, q, r = Binary64().products(Block(x, y))
    assert p[[0, 1, 2, 6]].tolist() == [0.0, 5e-324, np.inf, 5e-324]
    assert q[[0, 1, 2, 5]].tolist() == [1.0, 5e-324, np.inf, 0.0]
    assert np.isnan(q[3:5]).all()
    assert np.isnan(r[5])
    assert np.isfinite(r[[0, 1, 3, 4]]).all()
