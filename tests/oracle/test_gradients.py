"""Gradients against an independent derivative at 400 digits, at kinks and inside clamps too."""

from __future__ import annotations

from itertools import product

import mpmath
import numpy as np
import pytest

from lossproof import oracle

from . import native, reference, samples, test_bounds
from .test_values import EPS, check

F = reference.F


def inverse_slope(q, r, rule, eps, wrt="x"):
    """d(log D)/da_i = k a_i by differentiating each documented denominator; of the second row wrt y."""
    eps, by_x = F(eps), wrt == "x"
    if rule in ("add_norm", "add_product"):
        return _root_slope(q, r, rule, reference.number(eps), by_x)
    return {
        "zero_as_one": lambda: 1 / q if q else F(0),
        "floor_x_norm": lambda: 1 / q if not by_x or q > eps**2 else F(0),
        "floor_y_norm": lambda: 1 / q if by_x or q > eps**2 else F(0),
        "norm_of_x": lambda: 2 / q if by_x else F(0),
        "norm_of_y": lambda: F(0) if by_x else 2 / q,
        "raw": lambda: F(0),
        "plain": lambda: 1 / q,
        "floor_norm": lambda: 1 / q if q > eps**2 else F(0),
        "floor_squared_norm": lambda: 1 / q if q > eps else F(0),
        "floor_product": lambda: 1 / q if q * r > eps**2 else F(0),
        "floor_squared_product": lambda: 1 / q if q * r > eps else F(0),
        "add_squared": lambda: 1 / (q + eps),
        "threshold": lambda: 1 / q if q >= eps**2 else F(0),
    }[rule]()


def _root_slope(q, r, rule, eps, by_x):
    """(d|a| / da_i) / (|a| + eps), and |b| (d|a| / da_i) / (|a| |b| + eps); nothing follows a norm of 0."""
    n, m = reference.root(q), reference.root(r)
    if n == 0 or (rule == "add_product" and m == 0):
        return mpmath.mpf(0)
    return 1 / n / (n + eps) if rule == "add_norm" else m / n / (n * m + eps)


def gradient(a, b, rule="plain", eps=0.0, wrt="x"):
    """With respect to a; wrt y the roles of the rows under the rule are exchanged."""
    a, b = reference.fractions(a), reference.fractions(b)
    p, q, r = reference.dot(a, b), reference.dot(a, a), reference.dot(b, b)
    d = reference.denominator(*((q, r) if wrt == "x" else (r, q)), rule, eps)
    if d == 0:
        return [None] * len(a)
    k = inverse_slope(q, r, rule, eps, wrt)
    if isinstance(k, F):  # exact, since the difference may be 0
        return [reference.number(v - w * p * k) / d for v, w in zip(b, a, strict=True)]
    pull = reference.number(p) * k
    return [(reference.number(v) - reference.number(w) * pull) / d for v, w in zip(b, a, strict=True)]


@pytest.mark.parametrize("region", samples.REGIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", oracle.NORM_RULES)
def test_cosine(region, dtype, rule):
    x, y = samples.rows(region, dtype, 3, 3, seed=9)
    norms = np.sqrt(np.abs(x.astype(np.float64)).max(1) * np.abs(y.astype(np.float64)).max(1) + 1e-320)
    eps = EPS.get(rule, float(np.median(norms)) or 1e-3)
    e = oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps)
    assert e.shape == x.shape
    check(e, [v for a, b in zip(x, y, strict=True) for v in gradient(a, b, rule, eps)])
    other = oracle.cosine_gradient(x, y, wrt="y", norm_rule=rule, eps=eps, score="distance")
    expected = [v for a, b in zip(x, y, strict=True) for v in gradient(b, a, rule, eps, "y")]
    check(other, [None if v is None else -v for v in expected])


