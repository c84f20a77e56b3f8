"""Pairs of rows: the arrays that were given, checked, copied, and handed out a block at a time as float64.

float16, bfloat16, float32, float64 and integers up to 2^53 are float64 numbers, so nothing is rounded here.
The arrays are copied in their own dtype unless they are read-only, since enclosures are refined long after the call
returned and a caller may have written into them by then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossproof.oracle.arithmetic.halves import widen_half
from lossproof.oracle.arithmetic.slices import SHORT_ROW, dot, exponents
from lossproof.oracle.errors import UnsupportedInput, shown
from lossproof.oracle.formats import FORMATS, Float, name_of

LARGEST_INTEGER = 1 << 53
SAFE_SQUARED_NORM = 2.0**300
"""Rows whose squared norm lies outside [1/SAFE_SQUARED_NORM, SAFE_SQUARED_NORM] are scaled where a rule allows it."""
Array = NDArray[Any]


def plain(name: str, values: ArrayLike) -> Array:
    """`values` as a plain array; UnsupportedInput where numbers would get lost on the way.

    A mask would be dropped without a word, and a matrix has two axes whatever is asked of it.
    """
    if _masked(values):
        raise UnsupportedInput(
            f"{name} is a masked array; the oracle knows no masks: fill it, or drop what is masked"
        )
    if isinstance(values, np.matrix):
        raise UnsupportedInput(f"{name} is a numpy.matrix; give an array: numpy.asarray({name})")
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnsupportedInput(f"{name} is no array of numbers: {error}") from None


def _masked(values: object) -> bool:
    """Whether values are, or hold in lists, a masked array."""
    if isinstance(values, (list, tuple)):
        return any(_masked(v) for v in values)
    return isinstance(values, np.ma.MaskedArray)


def checked(name: str, values: ArrayLike) -> Array:
    """A private copy of `values` in its own dtype; UnsupportedInput if that is no float format and no
    integer.
    """
    array = readable(name, values)
    return np.ascontiguousarray(array).reshape(array.shape) if _frozen(array) else array.copy(order="C")


def readable(name: str, values: ArrayLike) -> Array:
    """`values` as an array of a float format, which may be the very array that was given; UnsupportedInput as for
    `checked`.
    """
    array = plain(name, values)
    if name_of(array.dtype) in FORMATS:
        return array
    if array.dtype.kind in "iu":
        if array.size and (int(array.max()) > LARGEST_INTEGER or int(array.min()) < -LARGEST_INTEGER):
            raise UnsupportedInput(f"{name} holds integers beyond 2^53; the oracle takes integers up to 2^53")
        return array.astype(np.float64)
    raise UnsupportedInput(
        f"{name} has dtype {array.dtype}; "
        f"the oracle takes {', '.join(FORMATS)} and integers (not bool, not complex)"
    )


def _frozen(array: object) -> bool:
    """Whether nobody can write into an array: it and all that it is a view of are read-only."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes)


