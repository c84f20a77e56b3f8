"""Facts of the floating-point formats, and casts to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: `precision` bits with the hidden one, smallest and largest normal exponent."""

    name: str
    precision: int
    emin: int
    emax: int

    @property
    def unit(self) -> float:
        """u = 2^-precision, the unit roundoff."""
        return 2.0**-self.precision

    @property
    def smallest_normal(self) -> float:
        """2^emin."""
        return 2.0**self.emin

    @property
    def smallest(self) -> float:
        """The smallest subnormal number."""
        return 2.0 ** (self.emin - self.precision + 1)

    @property
    def largest(self) -> float:
        """(2 - 2u) 2^emax."""
        return (2.0 - 2.0 * self.unit) * 2.0**self.emax


FORMATS = {
    "float16": Format("float16", 11, -14, 15),
    "bfloat16": Format("bfloat16", 8, -126, 127),
    "float32": Format("float32", 24, -126, 127),
    "float64": Format("float64", 53, -1022, 1023),
}


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype of a name, bfloat16 included."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def cast(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Cast without warnings: what overflows becomes inf, since some regions want that refused or kept out."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return values.astype(numpy_dtype(name))


def promoted(names: tuple[str, ...]) -> str:
    """The dtype that holds all of these floating dtypes; float16 with bfloat16 gives float32."""
    floats = sorted({n for n in names if n in FORMATS}, key=lambda n: FORMATS[n].precision)
    if set(floats) == {"float16", "bfloat16"}:
        return "float32"
    return floats[-1] if floats else "float32"
