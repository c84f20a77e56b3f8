"""batch: the value of a row does not depend on the rows beside it nor on the size of the batch."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property
from lossproof.conformance.judging.relations import by_relation, first_half, of_first_half, one_each
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Rows with a value each, in every dtype."""
    if not one_each(subject):
        return
    for dtype in FLOATS:
        for region in asked("batch", subject, dtype):
            yield CellKey("batch", region, dtype, subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The first samples alone, and as part of the whole batch, within twice the bound."""

    says = "a row's value depends on the rows beside it"
    return by_relation(subject, key, executor, "formula", says, first_half, of_first_half, beside=True)


PROPERTY = Property("batch", "formula", "a row's value whatever stands beside it", cells, verdict_on)
