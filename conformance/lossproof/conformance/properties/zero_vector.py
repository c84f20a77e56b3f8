"""zero_vector: a zero vector gives the value that the documentation fixes for it."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.judging.executor import Executor, default_variant
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """The region zero in every dtype, and with each documented eps."""
    for dtype in FLOATS:
        for region in asked("zero_vector", subject, dtype):
            yield CellKey("zero_vector", region, dtype, subject.row_wise)
    eps = subject.option("eps")
    for value in eps.ask if eps else ():
        variant = default_variant(subject, **{eps.name: value} if eps else {})
        for region in asked("zero_vector", subject, "float32"):
            yield CellKey("zero_vector", region, "float32", variant)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Each value within its bound; where no value is documented the behaviour is recorded."""
    return by_aspect(subject, key, executor, "zero_vector")


PROPERTY = Property("zero_vector", "zero_vector", "the documented value of a zero vector", cells, verdict_on)
