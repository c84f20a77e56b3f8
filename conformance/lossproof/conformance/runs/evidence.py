"""The evidence of a cause: the smallest question found that shows it, with the documented and the given answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from lossproof.conformance.cases.probes import asked
from lossproof.conformance.diagnosis.effort import Stop, to_reduce
from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.diagnosis.reducing import Reducing, Shown, shown
from lossproof.conformance.judging.executor import Executor, twice
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import as_mapping, serialized
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.runs.faults import Faults
from lossproof.conformance.runs.ledger_view import LedgerView
from lossproof.conformance.runs.policy import Reduce
from lossproof.conformance.workers.client import WorkerError
from lossproof.conformance.workers.protocol import Unrepeated

CELL_CALLS = 6
"""Calls that the evidence of a cell may take."""
FINDING_CALLS = 120
"""Calls that the evidence of a finding may take."""


@dataclass(frozen=True)
class Evidence:
    """A witness with its answers; `fault` says what went wrong in lossproof itself while it was reduced."""

    shown: Shown
    fault: str = ""


@dataclass(frozen=True)
class EvidenceFinder:
    """The means by which a session finds evidence on its target."""

    executor: Executor
    ledger: LedgerView
    reduce: Reduce
    stop: Stop
    faults: Faults
    _found: dict[tuple[str, CellKey, str], Evidence] = field(default_factory=dict)

    def of(self, subject: Subject, key: CellKey, outcome: Outcome, item: Explained, calls: int) -> Evidence:
        """The evidence of a cause in a cell: the ledger's witness where it has one, else one reduced here, once.

        A finding is shown by one of its cells, which then tells the same in its row: findings come first.
        """
        place = (subject.api, key, item.cause.slug)
        if place not in self._found:
            try:
                self._found[place] = twice(lambda: self._of(subject, key, outcome, item, calls))
            except Unrepeated:  # workers die here now and then: the question as it was asked
                self._found[place] = Evidence(shown(subject, item.failure))
        return self._found[place]

    def _of(self, subject: Subject, key: CellKey, outcome: Outcome, item: Explained, calls: int) -> Evidence:
        known = item.cause.known
        if known is not None and not item.cause.carried:
            return Evidence(self.ledger.today(known).shown)
        if outcome.case is not None:
            case = outcome.case
            put = serialized(asked(subject, case), case.ask, dict(case.arguments))
            return Evidence(Shown(put, as_mapping(outcome.expected), as_mapping(outcome.observed)))
        try:
            with self.stop.within():
                budget = to_reduce(calls, self.stop)
                return Evidence(
                    self.reduce(Reducing(subject, key, item, self.executor, self.ledger.findings, budget))
                )
        except (WorkerError, Unrepeated):
            raise
        except Exception as error:
            self.faults.add(f"{subject.api} {key}", "reduce the witness", error)
            note = f"the witness could not be reduced: {type(error).__name__} inside lossproof"
            return Evidence(shown(subject, item.failure), note)
