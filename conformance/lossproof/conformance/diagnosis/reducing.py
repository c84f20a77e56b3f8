"""Reducing: the smallest question found that shows a cause of a cell, with the documented and the given answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.diagnosis import shrinker
from lossproof.conformance.diagnosis.causes import explain
from lossproof.conformance.diagnosis.effort import Budget, to_explain
from lossproof.conformance.diagnosis.matching import accounts_for, no_farther
from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.diagnosis.shrinker import Witness
from lossproof.conformance.families import kinds
from lossproof.conformance.judging.executor import Executor, Reply, question_of
from lossproof.conformance.judging.outcome import Failure, Outcome, bounds_at
from lossproof.conformance.judging.relations import Apart, allowed, along, differs, of_sample, samples
from lossproof.conformance.judging.serialize import documented, hexed, seen, serialized
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Answer
from lossproof.specs.models import KnownFinding

MOST_CALLS = 60
"""Calls that reducing a witness without a wrong value may take."""
BESIDE = "beside"
"""The probe of a witness that asks its question twice: with its arrays, and with `other` arrays."""


@dataclass(frozen=True)
class Shown:
    """A question, what is documented of it, and what came."""

    question: Mapping[str, Any]
    expected: Mapping[str, Any]
    observed: Mapping[str, Any]


@dataclass(frozen=True)
class Reducing:
    """One cause of a cell, and what its witness may cost."""

    subject: Subject
    key: CellKey
    item: Explained
    executor: Executor
    ledger: Sequence[KnownFinding]
    budget: Budget

    def witness(self) -> Shown:
        """The cause as its smallest question shows it."""
        failure = self.item.failure
        if isinstance(failure, Apart) and not self.item.cause.behaves_as:
            return self._pair(failure)
        if failure.says or failure.reply.judged.expected is None:
            told = kinds.named(failure.kind).kept
            return shown(self.subject, failure if told is None else self._smaller(told))
        named = bool(self.item.cause.behaves_as) or self.item.cause.weighed
        steps = self._steps(self._explained if named else self._wrong)
        return shown(self.subject, (steps[-1] if named else self._last(steps)).failure)

    def _pair(self, failure: Apart) -> Shown:
        """The two questions whose answers contradict each other; of a batch, a row and as few beside it as matter."""
        first, second = failure.first, failure.second
        assert first is not None
        assert second is not None
        if failure.sample is None or first.answer.value is None:
            return pair(self.subject, failure, first, second)
        at, size = failure.sample, first.judged.wrong.shape[0]
        others = [i for i in range(size) if i != at]
        alone = self._samples(first, [at])
        if alone is None or not self._apart(first, at, alone):
            return pair(self.subject, failure, first, second)
        best, place = first, at
        while len(others) > 1:
            half = len(others) // 2
            for kept in (others[:half], others[half:]):
                rows = sorted([*kept, at])
                fewer = self._samples(first, rows)
                if fewer is not None and self._apart(fewer, rows.index(at), alone):
                    others, best, place = kept, fewer, rows.index(at)
                    break
            else:
                break
        return pair(self.subject, failure, best, alone, place)

    def _samples(self, reply: Reply, rows: list[int]) -> Reply | None:
        """The answer about some samples; None where the budget is spent or no values come."""
        if not self.budget.spend(len(rows)):
            return None
        found = self.executor.judged(self.subject, samples(self.subject, reply.batch, rows), self.key.region)
        judged = found.judged
        return None if judged.observed is None or judged.expected is None or judged.size_differs else found

    def _apart(self, reply: Reply, at: int, alone: Reply) -> bool:
        """Whether a sample's value within a batch is another than it is alone."""
        one, expected = alone.judged.observed, alone.judged.expected
        assert one is not None
        assert expected is not None
        value = _of(self.subject, reply, at)
        twice = allowed(self.subject, expected, one.reshape(expected.shape))
        return bool(differs(value, one.reshape(value.shape), twice.reshape(value.shape)).any())

    def _steps(self, same: shrinker.Same) -> tuple[Witness, ...]:
        return shrinker.reduce(
            self.subject, self.key, self.item.failure, self.item.mask, same, self.executor, self.budget
        )

    def _smaller(self, told: Callable[[Answer], Any]) -> Failure:
        """The failure of the smallest question found that is answered in the same way, without a wrong value."""
        failure = self.item.failure

        def same(reply: Reply) -> Failure | None:
            wanted, found = told(failure.reply.answer), told(reply.answer)
            return replace(failure, reply=reply) if found and found == wanted else None

        self.budget.calls = min(self.budget.calls, MOST_CALLS)
        return self._steps(same)[-1].failure

    def _wrong(self, reply: Reply) -> Failure | None:
        """The failure of a reduced question, whatever its cause."""
        judged, kind = reply.judged, self.item.failure.kind
        if judged.expected is None or judged.refused:
            return None
        wrong = judged.wrong
        forms = {"shape": judged.shape_differs, "dtype": judged.dtype_differs}
        if kind in forms and not wrong.any():
            wrong = np.full(judged.wrong.shape or (1,), forms[kind])
        return Failure(reply, wrong, kind) if wrong.any() else None

    def _explained(self, reply: Reply) -> Failure | None:
        """The failure of a reduced question, if the parameters or predicate of the cause accounts for it."""
        failure = self._wrong(reply)
        behaves = self.item.cause.behaves_as
        if failure is None or not (behaves.parameters or behaves.predicate or self.item.lead):
            return failure
        if self.item.lead and not behaves.parameters:
            found = self.item.lead.explains(self.subject, failure)
            return failure if (found == failure.wrong).all() else None
        if kinds.named(self.item.cause.kind).of_digits and behaves.parameters:  # a few values tell no dtype
            return failure if no_farther(self.subject, failure, behaves.parameters) else None
        return failure if accounts_for(self.subject, failure, behaves) else None

    def _last(self, steps: Sequence[Witness]) -> Witness:
        """The last step that no other cause explains: the whole catalogue is tried on a few of them, by bisection."""
        kept, lost = 0, len(steps)
        while lost - kept > 1:
            middle = lost - 1 if lost == len(steps) else (kept + lost) // 2
            kept, lost = (middle, lost) if self._unexplained(steps[middle].failure) else (kept, middle)
        return steps[kept]

    def _unexplained(self, failure: Failure) -> bool:
        outcome = Outcome("diverges", failure.kind, (failure,))
        causes = explain(self.subject, self.key, outcome, self.ledger, to_explain(self.budget.stop))
        return any(not c.cause.behaves_as and c.cause.known is None for c in causes)


