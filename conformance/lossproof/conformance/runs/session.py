"""One running target: the APIs it has, the verdict on each cell, and the ledger's findings as they stand there."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.cases.probes import asked
from lossproof.conformance.diagnosis.causes import explain, in_range, settled, unexplained
from lossproof.conformance.diagnosis.effort import Stop, to_explain, to_reduce
from lossproof.conformance.diagnosis.model import Cause, Explained
from lossproof.conformance.diagnosis.reducing import Reducing, shown
from lossproof.conformance.families.kinds import named as kind_named
from lossproof.conformance.families.regions.registry import shows
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.executor import Executor, Reply, question_of, twice
from lossproof.conformance.judging.outcome import Failure, Outcome
from lossproof.conformance.judging.serialize import documented, literal, seen, serialized
from lossproof.conformance.model.execution import mode_called
from lossproof.conformance.model.results import Drift, Row, Status
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo, Variant
from lossproof.conformance.properties.registry import cells, judge_cell
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.runs.drift import drift
from lossproof.conformance.runs.samples import sample, sample_of_case
from lossproof.conformance.workers.client import WorkerError
from lossproof.conformance.workers.protocol import UNANSWERED, Answer, Question, Unrepeated
from lossproof.specs import edition_for
from lossproof.specs.frameworks import load_frameworks
from lossproof.specs.models import ArrayValues, KnownFinding, Pinned, Spec

CELL_CALLS = 6
FINDING_CALLS = 120
log = logging.getLogger("lossproof")


@dataclass(frozen=True)
class Judgement:
    """The verdict on one cell with the causes of its failures, worst first."""

    subject: Subject
    key: CellKey
    outcome: Outcome
    causes: tuple[Explained, ...]
    row: Row

    @property
    def sample(self) -> dict[str, Any]:
        """The part of the cell's answers that the run keeps, see `samples`."""
        sampled = self.outcome.sample or {"answers": [_mapping(self.outcome.observed)]}
        row = self.row
        cell = {n: getattr(row, n) for n in ("target", "api", "property", "region", "dtype", "variant")}
        return {**cell, **sampled}


@dataclass(frozen=True)
class LedgerStatus:
    """How a ledger finding stands on this target: its status, and its witness with the answer of today."""

    status: Status
    question: Mapping[str, Any]
    expected: Mapping[str, Any]
    observed: Mapping[str, Any]
    outcome: Outcome
    fault: str = ""
    """what went wrong in lossproof itself while it was reduced"""


