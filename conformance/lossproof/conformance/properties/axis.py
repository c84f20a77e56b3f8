"""axis: the embedding axis is the documented default, and each allowed axis means that axis."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.judging.executor import Executor, default_variant
from lossproof.conformance.judging.outcome import Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """The default and each documented axis, in every rank that has it."""
    option = subject.option("axis")
    assert option is not None
    values = tuple(v for v in option.ask if v != option.default)
    variants = [subject.row_wise] if not option.required else []
    variants += [default_variant(subject, **{option.name: value}) for value in values]
    for region in asked("axis", subject, "float32"):
        for variant in variants:
            yield CellKey("axis", region, "float32", variant)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Each value within its bound."""
    return by_aspect(subject, key, executor, "axis")


PROPERTY = Property("axis", "axis", "the documented axis", cells, verdict_on, needs=("axis",))
