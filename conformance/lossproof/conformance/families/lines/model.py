"""Rows of answers with the few sums that their formulas need, and the wrong lines that may have made them.

A line only names a cause: no verdict depends on it. So plain arithmetic does, of more bits and range than float64 where
the machine has such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Wide = np.longdouble
Numbers = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Answers, one a row, with what they were asked about; every array has one entry a row."""

    sums: Mapping[str, Numbers]
    """what the family's lines are written over, by name"""
    documented: Numbers
    """the value of the documented formula; NaN where it is undefined"""
    observed: Numbers
    bound: Numbers
    """how far an answer may be off"""
    unit: Numbers
    """the roundoff of the dtype that computes"""
    wrong: Mask
    """beyond the bound, and not explained yet"""
    right: Mask

    def __getitem__(self, name: str) -> Numbers:
        return self.sums[name]

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.observed.size


Value = Callable[[Rows], tuple[Numbers, Numbers]]
"""The value of each row under a line, and the size of what was summed for it, which its rounding grows with."""


@dataclass(frozen=True)
class Line:
    """One wrong line: the kind of divergence, its words, and the value that it gives."""

    kind: str
    name: str
    """a few words"""
    says: str
    value: Value = field(compare=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """the semantic parameters that say the same to the oracle, if some do"""


NEARER = 0.25
"""A wrong answer is a line's if it lies so much nearer to its value than to the documented one."""


def explained(line: Line, rows: Rows) -> Mask:
    """The rows whose answer is that of the line, as nearly as rounding leaves it."""
    with np.errstate(all="ignore"):
        value, size = line.value(rows)
        room = rows.bound + 8 * rows.unit * ((rows["length"] + 8) * size + np.abs(value))
        far = np.abs(rows.observed - value)
        near = (far <= room) & (~rows.wrong | ~(far > NEARER * np.abs(rows.observed - rows.documented)))
        return np.asarray(near | (np.isnan(value) & np.isnan(rows.observed)) | (value == rows.observed))


HUMAN = np.array(
    sorted(
        {m * 10.0**e for e in range(-24, 3) for m in (1.0, 2.0, 5.0)}
        | {2.0**-e for e in (7, 8, 10, 11, 23, 24, 52, 53)}
        | {float(np.finfo(t).tiny) for t in (np.float16, np.float32, np.float64)}
    )
)
"""Numbers that a person would write for an eps, the roundoff of the dtypes among them."""


def written(estimates: Numbers, most: int = 2) -> list[float]:
    """The numbers that a person would write nearest to the middle of some estimates, if one is near."""
    kept = estimates[np.isfinite(estimates) & (estimates > 0)].astype(np.float64)
    if not kept.size:
        return []
    middle = float(np.exp(np.median(np.log(kept))))
    far = np.abs(np.log(HUMAN / middle))
    return [float(v) for v in HUMAN[np.argsort(far, kind="stable")[:most]] if abs(np.log(v / middle)) < 0.2]
