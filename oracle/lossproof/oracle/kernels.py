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
AT_ONCE = 1 << 16


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
    """The gradient of a plain cosine with respect to its first rows, as `rounded`; flat over (pair, element)."""
    if problem.similar is not None or problem.measure.norm_rule != "plain" or problem.flip is not None:
        return None
    sides = problem.pairs.plain_sides()
    if sides is None or fmt.name == "float64" or problem.pairs.wide or not _wanted(problem):
        return None
    from lossproof.oracle import compiled

    d, shape = problem.pairs.length, (problem.size, problem.pairs.length)
    values, decided = np.empty(shape, dtype=fmt.dtype), np.empty(shape, dtype=np.bool_)
    step = max(1, AT_ONCE // d)
    for i in range(0, problem.size, step):
        x, y = (_native(v[i : i + step]) for v in sides)
        found, decided[i : i + step] = compiled.round_gradient(
            x, y, problem.score, fmt.precision, 2 * fmt.eta, 2.0 ** (fmt.emax - 1)
        )
        with np.errstate(all="ignore"):
            values[i : i + step] = found
    return values.ravel(), decided.ravel()


def _wanted(problem: CosineProblem) -> bool:
    if active() != "numba" or problem.pairs.length == 0:
        return False
    return problem.size * problem.pairs.length >= WORTH or bool(os.environ.get(VARIABLE))


def _native(x: NDArray[Any]) -> NDArray[Any]:
    """Rows in a dtype that compiled code can read; the same numbers."""
    if x.itemsize > 2:
        return x
    return half_to_single(x) if x.dtype == np.float16 else x.astype(np.float32)


def half_to_single(x: NDArray[np.float16]) -> NDArray[np.float32]:
    """float16 as float32 by integer operations, several times as fast as a cast by NumPy.

    Moved to the place of a float32's, the bits stand for the value times 2^-112, subnormals included: exponents are
    biased by 15 in the one and by 127 in the other. Infinities and NaN have no such image and are left to the cast.
    """
    bits = x.view(np.uint16).astype(np.uint32)
    magnitude = bits & np.uint32(0x7FFF)
    if magnitude.max(initial=0) >= 0x7C00:
        return x.astype(np.float32)
    magnitude <<= np.uint32(13)
    values = magnitude.view(np.float32)
    values *= np.float32(2.0**112)
    bits &= np.uint32(0x8000)
    bits <<= np.uint32(16)
    magnitude |= bits
    return values


def _some(problem: CosineProblem, x: NDArray[Any], y: NDArray[Any], fmt: FloatFormat) -> tuple[Float, Mask]:
    from lossproof.oracle import compiled, compiled_float64

    length, measure = problem.pairs.length, problem.measure
    if fmt.name == "float64":
        wide = (np.ascontiguousarray(v, np.float64) for v in (x, y))
        return compiled_float64.round_float64(*wide, problem.score)
    x, y = _native(x), _native(y)
    rule = fused.RULES.index(measure.norm_rule)
    return compiled.round_products(
        *compiled.products(x, y),
        rule, measure.eps, problem.score, length, fmt.precision, 2 * fmt.eta, 2.0 ** (fmt.emax - 1),
    )  # fmt: skip
