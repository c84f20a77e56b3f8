"""weights: scalar, per-sample and broadcast weights multiply what the documentation says, under every reduction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.properties.reduction import documented

KINDS = ("scalar", "per_sample", "full", "broadcast", "zeros")


def cells(subject: Subject) -> Iterator[CellKey]:
    """Every kind of weights under every reduction in float32; per-sample weights in every dtype."""
    for variant in tuple(documented(subject)) or (subject.base,):
        for kind in KINDS:
            for region in asked("weights", subject, "float32"):
                yield CellKey("weights", region, "float32", replace(variant, weights=kind))
    for dtype in FLOATS[1:]:
        for region in asked("weights", subject, dtype):
            yield CellKey("weights", region, dtype, replace(subject.row_wise, weights="per_sample"))


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The weighted value within its bound."""
    return by_aspect(subject, key, executor, "weights")


PROPERTY = Property(
    "weights", "weights", "the documented effect of weights", cells, verdict_on, needs=("weights",)
)
