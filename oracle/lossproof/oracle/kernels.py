"""Which kernels do the dot products: those of NumPy, or the compiled ones of `lossproof[fast]`.

The choice is automatic: numba if it is installed, for batches large enough to repay loading it.
LOSSPROOF_KERNELS=numpy or =numba in the environment forces it. The answers are the same bit for bit.
"""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle import fused
from lossproof.oracle.errors import choice
from lossproof.oracle.formats import Float, FloatFormat, Mask

if TYPE_CHECKING:
    from lossproof.oracle.cosine import CosineProblem

KERNELS = ("numpy", "numba")
VARIABLE = "LOSSPROOF_KERNELS"
WORTH = 1 << 20
"""Elements from which on the compiled kernels are chosen by themselves."""
AT_ONCE = 1 << 17
"""Elements in a block of rows, which the caches hold when they are widened first."""


@lru_cache(maxsize=1)
def active() -> str:
    """The kernels that large batches get: "numpy" or "numba"; ValueError where the environment asks for others."""
    asked = os.environ.get(VARIABLE)
    installed = importlib.util.find_spec("numba") is not None
    if not asked:
        return "numba" if installed else "numpy"
    if choice(VARIABLE, asked, KERNELS) == "numba" and not installed:
        raise ValueError(f"{VARIABLE}=numba, but numba is not installed; pip install 'lossproof[fast]'")
    return asked


def rounded(problem: CosineProblem, fmt: FloatFormat) -> tuple[NDArray[Any], Mask] | None:
    """The values of a cosine problem rounded by the compiled kernels, and where they are certain.

    None where the kernels do not apply; then, and where they are uncertain, the ladder answers.
    """
    if problem.similar is not None or problem.measure.norm_rule not in fused.RULES or not _wanted(problem):
        return None
    sides = problem.pairs.plain_sides()
    if sides is None or (fmt.name == "float64" and problem.measure.norm_rule != "plain"):
        return None
    if problem.measure.eps and not fused.usable(problem.measure.eps):
        return None
    x, y = sides
    values, decided = np.empty(problem.size, dtype=fmt.dtype), np.empty(problem.size, dtype=np.bool_)
    step = max(1, AT_ONCE // max(problem.pairs.length, 1))
    for i in range(0, problem.size, step):
        found, sure = _some(problem, x[i : i + step], y[i : i + step], fmt)
        with np.errstate(all="ignore"):
            values[i : i + step] = found
        decided[i : i + step] = sure
    return values, decided


def rounded_gradient(problem: CosineProblem, fmt: FloatFormat) -> tuple[NDArray[Any], Mask] | None:
    """The gradient of a plain cosine with respect to its first rows, as `rounded`; flat over (pair, element).

    NumPy has a kernel of its own for float32.
    """
    if problem.similar is not None or problem.measure.norm_rule != "plain" or problem.flip is not None:
        return None
    sides, d, shape = problem.pairs.plain_sides(), problem.pairs.length, (problem.size, problem.pairs.length)
    if sides is None or d == 0 or fmt.name == "float64" or problem.pairs.wide:
        return None
    wanted = _wanted(problem)
    if not wanted and fmt.name != "float32":
        return None
    values, decided = np.empty(shape, dtype=fmt.dtype), np.empty(shape, dtype=np.bool_)
    if not wanted:
        fused.round_gradient(*sides, 1.0 if problem.score == "similarity" else -1.0, values, decided)
        return values.ravel(), decided.ravel()
    from lossproof.oracle import compiled

    step = max(1, AT_ONCE // d)
    for i in range(0, problem.size, step):
        x, y = (v[i : i + step] for v in sides)
        compiled.round_gradient(x, y, problem.score, fmt, values[i : i + step], decided[i : i + step])
    return values.ravel(), decided.ravel()


def _wanted(problem: CosineProblem) -> bool:
    if active() != "numba" or problem.pairs.length == 0:
        return False
    return problem.size * problem.pairs.length >= WORTH or bool(os.environ.get(VARIABLE))


def _some(problem: CosineProblem, x: NDArray[Any], y: NDArray[Any], fmt: FloatFormat) -> tuple[Float, Mask]:
    from lossproof.oracle import compiled, compiled_float64

    length, measure = problem.pairs.length, problem.measure
    if fmt.name == "float64":
        x, y = (np.ascontiguousarray(v, np.float64) for v in (x, y))
        return compiled_float64.round_rows(x, y, problem.score)
    rule = fused.RULES.index(measure.norm_rule)
    return compiled.round_products(
        *compiled.products(x, y),
        rule, measure.eps, problem.score, length, fmt.precision, 2 * fmt.eta, 2.0 ** (fmt.emax - 1),
    )  # fmt: skip
