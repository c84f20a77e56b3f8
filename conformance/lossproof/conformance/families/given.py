"""Numbers that are handed in, such as distances that another program computed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lossproof.conformance.families.formula import Arrays
from lossproof.conformance.families.inputs import Drawn, Inputs, Logarithms, Mask, within
from lossproof.conformance.families.layouts import Layout, Layouts
from lossproof.conformance.families.lines.model import Numbers, Wide
from lossproof.conformance.families.regions.model import GIVEN, Region, Shape
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject, Variant

COUNTS = (64, 63, 33)
"""How many numbers a question gives."""


class Given(Inputs):
    """Distances that are handed in, one a row in each array."""

    space = GIVEN

    def layouts(self, subject: Subject, region: Region, variant: Variant, rows: int, longest: int) -> Layouts:
        """Of as many numbers as the region has, or the usual."""
        return Layouts(tuple((size,) for size in region.lengths or COUNTS), (1,))

    def draw(
        self,
        subject: Subject,
        region: Region,
        dtype: str,
        variant: Variant,
        layout: Layout,
        rng: np.random.Generator,
    ) -> Drawn:
        """Numbers around the margin of each array."""
        count = int(np.prod(layout.batch, dtype=np.int64))
        margin = subject.option("margin")
        edge = dict(variant.options).get(margin.name, margin.default) if margin else 1.0
        shape = Shape(count, 1, FORMATS[dtype], margin=float(edge))
        drawn = {role: region.arrays(rng, shape)[0] for role in self.roles}
        return Drawn(drawn, layout.batch)

    def log2_squares(self, by_role: Arrays, axis: int) -> tuple[Logarithms, Logarithms]:
        """Of the distances."""
        with np.errstate(all="ignore"):
            sizes = [2.0 * np.log2(np.abs(by_role[role].astype(np.float64))) for role in self.roles]
        return sizes[0], sizes[-1]

    def finite(self, by_role: Arrays, axis: int) -> Mask:
        """In every array."""
        return np.asarray(np.all([np.isfinite(by_role[r].astype(np.float64)) for r in self.roles], axis=0))

    def ordinary(self, by_role: Arrays, axis: int) -> Mask:
        """Every distance, or 0."""
        sizes = self.log2_squares(by_role, axis)
        return np.asarray(np.all([within(s) | np.isneginf(s) for s in sizes], axis=0))

    def of_elements(self, mask: Mask, axis: int, shape: tuple[int, ...]) -> Mask:
        """A row is one element."""
        return mask

    def sums(self, by_role: Arrays, axis: int) -> Mapping[str, Numbers]:
        """The first distance of each row."""
        distance = by_role[self.roles[0]].astype(np.float64).astype(Wide).ravel()
        return {"distance": distance, "length": np.ones(distance.size)}

    def nearness(self, by_role: Arrays, axis: int) -> float:
        """The mean of the first distances, negated."""
        return -float(np.mean(by_role[self.roles[0]]))
