"""Inaccuracy: whether rounding, and no other formula, may be the reason of wrong values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.diagnosis.matching import explained
from lossproof.conformance.judging.comparison import LOW_PRECISION, near
from lossproof.conformance.judging.outcome import Failure, Mask
from lossproof.conformance.model.subject import Subject

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


def errs_like_rounding(items: Sequence[Left]) -> bool:
    """Whether wrong values lie on both sides of the documented ones, nearer to zero and farther from it."""
    signs, outward = (
        (np.concatenate(part) for part in zip(*map(_signs, items), strict=True)) if items else _NONE
    )
    return not (one_sided(signs) or one_sided(outward))


_NONE = np.zeros(0), np.zeros(0)


def _signs(item: Left) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each wrong value whether it is too large (1) or too small (-1), and whether its absolute value is."""
    judged = item.failure.reply.judged
    assert judged.expected is not None
    if judged.observed is None or judged.size_differs or item.mask.size != judged.observed.size:
        return _NONE
    values = judged.observed.astype(np.float64).ravel()
    exact = np.asarray(judged.expected.value.lower).ravel()
    with np.errstate(invalid="ignore"):
        signs = np.sign((values - exact)[item.mask.ravel()])
        return np.asarray(signs), np.asarray(signs * np.sign(exact[item.mask.ravel()]))


def missed_by_little(failure: Failure, mask: Mask) -> bool:
    """Whether rounding may be the reason of all these wrong values."""
    judged = failure.reply.judged
    close = near(judged) if judged.expected is not None and judged.ratio.size else np.zeros(0, np.bool_)
    return bool(close.shape == mask.shape and close[mask].all())


def coarser_dtype(subject: Subject, items: Sequence[Left]) -> str:
    """The narrow dtype that wrong values are no more accurate than, if they lie on both sides of the documented ones.

    They must lie no farther from them than such arithmetic would leave them: a wide bound accepts much, but another
    formula errs to one side. "" for none.
    """
    wrong = sum(int(item.mask.sum()) for item in items)
    if wrong < FEWEST or not errs_like_rounding(items):
        return ""
    for name in LOW_PRECISION:
        match = [i.mask & explained(subject, i.failure, {"compute_dtype": name}) for i in items]
        if 2 * sum(int(m.sum()) for m in match) >= wrong:
            return name
    return ""
