"""The policy for a user's own code: which of an API's claims mean something for it, and which are about the API alone.

What is left out is `unsupported` with its reason, never a pass and never held against the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossproof.conformance.cases.probes import matches
from lossproof.conformance.diagnosis.reducing import Reducing, Shown
from lossproof.conformance.families import kinds
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import seen, serialized
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.results import Finding
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.usercode.executor import UserExecutor
from lossproof.conformance.usercode.fit import Takes
from lossproof.conformance.workers.protocol import UNSUPPORTED
from lossproof.specs.models import Case

ABOUT_THE_API = {
    "resolve": "other names of the API",
    "bases": "the base classes of the API",
    "strategy": "the framework's distribution strategies",
    "call_other": "another function of the framework",
}
"""Ways to ask that say nothing of code which takes the API's place."""
NEEDS_THE_FRAMEWORK = {
    "fit": "training in the framework",
    "script": "a script in the framework",
    "descend": "NumPy has no gradients",
}
OF_FUNCTIONS = ("function", "method", "builtin_function_or_method", "partial")
"""Types of what is called and is no instance of a class of its own."""


@dataclass(frozen=True)
class UserCodePolicy:
    """The decisions of a session that asks a user's code what means something for it.

    `arrays` is framework or numpy. What the code does not take (`takes`) is not given to it: that it lacks a documented
    parameter is told once, by the cell about the signature.
    """

    subject: Subject
    executor: UserExecutor
    arrays: str
    takes: Takes
    name: str
    """that of the code, without what it lies in"""

    def not_asked(self, subject: Subject, key: CellKey) -> str:
        """Why a cell is not asked: it is not about the code, or the code falls over on plain input; else ""."""
        case = _case(subject, key)
        why = self.left_out(subject, key, case)
        if why:
            return why
        dead = self.executor.smoke(subject)
        if dead is not None and case is not None and case.ask == "call":
            return f"not asked: your code {kinds.named(dead.answer.outcome).ends} on plain input"
        return ""

    def excused(self, subject: Subject, key: CellKey, outcome: Outcome) -> Outcome:
        """The outcome, `unsupported` where what diverges is not the code's doing."""
        return excused(_case(subject, key), outcome, self.name)

    def reduce(self, reducing: Reducing) -> Shown:
        """The smallest question that shows a cause; of a print or a mutation, what is wrong in words alone."""
        with self.executor.aside():
            found = reducing.witness()
        failure = reducing.item.failure
        kind = kinds.named(failure.kind)
        if kind.kept is None or kind.raises:
            return found
        return Shown(found.question, {"says": kind.expected}, {"outcome": "value", "says": failure.says})

    def ends(self, found: Sequence[Finding]) -> tuple[Finding, ...]:
        """A finding for a crash or hang that no other finding tells of, as where the documentation is silent."""
        if not self.executor.ends or any(kinds.named(f.kind).ends for f in found):
            return ()
        put, answer = min(
            self.executor.ends, key=lambda end: sum(len(a.data) for a in end[0].arrays.values())
        )
        subject, facts = self.subject, self.subject.facts
        name = subject.api.rsplit(".", 1)[-1]
        finding = Finding(
            slug=f"{facts.framework}-{answer.outcome}-{name}".lower().replace("_", "-"),
            title=f"{name}: {kinds.named(answer.outcome).ends} on some input", target=facts.target,
            framework=facts.framework, version=facts.version, apis=(subject.api,),
            kind=answer.outcome, severity="S2", status="new", behaves_as={}, reason="", upstream="",
            citation=str(subject.edition.source), witness=serialized(put), expected={"says": "an answer"},
            observed=seen(answer), error_ulp=None, error_over_bound=None, cells=0,
        )  # fmt: skip
        return (finding,)

    def left_out(self, subject: Subject, key: CellKey, case: Case | None) -> str:
        """Why a cell is not asked, or ""."""
        if case is not None:
            if case.contradicts:
                return f"the documentation contradicts itself here: {case.contradicts}"
            asked = "resolve" if case.expect.aliases is not None else case.arguments.get("probe", case.ask)
            if asked in ABOUT_THE_API:
                return f"about {ABOUT_THE_API[asked]}, not about your code"
        if lacking := self.takes.lacks(subject, _names(key, subject, case)):
            return f"your code has no parameter {lacking}"
        return self._not_numpy(subject, key, case) if self.arrays == "numpy" else ""

    def _not_numpy(self, subject: Subject, key: CellKey, case: Case | None) -> str:
        """Why a cell means nothing with NumPy's arrays, or ""."""
        dtypes = {key.dtype, *key.variant.dtypes}
        if case is not None:
            given, roles = subject.roles, family_of(subject).inputs.roles
            dtypes |= {a.dtype for a in case.arrays.values()}
            core: set[str] = {a.dtype for n, a in case.arrays.items() if given.get(n) in roles}
            if case.ask in NEEDS_THE_FRAMEWORK:
                return NEEDS_THE_FRAMEWORK[case.ask]
            if case.expect.returns is not None:
                return f"about the framework's class {case.expect.returns}"
            if "$name" in json.dumps([dict(case.options), dict(case.arguments)], default=str):
                return "asks with a constant of the framework"
            if any(a.form == "list" for a in case.arrays.values()):
                return "the framework makes arrays of lists"
        else:
            core = {d for d in (key.dtype, *key.variant.dtypes) if d != "-"}
        if "bfloat16" in dtypes:
            return "NumPy has no bfloat16"
        if len(core) > 1 or not core <= set(FORMATS):
            return "type promotion is the framework's own, and NumPy's is another"
        return ""


