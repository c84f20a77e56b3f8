"""Relations: how a question is changed, and what two answers that differ come to; the answers are computed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.judging import relations
from lossproof.conformance.judging.comparison import reach
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.relations import by_relation
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Answer, Array, ErrorInfo, Question

from .test_expectation import CONTRASTIVE, COSINE, OPTIONS, documented

SUBJECT = documented(arrays=COSINE, options=OPTIONS[:1], broadcasting="expand")
Answers = Callable[[Mapping[str, NDArray[Any]], int], Answer]


@dataclass
class Computing:
    """Answers by a function of the arrays and of how many questions came before."""

    answers: Answers
    asked: int = 0

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        self.asked += 1
        return self.answers({n: a.numpy() for n, a in question.arrays.items()}, self.asked - 1)


def valued(values: Any) -> Answer:
    return Answer("value", Array.of(np.asarray(values, np.float32)))


def cosine(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The cosine along the last axis."""
    x, y = (arrays[n].astype(np.float64) for n in "xy")
    return np.asarray((x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1)))


def right(arrays: Mapping[str, NDArray[Any]], asked: int = 0) -> Answer:
    return valued(cosine(arrays))


def added(what: Callable[[NDArray[Any], int], Any]) -> Answers:
    """The cosine plus what a function of the right values and of the number of the question gives."""
    return lambda arrays, asked: valued(cosine(arrays) + what(cosine(arrays), asked))


def related(
    answers: Answers,
    change: str = "swapped",
    pick: str = "",
    subject: Subject = SUBJECT,
    examples: int = 1,
    region: str = "ordinary",
) -> Outcome:
    """The outcome of a relation on rows of a region."""
    key = CellKey("symmetry", region, "float32", subject.row_wise)
    executor = Executor(Computing(answers), examples=examples)
    executor._dead[subject.api] = None  # no smoke question: every question counts
    chosen = getattr(relations, pick) if pick else None
    return by_relation(subject, key, executor, "batch", "told", getattr(relations, change), chosen)


# --- what becomes of two answers ---


@pytest.mark.parametrize("change", ["swapped", "scaled", "permuted"])
def test_answers_that_agree_conform(change: str) -> None:
    outcome = related(right, change, examples=3)
    assert (outcome.verdict, outcome.failures, outcome.kind) == ("conforms", (), "")
    assert outcome.rows == 192


def test_a_relation_is_not_about_what_both_answers_have_wrong() -> None:
    assert related(added(lambda c, asked: 0.5)).verdict == "conforms"


@pytest.mark.parametrize("number", [0, 1])
def test_the_wrong_one_of_two_answers_fails(number: int) -> None:
    outcome = related(
        added(lambda c, asked: 0.5 * (asked == number) * (np.arange(c.size) == 7).reshape(c.shape))
    )
    (failure,) = outcome.failures
    assert (outcome.verdict, outcome.kind, failure.kind, failure.says) == ("diverges", "batch", "batch", "")
    assert np.flatnonzero(failure.wrong).tolist() == [7]
    assert failure.reply.judged.wrong.any()


def test_every_batch_is_asked_and_compared() -> None:
    """Of four batches, asked first, the third is another the second time: only it fails."""
    outcome = related(added(lambda c, asked: 0.5 * (asked == 6)), examples=4)
    (failure,) = outcome.failures
    assert failure.wrong.all()
    assert failure.reply.batch.label[-1] == "2"


@pytest.mark.parametrize(("more", "apart"), [(0.0, False), (2.0**-50, True)])
def test_two_answers_may_differ_by_twice_the_bound_and_no_more(more: float, apart: bool) -> None:
    """Of orthogonal rows, whose cosine is 0, the second answer is 2 E and the first 0."""
    bounds: list[NDArray[np.float64]] = []

    def answers(arrays: Mapping[str, NDArray[Any]], asked: int) -> Answer:
        bounds.append(reach(expect(SUBJECT, arrays, {})))
        return Answer("value", Array.of(2 * (1 + more) * asked * bounds[0]))

    assert (related(answers, region="orthogonal").verdict == "diverges") == apart


