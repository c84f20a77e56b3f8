"""What a batch costs in memory: at most three times its inputs, however many rows it has."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle import kernels

ASK: dict[str, Callable[[Any, Any, str], Any]] = {
    "rounded": lambda x, y, dtype: oracle.cosine(x, y).rounded(dtype),
    "gradient": lambda x, y, dtype: oracle.cosine_gradient(x, y).rounded(dtype),
    "bound": lambda x, y, dtype: oracle.bound(oracle.cosine(x, y), dtype, "G2"),
}
TIMES = 3


@pytest.mark.parametrize("which", kernels.KERNELS)
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
    monkeypatch.setenv(kernels.VARIABLE, which)
    kernels.active.cache_clear()
    x, y = np.random.default_rng(0).standard_normal((2, rows, length)).astype(dtype)
    ask = ASK[asked]
    ask(x[:3000], y[:3000], dtype)  # what is compiled and kept is no cost of the batch
    tracemalloc.start()
    try:
        ask(x, y, dtype)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        monkeypatch.undo()
        kernels.active.cache_clear()
    assert peak <= TIMES * (x.nbytes + y.nbytes)


def test_a_bound_in_blocks_is_that_of_each_row() -> None:
    x, y = np.random.default_rng(1).standard_normal((2, 70_000, 3)).astype(np.float32)
    y[::1000] = 0
    whole = oracle.bound(oracle.cosine(x, y), "float32", "G2")
    for some in (slice(0, 50), slice(32_760, 32_780), slice(69_990, None)):
        alone = oracle.bound(oracle.cosine(x[some], y[some]), "float32", "G2")
        np.testing.assert_array_equal(whole[some], alone)
