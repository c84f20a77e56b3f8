"""eps: the documented eps is applied to the documented quantity, on both sides of it."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.judging.executor import Executor, default_variant
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """The region below eps in every dtype, with the default and with each documented value worth asking for."""
    if not subject.eps():
        return
    option = subject.option("eps")
    for dtype in FLOATS:
        for region in asked("eps", subject, dtype):
            yield CellKey("eps", region, dtype, subject.row_wise)
            for value in option.ask if option else ():
                if option and value:
                    yield CellKey("eps", region, dtype, default_variant(subject, **{option.name: value}))


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Each value within its bound."""
    return by_aspect(subject, key, executor, "eps")


PROPERTY = Property("eps", "eps", "the documented eps, applied to the documented quantity", cells, verdict_on)
