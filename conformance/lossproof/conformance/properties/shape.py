"""shape: the result has the documented shape at every rank and reduction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Mask, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.properties.reduction import documented


def cells(subject: Subject) -> Iterator[CellKey]:
    """Every documented rank that has the axis, under every reduction."""
    option = subject.option("axis")
    axis = option.default if option and isinstance(option.default, int) else -1
    for variant in tuple(documented(subject)) or (subject.base,):
        for rank in subject.semantics.ranks:
            if not family_of(subject).inputs.vectors or -rank <= axis < rank:
                for region in asked("shape", subject, "float32"):
                    yield CellKey("shape", region, "float32", replace(variant, rank=rank))


def differs(judged: Judged) -> Mask:
    """One mark for the whole answer."""
    return np.full(judged.wrong.shape or (1,), judged.shape_differs)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Only the shape."""
    return by_aspect(subject, key, executor, "shape", differs)


PROPERTY = Property("shape", "shape", "the documented shape of the result", cells, verdict_on)
