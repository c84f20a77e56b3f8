"""Weighted sums and means against exact fractions and mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lossproof import oracle

from . import reference, samples
from .test_values import check

WEIGHTS = {
    "none": None,
    "scalar": 0.3,
    "per element": np.array([[0.5, 0.0, 2.0], [1.0, -1.5, 0.1]], dtype=np.float32),
    "per sample": np.array([[0.25], [3.0]]),
    "broadcast": np.array([1, 0, 2]),
    "all zero": np.zeros((2, 3)),
    "wider": np.array([[[1.0]], [[0.5]]]),
    "cancelling": np.array([[1.0, -1.0, 0.0], [0.0, 2.0, -2.0]]),
    "a sum beyond float64": np.array([-1e308, -1.5e308, 3.0]),
}


def reduced(values, weights, reduction):
    w = np.asarray(1.0 if weights is None else weights, dtype=np.float64)
    shape = np.broadcast_shapes(values.shape, w.shape)
    w, values = np.broadcast_to(w, shape).ravel(), np.broadcast_to(values, shape).ravel()
    terms = [mpmath.mpf(float(a)) * b for a, b in zip(w, values, strict=True)]
    if reduction == "none":
        return terms
    total = mpmath.fsum(terms)
    divisor = {
        "sum": reference.F(1),
        "mean": reference.F(len(terms)),
        "mean_by_weight": sum((reference.F(float(a)) for a in w), reference.F(0)),
        "mean_by_nonzero": reference.F(int(np.count_nonzero(w))),
    }[reduction]
    if divisor == 0:
        return None
    return [total / reference.number(divisor)]


@pytest.mark.parametrize("reduction", oracle.REDUCTIONS)
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("region", ["ordinary", "parallel", "one_hot"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_reductions(reduction, weights, region, dtype):
    x, y = (v.reshape(2, 3, 4) for v in samples.rows(region, dtype, 6, 4, seed=5))
    e = oracle.cosine(x, y, score="distance", norm_rule="floor_product", eps=1e-6)
    values = np.empty((2, 3), dtype=object)
    for i in np.ndindex(2, 3):
        values[i] = 1 - reference.cosine(x[i], y[i], "floor_product", 1e-6)
    r = oracle.reduce(e, reduction, WEIGHTS[weights])
    expected = reduced(values, WEIGHTS[weights], reduction)
    if expected is None:
        assert r.undefined
        return
    if reduction == "none":
        assert r.shape == np.broadcast_shapes(
            (2, 3), np.shape(0.0 if WEIGHTS[weights] is None else WEIGHTS[weights])
        )
    else:
        assert r.shape == ()
    check(r, expected)


def test_sums_that_cancel_exactly_are_zero():
    """c and -c of rows whose cosine is irrational: the roots must be merged to see it."""
    x = np.array([[1.0, 2.0], [-1.0, -2.0], [2.0, 4.0], [-3.0, -6.0]])
    y = np.array([[1.0, 1.0]] * 4)
    r = oracle.reduce(oracle.cosine(x, y), "sum")
    assert r.lower == r.upper == 0
    assert r.rounded("float64") == 0
    assert not r.undecided("float64")
    assert oracle.within(np.float64(0.0), r, 0.0)


def test_what_zero_over_zero_gives():
    e = oracle.cosine(np.eye(2), np.ones((2, 2)))
    zeros = np.zeros(2)
    for reduction in ("mean_by_weight", "mean_by_nonzero"):
        assert oracle.reduce(e, reduction, zeros).undefined
        assert oracle.reduce(e, reduction, zeros, empty=0.0).upper == 0
        assert oracle.reduce(e, reduction, zeros, empty=float("nan")).nan
    assert oracle.reduce(e, "mean", zeros).upper == 0
    none = oracle.cosine(np.ones((0, 2)), np.ones((0, 2)))
    assert oracle.reduce(none, "sum").upper == 0
    assert oracle.reduce(none, "mean").undefined
    assert oracle.reduce(none, "mean", empty=0.0).lower == 0
    # not 0/0: a number over zero has no value, whatever stands in for 0/0
    odd = oracle.cosine([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]])
    assert oracle.reduce(odd, "mean_by_weight", [1.0, -1.0], empty=0.0).undefined


def test_an_undefined_element_makes_the_sum_undefined():
    e = oracle.cosine(np.array([[0.0, 0.0], [1.0, 0.0]]), np.ones((2, 2)))
    for reduction in oracle.REDUCTIONS[1:]:
        assert oracle.reduce(e, reduction).undefined
        assert oracle.reduce(e, reduction, [0.0, 1.0]).undefined
    assert oracle.reduce(e, "none", [0.0, 1.0]).undefined.tolist() == [True, False]
    assert oracle.reduce(oracle.cosine(np.eye(2), np.eye(2)), "sum", [np.inf, 1.0]).undefined


def test_reductions_chain():
    e = oracle.cosine(np.eye(3), np.ones((3, 3)))
    twice = oracle.reduce(oracle.reduce(e, "none", [1.0, 2.0, 3.0]), "sum")
    once = oracle.reduce(e, "sum", [1.0, 2.0, 3.0])
    assert twice.rounded("float64") == once.rounded("float64")


def test_at_most_64_values_of_a_sum_are_told_apart():
    """Each row at a threshold may lie on either side: 64 sums of six such rows, and of three with both norms there."""
    at, away = np.array([0.6, 0.8]), np.array([0.5, 3.0])  # no floats: the norm is 1 but for a rounding
    for rows, both in ((6, False), (3, True)):
        for count, fits in ((rows, True), (rows + 1, False)):
            x, y = np.tile(at, (count, 1)), np.tile(at if both else away, (count, 1))
            mean = oracle.reduce(oracle.cosine(x, y, norm_rule="threshold", eps=1.0), "mean")
            if fits:
                assert len(mean.alternatives("float64")) == 63
                continue
            with pytest.raises(
                oracle.UnsupportedInput, match=f"{(4 if both else 2) ** count} values are right here"
            ):
                mean.alternatives("float64")


@pytest.mark.parametrize("reduction", ["sum", "mean_by_weight"])
def test_each_choice_of_sides_gives_its_own_sum(reduction):
    """Rows at a threshold, with weights: every mixture of the two sides is right, and no other sum."""
    x = np.array([[0.3, 0.4], [3.0, 4.0], [0.4, 0.3]])
    y = np.array([[0.5, 3.0], [1.0, 1.0], [-2.0, 5.0]])
    weights = [2.0, 0.5, 1.0]
    e = oracle.cosine(x, y, norm_rule="threshold", eps=0.5)
    total = oracle.reduce(e, reduction, weights)
    others = total.alternatives("float32")
    assert len(others) == 3
    plain = [float(reference.cosine(a, b)) for a, b in zip(x, y, strict=True)]
    norms = np.linalg.norm(x, axis=1)
    ones = [c * norm for c, norm in zip(plain, norms, strict=True)]
    wanted = set()
    for first in (plain[0], ones[0]):
        for last in (plain[2], ones[2]):
            value = 2 * first + 0.5 * plain[1] + last
            wanted.add(round(value / (3.5 if reduction == "mean_by_weight" else 1), 12))
    told = {round(float(v.lower), 12) for v in (total, *(o.enclosure for o in others))}
    assert told == wanted
    for other in others:
        assert other.mask
        theirs = oracle.bound(other.enclosure, "float32", "G2")
        assert theirs > oracle.bound(total, "float32", "G2") / 4
        assert oracle.within(np.float32(other.enclosure.lower), total, theirs)
