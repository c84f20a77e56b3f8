"""broadcasting: inputs of different shapes give what the documentation says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject

KINDS = ("left", "right", "both", "axis")


def cells(subject: Subject) -> Iterator[CellKey]:
    """A batch axis of length 1 on either side or both, and an embedding axis of length 1."""
    if family_of(subject).broadcasts(subject.semantics) is False:
        return
    for kind in KINDS:
        rank = 3 if kind == "both" else None
        if rank is None or rank in subject.semantics.ranks:
            variant = replace(subject.row_wise, broadcast=kind, rank=rank)
            for region in asked("broadcasting", subject, "float32"):
                yield CellKey("broadcasting", region, "float32", variant)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Each value within its bound."""
    return by_aspect(subject, key, executor, "broadcasting")


PROPERTY = Property(
    "broadcasting", "broadcasting", "the documented result of inputs of different shapes", cells, verdict_on
)
