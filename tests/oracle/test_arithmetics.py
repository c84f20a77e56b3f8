"""The arithmetics by themselves: operations and questions on adversarial numbers, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import fmpq

from lossproof.oracle.arithmetic.binary64 import Ball, Binary64
from lossproof.oracle.arithmetic.double_double import DoubleDouble, Pair
from lossproof.oracle.arithmetic.exact import Exact
from lossproof.oracle.formats import FORMATS

from .enclosed import STAGES, Known, ends, floats, fraction, holds, known, nearest, radii

DIGITS = {"float64": 52, "double-double": 100}
"""Bits of a result of exact operands that a stage is sure of at least."""
N = 150
REACH = {"near 1": (-8, 8), "wide": (-300, 300), "everywhere": (-1074, 1023), "tiny": (-1074, -850)}


@pytest.fixture(params=["float64", "two slices", "exact"])
def stage(request):
    return STAGES[request.param]


@pytest.fixture(autouse=True)
def quiet():
    """As the ladder does: overflow and division by zero are no news to it."""
    with np.errstate(all="ignore"):
        yield


def sample(stage, reach, seed, n=N, zeros=True):
    g = np.random.default_rng([seed, sorted(REACH).index(reach)])
    mid = floats(g, n, *REACH[reach])
    if zeros:
        mid[g.random(n) < 0.08] = 0.0
    return known(stage, g, mid, radii(g, mid))


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_hold_the_value(stage, name, reach):
    """One operation on numbers whose truth lies anywhere in their intervals; a chain of three as well."""
    apply = OPERATIONS[name]
    divides = name == "/"
    a, b, c = (sample(stage, reach, seed, zeros=not (divides and seed)) for seed in range(3))
    if isinstance(stage, Exact) and divides:
        a, b, c = (Known(v.number, [w or fmpq(1) for w in v.true]) for v in (a, b, c))
        a, b, c = (Known(stage.rational(v.true), v.true) for v in (a, b, c))
    true = [apply(v, w) if w or not divides else None for v, w in zip(a.true, b.true, strict=True)]
    number = apply(a.number, b.number)
    told = holds(number, true)
    assert told == 1 or name in "*/"
    assert told > 0.5 or reach in ("everywhere", "tiny")
    chained = [None if v is None else -(v + w) * w for v, w in zip(true, c.true, strict=True)]
    holds(-(number + c.number) * c.number, chained)


@pytest.mark.parametrize("stage", [STAGES["float64"], STAGES["two slices"]], ids=["float64", "two slices"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_exact_operands_leave_little_unknown(stage, name):
    """A result is known to about the precision of the stage, and a number that is exactly zero stays that."""
    g = np.random.default_rng(8)
    digits = DIGITS["float64" if stage.name == "float64" else "double-double"]
    a, b = (stage.number(floats(g, N, -60, 60)) for _ in range(2))
    zero = stage.number(np.zeros(N))
    number = OPERATIONS[name](a, b)
    size = np.abs(number.mid if isinstance(number, Ball) else number.hi)
    assert (number.rad <= size * 2.0**-digits).all()
    for v, w in ((zero, a), (a, zero), (zero, zero)):
        some = OPERATIONS[name](v, w)
        if name == "/" and w is zero:
            assert not np.isfinite(some.rad).any()
        else:
            assert (some.rad == 0).all()


@pytest.mark.parametrize("reach", REACH)
def test_square_roots_hold_the_value(stage, reach):
    a = sample(stage, reach, 5)
    g = np.random.default_rng(6)
    if isinstance(stage, Exact):
        a = known(stage, g, np.abs(floats(g, N, *REACH[reach])), np.zeros(N))
        for root, v in zip(stage.sqrt(a.number), a.true, strict=True):
            assert (root * root).r == v
            assert root.sign() == 1
        assert stage.sqrt(stage.number(np.zeros(1)))[0].sign() == 0
        return
    mid = np.abs(floats(g, N, *REACH[reach])) * g.choice([1.0, 1.0, 1.0, 0.0, -1.0], N)
    rad = np.where(mid == 0, g.choice([0.0, 1e-30, 1.0], N), np.abs(mid) * np.where(mid < 0, 2.0, 0.0))
    positive = np.abs(floats(g, N, *REACH[reach]))
    for middle, radius in (
        (mid, np.where(mid < 0, rad, radii(g, mid))), (mid, rad),
        (positive, radii(g, positive)), (positive, 0 * positive),
    ):  # fmt: skip
        a = known(stage, g, middle, radius, least=0)
        root = stage.sqrt(a.number)
        told = 0
        for i, v in enumerate(a.true):
            at = ends(root, i)
            if at is not None:
                assert at[1] >= 0
                assert at[1] * at[1] >= v
                assert at[0] <= 0 or at[0] * at[0] <= v
                told += 1
        assert told == N
    digits = DIGITS["float64" if isinstance(stage, Binary64) else "double-double"]
    sharp = stage.sqrt(stage.number(np.abs(floats(g, N, -60, 60))))
    assert (sharp.rad <= 2.0**-digits * (sharp.mid if isinstance(sharp, Ball) else sharp.hi)).all()


@pytest.mark.parametrize("reach", ["near 1", "wide"])
def test_comparisons_and_choices(stage, reach):
    """Numbers beside one another: what is called certain is so, and the larger one is held."""
    g = np.random.default_rng(7)
    a = sample(stage, reach, 9)
    near = np.array([float(Fraction(int(v.p), int(v.q))) for v in a.true])
    near = near * (1 + g.choice([0.0, 2.0**-52, -(2.0**-51), 1e-9, 0.3, -0.3, -2.0], N))
    b = known(stage, g, near, radii(g, near))
    for v, w in ((a, b), (b, a), (a, a)):
        less, certain = stage.less(v.number, w.number)
        truth = np.array([x < y for x, y in zip(v.true, w.true, strict=True)])
        assert (less == truth)[certain].all()
        assert holds(stage.maximum(v.number, w.number), list(map(max, v.true, w.true))) == 1
    exact = stage.number(near)
    assert stage.less(exact, exact)[1].all()
    assert stage.less(exact, stage.number(near * 1.5))[1].all()
    mask = g.random(N) < 0.5
    chosen = [v if m else w for m, v, w in zip(mask, a.true, b.true, strict=True)]
    number = stage.where(mask, a.number, b.number)
    assert holds(number, chosen) == 1
    index = g.permutation(N)[:50]
    assert holds(stage.take(number, index), [chosen[i] for i in index]) == 1
    assert holds(stage.join([number, a.number]), chosen + a.true) == 1
    if not isinstance(stage, Exact):
        hidden = stage.unknown(mask, a.number)
        assert not np.isfinite(hidden.rad[mask]).any()
        assert (hidden.rad[~mask] == a.number.rad[~mask]).all()


@pytest.mark.parametrize("stage", [STAGES["float64"], STAGES["two slices"]], ids=["float64", "two slices"])
@pytest.mark.parametrize("sign", [1, -1])
def test_intervals_that_touch_overlap_or_lie_within_one_another(stage, sign):
    """Every way in which two can lie, to the last unit, with either truth at every end and in the middle."""
    pairs = []
    for r, s in product((0.0, 2.0**-52, 2.0**-30, 0.25), repeat=2):
        for gap in {0.0, r, s, r + s, abs(r - s)}:
            for mid in (1 + gap, np.nextafter(1 + gap, 2), np.nextafter(1 + gap, 0), 1 - gap):
                pairs += [(sign * 1.0, r, sign * mid, s), (sign * mid, s, sign * 1.0, r)]
    ends = list(product((-1, 0, 1), repeat=2))
    a, ra, b, rb = np.repeat(np.array(pairs), len(ends), axis=0).T
    turns = np.array(ends * len(pairs))
    made = Ball if isinstance(stage, Binary64) else (lambda mid, rad: Pair(mid, 0 * mid, rad))
    true = [
        [fraction(m) + int(t) * fraction(r) for m, t, r in zip(mid, turn, rad, strict=True)]
        for mid, turn, rad in ((a, turns[:, 0], ra), (b, turns[:, 1], rb))
    ]
    v, w = made(a, ra), made(b, rb)
    assert holds(stage.maximum(v, w), list(map(max, *true))) == 1
    less, certain = stage.less(v, w)
    truth = np.array([x < y for x, y in zip(*true, strict=True)])
    assert (less == truth)[certain].all()
    apart = np.abs(a - b) > (ra + rb) * (1 + 1e-12) + 1e-15
    assert certain[apart].all()
    larger = stage.maximum(v, w)
    chosen = np.where(less, rb, ra)
    assert (larger.rad[apart] == chosen[apart]).all()


@pytest.mark.parametrize("count", [0, 1, 2, 7, N])
@pytest.mark.parametrize("reach", ["near 1", "wide"])
def test_sums_hold_the_value(stage, reach, count):
    a = sample(stage, reach, 11, max(count, 1))
    number = stage.take(a.number, slice(0, count))
    true = sum(a.true[:count], fmpq(0))
    assert holds(stage.sum(number), [true]) == 1
    assert len(stage.bounds(stage.sum(number))[0]) == 1
    some = np.random.default_rng(12).standard_normal(2 * count)
    some[count:] = -some[:count]  # all cancels but for what is rounded
    some[count // 2 :] *= 1 + 2.0**-40
    cancelled = stage.sum(stage.number(some))
    assert holds(cancelled, [sum(map(fraction, some), fmpq(0))]) == 1
    lost = np.full(max(count, 1), 2.0**-53 - 2.0**-63)  # beside 1 each of them is rounded away
    lost[0] = 1.0
    assert holds(stage.sum(stage.number(lost)), [sum(map(fraction, lost), fmpq(0))]) == 1
    if isinstance(cancelled, Ball):
        assert cancelled.rad[0] <= (count + 2) * 2.0**-52 * np.abs(some).sum()


def between(g, n):
    """Float64 numbers at and beside the middle between two numbers of each format, and at the ends of its range."""
    out = [np.array([0.0, 5e-324, -5e-324, 1.0, -1.0, 2.0, 0.5, -3.0])]
    for fmt in FORMATS.values():
        low, high = max(fmt.emin - fmt.precision, -1074), fmt.emax
        whole = g.integers(1 << (fmt.precision - 1), 1 << fmt.precision, n).astype(float)
        exponent = (
            g.choice([low - fmt.precision + 1, low + 2, fmt.emin, 0, high - 1, high], n) - fmt.precision + 1
        )
        mid = np.ldexp(whole + (0.5 if fmt.precision < 53 else 0.0), exponent) * g.choice([1.0, -1.0], n)
        edge = np.ldexp(2.0 - 2.0**-fmt.precision, fmt.emax)
        ends = edge * np.array([1.0, -1.0]) if np.isfinite(edge) else np.array([np.finfo(float).max])
        for near in (mid, ends):
            out += [near, np.nextafter(near, 0), np.nextafter(near, np.sign(near) * np.inf)]
    every = np.concatenate(out)
    return every[np.isfinite(every)]


def test_questions_about_numbers_near_ties(stage):
    """Bounds enclose, what is called rounded is the nearest number, and `within` is right wherever it is decided."""
    g = np.random.default_rng(13)
    mid = between(g, 12)
    for share in (0.0, 2.0**-106, 2.0**-57, 2.0**-55, 2.0**-52, 2.0**-30):
        a = known(stage, g, mid, np.abs(mid) * share)
        truth = [Fraction(int(v.p), int(v.q)) for v in a.true]
        low, high = stage.bounds(a.number)
        for i, v in enumerate(truth):
            assert low[i] == -np.inf or Fraction(low[i]) <= v
            assert high[i] == np.inf or v <= Fraction(high[i])
        if isinstance(stage, Exact):
            assert (np.nextafter(low, np.inf) >= high).all()
        for fmt in FORMATS.values():
            values, decided = stage.rounded(a.number, fmt)
            for i in np.flatnonzero(decided):
                assert values[i] == nearest(truth[i], fmt), (i, fmt.name, truth[i])
            assert decided.all() or not isinstance(stage, Exact)
        answer = mid * (1 + g.choice([0.0, 1e-15, -1e-9, 0.5], len(mid)))
        answer = np.where(np.isfinite(answer), answer, mid)
        gaps = [abs(Fraction(y) - v) for y, v in zip(answer, truth, strict=True)]
        close = np.array([nearest(v, FORMATS["float64"]) for v in gaps])
        for tolerance in (
            close,
            np.nextafter(close, np.inf),
            np.nextafter(close, 0),
            close / 2,
            2 * close,
            0 * close,
        ):
            tolerance = np.where(np.isfinite(tolerance), tolerance, 1.0)
            inside, decided = stage.within(a.number, answer, tolerance)
            for i in np.flatnonzero(decided):
                assert inside[i] == (gaps[i] <= Fraction(tolerance[i])), i
            assert decided.all() or not isinstance(stage, Exact)


FLOATS = pytest.mark.parametrize(
    "stage", [STAGES["float64"], STAGES["two slices"]], ids=["float64", "two slices"]
)


@FLOATS
def test_what_is_not_known_may_lie_anywhere(stage):
    """Radii and middles that are infinite or NaN: no bound is one, nothing is rounded and nothing judged."""
    inf, nan = np.inf, np.nan
    mid, rad = np.array(
        [
            (1.0, inf),
            (1.0, nan),
            (nan, 1.0),
            (0.0, inf),
            (inf, 1.0),
            (-inf, inf),
            (1e308, 1.7e308),
            (0.0, 1e308),
        ]
    ).T
    unknown = stage.unknown(np.ones(8, dtype=bool), stage.number(mid))
    number = Ball(mid, rad) if isinstance(stage, Binary64) else Pair(mid, 0 * mid, rad)
    for some, at in ((number, slice(0, 6)), (unknown, slice(None))):
        low, high = stage.bounds(some)
        assert (low[at] == -inf).all()
        assert (high[at] == inf).all()
        for fmt in FORMATS.values():
            assert not stage.rounded(some, fmt)[1][at].any()
        inside, decided = stage.within(some, np.ones(8), np.ones(8))
        assert not (inside | decided)[at].any()
        assert not stage.less(some, stage.number(np.ones(8)))[1][at].any()
    low, high = stage.bounds(number)
    assert low[6] <= -0.7e308
    assert high[6] == inf
    assert low[7] <= -1e308
    assert high[7] >= 1e308


def test_numbers_around_zero(stage):
    """A zero that is known but to a radius is no zero, and one that is known is not negative."""
    if isinstance(stage, Exact):
        return
    rad = np.array([0.0, 0.0, 2.0**-1000, 1e-30, 1.0, 1.0])
    mid = np.array([0.0, -0.0, 0.0, -0.0, 0.0, -0.0])
    number = Ball(mid, rad) if isinstance(stage, Binary64) else Pair(mid, 0 * mid, rad)
    low, high = stage.bounds(number)
    assert (low <= -rad).all()
    assert (high >= rad).all()
    assert ((low == 0) & (high == 0)).tolist() == [True, True, False, False, False, False]
    for name, fmt in FORMATS.items():
        values, decided = stage.rounded(number, fmt)
        assert not decided[4:].any()
        assert (values[decided] == 0).all()
        assert not np.signbit(values[:2]).any() or name == "float64"
        if not (isinstance(stage, Binary64) and name == "float64"):
            assert decided[:2].all()
    assert stage.less(number, stage.number(np.zeros(6)))[1].tolist() == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    inside, decided = stage.within(number, np.zeros(6), np.zeros(6))
    assert decided.tolist() == [True, True, False, False, False, False]
    assert inside[:2].all()


@FLOATS
def test_much_is_decided(stage):
    """Of ordinary numbers that are known to the precision of the stage nearly all are rounded and judged."""
    g = np.random.default_rng(14)
    number = stage.number(floats(g, 1000, -20, 20)) * stage.number(floats(g, 1000, 0, 0) / 3)
    mid = number.mid if isinstance(number, Ball) else number.hi
    low, high = stage.bounds(number)
    assert (high - low <= (8 if isinstance(stage, Binary64) else 2) * np.spacing(np.abs(mid))).all()
    assert (high <= np.nextafter(low, np.inf)).mean() > 0.7 or isinstance(stage, Binary64)
    for name, fmt in FORMATS.items():
        if name != "float64" or isinstance(stage, DoubleDouble):
            assert stage.rounded(number, fmt)[1].mean() > 0.98
    round_numbers = np.array([1.0, -1.0, 2.0, 0.5, -3.0])
    for rad in (0.0, 2.0**-70):
        few = Ball if isinstance(stage, Binary64) else (lambda v, r: Pair(v, 0 * v, r))
        for name, fmt in FORMATS.items():
            values, decided = stage.rounded(few(round_numbers, np.full(5, rad)), fmt)
            if name != "float64" or isinstance(stage, DoubleDouble):
                assert decided.all()
                assert (values == round_numbers).all()
    slack = np.abs(mid) * 1e-14
    for answer, inside in ((mid, True), (mid + 4 * slack, False)):
        said, decided = stage.within(number, answer, slack)
        assert decided.all()
        assert (said == inside).all()
    zero = stage.number(np.zeros(2))
    for fmt in FORMATS.values():
        assert stage.rounded(zero, fmt)[1].all()
    assert stage.within(zero, np.zeros(2), np.zeros(2))[0].all()
    assert not stage.within(zero, np.array([5e-324, 1.0]), np.zeros(2))[0].any()


def test_rationals_of_every_size(stage):
    """Also sums that float64 cannot hold, of either sign."""
    values = [
        fmpq(1, 3),
        1 - fmpq(1, 2**200),
        fmpq(-2, 7),
        fmpq(3),
        fmpq(0),
        fmpq(1, 3) / 2**500,
        fmpq(-1, 3) * 2**900,
    ]
    values += [s * fmpq(v) for v in (2**1024, 2**1024 + 2**1000, 2**2000) for s in (1, -1)]
    number = stage.rational(values)
    assert holds(number, values) >= 0.5
    if isinstance(number, Ball):
        assert (number.rad[:4] <= 2.0**-52).all()
    if isinstance(number, Pair):
        assert (number.rad[:4] <= 2.0**-99).all()


def test_dividing_and_rooting_exact_numbers_that_are_tiny():
    """A remainder that underflows is divided by something small as well: the radius must grow with it."""
    g = np.random.default_rng(15)
    stage = STAGES["two slices"]
    for over, under in ((-960, -500), (-1000, -500), (-1000, -200), (-1060, -600)):
        a, b = (np.abs(floats(g, N, e, e)) for e in (over, under))
        true = [fraction(v) / fraction(w) for v, w in zip(a, b, strict=True)]
        assert holds(stage.number(a) / stage.number(b), true) == 1
    a = np.abs(floats(g, N, -1060, -960))
    root = stage.sqrt(stage.number(a))
    for i, v in enumerate(a):
        low, high = ends(root, i)
        assert low <= 0 or low * low <= fraction(v)
        assert high * high >= fraction(v)
