"""The four binary formats that answers come in: constants, the caster and the unit in the last place.

The caster works on bit patterns with integers. A float64 that travels through float32 on its way to
bfloat16 is rounded twice, which is how the casts of several libraries go wrong; here every value is rounded
once, to nearest, ties to even, with subnormals and overflow as IEEE 754-2019 (section 4.3.1) says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.errors import shown

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index: TypeAlias = NDArray[np.intp] | NDArray[np.bool_] | slice


@dataclass(frozen=True)
class FloatFormat:
    """A binary format: p bits of significand, normal exponents emin..emax, `width` bits in all."""

    name: str
    precision: int
    emin: int
    emax: int
    width: int
    flushes: bool = True
    """Whether a product that underflows may come out as 0: `eta` is then the error allowed for it, else 0."""

    @property
    def u(self) -> float:
        """The unit roundoff 2^-p."""
        return math.ldexp(1.0, -self.precision)

    @property
    def eta(self) -> float:
        """The most a flushed product may lose: the smallest normal number, or 0 in a format that does not flush."""
        return math.ldexp(1.0, self.emin) if self.flushes else 0.0

    @property
    def quantum(self) -> int:
        """The exponent of the smallest subnormal number."""
        return self.emin - self.precision + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype; bfloat16 is that of ml_dtypes."""
        return np.dtype(ml_dtypes.bfloat16) if self.name == "bfloat16" else np.dtype(self.name)


FORMATS = {
    "float16": FloatFormat("float16", 11, -14, 15, 16),
    "bfloat16": FloatFormat("bfloat16", 8, -126, 127, 16),
    "float32": FloatFormat("float32", 24, -126, 127, 32),
    "float64": FloatFormat("float64", 53, -1022, 1023, 64),
}
FLOAT_DTYPES = tuple(FORMATS)
"""The names of the dtypes that values can be rounded to and judged in."""


@lru_cache(maxsize=256)
def name_of(dtype: np.dtype[Any]) -> str:
    """The name of a NumPy dtype, which NumPy makes anew, slowly, each time it is asked."""
    return str(dtype)


def format_of(dtype: object) -> FloatFormat:
    """The format named by a string or a NumPy dtype; ValueError says which there are."""
    try:
        name = dtype if isinstance(dtype, str) or dtype is None else name_of(np.dtype(dtype))  # type: ignore[call-overload]
    except TypeError:
        name = None
    if name not in FORMATS:
        told = shown(dtype if name is None else name)
        raise ValueError(f"dtype {told} is not a float format of the oracle; allowed: {', '.join(FORMATS)}")
    return FORMATS[name]


