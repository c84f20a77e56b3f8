"""The memory that docs/oracle.md states: three times a batch's inputs, and so many bytes an element of a long row."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.kernels import choice

ASK: dict[str, Callable[[Any, Any, str], Any]] = {
    "rounded": lambda x, y, dtype: oracle.cosine(x, y).rounded(dtype),
    "gradient": lambda x, y, dtype: oracle.cosine_gradient(x, y).rounded(dtype),
    "bound": lambda x, y, dtype: oracle.bound(oracle.cosine(x, y), dtype, "G2"),
}
TIMES = 3
LONG: dict[str, tuple[Callable[[Any, Any, str], Any], int]] = {
    "rounded": (ASK["rounded"], 90),
    "enclosed": (lambda x, y, dtype: oracle.cosine(x, y).lower, 90),
    "bound": (ASK["bound"], 90),
    "graded": (lambda x, y, dtype: oracle.grade(np.zeros(len(x), dtype), oracle.cosine(x, y), dtype), 90),
    "gradient": (ASK["gradient"], 260),
    "gradient's bound": (lambda x, y, dtype: oracle.bound(oracle.cosine_gradient(x, y), dtype, "G2"), 200),
}
"""Bytes for each element of a long row: one of x with its partner of y."""


@pytest.mark.parametrize("which", choice.KERNELS)
@pytest.mark.parametrize(
    ("dtype", "rows", "length"),
    [("float32", 60_000, 64), ("float16", 60_000, 64), ("float64", 30_000, 64), ("float32", 600_000, 3)],
)
@pytest.mark.parametrize("asked", ASK)
def test_at_most_three_times_the_inputs(
    monkeypatch: pytest.MonkeyPatch, which: str, dtype: str, rows: int, length: int, asked: str
) -> None:
    if which == "numba":
        pytest.importorskip("numba", reason="compiled kernels need numba")
    x, y = np.random.default_rng(0).standard_normal((2, rows, length)).astype(dtype)
    peak = peak_of(monkeypatch, which, ASK[asked], x, y, dtype)
    assert peak <= TIMES * (x.nbytes + y.nbytes)


@pytest.mark.parametrize("which", choice.KERNELS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("rows", "length"), [(1, 100_000), (4, 50_000), (1, 60_000)])
@pytest.mark.parametrize("asked", LONG)
def test_bytes_for_each_element_of_long_rows(
    monkeypatch: pytest.MonkeyPatch, which: str, dtype: str, rows: int, length: int, asked: str
) -> None:
    """Values need a copy of the inputs and the room of one row, gradients that of all rows."""
    ask, most = LONG[asked]
    x, y = np.random.default_rng(0).standard_normal((2, rows, length)).astype(dtype)
    peak = peak_of(monkeypatch, which, ask, x, y, dtype)
    if "gradient" in asked:
        assert peak <= most * x.size
    else:
        assert peak <= x.nbytes + y.nbytes + most * length


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_bytes_for_each_element_of_bounds_of_gradients(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 3000, 64)).astype(dtype)
    peak = peak_of(monkeypatch, "numpy", LONG["gradient's bound"][0], x, y, dtype)
    assert peak <= 150 * x.size


def peak_of(
    monkeypatch: pytest.MonkeyPatch,
    which: str,
    ask: Callable[[Any, Any, str], Any],
    x: Any,
    y: Any,
    dtype: str,
) -> int:
    """Bytes held at once by a question, besides its inputs."""
    if which == "numba":
        pytest.importorskip("numba", reason="compiled kernels need numba")
    monkeypatch.setenv(choice.VARIABLE, which)
    choice.active.cache_clear()
    some = (slice(3000), slice(3000))
    ask(x[some], y[some], dtype)  # what is compiled and kept is no cost of the batch
    tracemalloc.start()
    try:
        ask(x, y, dtype)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        monkeypatch.undo()
        choice.active.cache_clear()


def test_a_bound_in_blocks_is_that_of_each_row() -> None:
    x, y = np.random.default_rng(1).standard_normal((2, 70_000, 3)).astype(np.float32)
    y[::1000] = 0
    whole = oracle.bound(oracle.cosine(x, y), "float32", "G2")
    for some in (slice(0, 50), slice(32_760, 32_780), slice(69_990, None)):
        alone = oracle.bound(oracle.cosine(x[some], y[some]), "float32", "G2")
        np.testing.assert_array_equal(whole[some], alone)
