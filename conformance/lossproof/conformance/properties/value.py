"""value: the result is the documented formula's value, within the bound that its own arithmetic explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossproof.conformance.families.regions.model import ORDINARY
from lossproof.conformance.families.regions.registry import asked, of, possible
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor, default_variant
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject, Variant


def cells(subject: Subject) -> Iterator[CellKey]:
    """Every region and dtype; margins on ordinary and parallel rows; two vectors without a batch."""
    for dtype in FLOATS:
        for region in asked("value", subject, dtype):
            yield CellKey("value", region, dtype, subject.row_wise)
    if lone := single(subject):
        yield CellKey("value", ORDINARY, "float32", lone)
    margin = subject.option("margin")
    for value in margin.ask if margin else ():
        for region in asked("value", subject, "float32"):
            if margin and of(subject, region).with_margins:
                yield CellKey("value", region, "float32", default_variant(subject, **{margin.name: value}))


def single(subject: Subject) -> Variant | None:
    """The variant of two vectors without a batch, where the documentation allows them beside batches.

    No other cell asks for their value: a batch of one pair tells little, so layouts are drawn with more.
    """
    if not family_of(subject).lone(subject):
        return None
    return replace(subject.row_wise, rank=1) if possible(ORDINARY, subject, "float32") else None


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Each value within its bound."""
    return by_aspect(subject, key, executor, "formula")


PROPERTY = Property("value", "formula", "the value of the documented formula", cells, verdict_on)
