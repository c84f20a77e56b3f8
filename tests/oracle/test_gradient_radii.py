"""Gradients that kernels decide lie farther from a tie than docs/bounds.md derives; elements here and there."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.arithmetic.binary64 import U
from lossproof.oracle.formats import FORMATS
from lossproof.oracle.kernels import choice
from lossproof.oracle.scores import fast

from . import samples
from .enclosed import STAGES, fraction
from .test_radii import sides

LENGTH, FIRST, SECOND = 2047, 700, 1400
DEPTHS = {"numpy": LENGTH, "numba": LENGTH // 16 + 8 + LENGTH % 16}
"""How many additions a term of a sum goes through."""
REACH = 2.0**-39
"""How near to a tie, relatively, what is tried lies at least."""
TINY = 2.0**-56
"""Of an element so far below the others that its square changes no norm by 2^-70."""


@lru_cache
def quotients(precision):
    """Numbers a, x, y of 24 bits with a / (x y) nearly a tie of `precision` bits; the tie, and how far beyond it the
    quotient lies, relatively. x = y in half of them.
    """
    found, generator = [], np.random.default_rng(7)
    for same in [True, False] * 6:
        tie = (generator.integers(1 << precision, 2 << precision, 1 << 21) | 1).astype(np.float64)
        x, y = generator.integers(1 << 23, 1 << 24, (2, tie.size)).astype(np.float64)
        y = x if same else y
        scale = 24 - np.frexp(tie * x * y)[1]
        product = np.ldexp(tie * x * y, scale)
        a = np.rint(product)
        for i in np.flatnonzero((np.abs(a / product - 1) < REACH) & (a < 1 << 24)).tolist():
            n, exact = Fraction(int(x[i])) * int(y[i]), Fraction(int(tie[i])) * Fraction(2) ** int(scale[i])
            gap = int(a[i]) / (exact * n) - 1
            if gap:
                found.append((int(a[i]), int(x[i]), int(y[i]), exact, gap))
    return found


@lru_cache
def reciprocals():
    """The same for 1 / x and 24 bits, of all numbers x."""
    x = np.arange(1 << 23, 1 << 24, dtype=np.float64)
    tie = np.rint(2.0**48 / x)
    off = (tie * x).astype(np.int64) - (1 << 48)
    some = np.flatnonzero((tie.astype(np.int64) % 2 == 1) & (off != 0) & (np.abs(off) < REACH * 2.0**48))
    return [
        (1, int(x[i]), 1, Fraction(int(tie[i]), 1 << 48), Fraction(1 << 48, int(tie[i] * x[i])) - 1)
        for i in some.tolist()
    ]


def decided(x, y, which, fmt, monkeypatch):
    """The gradient by the kernel of a name: its values, and whether the kernel is sure of them."""
    if which == "numba":
        pytest.importorskip("lossproof.oracle.kernels.compiled", reason="numba is not installed")
    monkeypatch.setattr(choice, "active", lambda: which)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    problem = oracle.cosine_gradient(x, y).problem
    values, left = fast.round_gradients(problem.score, "similarity", fmt)
    sure = np.ones(values.size, dtype=bool)
    sure[left] = False
    return values.reshape(x.shape).astype(np.float64), sure.reshape(x.shape)


@pytest.mark.parametrize(
    ("which", "name", "term"),
    [
        *((which, "float32", term) for which in choice.KERNELS for term in ("whole", "b", "a")),
        *(("numba", name, term) for name in ("bfloat16", "float16") for term in ("b", "a")),
    ],
)
def test_elements_beside_ties_are_decided_beyond_the_radius(which, name, term, monkeypatch):
    """g_i = b_i / D is known to (h + 20) u of itself, a_i P / (D Q) to (3 h + 28) u where P = D; h additions a sum.

    x = (X, a) and y = (Y, b) but for zeros, with X = Y or b = 0 and a = 0: g_2 is b / (X Y) or -a / X^2, and 1 / X of
    the whole rows x = (X, 0), y = (0, 1). A row has one radius first, and then each element its own.
    """
    fmt, h = FORMATS[name], DEPTHS[which]
    relative = ((3 * h + 28) if term == "a" else (h + 20)) * U
    some = reciprocals() if term == "whole" else quotients(fmt.precision)
    rows = [row for row in some if abs(row[-1]) < 2 * relative and (term != "a" or row[1] == row[2])][:80]
    x, y = (np.zeros((len(rows), LENGTH), dtype=np.float32) for _ in "xy")
    down = 1.0 if term == "whole" else TINY * 2.0**-24  # so that g_2 is near 1
    for i, (a, left, right, _, _) in enumerate(rows):
        x[i, FIRST] = left * down
        if term == "whole":
            y[i, SECOND] = 1
        elif term == "a":
            x[i, SECOND], y[i, FIRST] = a * TINY * down, 1
        else:
            y[i, FIRST], y[i, SECOND] = right, a * TINY
    values, sure = (v[:, SECOND] for v in decided(x, y, which, fmt, monkeypatch))
    gaps = np.array([float(gap) for *_, gap in rows])
    assert (np.abs(gaps[sure]) > relative * (1 - 1e-5)).all()
    assert (np.abs(gaps[~sure]) < relative * 1.01).all()
    for some in (sure, ~sure):
        assert gaps[some].min() < 0 < gaps[some].max()
    for i in np.flatnonzero(sure).tolist():
        *_, tie, gap = rows[i]
        size = abs(Fraction(values[i])) / (1 if term == "whole" else 1 << 24)
        assert (size > tie) == (gap > 0)
        assert abs(size / tie - 1) <= Fraction(1, 1 << fmt.precision)


@pytest.mark.parametrize(
    "stage", [STAGES["one slice"], STAGES["two slices"]], ids=["one slice", "two slices"]
)
def test_some_elements_of_many_long_rows_come_out_in_the_order_asked(stage):
    """More pairs than a block holds, in any order, and some more than once."""
    x, y = samples.rows("ordinary", "float64", 150, 2048, seed=3)
    problem = oracle.cosine_gradient(x, y).problem
    rows = np.arange(0, problem.size, 1021)
    rows = np.random.default_rng(1).permutation(np.concatenate([rows, rows[::50]]))
    assert np.unique(rows // 2048).size * 2048 > 2 * stage.block_elements
    whole = problem.evaluate(stage, rows)
    for i in (0, 1, len(rows) // 2, len(rows) - 1):
        alone = problem.evaluate(stage, rows[i : i + 1])
        assert (whole.hi[i], whole.lo[i]) == (alone.hi[0], alone.lo[0])


@pytest.mark.parametrize("length", [3, 41])
def test_the_two_coefficients_of_a_gradient_carry_three_roundings(length):
    """r1 >= rad + 3 u |lead|, to the last unit, and r2 likewise."""
    gradient = oracle.cosine_gradient(*sides(length)).problem
    rows = np.arange(gradient.score.size)
    numbers, told = gradient.coefficients(STAGES["float64"], rows), gradient._first
    for number, mid, rad in ((numbers[0], told[0], told[1]), (numbers[1], told[2], told[3])):
        assert (mid == number.mid).all()
        for i in rows:
            least = fraction(number.rad[i]) + 3 * fraction(U) * abs(fraction(mid[i]))
            assert least <= fraction(rad[i]) <= least * (1 + fraction(2.0**-46))
