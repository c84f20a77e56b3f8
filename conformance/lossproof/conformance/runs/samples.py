"""Samples: a few answers of every cell, kept with a run so that two runs can be compared.

Questions do not depend on the target's version, so two releases were asked the same bytes. A sample holds the first
values of the batches with the bound within which an answer means the same value, and one small question of the same
region with its own answer, which people can read and a script can ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.cases.probes import asked
from lossproof.conformance.diagnosis.shrinker import first_value, stays
from lossproof.conformance.families.formula import Arrays
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import Judged, reach
from lossproof.conformance.judging.executor import Executor, Reply, question_of
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import hexed, seen, serialized
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch

ANSWERS = 8
VALUES = 4
SMALL = 64
"""Elements of the question that is kept with a sample."""
SHORT = 3
"""Elements that a vector of the kept question has, where the region can be had with so few."""
BITS = 3
"""Bits that a number of the kept question has, where the region can be had with so few."""


def sample(subject: Subject, key: CellKey, executor: Executor) -> dict[str, Any]:
    """The sample of the answers to a cell's batches; computed once for the cells that share them.

    `answers`: outcome, dtype, shape, the first values and the reach of each, of each of the first batches. `question`
    and `answer`: one small question, with its whole answer and the `tolerance` of each value.
    """
    group = (subject.facts.target, subject.api, key.region, key.dtype, key.variant.slug)
    if group not in executor.samples:
        executor.samples[group] = _sample(subject, key, executor)
    return executor.samples[group]


def sample_of_case(subject: Subject, outcome: Outcome) -> dict[str, Any]:
    """A case's own question with the answer to it; nothing where it could not be judged."""
    case, observed = outcome.case, outcome.observed
    if case is None or observed is None:
        return {}
    answer = dict(observed) if isinstance(observed, Mapping) else {"data": observed}
    put = serialized(asked(subject, case), case.ask, dict(case.arguments))
    return {"answers": [answer], "question": put, "answer": answer}


def _sample(subject: Subject, key: CellKey, executor: Executor) -> dict[str, Any]:
    replies = executor.replies(subject, key)
    kept: dict[str, Any] = {"answers": [_answer(reply) for reply in replies[:ANSWERS]]}
    if not replies or replies[0].answer.outcome not in ("value", "error"):
        return kept  # one more question would cost one more worker
    batch = _small(subject, key, replies)
    if batch is None:
        return kept
    try:
        reply = executor.judged(subject, batch, key.region)
    except ValueError:
        return kept  # the documented formula does not take what is left
    kept["question"] = serialized(question_of(subject, batch))
    kept["answer"] = {**seen(reply.answer), **_tolerance(reply.judged)}
    return kept


def _small(subject: Subject, key: CellKey, replies: Sequence[Reply]) -> Batch | None:
    """The question about one value of a batch, as short and round as its region allows; None if that is large."""
    batch = first_value(subject, replies[0].batch)
    for change in (_shorter, _rounder):
        for arrays in change(subject, batch):
            if stays(key.region, subject, arrays, batch.options):
                batch = replace(batch, arrays=arrays, order="C")
                break
    return batch if sum(a.size for a in batch.arrays.values()) <= SMALL else None


def _shorter(subject: Subject, batch: Batch) -> Iterator[Arrays]:
    """Vectors of the first few elements."""
    pairs = _vectors(subject, batch)
    axis = axis_of(subject, batch.options)
    if pairs and all(-a.ndim <= axis < a.ndim for a in pairs.values()):
        cut = {n: a.take(np.arange(min(SHORT, a.shape[axis])), axis) for n, a in pairs.items()}
        weights = set(batch.arrays) - set(pairs)
        # Weights for each element, if any, would no longer fit.
        if all(batch.arrays[n].ndim < max(a.ndim for a in pairs.values()) for n in weights):
            yield {n: cut.get(n, a) for n, a in batch.arrays.items()}


def _rounder(subject: Subject, batch: Batch) -> Iterator[Arrays]:
    """Numbers of few bits."""
    pairs = _vectors(subject, batch)
    if pairs and all(str(a.dtype) in FORMATS for a in pairs.values()):
        yield {n: _few_bits(a) if n in pairs else a for n, a in batch.arrays.items()}


def _vectors(subject: Subject, batch: Batch) -> dict[str, NDArray[Any]]:
    """The arrays of vectors, by name; none where one of them is empty or a number."""
    vectors = family_of(subject).inputs.vectors
    found = {n: a for n, a in batch.arrays.items() if subject.roles[n] in vectors}
    return found if all(a.size and a.ndim for a in found.values()) else {}


def _few_bits(values: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(values.astype(np.float64))
        return np.asarray(np.ldexp(np.round(fraction * 2**BITS) / 2**BITS, exponent).astype(values.dtype))


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


def _tolerance(judged: Judged) -> dict[str, Any]:
    """The reach of each value of an answer, in its own shape, where the documentation gives values."""
    if judged.expected is None or judged.observed is None or judged.size_differs:
        return {}
    bound = np.asarray(reach(judged.expected, judged.flush))
    return {"tolerance": hexed(bound.reshape(judged.observed.shape))}
