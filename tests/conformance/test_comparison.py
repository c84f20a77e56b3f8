"""Comparing an answer: what is wrong, by how much, which grade it reaches, and which other rule explains it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.judging.comparison import (
    Judged,
    accepted,
    explains,
    grade,
    judge_answer,
    measured,
    near,
    reach,
    ulps,
)
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.model.dtypes import FORMATS, numpy_dtype
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.workers.protocol import Answer, Array, ErrorInfo

from .test_expectation import COSINE, EMBEDDING, OPTIONS, documented

SUBJECT = documented(arrays=COSINE, options=OPTIONS[:1])
X = np.array([[3, 4], [5, 12], [8, 15]], np.float32)
Y = np.array([[4, 3], [3, 4], [3, 4]], np.float32)
C = np.array([24 / 25, 63 / 65, 84 / 85])


def valued(values: Any, dtype: Any = "float32") -> Answer:
    return Answer("value", Array.of(np.asarray(values, dtype)))


def judged(answer: Answer, x: Any = X, y: Any = Y, subject: Subject = SUBJECT, **more: Any) -> Judged:
    return judge_answer(subject, {"x": np.asarray(x), "y": np.asarray(y)}, {}, answer, **more)


def wanted(x: Any, y: Any, subject: Subject = SUBJECT, wrt: str = "", dtype: Any = np.float32) -> Expected:
    return expect(subject, {"x": np.asarray(x, dtype), "y": np.asarray(y, dtype)}, {}, wrt=wrt)


# --- what differs ---


def test_shape_size_and_dtype_are_told_apart() -> None:
    def differs(answer: Answer, **more: Any) -> tuple[bool, bool, bool]:
        found = judged(answer, **more)
        return found.shape_differs, found.size_differs, found.dtype_differs

    assert differs(valued(C)) == (False, False, False)
    assert differs(valued(C[:, None])) == (True, False, False)
    assert differs(valued(C[:2])) == (True, True, False)
    assert differs(valued(C, "float64")) == (False, False, True)
    assert differs(valued([1, 1, 1], "int32")) == (False, False, True)
    assert (
        differs(valued(C, "float64"), subject=documented(arrays=COSINE, options=(), result_dtype=None))[2]
        is False
    )
    assert not judged(valued(C[:, None])).wrong.any()


@pytest.mark.parametrize("answer", [valued(C[:2]), valued([1, 1, 1], "int32"), valued([True] * 3, "bool")])
def test_what_cannot_be_compared_is_wrong_in_every_value(answer: Answer) -> None:
    found = judged(answer)
    assert found.wrong.tolist() == [True] * 3
    assert found.undefined.tolist() == [False] * 3
    assert np.isposinf(found.ratio).all()
    assert (found.flush, judged(answer, flush=False).flush) == (True, False)


def test_what_is_no_value_is_refused_or_broken_off() -> None:
    for answer, refused, broken_off in (
        (valued(C), False, False),
        (Answer("error", error=ErrorInfo("E", (), "")), True, False),
        (Answer("crash"), False, True),
        (Answer("hang"), False, True),
        (Answer("value", type="list"), False, True),
    ):
        found = judged(answer)
        assert (found.refused, found.broken_off) == (refused, broken_off)
        size = 3 if answer.value else 0
        assert (found.expected is None, found.wrong.size, found.ratio.size) == (size == 0, size, size)
        assert [found.shape_differs, found.size_differs, found.dtype_differs] == [False] * 3
    silent = judged(valued(C), subject=documented(arrays=COSINE, options=(), score=None))
    assert (silent.silent, silent.expected, silent.broken_off) == (
        "the documentation gives no sign",
        None,
        False,
    )
    assert judged(valued(C), wrt="x").wrt == "x"


# --- the bound ---


def test_a_value_is_right_exactly_where_its_distance_over_the_bound_is_at_most_1() -> None:
    """On a grid of float64 numbers around both ends of what is allowed."""
    expected = wanted(X[:1], Y[:1])
    (low,), (high,), (bound,) = (
        np.asarray(a) for a in (expected.value.lower, expected.value.upper, reach(expected))
    )
    for edge in (low - bound, high + bound):
        wrong, ratio = zip(
            *(measured(np.array([edge + k * 2.0**-53]), expected) for k in range(-8, 9)), strict=True
        )
        assert [bool(w[0]) for w in wrong] == [bool(r[0] > 1) for r in ratio]
        assert {bool(w[0]) for w in wrong} == {True, False}
        assert all(0.999 < float(r[0]) < 1.001 for r in ratio)


def test_the_distance_over_the_bound_grows_with_the_distance() -> None:
    expected = wanted([[1, 0]] * 4, [[0, 1]] * 4)  # the value is 0
    bound = reach(expected)
    wrong, ratio = measured(bound * [0, 0.5, -3, np.nan], expected)
    assert wrong.tolist() == [False, False, True, True]
    np.testing.assert_allclose(ratio[:3], [0, 0.5, 3], rtol=1e-12)
    assert not ratio[3] <= 1


@pytest.mark.parametrize(("answer", "little"), [(-0.9, True), (-0.7, False), (-0.5, False)])
def test_an_error_is_little_only_beside_the_value(answer: float, little: bool) -> None:
    """In float16 64 bounds exceed every cosine there is."""
    x, y = np.array([[1, 0]], np.float16), np.array([[-1, 0]], np.float16)
    found = judge_answer(SUBJECT, {"x": x, "y": y}, {}, valued(np.array([answer], np.float16)))
    assert found.wrong.all()
    assert (found.ratio < 64).all()
    assert near(found).tolist() == [little]


def test_what_is_not_documented_is_never_wrong() -> None:
    found = judged(valued([5, *C[1:]]), x=np.array([[0, 0], *X[1:].tolist()], np.float32))
    assert found.wrong.tolist() == [False] * 3
    assert found.undefined.tolist() == [True, False, False]
    assert found.ratio[0] == 1


@pytest.mark.parametrize(("share", "excused"), [(0.2, True), (0.3, False)])
def test_products_flushed_to_zero_excuse_a_quarter_of_a_value(share: float, excused: bool) -> None:
    """Of x y = 2^-126 / share, one underflow is that share of the value."""
    expected = wanted([[2.0**-62 / share]], [[2.0**-64]])
    assert reach(expected)[0] == pytest.approx(share, rel=1e-3)
    strict = reach(expected, flush=False)[0]
    assert (strict == reach(expected)[0]) == excused
    assert excused or strict < 1e-5
    off = np.array([1 - 0.9 * share])
    assert not measured(off, expected)[0].any()
    assert measured(off, expected, flush=False)[0].any() != excused
    answer = valued(off)
    arrays = {"x": np.array([[2.0**-62 / share]], np.float32), "y": np.array([[2.0**-64]], np.float32)}
    assert not judge_answer(SUBJECT, arrays, {}, answer).wrong.any()
    found = judge_answer(SUBJECT, arrays, {}, answer, flush=False)
    assert (found.flush, bool(found.wrong.any())) == (False, not excused)


def test_products_flushed_to_zero_excuse_a_quarter_of_the_largest_element_of_a_gradient() -> None:
    """Rows ever nearer to where their squares underflow: the share grows past a quarter."""
    scale = 2.0 ** -np.arange(56, 64)[:, None]
    expected = wanted([3, 4] * scale, [4, 3] * scale, wrt="x")
    largest = np.abs(np.asarray(expected.value.upper)).max(-1, keepdims=True)
    wide = np.asarray(oracle.bound(expected.value, "float32", "G2"))
    narrow = np.asarray(oracle.bound(expected.value, "float32", "G2", flush=False))
    beyond = wide > largest / 4
    assert set(beyond.ravel().tolist()) == {True, False}
    np.testing.assert_array_equal(reach(expected, flush=False), np.where(beyond, narrow, wide))
    np.testing.assert_array_equal(reach(expected), wide)


def test_a_gradient_of_0_is_measured_by_the_root_of_what_may_be_flushed() -> None:
    """Parallel rows: the exact gradient is 0, and a quarter of 2^-63 is allowed, else what rounding explains."""
    expected = wanted([[1.0, 0]], [[2.0**60, 0]], wrt="x")
    np.testing.assert_array_equal(np.asarray(expected.value.upper), 0)
    assert (reach(expected, flush=False) <= reach(expected)).all()


def test_a_bound_is_at_least_the_smallest_number() -> None:
    """Half an ulp of 0 in float64 is no float64."""
    expected = wanted([[2.0**-540, 0]], [[0, 2.0**-540]], dtype=np.float64)
    assert reach(expected, flush=False).tolist() == [2.0**-1074]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_an_infinity_is_right_where_the_value_with_its_bound_leaves_the_range(dtype: Any) -> None:
    """Products without a norm: two of 2^(emax / 2 + 1) leave it, and two of a quarter do not."""
    raw = documented(arrays=COSINE, options=(), norm_rule="raw")
    half = {np.float16: 8, ml_dtypes.bfloat16: 64, np.float32: 64}[dtype]
    x = np.array([[2.0**half], [2.0**half], [2.0 ** (half - 2)], [2.0**half]], dtype)
    y = np.array([[2.0**half], [-(2.0**half)], [2.0**half], [2.0**half]], dtype)
    found = judged(valued([np.inf, -np.inf, np.inf, -np.inf], dtype), x, y, raw)
    assert found.wrong.tolist() == [False, False, True, True]


def test_an_infinity_is_right_beyond_the_largest_number_and_not_at_it() -> None:
    """Raw products v, of which v + E is the largest float32, or the float64 before or behind it."""
    raw = documented(arrays=COSINE, options=(), norm_rule="raw")
    largest, step = FORMATS["float32"].largest, 2.0**75

    def reaching(v: float) -> tuple[float, bool]:
        expected = replace(wanted([[v]], [[1.0]], raw, dtype=np.float64), compute="float32")
        far = float((np.asarray(expected.value.upper) + reach(expected))[0])
        return far, bool(measured(np.array([np.inf]), expected)[0][0])

    v = largest
    for _ in range(3):
        v -= reaching(v)[0] - largest
    found = dict(reaching(v + k * step) for k in range(-6, 7))
    assert {far: found[far] for far in (largest - step, largest, largest + step)} == {
        largest - step: True, largest: True, largest + step: False,
    }  # fmt: skip


def test_a_gradient_that_overflows_beside_a_kink_is_right_in_every_element() -> None:
    """D is so small that the bound is endless: (0, inf) is the gradient itself, and (0, 0) that of the other side."""
    margin = {"name": "margin", "role": "margin", "default": 0.0}
    subject = documented("cosine_embedding", EMBEDDING, (margin,))
    arrays = {"x": np.array([[-2e-322, 0.0]]), "y": np.array([[-0.5, 1.3]]), "labels": np.array([-1.0])}
    expected = expect(subject, arrays, {}, wrt="x")
    for answer in ([0.0, np.inf], [0.0, 0.0]):
        assert not measured(np.array([answer]), expected)[0].any()


# --- grades ---


def test_the_last_grade_that_is_accepted() -> None:
    assert [accepted(name) for name in ("float16", "bfloat16", "float32", "float64")] == [
        "G3",
        "G3",
        "G2",
        "G2",
    ]


@pytest.mark.parametrize(
    ("dtype", "grades"), [("float32", ("G0", "G1", "G2")), ("float16", ("G0", "G1", "G3"))]
)
def test_each_value_is_given_the_best_grade_whose_bound_it_keeps(dtype: str, grades: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1, 96)).astype(dtype)
    expected = wanted(x, y, dtype=dtype)
    exact = np.asarray(expected.value.lower)
    bounds = {g: np.asarray(oracle.bound(expected.value, dtype, g)) for g in grades}
    answers = {g: judged(valued(exact + 0.99 * b, "float64"), x, y) for g, b in bounds.items()}
    for name, found in answers.items():
        assert grade([found]) == name
    assert grade(list(answers.values())) == grades[-1]
    assert grade([answers["G0"], answers["G1"], answers["G0"]]) == "G1"
    wrong = judged(valued(exact + 1.01 * bounds[grades[-1]], "float64"), x, y)
    assert grade([answers["G0"], wrong]) == "none"
    assert grade([]) == grade([judged(Answer("crash"))]) == ""
    assert grade([judged(valued([1, 2, 3]), x, y)]) == ""


def test_the_grade_of_undocumented_values_is_that_of_the_others() -> None:
    assert grade([judged(valued([5, *C[1:]]), x=np.array([[0, 0], *X[1:].tolist()], np.float32))]) == "G0"


def test_a_gradient_cast_to_fewer_bits_is_no_computation_in_them() -> None:
    """Computed in float32 and returned in float16, it has no grade G3, which is of sums in float16."""
    subject = documented(arrays=COSINE, options=(), compute_dtype="float32")
    x, y = X[:1].astype(np.float16), Y[:1].astype(np.float16)
    expected = wanted(x, y, subject, wrt="x", dtype=np.float16)
    assert (expected.compute, expected.cast) == ("float16", "float32")
    wide = np.asarray(oracle.bound(expected.value, "float32", "G2")) + oracle.bound(
        expected.value, "float16", "G0"
    )
    np.testing.assert_array_equal(reach(expected), wide)
    near = judged(valued(np.asarray(expected.value.lower) + 0.99 * wide, "float64"), x, y, subject, wrt="x")
    assert not near.wrong.any()
    assert grade([near]) in ("G1", "G2")


def test_errors_in_ulp() -> None:
    found = judged(valued(C.astype(np.float32) + np.float32(2.0**-24) * np.array([0, 8, -16], np.float32)))
    np.testing.assert_allclose(ulps(found), [0, 8, 16], atol=0.5)


# --- other rules ---


def explained(
    answer: Answer, parameters: dict[str, Any], x: Any = X, y: Any = Y, subject: Subject = SUBJECT
) -> Any:
    found = judged(answer, x, y, subject)
    return explains(subject, {"x": np.asarray(x), "y": np.asarray(y)}, {}, found, parameters).tolist()


def test_a_rule_explains_the_values_that_it_gives() -> None:
    mixed = valued([-C[0], C[1], 1 - C[2]])
    assert explained(mixed, {"score": "negated"}) == [True, False, False]
    assert explained(mixed, {"score": "distance"}) == [False, False, True]
    assert explained(mixed, {}) == [False, True, False]
    assert explained(mixed, {"score": None}) == [False] * 3  # a rule that gives no value
    assert explained(mixed, {"axis": 5}) == [False] * 3  # or takes no such arrays
    assert explained(valued([1, 1, 1], "int32"), {"norm_rule": "raw"}) == [False] * 3
    assert explained(Answer("crash"), {"score": "negated"}) == []


def test_a_rule_that_gives_another_number_of_values_explains_all_or_none() -> None:
    mean = float(np.mean(C))
    assert explained(valued(mean), {"reduction": "mean"}) == [True] * 3
    assert explained(valued(mean), {"reduction": "sum"}) == [False] * 3
    assert explained(valued([mean] * 2), {"reduction": "mean"}) == [False] * 3
    assert explained(valued(C), {"reduction": "mean"}) == [False] * 3


def test_a_nan_is_explained_by_a_rule_without_a_value() -> None:
    zero = documented(arrays=COSINE, options=(), zero=0.0)
    x = np.array([[0, 0], [0, 0], [3, 4]], np.float32)
    assert explained(valued([np.nan, 1, np.nan]), {"zero": None}, x, Y, zero) == [True, False, False]


def test_a_bound_that_accepts_everything_explains_nothing_unless_another_row_tells() -> None:
    """A raw dot product that cancels: 2^30 - 2^30 in float32 may come out as anything below a few hundred."""
    x = np.array([[2.0**30, 1, 2.0**30]] * 2 + [[3, 4, 0]], np.float32)
    y = np.array([[1, 1, -1]] * 2 + [[4, 3, 0]], np.float32)
    raw = {"norm_rule": "raw"}
    assert explained(valued([7, -7]), raw, x[:2], y[:2]) == [False, False]
    assert explained(valued([7, -7, 24]), raw, x, y) == [True, True, True]
    assert explained(valued([7, -7, 25]), raw, x, y) == [False] * 3
    assert explained(valued([7, 1e9, 24]), raw, x, y) == [True, False, True]
    assert explained(valued([7, -7]), {**raw, "keepdims": True}, x[:2], y[:2]) == [True, True]  # by its shape


@pytest.mark.parametrize(
    ("x", "y", "dtype", "tells"),
    [
        ([10, 10], [10, -10], "float32", True),  # 200 times as wide, and still far from 1/4
        ([4, 1], [-1, 4], "bfloat16", True),  # beyond 1/4, and 17 times as wide
        ([7, 3.5], [-3.5, 7], "bfloat16", True),  # 61.25 times
        ([8, 0.5], [-0.5, 8], "bfloat16", False),  # 64.25 times
    ],
)
def test_a_bound_says_nothing_beyond_a_quarter_and_64_times_the_documented_one(
    x: list[float], y: list[float], dtype: str, tells: bool
) -> None:
    """Orthogonal rows, for which 0 is right with and without the norms: bounds are in the ratio of |x| |y| to 1."""
    a, b = (np.array([r]).astype(numpy_dtype(dtype)) for r in (x, y))
    assert explained(valued([0], numpy_dtype(dtype)), {"norm_rule": "raw"}, a, b) == [tells]


def test_a_rule_that_gives_the_documented_values_explains_them() -> None:
    assert explained(valued(C), {"norm_rule": "floor_norm", "eps": 1e-8}) == [True] * 3


@pytest.mark.parametrize("rule", ["raw", "floor_norm"])
def test_a_gradient_is_explained_row_by_row(rule: str) -> None:
    parameters = {"norm_rule": rule, **({"eps": 20.0} if rule == "floor_norm" else {})}
    arrays: dict[str, NDArray[Any]] = {"x": X, "y": Y}
    other = expect(SUBJECT, arrays, {}, parameters, "x")
    values = np.asarray(other.value.lower).astype(np.float32)
    values[1] += 1
    found = judged(valued(values), wrt="x")
    assert found.wrong.all()
    assert explains(SUBJECT, arrays, {}, found, parameters).tolist() == [[True] * 2, [False] * 2, [True] * 2]


def test_a_label_is_no_input_of_a_rule() -> None:
    subject = documented(
        "cosine_embedding", EMBEDDING, ({"name": "margin", "role": "margin", "default": 0.0},)
    )
    arrays: dict[str, NDArray[Any]] = {"x": X, "y": Y, "labels": np.array([1, -1, -1], np.float32)}
    found = judge_answer(subject, arrays, {}, valued([1 - C[0], C[1] - 0.5, C[2]]))
    assert found.wrong.tolist() == [False, True, False]
    assert explains(subject, arrays, {}, found, {"margin": 0.5}).tolist() == [True, True, False]