class Session:
    """A target that answers, the specs that document it and the ledger."""

    def __init__(
        self, facts: TargetInfo, executor: Executor, specs: Iterable[Spec], ledger: Sequence[KnownFinding]
    ) -> None:
        self.facts = facts
        self.mode = mode_called(facts.mode)
        self.executor = executor
        self.ledger = tuple(f for f in ledger if f.package in facts.packages)
        self._specs = tuple(specs)
        self._ledger_statuses: dict[str, LedgerStatus] = {}
        self.stop = Stop()
        self.faults: list[str] = []
        """exceptions of lossproof itself, each of which cost a detail of one finding"""

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """The APIs whose documentation has an edition for the target's version, sorted by name."""
        found = []
        for spec in self._specs:
            edition = edition_for(spec, self.facts.packages) if belongs(spec, self.facts.framework) else None
            if edition is not None:
                found.append(Subject(self.facts, spec, edition))
        return tuple(sorted(found, key=lambda s: s.api))

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
            outcome, causes, row = twice(lambda: self._judged(subject, key))
        except Unrepeated as error:
            outcome, causes = Outcome("broken", note=str(error)), ()
            row = self._row(subject, key, outcome, causes)
        return Judgement(
            subject, key, outcome, causes, replace(row, seconds=round(time.perf_counter() - begun, 4))
        )

    def _judged(self, subject: Subject, key: CellKey) -> tuple[Outcome, tuple[Explained, ...], Row]:
        try:
            self.executor.smoke(subject)
            outcome = self.outcome(subject, key)
        except (WorkerError, Unrepeated):
            raise
        except Exception as error:
            outcome = Outcome("broken", note=f"{type(error).__name__}: {error}")
        causes = self.causes(subject, key, outcome) if outcome.verdict == "diverges" else ()
        return outcome, causes, self._row(subject, key, outcome, causes)

    def outcome(self, subject: Subject, key: CellKey) -> Outcome:
        """Return the outcome of a cell under its property."""
        outcome = judge_cell(subject, key, self.executor)
        kept = sample_of_case(subject, outcome) if key.variant.case else sample(subject, key, self.executor)
        return replace(outcome, sample=kept)

    def causes(self, subject: Subject, key: CellKey, outcome: Outcome) -> tuple[Explained, ...]:
        """Why a cell diverges: its causes, new ones first, worst first."""

        def ask(batch: Batch) -> Reply:
            return twice(lambda: self.executor.judged(subject, batch, key.region))

        try:
            with self.stop.within():
                found = explain(subject, key, outcome, self.ledger, to_explain(self.stop))
                found = settled(subject, key, found, ask)
        except (WorkerError, Unrepeated):
            raise
        except Exception as error:
            self._fault(f"{subject.api} {key}", "explain the failures", error)
            found = unexplained(subject, key, outcome)
        return tuple(sorted(found, key=lambda e: _order(self.status(subject, e.cause), e.cause)))

    def absent(self, subject: Subject, why: str) -> Judgement:
        """The verdict where the documentation names an API that the target does not have."""
        key = CellKey("signature", "-", "-", Variant())
        nothing = Reply(Batch({}, {}), Answer("value", note=why), _nothing(why))
        failure = Failure(nothing, np.ones(1, dtype=np.bool_), "error", f"no such API: {why}")
        outcome = Outcome(
            "diverges", "error", (failure,), expected={"says": "the API exists"}, observed={"says": why}
        )
        causes = tuple(explain(subject, key, outcome, self.ledger))
        return Judgement(subject, key, outcome, causes, self._row(subject, key, outcome, causes))

    def status(self, subject: Subject, cause: Cause) -> Status:
        """new, or how the ledger finding stands on this target."""
        if cause.known is None:
            return "new"
        if cause.carried:
            return "carried"
        status = self.ledger_status(cause.known).status
        return "changed" if status == "fixed" else status

    def ledger_status(self, known: KnownFinding) -> LedgerStatus:
        """A ledger finding's witness, asked once."""
        if known.slug not in self._ledger_statuses:
            try:
                self._ledger_statuses[known.slug] = twice(lambda: self._ask_pinned(known))
            except Unrepeated as error:  # nothing is known of it today; what it explains stays explained
                outcome = Outcome("broken", note=str(error))
                self._ledger_statuses[known.slug] = LedgerStatus(
                    "known", {}, {}, {"note": str(error)}, outcome
                )
        return self._ledger_statuses[known.slug]

    def applies(self, known: KnownFinding) -> bool:
        """Whether a ledger finding is about this version, an API of this target, its backend, mode and device."""
        apis = {s.api for s in self.subjects}
        return (
            in_range(known, self.facts.packages) and known.witness.api in apis and self.facts.may_show(known)
        )

    def _ask_pinned(self, known: KnownFinding) -> LedgerStatus:
        pinned = known.witness
        subject = next((s for s in self.subjects if s.api == pinned.api), None)
        if subject is None:
            return LedgerStatus("carried", {}, {}, {}, Outcome("unsupported"))
        if pinned.case is not None:
            case = subject.case(pinned.case)
            outcome = judge_case(
                subject, CellKey(case.property, "-", "-", Variant(case=case.slug)), self.executor
            )
            put, observed = (
                serialized(asked(subject, case), case.ask, dict(case.arguments)),
                _mapping(outcome.observed),
            )
            expected = _mapping(outcome.expected)
        else:
            arrays = {n: literal(a) for n, a in pinned.arrays.items()}
            batch = Batch(arrays, dict(pinned.options), wrt=pinned.wrt)
            reply = self.executor.judged(subject, batch, shows(known.kind).name)
            outcome = _outcome_of(reply)
            put, observed = serialized(question_of(subject, batch)), seen(reply.answer)
            expected = documented(reply.judged)
        status: Status
        if outcome.verdict == "unsupported":
            status = "carried"
        elif outcome.verdict not in ("diverges", "undocumented") and not kind_named(known.kind).beside_value:
            status = "fixed"
        else:
            status = "known" if _as_pinned(pinned, observed) else "changed"
        return LedgerStatus(status, put, expected, observed, outcome)

    # --- rows ---

    def _row(self, subject: Subject, key: CellKey, outcome: Outcome, causes: Sequence[Explained]) -> Row:
        facts = self.facts
        claim, citation = subject.citation(key)
        row = Row(
            target=facts.target, framework=facts.framework, version=facts.version, companions=facts.companions,
            python=facts.python, backend=facts.backend, mode=facts.mode, device=facts.device,
            api=subject.api, property=key.property, region=key.region, dtype=key.dtype, variant=key.variant.slug,
            verdict=outcome.verdict, claim=claim, citation=str(citation),
            expected=_json(outcome.expected), observed=_json(outcome.observed),
            error_ulp=outcome.error, error_over_bound=outcome.ratio, grade=outcome.grade, rows=outcome.rows,
        )  # fmt: skip
        if outcome.verdict == "broken" or (
            outcome.note and outcome.verdict in ("unsupported", "undocumented")
        ):
            row = replace(row, observed=_json({**_mapping(outcome.observed), "note": outcome.note}))
        if not causes:
            return row
        worst = causes[0].cause
        told = self.show(subject, key, outcome, causes[0], CELL_CALLS)
        return replace(
            row,
            kind=worst.kind,
            severity=worst.severity,
            status=self.status(subject, worst),
            finding=";".join(e.cause.slug for e in causes),
            expected=_json(told.expected),
            observed=_json(told.observed),
            witness=_json(told.question),
            upstream=(worst.known.upstream or "") if worst.known else "",
        )

    def show(
        self, subject: Subject, key: CellKey, outcome: Outcome, item: Explained, calls: int
    ) -> LedgerStatus:
        """The witness of a cause in a cell: the ledger's where it has one for this API, else one reduced here."""
        known = item.cause.known
        if known is not None and not item.cause.carried:
            return self.ledger_status(known)
        if outcome.case is not None:
            case = outcome.case
            put = serialized(asked(subject, case), case.ask, dict(case.arguments))
            return LedgerStatus("new", put, _mapping(outcome.expected), _mapping(outcome.observed), outcome)
        try:
            with self.stop.within():
                found = Reducing(
                    subject=subject,
                    key=key,
                    item=item,
                    executor=self.executor,
                    ledger=self.ledger,
                    budget=to_reduce(calls, self.stop),
                ).witness()
        except (WorkerError, Unrepeated):
            raise
        except Exception as error:
            self._fault(f"{subject.api} {key}", "reduce the witness", error)
            found = shown(subject, item.failure)
            note = f"the witness could not be reduced: {type(error).__name__} inside lossproof"
            return LedgerStatus(
                status="new",
                question=found.question,
                expected=found.expected,
                observed=found.observed,
                outcome=outcome,
                fault=note,
            )
        return LedgerStatus("new", found.question, found.expected, found.observed, outcome)

    def _fault(self, where: str, what: str, error: Exception) -> None:
        """Keep an exception of our own, which costs a detail of one finding, where the run and its log tell it."""
        told = f"{where}: lossproof could not {what}: {type(error).__name__}: {error}"
        if told not in self.faults:
            self.faults.append(told)
            log.error("%s; please report it", told, exc_info=error)


