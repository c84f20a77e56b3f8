"""weights: scalar, per-sample and broadcast weights multiply what the documentation says, under every reduction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossproof.conformance.asker import Asker
from lossproof.conformance.property import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.regions import possible
from lossproof.conformance.subject import Key, Subject
from lossproof.conformance.suite.concluding import Cell, Conclude
from lossproof.conformance.suite.test_reduction import documented

KINDS = ("scalar", "per_sample", "full", "broadcast", "zeros")


def cells(subject: Subject) -> Iterator[Key]:
    """Every kind of weights under every reduction in float32; per-sample weights in every dtype."""
    if not subject.has("weights"):
        return
    for variant in tuple(documented(subject)) or (subject.base,):
        for kind in KINDS:
            yield Key("weights", "ordinary", "float32", replace(variant, weights=kind))
    for dtype in FLOATS[1:]:
        if possible("ordinary", subject, dtype):
            yield Key("weights", "ordinary", dtype, replace(subject.row_wise, weights="per_sample"))


def judge(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """The weighted value within its bound."""
    return by_aspect(subject, key, asker, "weights")


PROPERTY = Property("weights", "weights", "the documented effect of weights", cells, judge)


def test_weights(cell: Cell, conclude: Conclude) -> None:
    """One cell."""
    conclude(cell)
