"""range: the result lies in the interval that the documented formula can reach, widened by the bound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import Judged, reach
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Mask, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Rows whose value lies at the ends of the interval, in every dtype."""
    for dtype in FLOATS:
        for region in asked("range", subject, dtype):
            yield CellKey("range", region, dtype, subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Values outside the interval by more than their bound."""
    low, high = family_of(subject).interval(subject.semantics)

    def outside(judged: Judged) -> Mask:
        if judged.expected is None or judged.observed is None or judged.size_differs:
            return judged.wrong
        bound = reach(judged.expected)
        observed = judged.observed.reshape(judged.expected.shape).astype(np.float64)
        inside = (observed >= low - bound) & (observed <= high + bound)
        # Where rounded inputs leave the documented precondition, the exact value itself may lie outside.
        return np.asarray(~inside & judged.wrong)

    return by_aspect(subject, key, executor, "range", outside)


PROPERTY = Property("range", "range", "the documented range of the result", cells, verdict_on)
