"""Verdicts: within, ulp_error, excess and grade, decided rigorously and alike."""

from __future__ import annotations

import time

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossproof import oracle

from . import reference, samples

TYPES = samples.DTYPES


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("region", ["ordinary", "parallel", "ties", "nearly_orthogonal", "one_hot"])
def test_within_is_exact_at_the_edge(dtype, region):
    """The largest tolerance that fails and the smallest that holds are neighbouring floats."""
    x, y = samples.rows(region, dtype, 8, 4, seed=2)
    e = oracle.cosine(x, y, norm_rule="floor_product", eps=1e-9)
    exact = [reference.cosine(a, b, "floor_product", 1e-9) for a, b in zip(x, y, strict=True)]
    for shift in (0, 1, -3):
        nearest = e.rounded(dtype).astype(np.float64)
        answer = (nearest * (1 + shift * 2.0**-7)).astype(TYPES[dtype])
        errors = [abs(mpmath.mpf(float(a)) - v) for a, v in zip(answer, exact, strict=True)]
        near = np.array([float(v) for v in errors])
        for step in (-2, -1, 0, 1, 2):
            limit = near.copy()
            for _ in range(abs(step)):
                limit = np.nextafter(limit, np.inf if step > 0 else 0)
            expected = [v <= mpmath.mpf(float(t)) for v, t in zip(errors, limit, strict=True)]
            assert oracle.within(answer, e, limit).tolist() == expected


def test_within_refuses_what_is_not_finite():
    e = oracle.cosine(np.eye(3), np.eye(3))
    assert oracle.within([np.nan, np.inf, -np.inf], e, np.inf).tolist() == [False] * 3
    assert oracle.within([1.0, 1.0, 5.0], e, [0.0, np.nan, np.inf]).tolist() == [True, False, True]