def belongs(spec: Spec, framework: str) -> bool:
    """Whether a framework has the API: Keras has those of tf.keras on each of its backends."""
    known = load_frameworks().get(framework)
    return spec.framework == framework or (known is not None and known.has(spec.api))


def _order(status: Status, cause: Cause) -> tuple[int, str, str]:
    return (("new", "changed", "known", "carried").index(status) if status else 9, cause.severity, cause.slug)


def _outcome_of(reply: Reply) -> Outcome:
    judged, error = reply.judged, reply.answer.error
    if error is not None and error.declined:
        return Outcome("unsupported", note=error.message)
    if judged.expected is None:
        return Outcome("undocumented" if judged.silent else "diverges")
    wrong = judged.wrong.any() or judged.shape_differs or judged.dtype_differs or reply.answer.changed
    return Outcome("diverges" if wrong else "conforms")


def _as_pinned(pinned: Pinned, observed: Mapping[str, Any]) -> bool:
    """Whether the answer is the pinned one: numbers within rounding, everything else equal."""
    return all(_alike(wanted, observed.get(name)) for name, wanted in pinned.answer.items())


def _alike(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list | tuple) and len(wanted) == len(found) and all(map(_alike, wanted, found))
        )
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_alike(v, found.get(k)) for k, v in wanted.items())
    if isinstance(wanted, str) and isinstance(found, str) and wanted != found:
        try:
            a, b = (literal(ArrayValues(values=t, dtype="float64")).item() for t in (wanted, found))
        except ValueError:
            return False
        return bool((np.isnan(a) and np.isnan(b)) or abs(a - b) <= PINNED_ROUNDING * max(abs(a), abs(b)))
    return bool(wanted == found)


PINNED_ROUNDING = 2.0**-7
"""A pinned answer was computed on another machine: a bfloat16 may have been rounded the other way."""


def _nothing(why: str) -> Judged:
    return Judged.unmeasured(Answer("value", note=why))


def _mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"data": value}


def _json(value: Any) -> str:
    return (
        ""
        if value is None or value == {}
        else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    )
