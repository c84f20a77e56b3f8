"""Whether two answers to one question mean the same, and in which way they differ if not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lossproof.conformance.changes.answers import difference

Value = Mapping[str, Any]


def value(*values: str, **more: Any) -> Value:
    return {"outcome": "value", "dtype": "float32", "shape": [len(values)], "values": list(values), **more}


def test_values_within_both_bounds_are_the_same() -> None:
    old, new = value("0x1.0p-1", reach=["0x1.0p-20"]), value("0x1.00002p-1", reach=["0x1.0p-20"])
    assert difference([old], [new]) is None
    assert difference([old], [value("0x1.0001p-1", reach=["0x1.0p-20"])]) is not None


def test_a_bound_of_a_wider_dtype_than_came_is_no_measure_of_noise() -> None:
    """float32 came where a float64 value is bounded; the documentation may be silent on which is right."""
    old, new = (value(v, dtype="float32", reach=["0x1p-50"]) for v in ("0x1.d0e010p-1", "0x1.d0e00cp-1"))
    assert difference([old], [new]) is None
    wide = [{**v, "dtype": "float64"} for v in (old, new)]
    assert difference(*([v] for v in wide)) is not None
    far = value("0x1.d1p-1", dtype="float32", reach=["0x1p-50"])
    assert difference([old], [far]) is not None


def test_the_class_of_an_answer_and_the_wording_of_an_error_are_no_behaviour() -> None:
    assert difference([{"type": "Tensor"}], [{"type": "EagerTensor"}]) is None
    errors = [{"outcome": "error", "error": "ValueError", "message": words} for words in ("one", "two")]
    assert difference([errors[0]], [errors[1]]) is None


@pytest.mark.parametrize("values", [["nan"], ["inf"], ["-inf"], ["nan", "0x1.0p+0"]])
def test_values_that_are_not_finite_equal_themselves(values: list[str], recwarn: Any) -> None:
    assert difference([value(*values)], [value(*values)]) is None
    assert not recwarn.list


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("-0x1.0p-2", "answers are the negative of what they were"),
        ("0x1.8p-1", "answers are one minus or plus what they were"),
        ("0x1.0p-1", "answers are 2 times what they were"),
        ("nan", "NaN or infinity comes where a number came"),
        ("0x1.1p+3", "answers have other values"),
    ],
)
def test_in_which_way_values_differ(new: str, words: str) -> None:
    found = difference([value("0x1.0p-2")], [value(new)])
    assert found is not None
    assert found.words == words


def test_noise_near_zero_without_a_bound_is_no_difference() -> None:
    assert difference([value("0x1.0p-26", "0x1.0p+0")], [value("0x0.0p+0", "0x1.0p+0")]) is None


def test_crashes_and_other_classes_of_exceptions_differ() -> None:
    crash = difference([value("0x1.0p+0")], [{"outcome": "crash", "note": "signal 6"}])
    assert crash is not None
    assert (crash.kind, crash.words) == ("crash", "crashes where an answer came back")
    classes = [{"outcome": "error", "error": name} for name in ("ValueError", "tf.errors.NotFoundError")]
    other = difference([classes[0]], [classes[1]])
    assert other is not None
    assert other.words == "raises NotFoundError where ValueError was raised"


CONFIG = {"name": "cosine_similarity", "reduction": "auto"}
BASES = ["old.losses.CosineSimilarity", "old.losses.Loss", "object"]
SIGNATURE = [{"name": "y_true"}, {"name": "axis", "default": -1}]


def rebuilt(config: Value, module: str = "old", hex_: str = "00", same: bool = True) -> Value:
    """The answer for a configuration whose object was rebuilt and asked, too."""
    answers = [{"hex": hex_, "dtype": "float32", "shape": []}]
    both = {"config": config, "rebuilt_config": config, "answers": answers, "same": same}
    return {**both, "class": f"{module}.Loss", "rebuilt_class": f"{module}.Loss"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (CONFIG, {**CONFIG, "fn": "f"}, "configuration: with 'fn'"),
        ({**CONFIG, "axis": 0}, CONFIG, "configuration: without 'axis'"),
        ({"dtype": None}, {"dtype": "float32"}, "configuration: 'dtype' is 'float32' where it was None"),
        (rebuilt({**CONFIG, "axis": 0}), CONFIG, "configuration: without 'axis'"),
        (rebuilt(CONFIG), rebuilt(CONFIG, same=False), "the rebuilt object answers otherwise"),
        ({"data": BASES}, {"data": [*BASES, "new.Saveable"]}, "base classes: with 'Saveable'"),
        ({"data": SIGNATURE}, {"data": [*SIGNATURE, {"name": "dtype"}]}, "parameters: with 'dtype'"),
        ({"data": SIGNATURE}, {"data": SIGNATURE[::-1]}, "parameters: now 'axis', 'y_true'"),
        (
            {"data": SIGNATURE},
            {"data": [{"name": "y_true"}, {"name": "axis"}]},
            "parameters: 'axis' is required where it was -1",
        ),
        ({"missing": []}, {"missing": ["tf.f"]}, "names: 'missing' is ['tf.f'] where it was []"),
        ({"data": "one"}, {"data": "two"}, "another answer to the same question"),
    ],
)
def test_what_changed_in_the_data_of_a_probe(old: Value, new: Value, words: str) -> None:
    found = difference([old], [new])
    assert found is not None
    assert (found.kind, found.words) == ("configuration", words)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"data": BASES}, {"data": [name.replace("old.losses", "new.src") for name in BASES]}),
        (rebuilt(CONFIG), rebuilt(CONFIG, module="new")),
        (rebuilt(CONFIG), rebuilt(CONFIG, hex_="01")),
    ],
)
def test_the_modules_of_classes_and_the_last_bit_of_an_answer_are_no_behaviour(
    old: Value, new: Value
) -> None:
    assert difference([old], [new]) is None
