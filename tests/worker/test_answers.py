"""A worker's answers when the target works, and when it answers nonsense."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Array, Question

Ask = Callable[..., Answer]
EXACT = [36 / math.sqrt(42 * 38), -1.0]


def values(answer: Answer) -> list[Any]:
    assert answer.value is not None, answer
    listed: list[Any] = answer.value.numpy().tolist()
    return listed


def test_a_right_implementation_answers_the_exact_value(ask: Ask) -> None:
    answer = ask("cosine_similarity")
    assert answer.outcome == "value"
    assert values(answer) == np.array(EXACT, np.float32).tolist()
    assert (answer.type, answer.bases) == ("numpy.ndarray", ("object",))
    assert answer.changed == ()


def test_the_sign_of_a_wrong_implementation_arrives_as_it_is(ask: Ask) -> None:
    assert values(ask("wrong_sign")) == np.array([-v for v in EXACT], np.float32).tolist()


@pytest.mark.parametrize("layout", ["C", "transposed", "strided"])
@pytest.mark.parametrize("form", ["tensor", "list"])
def test_form_and_layout_change_no_value(ask: Ask, form: str, layout: str) -> None:
    answer = ask("cosine_similarity", form=form, layout=layout)
    assert np.array(values(answer), np.float32).tolist() == np.array(EXACT, np.float32).tolist()


def test_options_reach_the_function_and_the_constructor(ask: Ask) -> None:
    by_option = values(ask("cosine_similarity", options={"axis": 0}))
    assert len(by_option) == 3
    assert values(ask("CosineSimilarity", init={"axis": 0})) == by_option
    assert values(ask("CosineSimilarity", init={"axis": 0}, positional=True)) == by_option


def test_options_can_name_objects_and_tuples(ask: Ask) -> None:
    question = {"options": {"x": {"$tuple": [1, {"$name": "fake.__version__"}]}}, "arrays": {}}
    answer = ask("echo", **question)
    assert answer.data == [1, "1.2.3"]
    assert answer.type == "tuple"


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("layout", ["C", "transposed", "strided"])
def test_arrays_arrive_and_return_bit_by_bit(
    worker: Worker, dtype: str, shape: tuple[int, ...], layout: Any
) -> None:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    data = (np.arange(size) * 37 % (2 if dtype == "bool" else 251)).astype(np.uint8).tobytes()
    answer = worker.ask(Question("fake.echo", {"x": Array(data, dtype, shape, layout=layout)}))
    assert answer.value == Array(data, dtype, shape)
    assert answer.changed == ()


def test_an_array_that_holds_no_real_numbers_is_named_and_not_read(worker: Worker) -> None:
    answer = worker.ask(Question("fake.echo", {"x": Array(bytes(16), "complex64", (2,))}))
    assert (answer.value, answer.unreadable) == (None, "complex64")
    assert answer.note == "returned an array of dtype complex64"


def test_nan_and_infinity_survive_the_wire(worker: Worker) -> None:
    given = Array.of(np.array([np.nan, np.inf, -0.0, 5e-324]))
    assert worker.ask(Question("fake.echo", {"x": given})).value == given
    answer = worker.ask(Question("fake.echo", options={"x": [float("inf"), float("nan")]}))
    assert answer.data[0] == math.inf
    assert math.isnan(answer.data[1])


def test_a_list_of_bfloat16_holds_the_exact_numbers(worker: Worker) -> None:
    array = Array.of(np.array([1.5, -3.140625], ml_dtypes.bfloat16), form="list")
    assert worker.ask(Question("fake.echo", {"x": array})).data == [1.5, -3.140625]


def test_a_wrong_shape_arrives_as_it_is(ask: Ask) -> None:
    answer = ask("wrong_shape")
    assert answer.value is not None
    assert answer.value.shape == (2, 1)


@pytest.mark.parametrize(
    ("function", "kind", "data"),
    [
        ("nothing", "NoneType", None),
        ("a_list", "list", EXACT),
        ("a_string", "str", "0.5"),
        ("a_float", "float", sum(EXACT)),
    ],
)
def test_what_is_no_array_is_said_to_be_none(ask: Ask, function: str, kind: str, data: Any) -> None:
    answer = ask(function)
    assert (answer.outcome, answer.value, answer.type) == ("value", None, kind)
    assert answer.data == (data if data is None or kind == "str" else pytest.approx(data, abs=1e-7))
    assert "not an array" in answer.note


@pytest.mark.parametrize(("function", "form"), [("changing", "tensor"), ("changing_list", "list")])
def test_changed_inputs_are_named(ask: Ask, function: str, form: str) -> None:
    assert ask(function, form=form).changed == ("x1",)


def test_two_answers_of_a_nondeterministic_target_differ(ask: Ask) -> None:
    assert len({str(values(ask("nondeterministic"))) for _ in range(4)}) > 1


def test_a_target_that_remembers_shows_it_until_it_is_restarted(ask: Ask) -> None:
    first = values(ask("remembering"))[0]
    assert values(ask("remembering"))[0] == first + 1
    assert ask("leaving").outcome == "crash"
    assert values(ask("remembering"))[0] == 1


def test_seconds_are_those_inside_the_worker(ask: Ask) -> None:
    assert 0 < ask("cosine_similarity").seconds < 5
