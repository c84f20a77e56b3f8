"""The outcomes of cases, each with what was wanted and what was seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossproof.conformance.families import kinds
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import Failure, Outcome
from lossproof.conformance.judging.serialize import literal, seen
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Answer
from lossproof.specs.models import Case

KIND_OF = {
    "zero_vector": "zero_vector", "eps": "eps", "sign": "sign", "range": "range", "reduction": "reduction",
    "weights": "weights", "axis": "axis", "broadcasting": "broadcasting", "shape": "shape", "dtype": "dtype",
    "gradient": "gradient", "error": "error", "mutation": "mutation", "determinism": "nondeterminism",
    "configuration": "configuration", "signature": "configuration", "training": "training",
}  # fmt: skip


def kind_of(case: Case, otherwise: str = "formula") -> str:
    """The kind of a divergence of the case."""
    return case.kind or KIND_OF.get(case.property, otherwise)


def kind_of_value(case: Case) -> str:
    """The kind of a wrong value: where a case is about the shape or the dtype, these are right."""
    kind = kind_of(case)
    return "formula" if not case.kind and kinds.named(kind).of_form else kind


def batch_of(case: Case) -> Batch:
    """The arrays and options of a case."""
    return Batch(
        {n: literal(a) for n, a in case.arrays.items()}, dict(case.options), label=("case", case.slug)
    )


def wanted_of(case: Case) -> dict[str, Any]:
    """Return the case's expectation, as JSON."""
    return {k: v for k, v in case.expect.model_dump(mode="json").items() if v is not None}


def conforms(case: Case, expected: Any, observed: Any) -> Outcome:
    """The case gives what is documented."""
    return Outcome("conforms", expected=expected, observed=observed, rows=1, case=case)


def diverges(
    case: Case, kind: str, answer: Answer, expected: Any, observed: Any, says: str, of_value: bool = False
) -> Outcome:
    """The case gives something else; for `of_value` see `Failure`."""
    judged = Judged.unmeasured(answer, answer.value.numpy() if answer.value else None)
    failure = Failure(Reply(batch_of(case), answer, judged), np.ones(1, dtype=np.bool_), kind, says, of_value)
    return Outcome("diverges", kind, (failure,), 1, expected=expected, observed=observed, case=case)


def no_answer(case: Case, answer: Answer) -> Outcome | None:
    """The outcome where the API was not asked: its adapter declines; else None."""
    if answer.error is not None and answer.error.declined:
        return Outcome("unsupported", observed=seen(answer), note=answer.error.message, case=case)
    return None


def raised(case: Case, answer: Answer) -> Outcome:
    """An exception of one of the documented classes, or what came in its place."""
    wanted = {"error": list(case.expect.raises or ())}
    if answer.outcome == "error" and answer.error is not None:
        names = (answer.error.type, *answer.error.bases)
        if not case.expect.raises or any(same_class(w, n) for w in case.expect.raises for n in names):
            return conforms(case, wanted, seen(answer))
        return diverges(
            case, kind_of(case, "error"), answer, wanted, seen(answer), f"raises {answer.error.type} instead"
        )
    if answer.outcome in ("crash", "hang"):
        return diverges(case, answer.outcome, answer, wanted, seen(answer), "no exception comes")
    return diverges(case, kind_of(case, "error"), answer, wanted, seen(answer), "bad input is accepted")


def same_class(wanted: str, found: str) -> bool:
    """Whether both names, full or not, end in the same class."""
    return found.rpartition(".")[2] == wanted.rpartition(".")[2]