def test_right_answers_to_questions_with_two_values_are_told() -> None:
    """Below a floor of 100 on the norms, x times 4 and y over 8 halve the value, as documented: neither is wrong."""
    floored = documented(arrays=COSINE, options=OPTIONS[:1], norm_rule="floor_norm", eps=100.0)
    outcome = related(
        lambda arrays, asked: valued((arrays["x"] * arrays["y"]).sum(-1) / 1e4), "scaled", "", floored
    )
    (failure,) = outcome.failures
    assert (outcome.verdict, failure.kind, failure.says, failure.wrong.tolist()) == (
        "diverges",
        "batch",
        "told",
        [True],
    )
    assert not failure.reply.judged.wrong.any()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_nan_and_infinities_agree_with_their_like(number: float) -> None:
    assert related(added(lambda c, asked: number)).verdict == "conforms"
    assert related(added(lambda c, asked: number if asked else 0)).verdict == "diverges"


def test_infinities_of_both_signs_are_apart() -> None:
    assert related(added(lambda c, asked: np.inf * (1 - 2 * asked))).verdict == "diverges"


def test_rows_without_a_documented_value_are_left_out() -> None:
    """All pairs hold a zero vector, for which `plain` gives no value."""
    outcome = related(
        lambda arrays, asked: valued(np.full(arrays["x"].shape[:-1], float(asked))), region="zero"
    )
    assert (outcome.verdict, outcome.failures) == ("undocumented", ())


@pytest.mark.parametrize(
    ("second", "note"),
    [
        (Answer("error", error=ErrorInfo("ValueError", (), "no")), "ValueError"),
        (valued([1.0]), "another number of values"),
        (Answer("value", type="list"), "another number of values"),
    ],
)
def test_a_changed_question_without_values_diverges(second: Answer, note: str) -> None:
    outcome = related(lambda arrays, asked: second if asked else right(arrays))
    (failure,) = outcome.failures
    assert (outcome.verdict, failure.kind, failure.wrong.tolist()) == ("diverges", "batch", [True])
    assert failure.says == f"told: the changed question gives {note}"
    assert failure.reply.answer is second


def test_values_of_rows_that_depend_on_their_neighbours() -> None:
    steady = related(right, "first_half", "of_first_half", examples=4)
    assert steady.verdict == "conforms"
    moved = related(added(lambda c, asked: 1e-3 * c.size), "first_half", "of_first_half", examples=4)
    assert moved.verdict == "diverges"
    assert len(moved.failures) == 4


# --- where nothing can be compared ---


def test_nothing_to_compare_is_unsupported_unless_it_diverges() -> None:
    refused = Answer("error", error=ErrorInfo("TypeError", (), "no"))
    outcome = related(lambda arrays, asked: refused)
    assert (outcome.verdict, outcome.note, outcome.failures) == ("unsupported", "TypeError", ())
    flat = documented(arrays=COSINE, options=OPTIONS[:1], ranks=(1,))
    outcome = related(right, "first_half", "of_first_half", flat)
    assert (outcome.verdict, outcome.note) == ("unsupported", "no question of this cell can be changed so")


@pytest.mark.parametrize(
    ("answer", "kind", "wrong"),
    [
        (Answer("crash", note="signal 11"), "crash", 1),
        (Answer("value", type="list"), "shape", 1),
        (valued([1.0, 2.0]), "shape", 64),
    ],
)
def test_what_gives_no_values_at_all_diverges(answer: Answer, kind: str, wrong: int) -> None:
    outcome = related(lambda arrays, asked: answer)
    (failure,) = outcome.failures
    assert (outcome.verdict, outcome.kind, failure.kind) == ("diverges", kind, kind)
    assert (failure.wrong.size, bool(failure.wrong.all())) == (wrong, True)


# --- the changes ---

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
Y = -X[::-1] - 1


def batch(axis: int = -1, **arrays: NDArray[Any]) -> Batch:
    return Batch(arrays or {"x": X, "y": Y}, {"axis": axis}, axis, "strided", ("ordinary",))


def same(changed: Batch | None, **arrays: NDArray[Any]) -> None:
    """The arrays are these, bit by bit, contiguous, and nothing else is another."""
    assert changed is not None
    assert set(changed.arrays) == set(arrays)
    for name, values in arrays.items():
        found = changed.arrays[name]
        assert (found.dtype, found.shape) == (values.dtype, values.shape)
        assert found.tobytes() == np.ascontiguousarray(values).tobytes()
        assert found.flags.c_contiguous
    assert (changed.order, changed.label) == ("strided", ("ordinary",))


