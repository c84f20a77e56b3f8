"""mutation: the inputs are as they were after the call."""

from __future__ import annotations

import numpy as np

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Failure, Outcome, Property, row_wise
from lossproof.conformance.judging.outcome import conclude as concluded
from lossproof.conformance.model.subject import CellKey, Subject


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The bytes of every input array, read back after the call."""
    replies = executor.replies(subject, key)
    failures = tuple(
        Failure(
            r, np.ones(1, dtype=np.bool_), "mutation", "changes " + ", ".join(r.answer.changed), of_value=True
        )
        for r in replies
        if r.answer.changed
    )
    outcome = concluded(subject, key, replies, failures, "mutation")
    if failures or any(r.answer.outcome == "value" for r in replies):
        return Outcome(
            "diverges" if failures else "conforms", "mutation" if failures else "", failures, outcome.rows
        )
    return Outcome("unsupported", note="no call of this cell returned a value", rows=outcome.rows)


PROPERTY = Property("mutation", "mutation", "inputs unchanged by the call", row_wise("mutation"), verdict_on)
