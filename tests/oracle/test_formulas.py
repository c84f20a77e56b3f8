"""The bounds of weights, reductions and gradients against the formulas of docs/bounds.md, written out once more from
exact fractions and mpmath.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lossproof import oracle

from . import reference, samples
from .test_gradients import gradient, inverse_slope

F, TYPES = reference.F, samples.DTYPES
GRADES = [(t, g) for t in TYPES for g in ("G1", "G2", "G3") if g != "G3" or t in ("float16", "bfloat16")]
SLACK = 1e-9
"""The difference allowed to the bounds for being computed in float64."""


def unit(dtype):
    """u and the smallest normal number."""
    precision, emin, _ = reference.PRECISION[dtype]
    return 2.0**-precision, 2.0**emin


def g(k, u):
    """k u / (1 - 2 k u); infinite where it proves nothing."""
    return k * u / (1 - 2 * k * u) if 2 * k * u < 1 else np.inf


def lost(k, dtype, grade):
    """The relative loss of sums of k products, with the 8 roundings around them."""
    u = unit(dtype)[0]
    if grade == "G1":
        return u * (2 * k**0.5 + 8)
    if grade == "G2" and dtype in ("float16", "bfloat16"):
        return g(4, u) + g(k + 8, 2.0**-24)
    return g(k + 8, u)


def of_sum(n, dtype, grade):
    """r: what a sum of n terms and a division lose relatively."""
    u = unit(dtype)[0]
    if grade == "G1":
        return u * (2 * n**0.5 + 3)
    if grade == "G2" and dtype in ("float16", "bfloat16"):
        return g(4, u) + g(n + 3, 2.0**-24)
    return g(n + 3, u)


def half_ulp(v, dtype):
    return float(reference.ulp(v, dtype)) / 2


@pytest.mark.parametrize(("dtype", "grade"), GRADES)
def test_a_weighted_value(dtype, grade):
    """|w| E and the roundings of the weight and of the product; a weight of 0 leaves nothing to be wrong."""
    x, y = samples.rows("ordinary", dtype, 8, 5)
    x[3, 1:] = y[3, 0] = 0  # without a product there is nothing to be wrong either
    e, (u, eta) = oracle.cosine(x, y), unit(dtype)
    w = np.array([0.0, 1.0, -2.5, 0.1, 1e-4, 0.0, 3.0, 7.0])
    told = oracle.bound(oracle.reduce(e, "none", w), dtype, grade)
    each = oracle.bound(e, dtype, grade)
    for i, a in enumerate(w):
        value = mpmath.mpf(float(a)) * reference.cosine(x[i], y[i])
        least = (
            abs(a) * each[i] + (2 * u * float(abs(value)) + eta if value else 0.0) + half_ulp(value, dtype)
        )
        assert least * (1 - SLACK) <= told[i] <= least * (1 + 16 * u + SLACK)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_weight_of_zero_needs_no_bound_of_its_value(dtype):
    """Rows so long that nothing is proven of their cosines: what is multiplied by 0 is right all the same."""
    x, y = samples.rows("ordinary", dtype, 3, 1100)
    e = oracle.cosine(x, y)
    assert np.isinf(oracle.bound(e, dtype, "G3")).all()
    weighted, none = oracle.reduce(e, "none", [0.0, 1.0, 0.0]), oracle.reduce(e, "sum", np.zeros(3))
    limit = oracle.bound(weighted, dtype, "G3")
    assert limit[[0, 2]].max() == reference.ulp(0, dtype) / 2
    assert np.isinf(limit[1])
    assert oracle.within(np.zeros(3), weighted, limit)[[0, 2]].all()
    assert oracle.within(np.zeros(()), none, oracle.bound(none, dtype, "G3"))
    mixed = oracle.reduce(e, "sum", [0.0, 1.0, 0.0])
    assert np.isinf(oracle.bound(mixed, dtype, "G3"))
    assert oracle.excess(np.zeros(()), mixed, dtype, "G3") <= 1


@pytest.mark.parametrize(("dtype", "grade"), GRADES)
@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_by_weight", "mean_by_nonzero"])
def test_a_reduction(dtype, grade, reduction):
    """[sum E_i (1 + r) + r sum |w e|] / |divisor|, and t / (1 - t) of it for a divisor that is a sum itself."""
    x, y = samples.rows("ordinary", dtype, 10, 5)
    e = oracle.cosine(x, y)
    exact = [reference.cosine(a, b) for a, b in zip(x, y, strict=True)]
    for w in (np.random.default_rng(1).uniform(-1, 2, 10), np.array([0.0, 0.3] * 5)):
        terms = [mpmath.mpf(float(a)) * c for a, c in zip(w, exact, strict=True)]
        size = float(mpmath.fsum(abs(t) for t in terms))
        errors = float(oracle.bound(oracle.reduce(e, "none", w), dtype, grade).sum())
        divisor = {
            "sum": 1.0,
            "mean": 10.0,
            "mean_by_weight": abs(float(sum(F(float(a)) for a in w))),
            "mean_by_nonzero": float(np.count_nonzero(w)),
        }[reduction]
        r = of_sum(10, dtype, grade)
        least = most = (errors * (1 + r) + r * size) / divisor
        if reduction == "mean_by_weight":
            t = r * float(np.abs(w).sum()) / divisor
            least, most = least + t / (1 - t) * size / divisor, most + t / (1 - t) * (size + errors) / divisor
        last = half_ulp(mpmath.fsum(terms) / divisor, dtype)
        told = float(oracle.bound(oracle.reduce(e, reduction, w), dtype, grade))
        assert (least + last) * (1 - SLACK) <= told <= (most + last) * (1 + SLACK)


def parts_of(a, b, rule, eps):
    """1/D, kappa, |c| and k of one pair of rows, and its gradient."""
    q, r = (reference.dot(v, v) for v in map(reference.fractions, (a, b)))
    inverse = 1 / reference.denominator(q, r, rule, eps)
    c, kappa = (reference.cosine(*rows, rule, eps) for rows in ((a, b), (np.abs(a), np.abs(b))))
    k = inverse_slope(q, r, rule, eps)
    return *(float(v) for v in (inverse, kappa, abs(c), k)), gradient(a, b, rule, eps)


def bound_of_gradient(a, b, parts, factor, dtype, grade, flush):
    """The formula of docs/bounds.md for one pair of rows, with the half ulp of the exact result."""
    d, (u, eta) = len(a), unit(dtype)
    (inverse, kappa, c, k, exact), out = parts, []
    for v, w, value in zip(*(np.abs(n.astype(np.float64)) for n in (a, b)), exact, strict=True):
        first = w * inverse + kappa * v * k
        if not first:
            out.append(half_ulp(0, dtype))
            continue
        size = lost(d + 4, dtype, grade) * first + lost(2 * d + 4, dtype, grade) * c * v * k
        if flush and (grade == "G3" or (grade == "G2" and dtype in ("float32", "float64"))):
            size += eta * (d * v * k * inverse + v * (1 + k) + inverse + w + 2)
        last = eta if flush else 8 * u * eta  # 4 of the smallest subnormal number
        out.append(size * factor + last + half_ulp(value * factor, dtype))
    return out


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("rule", "eps"), [
        ("plain", 0.0), ("floor_norm", 1.75), ("add_squared", 0.5), ("add_norm", 0.5), ("add_product", 0.5),
        ("zero_as_one", 0.0), ("norm_of_x", 0.0), ("norm_of_y", 0.0), ("floor_y_norm", 1.75),
    ],
)  # fmt: skip
def test_a_gradient(dtype, rule, eps):
    """Rows small, ordinary and large, so that each of the terms for what may be flushed is the largest somewhere.

    Twice a weight over 2 or over twice the weight: divisors of either sign, some of them no whole numbers.
    """
    compared = 0
    for i, j, weight, reduction in (
        (0, 0, 1.0, "mean"), (-3, -3, 1.0, "mean"), (6, 6, -0.75, "mean_by_weight"), (7, -3, 0.375, "mean_by_weight"),
        (-3, 7, -3.0, "mean"),
    ):  # fmt: skip
        factor = 0.5 if reduction == "mean_by_weight" else abs(weight) / 2
        x, y = (np.round(v * 8) / 8 for v in samples.rows("ordinary", "float64", 2, 3, seed=9 * i + j + 50))
        x[0, 0] = y[0, 0] = 0.0
        x, y = np.ldexp(x, i).astype(TYPES[dtype]), np.ldexp(y, j).astype(TYPES[dtype])
        e = oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps, weights=weight, reduction=reduction)
        near = np.zeros(2, dtype=bool)
        for other in e.alternatives(dtype):  # beside a clamp the larger of two slopes counts
            near |= other.mask.any(axis=1)
        ways = [(grade, flush) for t, grade in GRADES if t == dtype for flush in (True, False)]
        told = {way: oracle.bound(e, dtype, *way) for way in ways}
        for n in np.flatnonzero(~near):
            parts = parts_of(x[n], y[n], rule, eps)
            for way, limits in told.items():
                wanted = bound_of_gradient(x[n], y[n], parts, factor, dtype, *way)
                np.testing.assert_allclose(limits[n], wanted, SLACK)
                compared += 1
    assert compared >= 8 * len(told)


@pytest.mark.parametrize(("dtype", "grade"), GRADES)
def test_a_gradient_summed_over_broadcast_rows(dtype, grade):
    """E = sum E_i (1 + r) + r sum |g_i|, as for every other sum."""
    x, y = samples.rows("ordinary", dtype, 12, 3, seed=4)
    parts = [gradient(x[0], b) for b in y]
    for n in (2, 12):
        each = oracle.bound(oracle.cosine_gradient(np.repeat(x[:1], n, axis=0), y[:n]), dtype, grade)
        r = of_sum(n, dtype, grade)
        for told in (
            oracle.bound(oracle.cosine_gradient(x[0], y[:n]), dtype, grade),
            oracle.bound(oracle.cosine_gradient(y[:n], x[:1], wrt="y"), dtype, grade)[0],
        ):
            for errors, limit, column in zip(
                each.sum(axis=0), told, zip(*parts[:n], strict=True), strict=True
            ):
                size = float(mpmath.fsum(abs(v) for v in column))
                last = half_ulp(mpmath.fsum(column), dtype)
                np.testing.assert_allclose(limit, errors * (1 + r) + r * size + last, SLACK)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize(
    ("weights", "reduction", "factor"),
    [(0.75, "sum", 0.75), (0.75, "mean", 0.75 / 7), (0.75, "mean_by_weight", 1 / 7), (-1.5, "sum", 1.5)],
)
def test_a_gradient_of_a_contrastive_cost(dtype, half, weights, reduction, factor):
    """2 s (tau + 7 u (t + tau)) and what may be flushed; tau = 0 for similar pairs, whose t is the distance itself.

    Without squares 6 u s, and nothing that could be flushed.
    """
    d = np.array([0.0, 0.25, 1.25, 2.0, 30.0, 2.0**-9, -0.5]).astype(TYPES[dtype])
    (u, eta), m, s = unit(dtype), 1.25, factor * (0.5 if half else 1.0)
    given = {"margin": m, "half": half, "weights": weights, "reduction": reduction}
    for similar in (True, False):
        labels = np.full(7, int(similar))
        told = oracle.bound(oracle.contrastive_gradient(labels, d, **given), dtype, "G2")
        plain = oracle.bound(oracle.contrastive_gradient(labels, d, squared=False, **given), dtype, "G2")
        for limit, other, v in zip(told, plain, d.astype(np.float64), strict=True):
            t = v if similar else max(m - v, 0.0)
            tau = 0.0 if similar else max(0.0, u * (m + abs(m - v)) + min(m - v, 0.0))
            wanted = 2 * s * (tau + 7 * u * (abs(t) + tau)) + (eta * (1 + s) if t or tau else 0.0)
            wanted += half_ulp(mpmath.mpf(2 * s * t), dtype)
            assert wanted * (1 - SLACK) <= limit <= wanted * (1 + 20 * u + SLACK)
            slope = s if similar else s * (v < m)
            steady = 6 * u * s + half_ulp(mpmath.mpf(slope), dtype)
            assert steady * (1 - SLACK) <= other <= steady * (1 + 20 * u + SLACK)


def test_products_of_a_gradient_may_be_flushed_where_the_grade_is_of_plain_arithmetic():
    """G2 of the wide dtypes, G3 of the narrow ones: eta |b| for large rows, beside eta for the last rounding alone."""
    for dtype, large, grades in (("float32", 2.0**60, ("G2", "G1")), ("float16", 2.0**10, ("G3", "G2"))):
        x, y = (np.array([row], TYPES[dtype]) * TYPES[dtype](large) for row in ((1.0, 0.5), (0.75, -1.0)))
        e = oracle.cosine_gradient(x, y)
        with_, without = (
            [oracle.bound(e, dtype, grade, flush=flush) for grade in grades] for flush in (True, False)
        )
        (many, few), eta = np.array(with_) - np.array(without), unit(dtype)[1]
        assert (many >= eta * np.abs(x + y).astype(np.float64) * (1 - SLACK)).all()
        assert (few <= eta * (1 + SLACK)).all()


def test_of_a_pair_without_weight_the_gradient_is_0_and_nothing_else():
    x, y = np.ones((2, 3)), np.array([[1.0, 2.0, 3.0]] * 2)
    e = oracle.cosine_gradient(x, y, weights=[0.0, 1.0])
    for dtype, least in (("float32", 2.0**-149), ("float64", 2.0**-1074)):
        none, some = oracle.bound(e, dtype, "G2")
        assert (none <= least).all()
        assert (some > least).all()
