"""Reducing and explaining: whatever an implementation answers, within a budget, and at the cost of a detail at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.diagnosis.causes import explain, unexplained
from lossproof.conformance.diagnosis.effort import Budget, Stop, to_explain, to_reduce
from lossproof.conformance.diagnosis.matching import FEW, explained, few_rows
from lossproof.conformance.diagnosis.model import Behaviour, Explained
from lossproof.conformance.diagnosis.predicates import ordinary
from lossproof.conformance.diagnosis.reducing import BESIDE, Reducing, Shown, shown
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome, by_aspect
from lossproof.conformance.judging.relations import by_relation, first_half, of_first_half
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo, Variant
from lossproof.conformance.properties.registry import judge_cell
from lossproof.conformance.runs.findings import findings
from lossproof.conformance.runs.policy import Policy
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.workers.protocol import Answer, Array, ErrorInfo, Question

from .test_expectation import CONTRASTIVE, COSINE, OPTIONS, documented

SUBJECT = documented(arrays=COSINE, options=OPTIONS[:1], broadcasting="expand")
PAIRS = documented("contrastive", CONTRASTIVE, ())
KEY = CellKey("value", "ordinary", "float32", SUBJECT.row_wise)
Arrays = Mapping[str, NDArray[Any]]
Answers = Callable[[Arrays, str], Answer]


@dataclass
class Computing:
    """Answers by a function of the arrays and of the array that a gradient is asked for, and counts."""

    answers: Answers
    asked: int = 0

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        self.asked += 1
        return self.answers({n: a.numpy() for n, a in question.arrays.items()}, question.wrt)


def executor_of(answers: Answers, examples: int = 1) -> Executor:
    executor = Executor(Computing(answers), examples=examples)
    executor._dead[SUBJECT.api] = None  # no smoke question
    return executor


def valued(values: Any, dtype: str = "float32") -> Answer:
    with np.errstate(all="ignore"):
        return Answer("value", Array.of(np.asarray(values).astype(dtype)))


def cosine(arrays: Arrays) -> NDArray[Any]:
    x, y = (arrays[n].astype(np.float64) for n in "xy")
    with np.errstate(all="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1)))


def raising(arrays: Arrays, wrt: str) -> Answer:
    error = ErrorInfo("NotImplementedError", ("RuntimeError",), "no backward here")
    return Answer("error", error=error) if wrt else valued(cosine(arrays))


def causes_of(outcome: Outcome, key: CellKey = KEY, subject: Subject = SUBJECT) -> list[Explained]:
    return explain(subject, key, outcome, (), to_explain(Stop()))


# --- the budget ---


def test_a_budget_counts_calls_and_rows() -> None:
    calls, rows = Budget(2, 100), Budget(9, 100)
    assert [calls.spend(1) for _ in range(3)] == [True, True, False]
    assert [rows.spend(60) for _ in range(3)] == [True, True, False]


def test_the_emergency_stop_ends_everything_and_is_told() -> None:
    stop = Stop(seconds=0.0)
    with stop.within(), stop.within():
        assert not Budget(9, 9, stop).spend(1)
    assert stop.cut
    assert not Stop().over


@pytest.mark.parametrize("wrong", [lambda c: -c, lambda c: c + 1e-5, lambda c: c + 1e-2 * np.sin(1e6 * c)])
def test_a_witness_costs_no_more_calls_than_it_may(wrong: Callable[[Any], Any]) -> None:
    executor = executor_of(lambda arrays, wrt: valued(wrong(cosine(arrays))))
    outcome = by_aspect(SUBJECT, KEY, executor, "formula")
    for item in causes_of(outcome):
        before = executor.asked
        found = Reducing(SUBJECT, KEY, item, executor, (), to_reduce(40, Stop())).witness()
        assert executor.asked - before <= 40
        assert found.expected["value"] != found.observed["value"]


def test_a_question_too_large_to_read_is_named_by_what_it_was_drawn_for() -> None:
    key = CellKey("value", "long", "float32", SUBJECT.row_wise)
    executor = executor_of(lambda arrays, wrt: valued(-cosine(arrays)))
    item = causes_of(by_aspect(SUBJECT, key, executor, "formula"), key)[0]
    told = shown(SUBJECT, item.failure)
    assert told.question == {"says": "see label", "label": ["long", "float32", "-", "0"]}
    assert told.expected["value"] != told.observed["value"]


def test_the_catalogue_stops_where_its_budget_does_and_the_rest_stays_unexplained() -> None:
    executor = executor_of(lambda arrays, wrt: valued(-cosine(arrays)))
    outcome = by_aspect(SUBJECT, KEY, executor, "formula")
    (named,) = explain(SUBJECT, KEY, outcome, (), to_explain(Stop()))
    assert named.cause.behaves_as.as_json() == {"parameters": {"score": "negated"}}
    (bare,) = explain(SUBJECT, KEY, outcome, (), Budget(0, 100))
    assert (bare.cause.behaves_as, bare.rows) == (Behaviour(), named.rows)


def test_the_few_rows_of_a_failure_are_judged_as_among_all() -> None:
    executor = executor_of(
        lambda arrays, wrt: valued(np.where(np.arange(64) % 3, cosine(arrays), -cosine(arrays)))
    )
    (failure,) = by_aspect(SUBJECT, replace(KEY, region="ordinary"), executor, "formula").failures
    few = few_rows(SUBJECT, failure, failure.wrong)
    assert few is not None
    assert few.wrong.all()
    assert few.wrong.shape[0] <= FEW
    assert explained(SUBJECT, few, {"score": "negated"}).all()
    assert explained(SUBJECT, failure, {"score": "negated"})[failure.wrong].all()
    assert not explained(SUBJECT, few, {"score": "distance"}).any()


# --- whatever is answered ---

SHAPES: dict[str, Answers] = {
    "0-d": lambda arrays, wrt: valued(0.5),
    "empty": lambda arrays, wrt: valued([]),
    "one more axis": lambda arrays, wrt: valued(cosine(arrays)[..., None]),
    "fewer values": lambda arrays, wrt: valued(cosine(arrays).ravel()[:-1]),
    "whole numbers": lambda arrays, wrt: valued(cosine(arrays), "int64"),
    "booleans": lambda arrays, wrt: valued(cosine(arrays) > 0, "bool"),
    "float64": lambda arrays, wrt: valued(-cosine(arrays), "float64"),
    "NaN": lambda arrays, wrt: valued(np.nan * cosine(arrays)),
    "infinity": lambda arrays, wrt: valued(np.inf + cosine(arrays)),
    "a list": lambda arrays, wrt: Answer("value", type="list", note="a list"),
    "an error": lambda arrays, wrt: Answer("error", error=ErrorInfo("ValueError", (), "no")),
    "refused gradients": raising,
    "gradients of the other shape": lambda arrays, wrt: valued(np.zeros((3, 5)) if wrt else cosine(arrays)),
    "gradients of the values' shape": lambda arrays, wrt: valued(cosine(arrays)),
    "no gradient": lambda arrays, wrt: Answer("value", note="None") if wrt else valued(cosine(arrays)),
}
VARIANTS = [
    CellKey("value", "ordinary", "float32", SUBJECT.row_wise),
    CellKey("value", "zero", "float32", SUBJECT.row_wise),
    CellKey("value", "overflow", "float16", SUBJECT.row_wise),
    CellKey("axis", "ordinary", "float32", Variant((("axis", 0),))),
    CellKey("broadcasting", "ordinary", "float32", replace(SUBJECT.row_wise, broadcast="rows")),
    CellKey("shape", "ordinary", "float32", replace(SUBJECT.row_wise, rank=3)),
    CellKey("gradient", "ordinary", "float32", replace(SUBJECT.row_wise, wrt="x")),
    CellKey("gradient", "ordinary", "float64", Variant((("axis", 0),), wrt="y")),
    CellKey("batch", "ordinary", "float32", SUBJECT.row_wise),
]


@pytest.mark.parametrize("key", VARIANTS, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_no_answer_breaks_explaining_or_reducing(name: str, key: CellKey) -> None:
    executor = executor_of(SHAPES[name])
    outcome = judge_cell(SUBJECT, key, executor)
    for item in causes_of(outcome, key) if outcome.verdict == "diverges" else ():
        found = Reducing(SUBJECT, key, item, executor, (), to_reduce(20, Stop())).witness()
        assert found.question
        assert found.observed


def test_a_backward_that_raises_is_named() -> None:
    key = VARIANTS[6]
    executor = executor_of(raising)
    outcome = judge_cell(SUBJECT, key, executor)
    (item,) = causes_of(outcome, key)
    found = Reducing(SUBJECT, key, item, executor, (), to_reduce(60, Stop())).witness()
    assert item.cause.kind == "error"
    assert found.observed["error"] == "NotImplementedError"
    assert found.question["wrt"] == "x"
    assert found.question["arrays"]["x"]["shape"][0] == 1


# --- a fault of our own ---


def session_of(answers: Answers, policy: Policy = Policy(), stop: Stop | None = None) -> Session:  # noqa: B008
    facts = TargetInfo("p", "p", "1", packages={"p": "1"})
    subjects = documented_here(facts, [SUBJECT.spec])
    return Session(facts, executor_of(answers), subjects, policy=policy, stop=stop)


def breaks(*_: Any) -> Any:
    raise IndexError("inside")


@pytest.mark.parametrize("what", ["explain", "reduce"])
def test_a_fault_inside_costs_one_findings_detail(caplog: pytest.LogCaptureFixture, what: str) -> None:
    session = session_of(lambda arrays, wrt: valued(-cosine(arrays)), replace(Policy(), **{what: breaks}))
    judgement = session.judge_cell(SUBJECT, KEY)
    (finding,) = findings(session, [judgement])
    assert judgement.outcome.verdict == "diverges"
    assert finding.observed["outcome"] == "value"
    (fault, *_) = session.faults
    assert what in fault
    assert "IndexError: inside" in fault
    assert "IndexError" in caplog.text
    assert ("could not be reduced: IndexError" in finding.reason) == (what == "reduce")


def test_a_finding_that_the_emergency_stop_cut_short_says_so() -> None:
    session = session_of(lambda arrays, wrt: valued(-cosine(arrays)), stop=Stop(seconds=0.0))
    (finding,) = findings(session, [session.judge_cell(SUBJECT, KEY)])
    assert finding.cut_short


def test_each_cause_of_a_cell_has_evidence_of_its_own_and_is_reduced_once() -> None:
    reduced: list[str] = []

    def reduce(reducing: Reducing) -> Shown:
        reduced.append(reducing.item.cause.slug)
        return Shown({"slug": reducing.item.cause.slug}, {}, {})

    session = session_of(lambda arrays, wrt: valued(-cosine(arrays)), replace(Policy(), reduce=reduce))
    judgement = session.judge_cell(SUBJECT, KEY)
    (item,) = judgement.causes
    both = [replace(item, cause=replace(item.cause, slug=slug)) for slug in ("a", "b", "a")]
    found = [session.evidence.of(SUBJECT, KEY, judgement.outcome, one, 9).shown.question for one in both]
    assert found == [{"slug": "a"}, {"slug": "b"}, {"slug": "a"}]
    assert reduced == ["a", "b"]


# --- two batches ---


def silent(subject: Subject) -> Subject:
    """The same API whose page states no value."""
    edition = subject.edition.model_copy(update={"silent": ("value",)})
    return replace(subject, edition=edition)


def leaky(arrays: Arrays, wrt: str) -> Answer:
    distances = arrays["distances"].astype(np.float64)
    return valued(7 * distances**4 + distances.size)


def lanes(arrays: Arrays, wrt: str) -> Answer:
    """7 d^4, where the last few rows of a batch are computed otherwise, a few ulp apart."""
    exact = 7 * arrays["distances"].astype(np.float64) ** 4
    return valued(exact * (1 + 2.0**-21 * (np.arange(exact.size) >= exact.size // 4 * 4)))


BATCH = CellKey("batch", "ordinary", "float32", PAIRS.row_wise)


def beside(subject: Subject, answers: Answers) -> tuple[Outcome, Executor]:
    executor = executor_of(answers)
    return by_relation(
        subject, BATCH, executor, "formula", "told", first_half, of_first_half, beside=True
    ), executor


def test_where_no_formula_is_stated_the_answers_own_ulps_are_the_measure() -> None:
    outcome, _ = beside(silent(PAIRS), lanes)
    assert outcome.verdict == "conforms"
    assert outcome.ratio is not None
    assert 0 < outcome.ratio <= 1


def test_a_row_that_depends_on_others_is_shown_in_two_batches_and_no_value_is_claimed() -> None:
    subject = silent(PAIRS)
    outcome, executor = beside(subject, leaky)
    assert outcome.verdict == "diverges"
    (item,) = causes_of(outcome, BATCH, subject)
    assert (item.cause.words, item.cause.behaves_as) == ("told", Behaviour())
    found = Reducing(subject, BATCH, item, executor, (), to_reduce(60, Stop())).witness()
    assert found.question["probe"] == BESIDE
    assert found.question["arrays"]["distances"]["shape"] == [2]
    asked = found.question["arguments"]
    assert asked["other"]["distances"]["shape"] == [1]
    assert (asked["row"], asked["axis"]) == (0, 0)
    assert (
        0
        < float.fromhex(*asked["tolerance"])
        < 2.0**-10 * float.fromhex(found.observed["values"]["other"][0])
    )
    assert found.expected == {"says": "the same value both times"}
    alone, within = found.observed["values"]["other"], found.observed["values"]["question"]
    assert float.fromhex(within) - float.fromhex(alone[0]) == pytest.approx(1, rel=1e-2)
    assert "alone" in found.observed["says"]


def test_the_columns_of_a_relation_are_those_of_the_relation() -> None:
    """Both answers are wrong by one half, and equal."""
    executor = executor_of(lambda arrays, wrt: valued(cosine(arrays) + 0.5))
    outcome = by_relation(SUBJECT, KEY, executor, "formula", "told", first_half, of_first_half)
    assert (outcome.verdict, outcome.ratio, outcome.error, outcome.grade) == ("conforms", 0.0, 0.0, "")
    assert outcome.expected == outcome.observed


# --- severity ---


@pytest.mark.parametrize(
    ("scale", "plain"), [(1.0, True), (2.0**-30, True), (2.0**-67, False), (2.0**66, False)]
)
def test_ordinary_input_has_norms_of_ordinary_size(scale: float, plain: bool) -> None:
    arrays = {"x": np.array([[3, 4]]) * scale / 5, "y": np.array([[4.0, 3.0]])}
    assert ordinary(SUBJECT, arrays, {}).tolist() == [plain]


@pytest.mark.parametrize(("wrong", "severity"), [(2.0**-67, "S3"), (2.0**-40, "S2"), (1.0, "S1")])
def test_what_is_wrong_on_no_ordinary_row_is_no_s1(wrong: float, severity: str) -> None:
    executor = executor_of(lambda arrays, wrt: valued(0.1 + cosine(arrays)))
    (failure,) = by_aspect(SUBJECT, KEY, executor, "formula").failures
    arrays = {
        n: (a.astype(np.float64) * (wrong if n == "x" else 1)) for n, a in failure.reply.batch.arrays.items()
    }
    batch = replace(failure.reply.batch, arrays=arrays)
    moved = replace(failure, reply=replace(failure.reply, batch=batch))
    (item,) = unexplained(SUBJECT, KEY, Outcome("diverges", "formula", (moved,)))
    assert item.cause.severity == severity
