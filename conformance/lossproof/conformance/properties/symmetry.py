"""symmetry: the cosine of x and y is the cosine of y and x."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property
from lossproof.conformance.judging.relations import by_relation, swapped
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Rows with a documented value, in every dtype."""
    if not family_of(subject).symmetric(subject.semantics):
        return
    for dtype in FLOATS:
        for region in asked("symmetry", subject, dtype):
            yield CellKey("symmetry", region, dtype, subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Both answers within twice the bound."""
    return by_relation(subject, key, executor, "formula", "exchanging the inputs changes the value", swapped)


PROPERTY = Property("symmetry", "formula", "the same value for exchanged inputs", cells, verdict_on)