def real_parameter(name: str, value: object, minimum: float = -math.inf) -> float:
    """A finite number as the float it is; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{name}={shown(value)} is no number; a finite real number is allowed")
    if isinstance(value, np.integer):
        value = int(value)  # beside a float, an integer of NumPy is compared as the float nearest to it
    try:
        number = float(value)
    except OverflowError:  # of an integer beyond the largest float64
        number = math.inf
    if not math.isfinite(number) or number < minimum or number != value:
        least = "" if minimum == -math.inf else f", at least {minimum:g}"
        raise ValueError(f"{name}={shown(value)}; a finite float64{least}, is allowed")
    return number


@dataclass(frozen=True)
class Block:
    """n pairs of rows as float64: `x` and `y` have one length each.

    One of them has length 1 while the other has length d where rows are normalised before they are broadcast;
    a product then repeats the single element, but its norm does not.
    """

    x: Float
    y: Float

    @property
    def length(self) -> int:
        """d, the number of products in a dot product."""
        return max(self.x.shape[1], self.y.shape[1]) if min(self.x.shape[1], self.y.shape[1]) else 0

    @property
    def repeats(self) -> int:
        """How many times longer the broadcast rows are: sum |a b| <= sqrt(repeats sum a^2 sum b^2)."""
        return int(self.length // max(min(self.x.shape[1], self.y.shape[1]), 1))

    def scaled(self) -> Block:
        """Each row times a power of two that brings its largest element near 1, where that loses nothing."""
        return Block(_scaled(self.x), _scaled(self.y))

    def absolute(self) -> Block:
        """The rows of absolute values."""
        return Block(np.abs(self.x), np.abs(self.y))


def _scaled(x: Float) -> Float:
    with np.errstate(all="ignore"):
        squared = dot(x, x)
    far = ~((squared >= 1 / SAFE_SQUARED_NORM) & (squared <= SAFE_SQUARED_NORM))
    if not far.any():
        return x
    rows = np.flatnonzero(far)
    e = exponents(x[rows])[:, None]
    shifted = np.ldexp(x[rows], -e)
    kept = (np.ldexp(shifted, e) == x[rows]).all(axis=1)
    out = x.copy()
    out[rows[kept]] = shifted[kept]
    return out


class Pairs:
    """All pairs of rows of two arrays, flattened in C order over the broadcast leading axes."""

    def __init__(self, x: Array, y: Array, axis: int, expand: bool) -> None:
        if axis != -1:
            x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
        same = (
            x.shape == y.shape
        )  # NumPy's functions cost more than a few rows, so they are asked where they matter
        self.shape = x.shape[:-1] if same else np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        self.size = math.prod(self.shape)
        dx, dy = x.shape[-1], y.shape[-1]
        self.length = dx if same else int(np.broadcast_shapes((dx,), (dy,))[0])
        if expand:
            dx = dy = self.length
        self.repeats = self.length // max(min(dx, dy), 1)
        """How often a row of one element is repeated: 1 unless rows are normalised before they are
        broadcast.
        """
        self.bytes_per_pair = dx * x.itemsize + dy * y.itemsize
        # Wide numbers can leave the range of float64 when squared; narrow ones cannot.
        self.wide = "float64" in (name_of(x.dtype), name_of(y.dtype))
        self._x = _Side(x, self.shape, dx)
        self._y = _Side(y, self.shape, dy)

    def plain_sides(self) -> tuple[Array, Array] | None:
        """Both arrays as matrices with one row for each pair, if that is how they are stored."""
        x, y = self._x.flat, self._y.flat
        if (
            x is None
            or y is None
            or x.shape != y.shape
            or not (x.flags.c_contiguous and y.flags.c_contiguous)
        ):
            return None
        return x, y

    def subset(self, rows: NDArray[np.intp]) -> Pairs:
        """Some of the pairs, as one row of each array."""
        return Pairs(self._x.picked(rows), self._y.picked(rows), -1, expand=False)

    def own(self, rows: NDArray[np.intp] | slice) -> tuple[Array, Array]:
        """Both rows of these pairs, in their own dtypes."""
        return self._x.picked(rows), self._y.picked(rows)

    def block(self, rows: NDArray[np.intp] | slice, space: Space | None = None) -> Block:
        """The pairs with these flat indices; in `space`, if given, which the next block then overwrites."""
        places = (None, None) if space is None else space.places
        return Block(self._x.rows(rows, places[0]), self._y.rows(rows, places[1]))


class Space:
    """Room for one block of each array, used again and again: fresh memory is slow."""

    def __init__(self) -> None:
        self.places: tuple[list[Float], list[Float]] = ([], [])


class _Side:
    """The rows of one of the two arrays, as the broadcast shape counts them."""

    def __init__(self, array: Array, shape: tuple[int, ...], length: int) -> None:
        self._shape = shape
        whole = (*shape, length)
        self._view = array if array.shape == whole else np.broadcast_to(array, whole)
        plain = self._view.flags.c_contiguous or array.shape == self._view.shape
        self.flat = self._view.reshape(math.prod(shape), length) if plain else None

    def rows(self, rows: NDArray[np.intp] | slice, place: list[Float] | None) -> Float:
        if self.flat is not None:
            if place is not None and isinstance(rows, slice) and self.flat.dtype != np.float64:
                source = self.flat[rows]
                if not place or place[0].size < source.size:
                    place[:] = [np.empty(source.size)]
                room = place[0][: source.size]
                # Short rows are summed by columns: see slices.dot.
                out = (
                    room.reshape(source.shape[::-1]).T
                    if source.shape[1] <= SHORT_ROW
                    else room.reshape(source.shape)
                )
                if source.dtype == np.float16:
                    widen_half(source, out)
                else:
                    np.copyto(out, source, casting="unsafe")
                return out
            return np.ascontiguousarray(self.flat[rows], dtype=np.float64)
        return np.ascontiguousarray(self.picked(rows), dtype=np.float64)

    def picked(self, rows: NDArray[np.intp] | slice) -> Array:
        """Rows in their own dtype."""
        if self.flat is not None:
            return self.flat[rows]
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(math.prod(self._shape)))
        if not self._shape:
            return np.repeat(self._view[None], len(rows), axis=0)
        chosen: Array = self._view[np.unravel_index(rows, self._shape)]
        return chosen