def test_it_is_the_derivative():
    """Against difference quotients of the value, which know nothing of the formula for the gradient."""
    g = np.random.default_rng(2)
    x, y = g.standard_normal((3, 4)), g.standard_normal((3, 4))
    for rule in oracle.NORM_RULES:
        eps = 0.0 if rule in samples.WITHOUT_EPS else 1.3
        for wrt, i in product("xy", np.ndindex(3, 4)):
            if i == (0, 0):
                e = oracle.cosine_gradient(
                    x, y, wrt=wrt, norm_rule=rule, eps=eps, weights=[1.0, 2.0, -0.5], reduction="mean"
                )
            h = 2.0**-20
            up, down = (x.copy(), x.copy()) if wrt == "x" else (y.copy(), y.copy())
            up[i] += h
            down[i] -= h
            values = [
                oracle.reduce(oracle.cosine(*pair, norm_rule=rule, eps=eps), "mean", [1.0, 2.0, -0.5])
                for pair in (((up, y), (down, y)) if wrt == "x" else ((x, up), (x, down)))
            ]
            slope = (values[0].lower - values[1].lower) / (2 * h)
            assert abs(slope - e.lower[i]) < 1e-8


@pytest.mark.parametrize("margin", [0.0, 0.25])
def test_cosine_embedding(margin):
    x, y = samples.rows("ordinary", "float32", 8, 3)
    target = np.where(np.arange(8) % 2, 1, -1)
    e = oracle.cosine_embedding_gradient(x, y, target, margin=margin, weights=2.0, reduction="mean")
    expected = []
    for a, b, t in zip(x, y, target, strict=True):
        factor = -1 if t == 1 else int(reference.cosine(a, b) > margin)
        expected += [mpmath.mpf(factor) * v * 2 / 8 for v in gradient(a, b)]
    check(e, expected)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_contrastive(squared, half):
    d = np.array([0.5, 0.5, 2.0, 2.0, -1.0, 1e-30], np.float32)
    labels = np.array([1, 0, 1, 0, 0, 0])
    e = oracle.contrastive_gradient(labels, d, margin=1.5, squared=squared, half=half, reduction="mean")
    expected = []
    for t, v in zip(labels, reference.fractions(d), strict=True):
        slopes = (2 * v, -2 * max(F(1.5) - v, F(0))) if squared else (F(1), F(-1 if v < F(1.5) else 0))
        slope = slopes[0] if t else slopes[1]
        expected.append(reference.number(slope / 6 / (2 if half else 1)))
    check(e, expected)


def test_an_array_that_was_broadcast_gets_the_sum():
    g = np.random.default_rng(5)
    x, y = g.standard_normal((1, 3)), g.standard_normal((4, 3))
    e = oracle.cosine_gradient(x, y)
    assert e.shape == (1, 3)
    each = [gradient(x[0], b) for b in y]
    check(e, [mpmath.fsum(column) for column in zip(*each, strict=True)])
    assert np.all(np.isfinite(oracle.bound(e, "float64", "G2")))
    flat = oracle.cosine_gradient(x[0], y)
    assert flat.shape == (3,)
    assert (flat.lower == e.lower[0]).all()


def test_axes_are_put_back():
    x, y = (v.reshape(2, 3, 2) for v in samples.rows("ordinary", "float64", 6, 2))
    last = oracle.cosine_gradient(np.moveaxis(x, 1, -1), np.moveaxis(y, 1, -1))
    middle = oracle.cosine_gradient(x, y, axis=1)
    assert middle.shape == x.shape
    assert (np.moveaxis(middle.lower, 1, -1) == last.lower).all()


@pytest.mark.parametrize("dtype", samples.DTYPES)
def test_the_bound_does_not_depend_on_the_axis(dtype):
    x, y = (v.reshape(2, 3, 2) for v in samples.rows("ordinary", dtype, 6, 2))
    last = oracle.cosine_gradient(x, y)
    vector = oracle.cosine_gradient(x[0, 0], y[0, 0], axis=0)
    for grade in ("G0", "G1", "G2"):
        told = oracle.bound(last, dtype, grade)
        for axis in (0, 1, -3):
            moved = oracle.cosine_gradient(np.moveaxis(x, -1, axis), np.moveaxis(y, -1, axis), axis=axis)
            assert (np.moveaxis(oracle.bound(moved, dtype, grade), axis, -1) == told).all()
        assert (oracle.bound(vector, dtype, grade) == told[0, 0]).all()


@pytest.mark.parametrize("clamp", ["held", "followed"])
def test_more_pairs_than_are_kept(clamp):
    """Short rows in such numbers that their dot products are computed again: the gradients are those of a few alone."""
    x, y = (np.resize(v, (66_000, 2)) for v in samples.rows("ordinary", "float16", 500, 2))
    many = oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=0.5, clamp=clamp).rounded("float32")
    few = oracle.cosine_gradient(x[:500], y[:500], norm_rule="floor_norm", eps=0.5, clamp=clamp)
    assert many.tobytes() == np.resize(few.rounded("float32"), many.shape).tobytes()


