"""determinism: the same question gives the same bits."""

from __future__ import annotations

import numpy as np

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Failure, Outcome, Property, row_wise
from lossproof.conformance.judging.outcome import conclude as concluded
from lossproof.conformance.model.subject import CellKey, Subject


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Every batch once more, after all the others; the bytes are compared."""
    replies = executor.replies(subject, key)
    failures = []
    for reply in replies:
        again = executor.call(subject, reply.batch.arrays, reply.batch.options, reply.batch.order)
        first = reply.answer
        if first.outcome != again.outcome or first.value != again.value:
            failures.append(
                Failure(
                    reply,
                    np.ones(1, dtype=np.bool_),
                    "nondeterminism",
                    "asked again, it answers otherwise",
                    of_value=True,
                )
            )
    outcome = concluded(subject, key, replies, tuple(failures), "nondeterminism")
    if failures:
        return Outcome("diverges", "nondeterminism", tuple(failures), outcome.rows)
    if not any(r.answer.value for r in replies):
        return Outcome("unsupported", note="no call of this cell returned a value")
    return Outcome("conforms", rows=outcome.rows)


PROPERTY = Property(
    "determinism",
    "nondeterminism",
    "the same bits for the same question",
    row_wise("determinism"),
    verdict_on,
)
