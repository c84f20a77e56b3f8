"""The radii of stages and kernels are those that docs/bounds.md derives: no less, and hardly more."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq

from lossproof import oracle
from lossproof.oracle.arithmetic.binary64 import Ball, Binary64, Products, U
from lossproof.oracle.arithmetic.double_double import EPS, DoubleDouble, Pair
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.sliced_dots import _collected, second_width, sliced_dots
from lossproof.oracle.arithmetic.slices import SLICE
from lossproof.oracle.arithmetic.transforms import two_sum
from lossproof.oracle.formats import FORMATS
from lossproof.oracle.kernels import choice, fused, fused_float64
from lossproof.oracle.norm_rules.model import Quadratic
from lossproof.oracle.norm_rules.rules import FLOOR_NORM

from . import samples
from .enclosed import fraction
from .samples import KERNELED

FIRST, PAIRS = Binary64(), DoubleDouble()
LENGTHS = [1, 3, 8, 16, 41, 300]
MORE = 1 + 2.0**-20
"""The factor that covers the second order of gamma, and the rounding of norms."""


def norm(v):
    return np.sqrt((v * v).sum(axis=1))


def sides(length, n=12, repeated=False):
    """Ordinary rows of all sizes, the squared norms of some of which end just below a power of four."""
    x, y = samples.rows("ordinary", "float64", n, length, seed=6)
    for v in (x, y):
        v[:4] *= (np.sqrt(1 - 2.0 ** -np.array([19, 21, 23, 30])) / norm(v[:4]))[:, None]
    scale = np.ldexp(1.0, np.random.default_rng(length).integers(-60, 60, (2, n, 1)))
    return np.ascontiguousarray((x * scale[0])[:, : 1 if repeated else None]), y * scale[1]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("repeated", [False, True])
def test_dot_products_of_the_first_stage(length, repeated):
    """gamma_d |a| |b|, the norms of repeated elements being those of the whole rows; the norms by gamma_d of them."""
    x, y = sides(length, repeated=repeated)
    p, q, r = FIRST.dots(Block(x, y))
    gamma = length * U / (1 - length * U)
    for ball, v, w in ((p, np.broadcast_to(x, y.shape), y), (q, x, x), (r, y, y)):
        wanted = gamma * norm(v) * norm(w)
        assert (ball.rad >= wanted).all()
        assert (ball.rad <= wanted * (1 + 1e-12)).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_the_cosine_of_the_fused_first_stage(length):
    """k (1 + |c|), k = (d + 8) u (1 + 2^-20), whatever the rule."""
    p, q, r = FIRST.products(Block(*sides(length)))
    for rule in KERNELED:
        ball = fused.cosine_ball(Products(p, q, r), rule.square, 0.3 if rule.eps else 0.0, length)
        np.testing.assert_allclose(
            ball.rad, (length + 8) * U * (1 + 2.0**-20) * (1 + np.abs(ball.mid)), 1e-12
        )


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("score", ["similarity", "distance"])
def test_whole_gradients_of_the_first_stage(length, score):
    """|b| r1 + |a| r2 is what products and a difference of balls say, element by element."""
    problem = oracle.cosine_gradient(*sides(length), score=score, norm_rule="add_squared", eps=0.5).problem
    whole = problem.evaluate(FIRST, slice(0, problem.size))
    some = problem.evaluate(FIRST, np.arange(problem.size))
    assert (whole.mid == some.mid).all()
    assert (whole.rad >= some.rad * (1 - 1e-12)).all()
    assert (whole.rad <= some.rad * 1.5).all()


def test_operations_of_double_double():
    """16 u^2 of the result covers 3 u^2 of a sum, 5 u^2 of a product, 15 u^2 + 56 u^3 of a quotient and 25/8 u^2 of a
    root; what is known of the operands comes on top.
    """
    g = np.random.default_rng(3)
    a, b = (Pair(v, v * 2.0**-54 * g.uniform(-1, 1, 50), 0 * v) for v in g.uniform(1, 4, (2, 50)))
    for found, operands in (
        (a + b, 3),
        (a - b, 3),
        (a * b, 5),
        (a / b, 15 + 56 * U),
        (PAIRS.sqrt(a), 25 / 8),
    ):
        assert (found.rad >= operands * U * U * np.abs(found.hi)).all()
        np.testing.assert_allclose(found.rad, 16 * U * U * np.abs(found.hi), rtol=1e-12)
    r, s = 2.0**-60, 2.0**-58
    c, d = Pair(a.hi, a.lo, np.full(50, r)), Pair(b.hi, b.lo, np.full(50, s))
    for found, wanted in (
        (c + d, r + s),
        (c - d, r + s),
        (c * d, r * b.hi + s * a.hi),
        (c / d, r / b.hi + s * a.hi / b.hi**2),
        (PAIRS.sqrt(c), r / np.sqrt(a.hi)),
    ):
        np.testing.assert_allclose(found.rad, wanted + 0 * a.hi, rtol=1e-9)


def test_operations_of_the_first_stage():
    """u of the result and what is known of the operands."""
    a, b = np.random.default_rng(3).uniform(1, 4, (2, 50))
    for r, s in ((0.0, 0.0), (2.0**-40, 0.0), (0.0, 2.0**-40), (2.0**-40, 2.0**-38)):
        v, w = Ball(a, np.full(50, r)), Ball(b, np.full(50, s))
        for found, wanted in (
            (v + w, r + s),
            (v - w, r + s),
            (v * w, r * b + s * a),
            (v / w, r / b + s * a / b**2),
            (FIRST.sqrt(v), r / np.sqrt(a)),
        ):
            total = wanted + U * np.abs(found.mid)
            assert (found.rad >= total * (1 - 1e-15)).all()
            assert (found.rad <= total * (1 + 1e-11)).all()


@pytest.mark.parametrize(("length", "count"), [(1, 1), (1024, 1), (1025, 2)])
def test_a_second_slice_is_cut_from_long_rows(length, count):
    """Up to 1,024 elements one slice is tried first; a stage of two slices cuts two of every row."""
    x, y = sides(length)
    one, two = (DoubleDouble(n).dots(Block(x, y)) for n in (1, 2))
    for found, wanted in zip((one, two), (count, 2), strict=True):
        for number, sliced in zip(found, sliced_dots(Block(x, y), wanted), strict=True):
            assert (number.rad == sliced.rad).all()


def rests(x, y, d, gamma, finer):
    """Radii of P, Q and R: each product of a norm and a rest, of at most sqrt(d) half quanta, is off by gamma.

    Quanta are counted from 2^E > |x|, E as small as whole exponents of |x|^2 allow.
    """
    size = [norm(v) for v in (x, y)]
    quanta = [2.0 ** (-(-np.frexp(s * s * MORE)[1] // 2) - SLICE) for s in size]
    (a, rest_a), (b, rest_b) = ((s, q * np.sqrt(d) / 2 * finer) for s, q in zip(size, quanta, strict=True))
    radii = (
        (a + rest_a) * rest_b + rest_a * (b + rest_b),
        (2 * a + rest_a) * rest_a,
        (2 * b + rest_b) * rest_b,
    )
    return [gamma * v for v in radii]


def test_a_second_slice_has_as_many_bits_as_stay_exact():
    """sqrt(d) 2^w <= 2^25, and w as large as that allows; of no elements there is nothing to cut."""
    for d in (*range(1, 70), 255, 256, 257, 1 << 20, (1 << 20) + 1, 1 << 40):
        w = second_width(d)
        assert d * 4**w <= 4 ** (SLICE - 1) < d * 4 ** (w + 1)
    assert second_width(0) == second_width(1)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("count", [1, 2])
def test_dot_products_of_slices(length, count):
    """gamma = (d + 8) u (1 + 2^-20); of two slices the few roundings of the exact parts come on top."""
    x, y = sides(length)
    finer = 1.0 if count == 1 else 2.0 ** -(second_width(length) + 1)
    found = sliced_dots(Block(x, y), count)
    scales = norm(x) * norm(y), norm(x) ** 2, norm(y) ** 2
    gamma = (length + 8) * U * MORE
    for number, wanted, scale in zip(found, rests(x, y, length, gamma, finer), scales, strict=True):
        assert (number.rad >= wanted * (1 - 1e-12)).all()
        # 4 u of the second slices' product, of what is left of the middle parts and of the rest
        most = (0 if count == 1 else 4 * U * 2.0**-50 * length) * scale
        assert (number.rad <= wanted * (1 + 1e-12) + most).all()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("fine", [False, True])
def test_dot_products_of_compiled_slices(length, fine):
    """gamma = (d // 16 + d mod 16 + 10) u (1 + 2^-20), and as much more for the rests."""
    double = pytest.importorskip("lossproof.oracle.kernels.compiled_float64", reason="numba is not installed")
    x, y = sides(length)
    found = np.empty((9, len(x)))
    finer = 2.0 ** -(second_width(length) + 1) if fine else 1.0
    if fine:
        double._fine_sums(x, y, np.arange(len(x)), double.SIGMAS, double.HALVES, finer, found)
    else:
        double._sums(x, y, double.SIGMAS, double.HALVES, found)
    scales = norm(x) * norm(y), norm(x) ** 2, norm(y) ** 2
    gamma = (length // 16 + length % 16 + 10) * U * MORE
    for rad, wanted, scale in zip(found[2::3], rests(x, y, length, gamma, finer * MORE), scales, strict=True):
        most = (4 * U * 2.0**-50 * length if fine else 0) * scale
        assert (rad >= wanted * (1 - 2e-7)).all()  # rx ry is counted once or twice
        assert (rad <= wanted * (1 + 1e-12) + most).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_parts_of_two_slices_are_collected(compiled):
    """high + middle + rest + small but for 4 u (|small| + |e| + |low|), e what two_sum leaves, which is the radius."""
    if compiled:
        pytest.importorskip("numba", reason="numba is not installed")
        from lossproof.oracle.kernels.compiled_float64 import _collected as other
    g = np.random.default_rng(2)
    for shift in (0, 60, 104):
        high, middle, rest, small = g.uniform(-1, 1, (4, 40)) * 2.0 ** -np.array([[0], [22], [48], [shift]])
        if compiled:
            s, low, rad = np.array([other(*v) for v in zip(high, middle, small, rest, strict=True)]).T
        else:
            s, low, rad = _collected(high, middle, rest, small, np.full(40, 2.0**-90))
            rad = rad - 2.0**-90
        e = two_sum(high, middle)[1]
        wanted = 4 * U * (np.abs(small) + np.abs(e) + np.abs(rest + small))
        np.testing.assert_allclose(rad, wanted, rtol=1e-6)
        for i in range(40):
            true = sum(map(fraction, (high[i], middle[i], rest[i], small[i])), fmpq(0))
            assert abs(fraction(s[i]) + fraction(low[i]) - true) <= fraction(rad[i])


@pytest.mark.parametrize("score", oracle.SCORES)
@pytest.mark.parametrize(
    ("floor", "more", "least"), [(0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 9.0)]
)
def test_scores_of_the_compiled_kernel(score, floor, more, least):
    """P / D with D^2 = max((max(Q, floor) + more)(max(R, floor) + more), least), off by k (1 + |c|) + 8 u |value| and
    2 u of the offset; norms outside [1/SAFE, SAFE] are told.
    """
    compiled = pytest.importorskip("lossproof.oracle.kernels.compiled", reason="numba is not installed")
    sign, offset = fused.SCORE_TERMS[score]
    for p, q, r in ((0.7, 1.5, 3.5), (-2.0, 5.0, 1.5), (0.0, 1.0, 1.0), (6.0, 7.0, 7.0)):
        d2 = max((max(q, floor) + more) * (max(r, floor) + more), least)
        c = p / d2**0.5
        value, pad, fine = compiled._scored(p, q, r, floor, more, least, sign, offset, 2.0**-40)
        assert value == pytest.approx(offset + sign * c, rel=1e-14, abs=1e-15)
        assert pad == pytest.approx(
            2.0**-40 * (1 + abs(c)) + 8 * U * abs(value) + 2 * U * offset, rel=1e-9, abs=0
        )
        assert fine
    for end in (2.0**400, 2.0**-400):
        beyond = np.nextafter(end, end * end)
        for q, r, known in ((end, 1.0, True), (1.0, end, True), (beyond, 1.0, False), (1.0, beyond, False)):
            assert compiled._scored(0.5, q, r, 0.0, 0.0, 0.0, sign, offset, 2.0**-40)[2] == known


@pytest.mark.parametrize("rule", KERNELED, ids=lambda rule: rule.name)
def test_the_compiled_kernel_knows_every_rule(rule):
    """Its three numbers make the denominator that the rule's own formula makes."""
    for eps in (0.0, 0.3, 1.0, 2.5):
        floor, more, least = rule.kernel(eps)
        for q in (0.04, 0.3, 1.0, 7.0):
            for r in (0.01, 0.5, 2.0, 40.0):
                formula = rule.square(Quadratic(fused.Floats(), *map(np.float64, (q, r, eps, 1.0))))
                assert max((max(q, floor) + more) * (max(r, floor) + more), least) == formula


@pytest.mark.parametrize("which", choice.KERNELS)
@pytest.mark.parametrize("rule", KERNELED, ids=lambda rule: rule.name)
def test_kernels_round_as_the_ladder_under_every_rule(which, rule, monkeypatch):
    """Norms below and above the floor, and in each of the formats that have kernels."""
    if which == "numba":
        pytest.importorskip("numba", reason="numba is not installed")
    monkeypatch.setattr(choice, "active", lambda: which)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    x, y = samples.rows("ordinary", "float32", 60, 3, seed=8)
    x, y = x * np.float32(0.7), y * np.float32(0.7)
    for score in oracle.SCORES:
        e = oracle.cosine(x, y, norm_rule=rule, eps=1.0 if rule.eps else 0.0, score=score)
        for name in ("float32", "bfloat16"):
            values, left = e.problem.round_fast(FORMATS[name])
            wanted, _ = e.rounded_by_ladder(FORMATS[name])
            sure = np.setdiff1d(np.arange(60), left)
            assert sure.size > 50
            assert values[sure].tobytes() == wanted[sure].tobytes()


def least_decided(rounded):
    """How far from a tie a value must lie, at least, to be called decided: `rounded` says which gaps are enough."""
    gaps = 2.0 ** np.arange(-108.0, -60.0, 0.01)
    decided = rounded(gaps)
    first = int(np.argmax(decided))
    assert decided[first:].all()
    return gaps[first]


def beside_ties(sign, offset, gaps):
    """P for Q = R = 1, in three parts, whose score is 1/4 or 5/4 and a little more, half a unit and a gap."""
    turn = sign if not offset else -1.0
    half = 2.0**-55 if not offset else 2.0**-53
    return turn * (0.25 + 2.0**-30), turn * half, turn * gaps


@pytest.mark.parametrize("score", oracle.SCORES)
@pytest.mark.parametrize("length", [1, 8, 300])
def test_quotients_rounded_to_float64_by_numpy(score, length):
    """gamma ((2 + f) f |c| + (2 + 2 f) f), f = sqrt(d) 2^-26, which 2^-20 of it lets cover 4 eps of c, of the score and
    of the offset, and 4 u of the low part.
    """
    sign, offset = fused.SCORE_TERMS[score]
    f, gamma, c = np.sqrt(length) * 2.0**-SLICE, (length + 8) * U, 0.25

    def rounded(gaps):
        sums = np.zeros((9, gaps.size))
        sums[[0, 1, 3, 4]] = 1.0
        sums[2], sums[5], sums[6] = beside_ties(sign, offset, gaps)
        return fused_float64._rounded(sums, length, sign, offset)[1]

    wanted = gamma * ((2 + f) * f * c + (2 + 2 * f) * f) + 4 * EPS * c
    wanted += 4 * EPS * (2 * offset + c) + 4 * U * (2.0**-53 if offset else 2.0**-55)
    assert wanted <= least_decided(rounded) <= wanted * 1.02


@pytest.mark.parametrize("score", oracle.SCORES)
@pytest.mark.parametrize("radii", [(0, 0, 0), (2.0**-90, 0, 0), (0, 2.0**-88, 0), (0, 0, 2.0**-88)])
def test_quotients_rounded_to_float64_by_the_compiled_kernel(score, radii):
    """The radii of P / D, and of Q and R half of their share of c; 4 eps of c, of the score and of the offset, and 4 u
    of the low part.
    """
    double = pytest.importorskip("lossproof.oracle.kernels.compiled_float64", reason="numba is not installed")
    sign, offset = fused.SCORE_TERMS[score]

    def rounded(gaps):
        found = np.zeros((9, gaps.size))
        found[[3, 6]] = 1.0
        found[[2, 5, 8]] = np.array(radii)[:, None]
        found[0], half, gap = beside_ties(sign, offset, gaps)
        found[1] = half + gap
        decided = np.empty(gaps.size, dtype=bool)
        double._rounded(found, sign, offset, np.empty(gaps.size), decided)
        return decided

    c = 0.25
    wanted = radii[0] + c * ((radii[1] + radii[2]) / 2 + 4 * EPS)
    wanted += 4 * EPS * (2 * offset + c) + 4 * U * (2.0**-53 if offset else 2.0**-55)
    assert wanted <= least_decided(rounded) <= wanted * 1.02


@pytest.mark.parametrize("score", oracle.SCORES)
@pytest.mark.parametrize(("q", "r"), [(2.0**7, 2.0**-5), (2.0**-9, 2.0**21)])
def test_radii_of_squared_norms_count_relatively(score, q, r):
    """The same with norms that are not 1: D divides the radius of P, Q and R those of theirs."""
    double = pytest.importorskip("lossproof.oracle.kernels.compiled_float64", reason="numba is not installed")
    sign, offset = fused.SCORE_TERMS[score]
    for k, size in ((0, np.sqrt(q * r)), (1, q), (2, r)):

        def rounded(gaps, k=k, size=size):
            found = np.zeros((9, gaps.size))
            found[3], found[6] = q, r
            found[2 + 3 * k] = 2.0**-80 * size
            parts = beside_ties(sign, offset, gaps)
            found[0], found[1] = (np.sqrt(q * r) * v for v in (parts[0], parts[1] + parts[2]))
            decided = np.empty(gaps.size, dtype=bool)
            double._rounded(found, sign, offset, np.empty(gaps.size), decided)
            return decided

        wanted = 2.0**-80 * (0.125 if k else 1)
        assert wanted <= least_decided(rounded) <= wanted * 1.01


def factors(generator, places, bits):
    """Pairs of float32 numbers a, b in [3/4, 1) with a b a multiple of 2^(bits - 48), half of that and j 2^-48."""
    out = {}
    for n in (generator.integers(3 << 22, 1 << 24, 400) | 1).tolist():
        for j in places:
            b = ((1 << bits - 1) + j) * pow(n, -1, 1 << bits) % (1 << bits)
            if j not in out and 3 << 22 <= b < 1 << 24:
                out[j] = (n, b)
    return [np.array([out[j][k] for j in places]) * 2.0**-24 for k in (0, 1)]


@pytest.mark.parametrize("score", oracle.SCORES)
@pytest.mark.parametrize("length", [300, 500])
def test_scores_rounded_to_float32_by_numpy(score, length):
    """k (1 + |c|) + 8 u |value| and 2 u of the offset; here D = 1 and c is a product of two numbers near a tie."""
    offset = fused.SCORE_TERMS[score][1]
    places = np.arange(1, 60)
    a, b = factors(np.random.default_rng(1), places.tolist(), 25 if offset else 24)
    x, y = (np.zeros((len(v), length), dtype=np.float32) for v in (a, b))
    x[:, 7], y[:, 7] = a, b * (-1 if offset else 1)
    rounder = fused.Rounder(FLOOR_NORM.square, 1.0, score, length, len(x), FORMATS["float32"])
    left = rounder.round(x, y, np.empty(len(x), dtype=np.float32))
    decided = np.setdiff1d(np.arange(len(x)), left)
    c, gap = a * b, places * 2.0**-48
    pad = (length + 8) * U * (1 + c) + 8 * U * (offset + c) + 2 * U * offset
    assert (gap[decided] > pad[decided]).all()
    assert (gap[left] < pad[left] * 1.01).all()
    assert 5 < left.size < 50


@pytest.mark.parametrize("score", oracle.SCORES)
def test_radii_are_no_less_than_what_they_are_made_of(score):
    """To the last few units: the radius of a whole sum is known sharply where it is the largest part."""
    double = pytest.importorskip("lossproof.oracle.kernels.compiled_float64", reason="numba is not installed")
    sign, offset = fused.SCORE_TERMS[score]
    rad = 2.0**-70
    gaps = rad * (1 + np.arange(-8, 40) * 2.0**-24)
    found = np.zeros((9, gaps.size))
    found[[3, 6]], found[2] = 1.0, rad
    found[0], half, gap = beside_ties(sign, offset, gaps)
    found[1] = half + gap
    decided = np.empty(gaps.size, dtype=bool)
    double._rounded(found, sign, offset, np.empty(gaps.size), decided)
    assert not decided[gaps < rad * (1 + 2.0**-31)].any()
    assert decided[gaps > rad * (1 + 2.0**-19)].all()
