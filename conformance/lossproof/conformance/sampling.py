"""Samples: a few answers of every cell, kept with a run so that two runs can be compared.

Questions do not depend on the target's version, so two releases were asked the same bytes; the sample holds what they
answered, with the bound within which an answer means the same value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossproof.conformance.asker import Reply, question
from lossproof.conformance.judge import reach
from lossproof.conformance.spelling import hexed, seen, spelled
from lossproof.conformance.subject import Subject
from lossproof.conformance.witness import first_value

ANSWERS = 8
VALUES = 4
SMALL = 64
"""Elements of the question that is kept with a sample."""


def sample(subject: Subject, replies: Sequence[Reply]) -> dict[str, Any]:
    """The first values of each of the first answers; the first question, if small, about its first value."""
    kept: dict[str, Any] = {"answers": [_answer(reply) for reply in replies[:ANSWERS]]}
    if replies:
        batch = first_value(subject, replies[0].batch)
        if sum(a.size for a in batch.arrays.values()) <= SMALL:
            kept["question"] = spelled(question(subject, batch.arrays, batch.options))
    return kept


def _answer(reply: Reply) -> dict[str, Any]:
    answer, judged = reply.answer, reply.judged
    if answer.value is None:
        told = seen(answer)
        return {name: told[name] for name in ("outcome", "error", "type") if told.get(name)}
    kept: dict[str, Any] = {
        "outcome": "value",
        "dtype": answer.value.dtype,
        "shape": list(answer.value.shape),
    }
    flat = answer.value.numpy().ravel()[:VALUES]
    kept["values"] = hexed(flat)
    if judged.expected is not None and not judged.size_differs:
        kept["reach"] = hexed(np.ravel(reach(judged.expected, judged.flush))[:VALUES])
    return kept
