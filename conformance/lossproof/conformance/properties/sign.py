"""sign: the sign of the result is the documented one, wherever the exact value is not lost in rounding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossproof import oracle
from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import Judged, reach
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Mask, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Where the documentation fixes a score: rows with a direction, in every dtype."""
    if not family_of(subject).signed(subject.semantics):
        return
    for dtype in FLOATS:
        for region in asked("sign", subject, dtype):
            yield CellKey("sign", region, dtype, subject.row_wise)


def differs(judged: Judged) -> Mask:
    """Values whose sign is not that of the exact value, although the exact value exceeds its bound."""
    if judged.expected is None or judged.observed is None or judged.size_differs:
        return judged.wrong
    value = judged.expected.value
    bound = reach(judged.expected)
    observed = judged.observed.reshape(judged.expected.shape).astype(np.float64)
    away = ~oracle.within(np.zeros(value.shape), value, bound) & ~judged.undefined
    positive = away & oracle.within(np.full(value.shape, 4.0), value, 4.0)  # |4 - v| <= 4: v >= 0
    negative = away & ~positive
    return np.asarray((positive & ~(observed > 0)) | (negative & ~(observed < 0)))


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Only the sign."""
    return by_aspect(subject, key, executor, "sign", differs)


PROPERTY = Property("sign", "sign", "the documented sign of the result", cells, verdict_on)
