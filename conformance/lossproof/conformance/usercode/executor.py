"""Puts questions to a user's own code, which may crash or hang at any of them, until it has done so too often."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.workers.protocol import UNANSWERED, UNSUPPORTED, Answer, ErrorInfo, Question

PATIENCE = 5
"""Crashes and hangs after which the code is asked no more: each costs two workers, and a hang its time limit twice."""
ASIDE = 2
"""Those that reducing a witness may cost besides."""


@dataclass
class UserExecutor(Executor):
    """Asks a user's code until it has crashed or hung too often; what is left is refused with that reason.

    `ends` are the questions at which it did, with the answers, in order; those put `aside`, to reduce a witness, are
    counted apart.
    """

    ends: list[tuple[Question, Answer]] = field(default_factory=list)
    _counts: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    _aside: bool = False

    def put(self, question: Question) -> Answer:
        """The answer to a question."""
        dead = self._dead.get(question.api) is not None
        count, patience = self._counts[self._aside], ASIDE if self._aside else PATIENCE
        if count >= patience and not dead and question.verb != "probe":
            note = f"not asked: your code has crashed or hung {count} times"
            return Answer("error", error=ErrorInfo(UNSUPPORTED, ("Exception",), note))
        answer = super().put(question)
        if answer.outcome in UNANSWERED and not dead:
            self.ends.append((question, answer))
            self._counts[self._aside] += 1
        return answer

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Questions within do not tire the executor of those that decide cells."""
        before, self._aside = self._aside, True
        try:
            yield
        finally:
            self._aside = before
