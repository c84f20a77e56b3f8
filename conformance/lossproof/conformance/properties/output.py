"""output: a user's own code prints nothing when it is called."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Failure, Outcome, Property
from lossproof.conformance.judging.outcome import conclude as concluded
from lossproof.conformance.model.subject import CellKey, Subject

SHOWN = 40


def cells(subject: Subject) -> Iterator[CellKey]:
    """Ordinary and zero rows; of a framework's API, whose documentation does not speak of it, none."""
    for region in asked("output", subject, "float32") if subject.facts.usercode else ():
        yield CellKey("output", region, "float32", subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Judge the text on standard output; standard error is for warnings."""
    replies = executor.replies(subject, key)
    failures = tuple(
        Failure(r, np.ones(1, dtype=np.bool_), "output", f"prints: {_first_line(r.answer.printed)}")
        for r in replies
        if r.answer.printed
    )
    rows = concluded(subject, key, replies, failures, "output").rows
    if failures:
        return Outcome("diverges", "output", failures, rows)
    if any(r.answer.outcome in ("value", "error") for r in replies):
        return Outcome("conforms", rows=rows)
    return Outcome("unsupported", note="no call of this cell came to an end", rows=rows)


def _first_line(text: str) -> str:
    line = next((part for part in text.splitlines() if part.strip()), "an empty line").strip()
    return line if len(line) <= SHOWN else line[:SHOWN] + "..."


PROPERTY = Property("output", "output", "nothing printed by the call", cells, verdict_on)
