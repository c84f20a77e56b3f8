"""Where documentation is silent the answer is recorded: other labels, gradients without a value, integers of 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.conformance.properties.registry import cells, judge_cell
from lossproof.conformance.questions.batches import batches
from lossproof.conformance.workers.protocol import Answer, Array, ErrorInfo, Question

from .test_expectation import CONTRASTIVE, COSINE, EMBEDDING, OPTIONS, documented

EMBEDDED = documented("cosine_embedding", EMBEDDING, OPTIONS[1:])
DISTANCES = documented("contrastive", [{**CONTRASTIVE[0], "dtype": "int32"}, CONTRASTIVE[1]], ())
PROMOTING = documented(arrays=COSINE, options=OPTIONS[:1], integers="promote")
Arrays = dict[str, NDArray[Any]]


@dataclass
class Stand:
    """A target of one function on NumPy arrays."""

    function: Callable[[Question, Arrays], Any]
    asked: list[Arrays] = field(default_factory=list)

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        arrays = {n: a.numpy() for n, a in question.arrays.items()}
        self.asked.append(arrays)
        with np.errstate(all="ignore"):
            try:
                value = self.function(question, arrays)
            except ValueError as error:
                return Answer("error", error=ErrorInfo("ValueError", (), str(error)))
        return Answer("value", Array.of(np.asarray(value)))


def judged(subject: Subject, key: CellKey, function: Callable[[Question, Arrays], Any]) -> Outcome:
    return judge_cell(subject, key, Executor(Stand(function), examples=2))


def keys(subject: Subject, property_: str, **having: Any) -> list[CellKey]:
    found = [k for k in cells(subject, [property_]) if not k.variant.case]
    return [k for k in found if all(getattr(k.variant, n) == v for n, v in having.items())]


# --- labels ---


def embedding(question: Question, arrays: Arrays) -> NDArray[Any]:
    """A label that is neither 1 nor -1 gives 0, silently."""
    x, y, labels = (arrays[n].astype(np.float64) for n in ("x", "y", "labels"))
    c = (x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    lost = np.where(labels == 1, 1 - c, np.where(labels == -1, np.maximum(c, 0), 0.0))
    return np.asarray(lost, arrays["x"].dtype)


@pytest.mark.parametrize(
    ("subject", "labels", "dtype"),
    [(EMBEDDED, ["-5", "0", "0.5", "4"], "float32"), (DISTANCES, ["-1", "2", "5"], "int32")],
)
def test_labels_that_no_page_names_are_asked_one_in_each_cell(
    subject: Subject, labels: list[str], dtype: str
) -> None:
    found = keys(subject, "error")
    assert [k.variant.label for k in found] == labels
    for key in found:
        assert f"label={key.variant.label}" in key.variant.slug
        for batch in batches(subject, key.region, key.dtype, key.variant, 2, 0):
            assert set(batch.arrays["labels"].ravel().tolist()) == {float(key.variant.label)}
            assert str(batch.arrays["labels"].dtype) == dtype


def test_a_label_that_gives_zero_silently_is_recorded() -> None:
    for key in keys(EMBEDDED, "error"):
        outcome = judged(EMBEDDED, key, embedding)
        assert (outcome.verdict, outcome.observed) == (
            "undocumented",
            {"values": ["zero"], "dtype": "float32"},
        )
        assert "no other label" in outcome.note
    plain = CellKey("value", "ordinary", "float32", EMBEDDED.row_wise)
    assert judged(EMBEDDED, plain, embedding).verdict == "conforms"


def test_a_label_that_is_refused_is_recorded_and_no_divergence() -> None:
    def refusing(question: Question, arrays: Arrays) -> NDArray[Any]:
        if not np.isin(arrays["labels"], (-1, 1)).all():
            raise ValueError("labels are 1 and -1")
        return embedding(question, arrays)

    for key in keys(EMBEDDED, "error"):
        outcome = judged(EMBEDDED, key, refusing)
        assert outcome.verdict == "undocumented"
        assert outcome.observed == {"error": "ValueError", "message": "labels are 1 and -1"}


def test_a_crash_on_another_label_is_no_behaviour() -> None:
    class Crashing(Stand):
        def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
            labels = question.arrays["labels"].numpy()
            if np.isin(labels, (-1, 1)).all():
                return super().ask(question, timeout, first)
            return Answer("crash", note="signal 11")

    (key, *_) = keys(EMBEDDED, "error")
    outcome = judge_cell(EMBEDDED, key, Executor(Crashing(embedding), examples=1))
    assert (outcome.verdict, outcome.kind) == ("diverges", "crash")


# --- values and gradients that no documentation fixes ---


@pytest.mark.parametrize(
    ("element", "word"), [(np.nan, "nan"), (0.0, "zero"), (np.inf, "inf"), (0.25, "finite")]
)
def test_a_gradient_where_the_formula_has_none_is_recorded(element: float, word: str) -> None:
    """The value at a zero vector may be finite; what its gradient is stands in the row."""

    def answer(question: Question, arrays: Arrays) -> NDArray[Any]:
        wrt = arrays[question.wrt] if question.verb == "grad" else None
        return embedding(question, arrays) if wrt is None else np.full_like(wrt, element)

    key = next(k for k in keys(EMBEDDED, "gradient", wrt="x") if (k.region, k.dtype) == ("zero", "float32"))
    outcome = judged(EMBEDDED, key, answer)
    assert (outcome.verdict, outcome.observed) == ("undocumented", {"values": [word], "dtype": "float32"})
    assert outcome.rows > 0


@pytest.mark.parametrize("region", ["nonfinite", "empty"])
def test_a_value_that_is_undefined_in_every_row_is_recorded(region: str) -> None:
    silent = replace(EMBEDDED, edition=EMBEDDED.edition.model_copy(update={"silent": ("empty",)}))
    outcome = judged(silent, CellKey("value", region, "float32", silent.row_wise), embedding)
    assert outcome.verdict == "undocumented"
    assert outcome.observed["dtype"] == "float32"
    assert outcome.observed["values"] == (["nothing"] if region == "empty" else ["nan"])


# --- integers ---


def cosine(question: Question, arrays: Arrays, promoting: bool = True) -> NDArray[Any]:
    """The cosine in the promoted dtype; with `promoting` unset, norms are those of the inputs' own dtypes."""
    axis = question.options.get("axis", -1)
    x, y = arrays["x"], arrays["y"]
    dtype = np.result_type(*(np.float32 if a.dtype.kind in "iu" else a.dtype for a in (x, y)))
    if dtype == np.float32:
        p, q = x.astype(np.float64), y.astype(np.float64)
    else:
        p, q = x.astype(dtype), y.astype(dtype)

    def norm(given: NDArray[Any], wide: NDArray[Any]) -> NDArray[Any]:
        if promoting or given.dtype.kind not in "iu":
            return np.asarray(np.sqrt((wide * wide).sum(axis)))
        squared = (given * given).sum(axis, dtype=given.dtype).astype(np.float64)
        return np.asarray(np.sqrt(np.maximum(squared, 1e-16)))

    return np.asarray((p * q).sum(axis) / (norm(x, p) * norm(y, q)), dtype)