def _case(subject: Subject, key: CellKey) -> Case | None:
    return subject.case(key.variant.case) if key.variant.case else None


def _names(key: CellKey, subject: Subject, case: Case | None) -> list[str]:
    """The documented options and arrays that a cell asks with; a probe has arrays of its own, such as a layer's."""
    if case is not None:
        documented = {*subject.roles, *(option.name for option in subject.edition.call.options)}
        given = [*case.options, *case.arrays] if case.ask not in ("signature", "attribute") else []
        return [name for name in given if name in documented]
    weights = [a.name for a in subject.edition.call.arrays if a.role == "weights" and key.variant.weights]
    return [*(name for name, _ in key.variant.options), *weights]


def _lacking(message: str) -> str:
    """The type, or class, that an AttributeError says has no such attribute."""
    named = re.match(r"(?:type object )?'([^']+)' (?:object )?has no attribute", message)
    return named[1].rpartition(".")[2] if named else ""


def excused(case: Case | None, outcome: Outcome, name: str) -> Outcome:
    """The outcome, `unsupported` where what diverges is not the code's doing; `name` is that of the code.

    What a framework's tensor lacks is missed by the code, which is its mistake; what the code lacks is not asked of it.
    """
    observed = outcome.observed if isinstance(outcome.observed, Mapping) else {}
    error, message = str(observed.get("error", "")), str(observed.get("message", ""))
    if error == UNSUPPORTED:
        return _unsupported(outcome, message)
    if outcome.verdict != "diverges":
        return outcome
    if kinds.named(outcome.kind).of_page:
        return _unsupported(outcome, "the documentation contradicts itself here")
    if case is None or case.ask == "call":
        return outcome
    if error.endswith("AttributeError") and _lacking(message) in (*OF_FUNCTIONS, name):
        return _unsupported(outcome, f"your code has none: {message}")
    if case.ask == "signature":
        return _signature(case, outcome)
    return outcome


def _unsupported(outcome: Outcome, note: str) -> Outcome:
    return Outcome(
        "unsupported", expected=outcome.expected, observed=outcome.observed, note=note, case=outcome.case
    )


def _signature(case: Case, outcome: Outcome) -> Outcome:
    """The documented parameters may be followed by others that have defaults; `*args` says nothing of them."""
    wanted: Any = case.expect.data
    found: Any = outcome.observed
    if not isinstance(found, Sequence) or not isinstance(wanted, Sequence):
        return outcome
    if not found:
        return _unsupported(outcome, "the signature of your code does not say its parameters")
    more = found[len(wanted) :]
    if matches(wanted, found[: len(wanted)]) and all("default" in p for p in more):
        return Outcome("conforms", expected=outcome.expected, observed=found, rows=1, case=case)
    return outcome
