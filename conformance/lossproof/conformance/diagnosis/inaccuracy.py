"""Inaccuracy: whether rounding, and no other formula, may be the reason of wrong values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.judging.comparison import near
from lossproof.conformance.judging.outcome import Failure, Mask

FEWEST = 4
"""Wrong values on whose two sides something can be built."""


@dataclass
class Left:
    """A failure and its rows that no cause explains yet."""

    failure: Failure
    mask: Mask


def one_sided(signs: NDArray[np.float64]) -> bool:
    """Whether values err to one side: rounding errs to both, another formula does not."""
    fewer = min(int((signs > 0).sum()), int((signs < 0).sum()))
    return signs.size >= FEWEST and fewer * 8 < signs.size


def signs_of(items: Sequence[Left]) -> NDArray[np.float64]:
    """Of each wrong value whether it is too large (1) or too small (-1)."""
    found = [_signs(item) for item in items]
    return np.concatenate(found) if found else np.zeros(0)


def _signs(item: Left) -> NDArray[np.float64]:
    judged = item.failure.reply.judged
    assert judged.expected is not None
    if judged.observed is None or judged.size_differs or item.mask.size != judged.observed.size:
        return np.zeros(0)
    values = judged.observed.astype(np.float64).ravel()
    exact = np.asarray(judged.expected.value.lower).ravel()
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sign((values - exact)[item.mask.ravel()]))


def missed_by_little(failure: Failure, mask: Mask) -> bool:
    """Whether rounding may be the reason of all these wrong values."""
    judged = failure.reply.judged
    close = near(judged) if judged.expected is not None and judged.ratio.size else np.zeros(0, np.bool_)
    return bool(close.shape == mask.shape and close[mask].all())
