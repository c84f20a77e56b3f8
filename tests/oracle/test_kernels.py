"""The kernels piece by piece: sums in the order that is told, enclosures that hold, and radii that are derived."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.arithmetic.binary64 import SAFE, U
from lossproof.oracle.arithmetic.slices import SLICE
from lossproof.oracle.formats import FORMATS
from lossproof.oracle.kernels import choice, fused
from lossproof.oracle.scores import fast

from . import samples

compiled = pytest.importorskip(
    "lossproof.oracle.kernels.compiled", reason="numba (the extra fast) is not installed"
)
from lossproof.oracle.arithmetic.sliced_dots import RANGE, second_width  # noqa: E402
from lossproof.oracle.kernels import compiled_float64 as double  # noqa: E402
from lossproof.oracle.kernels import lanes  # noqa: E402


def in_lanes(terms):
    """Element j in lane j mod 16, each lane in order, then pairwise; what is left over one after another."""
    whole = len(terms) - len(terms) % lanes.STEP
    total = None
    for start in range(0, whole, lanes.PIECE):
        sums = np.zeros(lanes.STEP)
        for row in terms[start : min(start + lanes.PIECE, whole)].reshape(-1, lanes.STEP):
            sums = sums + row
        while len(sums) > 1:
            sums = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
        total = sums[0] if total is None else total + sums[0]
    if whole < len(terms):
        last = 0.0
        for v in terms[whole:]:
            last = last + v
        total = last if total is None else total + last
    return total


@pytest.mark.parametrize("dtype", list(FORMATS))
@pytest.mark.parametrize("length", [1, 5, 16, 41, 4096, 2 * 4096 + 16 + 3])
def test_sums_run_in_the_lanes_that_are_told(dtype, length):
    """Bit for bit: every product rounded, unless it is exact, and every sum rounded in this order and no other."""
    x, y = samples.rows("ordinary", dtype, 3, length, 2)
    v, w = x.astype(np.float64), y.astype(np.float64)
    for found, terms in zip(compiled.products(x, y), (v * w, v * v, w * w), strict=True):
        assert found.tolist() == [in_lanes(row) for row in terms]


def exactly(a, b):
    return sum((Fraction(v) * Fraction(w) for v, w in zip(a.tolist(), b.tolist(), strict=True)), Fraction(0))


def shifted(region, length, left, right):
    x, y = samples.rows(region, "float64", 20, length, 8)
    return np.ldexp(x, left), np.ldexp(y, right)


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("length", [3, 16, 41])
def test_sums_of_slices_hold_what_is_exact(fine, length):
    """Also where one side is far from 1; what is out of range is not known."""
    finer = 2.0 ** -(second_width(length) + 1)
    told = 0
    for region, left, right in (
        ("ordinary", 0, 0), ("nearly_orthogonal", 0, 0), ("parallel", -20, 9), ("mixed_scale", 0, 0), ("zeros", 0, 0),
        ("ordinary", 170, -170), ("ordinary", 500, 0), ("ordinary", 0, 500), ("ordinary", -500, 0),
        ("ordinary", 0, -500),
    ):  # fmt: skip
        x, y = shifted(region, length, left, right)
        found = np.empty((9, len(x)))
        if fine:
            double._fine_sums(x, y, np.arange(len(x)), double.SIGMAS, double.HALVES, finer, found)
        else:
            double._sums(x, y, double.SIGMAS, double.HALVES, found)
        for i in np.flatnonzero(np.isfinite(found[2])):
            for k, (a, b) in enumerate(((x[i], y[i]), (x[i], x[i]), (y[i], y[i]))):
                high, low, rad = map(Fraction, found[3 * k : 3 * k + 3, i].tolist())
                assert abs(high + low - exactly(a, b)) <= rad
            told += 1
        squares = [np.sum(np.square(v), axis=1) for v in (x, y)]
        out = np.any([(q > 1.01 * RANGE) | (q < 0.99 / RANGE) for q in squares], axis=0)
        assert np.isinf(found[2, out]).all()
    assert told > 80


def test_a_slice_leaves_half_a_quantum_at_most():
    """An element below the norm becomes a multiple of the quantum, of SLICE bits, and the rest is half of that."""
    fields = np.arange(1023 - 360, 1023 + 361)
    generator = np.random.default_rng(4)
    size = np.ldexp(1.0, (fields - 1022) // 2)[:, None]  # |x|^2 < 2^(field - 1022)
    x = size * np.concatenate(
        [generator.uniform(-1, 1, (fields.size, 200)), np.ones((fields.size, 1))], axis=1
    )
    sigma, half = double.SIGMAS[fields][:, None], double.HALVES[fields][:, None]
    part = (x + sigma) - sigma
    assert (np.abs(x - part) <= half).all()
    units = part / (2 * half)
    assert (units == np.rint(units)).all()
    assert (np.abs(units) <= 2.0**SLICE).all()


EDGES = [0.0, 0.5 / SAFE, 1 / SAFE, 2.0**-300, 1.0, 3.7e55, SAFE, 2 * SAFE, np.inf, np.nan]


@pytest.mark.parametrize("length", [1, 3, 19, 300])
@pytest.mark.parametrize("score", oracle.SCORES)
def test_the_radii_of_gradients_are_those_derived(length, score):
    """s/D is off by (h + 6) u, s P/(D Q) by (3 h + 10) u / Q, and two products and their difference round once each."""
    sign = fused.SCORE_TERMS[score][0]
    for q in EDGES:
        for r in EDGES:
            with np.errstate(all="ignore"):
                p = 0.3 * np.sqrt(q) * np.sqrt(r)
                lead, pull, r1, r2, rad = compiled._gradient_terms(p, q, r, float(length), sign)
            if not (1 / SAFE <= q <= SAFE and 1 / SAFE <= r <= SAFE):
                assert rad == np.inf
                continue
            a, b = np.sqrt(q), np.sqrt(r)
            assert lead == pytest.approx(sign / (a * b))
            assert pull == pytest.approx(sign * p / (a * b * q))
            assert r1 >= (length + 6) * U / (a * b)
            assert r2 >= (3 * length + 10) * U / q
            assert rad >= b * r1 + a * r2 + 3 * U * (b * abs(lead) + a * abs(pull))


@pytest.mark.parametrize("length", [1, 3, 19, 300])
def test_the_radii_of_both_kernels_are_alike(length):
    """NumPy's takes the length for the depth of its sums; given that, the compiled one says the same."""
    x, y = (v.astype(np.float64) for v in samples.rows("ordinary", "float32", 8, length))
    (lead, pull, r1, r2), rad = fused._gradient_terms(x, y, -1.0)
    p, q, r = (np.einsum("ij,ij->i", a, b) for a, b in ((x, y), (x, x), (y, y)))
    for i in range(8):
        theirs = compiled._gradient_terms(p[i], q[i], r[i], float(length), -1.0)
        assert theirs == pytest.approx((lead[i], pull[i], r1[i], r2[i], rad[i]), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("which", choice.KERNELS)
@pytest.mark.parametrize(
    "shifts", [(181, 0), (0, 181), (-181, 0), (0, -181), (500, 0), (0, -500), (181, -181)]
)
def test_rows_far_from_one_on_one_side(which, shifts, monkeypatch):
    """The kernels decide there only what the ladder says."""
    monkeypatch.setattr(choice, "active", lambda: which)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    for length in (3, 40):
        e = oracle.cosine(*shifted("ordinary", length, *shifts), score="distance")
        values, left = e.problem.round_fast(FORMATS["float64"])
        right, settled = e.rounded_by_ladder(FORMATS["float64"])
        sure = np.setdiff1d(np.arange(len(values)), left)
        assert settled.all()
        assert values[sure].tobytes() == right[sure].tobytes()


@pytest.mark.parametrize("which", choice.KERNELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_kernels_leave_open_far_into_a_batch_is_answered_in_its_place(which, dtype, monkeypatch):
    """Rows, and elements of a gradient, that no kernel decides, in the first block of rows, the second and the last."""
    monkeypatch.setattr(choice, "active", lambda: which)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    monkeypatch.setattr(fast, "AT_ONCE", 1 << 14)
    n = 2 * fast.ROWS_AT_ONCE + 500
    x, y = samples.rows("ordinary", dtype, n, 2, seed=5)
    hard = np.array([3, fast.ROWS_AT_ONCE + 1, n - 1])
    x[hard], y[hard] = (
        np.array([[3, 4], [1, 0], [0, 2]]),
        np.array([[-4, 3], [0, 5], [7, 0]]),
    )  # at right angles
    some = np.sort(np.concatenate([hard, hard - 1]))
    for e, few in (
        (oracle.cosine(x, y), oracle.cosine(x[some], y[some])),
        (oracle.cosine_gradient(x, y), oracle.cosine_gradient(x[some], y[some])),
    ):
        values = e.rounded("float32")
        wanted, _ = few.rounded_by_ladder(FORMATS["float32"])
        assert values[some].tobytes() == wanted.reshape(values[some].shape).astype(np.float32).tobytes()


@pytest.mark.parametrize("which", choice.KERNELS)
def test_infinite_halves_are_no_large_numbers(which, monkeypatch):
    """Widened through an image in which infinity is 2^16: a row of it alone has a square of just 2^32 there."""
    monkeypatch.setattr(choice, "active", lambda: which)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    for far in ([np.inf, 0.0], [0.0, -np.inf], [np.nan, 0.0]):
        x, y = np.array([far, [65504.0, 0.0]], np.float16), np.full((2, 2), 0.5, np.float16)
        for a, b in ((x, y), (y, x)):
            values = oracle.cosine(a, b).rounded("float32")
            assert np.isnan(values[0])
            assert values[1] == np.float32(0.5**0.5)
