"""error: bad input raises what the documentation says it raises.

Of labels other than those that a page names, no page says what they give: what comes back is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject


def cells(subject: Subject) -> Iterator[CellKey]:
    """Ordinary rows with one label each that the documentation does not name, besides the cases of the spec."""
    for region in asked("error", subject, "float32"):
        for label in family_of(subject).labels.others:
            yield CellKey("error", region, "float32", replace(subject.row_wise, label=label))


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Judge the exception or values that come back: the documentation fixes neither."""
    return by_aspect(subject, key, executor, "error")


PROPERTY = Property("error", "error", "the documented error for bad input", cells, verdict_on)
