"""An implementation in the place of a worker: it answers the questions of real frameworks in this process."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.allowed.ways import Way
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.workers.protocol import UNSUPPORTED, Answer, Array, ErrorInfo, Question


@dataclass(frozen=True)
class InProcess:
    """Answers calls and gradients of one documented API; anything else is refused, as by a target that lacks it."""

    way: Way
    subject: Subject

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        """The answer to one question."""
        if question.verb == "probe":
            refused = ErrorInfo(UNSUPPORTED, ("Exception",), "no framework to probe")
            return Answer("error", error=refused)
        arrays = {name: a.numpy() for name, a in question.arrays.items()}
        options = {**(question.init or {}), **question.options}
        value = self.way.answer(self.subject, arrays, options, question.wrt)
        return Answer("value", Array.of(value), type="numpy.ndarray")