def test_inside_a_clamp_the_formula_has_a_derivative():
    """At a zero vector D = max(|a|, eps) max(|b|, eps) does not depend on a."""
    e = oracle.cosine_gradient([[0.0, 0.0]], [[3.0, 4.0]], norm_rule="floor_norm", eps=0.5)
    check(e, [reference.number(F(3) / F(5, 2)), reference.number(F(4) / F(5, 2))])
    assert oracle.cosine_gradient([[0.0, 0.0]], [[3.0, 4.0]]).undefined.all()


def test_a_norm_that_is_followed_below_its_floor():
    """The value of d/da_i of a norm whose value alone was raised to eps: k = 1/(eps |a|), and 0 for a = 0."""
    x, y = np.array([[3.0, 4.0], [0.0, 0.0], [6.0, 8.0]]), np.array([[5.0, 12.0]] * 3)
    e = oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=8.0, clamp="followed")
    held = oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=8.0)
    d = 8 * 13  # the norms are 5, 0 and 10, and 13
    pull = [F(63, d) * a / (8 * 5) for a in (3, 4)]
    inside = [reference.number(F(b, d) - p) for b, p in zip((5, 12), pull, strict=True)]
    check(e, [*inside, *(reference.number(F(b, d)) for b in (5, 12)), *gradient(x[2], y[2])])
    assert (e.lower[1:] == held.lower[1:]).all()
    assert not oracle.within(
        held.lower[:1],
        oracle.cosine_gradient(x[:1], y[:1], norm_rule="floor_norm", eps=8.0, clamp="followed"),
        1e-3,
    ).any()


def test_a_gradient_of_nothing_has_no_elements():
    for axis in (0, 1):
        e = oracle.cosine_gradient(np.zeros((0, 3)), np.zeros((0, 3)), axis=axis)
        assert e.shape == (0, 3)
        assert oracle.bound(e, "float32", "G2").shape == (0, 3)


def test_every_subgradient_at_a_kink_is_right_and_nothing_else():
    x, y = np.array([[3.0, 4.0]]), np.array([[10.0, 0.0]])  # |x| is exactly eps
    e = oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=5.0)
    sides = np.array([[1 / 5, 0.0], [1 / 5 - 3 * 3 / 125, -4 * 3 / 125]])
    limit = oracle.bound(e, "float64", "G2")
    for t in (0.0, 0.25, 0.5, 1.0):
        answer = (sides[:1] + t * (sides[1:] - sides[:1])).reshape(1, 2)
        assert oracle.within(answer, e, limit).all()
        assert (oracle.excess(answer, e, "float64", "G2") <= 1).all()
        assert (oracle.grade(answer, e, "float64") != "none").all()
    for t in (-0.01, 1.01):
        answer = sides[:1] + t * (sides[1:] - sides[:1])
        assert not oracle.within(answer, e, limit).any()
    # far from the kink one value alone is right
    away = oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=4.0)
    assert not away.alternatives("float64")
    assert not oracle.within(sides[:1], away, limit).all()


def test_a_vector_takes_one_side_of_a_kink_and_not_both():
    """Each element lies on one of the two sides, and the vector on neither nor between them."""
    x, y = np.array([[3.0, 4.0]]), np.array([[10.0, 0.0]])  # |x| is exactly eps
    for axis, turn in ((-1, lambda v: v), (0, lambda v: v.T)):
        e = oracle.cosine_gradient(turn(x), turn(y), axis=axis, norm_rule="floor_norm", eps=5.0)
        limit = oracle.bound(e, "float64", "G2")
        inside, outside = np.array([[1 / 5, 0.0]]), np.array([[1 / 5 - 9 / 125, -12 / 125]])
        mixed = np.array([[inside[0, 0], outside[0, 1]]])
        assert oracle.within(turn(inside), e, limit).all()
        assert oracle.within(turn(outside), e, limit).all()
        assert not oracle.within(turn(mixed), e, limit).any()
        assert (oracle.excess(turn(mixed), e, "float64", "G2") > 1).all()
        assert (oracle.grade(turn(mixed), e, "float64") == "none").all()


