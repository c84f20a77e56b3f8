"""Which kernels do the dot products: those of NumPy, or the compiled ones of `lossproof[fast]`.

The choice is automatic: numba if it is installed, for batches large enough to repay loading it.
LOSSPROOF_KERNELS=numpy or =numba in the environment forces it. The answers are the same bit for bit.
"""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache

from lossproof.oracle.errors import choice

KERNELS = ("numpy", "numba")
VARIABLE = "LOSSPROOF_KERNELS"
MIN_COMPILED_ELEMENTS = 1 << 20
"""Elements from which on the compiled kernels are chosen by themselves."""


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


def compiled_wanted(elements: int) -> bool:
    """Whether a batch of so many elements gets the compiled kernels."""
    return active() == "numba" and (elements >= MIN_COMPILED_ELEMENTS or bool(os.environ.get(VARIABLE)))
