"""P, Q and R in twice the working precision, for double_double.py: exact dot products of slices and a small rest.

    x y = x1 y1 + [x1 ry + rx y]                                         one slice
    x y = x1 y1 + (x1 y2 + x2 y1) + [x ry + rx (y - ry) + x2 y2]         two slices

What stands before the bracket is exact, and so is x2 y2; the rest of the bracket is plain float64.

The first slice has SLICE bits, counted from the norm: |x| < 2^E and a quantum of 2^(E - SLICE), so in quanta |x1| is at
most 2^SLICE + sqrt(d)/2, and by Cauchy-Schwarz every partial sum of x1 y1, in any order, is an integer below 2^53. The
second slice has w = SLICE - 1 - ceil(log2(d)/2) bits: its elements are at most 2^w quanta of its own, so |x2| is at
most sqrt(d) 2^w, and x1 y2 + x2 y1 stays below 2^53 as well, as does x2 y2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lossproof.oracle.arithmetic.binary64 import U
from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.arithmetic.slices import SHORT_ROW, SLICE, dot
from lossproof.oracle.arithmetic.transforms import two_sum
from lossproof.oracle.formats import Float, Mask

RANGE = 2.0**360
"""Rows whose squared norm lies outside [1/RANGE, RANGE] are given up: products of two would leave the range."""
NEAR_ELEMENTS = 3 << 13
"""Slices are made of so many elements at a time, which the nearest caches hold."""


class Sum(NamedTuple):
    """high + low, known within rad; infinite where nothing is known."""

    high: Float
    low: Float
    rad: Float


def sliced_dots(block: Block, count: int) -> tuple[Sum, Sum, Sum]:
    """P, Q and R from `count` slices (one or two) of each row."""
    with np.errstate(all="ignore"):
        return _bounded(block, count, *sums_of_slices(block, count))


def sums_of_slices(block: Block, count: int) -> tuple[Float, Float]:
    """The dot products of slices and rests, a row for each as `_add_up` says, and the quanta of the first slices."""
    x, y, n, d = block.x, block.y, len(block.x), block.length
    sums, quanta = np.empty((9 if count == 1 else 16, n)), np.empty((2, n))
    with np.errstate(all="ignore"):
        step = max(1, NEAR_ELEMENTS // max(d, 1))
        space = [np.empty(min(step, n) * d) for _ in range(4)]  # used again and again: fresh memory is slow
        for i in range(0, n, step):
            near = slice(i, i + step)
            _add_up(x[near], y[near], d, count, sums[:, near], quanta[:, near], space)
    return sums, quanta


def second_width(length: int) -> int:
    """w: the bits of a second slice."""
    return SLICE - 1 - (max(length - 1, 0).bit_length() + 1) // 2


def _quanta(squared: Float, repeats: float) -> Float:
    """2^(E - SLICE) for rows with |x|^2 < 2^(2 E), from their squared norm; any where that is out of range.

    By bits: a number with the exponent field f lies below 2^(f - 1022). What is enlarged by 2^-20 for the rounding of
    the norm may lie beyond RANGE where the norm itself does not.
    """
    whole = squared * (repeats * (1 + 2.0**-20))
    fine = (whole >= 1 / RANGE) & (whole <= 2 * RANGE)
    if not fine.all():
        whole[~fine] = 1.0
    bits = whole.view(np.int64)
    bits >>= 52
    bits -= 1021
    bits >>= 1  # E
    bits += 1023 - SLICE
    bits <<= 52
    return whole


def _add_up(x: Float, y: Float, d: int, count: int, sums: Float, quanta: Float, space: list[Float]) -> None:
    """Fill the rows of `sums`: Q and R in float64, x1 y1, x1 x1, y1 y1, and what is left; and the quanta of the first
    slices.
    """
    if d <= SHORT_ROW:
        x, y = np.asfortranarray(x), np.asfortranarray(y)
    dot(x, x, sums[0])
    dot(y, y, sums[1])
    for quantum, squared, v in zip(quanta, sums, (x, y), strict=False):
        quantum[:] = _quanta(squared, d / max(v.shape[1], 1))
    sigma_x, sigma_y = (quanta * (1.5 * 2.0**52))[:, :, None]
    x1, rx, y1, ry = (_shaped(place, v) for place, v in zip(space, (x, x, y, y), strict=True))
    _cut(x, sigma_x, x1, rx)
    _cut(y, sigma_y, y1, ry)
    dot(x1, y1, sums[2])
    dot(x1, x1, sums[3])
    dot(y1, y1, sums[4])
    if count == 1:
        dot(x1, ry, sums[5])
        dot(rx, y, sums[6])
        x1 += x
        y1 += y
        dot(rx, x1, sums[7])
        dot(ry, y1, sums[8])
        return
    finer = 2.0 ** -(second_width(d) + 1)
    x2, y2 = np.empty_like(x1), np.empty_like(y1)
    _cut(rx, sigma_x * finer, x2, rx)
    _cut(ry, sigma_y * finer, y2, ry)
    dot(x1, y2, sums[5])
    dot(x2, y1, sums[6])
    dot(x1, x2, sums[7])
    dot(y1, y2, sums[8])
    dot(x, ry, sums[9])
    dot(rx, y - ry, sums[10])
    dot(x2, y2, sums[11])
    dot(rx, 2 * x - rx, sums[12])
    dot(x2, x2, sums[13])
    dot(ry, 2 * y - ry, sums[14])
    dot(y2, y2, sums[15])


def _shaped(place: Float, x: Float) -> Float:
    """Room for an array like x, in its memory order."""
    room = place[: x.size]
    return room.reshape(x.shape) if x.flags.c_contiguous else room.reshape(x.shape[::-1]).T


def _cut(x: Float, sigma: Float, part: Float, rest: Float) -> None:
    """x rounded to multiples of the quantum that belongs to sigma, and the rest (which may be x itself); exact."""
    np.add(x, sigma, out=part)
    part -= sigma
    np.subtract(x, part, out=rest)


def _bounded(block: Block, count: int, sums: Float, quanta: Float) -> tuple[Sum, Sum, Sum]:
    """The three sums with their radii.

    A float64 dot product of a and b is off by gamma_d |a| |b|; + 8 covers the roundings within its factors and the
    additions of a few of them. |rx| is at most sqrt(d) half quanta. 1 + 2^-20 covers the rounding of the norms and the
    second order of gamma.
    """
    x, y, d = block.x, block.y, block.length
    q, r = sums[0], sums[1]
    fine_x, fine_y = _settled(x, q, block), _settled(y, r, block)
    gamma = (d + 8) * U * (1 + 2.0**-20)
    finer = 1.0 if count == 1 else 2.0 ** -(second_width(d) + 1)
    rest_x, rest_y = quanta * (0.5 * np.sqrt(float(d)) * finer)
    size_x, size_y = np.sqrt(q * (d / max(x.shape[1], 1))), np.sqrt(r * (d / max(y.shape[1], 1)))
    p_rad = gamma * ((size_x + rest_x) * rest_y + (size_y + rest_y) * rest_x)
    q_rad = gamma * (2 * size_x + rest_x) * rest_x
    r_rad = gamma * (2 * size_y + rest_y) * rest_y
    if count == 1:
        p = Sum(sums[2], sums[5] + sums[6], p_rad)
        squares = Sum(sums[3], sums[7], q_rad), Sum(sums[4], sums[8], r_rad)
    else:
        p = _collected(sums[2], sums[5] + sums[6], sums[9] + sums[10], sums[11], p_rad)
        squares = (
            _collected(sums[3], 2 * sums[7], sums[12], sums[13], q_rad),
            _collected(sums[4], 2 * sums[8], sums[14], sums[15], r_rad),
        )
    zero = (p.high == 0) & (p.low == 0)
    if zero.any():
        rows = np.flatnonzero(zero)
        zero[rows] = ~((x[rows] != 0) & (y[rows] != 0)).any(axis=1)
    return (
        _known(p, zero, fine_x & fine_y),
        _known(squares[0], q == 0, fine_x),
        _known(squares[1], r == 0, fine_y),
    )


def _collected(high: Float, middle: Float, rest: Float, small: Float, rad: Float) -> Sum:
    """high + middle + (rest + small), where all but rest is exact."""
    s, e = two_sum(high, middle)
    low = rest + small
    rad = rad + (4 * U) * (np.abs(small) + np.abs(e) + np.abs(low))
    low += e
    return Sum(s, low, rad)


def _known(a: Sum, zero: Mask, fine: Mask) -> Sum:
    """Exactly zero where `zero` is set; unknown where the range was left. What underflows in range is below 2^-1000,
    far less than what gamma has to spare.
    """
    if zero.any():
        a.rad[zero] = 0.0
    if not fine.all():
        a.rad[~fine] = np.inf
    return a


def _within_range(squared: Float) -> Mask:
    fine: Mask = (squared >= 1 / RANGE) & (squared <= RANGE)
    return fine


def _settled(x: Float, squared: Float, block: Block) -> Mask:
    """Where the squared norm is in range, or the row is all zeros."""
    fine = _within_range(squared * (block.length / max(x.shape[1], 1)))
    if not fine.all():
        rows = np.flatnonzero(squared == 0)
        fine[rows] = ~x[rows].any(axis=1)
    return fine
