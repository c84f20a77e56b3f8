"""The memory of the judge: nothing is kept without one; within one, calls that are alike are worked out once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.judging.memory import Memory, digest, of_objects, remembered

CALLS: list[str] = []


def by_arrays(memory: Memory, name: str, arrays: Mapping[str, Any]) -> Hashable:
    return name, memory.digest(arrays)


@remembered(by_arrays)
def total(name: str, arrays: Mapping[str, Any]) -> float:
    CALLS.append(name)
    if name == "refused":
        raise ValueError(name)
    return float(sum(a.sum() for a in arrays.values()))


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def ones() -> dict[str, Any]:
    return {"x": np.ones(3, np.float32)}


def test_without_a_memory_every_call_is_worked_out() -> None:
    assert [total("a", ones()), total("a", ones())] == [3.0, 3.0]
    assert CALLS == ["a", "a"]


def test_calls_with_equal_arrays_are_worked_out_once() -> None:
    with Memory().in_use():
        assert [total("a", ones()), total("a", ones()), total("b", ones())] == [3.0, 3.0, 3.0]
        assert total("a", {"x": np.ones(4, np.float32)}) == 4.0
    assert CALLS == ["a", "b", "a"]


def test_an_exception_is_remembered() -> None:
    with Memory().in_use():
        for _ in range(2):
            with pytest.raises(ValueError, match="refused"):
                total("refused", ones())
    assert CALLS == ["refused"]


def test_memories_are_apart_and_the_outer_one_comes_back() -> None:
    first, second = Memory(), Memory()
    with first.in_use():
        total("a", ones())
        with second.in_use():
            total("a", ones())
        total("a", ones())
    assert CALLS == ["a", "a"]


@pytest.mark.parametrize(
    "other", [{"y": np.ones(3, np.float32)}, {"x": np.ones(3)}, {"x": np.ones((3, 1), np.float32)}]
)
def test_a_digest_tells_names_dtypes_and_shapes_apart(other: dict[str, Any]) -> None:
    assert digest(ones()) != digest(other)


def test_objects_known_by_their_id_stay() -> None:
    memory = Memory()
    ids = {of_objects(memory, [[number]]) for number in range(100)}
    assert len(ids) == 100
