"""Every stage of the oracle against exact integers and mpmath, on rows made to be hard.

Each row is drawn from one region in one dtype. A reference in Python integers gives the two float64 numbers around c
and c rounded to each format; one row in fifty is computed by mpmath at 400 digits as well, its distance 1 - c
included. Then every stage is asked by itself: its enclosure must hold the value, and whatever it calls decided must
be right. Last, the whole ladder must decide every row, rightly.
"""

from __future__ import annotations

import math
from collections import Counter

import mpmath
import numpy as np

from lossproof import oracle
from lossproof.oracle.enclosure import LADDER
from lossproof.oracle.formats import FORMATS

from . import reference, samples

CHUNK = 500
SAMPLE = 50


def integers(row: list[float]) -> tuple[list[int], int]:
    """The row as integers times 2^e."""
    pairs = [math.frexp(v) for v in row]
    least = min((e for m, e in pairs if m), default=0)
    return [int(m * 2**53) << (e - least) if m else 0 for m, e in pairs], least - 53


def nearest(n: int, exponent: int, sticky: bool, name: str) -> float:
    """n 2^exponent, n > 0, a little more if sticky, to the nearest number of a format; ties to even."""
    p, emin, emax = reference.PRECISION[name]
    top = exponent + n.bit_length() - 1
    quantum = max(top - p + 1, emin - p + 1)
    shift = quantum - exponent
    kept, rest = (n >> shift, n & ((1 << shift) - 1)) if shift > 0 else (n << -shift, 0)
    half = 1 << (shift - 1) if shift > 0 else 0
    if shift > 0 and (rest > half or (rest == half and (sticky or kept & 1))):
        kept += 1
    if kept and quantum + kept.bit_length() - 1 > emax:
        return math.inf
    return math.ldexp(float(kept), quantum)


def cosine(x: list[float], y: list[float]) -> tuple[float, float, dict[str, float]] | None:
    """The floats around c and its nearest number in each format, from integers alone; None for 0/0."""
    (a, _), (b, _) = integers(x), integers(y)  # c does not depend on the exponents
    p = sum(v * w for v, w in zip(a, b, strict=True))
    qr = sum(v * v for v in a) * sum(v * v for v in b)
    if qr == 0:
        return None
    if p == 0:
        return 0.0, 0.0, dict.fromkeys(FORMATS, 0.0)
    sign = 1 if p > 0 else -1
    k = max(0, (qr.bit_length() - (p * p).bit_length()) // 2 + 70)
    scaled = p * p << 2 * k
    s = math.isqrt(scaled // qr)
    sticky = s * s * qr != scaled
    rounded = {name: sign * nearest(s, -k, sticky, name) for name in FORMATS}
    shift = max(s.bit_length() - 53, 0, k - 1074)
    low = math.ldexp(float(s >> shift), shift - k)
    exact = not sticky and not s & ((1 << shift) - 1)
    high = low if exact else math.nextafter(low, math.inf)
    return (low, high, rounded) if sign > 0 else (-high, -low, rounded)


def check(region: str, dtype: str, length: int, seed: int, counts: Counter[str], chunk: int = CHUNK) -> int:
    """One chunk; how many answers were wrong."""
    x, y = samples.rows(region, dtype, chunk, length, seed)
    e = oracle.cosine(x, y)
    found = [cosine(a, b) for a, b in zip(x.astype(float).tolist(), y.astype(float).tolist(), strict=True)]
    valued = np.array([f is not None for f in found])
    wrong = int((e.undefined == valued).sum())
    rows = np.flatnonzero(valued)
    low, high = (np.array([f[i] for f in found if f is not None]) for i in (0, 1))
    values = {name: np.array([f[2][name] for f in found if f is not None]) for name in FORMATS}
    for arithmetic in LADDER:
        numbers = e.problem.evaluate(arithmetic, rows)
        lower, upper = arithmetic.bounds(numbers)
        wrong += int((~((lower <= low) & (high <= upper))).sum())
        for name, fmt in FORMATS.items():
            told, decided = arithmetic.rounded(numbers, fmt)
            wrong += int((decided & (told != values[name])).sum())
            counts[f"{arithmetic.name} {name}"] += int(decided.sum())
    wrong += int((e.lower[rows] != low).sum()) + int((e.upper[rows] != high).sum())
    for name in FORMATS:
        wrong += int((e.rounded(name)[rows].astype(np.float64) != values[name]).sum())
    d = oracle.cosine(x, y, score="distance")
    for i in range(0, chunk, SAMPLE):
        c = reference.cosine(x[i], y[i])
        if c is not None:
            for name in FORMATS:
                wrong += float(e.rounded(name)[i]) != reference.rounded(c, name)
                wrong += float(d.rounded(name)[i]) != reference.rounded(1 - c, name)
            wrong += not mpmath.mpf(float(d.lower[i])) <= 1 - c <= mpmath.mpf(float(d.upper[i]))
            counts["mpmath"] += 1
    counts["rows"] += chunk
    counts["valued"] += rows.size
    return wrong
