"""A ledger entry beside the diagnosis of its witness, which knows no ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.diagnosis.causes import explain
from lossproof.conformance.diagnosis.effort import Stop, to_explain
from lossproof.conformance.diagnosis.model import Behaviour, Cause
from lossproof.conformance.families.regions.registry import shows
from lossproof.conformance.judging.executor import Reply, twice
from lossproof.conformance.judging.outcome import Failure, Outcome, refusal
from lossproof.conformance.judging.serialize import literal
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.runs.session import Session
from lossproof.conformance.workers.protocol import Unrepeated
from lossproof.specs.models import KnownFinding

State = Literal["same", "holds", "differs", "unexplained", "fixed", "unanswered"]
"""`holds`: the diagnosis names another rule, and the entry's own still reproduces the answer; `differs`: no more."""


@dataclass(frozen=True)
class Proposal:
    """An entry of the ledger beside the diagnosis of its witness on one target."""

    slug: str
    target: str
    state: State
    kind: str
    says: Behaviour
    """The entry's own `behaves_as`."""
    found: Behaviour
    """That of the diagnosis; false where nothing is known to reproduce the answer."""
    found_kind: str = ""
    holds: bool = False
    """Whether the answer still is the one that the entry explains."""
    note: str = ""

    @property
    def outdated(self) -> bool:
        """Whether the entry's rule does not reproduce the wrong answer any more."""
        return self.state in ("differs", "unexplained") and not self.holds

    def as_json(self) -> dict[str, Any]:
        """The proposal as data."""
        return {
            "slug": self.slug, "target": self.target, "state": self.state, "holds": self.holds, "note": self.note,
            "says": {"kind": self.kind, "behaves_as": self.says.as_json()},
            "found": {"kind": self.found_kind, "behaves_as": self.found.as_json()},
        }  # fmt: skip


def proposals(session: Session, wanted: Sequence[KnownFinding]) -> Iterator[Proposal]:
    """A proposal for each entry that is about the target of a session."""
    for known in wanted:
        if session.ledger.applies(known):
            yield proposal(session, known)


def proposal(session: Session, known: KnownFinding) -> Proposal:
    """The proposal for one entry; `unanswered` where its witness gets no answer."""
    subject = next(s for s in session.subjects if s.api == known.witness.api)
    behaves = known.behaves_as
    says = Behaviour.of(behaves.parameters, behaves.predicate or "", behaves.cases)
    base = Proposal(known.slug, session.facts.target, "unanswered", known.kind, says, Behaviour())
    try:
        key, outcome = twice(lambda: _asked(session, subject, known))
    except Unrepeated as error:
        return replace(base, note=str(error))
    if outcome.verdict == "unsupported":
        return replace(base, note=outcome.note)
    if not outcome.failures:
        return replace(base, state="fixed")
    cause = _diagnosed(subject, key, outcome)
    holds = _diagnosed(subject, key, outcome, (known,)).known is not None
    return replace(
        base,
        state=_state(says, cause.behaves_as, holds),
        found=cause.behaves_as,
        found_kind=cause.kind,
        holds=holds,
        note="" if cause.behaves_as else cause.words,
    )


def _state(says: Behaviour, found: Behaviour, holds: bool) -> State:
    """How the two stand; a case shows itself alone, and says nothing of a rule beside it."""
    if not found:
        return "unexplained"
    if found == says or (found.cases and set(found.cases) <= set(says.cases)):
        return "same"
    return "holds" if holds else "differs"


def _diagnosed(
    subject: Subject, key: CellKey, outcome: Outcome, ledger: Sequence[KnownFinding] = ()
) -> Cause:
    """The cause of most of the wrong rows; the one place that asks the diagnosis."""
    found = explain(subject, key, outcome, ledger, to_explain(Stop()))
    return max(found, key=lambda item: item.rows).cause


def _asked(session: Session, subject: Subject, known: KnownFinding) -> tuple[CellKey, Outcome]:
    """The witness as the question of a cell, with its outcome."""
    pinned = known.witness
    if pinned.case is not None:
        case = subject.case(pinned.case)
        key = CellKey(case.property, "-", "-", Variant(case=case.slug))
        return key, judge_case(subject, key, session.executor)
    arrays = {name: literal(a) for name, a in pinned.arrays.items()}
    region = (known.regions or (shows(known.kind).name,))[0]
    name = (known.properties or ("gradient" if pinned.wrt else "value",))[0]
    dtypes = tuple(str(a.dtype) for a in arrays.values())
    dtype = next((d for d in dtypes if d in known.dtypes), dtypes[0])
    key = CellKey(name, region, dtype, Variant(wrt=pinned.wrt).having(**pinned.options))
    reply = session.executor.judged(subject, Batch(arrays, dict(pinned.options), wrt=pinned.wrt), region)
    return key, _outcome(reply)


def _outcome(reply: Reply) -> Outcome:
    """The failure of one answer, if it is wrong."""
    judged, error = reply.judged, reply.answer.error
    if error is not None and error.declined:
        return Outcome("unsupported", note=error.message)
    if judged.refused or judged.broken_off:
        return Outcome("diverges", failures=(refusal(reply),))
    if judged.expected is None:
        return Outcome("unsupported", note=judged.silent or "nothing is documented of it")
    forms = {"shape": judged.shape_differs, "dtype": judged.dtype_differs, "mutation": reply.answer.changed}
    failures: tuple[Failure, ...]
    if judged.wrong.any():
        failures = (Failure(reply, judged.wrong, "shape" if judged.size_differs else ""),)
    else:
        failures = tuple(
            Failure(reply, np.ones(1, dtype=np.bool_), kind, f"another {kind}")
            for kind, is_ in forms.items()
            if is_
        )
    return Outcome("diverges" if failures else "conforms", failures=failures)
