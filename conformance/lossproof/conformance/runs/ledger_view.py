"""The ledger as it stands on one running target: each finding's pinned witness, asked once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.cases.probes import asked
from lossproof.conformance.diagnosis.known import in_range
from lossproof.conformance.diagnosis.model import Cause
from lossproof.conformance.diagnosis.reducing import Shown
from lossproof.conformance.families.kinds import named as kind_named
from lossproof.conformance.families.regions.registry import shows
from lossproof.conformance.judging.executor import Executor, Reply, question_of, twice
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import as_mapping, documented, literal, seen, serialized
from lossproof.conformance.model.results import Status
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo, Variant
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Unrepeated
from lossproof.specs.models import ArrayValues, KnownFinding, Pinned

PINNED_ROUNDING = 2.0**-7
"""A pinned answer was computed on another machine: a bfloat16 may have been rounded the other way."""


@dataclass(frozen=True)
class LedgerStatus:
    """How a ledger finding stands on this target: its status, and its witness with the answer of today."""

    status: Status
    shown: Shown
    outcome: Outcome


class LedgerView:
    """The findings of a ledger that are about a target's packages."""

    def __init__(
        self,
        facts: TargetInfo,
        executor: Executor,
        subjects: Sequence[Subject],
        ledger: Iterable[KnownFinding],
    ) -> None:
        self.findings = tuple(f for f in ledger if f.package in facts.packages)
        self._facts, self._executor = facts, executor
        self._subjects = {s.api: s for s in subjects}
        self._statuses: dict[str, LedgerStatus] = {}

    def __iter__(self) -> Iterator[KnownFinding]:
        return iter(self.findings)

    def applies(self, known: KnownFinding) -> bool:
        """Whether a finding is about this version, an API of this target, its backend, mode and device."""
        return (
            in_range(known, self._facts.packages)
            and known.witness.api in self._subjects
            and self._facts.may_show(known)
        )

    def status_of(self, cause: Cause) -> Status:
        """How a cause stands: new, carried from other versions, or as the witness of its finding answers."""
        if cause.known is None:
            return "new"
        if cause.carried:
            return "carried"
        status = self.today(cause.known).status
        return "changed" if status == "fixed" else status

    def today(self, known: KnownFinding) -> LedgerStatus:
        """A finding's witness with the answer of today, asked once."""
        if known.slug not in self._statuses:
            try:
                self._statuses[known.slug] = twice(lambda: self._ask(known))
            except Unrepeated as error:  # nothing is known of it today; what it explains stays explained
                shown = Shown({}, {}, {"note": str(error)})
                self._statuses[known.slug] = LedgerStatus("known", shown, Outcome("broken", note=str(error)))
        return self._statuses[known.slug]

    def _ask(self, known: KnownFinding) -> LedgerStatus:
        subject = self._subjects.get(known.witness.api)
        if subject is None:
            return LedgerStatus("carried", Shown({}, {}, {}), Outcome("unsupported"))
        put = self._ask_case if known.witness.case is not None else self._ask_arrays
        shown, outcome = put(subject, known)
        status: Status
        if outcome.verdict == "unsupported":
            status = "carried"
        elif outcome.verdict not in ("diverges", "undocumented") and not kind_named(known.kind).beside_value:
            status = "fixed"
        else:
            status = "known" if _as_pinned(known.witness, shown.observed) else "changed"
        return LedgerStatus(status, shown, outcome)

    def _ask_case(self, subject: Subject, known: KnownFinding) -> tuple[Shown, Outcome]:
        assert known.witness.case is not None
        case = subject.case(known.witness.case)
        key = CellKey(case.property, "-", "-", Variant(case=case.slug))
        outcome = judge_case(subject, key, self._executor)
        put = serialized(asked(subject, case), case.ask, dict(case.arguments))
        return Shown(put, as_mapping(outcome.expected), as_mapping(outcome.observed)), outcome

    def _ask_arrays(self, subject: Subject, known: KnownFinding) -> tuple[Shown, Outcome]:
        pinned = known.witness
        arrays = {n: literal(a) for n, a in pinned.arrays.items()}
        batch = Batch(arrays, dict(pinned.options), wrt=pinned.wrt)
        reply = self._executor.judged(subject, batch, shows(known.kind).name)
        put = serialized(question_of(subject, batch))
        return Shown(put, documented(reply.judged), seen(reply.answer)), _outcome_of(reply)


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
