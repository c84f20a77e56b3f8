"""The native bounds: never broken by an honest computation, and not so wide that they prove nothing."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from lossproof import oracle

from . import native, reference, samples

TYPES = samples.DTYPES
U = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
WIDEST = {"float16": "G3", "bfloat16": "G3", "float32": "G2", "float64": "G2"}
ORDERS = (*native.ORDERS, "fused")


LEAD = {"float16": 4, "bfloat16": 3, "float32": 10, "float64": 20}


def biased(dtype, n, d):
    """A leading term a little above 1 and then terms a little below half an ulp of the sum, so that all are lost.

    With opposite signs in x and y the dot product comes out too large and both norms too small.
    """
    g = np.random.default_rng(d)
    lead = np.full((n, 1), 1 + 2.0 ** -LEAD[dtype])
    small = np.sqrt(g.choice([1.02, 0.98, 0.98], (n, 1)) * U[dtype] * g.uniform(0.98, 1.0, (n, d)))
    x = np.concatenate([lead, small], axis=1)
    y = np.concatenate([lead, small * g.choice([-1.0, 1.0], (n, 1))], axis=1)
    return x.astype(TYPES[dtype]), y.astype(TYPES[dtype])


def rows(region, dtype, d):
    if region == "biased":
        return biased(dtype, 16, d)
    return samples.rows(region, dtype, 16, d, seed=7)


def scored(c, name, dtype):
    if name == "similarity":
        return c
    return -c if name == "negated" else (dtype(1) - c).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "region", ["biased", "ordinary", "nearly_orthogonal", "nearly_parallel", "tiny", "mixed_scale"]
)
@pytest.mark.parametrize("rule", oracle.NORM_RULES)
def test_no_order_of_summation_breaks_the_bound(dtype, region, rule):
    kind = TYPES[dtype]
    asked = 0
    for d in (1, 7, 24):
        x, y = rows(region, dtype, d)
        eps = 0.0 if rule in samples.WITHOUT_EPS else float(kind(0.37))
        for score in ("similarity", "distance") if d == 7 else ("similarity",):
            e = oracle.cosine(x, y, norm_rule=rule, eps=eps, score=score)
            limit = oracle.bound(e, dtype, WIDEST[dtype])
            for order in ORDERS:
                ways = [native.cosine]
                if rule in native.NORMALISED:
                    ways.append(native.normalised)
                for way in ways:
                    with np.errstate(all="ignore"):
                        c, fine = way(x, y, rule, eps, order, kind)
                        answer = scored(c, score, kind)
                    good = oracle.within(answer, e, limit) | ~fine | e.undefined
                    assert good.all(), (
                        d,
                        score,
                        order,
                        way.__name__,
                        oracle.excess(answer, e, dtype, WIDEST[dtype]),
                    )
                    asked += int(fine.sum())
    assert asked or dtype == "float16", "no row was judged"


@pytest.mark.parametrize("dtype", TYPES)
def test_the_bound_is_within_reach(dtype):
    """Roundings that all go one way use up a good part of it: it is no mere formality."""
    kind, worst = TYPES[dtype], 0.0
    x, y = biased(dtype, 64, 60 if dtype in ("float32", "float64") else 16)
    e = oracle.cosine(x, y)
    for order in ORDERS:
        c, _ = native.cosine(x, y, "plain", 0.0, order, kind)
        worst = max(worst, float(oracle.excess(c, e, dtype, WIDEST[dtype]).max()))
    assert worst > (0.5 if dtype in ("float32", "float64") else 0.35)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_in_float32_reach_the_mixed_bound(dtype):
    x, y = rows("ordinary", dtype, 200)
    e = oracle.cosine(x, y, norm_rule="floor_norm", eps=1e-6)
    c, _ = native.cosine(
        x.astype(np.float32), y.astype(np.float32), "floor_norm", 1e-6, "forward", np.float32
    )
    answer = c.astype(TYPES[dtype])
    assert oracle.within(answer, e, oracle.bound(e, dtype, "G2")).all()
    assert set(oracle.grade(answer, e, dtype)) <= {"G0", "G1", "G2"}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("margin", [0.0, 0.3, -0.2])
def test_cosine_embedding(dtype, margin):
    kind = TYPES[dtype]
    x, y = rows("ordinary", dtype, 9)
    target = np.where(np.arange(16) % 2, 1, -1)
    e = oracle.cosine_embedding(x, y, target, margin=margin)
    for order in ORDERS:
        c, _ = native.cosine(x, y, "plain", 0.0, order, kind)
        hinge = np.maximum((c - kind(margin)).astype(kind), kind(0))
        answer = np.where(target == 1, (kind(1) - c).astype(kind), hinge).astype(kind)
        assert oracle.within(answer, e, oracle.bound(e, dtype, WIDEST[dtype])).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_contrastive(dtype, squared, half):
    kind, g = TYPES[dtype], np.random.default_rng(11)
    d = g.uniform(0, 2, 400).astype(kind)
    d[:20] = (1.1 + g.standard_normal(20) * U[dtype] * 4).astype(kind)  # at the margin
    labels = g.integers(0, 2, 400)
    e = oracle.contrastive(labels, d, margin=1.1, squared=squared, half=half)
    y = labels.astype(kind)
    t = np.maximum((kind(1.1) - d).astype(kind), kind(0))
    s = (d * d).astype(kind) if squared else d
    t = (t * t).astype(kind) if squared else t
    answer = ((y * s).astype(kind) + ((kind(1) - y) * t).astype(kind)).astype(kind)
    answer = (answer * kind(0.5)).astype(kind) if half else answer
    assert oracle.within(answer, e, oracle.bound(e, dtype, "G2")).all()
    assert (oracle.bound(e, dtype, "G2") < 12 * U[dtype]).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("reduction", oracle.REDUCTIONS)
@pytest.mark.parametrize("order", ORDERS)
def test_reductions(dtype, reduction, order):
    if order == "fused":
        order = "forward"
    kind, g = TYPES[dtype], np.random.default_rng(13)
    x, y = rows("ordinary", dtype, 6)
    quarters = g.integers(0, 9, 16) / 4  # whose sum is exact in every order
    for weights in (None, g.uniform(0, 2, 16), np.where(np.arange(16) < 5, 0.0, 1.1), quarters):
        e = oracle.cosine(x, y)
        r = oracle.reduce(e, reduction, None if weights is None else weights)
        w = np.ones(16, kind) if weights is None else weights.astype(kind)
        c, _ = native.cosine(x, y, "plain", 0.0, order, kind)
        terms = (c * w).astype(kind)
        if reduction == "none":
            answer = terms
        else:
            total = native.ORDERS[order](terms[None], kind)[0]
            ones = native.ORDERS[order](w[None], kind)[0]
            divisor = {
                "sum": kind(1),
                "mean": kind(16),
                "mean_by_weight": ones,
                "mean_by_nonzero": kind(np.count_nonzero(w)),
            }
            answer = kind(total / divisor[reduction])
        assert np.all(oracle.within(answer, r, oracle.bound(r, dtype, WIDEST[dtype])))


@pytest.mark.parametrize(
    ("weights", "exact"),
    [([1.0] * 50, True), ([0.25, 2.0, 0.0, 61.75], True), ([0.25, 64.0] * 10, False)],
)
def test_a_divisor_summed_exactly_costs_nothing(weights, exact):
    """bfloat16 holds every integer up to 256: a sum of quarters is exact in any order up to 64, of ones up to 256."""
    x, y = rows("ordinary", "bfloat16", 3)
    n = len(weights)
    e = oracle.cosine(np.resize(x, (n, 3)), np.resize(y, (n, 3)))
    by_weight, total = (
        oracle.bound(oracle.reduce(e, how, weights), "bfloat16", "G3").item()
        for how in ("mean_by_weight", "sum")
    )
    assert (by_weight <= total / sum(weights) + 2.0**-8) == exact  # but for the last half ulp


def test_the_bound_follows_the_formula_of_the_design():
    """E = u (d + 8)(kappa + |c|) + 1/2 ulp to first order, G1 with 2 sqrt(d) + 8, G0 half an ulp."""
    x, y = rows("ordinary", "float32", 24)
    e, u = oracle.cosine(x, y), U["float32"]
    c = np.array([float(reference.cosine(a, b)) for a, b in zip(x, y, strict=True)])
    kappa = np.array([float(reference.cosine(np.abs(a), np.abs(b))) for a, b in zip(x, y, strict=True)])
    half = np.array([float(reference.ulp(v, "float32")) for v in c]) / 2
    assert np.allclose(oracle.bound(e, "float32", "G0"), half, rtol=0, atol=0)
    assert np.allclose(
        oracle.bound(e, "float32", "G1"), u * (2 * 24**0.5 + 8) * (kappa + abs(c)) + half, rtol=1e-9
    )
    assert np.allclose(oracle.bound(e, "float32", "G2"), u * 32 * (kappa + abs(c)) + half, rtol=1e-5)
    distance = oracle.bound(oracle.cosine(x, y, score="distance"), "float32", "G2")
    assert np.allclose(distance, u * 32 * (kappa + abs(c)) + u, rtol=0.1)


def test_where_nothing_is_proven_the_bound_is_infinite():
    x, y = rows("ordinary", "bfloat16", 200)  # (200 + 8) 2^-8 is near 1
    e = oracle.cosine(x, y)
    assert np.isinf(oracle.bound(e, "bfloat16", "G3")).all()
    assert (oracle.bound(e, "bfloat16", "G2") < 0.1).all()
    assert np.isfinite(oracle.bound(e, "float16", "G3")).all()


def test_a_product_that_underflows_is_excused_and_a_sum_of_squares_is_not():
    small = np.full((1, 2), 2e-19, np.float32)
    e = oracle.cosine(small, small)
    assert oracle.bound(e, "float32", "G2")[0] > 0.1  # eta / D is about 0.15 for each of the two products
    tiny, huge = np.full((1, 2), 1e-25, np.float32), np.full((1, 2), 1e15, np.float32)
    e = oracle.cosine(tiny, huge)
    assert (
        oracle.bound(e, "float32", "G2")[0] < 1e-5
    )  # the products are far above eta; only the squares underflow


def test_alternatives_at_a_threshold():
    """A norm a rounding away from the threshold may be taken for either; nothing between is right."""
    x, y = np.float32([[0.6, 0.8]]), np.float32([[0.5, 0.0]])
    e = oracle.cosine(x, y, norm_rule="threshold", eps=1.0)
    assert e.alternatives("float32")  # 0.6 and 0.8 are no floats: the norm is 1 but for a rounding
    assert not oracle.cosine(2 * x, y, norm_rule="threshold", eps=1.0).alternatives("float32")
    y = np.float32([[0.5, 0.5]])
    e = oracle.cosine(y, np.float32([[1.0, 0.0]]), norm_rule="threshold", eps=2**-0.5)
    (other,) = e.alternatives("float32")
    sides = sorted([float(e.lower[0]), float(other.enclosure.lower[0])])
    assert abs(sides[0] - 0.5) < 1e-9
    assert abs(sides[1] - 0.5**0.5) < 1e-7
    limit = oracle.bound(e, "float32", "G2")
    for v, right in ((0.5, True), (0.5**0.5, True), (0.6, False), (0.51, False)):
        answer = np.float32([v])
        assert oracle.within(answer, e, limit)[0] == right
        assert (oracle.excess(answer, e, "float32", "G2")[0] <= 1) == right
        assert (oracle.grade(answer, e, "float32")[0] != "none") == right
    mean = oracle.reduce(e, "mean")
    assert oracle.within(np.float32(0.5), mean, 1e-6)
    assert oracle.within(np.float32(0.5**0.5), mean, 1e-6)
    assert not oracle.within(np.float32(0.6), mean, 1e-6)


def test_bfloat16_is_the_one_of_ml_dtypes():
    e = oracle.cosine([[1.0, 1.0]], [[1.0, 0.0]])
    assert e.rounded("bfloat16").dtype == ml_dtypes.bfloat16


def test_a_hinge_near_its_kink_keeps_the_bound_of_the_cosine():
    # Nearly orthogonal rows, label -1: whether c - margin is above 0 is lost in rounding, so 0 is an honest answer.
    g = np.random.default_rng(7)
    x = g.standard_normal((200, 8))
    y = g.standard_normal((200, 8))
    y -= x * (np.sum(x * y, -1, keepdims=True) / np.sum(x * x, -1, keepdims=True))
    e = oracle.cosine_embedding(x, y, -np.ones(200))
    assert oracle.within(np.zeros(200), e, oracle.bound(e, "float64", "G2")).all()


def test_the_bound_of_a_gradient_follows_the_scale_of_the_rows():
    """g(s a, t b) = g(a, b) / s, exactly for powers of two, also where |a| |b| leaves the range."""
    x, y = np.random.default_rng(5).standard_normal((2, 8, 5))
    near = oracle.bound(oracle.cosine_gradient(x, y), "float64", "G2", flush=False)
    for s, t in ((2.0**-160, 2.0**-310), (2.0**-700, 2.0**-600), (2.0**600, 2.0**180)):
        far = oracle.bound(oracle.cosine_gradient(s * x, t * y), "float64", "G2", flush=False)
        np.testing.assert_allclose(far * s, near, rtol=1e-9)


def test_a_mean_of_zeros_is_0_whatever_the_sum_of_its_weights_may_lose():
    """The weights cancel, so that their sum may be anything; of values that are 0 that does not matter."""
    weights = np.array([0.1 + 2.0**-56, -0.1])
    nothing, something = (
        oracle.reduce(oracle.contrastive([1, 1], np.full(2, v)), "mean_by_weight", weights)
        for v in (0.0, 1.0)
    )
    assert oracle.bound(nothing, "float64", "G2") == 0
    assert oracle.bound(something, "float64", "G2") == np.inf


def test_the_other_side_of_a_threshold_has_the_bound_of_a_row_that_lies_there():
    """The norm of x is the threshold but for 1e-8 of it, that of y is far above."""
    x, y = np.array([[1.0, 0.5]]), np.array([[3.0, 2.0]])
    norm = float(np.linalg.norm(x))
    above, below = (oracle.cosine_gradient(x, y, norm_rule="threshold", eps=norm * k) for k in (0.9, 1.1))
    for side, other in ((1 - 1e-8, below), (1 + 1e-8, above)):
        e = oracle.cosine_gradient(x, y, norm_rule="threshold", eps=norm * side)
        (found,) = e.alternatives("float32")
        limit = oracle.bound(found.enclosure, "float32", "G2")
        np.testing.assert_allclose(limit, oracle.bound(other, "float32", "G2"), rtol=1e-6)
    sizes = [oracle.bound(e, "float32", "G2") for e in (above, below)]
    assert (np.abs(sizes[0] - sizes[1]) > 0.3 * sizes[0]).all()


@pytest.mark.parametrize("ask", [oracle.cosine, oracle.cosine_gradient])
def test_the_bound_on_the_other_side_of_a_threshold_is_the_same_whatever_was_asked_before(ask):
    x, y = np.float32([[1e-3, 0]]), np.float32([[1, 1]])
    found = []
    for asked_before in (False, True):
        e = ask(x, y, norm_rule="threshold", eps=1e-3)
        limit = oracle.bound(e, "float32", "G2") if asked_before else None
        (other,) = e.alternatives("float32")
        found.append(oracle.bound(other.enclosure, "float32", "G2"))
    np.testing.assert_array_equal(*found)
    assert (limit > 100 * found[0]).all()


def test_a_pair_of_single_numbers_has_a_kink_too():
    e = oracle.cosine_gradient([[1.0]], [[2.0]], norm_rule="floor_norm", eps=1.0)
    assert [side.mask.tolist() for side in e.alternatives("float32")] == [[[True]]]
