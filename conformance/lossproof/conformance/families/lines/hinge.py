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


WRONG: dict[str, tuple[str, Hinge]] = {
    "labels 0 and 1": (
        "gives no loss for label -1, as if labels were 0 and 1",
        lambda c, y, m: np.where(y == 1, 1 - c, 0),
    ),
    "labels as weights": (
        "weighs the terms by y and 1 - y, as if labels were 0 and 1",
        lambda c, y, m: y * (1 - c) + (1 - y) * np.maximum(0, c - m),
    ),
    "labels swapped": ("takes the labels the other way round", lambda c, y, m: hinge(c, -y, m)),
    "all similar": ("treats every pair as similar: the label is ignored", lambda c, y, m: 1 - c),
    "all dissimilar": ("treats every pair as dissimilar: the label is ignored", lambda c, y, m: np.maximum(0, c - m)),
    "margin added": ("adds the margin instead of subtracting it", lambda c, y, m: hinge(c, y, -m)),
    "margin ignored": ("ignores the margin", lambda c, y, m: hinge(c, y, 0 * m)),
    "margin squared": ("squares the margin", lambda c, y, m: hinge(c, y, m * m)),
    "margin minus cosine": (
        "subtracts the cosine from the margin",
        lambda c, y, m: np.where(y == 1, 1 - c, np.maximum(0, m - c)),
    ),
    "margin outside": (
        "subtracts the margin outside of the maximum",
        lambda c, y, m: np.where(y == 1, 1 - c, np.maximum(0, c) - m),
    ),
    "margin for both": (
        "subtracts the margin for label 1, too",
        lambda c, y, m: np.maximum(0, np.where(y == 1, 1 - c, c) - m),
    ),
    "no maximum": ("leaves out the maximum with 0", lambda c, y, m: np.where(y == 1, 1 - c, c - m)),
    "squared": ("squares the terms", lambda c, y, m: hinge(c, y, m) ** 2),
    "halved": ("halves the terms", lambda c, y, m: hinge(c, y, m) / 2),
    "half squared": ("halves the squared terms", lambda c, y, m: hinge(c, y, m) ** 2 / 2),
    "cosine for 1": ("gives c, not 1 - c, for label 1", lambda c, y, m: np.where(y == 1, c, np.maximum(0, c - m))),
    "minus c for 1": ("gives -c, not 1 - c, for label 1", lambda c, y, m: np.where(y == 1, -c, np.maximum(0, c - m))),
    "plus c for 1": (
        "gives 1 + c, not 1 - c, for label 1",
        lambda c, y, m: np.where(y == 1, 1 + c, np.maximum(0, c - m)),
    ),
}  # fmt: skip


def lines(cosines: Callable[[Rows], Numbers]) -> Iterator[Line]:
    """The lines of a hinge over the documented cosine."""
    for name, (says, loss) in WRONG.items():

        def value(rows: Rows, loss: Hinge = loss) -> tuple[Numbers, Numbers]:
            c = cosines(rows)
            with np.errstate(all="ignore"):
                return loss(c, rows["label"], rows["margin"]), 1 + np.abs(c)

        yield Line("formula", name, says, value)
