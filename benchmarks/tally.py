"""The speed and the memory of `oracle.tally` on a large batch.

    python -m benchmarks.tally [--rows N] [--length D] [--dtype T] [--threads K] [--repeat R]

Prints rows in a second of processor time, that time over the one of float64 NumPy and assert_allclose, and the peak of
traced memory over the size of the inputs. All are measured in one run, alternately.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from benchmarks.verdicts import SEED, naive
from lossproof import oracle


def spent(call: Callable[[], object]) -> float:
    """Processor time of one call."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def peak(call: Callable[[], object]) -> int:
    """Bytes that one call holds at once besides its inputs."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description="Measure the speed and the memory of a tally.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--length", type=int, default=64, help="elements of a row")
    parser.add_argument("--dtype", choices=("float16", "float32", "float64"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="measurements, of which the median counts")
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    x, y = (
        rng.standard_normal((options.rows, options.length), dtype=np.float32).astype(options.dtype)
        for _ in range(2)
    )
    answers = oracle.cosine(x, y).rounded(options.dtype)
    size = x.nbytes + y.nbytes + answers.nbytes
    print("| grades | rows a second | tally / naive | memory / inputs |\n|---|---|---|---|")
    for grades in (None, ("G2",)):

        def ask(grades: tuple[str, ...] | None = grades) -> oracle.Tally:
            return oracle.tally(answers, x, y, grades=grades, threads=options.threads)

        times = [(spent(ask), spent(lambda: naive(x, y, answers))) for _ in range(options.repeat)]
        rate = options.rows / statistics.median(t for t, _ in times)
        ratio = statistics.median(t / n for t, n in times)
        held = peak(ask) / size
        print(f"| {', '.join(grades or ('all',))} | {rate:,.0f} | {ratio:.1f} | {held:.2f} |", flush=True)


if __name__ == "__main__":
    main()
