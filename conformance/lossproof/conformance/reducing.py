"""Reducing: the smallest question found that shows a cause of a cell, with the documented and the given answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance import witness as witnesses
from lossproof.conformance.asker import Asker, Reply, question_of
from lossproof.conformance.causes import Explained, explain
from lossproof.conformance.effort import Budget, to_explain
from lossproof.conformance.matching import accounts_for
from lossproof.conformance.messages import Answer
from lossproof.conformance.property import Failure, Outcome
from lossproof.conformance.spelling import documented, seen, spelled
from lossproof.conformance.subject import Key, Subject
from lossproof.conformance.witness import Witness
from lossproof.specs.models import KnownFinding

MOST_CALLS = 60
"""Calls that reducing a witness without a wrong value may take."""
SAME: Mapping[str, Callable[[Answer], Any]] = {
    "error": lambda answer: answer.error and answer.error.type,
    "output": lambda answer: bool(answer.printed),
    "mutation": lambda answer: answer.changed,
}
"""What a smaller question must have in common with the one that it stands for, by kind of finding."""
PROPERTY_WORDS = {
    "mutation": "inputs unchanged",
    "nondeterminism": "the same bits when asked again",
    "error": "a value",
    "crash": "an answer",
    "hang": "an answer in time",
    "output": "nothing printed",
}


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
    key: Key
    item: Explained
    asker: Asker
    ledger: Sequence[KnownFinding]
    budget: Budget

    def witness(self) -> Shown:
        """The cause as its smallest question shows it."""
        failure = self.item.failure
        if failure.says or failure.reply.judged.expected is None:
            told = SAME.get(failure.kind)
            return shown(self.subject, failure if told is None else self._smaller(told))
        named = self.item.cause.behaves_as != "{}"
        steps = self._steps(self._explained if named else self._wrong)
        return shown(self.subject, (steps[-1] if named else self._last(steps)).failure)

    def _steps(self, same: witnesses.Same) -> tuple[Witness, ...]:
        return witnesses.reduce(
            self.subject, self.key, self.item.failure, self.item.mask, same, self.asker, self.budget
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
        if kind in ("shape", "dtype") and not wrong.any():
            differs = judged.shape_differs if kind == "shape" else judged.dtype_differs
            wrong = np.full(judged.wrong.shape or (1,), differs)
        return Failure(reply, wrong, kind) if wrong.any() else None

    def _explained(self, reply: Reply) -> Failure | None:
        """The failure of a reduced question, if the rule or condition of the cause accounts for it."""
        failure = self._wrong(reply)
        behaves = json.loads(self.item.cause.behaves_as)
        if failure is None or not (behaves.get("parameters") or behaves.get("predicate")):
            return failure
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
        return any(c.cause.slug == self.item.cause.slug for c in causes)


def shown(subject: Subject, failure: Failure) -> Shown:
    """A failure as its own question shows it."""
    batch, judged = failure.reply.batch, failure.reply.judged
    if not failure.says and judged.expected is not None:
        return Shown(spelled(question_of(subject, batch)), documented(judged), seen(failure.reply.answer))
    expected = {"says": PROPERTY_WORDS.get(failure.kind, "a value"), **documented(judged)}
    observed = {**seen(failure.reply.answer), "says": failure.says}
    put = (
        spelled(question_of(subject, batch))
        if _small(batch.arrays)
        else {"says": "see label", "label": list(batch.label)}
    )
    return Shown(put, expected, observed)


def _small(arrays: Mapping[str, NDArray[Any]]) -> bool:
    return sum(a.size for a in arrays.values()) <= 4096
