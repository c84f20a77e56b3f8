"""The seam of a family's inputs: the arrays that hold numbers, how they are drawn, and what their rows are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.formula import Arrays
from lossproof.conformance.families.layouts import Layout, Layouts
from lossproof.conformance.families.regions.model import Region
from lossproof.conformance.model.subject import Subject, Variant

Mask = NDArray[np.bool_]
Logarithms = NDArray[np.float64]
ORDINARY = 32
"""Norms and distances from 2^-32 to 2^32 are ordinary input; so is a distance of 0."""


@dataclass(frozen=True)
class Drawn:
    """The arrays of a question that hold numbers."""

    by_role: dict[str, NDArray[Any]]
    shape: tuple[int, ...]
    """of the documented values"""


@dataclass(frozen=True)
class Inputs(ABC):
    """The roles of the arrays that hold numbers, the one whose samples are counted first."""

    roles: tuple[str, ...]
    space: ClassVar[str]
    """of the regions that these arrays have"""

    @property
    def vectors(self) -> tuple[str, ...]:
        """The roles of the arrays that have an embedding axis."""
        return ()

    def partner(self, role: str) -> str:
        """The role that may be mistaken for this one; itself where there is none."""
        return role

    @abstractmethod
    def layouts(self, subject: Subject, region: Region, variant: Variant, rows: int, longest: int) -> Layouts:
        """The layouts in which a region means something: of `rows` rows, none longer than `longest`."""

    @abstractmethod
    def draw(
        self,
        subject: Subject,
        region: Region,
        dtype: str,
        variant: Variant,
        layout: Layout,
        rng: np.random.Generator,
    ) -> Drawn:
        """Numbers of a region in their dtypes, arranged as the layout and the variant say."""

    @abstractmethod
    def log2_squares(self, by_role: Arrays, axis: int) -> tuple[Logarithms, Logarithms]:
        """log2 of the squared size of each row of the first and of the last array: -inf for 0, inf or NaN beyond."""

    @abstractmethod
    def finite(self, by_role: Arrays, axis: int) -> Mask:
        """The rows whose numbers are all finite."""

    @abstractmethod
    def ordinary(self, by_role: Arrays, axis: int) -> Mask:
        """The rows whose numbers are of ordinary size."""

    @abstractmethod
    def of_elements(self, mask: Mask, axis: int, shape: tuple[int, ...]) -> Mask:
        """A mask of rows for the elements of a gradient of this shape; for all of them where rows were summed."""

    def sums(self, by_role: Arrays, axis: int) -> Mapping[str, NDArray[Any]]:
        """The sums over each row that wrong lines are written over; `length` among them."""
        return {}

    @abstractmethod
    def nearness(self, by_role: Arrays, axis: int) -> float:
        """How near the pairs lie to each other on average, in float64."""


def within(squares: Logarithms) -> Mask:
    """Where squares, as log2, are those of ordinary sizes."""
    return np.asarray((squares >= -2 * ORDINARY) & (squares <= 2 * ORDINARY))


def axis_of(subject: Subject, options: Mapping[str, Any]) -> int:
    """The embedding axis under these options: -1 where it is no option, or None is given."""
    option = subject.option("axis")
    value = options.get(option.name, option.default) if option else -1
    return -1 if value is None else int(value)
