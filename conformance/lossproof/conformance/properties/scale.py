"""scale: where no eps is near, scaling an input by a power of two leaves the value as it is."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property
from lossproof.conformance.judging.relations import by_relation, scaled
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Rows with a documented value, in every dtype."""
    if not family_of(subject).scale_free(subject.semantics):
        return
    for dtype in FLOATS:
        for region in asked("scale", subject, dtype):
            yield CellKey("scale", region, dtype, subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Both answers within twice the bound."""
    return by_relation(
        subject, key, executor, "formula", "scaling the inputs by powers of two changes the value", scaled
    )


PROPERTY = Property("scale", "formula", "the same value for scaled inputs", cells, verdict_on)
