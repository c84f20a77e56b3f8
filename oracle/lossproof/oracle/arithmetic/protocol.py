"""The protocol that the three arithmetics share. A formula is written once over it and runs on each of them.

A number stands for one exact real value per row. Numbers add, subtract, multiply, divide and negate with
Python's operators; what needs more than an operator is a method of the arithmetic. Each arithmetic also
answers the three questions that are asked of a value: where does it lie, what does it round to, is it
within t of an answer.
"""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

from flint import fmpq

from lossproof.oracle.arithmetic.rows import Block
from lossproof.oracle.formats import Float, FloatFormat, Index, Mask


class Number(Protocol):
    """Real values, one for each row, known as well as the arithmetic knows them."""

    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __mul__(self, other: Self, /) -> Self: ...
    def __truediv__(self, other: Self, /) -> Self: ...
    def __neg__(self, /) -> Self: ...


N = TypeVar("N", bound=Number)


class Arithmetic(Protocol[N]):
    """Enclosures of real numbers, row by row."""

    name: str
    block_elements: int
    """How many elements of x a block of rows should hold."""

    def number(self, values: Float) -> N:
        """The numbers that these finite floats are."""
        ...

    def rational(self, values: list[fmpq]) -> N:
        """The numbers that these rationals are."""
        ...

    def dots(self, block: Block) -> tuple[N, N, N]:
        """P = sum a b, Q = sum a^2, R = sum b^2."""
        ...

    def sqrt(self, a: N) -> N:
        """The square root of numbers >= 0 that are rational."""
        ...

    def maximum(self, a: N, b: N) -> N:
        """The larger one."""
        ...

    def less(self, a: N, b: N) -> tuple[Mask, Mask]:
        """Where a < b, and where that is certain."""
        ...

    def where(self, mask: Mask, a: N, b: N) -> N:
        """a where the mask is set, else b."""
        ...

    def unknown(self, mask: Mask, a: N) -> N:
        """a, but with nothing known of it where the mask is set."""
        ...

    def sum(self, a: N) -> N:
        """The sum over all rows, as one row."""
        ...

    def take(self, a: N, index: Index) -> N:
        """The rows that a NumPy index picks."""
        ...

    def join(self, parts: list[N]) -> N:
        """The rows of all parts, one after another."""
        ...

    def bounds(self, a: N) -> tuple[Float, Float]:
        """Float64 numbers at or below, and at or above, the value."""
        ...

    def rounded(self, a: N, fmt: FloatFormat) -> tuple[Float, Mask]:
        """The value rounded to `fmt` (held in float64), and where that is decided."""
        ...

    def within(self, a: N, answer: Float, tolerance: Float) -> tuple[Mask, Mask]:
        """Where |answer - value| <= tolerance, and where that is decided; all finite."""
        ...