def cast(values: Float, fmt: FloatFormat) -> NDArray[Any]:
    """Round float64 values to `fmt`, to nearest, ties to even, in integers; NaN stays NaN."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    if fmt.name == "float64":
        return values.copy()
    bits = values.view(np.uint64)
    field = ((bits >> np.uint64(52)) & np.uint64(0x7FF)).astype(np.int64)
    fraction = bits & np.uint64((1 << 52) - 1)
    significand = np.where(field > 0, fraction | np.uint64(1 << 52), fraction)
    exponent = np.maximum(field, 1) - 1023  # value = significand * 2^(exponent - 52)
    dropped = 53 - fmt.precision + np.maximum(fmt.emin - exponent, 0)
    # 2^53 > significand, so 54 dropped bits already leave less than a half.
    drop = np.minimum(dropped, 54).astype(np.uint64)
    kept = significand >> drop
    rest = significand & ((np.uint64(1) << drop) - np.uint64(1))
    half = np.uint64(1) << (drop - np.uint64(1))
    up = (rest > half) | ((rest == half) & ((kept & np.uint64(1)) == 1))
    # `kept` holds the leading bit of a normal number, which adds one to the exponent field; a carry out of
    # rounding moves on to the next binade, or from the subnormal to the normal numbers, by itself.
    base = np.maximum(exponent - fmt.emin, 0).astype(np.uint64) << np.uint64(fmt.precision - 1)
    infinity = np.uint64((fmt.emax - fmt.emin + 2) << (fmt.precision - 1))
    magnitude = np.minimum(base + kept + up, infinity)
    magnitude = np.where(np.isnan(values), infinity | np.uint64(1 << (fmt.precision - 2)), magnitude)
    out = magnitude | ((bits >> np.uint64(63)) << np.uint64(fmt.width - 1))
    unsigned = np.uint16 if fmt.width == 16 else np.uint32
    rounded: NDArray[Any] = out.astype(unsigned).view(fmt.dtype)
    return rounded


def cast_between(low: Float, high: Float, size: Float, fmt: FloatFormat) -> tuple[Float, Mask]:
    """The number to which all numbers strictly between low and high, or equal to both, round, and where there is one.

    Returned as float64, with a mask. `size` is the magnitude of a number between. Adding half a unit to the
    bit pattern and dropping the tail rounds to nearest, ties away from zero; a number strictly inside the
    interval is a tie only if the interval holds the numbers on both sides of it, and then the ends come out
    apart. Where the result may be subnormal, zero, infinite or exact, the careful caster decides.
    """
    drop = np.int64(53 - fmt.precision)
    half = np.int64(1) << (drop - np.int64(1))
    first = low.view(np.int64) + half
    first >>= drop
    last = high.view(np.int64) + half
    last >>= drop
    decided = first == last
    first <<= drop
    values = first.view(np.float64)
    least, most = 2 * fmt.eta, 2.0 ** (fmt.emax - 1)
    if not (size.min(initial=1.0) >= least and size.max(initial=1.0) < most):
        rows = np.flatnonzero(~((size >= least) & (size < most)))
        values[rows], decided[rows] = cast_ends(low[rows], high[rows], fmt)
    return values, decided


def cast_ends(low: Float, high: Float, fmt: FloatFormat) -> tuple[Float, Mask]:
    """The number to which everything from low to high rounds, and where that is one number (of one sign)."""
    first, last = (cast(v, fmt).astype(np.float64) for v in (low, high))
    known = np.isfinite(low) & np.isfinite(high)
    return first, known & (first == last) & ((first != 0) | (low >= 0) | (high <= 0))


def round_integer(n: int, exponent: int, fmt: FloatFormat, sticky: bool = False) -> float:
    """Round n * 2^exponent to `fmt`; with `sticky` the value lies strictly between n and n + 1 units.

    n is negative for negative values and then counts the floor, so the open interval is always (n, n + 1).
    Returned as the float64 that holds it, infinities included. ValueError if a sticky n has too few bits to
    decide.
    """
    if n < 0:
        # -(|n|) or, with the sticky bit, between |n| - 1 and |n| in magnitude.
        return -round_integer(-n - 1 if sticky else -n, exponent, fmt, sticky)
    top = exponent + n.bit_length() - 1
    quantum = max(top - fmt.precision + 1, fmt.quantum)
    drop = quantum - exponent
    if drop <= 0:
        if sticky:
            raise ValueError(f"{n.bit_length()} bits are too few to round to {fmt.name}")
        kept = n << -drop
    else:
        kept, rest, half = n >> drop, n & ((1 << drop) - 1), 1 << (drop - 1)
        if rest > half or (rest == half and (sticky or kept & 1)):
            kept += 1
    if kept and quantum + kept.bit_length() - 1 > fmt.emax:
        return math.inf
    return math.ldexp(float(kept), quantum)


EXPONENT = np.int64(0x7FF0000000000000)
"""The bits of the exponent of a float64, which alone are the power of two at or below a normal number."""


def ulp(values: Float, fmt: FloatFormat) -> Float:
    """The spacing of `fmt` at each value: 2^(e - p + 1) for 2^e <= |v| < 2^(e + 1), never below the
    smallest subnormal.

    Beyond the largest finite number the spacing goes on growing as if there were no largest exponent.
    """
    bits = np.asarray(values, dtype=np.float64).view(np.int64) & EXPONENT
    power: Float = np.maximum(bits.view(np.float64), math.ldexp(1.0, fmt.emin))
    return np.asarray(power * math.ldexp(1.0, 1 - fmt.precision))
