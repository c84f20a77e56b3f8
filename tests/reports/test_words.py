"""Numbers and rules as people read them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossproof.reports import numbers, words

from . import make


@given(st.floats(width=32), st.floats(width=64))
def test_decimals_round_to_the_value_in_its_dtype(single: float, double: float) -> None:
    for value, dtype in ((single, np.float32), (double, np.float64)):
        text = numbers.decimal(value.hex(), np.dtype(dtype).name)
        back = float(dtype(text))
        assert back == value or (math.isnan(back) and math.isnan(value))
        assert len(text) <= len(repr(value))


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        ("0x1.99999ap-4", "float32", "0.1"),
        ("0x1.998p-4", "float16", "0.1"),
        ("0x1.9ap-4", "bfloat16", "0.1"),
        ("0x1.99999ap-4", "float64", "0.10000000149011612"),
        ("0x1p-149", "float32", "1e-45"),
        ("-0x0p+0", "float32", "-0.0"),
        ("nan", "float32", "nan"),
        ("-inf", "float16", "-inf"),
        (3, "int32", "3"),
        (True, "bool", "True"),
        (None, "float32", "any"),
        ("0.25", "float32", "0.25"),
    ],
)
def test_decimals(value: Any, dtype: str, text: str) -> None:
    assert numbers.decimal(value, dtype) == text


@given(st.recursive(st.floats(), lambda inner: st.lists(inner, max_size=12), max_leaves=30))
def test_expressions_are_exact(value: Any) -> None:
    def hexed(item: Any) -> Any:
        return [hexed(part) for part in item] if isinstance(item, list) else item.hex()

    back = eval(numbers.expression(hexed(value)))
    assert hexed(back) == hexed(value)


@pytest.mark.parametrize("text", ["", "x", "float32", "0x", "infinite", "none", "e", "0x1p-3; import os"])
def test_words_are_no_numbers(text: str) -> None:
    assert not numbers.is_number(text)


def test_long_lists_are_cut_for_reading_only() -> None:
    values = [f"0x{i:x}p+0" for i in range(20)]
    assert numbers.pretty(values) == "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, ... 13 more]"
    assert numbers.exact(values).count("0x") == 20
    assert numbers.pretty([["0x1p+0"] * 100]) == "[[1.0] * 100]"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (0.5, "0.5"),
        (1234.5678, "1,235"),
        (8388608.0, "8.4e+06"),
        ("inf", "inf"),
    ],
)
def test_measures_are_short(error: Any, text: str) -> None:
    assert numbers.measure(error) == text


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ({}, ""),
        (
            {"parameters": {"norm_rule": "floor_product", "eps": "0x1p-3"}},
            "floors the product of the norms: max(|x| |y|, 0.125)",
        ),
        ({"parameters": {"norm_rule": "floor_norm"}}, "floors each norm: max(|x|, eps)"),
        (
            {"parameters": {"norm_rule": "mine", "eps": 0.5}, "says": "adds {eps} to {0} and {x}"},
            "adds 0.5 to {0} and {x}",
        ),
        ({"parameters": {"norm_rule": "mine"}}, "norm rule mine"),
        ({"parameters": {"eps": 0.0}}, "eps is 0.0"),
        ({"parameters": {"score": "negated"}}, "returns the negated similarity -c"),
        (
            {"parameters": {"reduction": "mean_by_weight"}},
            "divides the weighted sum by the sum of the weights",
        ),
        ({"parameters": {"zero": None}}, "undefined for a zero vector"),
        (
            {"parameters": {"zero": 1.0, "squared": False}},
            "a zero vector gives 1.0; does not square the terms",
        ),
        ({"parameters": {"ignore_weights": True}}, "ignores the weights"),
        ({"parameters": {"result_dtype": "float32"}}, "returns float32"),
        ({"parameters": {"weights": "numpy"}}, "broadcasts weights as NumPy does"),
        ({"parameters": {"axis": [0, 1]}}, "always works along axis [0, 1]"),
        ({"parameters": {"keepdims": {"odd": 1}}}, 'keepdims is {"odd": 1}'),
        ({"predicate": "squared_norm_overflows"}, "wherever a squared norm overflows in the dtype"),
        ({"predicate": "of_its_own", "cases": ["a", "b"]}, "of its own; shown by cases a, b"),
    ],
)
def test_behaviours_in_words(behaviour: dict[str, Any], text: str) -> None:
    assert words.behaves_as(behaviour) == text


@pytest.mark.parametrize(
    ("expected", "observed", "left", "right"),
    [
        ({"value": "0x1p-1"}, {"outcome": "value", "value": "nan"}, "0.5", "nan"),
        ({"error": []}, {"outcome": "value", "value": ["0x1p+0"]}, "raises an error", "no error; [1.0]"),
        (
            {"raises": ["ValueError", "TypeError"]},
            {"outcome": "error", "error": "KeyError", "message": "'x'\nsecond line"},
            "raises ValueError or TypeError",
            "raises KeyError: 'x' second line",
        ),
        (
            {"shape": [2]},
            {"outcome": "value", "value": [["0x1p+0"]], "shape": [1, 1]},
            "shape (2,)",
            "shape (1, 1)",
        ),
        (
            {"dtype": "float16"},
            {"outcome": "value", "value": 1.0, "dtype": "float32"},
            "dtype float16",
            "dtype float32",
        ),
        (
            {"says": "an answer"},
            {"outcome": "crash", "note": "signal 11"},
            "an answer",
            "crashes (signal 11)",
        ),
        ({"says": "an answer"}, {"outcome": "hang"}, "an answer", "hangs"),
        (
            {"printed": ["-0.999"]},
            {"outcome": "value", "value": ["-0x1p+0"]},
            "[-0.999] as printed",
            "[-1.0]",
        ),
        (
            {"moves": "closer"},
            {"moves": "apart", "before": 1.0},
            "moves the pair closer",
            "moves the pair apart",
        ),
        ({"data": {"a": None}}, {"outcome": "value", "data": {}}, '{"a": null}', "{}"),
        ({"aliases": ["m.f"]}, {"missing": ["m.f"]}, "the same under m.f", "missing: m.f"),
        ({"returns": "m.array"}, {"type": "float"}, "an instance of m.array", "an instance of float"),
        (
            {"oracle": True},
            {"outcome": "error", "error": "E"},
            "the value of the documented formula",
            "raises E",
        ),
        ({"runs": True}, {"outcome": "error", "error": "E"}, "no error", "raises E"),
    ],
)
def test_expected_and_observed_in_words(
    expected: dict[str, Any], observed: dict[str, Any], left: str, right: str
) -> None:
    assert words.both(make.finding(expected=expected, observed=observed)) == (left, right)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"outcome": "value", "value": ["0x1p-1"], "dtype": "float32"}', "[0.5]"),
        ('["0x1p-1", "nan"]', "[0.5, nan]"),
        ('{"axis": -1}', '{"axis": -1}'),
        ("plain words\nin lines", "plain words in lines"),
        ("", ""),
        ("null", "None"),
    ],
)
def test_answers_of_cells_in_one_line(text: str, said: str) -> None:
    assert words.cell_answer(text) == said


@pytest.mark.parametrize(("kind", "left", "right"), [
    ("formula", "[0.5]", "[[1.0]]"), ("shape", "shape (1,)", "shape (1, 1)"),
    ("dtype", "dtype float32", "dtype float64"),
])  # fmt: skip
def test_what_is_at_issue_is_shown(kind: str, left: str, right: str) -> None:
    expected = {"value": ["0x1p-1"], "tolerance": ["0x1p-20"], "shape": [1], "dtype": "float32"}
    observed = {"outcome": "value", "value": [["0x1p+0"]], "shape": [1, 1], "dtype": "float64"}
    finding = make.finding(kind=kind, expected=expected, observed=observed)
    assert words.both(finding) == (left, right)


def test_the_first_difference_of_a_long_result_is_named() -> None:
    value = ["0x1p-1", "nan", "0x1p+0", "0x1p+1", None, "inf"]
    seen = ["0x1.0000001p-1", "nan", "0x1p+0", "nan", "0x1p+0", "inf"]
    expected = {"value": value, "tolerance": ["0x1p-20"] * 6}
    found = make.finding(expected=expected, observed={"outcome": "value", "value": seen, "dtype": "float32"})
    assert words.first_difference(found) == ("[3]", "2.0", "nan")
    assert words.first_difference(make.finding()) == ("", "", "")
    same = make.finding(expected=expected, observed={"outcome": "value", "value": value})
    assert words.first_difference(same) == ("", "", "")


def test_a_configuration_that_rebuilds_another_object_is_said_so() -> None:
    witness = make.witness(probe="config", init={"axis": 0})
    observed = {"config": {"name": "x"}, "same": False, "answers": [{"hex": "00"}, {"hex": "01"}]}
    found = make.finding(witness=witness, expected={"data": {}}, observed=observed)
    assert words.both(found) == (
        "an equal object from its own configuration",
        'another one from {"name": "x"}',
    )
