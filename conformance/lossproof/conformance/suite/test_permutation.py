"""permutation: the order of the elements of a row does not matter."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.asker import Asker
from lossproof.conformance.property import FLOATS, Outcome, Property
from lossproof.conformance.regions import possible
from lossproof.conformance.relations import by_relation, permuted
from lossproof.conformance.subject import Key, Subject
from lossproof.conformance.suite.concluding import Cell, Conclude

REGIONS = ("ordinary", "nearly_orthogonal", "long")


def cells(subject: Subject) -> Iterator[Key]:
    """Rows with a documented value, in every dtype."""
    if not subject.has("x"):
        return
    for dtype in FLOATS:
        for region in REGIONS:
            if possible(region, subject, dtype):
                yield Key("permutation", region, dtype, subject.row_wise)


def judge(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """Both answers within twice the bound."""
    return by_relation(
        subject, key, asker, "formula", "reversing the elements of both rows changes the value", permuted
    )


PROPERTY = Property("permutation", "formula", "the same value for permuted elements", cells, judge)


def test_permutation(cell: Cell, conclude: Conclude) -> None:
    """One cell."""
    conclude(cell)
