"""Exact real numbers, exact slices and the casters by themselves, against fractions, integer roots and mpmath."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import fmpq

from lossproof.oracle import formats
from lossproof.oracle.arithmetic import slices
from lossproof.oracle.arithmetic.reals import (
    FIRST_BITS,
    LIMIT_BITS,
    MERGE_LIMIT,
    Real,
    Undecided,
    as_fraction,
    square_root,
)

from . import reference
from .enclosed import floats, nearest

FORMATS = formats.FORMATS


def fraction(g, bits):
    """A rational with numerator and denominator of up to so many bits, of either sign."""
    n, d = (int.from_bytes(g.bytes(bits // 8 + 1), "big") >> int(g.integers(0, bits)) for _ in range(2))
    return fmpq(int(g.choice([-1, 1])) * n, d + 1)


def exact(v):
    """A Real at 400 digits."""
    roots = (reference.number(as_fraction(s)) * reference.root(as_fraction(q)) for s, q in v.terms)
    return reference.number(as_fraction(v.r)) + mpmath.fsum(roots)


def reals(seed, n=40):
    """Sums of up to four roots, some of them rational or multiples of one another, of all sizes."""
    g = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        roots = [abs(fraction(g, 60)) + fmpq(1, 1 << int(g.integers(0, 40))) for _ in range(2)]
        roots += [roots[0] * fmpq(9, 4), fmpq(25, 4)]
        terms = tuple((fraction(g, 40) or fmpq(1), q) for q in roots[: g.integers(0, 5)])
        scale = fmpq(2) ** int(g.integers(-900, 900)) if g.random() < 0.3 else fmpq(1)
        r = fraction(g, 60) if g.random() < 0.8 else fmpq(0)
        out.append(Real(r * scale, tuple((s * scale, q) for s, q in terms)))
    return out


@pytest.mark.parametrize("seed", range(3))
def test_enclosures_signs_and_bounds(seed):
    for v in reals(seed):
        true = exact(v)
        for k in (-1100, -200, -3, 0, 1, 60, 200):
            low, high = v.enclose(k)
            assert low <= mpmath.ldexp(true, k) <= high
            assert high - low <= len(v.terms) + 1
        assert v.sign() == mpmath.sign(true)
        assert v.compare(fmpq(1, 3)) == mpmath.sign(true - mpmath.mpf(1) / 3)
        low, high = v.bounds()
        assert mpmath.mpf(low) <= true <= mpmath.mpf(high)
        assert high <= math.nextafter(low, math.inf)
        for name, fmt in FORMATS.items():
            assert v.rounded(fmt) == reference.rounded(true, name)
        assert (v - v).sign() == 0
        assert (v - v).bounds() == (0.0, 0.0)
        merged = v.merged()
        assert mpmath.almosteq(exact(merged), true, mpmath.mpf(10) ** -350, mpmath.mpf(10) ** -350)
        assert len(merged.terms) <= 2


def test_arithmetic_of_roots():
    g = np.random.default_rng(9)
    for v, w in zip(reals(5), reals(6), strict=True):
        q, s = abs(fraction(g, 50)) + 1, fraction(g, 50) + fmpq(1, 7)
        single, other, plain = Real(fmpq(0), ((s, q),)), Real(fmpq(0), ((s, q + 1),)), Real(s)
        pairs = [(v + w, exact(v) + exact(w)), (v - w, exact(v) - exact(w)), (-v, -exact(v))]
        pairs += [(v * plain, exact(v) * exact(plain)), (plain * v, exact(v) * exact(plain))]
        pairs += [(v / plain, exact(v) / exact(plain)), (single * single, exact(single) ** 2)]
        pairs += [
            (single * other, exact(single) * exact(other)),
            (single / other, exact(single) / exact(other)),
        ]
        pairs += [(single / single, mpmath.mpf(1)), (v * Real(fmpq(0)), mpmath.mpf(0))]
        pairs += [
            (Real.sum([v, w, plain]), exact(v) + exact(w) + exact(plain)),
            (Real(q).sqrt(), exact(Real(q)) ** 0.5),
        ]
        for found, true in pairs:
            assert abs(exact(found) - true) <= abs(true) * mpmath.mpf(10) ** -300 + mpmath.mpf(10) ** -380
        assert not (single * single).terms
        for wrong in (lambda v=v, t=single: t / v, v.sqrt) if len(v.terms) > 1 else (single.sqrt,):
            with pytest.raises(ArithmeticError, match="no part of the formulas"):
                wrong()
    assert square_root(fmpq(9, 16)) == fmpq(3, 4)
    assert square_root(fmpq(9, 15)) is None
    assert square_root(fmpq(8, 16)) is None


def test_products_and_quotients_of_sums():
    """Sums of several roots multiply out, and r + s sqrt(q) divides, be the root rational or not."""
    g = np.random.default_rng(11)
    for v, w in zip(reals(7), reals(8), strict=True):
        r, s = fraction(g, 50) or fmpq(1), fraction(g, 50) + fmpq(1, 7)
        two = Real(r, ((s, abs(fraction(g, 50)) + 2),))
        rational_root = Real(r, ((abs(s), fmpq(9, 16)),)) if r > 0 else Real(r, ((-abs(s), fmpq(9, 16)),))
        same = Real(r, ((r / 3, fmpq(9)),))  # r = s sqrt(q): no conjugate to divide by
        pairs = [(v * w, exact(v) * exact(w)), (w * v, exact(v) * exact(w)), (v * two, exact(v) * exact(two))]
        pairs += [(v * Real(fmpq(1)), exact(v))]
        pairs += [
            (part / over, exact(part) / exact(over))
            for part in (v, w, two)
            for over in (two, rational_root, same)
        ]
        for found, true in pairs:
            assert abs(exact(found) - true) <= abs(true) * mpmath.mpf(10) ** -250 + mpmath.mpf(10) ** -300
        assert (v / two * two - v).sign() == 0
        assert (same / same).compare(fmpq(1)) == 0
    with pytest.raises(ZeroDivisionError):
        Real(fmpq(1)) / Real(fmpq(3), ((fmpq(-1), fmpq(9)),))


def roots_below(bits):
    """sqrt(2) + sqrt(3) cut off after so many bits: a rational below it, by less than 2^-bits."""
    more = bits + 40
    return fmpq((math.isqrt(2 << 2 * more) + math.isqrt(3 << 2 * more)) >> 40, 1 << bits)


def test_what_is_near_to_a_tie_or_to_zero_is_refined():
    """Sums of two roots within 2^-bits of a rational: signs and roundings are right, or the stated limit is reached."""
    roots = ((fmpq(1), fmpq(2)), (fmpq(1), fmpq(3)))
    for bits in (100, 127, 300, 600, 5000, 30000):
        near = roots_below(bits)
        assert Real(-near, roots).sign() == 1
        assert Real(-near - fmpq(1, 1 << bits), roots).sign() == -1
        assert Real(near, tuple((-s, q) for s, q in roots)).sign() == -1
        for name, fmt in FORMATS.items():
            tie = 1 + fmpq(1, 1 << fmt.precision)
            up, down = Real(tie - near, roots), Real(tie - near - fmpq(1, 1 << bits), roots)
            assert up.rounded(fmt) == 1 + 2.0 ** (1 - fmt.precision), name
            assert down.rounded(fmt) == 1.0
            assert (-up).rounded(fmt) == -(1 + 2.0 ** (1 - fmt.precision))
        for shift in (0, 90, 500, -200, -900):  # also where the first bits lie far from the point
            unit = fmpq(2) ** shift
            scaled = tuple((s * unit, q) for s, q in roots)
            low = (math.ldexp(1.0, shift), math.ldexp(math.nextafter(1.0, 2), shift))
            assert Real((1 - near) * unit, scaled).bounds() == low
            assert (-Real((1 - near) * unit, scaled)).bounds() == (-low[1], -low[0])
            for v, wanted in ((1 + fmpq(1, 1 << 53), low[1]), (1 - fmpq(1, 1 << bits), low[0])):
                assert Real((v - near) * unit, scaled).rounded(FORMATS["float64"]) == wanted
    beyond = Real(-roots_below(3 * LIMIT_BITS), roots)
    with pytest.raises(Undecided, match="2 square roots"):
        beyond.sign()
    with pytest.raises(Undecided, match="rounding to float16"):
        (beyond + Real(1 + fmpq(1, 1 << 11))).rounded(FORMATS["float16"])
    many = Real(fmpq(0), ((fmpq(1), fmpq(2)), (fmpq(-1), fmpq(2))) * (MERGE_LIMIT // 2))
    assert many.sign() == 0
    with pytest.raises(Undecided, match=f"{MERGE_LIMIT + 2} square roots"):
        (many + Real(fmpq(0), many.terms[:2])).sign()


def test_roots_that_are_rational_after_all():
    """Zero, a half and a negative number in disguise: signs, bounds and roundings are those of the rational itself."""
    one, four = fmpq(1), fmpq(4)
    for sign in (1, -1):
        for r, terms, value in (
            (2, ((-one, one), (-one, one)), 0.0),
            (2, ((-one, four),), 0.0),
            (0, ((one, four), (-one, four)), 0.0),
            (3, ((-one, four), (-one / 2, one)), 0.5),
            (-3, ((one, four), (one / 4, one), (one / 4, one)), -0.5),
            (0, ((one, fmpq(2)), (-one / 2, fmpq(8))), 0.0),
        ):
            v = Real(sign * fmpq(r), tuple((sign * s, q) for s, q in terms))
            assert v.sign() == sign * np.sign(value)
            assert isinstance(v.sign(), int)
            low, high = v.bounds()
            assert low <= sign * value <= high <= math.nextafter(low, math.inf)
            assert low == high or value
            for fmt in FORMATS.values():
                assert v.rounded(fmt) == sign * value


def test_rationals_are_bounded_by_the_nearest_floats():
    g = np.random.default_rng(4)
    values = [fraction(g, 200) for _ in range(100)] + [fmpq(s) for s in (0, 1, -1, 2**53 + 1, -(2**70) - 1)]
    values += [
        s * fmpq(n, 4) * fmpq(2) ** e
        for s in (1, -1)
        for n in (3, 4, 5, 7)
        for e in (-1080, -1075, -1074, -1022)
    ]
    for q in values:
        low, high = Real(q).bounds()
        v = as_fraction(q)
        assert Fraction(low) <= v <= Fraction(high)
        assert low == high if Fraction(low) == v else high == math.nextafter(low, math.inf)
        for fmt in FORMATS.values():
            assert Real(q).rounded(fmt) == nearest(v, fmt)
    for sign in (1, -1):
        far = Real(fmpq(sign) * fmpq(2) ** 1024).bounds()
        assert sorted(map(abs, far)) == [np.finfo(float).max, math.inf]
        assert far[0] < far[1]


@pytest.mark.parametrize("name", FORMATS)
def test_casters_round_once(name):
    """Also where a floor and a sticky bit stand for the value, and where the result is subnormal or overflows."""
    fmt = FORMATS[name]
    g = np.random.default_rng(6)
    values = np.concatenate(
        [floats(g, 300, fmt.emin - 60, fmt.emax + 3 if name != "float64" else 1023), [0.0, -0.0]]
    )
    values = values[np.isfinite(values)]
    wanted = np.array([nearest(Fraction(v), fmt) for v in values])
    assert (formats.cast(values, fmt).astype(np.float64) == wanted).all()
    strange = formats.cast(np.array([np.nan, np.inf, -np.inf]), fmt).astype(np.float64)
    assert np.isnan(strange[0])
    assert strange[1:].tolist() == [np.inf, -np.inf]
    if name != "float64":  # the quiet NaN that casts of NumPy and ml_dtypes give as well
        for sign in (1.0, -1.0):
            nan = np.array([np.copysign(np.nan, sign)])
            assert formats.cast(nan, fmt).tobytes() == nan.astype(fmt.dtype).tobytes()
    for _ in range(300):
        bits = int(g.integers(fmt.precision + 2, 90))
        n = int.from_bytes(g.bytes(12), "big") >> 96 - bits | 1 << bits - 1
        if g.random() < 0.5:  # near the middle of two numbers
            drop = bits - fmt.precision
            n = (n >> drop << drop) + (1 << drop - 1) + int(g.integers(-1, 2))
        n *= int(g.choice([-1, 1]))
        exponent = int(g.choice([fmt.quantum - bits + 4, fmt.emin - bits, -bits, fmt.emax + 1 - bits]))
        unit = Fraction(2) ** exponent
        assert formats.round_integer(n, exponent, fmt) == nearest(n * unit, fmt)
        assert formats.round_integer(n, exponent, fmt, True) == nearest(
            (n + Fraction(1, 1 << 80)) * unit, fmt
        )
    assert formats.round_integer(0, 7, fmt) == 0.0
    with pytest.raises(ValueError, match=f"too few to round to {name}"):
        formats.round_integer(5, 0, fmt, True)


@pytest.mark.parametrize("name", FORMATS)
def test_units_in_the_last_place(name):
    fmt = FORMATS[name]
    g = np.random.default_rng(2)
    values = np.concatenate([floats(g, 200, -1074, 1000), [0.0]])
    found = formats.ulp(values, fmt)
    for v, unit in zip(values, found, strict=True):
        size = max(abs(Fraction(v)), Fraction(2) ** fmt.emin)
        assert Fraction(2) ** (fmt.precision - 1) <= size / Fraction(unit) < Fraction(2) ** fmt.precision
    assert fmt.u == 2.0**-fmt.precision
    assert fmt.eta == 2.0**fmt.emin
    assert 2.0**fmt.quantum == 2.0**fmt.emin * 2.0 ** (1 - fmt.precision)
    assert fmt.dtype.itemsize * 8 == fmt.width


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 64, 65, 1000])
def test_slices_are_exact(length):
    """Rows are their slices and a rest; slices are whole numbers of quanta, whose dot products are exact."""
    bits = slices.width(length)
    power = 1 << (length - 1).bit_length()
    assert 2 * power * 4**bits <= 2**53 < 2 * power * 4 ** (bits + 1)
    g = np.random.default_rng(length)
    x = floats(g, 6 * length, -30, 0).reshape(6, length)
    x[0], x[1] = 1 - g.random(length) * 2.0**-20, 0.0  # slices as large as they get, and nothing
    largest = slices.exponents(x)
    assert (np.abs(x) < 2.0 ** largest[:, None]).all()
    assert largest[1] == 0
    assert (np.abs(x).max(1)[2:] >= 2.0 ** (largest[2:] - 1)).all()
    for count in (1, 2, 6):
        cut = slices.sliced(x, largest, bits, count)
        quanta = [np.ldexp(1.0, cut.quantum(k))[:, None] for k in range(len(cut.parts))]
        for part, quantum in zip(cut.parts, quanta, strict=True):
            assert (np.abs(part) <= quantum * 2.0**bits).all()
            assert (np.rint(part / quantum) == part / quantum).all()
        assert (np.abs(cut.rest) <= quanta[-1] / 2).all()
        assert (quanta[-1][:, 0] == 2.0 ** (largest + 1 - len(quanta) * (bits + 1))).all()
        assert len(cut.parts) == count or (len(cut.parts) < count and not cut.rest.any())
        for i in range(6):
            for j in range(0, length, 1 + length // 20):
                whole = sum(Fraction(p[i, j]) for p in cut.parts) + Fraction(cut.rest[i, j])
                assert whole == Fraction(x[i, j])
        for a, b in ((0, 0), (0, len(cut.parts) - 1)):
            left, right = cut.parts[a], cut.parts[b]
            found = slices.dot(left, right)
            for i in range(6):
                assert Fraction(found[i]) == sum(
                    map(lambda u, v: Fraction(u) * Fraction(v), left[i], right[i])
                )
    repeated = slices.dot(np.abs(x), np.repeat(np.abs(x[:, :1]), length, axis=1))
    assert np.allclose(slices.dot(np.abs(x), np.abs(x[:, :1])), repeated, rtol=1e-12, atol=0)


@pytest.mark.parametrize("bits", [FIRST_BITS, 4 * FIRST_BITS, 8 * FIRST_BITS, 16 * FIRST_BITS])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_number_whose_enclosure_ends_at_0(bits, sign):
    """sqrt(2) + sqrt(3) and what a first look sees of it, which leaves [0, 2] in its last places."""
    seen = fmpq(math.isqrt(2 << 2 * bits) + math.isqrt(3 << 2 * bits), 1 << bits)
    rest = Real(-sign * seen, ((fmpq(sign), fmpq(2)), (fmpq(sign), fmpq(3))))
    assert rest.enclose(bits) == ((0, 2) if sign > 0 else (-2, 0))
    assert rest.sign() == sign
