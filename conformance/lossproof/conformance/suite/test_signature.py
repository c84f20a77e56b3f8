"""signature: names, order and defaults of the parameters, base classes and aliases are the documented ones."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.asker import Asker
from lossproof.conformance.cases import judge_case
from lossproof.conformance.property import Outcome, Property
from lossproof.conformance.subject import Key, Subject
from lossproof.conformance.suite.concluding import Cell, Conclude


def cells(subject: Subject) -> Iterator[Key]:
    """Only the cases of the spec, which every property has besides its own cells."""
    return iter(())


def judge(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """The case, by what it expects."""
    return judge_case(subject, key, asker)


PROPERTY = Property("signature", "configuration", "the documented signature", cells, judge)


def test_signature(cell: Cell, conclude: Conclude) -> None:
    """One cell."""
    conclude(cell)
