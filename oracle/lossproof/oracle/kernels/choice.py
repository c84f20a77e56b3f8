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

from lossproof.oracle.errors import choice
from lossproof.oracle.formats import FloatFormat
from lossproof.oracle.kernels import fused, fused_float64

if TYPE_CHECKING:
    from lossproof.oracle.scores.cosine import CosineProblem

KERNELS = ("numpy", "numba")
VARIABLE = "LOSSPROOF_KERNELS"
MIN_COMPILED_ELEMENTS = 1 << 20
"""Elements from which on the compiled kernels are chosen by themselves."""
AT_ONCE, WIDENED_AT_ONCE = 1 << 20, 1 << 17
"""Elements in a block of rows: enough to repay the call, and what the caches hold when they are widened first."""
ROWS_AT_ONCE = 1 << 13
"""Rows of which the caches hold P, Q and R."""
Rounded = tuple[NDArray[Any], NDArray[np.intp]]
"""Values, and the places (flat, in order) of those that are uncertain."""


@lru_cache(maxsize=1)
def active() -> str:
    """The kernels that large batches get: "numpy" or "numba"; ValueError where the environment asks for others."""
    asked = os.environ.get(VARIABLE)
    installed = importlib.util.find_spec("numba") is not None
    if not asked:
        return "numba" if installed else "numpy"
    if choice(VARIABLE, asked, KERNELS) == "numba" and not installed:
        raise ValueError(f"{VARIABLE}=numba, but numba is not installed; python -m pip install numba")
    return asked


def rounded(problem: CosineProblem, fmt: FloatFormat) -> Rounded | None:
    """The values of a cosine problem rounded by kernels, and which of them are uncertain.

    None where the kernels do not apply; then, and where they are uncertain, the ladder answers.
    """
    measure, length = problem.measure, problem.pairs.length
    if problem.similar is not None or measure.norm_rule not in fused.RULES or length == 0:
        return None
    sides, double = problem.pairs.plain_sides(), fmt.name == "float64"
    if sides is None or (double and measure.norm_rule != "plain"):
        return None
    if measure.eps and not fused.usable(measure.eps):
        return None
    wanted = _wanted(problem)
    if not wanted and (length > fused_float64.LONGEST if double else problem.pairs.wide):
        return None
    widened = double and any(v.dtype != np.float64 for v in sides)
    elements = WIDENED_AT_ONCE if widened else AT_ONCE
    step = min(max(1, elements // length), ROWS_AT_ONCE) if wanted or widened else ROWS_AT_ONCE
    rule = (measure.norm_rule, measure.eps, problem.score)
    if wanted:
        from lossproof.oracle.kernels import compiled, compiled_float64
    elif not double:
        rounder = fused.Rounder(*rule, length, min(step, problem.size), fmt)
    values, left = np.empty(problem.size, dtype=fmt.dtype), []
    for i in range(0, problem.size, step):
        (x, y), out = (v[i : i + step] for v in sides), values[i : i + step]
        if double:
            x, y = (np.ascontiguousarray(v, np.float64) for v in (x, y))
            round_rows = compiled_float64.round_rows if wanted else fused_float64.round_rows
            some = round_rows(x, y, problem.score, out)
        elif wanted:
            some = compiled.round_cosines(x, y, *rule, fmt, out)
        else:
            some = rounder.round(x, y, out)
        left.append(some + i)
    return values, np.concatenate(left) if left else np.empty(0, dtype=np.intp)


def rounded_gradient(problem: CosineProblem, fmt: FloatFormat) -> Rounded | None:
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
    values = np.empty(shape, dtype=fmt.dtype)
    if not wanted:
        left = fused.round_gradient(*sides, 1.0 if problem.score == "similarity" else -1.0, values)
        return values.ravel(), left
    from lossproof.oracle.kernels import compiled

    found = []
    widened = any(v.itemsize < 4 for v in sides)
    step = max(1, (WIDENED_AT_ONCE if widened else AT_ONCE) // d)
    for i in range(0, problem.size, step):
        x, y = (v[i : i + step] for v in sides)
        found.append(compiled.round_gradient(x, y, problem.score, fmt, values[i : i + step]) + i * d)
    return values.ravel(), np.concatenate(found) if found else np.empty(0, dtype=np.intp)


def _wanted(problem: CosineProblem) -> bool:
    if active() != "numba" or problem.pairs.length == 0:
        return False
    return problem.size * problem.pairs.length >= MIN_COMPILED_ELEMENTS or bool(os.environ.get(VARIABLE))
