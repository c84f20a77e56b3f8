"""value: the result is the documented formula's value, within the bound that its own arithmetic explains."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.asker import Asker, default_variant
from lossproof.conformance.property import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.regions import possible
from lossproof.conformance.subject import Key, Subject
from lossproof.conformance.suite.concluding import Cell, Conclude

REGIONS = (
    "ordinary",
    "parallel",
    "opposite",
    "orthogonal",
    "nearly_orthogonal",
    "tiny_norm",
    "underflow",
    "overflow",
    "mixed_scale",
    "subnormal",
    "nonfinite",
    "empty",
    "length_1",
    "long",
)
UNDOCUMENTED = ("nonfinite", "empty")


def cells(subject: Subject) -> Iterator[Key]:
    """Every region and dtype; margins on ordinary and parallel rows."""
    for dtype in FLOATS:
        for region in REGIONS:
            if region in UNDOCUMENTED and dtype != "float32":
                continue
            if possible(region, subject, dtype):
                yield Key("value", region, dtype, subject.row_wise)
    margin = subject.option("margin")
    for value in margin.ask if margin else ():
        for region in ("ordinary", "parallel"):
            if margin and possible(region, subject, "float32"):
                yield Key("value", region, "float32", default_variant(subject, **{margin.name: value}))


def judge(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """Each value within its bound."""
    return by_aspect(subject, key, asker, "formula")


PROPERTY = Property("value", "formula", "the value of the documented formula", cells, judge)


def test_value(cell: Cell, conclude: Conclude) -> None:
    """One cell."""
    conclude(cell)