def test_a_segment_ends_where_the_tolerance_does():
    """One t must fit both elements: at the ends and in the middle a tolerance is used up to its last part."""
    x, y = np.array([[3.0, 4.0]]), np.array([[10.0, 0.0]])  # |x| is exactly eps
    inside, outside = np.array([1 / 5, 0.0]), np.array([1 / 5 - 9 / 125, -12 / 125])
    middle, limit = (inside + outside) / 2, 2.0**-10
    for score, sign in (("similarity", 1), ("negated", -1)):
        for axis, turn in ((-1, lambda v: v), (0, lambda v: v.T)):
            e = oracle.cosine_gradient(
                turn(x), turn(y), axis=axis, score=score, norm_rule="floor_norm", eps=5.0
            )
            for at, away in (
                (inside, (1, 1)), (inside, (1, -1)), (inside, (-1, 1)), (outside, (-1, -1)), (outside, (1, -1)),
                (middle, (1, -1)), (middle, (-1, 1)),
            ):  # fmt: skip
                for share, right in ((1.0, True), (1 + 2.0**-20, False)):
                    answer = turn(sign * (at + share * limit * np.array(away))[None])
                    assert (oracle.within(answer, e, limit) == right).all(), (at, away, share)
            for at, away in ((middle, (1, 1)), (middle, (-1, -1)), (inside, (-1, -1)), (outside, (1, 1))):
                assert oracle.within(turn(sign * (at + limit * np.array(away))[None]), e, limit).all()


def test_a_segment_of_exact_numbers_needs_no_tolerance():
    """Elements that are 0 on both sides are right at 0, and the ends of the segment are right exactly."""
    e = oracle.cosine_gradient([[4.0, 0.0, 0.0]], [[8.0, 0.0, 0.0]], norm_rule="floor_norm", eps=4.0)
    for first in (0.25, 0.125, 0.0):
        assert oracle.within([[first, 0.0, 0.0]], e, 0.0).all()
    for answer in ([[0.25, 5e-324, 0.0]], [[0.2500001, 0.0, 0.0]], [[-1e-9, 0.0, 0.0]]):
        assert not oracle.within(answer, e, 0.0).any()


@pytest.mark.parametrize("rows", [1, 2])
def test_what_is_summed_over_rows_is_taken_element_by_element(rows):
    """Each row of a sum may take another point of its segment; one row alone may not."""
    x, y = np.array([[3.0, 4.0]]), np.array([[10.0, 0.0]] * rows)  # |x| is exactly eps
    e = oracle.cosine_gradient(x[0] if rows == 2 else x, y, norm_rule="floor_norm", eps=5.0)
    mixed = rows * np.array([1 / 5, -12 / 125])
    assert oracle.within(mixed.reshape(e.shape), e, 1e-9).all() == (rows == 2)
    beyond = rows * np.array([1 / 5, -12.1 / 125])
    assert not oracle.within(beyond.reshape(e.shape), e, 1e-9).all()


def test_near_a_clamp_the_bound_holds_for_both_sides():
    x, y = np.float32([[3.0, 4.0]]), np.float32([[10.0, 0.0]])
    above, below = (
        oracle.bound(oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=eps), "float32", "G2")
        for eps in (5.0 - 2.0**-50, 5.0 + 2.0**-50)
    )
    assert (np.abs(above - below) < above / 8).all()  # but for the last half ulp of another value


def test_the_hinge_of_the_embedding_loss():
    x, y = np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]])  # c = 0.6
    e = oracle.cosine_embedding_gradient(
        x, y, [-1], margin=0.6
    )  # 0.6 is no float: the exact side is known, but near
    limit = oracle.bound(e, "float32", "G2")
    for t in (0.0, 0.5, 1.0):
        assert oracle.within(np.float32([[0.0, 0.8 * t]]), e, limit).all()
    assert not oracle.within(np.float32([[0.0, 0.9]]), e, limit).all()
    clear = oracle.cosine_embedding_gradient(x, y, [-1], margin=0.5)
    assert not oracle.within(np.float32([[0.0, 0.0]]), clear, limit).all()


