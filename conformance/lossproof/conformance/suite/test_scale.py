"""scale: where no eps is near, scaling an input by a power of two leaves the value as it is."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.asker import Asker
from lossproof.conformance.property import FLOATS, Outcome, Property
from lossproof.conformance.regions import possible
from lossproof.conformance.relations import by_relation, scaled
from lossproof.conformance.subject import Key, Subject
from lossproof.conformance.suite.concluding import Cell, Conclude

REGIONS = ("ordinary", "parallel", "nearly_orthogonal")


def cells(subject: Subject) -> Iterator[Key]:
    """Rows with a documented value, in every dtype."""
    if (
        not subject.has("x")
        or subject.semantics.inputs == "unit_norm"
        or subject.semantics.norm_rule in (None, "raw", "add_squared")
    ):
        return
    for dtype in FLOATS:
        for region in REGIONS:
            if possible(region, subject, dtype):
                yield Key("scale", region, dtype, subject.row_wise)


def judge(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """Both answers within twice the bound."""
    return by_relation(
        subject, key, asker, "formula", "scaling the inputs by powers of two changes the value", scaled
    )


PROPERTY = Property("scale", "formula", "the same value for scaled inputs", cells, judge)


def test_scale(cell: Cell, conclude: Conclude) -> None:
    """One cell."""
    conclude(cell)