def pair(subject: Subject, failure: Apart, first: Reply, second: Reply, place: int | None = None) -> Shown:
    """Two questions that should have one answer, and both answers; no value is called the right one."""
    put, other = (serialized(question_of(subject, r.batch)) for r in (first, second))
    small = _small(first.batch.arrays) and _small(second.batch.arrays)
    put = {**put, "probe": BESIDE, "arguments": {"other": other["arrays"]}} if small else _label(first.batch)
    if small and place is not None:
        put["arguments"] |= _row(subject, first, second, place)
    answers = seen(second.answer), seen(first.answer)
    values = [a.get("value", f"{a.get('dtype')} values of shape {a.get('shape')}") for a in answers]
    if place is not None:
        values[1] = hexed(np.asarray(_of(subject, first, place)))
    told = {"outcome": "value", "values": {"other": values[0], "question": values[1]}, "says": failure.told}
    told["says"] = f"{failure.told}: {_decimal(values[0])} alone, {_decimal(values[1])} beside others"
    if place is None:
        told["says"] = f"{failure.told}: {_decimal(values[1])}, then {_decimal(values[0])}"
    return Shown(put, {"says": "the same value both times"}, told)


def _row(subject: Subject, first: Reply, alone: Reply, place: int) -> dict[str, Any]:
    """Which values of the first answer are about the sample that the other question asks, and how near they must be."""
    expected, observed = alone.judged.expected, alone.judged.observed
    assert expected is not None
    assert observed is not None
    tolerance = allowed(subject, expected, observed.reshape(expected.shape))
    return {"row": place, "axis": along(subject, first.batch), "tolerance": hexed(tolerance.ravel())}


def _of(subject: Subject, reply: Reply, at: int) -> NDArray[Any]:
    """The values of one sample of a batch."""
    judged = reply.judged
    assert judged.observed is not None
    return of_sample(subject, reply.batch, judged.observed.reshape(judged.wrong.shape), at)


def _decimal(values: Any) -> str:
    """The first number of nested hex floats, in decimals."""
    while isinstance(values, list) and values:
        values = values[0]
    return f"{float.fromhex(values):.9g}" if isinstance(values, str) and "0x" in values else str(values)


def shown(subject: Subject, failure: Failure) -> Shown:
    """A failure as its own question shows it."""
    batch, judged = failure.reply.batch, failure.reply.judged
    put = serialized(question_of(subject, batch)) if _small(batch.arrays) else _label(batch)
    if not failure.says and judged.expected is not None:
        return Shown(put, *(_one_value(failure) or (documented(judged), seen(failure.reply.answer))))
    stated = documented(judged) if subject.states_values else {}
    expected = {"says": kinds.named(failure.kind).expected, **stated}
    observed = {**seen(failure.reply.answer), "says": failure.says}
    return Shown(put, expected, observed)


def _one_value(failure: Failure) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The first wrong value of many, expected and observed; None where both can be shown whole."""
    judged, answer = failure.reply.judged, failure.reply.answer
    expected, observed = judged.expected, judged.observed
    if expected is None or observed is None or judged.size_differs or "value" in documented(judged):
        return None
    at = int(np.argmax(failure.wrong.ravel())) if failure.wrong.size == observed.size else 0
    place = [int(i) for i in np.unravel_index(at, expected.shape)]
    lower, upper = bounds_at(expected, at)
    value, told = float(observed.ravel()[at]), {"outcome": "value", "dtype": str(observed.dtype)}
    return (
        {"value": (lower + (upper - lower) / 2).hex(), "at": place},
        {**told, "value": value.hex(), "type": answer.type, "at": place},
    )


def _label(batch: Batch) -> dict[str, Any]:
    return {"says": "see label", "label": list(batch.label)}


def _small(arrays: Mapping[str, NDArray[Any]]) -> bool:
    return sum(a.size for a in arrays.values()) <= 4096
