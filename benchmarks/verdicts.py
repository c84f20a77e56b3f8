"""The cost of a verdict beside that of the answer, and of the check that people write.

    python -m benchmarks.verdicts [--repeat N] [--kernels numpy|numba]

Prints a table of ratios of processor time on one thread. Above the line stands `oracle.accepts` with the construction
of its enclosure; below it the naive check (float64 NumPy and assert_allclose), or the call of PyTorch that gave the
answers. Both are measured alternately in one run, and the median counts. Each column has a process of its own: NumPy
only, and with the kernels of the extra `fast`. `within and bound` is the same verdict by the bound of every value.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

SINGLE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ.update(dict.fromkeys(SINGLE_THREAD, "1"))  # before anything loads a BLAS

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from lossproof import oracle  # noqa: E402

Rows = NDArray[Any]
Check = Callable[[Rows, Rows, Rows], object]
SHAPES = (("float32", 20_000, 64), ("float32", 64, 64), ("float32", 64, 8), ("float64", 20_000, 64))
SORTS = ("random", "orthogonal", "tiny", "all wrong")
KERNELS = ("numpy", "numba")
LEAST_SECONDS = 0.05
"""A figure is the mean of as many calls as take so long."""
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


def gradient_accepted(x: Rows, y: Rows, answers: Rows) -> bool:
    """The verdict on gradients."""
    return bool(oracle.accepts(answers, oracle.cosine_gradient(x, y)).all())


def called(x: Rows, y: Rows, _: Rows | None = None) -> Rows:
    """The answers of PyTorch."""
    values = torch.nn.functional.cosine_similarity(torch.from_numpy(x), torch.from_numpy(y))
    return np.asarray(values.numpy())


def differentiated(x: Rows, y: Rows, _: Rows | None = None) -> Rows:
    """The gradients of PyTorch: forward and backward."""
    a = torch.from_numpy(x).requires_grad_(True)
    torch.nn.functional.cosine_similarity(a, torch.from_numpy(y)).sum().backward()  # type: ignore[no-untyped-call]
    return np.asarray(a.grad)


def pairs(dtype: str, count: int, length: int, sort: str) -> tuple[Rows, Rows, Rows]:
    """Two arrays of rows, and the norms by which they are scaled."""
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, count, length)).astype(dtype)
    scale = np.ones((count, 1), dtype)
    if sort == "orthogonal":
        y = np.concatenate([-x[:, length // 2 :], x[:, : length // 2]], axis=1)
    if sort == "tiny":  # norms of 2^-40 and thereabouts: a power of two changes no cosine
        scale = np.exp2(rng.integers(-44, -40, (count, 1))).astype(dtype)
    return x, y, scale


def questions() -> Iterator[tuple[str, Check, Check, tuple[Rows, Rows, Rows]]]:
    """The figures, each with the check or call beside it: right and wrong answers of PyTorch."""
    for dtype, count, length in SHAPES:
        for sort in SORTS:
            x, y, scale = pairs(dtype, count, length, sort)
            answers = called(x, y)
            if sort == "all wrong":
                answers = answers + np.asarray(1, dtype)
            asked = (x * scale, y * scale, answers)
            name = f"{dtype}, {count:,} x {length}, {sort}"
            yield f"{name}: naive", accepted, naive, asked
            if sort == "random":
                yield f"{name}: torch's call", accepted, called, asked
                yield f"{name}: within and bound, naive", bounded, naive, asked
    for dtype in ("float32", "float64"):
        for sort in SORTS:
            x, y, scale = pairs(dtype, 20_000, 64, sort)
            answers = differentiated(x, y) / scale
            if sort == "all wrong":
                answers = answers + np.asarray(1, dtype)
            name = f"gradients, {dtype}, 20,000 x 64, {sort}: torch's forward and backward"
            yield name, gradient_accepted, differentiated, (x * scale, y * scale, answers)


def seconds(check: Check, *arguments: Rows) -> float:
    """Processor time of one call."""
    calls, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < LEAST_SECONDS:
        check(*arguments)
        calls += 1
    return spent / calls


def measured(repeat: int) -> dict[str, float]:
    """Every ratio, with the kernels that the environment asks for."""
    torch.set_num_threads(1)
    out = {}
    for name, check, beside, arguments in questions():
        check(*arguments)  # what is compiled or loaded once is no part of a verdict
        found = [(seconds(beside, *arguments), seconds(check, *arguments)) for _ in range(repeat)]
        out[name] = statistics.median(mine / other for other, mine in found)
    return out


def column(kernels: str, repeat: int) -> dict[str, float]:
    """The ratios of a process with these kernels."""
    command = [sys.executable, "-m", "benchmarks.verdicts", "--repeat", str(repeat), "--kernels", kernels]
    environment = os.environ | {"LOSSPROOF_KERNELS": kernels}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table in Markdown; with --kernels one column as JSON."""
    parser = argparse.ArgumentParser(
        description="Measure verdicts beside answers and the check that people write."
    )
    parser.add_argument(
        "--repeat", type=int, default=5, help="measurements of each figure; the median counts"
    )
    parser.add_argument("--kernels", choices=KERNELS, help="print the figures with these kernels as JSON")
    arguments = parser.parse_args()
    if arguments.kernels:
        if os.environ.get("LOSSPROOF_KERNELS") != arguments.kernels:
            raise SystemExit(f"set LOSSPROOF_KERNELS={arguments.kernels}, too")
        print(json.dumps(measured(arguments.repeat)))
        return
    plain, fast = (column(kernels, arguments.repeat) for kernels in KERNELS)
    print("| verdicts: beside | NumPy only | with [fast] |\n|---|---|---|")
    for name, ratio in plain.items():
        print(f"| {name} | {ratio:.2f} | {fast[name]:.2f} |")


if __name__ == "__main__":
    main()
