"""The expected dtypes of a call: those that are computed in and come back, and integers among the inputs."""

from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import mpmath
import numpy as np
import pytest

from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging.comparison import measured
from lossproof.conformance.judging.expectation import expect, flushed
from lossproof.conformance.model.dtypes import FORMATS

from .test_expectation import FLAT, X, Y, ask, documented, same


def test_the_dtype_of_the_result_is_that_of_the_inputs_unless_it_is_said() -> None:
    subject = documented()
    assert (ask(subject).dtype, ask(subject).compute) == ("float32", "float32")
    mixed = ask(subject, x=X.astype(np.float16))
    assert (mixed.dtype, mixed.compute) == ("float32", "float32")
    halves = ask(subject, x=X.astype(np.float16), y=Y.astype(ml_dtypes.bfloat16))
    assert (halves.dtype, halves.compute) == ("float32", "float32")
    assert ask(documented(result_dtype=None)).dtype is None


def test_a_narrower_result_is_judged_as_rounded_to_it() -> None:
    found = ask(documented(result_dtype="float16"))
    assert (found.dtype, found.compute) == ("float16", "float16")
    wider = ask(documented(result_dtype="float64"))
    assert (wider.dtype, wider.compute) == ("float64", "float32")


def test_a_fixed_computing_dtype_rounds_the_inputs_first() -> None:
    subject = documented(options=(), compute_dtype="float32", result_dtype="float64")
    x, y = np.array([[1 + 2**-30, 2]]), np.array([[2.0, 1]])
    found = ask(subject, x=x, y=y)
    assert (found.dtype, found.compute) == ("float64", "float32")
    same(found, [Fraction(4, 5)])
    with mpmath.workdps(60):
        a = mpmath.mpf(1 + 2**-30)
        unrounded = (2 * a + 2) / mpmath.sqrt(5 * (a * a + 4))
    same(ask(documented(options=()), x=x, y=y), [unrounded])


def test_what_overflows_the_computing_dtype_may_be_infinite_in_a_wider_result() -> None:
    """The gradient of a subnormal row leaves the range of float32, and not that of the float64 it comes back in."""
    subject = documented(options=(), compute_dtype="float32")
    arrays = {"x": np.array([[2.0**-149, 0.0]]), "y": np.array([[1.0, 1.0]])}
    found = expect(subject, arrays, {}, wrt="x")
    assert (found.dtype, found.compute) == ("float64", "float32")
    exact = float(np.asarray(found.value.upper)[0, 1])
    assert exact > FORMATS["float32"].largest
    for answer, wrong in (
        (exact, False),
        (np.inf, False),
        (-np.inf, True),
        (FORMATS["float32"].largest / 2, True),
    ):
        assert measured(np.array([[0.0, answer]]), found, flush=False)[0].tolist() == [[False, wrong]]


def test_the_narrowest_of_the_inputs_as_another_behaviour() -> None:
    x = np.array([[1 + 2**-20, 2]], np.float32)  # 1 in float16
    y = np.array([[2, 1]], np.float16)
    subject = documented(options=())
    found = ask(subject, {"compute_dtype": "narrowest"}, x=x, y=y)
    assert found.compute == "float16"
    same(found, [Fraction(4, 5)])
    with mpmath.workdps(60):
        a = mpmath.mpf(1 + 2**-20)
        exact = (2 * a + 2) / mpmath.sqrt(5 * (a * a + 4))
    same(ask(subject, x=x, y=y), [exact])


def test_weights_are_rounded_to_a_fixed_computing_dtype_too() -> None:
    subject = documented(options=(), compute_dtype="float16", weights="numpy")
    x = np.array([[3, 4]], np.float32)
    w = np.array([1 + 2**-20])
    same(ask(subject, x=x, y=x, w=w), [Fraction(1)])


def test_integers_become_the_documented_dtype() -> None:
    found = ask(documented(integers="float32"), x=X.astype(np.int32), y=Y.astype(np.int32))
    assert (found.dtype, found.compute) == ("float32", "float32")
    same(found, sum(FLAT) / 6)


def test_integers_that_are_promoted_need_a_float_beside_them() -> None:
    with pytest.raises(Undocumented, match="both are integers"):
        ask(documented(integers="promote"), x=X.astype(np.int8), y=Y.astype(np.int32))


def test_integers_beside_floats_follow_the_floats() -> None:
    promoted, whole = documented(integers="promote"), X.astype(np.int64)
    found = ask(promoted, x=whole, y=Y.astype(np.float64))
    assert (found.dtype, found.compute) == ("float64", "float64")
    same(found, sum(FLAT) / 6)
    assert ask(promoted, x=X.astype(np.float64), y=Y.astype(np.float64)).compute == "float64"
    narrowest = {"compute_dtype": "narrowest"}
    assert ask(promoted, narrowest, x=whole, y=Y.astype(np.float16)).compute == "float16"


def test_numbers_below_the_smallest_normal_one_are_flushed() -> None:
    least = np.float32(2.0**-126)
    below = np.nextafter(least, np.float32(0))
    assert flushed(np.array([least, -least, below, -below, 0, 3], np.float32)).tolist() == [
        least,
        -least,
        0,
        0,
        0,
        3,
    ]
    assert flushed(np.array([1, 0])).tolist() == [1, 0]


@pytest.mark.parametrize(("rule", "words"), [("refused", "refuses"), (None, "does not say")])
def test_integers_that_are_refused_or_not_mentioned_are_silent(rule: str | None, words: str) -> None:
    with pytest.raises(Undocumented, match=words):
        ask(documented(integers=rule), x=X.astype(np.int32))
    same(ask(documented(integers=rule)), sum(FLAT) / 6)
