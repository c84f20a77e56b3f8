"""Layouts: shape of a batch, length of its rows and memory order, apart from the numbers in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product, starmap
from typing import Literal

from lossproof.conformance.families.regions.model import Region

LENGTHS = (2, 3, 4, 7, 8, 16, 17, 32, 33, 64, 96, 100, 128)

Order = Literal["C", "transposed", "strided"]


@dataclass(frozen=True)
class Layout:
    """Shape of the batch without the embedding axis, length of the rows, and memory order."""

    batch: tuple[int, ...]
    d: int
    order: Order = "C"


@dataclass(frozen=True)
class Layouts:
    """All layouts that a batch may have: a shape, a length and an order are drawn on their own."""

    batches: tuple[tuple[int, ...], ...]
    lengths: tuple[int, ...]
    orders: tuple[Order, ...] = ("C",)

    def __iter__(self) -> Iterator[Layout]:
        return starmap(Layout, product(self.batches, self.lengths, self.orders))


def lengths(region: Region, longest: int) -> tuple[int, ...]:
    """The lengths of rows of a region: its own, or those up to `longest`."""
    return region.lengths or tuple(v for v in LENGTHS if v <= min(longest, region.longest))
