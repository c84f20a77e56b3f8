"""permutation: the order of the elements of a row does not matter; pairs with a label keep their losses."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property
from lossproof.conformance.judging.relations import by_relation, of_turned, one_each, permuted, turned
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Rows with a documented value, or pairs with a loss each, in every dtype."""
    if not family_of(subject).inputs.vectors and not one_each(subject):
        return
    for dtype in FLOATS:
        for region in asked("permutation", subject, dtype):
            yield CellKey("permutation", region, dtype, subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Both answers within twice the bound."""
    if family_of(subject).inputs.vectors:
        says = "reversing the elements of both rows changes the value"
        return by_relation(subject, key, executor, "formula", says, permuted)
    says = "reversing the order of the pairs changes the loss of one"
    return by_relation(subject, key, executor, "formula", says, turned, of_turned)


PROPERTY = Property(
    "permutation", "formula", "the same value for permuted elements or pairs", cells, verdict_on
)
