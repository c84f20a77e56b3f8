"""One running target: the APIs it has, and the verdict on each cell with its causes and their evidence."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lossproof.conformance.diagnosis.catalogue import settled
from lossproof.conformance.diagnosis.causes import explain, unexplained
from lossproof.conformance.diagnosis.effort import Stop, to_explain
from lossproof.conformance.diagnosis.known import known_to
from lossproof.conformance.diagnosis.leading import Asking, Leading, leading, suspicious
from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.executor import Executor, Reply, question_of, twice
from lossproof.conformance.judging.outcome import Failure, Mask, Outcome
from lossproof.conformance.model.execution import mode_called
from lossproof.conformance.model.results import Drift, Status
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo, Variant
from lossproof.conformance.properties.registry import cells, judge_cell
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.runs.drift import drift
from lossproof.conformance.runs.evidence import CELL_CALLS, EvidenceFinder
from lossproof.conformance.runs.faults import Faults
from lossproof.conformance.runs.judgement import Judgement
from lossproof.conformance.runs.ledger_view import LedgerView
from lossproof.conformance.runs.policy import Policy
from lossproof.conformance.runs.samples import sample, sample_of_case
from lossproof.conformance.workers.client import WorkerError
from lossproof.conformance.workers.protocol import UNANSWERED, Answer, Question, Unrepeated
from lossproof.specs import edition_for
from lossproof.specs.frameworks import load_frameworks
from lossproof.specs.models import KnownFinding, Spec

STATUS_ORDER: tuple[Status, ...] = ("new", "changed", "known", "carried")


class Session:
    """A target that answers, its documented APIs and the ledger, judged by a policy."""

    def __init__(
        self,
        facts: TargetInfo,
        executor: Executor,
        subjects: Sequence[Subject],
        ledger: Iterable[KnownFinding] = (),
        policy: Policy = Policy(),  # noqa: B008 - frozen
        stop: Stop | None = None,
    ) -> None:
        self.facts, self.executor, self.policy = facts, executor, policy
        self.mode = mode_called(facts.mode)
        self.subjects = tuple(subjects)
        self.stop, self.faults = stop or Stop(), Faults()
        self._leading: dict[str, tuple[Leading, ...]] = {}
        self._piloted: set[str] = set()
        self.ledger = LedgerView(facts, executor, self.subjects, ledger)
        self.evidence = EvidenceFinder(executor, self.ledger, policy.reduce, self.stop, self.faults)

    def cells(self, subject: Subject) -> list[CellKey]:
        """The cells of an API that are asked in the target's mode."""
        return [key for key in cells(subject) if self.mode.takes(key)]

    def missing(self, subject: Subject) -> str:
        """Why a documented API cannot be called on this target, or "" where it is there.

        What kills the worker that looks for it does not show that it is missing: its cells will tell.
        """
        put = Question(subject.api, verb="probe", probe="resolve", options={"names": [subject.api]})
        try:
            answer = twice(lambda: self.executor.put(put))
        except Unrepeated:
            return ""
        if answer.data is None:
            return (
                "" if answer.outcome in UNANSWERED else answer.error.message if answer.error else answer.note
            )
        return str(answer.data[0]["error"] or "")

    def drift(self, subject: Subject) -> Drift | None:
        """How the API's docstring differs from those that its spec was written from, see `drift`."""
        try:
            return twice(lambda: drift(subject, self.executor))
        except Unrepeated:
            return None

    def judge_cell(self, subject: Subject, key: CellKey) -> Judgement:
        """The verdict on one cell; asked anew where a worker died on the way, broken where one does so again."""
        begun = time.perf_counter()
        try:
            judgement = twice(lambda: self._judged(subject, key))
        except Unrepeated as error:
            judgement = Judgement(subject, key, Outcome("broken", note=str(error)))
        return replace(judgement, seconds=round(time.perf_counter() - begun, 4))

    def absent(self, subject: Subject, why: str) -> Judgement:
        """The verdict where the documentation names an API that the target does not have."""
        key = CellKey("signature", "-", "-", Variant())
        answer = Answer("value", note=why)
        nothing = Reply(Batch({}, {}), answer, Judged.unmeasured(answer))
        failure = Failure(nothing, np.ones(1, dtype=np.bool_), "error", f"no such API: {why}")
        outcome = Outcome(
            "diverges", "error", (failure,), expected={"says": "the API exists"}, observed={"says": why}
        )
        return self._told(subject, key, outcome, explain(subject, key, outcome, self.ledger.findings))

    def _judged(self, subject: Subject, key: CellKey) -> Judgement:
        try:
            self._pilot(subject)
            self.executor.smoke(subject)
            outcome = self._outcome(subject, key)
        except (WorkerError, Unrepeated):
            raise
        except Exception as error:
            outcome = Outcome("broken", note=f"{type(error).__name__}: {error}")
        causes = self._causes(subject, key, outcome) if outcome.verdict == "diverges" else ()
        return self._told(subject, key, outcome, causes)

    def _pilot(self, subject: Subject) -> None:
        """Ask an API the fixed questions that tell whether it is wrong on ordinary input, once."""
        if subject.api not in self._piloted:
            if suspicious(subject, self._asking(subject)):
                self.executor.suspected.add(subject.api)
            self._piloted.add(subject.api)

    def leading(self, subject: Subject) -> tuple[Leading, ...]:
        """The causes of an API's wrong answers to a fixed set of questions, which are asked once."""
        if subject.api not in self._leading:
            self._leading[subject.api] = leading(subject, self._asking(subject))
        return self._leading[subject.api]

    def _asking(self, subject: Subject) -> Asking:
        def again(reply: Reply) -> Answer:
            return twice(lambda: self.executor.put(question_of(subject, reply.batch)))

        def known(key: CellKey, failure: Failure) -> Mask:
            return known_to(subject, key, failure, self.ledger.findings)

        return Asking(lambda key: twice(lambda: self.executor.first(subject, key)), again, known)

    def _outcome(self, subject: Subject, key: CellKey) -> Outcome:
        """The outcome of a cell under its property, as the policy lets it stand."""
        why = self.policy.not_asked(subject, key)
        if why:
            return Outcome("unsupported", note=why)
        outcome = judge_cell(subject, key, self.executor)
        kept = sample_of_case(subject, outcome) if key.variant.case else sample(subject, key, self.executor)
        return self.policy.excused(subject, key, replace(outcome, sample=kept))

    def _causes(self, subject: Subject, key: CellKey, outcome: Outcome) -> Sequence[Explained]:
        """Why a cell diverges: its causes, new ones first, worst first."""

        def ask(batch: Batch) -> Reply:
            return twice(lambda: self.executor.judged(subject, batch, key.region))

        try:
            with self.stop.within():
                found = self.policy.explain(
                    subject,
                    key,
                    outcome,
                    self.ledger.findings,
                    to_explain(self.stop),
                    partial(self.leading, subject),
                )
                found = settled(subject, key, found, ask)
        except (WorkerError, Unrepeated):
            raise
        except Exception as error:
            self.faults.add(f"{subject.api} {key}", "explain the failures", error)
            found = unexplained(subject, key, outcome)
        return sorted(found, key=self._severest)

    def _severest(self, item: Explained) -> tuple[int, str, str]:
        status = self.ledger.status_of(item.cause)
        return STATUS_ORDER.index(status), item.cause.severity, item.cause.slug

    def _told(
        self, subject: Subject, key: CellKey, outcome: Outcome, causes: Sequence[Explained]
    ) -> Judgement:
        """A judgement with the status of its worst cause."""
        if not causes:
            return Judgement(subject, key, outcome)
        status = self.ledger.status_of(causes[0].cause)
        return Judgement(subject, key, outcome, tuple(causes), status)

    def with_evidence(self, judgement: Judgement) -> Judgement:
        """The judgement with the evidence of its worst cause: that of the finding, if the cell is the one shown."""
        if not judgement.causes:
            return judgement
        worst = judgement.causes[0]
        found = self.evidence.of(judgement.subject, judgement.key, judgement.outcome, worst, CELL_CALLS)
        return replace(judgement, evidence=found)


def documented_here(facts: TargetInfo, specs: Iterable[Spec]) -> tuple[Subject, ...]:
    """The APIs whose documentation has an edition for the target's version, sorted by name."""
    found = []
    for spec in specs:
        edition = edition_for(spec, facts.packages) if belongs(spec, facts.framework) else None
        if edition is not None:
            found.append(Subject(facts, spec, edition))
    return tuple(sorted(found, key=lambda s: s.api))


def belongs(spec: Spec, framework: str) -> bool:
    """Whether a framework has the API: Keras has those of tf.keras on each of its backends."""
    known = load_frameworks().get(framework)
    return spec.framework == framework or (known is not None and known.has(spec.api))
