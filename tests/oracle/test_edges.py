"""At the ends of the ranges in which a stage or a kernel answers: nothing is wrong there, and no more is given up."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq

from lossproof import oracle
from lossproof.oracle.arithmetic.binary64 import SAFE, Products
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.sliced_dots import RANGE
from lossproof.oracle.formats import FORMATS
from lossproof.oracle.kernels import choice, fused, fused_float64

from .enclosed import STAGES, fraction, holds
from .samples import KERNELED

ENDS = {"float64": 200, "one slice": 180, "two slices": 180}
"""Exponents of the largest norm that a stage takes; that of the smallest is the opposite."""


def beside(v):
    return np.nextafter(v, 0), v, np.nextafter(v, np.inf)


@pytest.mark.parametrize("name", ENDS)
def test_norms_at_the_ends_of_a_stage(name):
    """Both ends belong to the range, whichever side lies there; zeros are known whatever is beside them."""
    for sign in (1, -1):
        inner, edge, outer = beside(2.0 ** (sign * ENDS[name]))[::sign]
        at = np.array([[inner], [edge], [outer]])
        padded = np.pad(at, ((0, 0), (0, 2)))
        pairs = [(at, np.ones((3, 1)), 1), (np.ones((3, 1)), at, 2), (padded, at * 0 + [1, 2, 3], 1)]
        if name != "float64":  # four times the same element: twice its norm
            pairs += [(at / 2, np.ones((3, 4)), 1), (np.ones((3, 4)), at / 2, 2)]
        for x, y, own in pairs:
            found = STAGES[name].dots(Block(x, y))
            assert np.isfinite(found[own].rad).tolist() == [True, True, False]
            assert np.isfinite(found[3 - own].rad).all()
            assert not np.isfinite(found[0].rad[2]) or name == "float64"
            assert np.isfinite(found[0].rad[:2]).all()
            zero = STAGES[name].dots(Block(0 * x, y))
            assert (zero[1].rad == 0).all()
            assert (zero[0].rad[:2] == 0).all()


@pytest.mark.parametrize("one", [np.array([1.0]), np.array([1.0, 3.0])])
def test_double_double_gives_up_numbers_of_2_to_the_900(one):
    """Products, quotients and roots from there on: splitting them could overflow."""
    stage = STAGES["two slices"]
    for low, size, high in ((450, 449.9, 451), (449, 450.9, 460)):
        a, b = stage.number(one * 2.0**low), stage.number(one * 2.0**size)
        beyond = stage.number(one * 2.0**high)
        assert np.isfinite((a * b).rad[0])
        assert not np.isfinite((a * beyond).rad).any()
    for n, known in ((899, True), (900, False)):
        v = stage.number(np.array([1.0, 2.0**n]))
        assert np.isfinite((v * stage.number(np.ones(2))).rad).tolist() == [True, known]
        assert np.isfinite((v / stage.number(np.ones(2))).rad).tolist() == [True, known]


@pytest.mark.parametrize("lengths", [(1, 1), (5, 5), (40, 40), (1, 40), (40, 1)])
@pytest.mark.parametrize("name", [*ENDS, "exact"])
def test_what_is_said_of_rows_near_the_ends_is_right(name, lengths):
    """Norms from a fifth to five times what a stage takes, many of them within a millionth of its end."""
    g = np.random.default_rng(lengths)
    end = ENDS.get(name, 200)
    for shifts in ((end, 0), (-end, 0), (0, end), (0, -end), (end, -end)):
        x, y = (g.standard_normal((12, n)) for n in lengths)
        wide = max(lengths)
        for v, shift in ((x, shifts[0]), (y, shifts[1])):
            v /= np.sqrt((v * v).sum(1) * (wide / v.shape[1]))[:, None]
            v *= g.choice([1, 1, 1 - 2.0**-22, 1 + 2.0**-22, 1 - 2.0**-20, 0.2, 5], (12, 1)) * 2.0**shift
        found = STAGES[name].dots(Block(x, y))
        a, b = ([[fraction(t) for t in row] for row in side] for side in (x, y))
        sides = [[u * (wide // len(u)) for u in side] for side in (a, b)]
        for number, pairs in zip(found, ((sides[0], sides[1]), (a, a), (b, b)), strict=True):
            rows = zip(*pairs, strict=True)
            holds(number, [sum((p * q for p, q in zip(u, v, strict=True)), fmpq(0)) for u, v in rows])


def test_a_norm_whose_squares_underflow_is_not_taken_for_less():
    """All squares of one row are lost, and its norm is 2^9 times the root of what stands for them; of the products, all
    equal, the sums lose nearly half a unit each time, always to the same side.
    """
    d, x, y = 1 << 20, 2.0**-538, 2.0**500 * (1 + 2.0**-32 * (1 - 2.0**-8))
    for v, w in ((x, y), (y, x)):
        found = STAGES["float64"].dots(Block(np.full((1, d), v), np.full((1, d), w)))
        holds(found[0], [d * fraction(x) * fraction(y)])


@pytest.mark.parametrize("rule", KERNELED, ids=lambda rule: rule.name)
def test_norms_at_the_ends_of_the_fused_first_stage(rule):
    """Norms in [1/SAFE, SAFE] or zero, a denominator in [1/SAFE^2, SAFE^2]: known; unknown beyond either."""
    eps = 2.0**-80 if rule.eps else 0.0
    for end, inside in ((SAFE, -1), (1 / SAFE, 1)):
        squared = np.array(beside(end))[::inside]  # beyond, at and within the end
        for one in (np.ones(3), squared):
            for q, r in ((squared, one), (one, squared)):
                ball = fused.cosine_ball(Products(np.sqrt(q) * np.sqrt(r) / 2, q, r), rule.square, eps, 5)
                assert np.isfinite(ball.rad).tolist() == [False, True, True]
    zero = fused.cosine_ball(Products(np.zeros(1), np.zeros(1), np.ones(1)), rule.square, eps, 5)
    assert zero.rad[0] == 0 or rule.eps is None
    for tiny, known in (
        (2.0**-500, True),
        (np.nextafter(2.0**-500, 0), False),
    ):  # below, its square may be lost
        ball = fused.cosine_ball(Products(*np.full((3, 1), 2.0**300)), rule.square, tiny, 5)
        assert np.isfinite(ball.rad[0]) == known == fused.usable(tiny)
    assert fused.usable(0.0)
    assert fused.usable(SAFE)
    assert not fused.usable(np.nextafter(SAFE, np.inf))


@pytest.mark.parametrize("which", choice.KERNELS)
def test_norms_at_the_ends_of_the_kernels_for_float64(which):
    """Both ends belong to the range in which a row is decided."""
    kernel = fused_float64
    if which == "numba":
        kernel = pytest.importorskip(
            "lossproof.oracle.kernels.compiled_float64", reason="numba is not installed"
        )
    for sign in (1, -1):
        at = np.array([[v, 0.0] for v in beside(2.0 ** (sign * 180))[::sign]])
        other = np.array([[1.0, 3.0]] * 3)
        for x, y in ((at, other), (other, at)):
            assert kernel.round_rows(x, y, "similarity", np.empty(3)).tolist() == [2]


@pytest.mark.parametrize("which", choice.KERNELS)
@pytest.mark.parametrize("length", [2, 5, 40])
def test_kernels_round_rightly_at_the_ends(which, length, monkeypatch):
    """Times a power of two a row has the same cosine; here it brings the norm to the very end of the range."""
    if which == "numba":
        pytest.importorskip("numba", reason="numba (the extra fast) is not installed")
    monkeypatch.setattr(choice, "active", lambda: which)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    g = np.random.default_rng(length)
    x, y = g.standard_normal((2, 300, length))
    for v in (x, y):
        v /= np.linalg.norm(v, axis=1)[:, None]
        v *= 1 + g.choice([-(2.0**-21), 2.0**-22, -(2.0**-30)], (300, 1))
    for score in oracle.SCORES:
        wanted, _ = oracle.cosine(x, y, score=score).rounded_by_ladder(FORMATS["float64"])
        half = round(np.log2(RANGE)) // 2
        for over, under in (
            (half, 0),
            (0, half),
            (-half, half),
            (half, half),
            (-half, -half),
            (200, 0),
            (-200, 0),
        ):
            e = oracle.cosine(np.ldexp(x, over), np.ldexp(y, under), score=score)
            assert e.rounded("float64").tobytes() == wanted.tobytes(), (score, over, under)


@pytest.mark.parametrize(
    "rule", ["floor_norm", "floor_squared_norm", "floor_product", "floor_squared_product"]
)
@pytest.mark.parametrize("length", [2, 300])
def test_a_zero_row_lies_below_every_floor_whatever_is_rounded(rule, length):
    """Long rows in bfloat16 prove nothing of a norm near its floor, but the norm of zeros is 0."""
    x, y = np.ones((1, length)), np.zeros((1, length))
    for wrt in "xy":
        e = oracle.cosine_gradient(x, y, wrt=wrt, norm_rule=rule, eps=1e-8)
        assert not np.isnan(oracle.bound(e, "bfloat16", "G3")).any()