@settings(max_examples=60, deadline=None)
@given(
    row=st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=1, max_size=4),
    scale=st.integers(-30, 30),
    ulps=st.integers(-3, 3),
    dtype=st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
)
def test_errors_in_ulp(row, scale, ulps, dtype):
    x = np.array([[a for a, _ in row]], dtype=np.float64) * 2.0**scale
    y = np.array([[b for _, b in row]], dtype=np.float64)
    c = reference.cosine(x[0], y[0])
    e = oracle.cosine(x, y)
    if c is None:
        assert e.undefined[0]
        return
    spacing = float(reference.ulp(c, dtype))
    answer = (e.rounded(dtype).astype(np.float64) + ulps * spacing).astype(TYPES[dtype])
    error = abs(mpmath.mpf(float(answer[0])) - c)
    unit, near = oracle.error_unit(e, dtype)
    u = 2.0 ** -reference.PRECISION[dtype][0]
    assert near[0] == (abs(c) < 2.0 ** -((reference.PRECISION[dtype][0] + 1) // 2))
    assert unit[0] == (u if near[0] else spacing)
    told = oracle.ulp_error(answer, e)[0]
    assert abs(told - float(error / mpmath.mpf(float(unit[0])))) <= 1e-3 * told
    excess = oracle.excess(answer, e, dtype, "G0")[0]
    assert (excess <= 1) == (error <= reference.ulp(c, dtype) / 2)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("region", ["ordinary", "nearly_orthogonal", "parallel"])
def test_errors_are_known_to_a_thousandth(dtype, region):
    """From far beyond the value to a hair beside it; the bound of the first stage is never below them."""
    x, y = samples.rows(region, dtype, 8, 5, seed=6)
    e = oracle.cosine(x, y, norm_rule="floor_norm", eps=0.25)
    exact = [reference.cosine(a, b, "floor_norm", 0.25) for a, b in zip(x, y, strict=True)]
    near = e.rounded("float64")
    limit = oracle.bound(e, dtype, "G2").ravel()
    for away in (0.0, 1e-15, -1e-9, 0.3, -7.0, 1e30):
        answer = near + away
        errors = np.array([float(abs(mpmath.mpf(a) - v)) for a, v in zip(answer, exact, strict=True)])
        told = oracle.error_bounds(answer, e)
        assert (np.abs(told - errors) <= errors * 2.0**-10).all()
        assert (told >= errors * (1 - 1e-15)).all()
        assert (oracle.error_limit(answer, e) >= errors).all()
        assert (oracle.error_limit(answer, e) <= errors + 1e-13 * (1 + abs(away))).all()
        ratio = errors / limit
        excess = oracle.excess(answer, e, dtype, "G2")
        assert (np.abs(excess - ratio) <= ratio * 2.0**-9).all()
        assert ((excess <= 1) == oracle.within(answer, e, limit)).all()
    odd = np.array([np.inf, -np.inf, np.nan] + [0.0] * 5)
    assert np.isinf(oracle.error_bounds(odd, e)[:3]).all()
    assert np.isinf(oracle.excess(odd, e, dtype, "G2")[:3]).all()
    assert np.isfinite(oracle.error_bounds(odd, e)[3:]).all()


def test_a_value_that_is_undefined_or_documented_to_be_nan():
    """Undefined: no answer is right, and no error is known. NaN by documentation: NaN alone is right."""
    x, y = np.array([[0.0, 0.0], [3.0, 4.0], [np.inf, 1.0]]), np.array([[1.0, 2.0], [1.0, 0.0], [1.0, 1.0]])
    answer = np.array([np.nan, 0.5, np.nan])
    for zero, first in ((None, False), (np.nan, True), (0.0, False)):
        e = oracle.cosine(x, y, zero=zero)
        assert e.nan.tolist() == [first, False, False]
        assert e.undefined.tolist() == [zero is None, False, True]
        for dtype in oracle.FLOAT_DTYPES:
            rounded = e.rounded(dtype).astype(np.float64)
            assert np.isnan(rounded).tolist() == [zero is None or first, False, True]
            assert not e.undecided(dtype).any()
            assert np.isnan(oracle.bound(e, dtype, "G2")).tolist() == [zero is None or first, False, True]
        assert (
            np.isnan(e.lower).tolist() == np.isnan(e.upper).tolist() == [zero is None or first, False, True]
        )
        assert oracle.within(answer, e, 0.2).tolist() == [first, True, False]
        assert oracle.within(answer, e, np.inf).tolist() == [first, True, False]
        assert (oracle.grade(answer, e, "float32") == "G0").tolist() == [first, False, False]
        errors, excess = oracle.error_bounds(answer, e), oracle.excess(answer, e, "float32", "G2")
        for told in (errors, excess):
            assert np.isnan(told).tolist() == [zero is None, False, True]
            assert told[0] == (0 if first else np.inf) or zero is None
        assert abs(errors[1] - 0.1) < 1e-4


@pytest.mark.parametrize("dtype", TYPES)
def test_grades_are_what_the_bounds_say(dtype):
    x, y = samples.rows("ordinary", dtype, 16, 12, seed=4)
    e = oracle.cosine(x, y)
    names = ["G0", "G1", "G2", "G3"] if dtype in ("float16", "bfloat16") else ["G0", "G1", "G2"]
    nearest = e.rounded(dtype)
    assert (oracle.grade(nearest, e, dtype) == "G0").all()
    for factor in (0.9, 1.1):
        for name in names[1:]:
            answer = nearest.astype(np.float64) + factor * oracle.bound(e, dtype, name)
            told = oracle.grade(answer, e, dtype)
            for n in names:
                fits = oracle.within(answer, e, oracle.bound(e, dtype, n))
                better = np.isin(told, names[: names.index(n) + 1])
                assert (fits <= better).all()
                assert ((oracle.excess(answer, e, dtype, n) <= 1) == fits).all()
    assert (oracle.grade(nearest.astype(np.float64) + 3, e, dtype) == "none").all()


@pytest.mark.filterwarnings("error")
def test_an_answer_far_beyond_all_bounds_is_measured_without_a_warning():
    """The largest float64 for a right angle: that many ulp is beyond float64, and no one is warned of it."""
    e = oracle.cosine(np.array([[1.0, 0.0]]), np.array([[2.0**-1000, 1.0]]))
    for answer in (np.finfo(np.float64).max, np.inf, np.nan):
        errors = oracle.ulp_error(np.array([answer]), e)
        assert not np.isfinite(errors).any()
        assert oracle.excess(np.array([answer]), e, "float64", "G2") > 1
        assert oracle.grade(np.array([answer]), e, "float64").tolist() == ["none"]


def test_an_infinity_is_right_where_the_value_rounds_to_it():
    x = np.full((2, 4), 200, np.float16)
    e = oracle.cosine(x, x, norm_rule="raw")
    assert np.isinf(e.rounded("float16")).all()
    assert oracle.grade([np.inf, -np.inf], e, "float16").tolist() == ["G0", "none"]
    assert oracle.ulp_error(np.float16([np.inf, -np.inf]), e).tolist() == [0, np.inf]
    assert not oracle.within(np.float16([np.inf, np.inf]), e, 1.0).any()


def test_a_gradient_at_a_kink_may_leave_the_range_in_one_element():
    """The hinge is just open, or just closed; in float16 one of two elements is too large. Both sides are right."""
    x1 = np.ldexp([[23.0, 1.0]], -24).astype(np.float16)
    for x2 in ([[1.0, -23.0]], [[1.0, -22.984375]]):  # c is the margin 0, and a little more
        x2 = np.float16(x2)
        e = oracle.cosine_embedding_gradient(x1, x2, [-1.0])
        near, far = oracle.cosine_gradient(x1, x2).rounded("float16")[0]
        assert np.isfinite(near)
        assert np.isneginf(far)
        limit = oracle.bound(e, "float16", "G3", flush=False)
        for answer in ([near, far], [0, 0], [near / 2, far]):
            assert oracle.within(np.float16([answer]), e, limit).all()
        for answer in ([near, np.inf], [far, far], [0, far], [near, np.nan]):
            assert not oracle.within(np.float16([answer]), e, limit).all()
        assert not oracle.within(np.float16([[near, far]]), e, np.inf)[0, 1]


def test_correct_rounding_is_g0_among_subnormals_and_at_powers_of_two():
    tiny = np.array([[2.0**-1074, 0.0]])
    e = oracle.cosine(tiny, np.array([[1.5, 1.0]]), norm_rule="raw")
    assert oracle.grade(e.rounded("float64"), e, "float64")[0] == "G0"
    e = oracle.cosine(np.array([[1.0, 2.0**-13]]), np.array([[1.0, 0.0]]))  # a little below 1
    for dtype in TYPES:
        assert oracle.grade(e.rounded(dtype), e, dtype)[0] == "G0"


@pytest.mark.parametrize("length", [64, 4096])
def test_a_judged_batch_is_cheap(length):
    """64 rows of float32 are decided in the first stage; the best of a few runs, so that a busy machine is no
    failure.
    """
    g = np.random.default_rng(1)
    x, y = g.standard_normal((2, 64, length)).astype(np.float32)
    e = oracle.cosine(x, y)
    answer, limit = e.rounded("float32"), oracle.bound(e, "float32", "G2")
    best = np.inf
    for _ in range(5):
        start = time.thread_time()
        assert oracle.within(answer, e, limit).all()
        best = min(best, time.thread_time() - start)
    assert best < 2e-3


def test_an_excess_over_no_bound_at_all():
    """Half an ulp of zero is no float64: zero alone is right, and everything else is beyond any multiple of it."""
    x, y = np.tile([1.0, 0.0], (4, 1)), np.tile([0.0, 1.0], (4, 1))
    e = oracle.cosine(x, y, norm_rule="raw")
    assert (oracle.bound(e, "float64", "G0") == 0).all()
    answer = np.array([0.0, 1.0, -1.0, 5e-324])
    assert oracle.excess(answer, e, "float64", "G0").tolist() == [0.0, np.inf, np.inf, np.inf]
    assert oracle.within(answer, e, 0.0).tolist() == [True, False, False, False]
    ratio = oracle.excess(answer, e, "float32", "G2")
    assert ratio[0] == 0
    assert (ratio[1:3] > 1e40).all()


def test_a_question_leaves_no_trace():
    """Bounds and verdicts do not depend on what was asked before."""
    x, y = samples.rows("nearly_orthogonal", "float64", 32, 8)
    fresh, used = oracle.cosine(x, y), oracle.cosine(x, y)
    used.rounded("float64"), used.lower, oracle.grade(used.rounded("float32"), used, "float32")
    for name in ("G0", "G1", "G2"):
        assert oracle.bound(fresh, "float64", name).tobytes() == oracle.bound(used, "float64", name).tobytes()
    assert fresh.lower.tobytes() == used.lower.tobytes()


def test_a_gradient_at_a_kink_is_one_point_of_the_segment_for_all_its_elements():
    """From 0 to (0, 1, 1, 1, 1): elements that are right one by one are no gradient together."""
    x, y = np.array([[0.5, 0.0, 0.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 1.0, 1.0, 1.0]])
    e = oracle.cosine_embedding_gradient(x, y, [-1], margin=0.0)
    limit = oracle.bound(e, "float32", "G2")
    for t in (0.0, 0.2, 0.8, 1.0):
        answer = np.float32([[0.0, t, t, t, t]])
        assert oracle.within(answer, e, limit).all()
        assert oracle.excess(answer, e, "float32", "G2").max() <= 1
    for answer in ([0.2, 0.8, 0.2, 0.8], [0.8, 0.2, 0.2, 0.2], [-9.0, 0.5, 0.5, 0.5], [9.0, 9.0, 9.0, 9.0]):
        far = np.float32([[0.0, *answer]])
        assert not oracle.within(far, e, limit)[0, 1:].any()
        assert oracle.excess(far, e, "float32", "G2")[0, 1:].min() > 1
    assert oracle.excess(far, e, "float32", "G2")[0, 1:].min() > 1e6


def test_an_infinity_of_which_nothing_is_proven_condemns_no_other_element():
    """1/D is infinite: nothing is known of c nor of its gradient, (0, inf) when rounded; the hinge may be off too."""
    x, y = np.array([[-2e-322, 0.0]]), np.array([[-0.5, 1.3]])
    e = oracle.cosine_embedding_gradient(x, y, [-1], margin=0.0)
    limit = oracle.bound(e, "float64", "G2")
    assert np.isinf(limit).all()
    assert e.rounded("float64").tolist() == [[0.0, np.inf]]
    for answer, right in (
        ([0.0, np.inf], [True, False]),  # as anywhere: an infinity is within no tolerance
        ([0.0, 0.0], [True, True]),
        ([0.0, 1e308], [True, True]),
        ([0.0, np.nan], [False, False]),
    ):
        assert oracle.within(np.array([answer]), e, limit).tolist() == [right]
    assert oracle.grade(np.array([[0.0, np.inf]]), e, "float64").tolist() == [["G0", "G0"]]