def test_integers_of_8_bits_are_all_that_there_are() -> None:
    for dtype, low, high in (("int8", -128, 127), ("uint8", 0, 255)):
        rows = [b.arrays["x"] for b in batches(PROMOTING, "ordinary", dtype, Variant(rank=2), 8, 0)]
        assert {str(x.dtype) for x in rows} == {dtype}
        assert (min(x.min() for x in rows), max(x.max() for x in rows)) == (low, high)
        assert all(x.any(-1).all() for x in rows)


@pytest.mark.parametrize("pair", [("int8", "float32"), ("float32", "int8"), ("uint8", "float32")])
def test_integers_beside_a_float_are_asked(pair: tuple[str, str]) -> None:
    (key,) = keys(PROMOTING, "dtype", dtypes=pair)
    (batch,) = batches(PROMOTING, "ordinary", key.dtype, key.variant, 1, 0)
    assert tuple(str(batch.arrays[n].dtype) for n in "xy") == pair
    assert judged(PROMOTING, key, cosine).verdict == "conforms"


def test_squares_of_integers_that_wrap_round_diverge_where_the_page_promotes() -> None:
    def narrow(question: Question, arrays: Arrays) -> NDArray[Any]:
        return cosine(question, arrays, promoting=False)

    found = [k for k in keys(PROMOTING, "dtype") if {"int8", "uint8"} & set(k.variant.dtypes)]
    assert len(found) == 4
    for key in found:
        outcome = judged(PROMOTING, key, narrow)
        assert (outcome.verdict, outcome.kind) == ("diverges", "dtype")
    unsaid = documented(arrays=COSINE, options=OPTIONS[:1])
    for key in found:
        outcome = judged(unsaid, key, narrow)
        assert outcome.verdict == "undocumented"
        assert "integer inputs" in outcome.note
        assert "finite" in outcome.observed["values"]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_integers_alone_are_recorded_where_the_page_promotes(dtype: str) -> None:
    """Two integers promote to an integer, of which no cosine is documented."""
    (key,) = [k for k in keys(PROMOTING, "dtype", dtypes=()) if k.dtype == dtype]
    outcome = judged(PROMOTING, key, cosine)
    assert outcome.verdict == "undocumented"
    assert outcome.observed["dtype"] == "float32"
