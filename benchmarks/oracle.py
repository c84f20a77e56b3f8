"""Measures the speed of the oracle against a plain mpmath loop at 50 digits, in the same run on one core.

    python -m benchmarks.oracle [--quick] [--scale]

Prints, for each kind of rows: the time per row, the ratio to the mpmath loop with the figure it should reach ("below"
marks one that was not reached), and the share of rows that each stage decided; beside it the same work done by float64
NumPy, math.fsum, python-flint and torch's own operator (where installed), with how many of their results were not
correctly rounded. --scale fits time against rows and against length over four decades. Times are processor times of
this process, the best of a few runs; a ratio is the median of runs in turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # one core; NumPy reads this when it is loaded

import flint  # noqa: E402
import ml_dtypes  # noqa: E402
import mpmath  # noqa: E402
import numpy as np  # noqa: E402

from lossproof import oracle  # noqa: E402
from lossproof.oracle.enclosure import LADDER  # noqa: E402
from lossproof.oracle.kernels import choice  # noqa: E402

KINDS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
FIGURES = {
    # (what, dtype, length): with NumPy alone, with [fast]
    **{("value", t, d): (3000, 12000) for t in ("float32", "float16", "bfloat16") for d in (64, 768)},
    **{("value", "float64", d): (300, 3500) for d in (64, 768)},
    ("value", "float32", 3): (1000, 2500),
    ("value", "float64", 3): (200, 250),
    **{("gradient", "float32", d): (1000, 6000) for d in (64, 768)},
    ("all pairs", "float32", 768): (100_000, 100_000),
    ("worst case", "float32", 64): (7, 20),
}

ASK: dict[str, Callable[..., Any]] = {"gradient": oracle.cosine_gradient, "all pairs": oracle.cosine_matrix}


def best(call: Callable[[], object], runs: int) -> float:
    """The least processor time of a few runs, in seconds."""
    least = math.inf
    for _ in range(runs):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return least


def beside(base: Callable[[], object], call: Callable[[], object], runs: int) -> tuple[float, float]:
    """The least processor time of `call` and the median of base over call, asked in turn.

    A machine that is slower for a while is so for both of a pair.
    """
    pairs = [(best(base, 3), best(call, 3)) for _ in range(runs)]
    return min(own for _, own in pairs), statistics.median(theirs / own for theirs, own in pairs)


def rows(count: int, length: int, dtype: str, seed: int = 0) -> tuple[Any, Any]:
    g = np.random.default_rng([seed, count, length])
    x, y = (g.standard_normal((count, length)).astype(KINDS[dtype]) for _ in "xy")
    x.flags.writeable = y.flags.writeable = False  # the oracle copies what can be changed
    return x, y


def worst(count: int, length: int) -> tuple[Any, Any]:
    """Rows whose cosine lies exactly half way between two float32 numbers: only the exact stage can tell.

    x = (1, 1, 1, 1, 0...) has norm 2; y holds integers whose squares add up to 2^48, the first four with an odd sum S
    of 25 bits, so that c = S / 2^25.
    """
    g = np.random.default_rng(1)
    x, y = np.zeros((2, count, length), dtype=np.float32)
    x[:, :4] = 1
    for row in y:
        lead = g.integers(5 << 20, 6 << 20, 4)
        lead[0] += 1 - lead.sum() % 2
        left, rest = (1 << 48) - int((lead**2).sum()), []
        while left:
            rest.append(math.isqrt(left))
            left -= rest[-1] ** 2
        row[: 4 + len(rest)] = [*lead.tolist(), *rest]
    return x, y


def mpmath_loop(x: Any, y: Any) -> list[Any]:
    """The plain loop: sums of products, one after another, at 50 digits."""
    out = []
    with mpmath.workdps(50):
        for a, b in zip(x, y, strict=True):
            a, b = [mpmath.mpf(v) for v in a], [mpmath.mpf(v) for v in b]
            p = q = r = mpmath.mpf(0)
            for v, w in zip(a, b, strict=True):
                p += v * w
                q += v * v
                r += w * w
            out.append((p, q, r, a, b, p / mpmath.sqrt(q * r)))
    return out


def mpmath_gradient(x: Any, y: Any) -> None:
    for p, q, r, a, b, _ in mpmath_loop(x, y):
        with mpmath.workdps(50):
            d, k = mpmath.sqrt(q * r), p / q
            [(w - v * k) / d for v, w in zip(a, b, strict=True)]


def float64(x: Any, y: Any) -> Any:
    x, y = x.astype(np.float64), y.astype(np.float64)
    return (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))


def fsum(x: Any, y: Any) -> Any:
    out = []
    for a, b in zip(x.astype(np.float64).tolist(), y.astype(np.float64).tolist(), strict=True):
        p, q, r = (math.fsum(v * w for v, w in zip(s, t, strict=True)) for s, t in ((a, b), (a, a), (b, b)))
        out.append(p / math.sqrt(q * r))
    return np.array(out)


def arb(x: Any, y: Any) -> Any:
    flint.ctx.prec = 170
    out = []
    for a, b in zip(x.astype(np.float64).tolist(), y.astype(np.float64).tolist(), strict=True):
        s, t = flint.arb_mat(1, len(a), a), flint.arb_mat(len(b), 1, b)
        u, v = flint.arb_mat(len(a), 1, a), flint.arb_mat(1, len(b), b)
        out.append(float((s * t)[0, 0] / ((s * u)[0, 0] * (v * t)[0, 0]).sqrt()))
    return np.array(out)


def torch_operator(x: Any, y: Any) -> Any:
    import torch

    torch.set_num_threads(1)
    if str(x.dtype) == "bfloat16":
        a, b = (torch.from_numpy(v.view(np.int16).copy()).view(torch.bfloat16) for v in (x, y))
        return torch.nn.functional.cosine_similarity(a, b).view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return torch.nn.functional.cosine_similarity(torch.from_numpy(x), torch.from_numpy(y)).numpy()


def shares(e: Any, dtype: str) -> str:
    """The share of values that each stage decides, in percent."""
    from lossproof.oracle.formats import FORMATS

    counts, total = dict.fromkeys((a.name for a in LADDER), 0), 0

    def ask(arithmetic: Any, numbers: Any, _: Any) -> Any:
        decided = arithmetic.rounded(numbers, FORMATS[dtype])[1]
        counts[arithmetic.name] += int(decided.sum())
        return decided

    e.refine(ask)
    total = max(sum(counts.values()), 1)
    return " ".join(f"{100 * c / total:.2f}" for c in counts.values())


def table(quick: bool) -> None:
    runs, size = (2, 1 << 19) if quick else (3, 1 << 23)
    fast = choice.active() == "numba"
    print(f"kernels: {choice.active()}; stages: {', '.join(a.name for a in LADDER)}")
    print(f"{'':12}{'dtype':10}{'d':>5}{'us/row':>10}{'ratio':>11}{'figure':>9}   share per stage, %")
    for (what, dtype, d), figures in FIGURES.items():
        base_rows = rows(max(6, 3000 // d), d, dtype, 5)
        base_call = mpmath_gradient if what == "gradient" else mpmath_loop
        lists = [v.astype(np.float64).tolist() for v in base_rows]
        count = max(64, size // d // (2 if what == "gradient" or dtype == "float64" else 1))
        x, y = worst(2048, d) if what == "worst case" else rows(count, d, dtype)
        if what == "all pairs":
            x, y = rows(1024, d, dtype)
        ask = ASK.get(what, oracle.cosine)
        target = dtype
        ask(x, y).rounded(target)
        pairs = len(x) * (len(y) if what == "all pairs" else 1)
        least, times = beside(
            lambda c=base_call, v=lists: c(*v),  # type: ignore[misc]
            lambda a=ask, v=(x, y), t=target: a(*v).rounded(t),  # type: ignore[misc]
            runs,
        )
        each, ratio = least / pairs, times / len(lists[0]) * pairs
        figure = figures[1 if fast else 0]
        mark = "" if ratio >= figure else "  below"
        share = shares(ask(x, y), target)
        print(
            f"{what:12}{dtype:10}{d:5}{each * 1e6:10.3f}{ratio:10,.0f}x{figure:8,}x   {share}{mark}",
            flush=True,
        )


def others(quick: bool) -> None:
    print("\nThe same work by others: us/row and results not correctly rounded to the dtype")
    ways: dict[str, Callable[[Any, Any], Any]] = {
        "float64 NumPy": float64,
        "math.fsum": fsum,
        "python-flint": arb,
    }
    if importlib.util.find_spec("torch"):
        ways["torch"] = torch_operator
    for dtype in KINDS:
        for d in (3, 64, 768):
            x, y = rows(200 if quick else max(2000, 200_000 // d), d, dtype, 9)
            right = oracle.cosine(x, y).rounded(dtype)
            line = []
            for name, way in ways.items():
                each = best(lambda w=way, v=(x, y): w(*v), 2) / len(x)  # type: ignore[misc]
                wrong = int((way(x, y).astype(right.dtype) != right).sum())
                line.append(f"{name} {each * 1e6:.2f} us, {100 * wrong / len(x):.2f}% wrong")
            print(f"{dtype:10}{d:5}   " + ";  ".join(line), flush=True)


def growth(sizes: Any, times: Any) -> tuple[float, float, float, float]:
    """t = a + b n^k, fitted to relative errors: a, b, k and the largest relative residual.

    a is the fixed cost of a call, which hides the slope of small sizes in a fit without it.
    """
    n, t = np.asarray(sizes, dtype=float), np.asarray(times)
    found = []
    for k in np.linspace(0.5, 1.5, 201):
        terms = np.stack([1 / t, (n / n[-1]) ** k / t], axis=1)
        a, b = np.linalg.lstsq(terms, np.ones(len(t)), rcond=None)[0]
        rest = np.abs(terms @ [a, b] - 1)
        found.append((float((rest**2).sum()), a, b / n[-1] ** k, k, float(rest.max())))
    _, a, b, k, largest = min(found)
    return float(a), float(b), float(k), largest


def scale() -> None:
    print("\nGrowth over four decades, fitted by time = a + b size^k (k = 1 is linear)")
    sizes = [round(10 ** (2 + i / 2)) for i in range(9)]
    for name, make in (
        ("rows, d = 64", lambda n: rows(n, 64, "float16")),
        ("length, 16 rows", lambda d: rows(16, d, "float32")),
    ):
        times = []
        for n in sizes:
            x, y = make(n)
            times.append(best(lambda v=(x, y): oracle.cosine(*v).rounded("float32"), 9))  # type: ignore[misc]
        a, b, k, largest = growth(sizes, times)
        told = ", ".join(f"{n:,}: {1e3 * t:.2f} ms" for n, t in zip(sizes, times, strict=True))
        print(
            f"{name}: k = {k:.2f}, a = {1e3 * a:.2f} ms, b = {1e9 * b:.3g} ns, largest residual {largest:.0%}"
        )
        print(f"    ({told})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows and runs")
    parser.add_argument("--scale", action="store_true", help="fit time against rows and length as well")
    options = parser.parse_args()
    os.environ[choice.VARIABLE] = choice.active()  # also for small batches
    table(options.quick)
    others(options.quick)
    if options.scale:
        scale()


if __name__ == "__main__":
    main()
