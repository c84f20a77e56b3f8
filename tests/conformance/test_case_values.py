"""Numbers that a case expects, at the limits of what is allowed, and the cell that a case belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossproof import oracle
from lossproof.conformance.cases.cases import case_keys
from lossproof.conformance.cases.outcomes import batch_of
from lossproof.conformance.cases.values import last_digit
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.expectation import expect

from .test_cases import FUNCTION, PAIR, Put, Stand, array, diverging, judged, put, stood, subject_with

__all__ = ["put"]
WHOLE = {n: {"values": v, "dtype": "int32"} for n, v in PAIR.items()}
"""The edition refuses integers, so no bound is derived for them."""
UNIT = 2.0**-24


@pytest.mark.parametrize(("value", "off"), [(1.0, 1.0001), (4096.0, 4096.01), (-1e-3, 1e-3)])
def test_a_value_for_which_there_is_no_formula_is_met_within_a_few_ulps(value: float, off: float) -> None:
    asked: dict[str, Any] = {"arrays": WHOLE, "expect": {"value": [value]}}
    near = float(np.nextafter(np.float32(value), np.float32(8192)))
    assert stood(array([near]), **asked).verdict == "conforms"
    assert diverging(stood(array([off]), **asked), "formula")


@pytest.mark.parametrize(
    ("value", "answer", "right"),
    [
        (1.0, 1 + 4 * UNIT, True), (1.0, 1 - 4 * UNIT, True), (1.0, 1 - 5 * UNIT, False), (1.0, 1 + 6 * UNIT, False),
        (0.5, 0.5 + 4 * UNIT, True), (0.5, 0.5 + 5 * UNIT, False), (8.0, 8 + 32 * UNIT, True),
        (8.0, 8 - 40 * UNIT, False), (np.inf, np.inf, True), (np.inf, 3e38, False), (np.inf, -np.inf, False),
        (np.nan, np.nan, True), (np.nan, 1.0, False), (1.0, np.nan, False),
    ],
)  # fmt: skip
def test_a_few_ulps_are_four_units_of_the_value_and_of_one_near_0(
    value: float, answer: float, right: bool
) -> None:
    outcome = stood(array([answer]), arrays=WHOLE, expect={"value": [str(value)]})
    assert (outcome.verdict == "conforms", outcome.rows) == (right, 1)


def test_an_answer_to_a_case_is_explained_with_the_allowance_for_flushed_products() -> None:
    (failure,) = stood(array([5]), expect={"value": [2]}).failures
    assert failure.reply.judged.flush
    assert failure.reply.judged.observed == 5
    assert failure.reply.batch.label == ("case", "c")


def test_integers_are_met_exactly() -> None:
    asked: dict[str, Any] = {"arrays": WHOLE, "expect": {"value": [2]}}
    assert stood(array([2], "int32"), **asked).verdict == "conforms"
    assert diverging(stood(array([1], "int32"), **asked), "formula")


def test_a_value_that_the_formula_leaves_open_is_met_exactly(put: Put) -> None:
    """The zero vector has no cosine under `plain`, and so no bound; the case says what it is to be."""
    open_: dict[str, Any] = {"edition": {"semantics": {"score": "similarity", "norm_rule": "plain"}}}
    zero = {"x1": [[0, 0]], "x2": [[4, 3]]}
    assert put("cosine_similarity", arrays=zero, expect={"value": [0]}, **open_).verdict == "conforms"
    assert diverging(put("one_for_zero", arrays=zero, expect={"value": [0.5]}, **open_), "formula")


def test_a_value_whose_bound_is_endless_is_met_exactly() -> None:
    """Where the product of the norms is no float64, flushed products would excuse anything."""
    plain = {"score": "similarity", "norm_rule": "plain"}
    tiny = {n: {"values": [[1e-200, 0]], "dtype": "float64"} for n in PAIR}
    subject = subject_with(FUNCTION, "f", {"arrays": tiny, "expect": {"value": [1]}}, semantics=plain)
    (bound,) = oracle.bound(expect(subject, batch_of(subject.cases[0]).arrays, {}).value, "float64", "G2")
    assert bound == np.inf
    assert judged(subject, Executor(Stand([array([1], "float64")]))).verdict == "conforms"
    assert diverging(judged(subject, Executor(Stand([array([0.5], "float64")]))), "formula")


def test_digits_of_what_no_formula_gives_are_met_within_one_unit() -> None:
    asked: dict[str, Any] = {"arrays": WHOLE, "expect": {"printed": ["0.96"]}}
    for near in (0.9699, 0.97, 0.95, 0.9501):
        right = stood(array([near], "float64"), **asked)
        assert (right.verdict, right.expected) == ("conforms", {"printed": ["0.96"]})
    for far in (0.9701, 0.9499, 0.975, np.nan):
        assert diverging(stood(array([far], "float64"), **asked), "formula", "neither the printed")
    units = {"-0.999": 1e-3, "12": 1.0, "1.": 1.0, "1e-3": 1e-3, "nan": 0.0, "-inf": 0.0}
    assert {text: last_digit(text) for text in units} == units


def test_a_value_in_16_bits_is_met_as_a_cell_of_that_dtype_is() -> None:
    """Sums accumulated in bfloat16 itself are reported, and are no divergence."""
    rows = {n: {"values": [[1.0] * 8], "dtype": "bfloat16"} for n in PAIR}
    asked: dict[str, Any] = {"arrays": rows, "expect": {"value": [1]}}
    subject = subject_with(FUNCTION, "f", asked)
    value = expect(subject, batch_of(subject.cases[0]).arrays, {}).value
    (narrow,), (own,) = (oracle.bound(value, "bfloat16", grade) for grade in ("G2", "G3"))
    off = 2.0**-8 * np.ceil((narrow + own) / 2 * 2**8)
    assert narrow < off < own
    assert stood(array([1 - off], "bfloat16"), **asked).verdict == "conforms"
    assert diverging(stood(array([1 - 2 * own], "bfloat16"), **asked), "formula")


def test_the_exact_value_is_told_beside_the_printed_one(put: Put) -> None:
    told = put("cosine_similarity", expect={"printed": ["0.96"]}).expected
    assert set(told) == {"printed", "exact"}
    assert float.fromhex(told["exact"][0]) == pytest.approx(0.96, rel=1e-15)


def test_another_number_of_values_than_documented_has_no_error() -> None:
    for given, kind in (({}, "formula"), ({"property": "shape"}, "shape")):
        outcome = stood(array([0.96, 0.96]), expect={"oracle": True}, **given)
        assert diverging(outcome, kind)
        assert (outcome.error, outcome.rows, outcome.failures[0].wrong.tolist()) == (None, 1, [True])


def test_another_shape_is_of_all_values(put: Put) -> None:
    (failure,) = put("keeping_dims", property="shape", expect={"oracle": True}).failures
    assert failure.wrong.tolist() == [True]


def test_an_empty_result_is_as_documented() -> None:
    nothing = {n: {"values": [], "shape": [0, 2]} for n in PAIR}
    assert stood(array(np.zeros(0)), arrays=nothing, expect={"oracle": True}).verdict == "conforms"


def test_a_case_is_a_cell_of_its_property_in_the_dtype_of_its_first_floats() -> None:
    def keys(name: str = "value", **case: Any) -> list[tuple[str, ...]]:
        subject = subject_with(
            FUNCTION, "f", {"property": "value", "expect": {"runs": True}, "arrays": PAIR, **case}
        )
        return [key.sort for key in case_keys(subject, name)]

    assert keys() == [("value", "-", "float32", "case=c")]
    assert keys("sign") == []
    mixed = {"x1": {"values": [[3, 4]], "dtype": "float16"}, "x2": {"values": [[4, 3]], "dtype": "float64"}}
    assert keys(arrays=mixed)[0][2] == "float16"
    assert keys(arrays={**WHOLE, "x2": PAIR["x2"]})[0][2] == "float32"
    assert keys(arrays=WHOLE)[0][2] == "-"
    assert keys(ask="descend", expect={"moves": "closer"})[0][2] == "-"