@pytest.mark.parametrize("scale", [2.0**-30, 2.0**-3, 1.0, 2.0**3, 2.0**30])
def test_the_hinge_looks_at_the_cosine_whatever_the_norms(scale):
    x, y = np.array([[scale, 0.0]]), np.array([[3.0, 4.0]]) * scale
    for margin, factor in ((-0.5, 1), (0.5, 1), (0.7, 0)):
        e = oracle.cosine_embedding_gradient(x, y, [-1], margin=margin)
        np.testing.assert_allclose(e.lower, [[0.0, factor * 0.8 / scale]], rtol=1e-15)


def test_no_distance_no_gradient_and_no_weight_none():
    d, weights = np.array([np.nan, 1.0, np.inf, 1.0]), np.array([1.0, 1.0, 1.0, np.nan])
    for labels in (0, 1):
        e = oracle.contrastive_gradient(labels, d, weights=weights)
        assert e.undefined.tolist() == [True, False, True, True]


def test_a_value_on_the_other_side_has_no_further_side():
    x, y = np.array([[3.0, 4.0]]), np.array([[1.0, 2.0]])
    e = oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=5.0)
    sides = e.alternatives("float32")
    assert len(sides) == 1
    assert sides[0].enclosure.alternatives("float32") == ()


def computed(x, y, rule, eps, dtype, order, normalise):
    """The gradient in the dtype itself, by the quotient rule or through normalised rows."""
    p, q, r = (native.dot(a, b, order, dtype)[:, None] for a, b in ((x, y), (x, x), (y, y)))
    n, m = np.sqrt(q).astype(dtype), np.sqrt(r).astype(dtype)
    followed = np.ones_like(n)
    if rule == "floor_norm":
        followed = (n > dtype(eps)).astype(dtype)
        n, m = np.maximum(n, dtype(eps)), np.maximum(m, dtype(eps))
    if normalise:
        v, w = (x / n).astype(dtype), (y / m).astype(dtype)
        c = native.dot(v, w, order, dtype)[:, None]
        return ((w - (followed * v * c).astype(dtype)).astype(dtype) / n).astype(dtype)
    d = (n * m).astype(dtype)
    c = (p / d).astype(dtype)
    pull = (followed * (x * c).astype(dtype) / (n * n).astype(dtype)).astype(dtype)
    return ((y / d).astype(dtype) - pull).astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("region", ["ordinary", "nearly_orthogonal", "nearly_parallel", "biased"])
@pytest.mark.parametrize("rule", ["plain", "floor_norm"])
def test_honest_gradients_stay_within_the_bound(dtype, region, rule):
    kind = samples.DTYPES[dtype]
    for d in (1, 6, 20):
        x, y = (
            test_bounds.biased(dtype, 12, d)
            if region == "biased"
            else samples.rows(region, dtype, 12, d, seed=3)
        )
        eps = 0.0 if rule == "plain" else float(kind(1.7))
        e = oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps)
        limit = oracle.bound(e, dtype, "G3" if dtype in ("float16", "bfloat16") else "G2")
        for order in test_bounds.ORDERS:
            for normalise in (True, False):
                with np.errstate(all="ignore"):
                    answer = computed(x, y, rule, eps, kind, order, normalise)
                good = oracle.within(answer, e, limit) | e.undefined | ~np.isfinite(answer.astype(float))
                assert good.all(), (d, order, normalise, oracle.excess(answer, e, dtype, "G2").max())
        if region == "ordinary" and d > 1:
            assert not oracle.within(-answer, e, limit).all()


def test_bad_input():
    a = np.ones((2, 3))
    for call, message in (
        (lambda: oracle.cosine_gradient(a, a, wrt="z"), "wrt='z'.*x, y"),
        (lambda: oracle.cosine_gradient(a, a, weights=np.ones(3)), r"\(3,\).*\(2,\)"),
        (lambda: oracle.cosine_gradient(a, a, reduction="max"), "reduction='max'"),
        (lambda: oracle.cosine_gradient(a, a, clamp="loose"), "clamp='loose'.*held, followed"),
        (lambda: oracle.cosine_embedding_gradient(a, a, [1, 1], wrt="x"), "wrt='x'.*x1, x2"),
        (lambda: oracle.contrastive_gradient(np.ones((3, 2)), np.ones(2)), r"widen distances"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert oracle.cosine_gradient(a, a, weights=[0.0, 0.0], reduction="mean_by_nonzero").undefined.all()
