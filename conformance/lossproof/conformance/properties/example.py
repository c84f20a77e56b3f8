"""example: the documentation's own worked examples give what is printed beside them."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome, Property
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Only the cases of the spec, which every property has besides its own cells."""
    return iter(())


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The case, by what it expects."""
    return judge_case(subject, key, executor)


PROPERTY = Property("example", "documentation", "the documented examples", cells, verdict_on)
