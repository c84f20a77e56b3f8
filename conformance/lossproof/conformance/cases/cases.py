"""Cases of a spec: given inputs with what the documentation lets one expect of them."""

from __future__ import annotations

from collections.abc import Callable

from lossproof.conformance.cases.outcomes import (
    conforms,
    diverges,
    kind_of,
    no_answer,
    raised,
    same_class,
    wanted_of,
)
from lossproof.conformance.cases.probes import aliases, asked, descended, probed
from lossproof.conformance.cases.values import by_oracle, printed_digits, valued
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import seen
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.specs.models import Case


def case_keys(subject: Subject, name: str) -> list[CellKey]:
    """The cells of a property that come from the spec's cases."""
    return [CellKey(name, "-", _dtype(c), Variant(case=c.slug)) for c in subject.cases if c.property == name]


def _dtype(case: Case) -> str:
    floats = [a.dtype for a in case.arrays.values() if a.dtype in FORMATS]
    return floats[0] if floats and case.ask == "call" else "-"


def judge_case(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Ask a case and judge what came back by the one thing that it expects."""
    case = subject.case(key.variant.case)
    outcome = ASKS.get(case.ask, probed)(subject, case, executor)
    if subject.is_silent(key) and outcome.verdict == "diverges":
        return Outcome(
            "undocumented", observed=outcome.observed, expected=outcome.expected, rows=outcome.rows, case=case
        )
    return outcome


def _called(subject: Subject, case: Case, executor: Executor) -> Outcome:
    answer = executor.put(asked(subject, case))
    expected = case.expect
    if early := no_answer(case, answer):
        return early
    if expected.raises is not None:
        return raised(case, answer)
    if expected.aliases is not None:
        return aliases(subject, case, executor, answer)
    if answer.outcome != "value":
        kind = case.kind or ("error" if answer.outcome == "error" else answer.outcome)
        return diverges(case, kind, answer, wanted_of(case), seen(answer), "no value comes back")
    if expected.runs is not None:
        return conforms(case, wanted_of(case), seen(answer))
    if expected.returns is not None:
        names = (answer.type, *answer.bases)
        if any(same_class(expected.returns, n) for n in names):
            return conforms(case, wanted_of(case), {"type": answer.type})
        return diverges(
            case, kind_of(case), answer, wanted_of(case), {"type": answer.type}, f"returns {answer.type}"
        )
    if expected.data is not None:
        ok = answer.data == expected.data
        return conforms(case, expected.data, answer.data) if ok else diverges(
            case, kind_of(case), answer, wanted_of(case), seen(answer), "another result"
        )  # fmt: skip
    if answer.value is None:
        return diverges(case, case.kind or "shape", answer, wanted_of(case), seen(answer), answer.note)
    if expected.shape is not None:
        ok = tuple(answer.value.shape) == tuple(expected.shape)
        says = f"shape {tuple(answer.value.shape)}"
        return conforms(case, wanted_of(case), seen(answer)) if ok else diverges(
            case, kind_of(case, "shape"), answer, wanted_of(case), seen(answer), says
        )  # fmt: skip
    if expected.dtype is not None:
        ok = answer.value.dtype == expected.dtype
        says = f"dtype {answer.value.dtype}"
        return conforms(case, wanted_of(case), seen(answer)) if ok else diverges(
            case, kind_of(case, "dtype"), answer, wanted_of(case), seen(answer), says
        )  # fmt: skip
    if expected.printed is not None:
        return printed_digits(subject, case, answer)
    if expected.value is not None:
        return valued(subject, case, answer)
    return by_oracle(subject, case, answer)


ASKS: dict[str, Callable[[Subject, Case, Executor], Outcome]] = {"call": _called, "descend": descended}
