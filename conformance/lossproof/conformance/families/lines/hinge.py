"""Wrong lines of a hinge over a cosine: labels and margins."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossproof.conformance.families.lines.model import Line, Numbers, Rows

Hinge = Callable[[Numbers, Numbers, Numbers], Numbers]
"""The loss for cosines, labels and margins."""


def hinge(c: Numbers, label: Numbers, margin: Numbers) -> Numbers:
    """1 - c for label 1, max(0, c - margin) for label -1."""
    return np.where(label == 1, 1 - c, np.maximum(0, c - margin))


WRONG: dict[str, Hinge] = {
    "expects labels 0 and 1: label -1 gives no loss": lambda c, y, m: np.where(y == 1, 1 - c, 0),
    "expects labels 0 and 1: it weighs the terms by y and 1 - y": (
        lambda c, y, m: y * (1 - c) + (1 - y) * np.maximum(0, c - m)
    ),
    "takes the labels the other way round": lambda c, y, m: hinge(c, -y, m),
    "treats every pair as similar: the label is ignored": lambda c, y, m: 1 - c,
    "treats every pair as dissimilar: the label is ignored": lambda c, y, m: np.maximum(0, c - m),
    "adds the margin instead of subtracting it": lambda c, y, m: hinge(c, y, -m),
    "ignores the margin": lambda c, y, m: hinge(c, y, 0 * m),
    "squares the margin": lambda c, y, m: hinge(c, y, m * m),
    "subtracts the cosine from the margin": lambda c, y, m: np.where(y == 1, 1 - c, np.maximum(0, m - c)),
    "subtracts the margin outside of the maximum": lambda c, y, m: np.where(y == 1, 1 - c, np.maximum(0, c) - m),
    "applies the margin to label 1, too": lambda c, y, m: np.maximum(0, np.where(y == 1, 1 - c, c) - m),
    "leaves out the maximum with 0": lambda c, y, m: np.where(y == 1, 1 - c, c - m),
    "squares the terms": lambda c, y, m: hinge(c, y, m) ** 2,
    "halves the terms": lambda c, y, m: hinge(c, y, m) / 2,
    "halves the squared terms": lambda c, y, m: hinge(c, y, m) ** 2 / 2,
    "gives the cosine itself for label 1": lambda c, y, m: np.where(y == 1, c, np.maximum(0, c - m)),
    "gives -c in place of 1 - c for label 1": lambda c, y, m: np.where(y == 1, -c, np.maximum(0, c - m)),
    "gives 1 + c in place of 1 - c for label 1": lambda c, y, m: np.where(y == 1, 1 + c, np.maximum(0, c - m)),
}  # fmt: skip


def lines(cosines: Callable[[Rows], Numbers]) -> Iterator[Line]:
    """The lines of a hinge over the documented cosine."""
    for says, loss in WRONG.items():

        def value(rows: Rows, loss: Hinge = loss) -> tuple[Numbers, Numbers]:
            c = cosines(rows)
            with np.errstate(all="ignore"):
                return loss(c, rows["label"], rows["margin"]), 1 + np.abs(c)

        yield Line("formula", says, value)
