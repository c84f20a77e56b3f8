"""Conditions on inputs: where squares and products leave the range of a dtype, counted by hand in powers of two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.diagnosis.predicates import holds, of_elements
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.regions.held import log2_squared_norms
from lossproof.conformance.questions.batches import Batch

from .test_expectation import CONTRASTIVE, COSINE, OPTIONS, WEIGHTS, documented

RANGE = (
    "squared_norm_underflows", "squared_norm_overflows", "product_underflows", "product_overflows",
    "squared_product_underflows", "squared_product_overflows",
)  # fmt: skip
LOW = -126 + 24
"""log2 of a sum of squares in float32 whose terms near the smallest normal number"""
HIGH = 128 - 2.0**-24
"""log2 of the smallest number that float32 rounds to infinity, to first order"""
SUBJECT = documented()


def of(name: str, x: Any, y: Any, compute: str = "float32", **options: Any) -> Any:
    """The condition for rows x and y."""
    arrays = {"x": np.asarray(x, np.float64), "y": np.asarray(y, np.float64)}
    return holds(name, SUBJECT, arrays, options, compute).tolist()


def leaving(q: float, r: float) -> set[str]:
    """The conditions of range that hold of one row each with these log2 of the squared norms."""
    rows = ([[0.0, 2.0 ** (q / 2)]], [[2.0 ** (r / 2), 0.0]])
    return {name for name in RANGE if of(name, *rows) == [True]}


def test_the_logarithm_of_a_squared_norm_leaves_no_range() -> None:
    rows = np.array([[3.0, 4], [3e300, -4e300], [3e-300, 4e-300], [0, 0]])
    exact = np.log2([25, 25, 25]) + 2 * np.log2(10.0) * np.array([0, 300, -300])
    np.testing.assert_allclose(log2_squared_norms(rows, -1), [*exact, -np.inf], rtol=1e-14)
    np.testing.assert_allclose(log2_squared_norms(rows.T, 0), [*exact, -np.inf], rtol=1e-14)
    assert log2_squared_norms(rows.T[:, None], 0).shape == (1, 4)
    assert log2_squared_norms(np.zeros((3, 0)), -1).tolist() == [-np.inf] * 3
    assert not np.isfinite(log2_squared_norms(np.array([[1, np.nan], [np.inf, 1]]), -1)).any()
    assert log2_squared_norms(np.full((1, 4), 2.0**-24, np.float16), -1).tolist() == [-46.0]


def test_a_squared_norm_underflows_below_its_last_full_bits() -> None:
    one = {"squared_norm_underflows"}
    both = {*one, "squared_product_underflows"}
    assert leaving(LOW, 0) == leaving(0, LOW) == set()
    assert leaving(LOW - 1, 0) == leaving(0, LOW - 1) == both
    assert leaving(LOW - 1, 1) == leaving(1, LOW - 1) == one  # the product of the two has its bits
    assert leaving(LOW / 2, LOW / 2) == set()
    assert leaving(LOW / 2, LOW / 2 - 1) == leaving(LOW / 2 - 1, LOW / 2) == {"squared_product_underflows"}
    assert "product_underflows" not in leaving(LOW, LOW)
    assert "product_underflows" not in leaving(LOW - 2, LOW + 2)
    assert "product_underflows" in leaving(LOW - 3, LOW + 2)
    assert "product_underflows" in leaving(LOW - 1, LOW)


def test_a_squared_norm_overflows_from_the_largest_number_on() -> None:
    one, products = {"squared_norm_overflows"}, {"product_overflows", "squared_product_overflows"}
    below = HIGH - 2.0**-30
    assert leaving(HIGH, 0) == leaving(0, HIGH) == {*one, "squared_product_overflows"}
    assert leaving(HIGH, -1) == leaving(-1, HIGH) == one
    assert leaving(below, 0) == leaving(0, below) == set()
    assert leaving(HIGH, HIGH) == {*one, *products}
    assert leaving(HIGH + 4, HIGH - 4) == leaving(HIGH - 4, HIGH + 4) == {*one, *products}
    assert leaving(HIGH + 4, below - 4) == {*one, "squared_product_overflows"}
    assert leaving(64, HIGH - 64) == {"squared_product_overflows"}
    assert leaving(64, below - 64) == set()


def test_zero_vectors_are_apart_from_underflow() -> None:
    x, y = [[0, 0], [3, 0], [0, 0], [3, 0]], [[0, 1], [0, 0], [0, 0], [0, 1]]
    assert of("zero_norm", x, y) == [True, True, True, False]
    for name in RANGE:
        assert of(name, x, y) == [False] * 4


def test_nonfinite_rows_by_either_input() -> None:
    x, y = [[np.inf, 0], [1, 0], [1, np.nan], [1, 1]], [[1, 0], [0, -np.inf], [np.nan, 1], [1, 1]]
    assert of("nonfinite", x, y) == [True, True, True, False]


def test_a_vector_against_a_matrix_is_a_row_of_it() -> None:
    many = [[1, np.inf], [1, 2], [0, 0]]
    assert of("nonfinite", [1, 2], many, axis=1) == [True, False, False]
    assert of("nonfinite", many, [1, 2], axis=1) == [True, False, False]
    assert of("zero_norm", [1, 2], many[1:], axis=1) == [False, True]


@pytest.mark.parametrize(
    ("eps", "expected"),
    [(2.0**-25, True), (2.0**-40, True), (2.0**-25 * (1 + 2**-40), False), (2.0**-24, False), (0.0, False),
     (None, False)],
)  # fmt: skip
def test_an_eps_vanishes_that_rounds_to_zero_where_it_is_missed(eps: Any, expected: bool) -> None:
    """In float16 the smallest number is 2^-24: half of it rounds to the even 0."""
    subject = documented(options=({"name": "eps", "role": "eps", "default": eps},), norm_rule="floor_norm")

    def vanishes(a: float, b: float, **options: Any) -> bool:
        arrays = {"x": np.array([[2.0**a]]), "y": np.array([[2.0**b]])}
        return bool(holds("eps_vanishes", subject, arrays, options, "float16").all())

    for a, b, missed in (
        (-7, 7, False),
        (-8, 8, True),
        (8, -8, True),
        (7, -7, False),
        (-4, -3, False),
        (-4, -4, True),
    ):
        assert vanishes(a, b) == (expected and missed), (a, b)
    assert vanishes(-8, 8, eps=2.0**-30)
    assert not vanishes(-8, 8, eps=1.0)


def test_conditions_on_the_kind_and_shape_of_inputs() -> None:
    floats, integers = np.ones((4, 3, 2), np.float32), np.ones((4, 3, 2), np.int32)

    def true(name: str, **arrays: NDArray[Any]) -> bool:
        return bool(holds(name, SUBJECT, arrays, {}, "float32"))

    assert not true("integer_input", x=floats, y=floats)
    assert not true("integer_input", x=floats, y=floats, w=integers)
    assert true("integer_input", x=floats, y=integers)
    assert true("integer_input", x=integers, y=floats)
    assert not true("empty", x=floats, y=floats, w=floats[:0])
    assert true("empty", x=floats, y=floats[:, :0])
    for shape, needed in (((), False), ((4,), True), ((4, 3), False), ((4, 3, 1), False)):
        assert true("weights_need_expansion", x=floats, y=floats, w=np.ones(shape)) == needed
    assert not true("weights_need_expansion", x=floats, y=floats)
    for x, y in ((floats, floats[0, 0]), (floats[0, 0], floats)):  # the result has the rank of the larger one
        assert true("weights_need_expansion", x=x, y=y, w=np.ones(4))


def test_the_cube_of_the_denominator_overflows_before_its_square() -> None:
    """|a| |b| of 2^(128/3): its cube is the first power that leaves float32."""
    edge = HIGH / 3
    for x, y, held in ((edge, edge, True), (2 * edge, 0.0, True), (0.0, 2 * edge, True), (1.0, 2.0, False)):
        for more, reached in ((1e-6, held), (-1e-6, False)):
            rows = ([[2.0 ** ((x + more) / 2), 0.0]], [[0.0, 2.0 ** (y / 2)]])
            assert of("cubed_product_overflows", *rows) == [reached]
    assert of("cubed_product_overflows", [[2.0**204]], [[2.0**197]], compute="float64") == [True]


def test_distances_are_squared_by_themselves() -> None:
    subject = documented("contrastive", CONTRASTIVE, ())
    values = [2.0**-51, 2.0**-52, 2.0 ** (HIGH / 2), 2.0**63, 0.0, np.inf, np.nan]
    arrays = {"labels": np.zeros(7), "distances": np.array(values)}
    expected = {
        "nonfinite": [5, 6],
        "zero_norm": [4],
        "squared_norm_underflows": [1],
        "squared_norm_overflows": [2, 5],
        "squared_product_underflows": [0, 1],
        "squared_product_overflows": [2, 3, 5],
    }
    for name, at in expected.items():
        assert np.flatnonzero(holds(name, subject, arrays, {}, "float32")).tolist() == at, name
    assert holds("eps_vanishes", subject, arrays, {}, "float32").tolist() is False


def test_a_condition_of_rows_for_the_elements_of_a_gradient() -> None:
    def spread(mask: Any, shape: tuple[int, ...], axis: int = -1) -> Any:
        batch = Batch({}, {"axis": axis}, axis)
        return of_elements(np.asarray(mask), SUBJECT, batch, shape).tolist()

    assert spread([True, False], (2, 3)) == [[True] * 3, [False] * 3]
    assert spread([True, False], (3, 2), 0) == [[True, False]] * 3
    assert spread(True, (2, 3)) is True
    assert spread([True, False], (1, 3)) is True  # rows that were summed: one of them is enough
    assert spread([False, False], (1, 3)) is False
    pairs = documented("contrastive", CONTRASTIVE, ())
    mask = np.array([True, False])
    assert of_elements(mask, pairs, Batch({}, {}), (2,)) is mask


def test_the_axis_is_given_or_documented_or_the_last() -> None:
    assert axis_of(SUBJECT, {"axis": 1}) == 1
    assert axis_of(SUBJECT, {}) == -1
    assert axis_of(documented(options=({**OPTIONS[0], "default": 0},)), {}) == 0
    assert axis_of(documented(options=({**OPTIONS[0], "default": None},)), {}) == -1
    assert axis_of(documented(arrays=(*COSINE, WEIGHTS), options=()), {"axis": 1}) == -1
