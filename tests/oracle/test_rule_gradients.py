"""Gradients under norm rules that add eps beside a norm, treat one vector otherwise, or take a norm of 0 as 1."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lossproof import oracle

from . import native, reference, samples, test_bounds
from .test_values import check

F = reference.F


def of_a_denominator(rule, n, m, e, dtype):
    """D, k and dD/d|a| under a rule, every operation rounded to the dtype."""
    one = np.ones_like(n)

    def r(v):
        return v.astype(dtype)

    if rule == "add_norm":
        left, right = r(n + e), r(m + e)
        return r(left * right), r(one / r(n * left)), right
    if rule == "add_product":
        d = r(r(n * m) + e)
        return d, r(m / r(n * d)), m
    if rule in ("norm_of_x", "norm_of_y"):
        d = r(n * n) if rule == "norm_of_x" else r(m * m)
        return (
            d,
            r(2 * one / d) if rule == "norm_of_x" else 0 * one,
            2 * n if rule == "norm_of_x" else 0 * one,
        )
    above = n > e if rule == "floor_x_norm" else np.ones_like(n, dtype=bool)
    left = np.maximum(n, e) if rule == "floor_x_norm" else n
    right = np.maximum(m, e) if rule == "floor_y_norm" else m
    return r(left * right), r(above / r(n * n)), r(above * right)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("region", ["ordinary", "nearly_orthogonal", "nearly_parallel", "biased"])
@pytest.mark.parametrize(
    "rule",
    ["zero_as_one", "add_norm", "add_product", "floor_x_norm", "floor_y_norm", "norm_of_x", "norm_of_y"],
)
def test_honest_gradients_of_more_denominators_stay_within_the_bound(dtype, region, rule):
    """By the formula of k, and backwards through the quotient, D and the norm."""
    kind = samples.DTYPES[dtype]
    for d in (1, 6, 20):
        x, y = (
            test_bounds.biased(dtype, 12, d)
            if region == "biased"
            else samples.rows(region, dtype, 12, d, seed=3)
        )
        eps = 0.0 if rule in samples.WITHOUT_EPS else float(kind(1.7))
        e = oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps)
        limit = oracle.bound(e, dtype, "G3" if dtype in ("float16", "bfloat16") else "G2")
        for order in test_bounds.ORDERS:
            with np.errstate(all="ignore"):
                p, q, s = (native.dot(a, b, order, kind)[:, None] for a, b in ((x, y), (x, x), (y, y)))
                n, m = np.sqrt(q).astype(kind), np.sqrt(s).astype(kind)
                divisor, k, rise = of_a_denominator(rule, n, m, kind(eps), kind)
                c = (p / divisor).astype(kind)
                by_k = (x * (c * k).astype(kind)).astype(kind)
                of_norm = (rise * (c / divisor).astype(kind)).astype(kind)
                backwards = (of_norm * (x / n).astype(kind)).astype(kind)
                for pull in (by_k, backwards):
                    answer = ((y / divisor).astype(kind) - pull).astype(kind)
                    good = oracle.within(answer, e, limit) | e.undefined | ~np.isfinite(answer.astype(float))
                    assert good.all(), (d, order, oracle.excess(answer, e, dtype, "G2").max())
        if region == "ordinary" and d > 1:
            assert not oracle.within(-answer, e, limit).all()


def test_where_a_row_is_zero_the_quotient_has_a_derivative():
    """Though |a| has none, P is 0 with a; where the norm counts as 1, it is held there."""
    x, y = np.zeros((1, 2)), np.array([[3.0, 4.0]])
    for rule, eps, d in (
        ("add_norm", 0.5, F(11, 4)), ("add_product", 0.5, F(1, 2)), ("zero_as_one", 0.0, F(5)),
        ("floor_x_norm", 0.5, F(5, 2)), ("norm_of_y", 0.0, F(25)),
    ):  # fmt: skip
        e = oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps)
        check(e, [reference.number(v / d) for v in (F(3), F(4))])
        assert np.isfinite(oracle.bound(e, "float32", "G2")).all()
        other = oracle.cosine_gradient(x, y, wrt="y", norm_rule=rule, eps=eps)
        check(other, [mpmath.mpf(0)] * 2)
    for rule, eps in (("norm_of_x", 0.0), ("floor_y_norm", 0.5), ("add_norm", 0.0)):
        assert oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps).undefined.all()


def test_the_second_vector_of_a_loss_takes_the_rule_swapped():
    g = np.random.default_rng(4)
    x, y = g.standard_normal((2, 3, 4))
    labels, h = np.array([1, -1, 1]), 2.0**-20
    for rule, eps in (("norm_of_x", 0.0), ("norm_of_y", 0.0), ("floor_x_norm", 50.0), ("floor_y_norm", 50.0)):
        given = {"margin": -9.0, "norm_rule": rule, "eps": eps}
        for wrt, k in (("x1", 0), ("x2", 1)):
            e = oracle.cosine_embedding_gradient(x, y, labels, wrt=wrt, **given)
            for i in np.ndindex(3, 4):
                ends = []
                for sign in (1, -1):
                    arrays = [x.copy(), y.copy()]
                    arrays[k][i] += sign * h
                    ends.append(oracle.cosine_embedding(*arrays, labels, **given).lower.sum())
                assert abs((ends[0] - ends[1]) / (2 * h) - e.lower[i]) < 1e-7