def test_swapped_scaled_and_permuted() -> None:
    same(relations.swapped(SUBJECT, batch()), x=Y, y=np.ascontiguousarray(X))
    same(relations.scaled(SUBJECT, batch()), x=4 * X, y=Y / 8)
    same(relations.permuted(SUBJECT, batch()), x=X[..., ::-1], y=Y[..., ::-1])
    same(relations.permuted(SUBJECT, batch(0)), x=X[::-1], y=Y[::-1])


@pytest.mark.parametrize(
    ("size", "kept"), [(1, 1), (2, 1), (3, 1), (4, 1), (6, 3), (8, 3), (63, 31), (64, 31)]
)
def test_an_odd_number_of_samples_near_half_is_kept(size: int, kept: int) -> None:
    assert relations.kept(size) == kept


def test_some_of_the_samples_and_their_values() -> None:
    """Along the first axis that is not the embedding axis, in the arrays and in the values."""
    x, y = (np.arange(n, n + 48, dtype=np.float32).reshape(8, 6) for n in (0, 100))
    same(relations.first_half(SUBJECT, batch(x=x, y=y)), x=x[:3], y=y[:3])
    same(relations.first_half(SUBJECT, batch(0, x=x, y=y)), x=x[:, :3], y=y[:, :3])
    same(relations.first_half(SUBJECT, batch(-2, x=x, y=y)), x=x[:, :3], y=y[:, :3])
    values = np.arange(8)
    assert relations.of_first_half(SUBJECT, batch(x=x, y=y), values).tolist() == [0, 1, 2]
    assert relations.of_first_half(SUBJECT, batch(0, x=x, y=y), values[:6]).tolist() == [0, 1, 2]
    assert relations.of_first_half(SUBJECT, batch(), np.asarray(3.0)).tolist() == 3.0
    assert relations.first_half(SUBJECT, batch(x=x[0], y=y[0])) is None


def test_some_of_the_samples_where_the_axis_stays() -> None:
    kept = documented(keepdims=True)
    x = np.zeros((6, 8), np.float32)
    values = np.arange(8).reshape(1, 8)
    assert relations.of_first_half(kept, batch(0, x=x, y=x), values).tolist() == [[0, 1, 2]]
    assert relations.of_first_half(kept, batch(-1, x=x, y=x), values.T).tolist() == [[0], [1], [2]]
    assert relations.of_first_half(SUBJECT, batch(0, x=x, y=x), values.T).tolist() == [[0], [1], [2]]


def test_some_of_the_samples_with_their_weights_and_labels() -> None:
    weighted = documented(weights="per_sample")
    x, w = np.ones((6, 8), np.float32), np.arange(8, dtype=np.float32)
    same(relations.first_half(weighted, batch(0, x=x, y=x, w=w)), x=x[:, :3], y=x[:, :3], w=w[:3])
    same(relations.first_half(weighted, batch(0, x=x, y=x)), x=x[:, :3], y=x[:, :3])
    pairs = documented("contrastive", CONTRASTIVE, ())
    labels, distances = np.arange(8), np.arange(8, dtype=np.float32) / 4
    cut = relations.first_half(pairs, batch(labels=labels, distances=distances))
    same(cut, labels=labels[:3], distances=distances[:3])
    turned = relations.turned(pairs, batch(labels=labels, distances=distances))
    same(turned, labels=labels[::-1], distances=distances[::-1])
    assert relations.of_turned(pairs, batch(), labels).tolist() == labels[::-1].tolist()


def test_whether_each_sample_has_a_value_of_its_own() -> None:
    def each(**reduction: Any) -> bool:
        return relations.one_each(
            documented(arrays=COSINE, options=(OPTIONS[0], {**OPTIONS[1], **reduction}))
        )

    assert relations.one_each(SUBJECT)
    assert each()  # by the option, although the default is the mean
    assert each(default="none")
    assert not each(means={"sum": "sum", "mean": "mean"})
    assert not relations.one_each(documented(arrays=COSINE, options=OPTIONS[:1], reduction="sum"))
