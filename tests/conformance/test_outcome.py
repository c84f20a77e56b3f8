"""The outcome of a cell from its judged answers: verdict, kind, worst value and grade, by answers made here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.judging.comparison import judge_answer
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import Outcome, behaviour, bounds_at, by_aspect, conclude, refusal
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Answer, Array, ErrorInfo

from .test_expectation import COSINE, OPTIONS, documented

SUBJECT = documented(arrays=COSINE, options=OPTIONS[:1])
SILENT = documented(arrays=COSINE, options=(), score=None)
KEY = CellKey("value", "ordinary", "float32")
X = np.array([[3, 4], [5, 12], [8, 15]], np.float32)
Y = np.array([[4, 3], [3, 4], [3, 4]], np.float32)
C = np.array([24 / 25, 63 / 65, 84 / 85], np.float32)
ULP = np.float32(2.0**-24)
"""of values between a half and 1"""
CRASH = Answer("crash", note="signal 11", log="much more")


def valued(values: Any, dtype: str = "float32") -> Answer:
    return Answer("value", Array.of(np.asarray(values, dtype)))


def refused(type_: str = "TypeError", message: str = "first\nsecond") -> Answer:
    return Answer("error", error=ErrorInfo(type_, (), message))


def reply(
    answer: Answer, x: NDArray[Any] = X, y: NDArray[Any] = Y, subject: Subject = SUBJECT, wrt: str = ""
) -> Reply:
    batch = Batch({"x": x, "y": y}, {}, wrt=wrt)
    return Reply(batch, answer, judge_answer(subject, batch.arrays, {}, answer, wrt=wrt))


@dataclass
class Given:
    """Stands for the executor: the replies to every cell."""

    given: tuple[Reply, ...]

    def replies(self, subject: Subject, key: CellKey) -> tuple[Reply, ...]:
        return self.given


def of(*replies: Reply, subject: Subject = SUBJECT, key: CellKey = KEY, **more: Any) -> Outcome:
    executor: Any = Given(replies)
    return by_aspect(subject, key, executor, "formula", **more)


# --- verdicts ---


def test_right_answers_conform() -> None:
    outcome = of(reply(valued(C)), reply(valued(C[:2]), X[:2], Y[:2]))
    assert (outcome.verdict, outcome.kind, outcome.failures, outcome.note) == ("conforms", "", (), "")
    assert (outcome.rows, outcome.grade) == (5, "G0")
    assert outcome.error is not None
    assert outcome.ratio is not None
    assert 0 < outcome.error <= 0.5
    assert 0 < outcome.ratio < 0.1


def test_a_wrong_value_diverges_and_the_farthest_is_shown() -> None:
    """By distance over the bound: of 100 ulp in the second answer and of 40 in the first."""
    near, far = C.copy(), C.copy()
    near[0] += 40 * ULP
    far[1] += 100 * ULP
    outcome = of(reply(valued(near)), reply(valued(C)), reply(valued(far)))
    assert (outcome.verdict, outcome.kind, outcome.rows, outcome.grade) == ("diverges", "formula", 9, "none")
    assert [f.wrong.tolist() for f in outcome.failures] == [[True, False, False], [False, True, False]]
    assert [f.kind for f in outcome.failures] == ["formula", "formula"]
    assert outcome.observed == {"value": float(far[1]).hex()}
    lower, upper = (float.fromhex(outcome.expected[end]) for end in ("lower", "upper"))
    assert lower <= 63 / 65 <= upper
    assert upper - lower < 2.0**-50
    assert outcome.error == pytest.approx(abs(float(far[1]) - 63 / 65) / float(ULP), rel=1e-6)
    assert outcome.ratio is not None
    assert 4 < outcome.ratio < 100


def test_a_nan_is_farther_than_any_number() -> None:
    outcome = of(reply(valued([C[0], np.nan, C[2] + 1])))
    assert outcome.observed == {"value": "nan"}


def test_of_equal_distances_the_first_is_shown() -> None:
    outcome = of(reply(valued([1, 1]), X[:2], X[:2]), reply(valued([-1, -1]), X[:2], -X[:2]))
    assert outcome.observed == {"value": float(1).hex()}
    assert (outcome.error, outcome.grade) == (0.0, "G0")


def test_values_that_nothing_is_documented_of_are_not_shown() -> None:
    """The first row of the first answer is a zero vector, of which `plain` says nothing."""
    zero = X.copy()
    zero[0] = 0
    first = reply(valued([7, *C[1:]]), zero)
    outcome = of(first)
    assert (outcome.verdict, outcome.rows) == ("conforms", 3)
    assert outcome.observed["value"] in {float(c).hex() for c in C[1:]}
    last_wrong = of(first, reply(valued([C[0], C[1], 0])))
    assert last_wrong.observed == {"value": float(0).hex()}
    assert bounds_at(first.judged.expected, 2)[0] <= 84 / 85 <= bounds_at(first.judged.expected, 2)[1]  # type: ignore[arg-type]


def test_a_single_value_with_or_without_documentation_decides() -> None:
    zero = np.zeros((1, 2), np.float32)
    nothing = reply(valued([5]), zero, Y[:1])
    outcome = of(nothing)
    assert (outcome.verdict, outcome.rows, outcome.error, outcome.grade) == ("undocumented", 1, None, "")
    assert (outcome.expected, outcome.observed) == (None, {"values": ["finite"], "dtype": "float32"})
    assert of(nothing, reply(valued(C[:1]), X[:1], Y[:1])).verdict == "conforms"
    assert of(nothing, reply(valued([5]), X[:1], Y[:1])).verdict == "diverges"
    none = reply(valued(np.zeros(0)), X[:0], Y[:0])
    assert (of(none).verdict, of(none).rows) == ("conforms", 0)


def test_where_the_documentation_is_silent_nothing_diverges() -> None:
    quiet = replace(SUBJECT, edition=SUBJECT.edition.model_copy(update={"silent": ("ordinary",)}))
    outcome = of(reply(valued([5, 5, 5])), subject=quiet)
    assert (outcome.verdict, outcome.kind, outcome.failures, outcome.rows) == ("undocumented", "", (), 3)
    unsaid = of(
        reply(valued([5, np.nan, 0]), subject=SILENT), reply(refused(), subject=SILENT), subject=SILENT
    )
    assert (unsaid.verdict, unsaid.rows, unsaid.failures) == ("undocumented", 0, ())
    assert unsaid.note == "the documentation gives no sign"
    assert unsaid.observed["values"] == ["finite", "nan", "zero"]
    assert of(reply(refused()), subject=quiet).verdict == "undocumented"


def test_no_documentation_allows_a_crash() -> None:
    outcome = of(reply(CRASH, subject=SILENT), subject=SILENT)
    assert (outcome.verdict, outcome.kind) == ("diverges", "crash")
    beside = of(reply(valued(C)), reply(CRASH))
    assert (beside.verdict, beside.kind, len(beside.failures), beside.rows) == ("diverges", "crash", 1, 3)


def test_another_number_of_values_is_of_kind_shape() -> None:
    outcome = of(reply(valued([1.0, 2.0])), reply(valued([5.0, 5.0, 5.0])))
    assert [f.kind for f in outcome.failures] == ["shape", "formula"]
    assert (outcome.kind, outcome.observed) == ("shape", {"value": float(5).hex()})
    assert of(reply(valued([1.0, 2.0]))).observed is None


def test_an_aspect_is_judged_in_the_place_of_the_values() -> None:
    outcome = of(reply(valued(C)), aspect=lambda judged: judged.ratio >= 0)
    assert outcome.failures[0].wrong.all()
    assert of(reply(valued(C)), reply(refused())).failures[0].kind == "error"
    assert of(reply(valued([5, 5, 5])), aspect=lambda judged: np.zeros(3, np.bool_)).verdict == "conforms"


# --- no value at all ---


def test_refusals_of_every_question() -> None:
    wide = CellKey("value", "ordinary", "float16")
    mixed = CellKey("value", "ordinary", "float32", Variant(dtypes=("float32", "float16")))
    for key in (KEY, replace(KEY, dtype="float64"), replace(KEY, dtype="-")):
        outcome = of(reply(refused()), reply(refused()), key=key)
        assert (outcome.verdict, outcome.kind, len(outcome.failures)) == ("diverges", "error", 1)
        assert outcome.observed == {"error": "TypeError", "message": "first"}
    for key in (wide, mixed):
        outcome = of(reply(refused()), key=key)
        assert (outcome.verdict, outcome.note, outcome.failures) == ("unsupported", "first", ())
    for region in ("empty", "nonfinite"):
        outcome = of(reply(refused()), key=replace(KEY, region=region))
        assert (outcome.verdict, outcome.rows) == ("undocumented", 0)
    declined = refused("lossproof_worker.Unsupported")
    assert of(reply(refused()), reply(declined)).verdict == "unsupported"
    assert of(reply(Answer("error"))).verdict == "diverges"


@pytest.mark.parametrize(
    ("answer", "wrt", "kind", "says"),
    [
        (refused(), "", "error", "raises TypeError: first\nsecond"),
        (Answer("error"), "", "error", "raises"),
        (CRASH, "", "crash", "signal 11"),
        (Answer("hang", note="after 20 s"), "x", "hang", "after 20 s"),
        (Answer("value", type="list", note="a list"), "", "shape", "a list"),
        (Answer("value", note="None"), "x", "gradient", "no gradient comes back for x: None"),
    ],
)
def test_a_reply_without_a_value_fails_as_a_whole(answer: Answer, wrt: str, kind: str, says: str) -> None:
    failure = refusal(reply(answer, wrt=wrt))
    assert (failure.kind, failure.says, failure.wrong.tolist()) == (kind, says, [True])


def test_what_is_seen_is_told_in_words_that_no_draw_changes() -> None:
    values = [reply(valued(v)) for v in ([1, 2, np.inf], [0, 1, -0.0], [-np.inf, np.nan, 3])]
    words = ["-inf", "finite", "inf", "nan", "zero"]
    assert behaviour(values) == {"values": words, "dtype": "float32"}
    assert behaviour(values[:1]) == {"values": ["finite", "inf"], "dtype": "float32"}
    assert behaviour([reply(valued(np.zeros(0)), X[:0], Y[:0])])["values"] == ["nothing"]
    assert behaviour([reply(valued([True, True, True], "bool"))]) == {"values": ["finite"], "dtype": "bool"}
    both = behaviour([reply(refused("A", "x" * 300)), reply(refused("B")), reply(valued(C)), reply(CRASH)])
    assert both == {
        "error": "A",
        "message": "x" * 200,
        "values": ["finite"],
        "dtype": "float32",
        "outcome": "crash",
    }
    assert behaviour([reply(refused("A", ""))]) == {"error": "A", "message": ""}
    assert behaviour([reply(Answer("value", type="list", note="a list")), reply(CRASH)]) == {
        "outcome": "value",
        "note": "a list",
    }


def test_failures_beside_the_values_decide_the_kind() -> None:
    replies = (reply(valued(C)),)
    outcome = conclude(SUBJECT, KEY, replies, (refusal(replies[0]),), "training")
    assert (outcome.verdict, outcome.kind) == ("diverges", "shape")
