"""A self-test of the float environment: a process that flushes subnormals or rounds otherwise must not judge.

Some frameworks set flush-to-zero for the whole process, and a library compiled with unsafe optimisations can
do so as it is loaded. The proofs of this package assume IEEE 754: round to nearest, gradual underflow, no
contraction and no reassociation of NumPy's elementwise operations.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lossproof.oracle.arithmetic.transforms import fast_two_sum, two_prod, two_sum
from lossproof.oracle.formats import Float


class FloatEnvironmentError(RuntimeError):
    """The processor's float mode, or NumPy, does not do what the proofs assume; nothing is judged then."""


def faults() -> tuple[str, ...]:
    """The faults of this process's float environment, in words; empty if there are none."""
    found = []
    tiny = _array(2.0**-1022)
    if not (tiny * 0.5 > 0).all() or not (_array(2.0**-1074) + 0.0 > 0).all():
        found.append("subnormal float64 numbers are flushed to zero")
    small = np.full(9, 2.0**-126, dtype=np.float32)
    if not (small * np.float32(0.5) > 0).all() or not (_array(2.0**-140).astype(np.float32) > 0).all():
        found.append("subnormal float32 numbers are flushed to zero")
    one, ulp = _array(1.0), 2.0**-52
    up, down = one + 0.75 * ulp, one + 0.25 * ulp
    tie, odd = one + 0.5 * ulp, (one + ulp) + 0.5 * ulp
    negative = -one - 0.75 * ulp
    nearest = (up == 1 + ulp) & (down == 1) & (tie == 1) & (odd == 1 + 2 * ulp) & (negative == -1 - ulp)
    if not nearest.all():
        found.append("float64 does not round to nearest, ties to even")
    halfway = _array(1.0 + 2.0**-24).astype(np.float32), _array(1.0 + 3 * 2.0**-24).astype(np.float32)
    if not ((halfway[0] == 1) & (halfway[1] == np.float32(1 + 2.0**-22))).all():
        found.append("float64 to float32 does not round to nearest, ties to even")
    if not _exact_transformations():
        found.append("NumPy contracts or reorders elementwise operations")
    return tuple(found)


def require() -> None:
    """FloatEnvironmentError if the environment is not what the proofs assume."""
    found = faults()
    if found:
        raise FloatEnvironmentError(
            f"the oracle cannot judge in this process: {'; '.join(found)}. "
            "A library loaded here has probably changed the processor's float mode; "
            "run the oracle in a process of its own"
        )


@lru_cache(maxsize=1)
def _faults_at_start() -> tuple[str, ...]:
    return faults()


def guard() -> None:
    """`require` once for the process, and a quick look at this thread's float mode, which each thread has for
    itself.
    """
    if _faults_at_start() or _TINY * _HALF == 0.0 or 1.0 + _HALF * _ULP != 1.0 or -1.0 - _HALF * _ULP != -1.0:
        require()


_TINY, _HALF, _ULP = float(np.finfo(np.float64).tiny), 0.5, float(np.finfo(np.float64).eps)


def _array(value: float) -> Float:
    # nine elements: a vector loop and its remainder
    return np.full(9, value)


def _exact_transformations() -> bool:
    a, b = _array(1.0 + 2.0**-30), _array(1.0 - 2.0**-29)
    p, e = two_prod(a, b)
    product_ok = (p == 1.0 - 2.0**-30) & (e == -(2.0**-59))
    s, t = two_sum(_array(1.0), _array(2.0**-60))
    f, g = fast_two_sum(_array(1.0), _array(-(2.0**-70)))
    sum_ok = (s == 1) & (t == 2.0**-60) & (f == 1) & (g == -(2.0**-70))
    return bool((product_ok & sum_ok).all())
