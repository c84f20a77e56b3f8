"""Puts questions to one target and keeps what was answered, so that cells of several properties share an answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from lossproof.conformance.families.regions.model import ORDINARY
from lossproof.conformance.families.regions.registry import of, possible
from lossproof.conformance.judging import memory
from lossproof.conformance.judging.comparison import Judged, judge_answer
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.conformance.questions.batches import Batch, batches
from lossproof.conformance.workers.protocol import UNANSWERED, Answer, Array, Question, Unrepeated

WORDS = {"value": "a value", "error": "an exception"}
KEPT_GROUPS = 24
GRADIENTS = 2


class HarnessFault(RuntimeError):  # noqa: N818
    """Our side of the pipe failed, not the target: the cell is broken."""


class Asks(Protocol):
    """Whatever answers questions: a worker, or a stand-in of a test."""

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        """The answer to one question; never raises for what the target does. A `first` call has a longer time limit."""
        ...


T = TypeVar("T")


def twice(asking: Callable[[], T]) -> T:
    """The result of `asking`, asked once more in a fresh worker where one died on the way and not again."""
    try:
        return asking()
    except Unrepeated:
        return asking()


@dataclass(frozen=True)
class Reply:
    """A batch, what the target answered, and how it compares with the documentation."""

    batch: Batch
    answer: Answer
    judged: Judged


def question(
    subject: Subject,
    arrays: Mapping[str, Any],
    options: Mapping[str, Any],
    order: str = "C",
    **more: Any,
) -> Question:
    """The question that calls the API with these arrays (NumPy or ready-made) and options, each in its own place."""
    call = subject.edition.call
    at_init = {o.name for o in call.options if o.at == "init"}
    init = {k: v for k, v in options.items() if k in at_init} if call.style == "class" else None
    at_call = {k: v for k, v in options.items() if init is None or k not in init}
    packed = {n: a if isinstance(a, Array) else _packed(a, order) for n, a in arrays.items()}
    mode = more.pop("mode", None) or subject.facts.mode
    return Question(
        subject.api, packed, init, at_call, mode=mode, device=subject.facts.device, **more
    )  # fmt: skip


def question_of(subject: Subject, batch: Batch) -> Question:
    """The question that a batch puts: for the value, or for the gradient with respect to one of its arrays."""
    more = {"verb": "grad", "wrt": batch.wrt} if batch.wrt else {}
    return question(subject, batch.arrays, batch.options, batch.order, **more)


def _packed(values: NDArray[Any], order: str) -> Array:
    return Array.of(values, layout=order if values.ndim > 1 else "C")


@dataclass
class Executor:
    """One target's answers. `asked` counts questions; a crash or hang is asked once more before it is believed.

    An API that crashes or hangs on the plainest question (`smoke`) is asked no other: each would cost two workers.
    What takes longer than a call may is asked again with the time of a first call, since it may compile: each kind of
    question (verb, dtypes and shapes) once, until a verb has hung even so. An API that needed that time keeps it.
    """

    worker: Asks
    run_seed: int = 0
    examples: int = 8
    asked: int = 0
    seconds: float = 0.0
    declined: str = ""
    """why the framework declined a call, while it has answered none"""
    samples: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    """what is kept of each group of cells, see `samples`"""
    suspected: set[str] = field(default_factory=set)
    """APIs that are wrong on ordinary input: one batch of each cell shows it as well as many"""
    _first: dict[tuple[str, ...], Reply] = field(default_factory=dict)
    _groups: OrderedDict[tuple[str, ...], tuple[Reply, ...]] = field(default_factory=OrderedDict)
    _dead: dict[str, Reply | None] = field(default_factory=dict)
    _met: set[tuple[object, ...]] = field(default_factory=set)
    """kinds of questions that were answered, and verbs that hung in the time of a first call"""
    _slow: set[str] = field(default_factory=set)
    _answered: bool = False
    """whether a call was not declined"""

    def put(self, question: Question) -> Answer:
        """The answer to a question; a crash or hang is one that a fresh worker repeats.

        Raises Unrepeated where a fresh worker answers what one died at, HarnessFault where lossproof itself failed.
        """
        dead = self._dead.get(question.api)
        if dead is not None and question.verb != "probe":
            return dead.answer
        kind = (question.api, question.verb, *((a.dtype, a.shape) for a in question.arrays.values()))
        verb = (question.api, question.verb)
        answer = self._asked(question, question.api in self._slow)
        if answer.outcome in UNANSWERED:
            new = answer.outcome == "hang" and not {kind, verb} & self._met
            again = self._asked(question, new)
            if again.outcome not in UNANSWERED and answer.outcome == "crash":
                raise Unrepeated(
                    f"the worker died once, and a fresh one gave {WORDS[again.outcome]}; {answer.note_and_log}"
                )
            if again.outcome not in UNANSWERED:  # it was slow, no more
                self._slow.add(question.api)
            elif new:
                self._met.add(verb)
            answer = again
        self._met.add(kind)
        return answer

    def _asked(self, question: Question, first: bool) -> Answer:
        answer = self.worker.ask(question, first=first)
        self.asked += 1
        self.seconds += answer.seconds
        if answer.error is not None and answer.error.of_harness:
            raise HarnessFault(answer.error.message)
        if question.verb != "probe":
            declined = answer.error.message if answer.error is not None and answer.error.declined else ""
            self._answered = self._answered or not declined
            self.declined = "" if self._answered else declined
        return answer

    def call(
        self,
        subject: Subject,
        arrays: Mapping[str, NDArray[Any]],
        options: Mapping[str, Any],
        order: str = "C",
        **more: Any,
    ) -> Answer:
        """The answer to one call of the API."""
        return self.put(question(subject, arrays, options, order, **more))

    def judged(
        self,
        subject: Subject,
        batch: Batch,
        region: str = ORDINARY,
        override: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Ask one batch and judge the answer."""
        answer = self.put(question_of(subject, batch))
        flush = not of(subject, region).flush_counts
        judged = judge_answer(subject, batch.arrays, batch.options, answer, override, flush, batch.wrt)
        return Reply(batch, answer, judged)

    def replies(self, subject: Subject, key: CellKey) -> tuple[Reply, ...]:
        """The judged batches of a cell's group (API, region, dtype, variant), asked once.

        After a crash or hang the batches left are not asked.
        """
        dead = self.smoke(subject)
        return (dead,) if dead is not None else self._replies(subject, key)

    def first(self, subject: Subject, key: CellKey) -> Reply:
        """The judged first batch of a cell, asked once; it does not depend on how many there are."""
        group = _group(subject, key)
        if group not in self._first:
            (batch,) = _drawn(subject, key.region, key.dtype, key.variant, 1, self.run_seed)
            self._first[group] = self.judged(subject, batch, key.region)
        return self._first[group]

    def smoke(self, subject: Subject) -> Reply | None:
        """The reply to ordinary rows in float32 where it is a crash or hang that repeats, else None; asked once."""
        if subject.api not in self._dead:
            plain = CellKey("value", ORDINARY, "float32", subject.row_wise)
            last = self._replies(subject, plain)[-1] if possible(ORDINARY, subject, "float32") else None
            self._dead[subject.api] = last if last is not None and _ended(last) else None
        return self._dead[subject.api]

    def _replies(self, subject: Subject, key: CellKey) -> tuple[Reply, ...]:
        group = _group(subject, key)
        if group in self._groups:
            self._groups.move_to_end(group)
            return self._groups[group]
        replies: list[Reply] = []
        for batch in _drawn(
            subject, key.region, key.dtype, key.variant, self.count(subject, key), self.run_seed
        ):
            again = self._first.get(group) if not replies else None
            replies.append(again or self.judged(subject, batch, key.region))
            if _ended(replies[-1]):
                break
        self._groups[group] = tuple(replies)
        while len(self._groups) > KEPT_GROUPS:
            self._groups.popitem(last=False)
        return tuple(replies)

    def count(self, subject: Subject, key: CellKey) -> int:
        """How many batches a cell asks: `examples`; two where a layout repeats itself, and of gradients.

        Of an API that is suspected it is one.
        A row has one value and a gradient of d elements; a batch without batch axes has but one value.
        """
        if subject.api in self.suspected:
            return 1
        if of(subject, key.region).refusable or (key.variant.rank or 0) > 1:
            return min(self.examples, 2)
        return min(self.examples, GRADIENTS) if key.variant.wrt else self.examples


def _group(subject: Subject, key: CellKey) -> tuple[str, ...]:
    """The name of the cells that share a cell's answers."""
    return (subject.facts.target, subject.api, key.region, key.dtype, key.variant.slug)


@memory.remembered(memory.of_draw)
def _drawn(
    subject: Subject, region: str, dtype: str, variant: Variant, count: int, seed: int
) -> tuple[Batch, ...]:
    return tuple(batches(subject, region, dtype, variant, count, seed))


def _ended(reply: Reply) -> bool:
    return reply.answer.outcome in UNANSWERED


def default_variant(subject: Subject, **options: Any) -> Variant:
    """The row-wise variant of a subject with further options."""
    return subject.row_wise.having(**options) if options else subject.row_wise
