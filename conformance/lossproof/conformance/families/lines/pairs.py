"""Wrong lines of contrastive terms over a given distance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossproof.conformance.families.lines.model import Line, Numbers, Rows, Value

Terms = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]
"""The terms of a similar and of a dissimilar pair for distances and margins, before they are squared or halved."""

WRONG: dict[str, Terms] = {
    "squares the distance inside of the maximum": lambda d, m: (d, np.sqrt(np.maximum(0, m - d * d))),
    "adds the distance to the margin": lambda d, m: (d, np.maximum(0, m + d)),
    "subtracts the margin from the distance": lambda d, m: (d, np.maximum(0, d - m)),
    "squares the margin": lambda d, m: (d, np.maximum(0, m * m - d)),
    "ignores the margin": lambda d, m: (d, np.maximum(0, -d)),
    "leaves out the maximum with 0": lambda d, m: (d, m - d),
}  # fmt: skip


def _documented(d: Numbers, m: Numbers) -> tuple[Numbers, Numbers]:
    return d, np.maximum(0, m - d)


def lines(similar: int, squared: bool, half: bool) -> Iterator[Line]:
    """The lines of terms whose convention of labels, squares and halves is documented."""
    says = f"takes label {1 - similar} for similar"
    turned = _value(_documented, 1 - similar, squared, half)
    yield Line("formula", "similar", says, turned, {"similar": 1 - similar})
    says = "does not square the terms" if squared else "squares the terms"
    yield Line(
        "formula", "squared", says, _value(_documented, similar, not squared, half), {"squared": not squared}
    )
    says = "does not halve the terms" if half else "halves the terms"
    yield Line("formula", "half", says, _value(_documented, similar, squared, not half), {"half": not half})
    for words, terms in WRONG.items():
        yield Line("formula", words[:32], words, _value(terms, similar, squared, half))


def _value(terms: Terms, similar: int, squared: bool, half: bool) -> Value:
    def value(rows: Rows) -> tuple[Numbers, Numbers]:
        near, far = terms(rows["distance"], rows["margin"])
        chosen = np.where(rows["label"] == similar, near, far)
        chosen = chosen * chosen if squared else chosen
        chosen = chosen / 2 if half else chosen
        return chosen, np.abs(chosen) + rows["margin"] ** 2

    return value
