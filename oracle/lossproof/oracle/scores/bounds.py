"""Native bounds of cosines: kappa, 1/D and c, and what rounding may make of them (docs/bounds.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossproof.oracle.enclosure import LADDER, refine
from lossproof.oracle.formats import Float, FloatFormat, Mask
from lossproof.oracle.rounding import NARROW, UP, rounding
from lossproof.oracle.scores.formula import Cosines, divided

SHARP = 2.0**-24
"""The part of kappa that may be left in doubt of kappa and of c."""
Spread = tuple[Float, Float, Float]
"""Upper bounds of kappa and of 1/D, and c, flat."""


def conditioning(cosines: Cosines) -> tuple[Float, Float]:
    """Upper bounds of kappa = sum |a b| / D and of 1/D, flat; 0 where D vanishes or there is no value.

    Far below a floor kappa is so small that the first stage, which knows it to some u, may tell nothing of its size.
    """
    kappa, inverse, sharp = np.zeros(cosines.size), np.zeros(cosines.size), np.zeros(cosines.size, dtype=bool)
    left = np.flatnonzero(~cosines.undefined & ~cosines.zero_denominator)
    apart = by_norms(cosines)
    if apart:
        for rows in cosines.row_blocks(LADDER[0].block_elements, left):
            block = cosines.pairs.block(rows)
            with np.errstate(all="ignore"):
                inverse[rows] = np.nextafter(inverse_norms(block.x) * inverse_norms(block.y), np.inf)
    for arithmetic in LADDER:
        everything = left.size == cosines.size
        for rows in cosines.row_blocks(arithmetic.block_elements, slice(None) if everything else left):
            c, divisors = cosines.cosines(arithmetic, rows, absolute=True)
            with np.errstate(all="ignore"):
                low, high = arithmetic.bounds(c)
                kappa[rows], sharp[rows] = high, (high < np.inf) & (high - low <= high * SHARP)
                if not apart:
                    one = arithmetic.number(np.ones(len(kappa[rows])))
                    inverse[rows] = arithmetic.bounds(divided(one, divisors()))[1]
        left = left[~(sharp[left] & (apart | (inverse[left] < np.inf)))]
        if not left.size:
            break
    return kappa, inverse


def by_norms(cosines: Cosines) -> bool:
    """Whether D is |a| |b| for rows that the arithmetics scale, so that D itself, or Q R, may leave the range."""
    return bool(cosines.measure.rule.norms and cosines.pairs.wide and cosines.pairs.repeats == 1)


def inverse_norms(rows: Float) -> Float:
    """Upper bounds of 1 / |x| for rows of any finite scale, none of them zero; inf where that overflows.

    The largest element is brought near 1; squares that vanish beside it make the norm smaller, and the bound larger.
    """
    exponent = np.frexp(np.max(np.abs(rows), axis=1, initial=0.0))[1]
    with np.errstate(all="ignore"):
        near = np.ldexp(rows, -exponent[:, None])
        inverse = (1 + (rows.shape[1] + 16) * 2.0**-52) / np.sqrt(np.sum(near * near, axis=1))
        return np.asarray(np.nextafter(np.ldexp(inverse, -exponent), np.inf))


def spread(cosines: Cosines) -> tuple[Float, Float, Float]:
    """Upper bounds of kappa, 1/D and |c| with the sign of c; flat, 0 where D vanishes or there is no value."""
    kappa, inverse = conditioning(cosines)
    low, high = cosine_ends(cosines, kappa * SHARP)
    c = np.where(np.abs(low) > np.abs(high), low, high)  # the end of larger magnitude
    return kappa, inverse, np.where(cosines.zero_denominator, 0.0, np.clip(c, -kappa, kappa))


def cosine_ends(cosines: Cosines, doubt: Float) -> tuple[Float, Float]:
    """Lower and upper end of the first enclosure of c that is no wider than that, flat."""
    low, high = np.zeros(cosines.size), np.zeros(cosines.size)

    def ask(arithmetic: Any, numbers: Any, rows: Any) -> Mask:
        low[rows], high[rows] = arithmetic.bounds(numbers)
        with np.errstate(invalid="ignore"):
            known: Mask = (high[rows] - low[rows] <= doubt[rows]) & np.isfinite(high[rows])
        return known

    refine(cosines, ask)
    return low, high


def stretch(cosines: Cosines, inverse: Float) -> Float:
    """Upper bounds of |a| |b| / D from those of 1/D, flat; 1 where that is at most 1 or nothing is divided."""
    rule = cosines.measure.rule
    if rule.unit or not rule.unbounded:
        return np.ones(cosines.size)
    (_, q), (_, r) = cosines.squared_norms()
    with np.errstate(all="ignore"):
        return np.fmax(1.0, np.sqrt(q) * np.sqrt(r) * inverse * UP)


def error(spread: Spread, stretch: Float, length: int, fmt: FloatFormat, grade: str) -> Float:
    """E for c, without the final half ulp."""
    kappa, inverse, c = spread
    d = length
    with np.errstate(invalid="ignore", over="ignore"):
        out = rounding(kappa + np.abs(c), d, fmt, grade)
        if grade == "G3" or (grade == "G2" and fmt.name not in NARROW):
            flushed = fmt.eta * (d * inverse + d + (1 + stretch) * np.sqrt(d) + 1) if fmt.flushes else 0.0
            out = out + np.where(kappa == 0, 0.0, flushed)  # without a nonzero product there is none to flush
    return out


def reach(spread: Spread, stretch: Float, length: int, fmt: FloatFormat) -> Float:
    """How far c may be off in any computation: as if it were accumulated in the format itself."""
    kappa, inverse, c = spread
    out = rounding(kappa + np.abs(c), length, fmt, "G3")
    if fmt.flushes:  # 1/D may be infinite
        out = out + np.where(kappa > 0, fmt.eta * length * (inverse + 3 + stretch), 0.0)
    return out
