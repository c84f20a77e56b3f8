"""The cost of a verdict, as a multiple of that of what people write: float64 NumPy and assert_allclose.

    python -m benchmarks.verdicts [--repeat N]

Prints, for each batch of answers, the processor time of `oracle.accepts` and of `oracle.within` with `oracle.bound`,
both with the construction of the enclosure, over that of the naive check. All are measured in one run, alternately.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle

Rows = NDArray[Any]
SHAPES = (("float32", 20_000, 64), ("float32", 64, 64), ("float32", 64, 8), ("float64", 20_000, 64))
SEED = 20261129


def naive(x: Rows, y: Rows, answers: Rows) -> bool:
    """The check that people write."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    wanted = np.einsum("ij,ij->i", a, b) / np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    try:
        np.testing.assert_allclose(answers, wanted, rtol=1e-5, atol=1e-6)
    except AssertionError:
        return False
    return True


def accepted(x: Rows, y: Rows, answers: Rows) -> bool:
    """The verdict, screened."""
    return bool(oracle.accepts(answers, oracle.cosine(x, y)).all())


def bounded(x: Rows, y: Rows, answers: Rows) -> bool:
    """The same verdict by the bound of every value."""
    e = oracle.cosine(x, y)
    return bool(oracle.within(answers, e, oracle.bound(e, str(answers.dtype), "G2")).all())


def batches(dtype: str, count: int, length: int) -> Iterator[tuple[str, Rows, Rows, Rows]]:
    """Rows of four sorts with their answers: right ones, and at the end wrong ones."""
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, count, length)).astype(dtype)
    across = np.concatenate([-x[:, length // 2 :], x[:, : length // 2]], axis=1)
    for name, other in (("random", y), ("parallel", x), ("orthogonal", across)):
        yield name, x, other, oracle.cosine(x, other).rounded(dtype)
    yield "random, all wrong", x, y, oracle.cosine(x, y).rounded(dtype) + np.asarray(1, dtype)


def seconds(check: Callable[..., bool], *arguments: Rows) -> float:
    """Processor time of one call, of as many as take a twentieth of a second."""
    calls, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < 0.05:
        check(*arguments)
        calls += 1
    return spent / calls


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description="Measure verdicts beside the check that people write.")
    parser.add_argument(
        "--repeat", type=int, default=5, help="measurements of each figure, of which the median counts"
    )
    repeat = parser.parse_args().repeat
    print("| answers | accepts / naive | within and bound / naive |\n|---|---|---|")
    for shape in SHAPES:
        for name, *arguments in batches(*shape):
            checks = (naive, accepted, bounded)
            found = [[seconds(check, *arguments) for check in checks] for _ in range(repeat)]
            ratios = [statistics.median(f[i] / f[0] for f in found) for i in (1, 2)]
            dtype, count, length = shape
            print(
                f"| {dtype}, {count:,} x {length}, {name} | {ratios[0]:.1f} | {ratios[1]:.1f} |", flush=True
            )


if __name__ == "__main__":
    main()
