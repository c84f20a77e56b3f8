"""Cases: for each thing that a case can expect, a right answer conforms and a wrong one diverges for that reason.

Answers come from the fakes through the real worker; gradients, which the fakes have not, from a stand-in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.cases.cases import case_keys, judge_case
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.model.subject import Subject, TargetInfo
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Array, ErrorInfo, Question, Unrepeated
from lossproof.specs.families import spec_model_of

from .fake_sessions import DOCUMENTED, documented

FUNCTION, LOSS = DOCUMENTED["function"], DOCUMENTED["class"]
PAIR = {"x1": [[3, 4]], "x2": [[4, 3]]}
PAIR_OF_LOSS = {"y_true": [[3, 4]], "y_pred": [[4, 3]]}
Put = Callable[..., Outcome]


def subject_with(api: str, name: str, case: Mapping[str, Any], **edition: Any) -> Subject:
    """The documentation of an API with this one case, and a fake in its place."""
    plain = documented(api).model_dump(mode="json", exclude_unset=True)
    plain["editions"][0] |= edition
    spec = spec_model_of(plain).model_validate(
        {**plain, "api": f"faulty.{name}", "claims": [], "cases": [{"slug": "c", "says": "it", **case}]}
    )
    return Subject(TargetInfo("fake", "fake", "1.2.3"), spec, spec.editions[0])


def judged(subject: Subject, executor: Executor) -> Outcome:
    """The outcome of the one case, by the key that the property's cells have."""
    (key,) = case_keys(subject, subject.cases[0].property)
    return judge_case(subject, key, executor)


@pytest.fixture
def put(worker: Worker) -> Put:
    """put("wrong_sign", expect={...}, ...): the outcome of a case asked of a fake."""

    def ask(name: str, api: str = FUNCTION, edition: Mapping[str, Any] | None = None, **case: Any) -> Outcome:
        if case.get("ask", "call") == "call":
            case.setdefault("arrays", PAIR if api == FUNCTION else PAIR_OF_LOSS)
        return judged(subject_with(api, name, case, **(edition or {})), Executor(worker))

    return ask


@dataclass
class Stand:
    """Answers every question with the same answers, in turn, for ever the last."""

    answers: list[Answer]
    asked: int = 0

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def stood(*answers: Answer, api: str = FUNCTION, **case: Any) -> Outcome:
    """The outcome of a case of which these are the answers."""
    case.setdefault("arrays", PAIR)
    return judged(subject_with(api, "cosine_similarity", case), Executor(Stand(list(answers))))


def array(values: Any, dtype: Any = "float32") -> Answer:
    return Answer("value", Array.of(np.asarray(values, dtype)))


def error(name: str, *bases: str) -> Answer:
    return Answer("error", error=ErrorInfo(name, bases, "message"))


def diverging(outcome: Outcome, kind: str, says: str = "") -> bool:
    """Whether the one failure of the case is of this kind and says this."""
    assert outcome.verdict == "diverges", outcome
    (failure,) = outcome.failures
    assert (outcome.kind, failure.kind) == (kind, kind)
    assert says in failure.says
    assert outcome.case.slug == "c"
    return True


def test_each_expectation_of_the_models_is_tested_here() -> None:
    from lossproof.specs.models import Expect

    named = {
        "printed",
        "oracle",
        "value",
        "raises",
        "shape",
        "dtype",
        "returns",
        "data",
        "aliases",
        "moves",
        "runs",
    }
    assert set(Expect.model_fields) == named


# --- numbers ---


def test_oracle(put: Put) -> None:
    asked = {"expect": {"oracle": True}}
    assert put("cosine_similarity", **asked).verdict == "conforms"
    assert diverging(put("wrong_sign", property="sign", **asked), "sign")
    assert diverging(put("wrong_sign", **asked), "formula")
    assert diverging(put("last_axis", property="axis", options={"axis": 0}, **asked), "axis")
    assert diverging(put("wrong_sign", property="shape", **asked), "formula")  # the shape is right
    assert diverging(put("keeping_dims", property="shape", **asked), "shape")
    assert put("keeping_dims", **asked).verdict == "conforms"  # of the value this one is about
    far = put("wrong_sign", **asked)
    assert far.ratio is not None
    assert far.ratio > 1e4  # twice 0.96 over a bound of a few ulps
    right = put("keeping_dims", property="shape", **asked)  # but for its shape
    assert right.ratio is not None
    assert right.error is not None
    assert (0 < right.ratio < 0.5, right.error <= 0.5, right.rows) == (True, True, 1)


def test_oracle_where_the_documentation_gives_no_value(put: Put) -> None:
    nothing = {"semantics": {"score": "similarity", "norm_rule": "plain"}}
    asked = {"expect": {"oracle": True}, "arrays": {"x1": [[0, 0]], "x2": [[4, 3]]}}
    assert put("one_for_zero", edition=nothing, **asked).verdict == "undocumented"
    assert diverging(put("one_for_zero", property="zero_vector", **asked), "zero_vector")
    silent = put("cosine_similarity", edition={"semantics": {"norm_rule": "plain"}}, expect={"oracle": True})
    assert (silent.verdict, silent.note) == ("undocumented", "the documentation gives no sign")


def test_printed(put: Put) -> None:
    for digits in ("0.96", "0.9600", "0.95", "0.97"):  # within one unit of the last digit
        right = put("cosine_similarity", expect={"printed": [digits]})
        assert right.verdict == ("conforms" if digits.startswith("0.96") else "diverges"), digits
    assert diverging(
        put("wrong_sign", expect={"printed": ["0.96"]}), "formula", "neither the printed nor the exact"
    )


def test_a_printed_number_is_rounded_by_half_a_unit_at_most(put: Put) -> None:
    """0.96 rounds to 1.0, within half of 0.1, and is no rounding to 0.9."""
    assert put("cosine_similarity", expect={"printed": ["1.0"]}).verdict == "conforms"
    assert diverging(put("cosine_similarity", expect={"printed": ["0.9"]}), "documentation")


def test_printed_digits_that_contradict_the_formula(put: Put) -> None:
    wrong = put("cosine_similarity", expect={"printed": ["0.94"]})
    assert diverging(wrong, "documentation", "not those of the documented formula")
    as_printed = put("wrong_sign", expect={"printed": ["-0.96"]})  # the implementation follows the page
    assert diverging(as_printed, "documentation")


def test_another_number_of_values_than_printed(put: Put) -> None:
    assert diverging(put("cosine_similarity", expect={"printed": ["0.96", "1"]}), "shape", "another number")


def test_value(put: Put) -> None:
    assert put("cosine_similarity", expect={"value": [0.96]}).verdict == "conforms"
    assert put("cosine_similarity", expect={"value": ["0x1.eb851eb851eb8p-1"]}).verdict == "conforms"
    assert diverging(put("cosine_similarity", expect={"value": [0.9599]}), "formula", "another value")
    assert diverging(put("cosine_similarity", expect={"value": [0.96, 1]}), "shape", "another number")
    nan = {"arrays": {"x1": [[0, 0]], "x2": [[4, 3]]}, "expect": {"value": ["nan"]}}
    assert put("nan_for_zero", **nan).verdict == "conforms"
    assert diverging(put("cosine_similarity", **nan), "formula")


# --- what comes back ---


def test_shape(put: Put) -> None:
    assert put("cosine_similarity", expect={"shape": [1]}).verdict == "conforms"
    assert diverging(put("keeping_dims", expect={"shape": [1]}), "shape", "(1, 1)")
    assert diverging(put("keeping_dims", property="reduction", expect={"shape": [1]}), "reduction")
    assert diverging(put("a_list", expect={"shape": [1]}), "shape", "a list")


def test_dtype(put: Put) -> None:
    assert put("cosine_similarity", expect={"dtype": "float32"}).verdict == "conforms"
    assert diverging(put("always_float64", expect={"dtype": "float32"}), "dtype", "float64")


def test_returns(put: Put) -> None:
    asked = {"property": "signature", "expect": {"returns": "numpy.ndarray"}}
    assert put("cosine_similarity", **asked).verdict == "conforms"
    assert diverging(put("a_list", **asked), "configuration", "list")
    assert put("a_list", property="signature", expect={"returns": "list"}).verdict == "conforms"
    assert (
        put("a_list", property="signature", expect={"returns": "object"}).verdict == "conforms"
    )  # a base class


def test_data_of_a_call(put: Put) -> None:
    assert put("a_string", expect={"data": "0.5"}).verdict == "conforms"
    assert diverging(put("a_string", expect={"data": "0.6"}), "formula", "another result")


def test_runs(put: Put) -> None:
    assert put("wrong_sign", expect={"runs": True}).verdict == "conforms"
    assert diverging(put("raising", expect={"runs": True}), "error", "no value")
    assert diverging(put("raising", kind="training", expect={"runs": True}), "training")


# --- errors ---


def test_raises(put: Put) -> None:
    bad: dict[str, Any] = {"property": "error", "options": {"axis": 7}}
    assert put("cosine_similarity", expect={"raises": ["ValueError"]}, **bad).verdict == "conforms"
    assert (
        put("cosine_similarity", expect={"raises": ["Exception"]}, **bad).verdict == "conforms"
    )  # a base class
    assert (
        put("cosine_similarity", expect={"raises": ["TypeError", "ValueError"]}, **bad).verdict == "conforms"
    )
    assert put("cosine_similarity", expect={"raises": []}, **bad).verdict == "conforms"
    wrong = put("cosine_similarity", expect={"raises": ["TypeError"]}, **bad)
    assert diverging(wrong, "error", "raises ValueError instead")
    accepted = put("lenient", expect={"raises": ["ValueError"]}, **bad)
    assert diverging(accepted, "error", "bad input is accepted")


def test_a_full_name_is_the_class_of_that_name() -> None:
    asked = {"expect": {"raises": ["errors.InvalidArgumentError"]}}
    assert stood(error("tf.errors.InvalidArgumentError"), **asked).verdict == "conforms"
    assert stood(error("x.Other", "tf.errors.InvalidArgumentError"), **asked).verdict == "conforms"
    assert diverging(stood(error("tf.errors.ArgumentError"), **asked), "error")


def test_an_error_or_crash_where_a_value_is_due() -> None:
    assert diverging(stood(error("ValueError"), expect={"value": [1]}), "error")
    assert diverging(stood(Answer("crash", note="signal 11"), expect={"value": [1]}), "crash")
    assert diverging(stood(Answer("hang", note="20 s"), expect={"shape": [1]}), "hang")
    assert diverging(stood(Answer("crash", note="signal 11"), expect={"raises": []}), "crash", "no exception")


@pytest.mark.parametrize(
    "asked",
    [
        {"expect": {"value": [1]}},
        {"expect": {"raises": []}},
        {"expect": {"raises": []}, "ask": "config"},
        {"expect": {"runs": True}, "ask": "fit"},
        {"expect": {"moves": "closer"}, "ask": "descend"},
    ],
)
def test_what_the_adapter_declines_is_unsupported(asked: dict[str, Any]) -> None:
    declined = error("lossproof_worker.Unsupported")
    outcome = stood(declined, **asked)
    assert (outcome.verdict, outcome.note) == ("unsupported", "message")


@pytest.mark.parametrize(
    "asked",
    [
        {"expect": {"value": [1]}},
        {"expect": {"raises": []}},
        {"expect": {"runs": True}, "ask": "fit"},
        {"expect": {"moves": "closer"}, "ask": "descend"},
    ],
)
def test_of_a_crash_that_does_not_repeat_nothing_is_said(asked: dict[str, Any]) -> None:
    with pytest.raises(Unrepeated, match="signal 11"):
        stood(Answer("crash", note="signal 11"), Answer("value", data=1), **asked)


# --- probes ---


def test_signature(put: Put) -> None:
    wanted = [
        {"name": "x1"},
        {"name": "x2"},
        {"name": "axis", "default": -1},
        {"name": "eps", "default": 1e-8},
    ]
    asked: dict[str, Any] = {"ask": "signature", "property": "signature"}
    assert put("cosine_similarity", expect={"data": wanted}, **asked).verdict == "conforms"
    assert diverging(put("eps_default", expect={"data": wanted}, **asked), "configuration")
    assert diverging(put("cosine_similarity", expect={"data": wanted[::-1]}, **asked), "configuration")
    assert diverging(put("cosine_similarity", expect={"data": wanted[:3]}, **asked), "configuration")
    no_default = [*wanted[:2], {"name": "axis", "default": 0}, wanted[3]]
    assert diverging(put("cosine_similarity", expect={"data": no_default}, **asked), "configuration")


def test_config(put: Put) -> None:
    asked: dict[str, Any] = {
        "ask": "config", "property": "configuration",
        "arrays": {"y_true": [[1, 2], [3, 4]], "y_pred": [[4, 1], [0, 2]]},
        "options": {"reduction": "sum", "name": "mine"},
    }  # fmt: skip
    right = {"reduction": "sum", "name": "mine"}  # of a mapping the named entries
    assert put("CosineLoss", LOSS, expect={"data": right}, **asked).verdict == "conforms"
    assert diverging(put("CosineLoss", LOSS, expect={"data": {"name": "other"}}, **asked), "configuration")
    assert diverging(put("CosineLoss", LOSS, expect={"data": {"eps": 0}}, **asked), "configuration")
    forgets = put("ForgetfulLoss", LOSS, expect={"data": {"name": "mine"}}, **asked)
    assert diverging(forgets, "configuration", "answers otherwise")


def test_attribute(put: Put) -> None:
    asked: dict[str, Any] = {"ask": "attribute", "property": "configuration", "arguments": {"name": "name"}}
    assert put("CosineLoss", LOSS, expect={"data": "cosine_loss"}, **asked).verdict == "conforms"
    assert diverging(put("CosineLoss", LOSS, expect={"data": "loss"}, **asked), "configuration")
    gone = {**asked, "arguments": {"name": "weight"}}
    assert diverging(
        put("CosineLoss", LOSS, expect={"data": "x"}, **gone), "configuration", "does not succeed"
    )


def test_bases(put: Put) -> None:
    asked: dict[str, Any] = {"ask": "bases", "property": "configuration"}
    assert put("PositiveLoss", LOSS, expect={"data": "CosineLoss"}, **asked).verdict == "conforms"
    assert diverging(put("CosineLoss", LOSS, expect={"data": "PositiveLoss"}, **asked), "configuration")


def test_true_is_not_one(put: Put) -> None:
    asked: dict[str, Any] = {"ask": "attribute", "property": "configuration", "arguments": {"name": "axis"}}
    assert put("CosineLoss", LOSS, options={"axis": 1}, expect={"data": 1}, **asked).verdict == "conforms"
    assert diverging(
        put("CosineLoss", LOSS, options={"axis": 1}, expect={"data": True}, **asked), "configuration"
    )


def test_aliases(put: Put) -> None:
    asked: dict[str, Any] = {"property": "signature", "arrays": PAIR}
    assert put("cosine_similarity", expect={"aliases": ["faulty.careful"]}, **asked).verdict == "conforms"
    other = put("cosine_similarity", expect={"aliases": ["faulty.careful", "faulty.wrong_sign"]}, **asked)
    assert diverging(other, "configuration", "answers otherwise: faulty.wrong_sign")
    gone = put("cosine_similarity", expect={"aliases": ["faulty.cosine", "faulty.careful"]}, **asked)
    assert diverging(gone, "configuration", "no such name: faulty.cosine")


def test_aliases_without_arrays_need_only_resolve(put: Put) -> None:
    asked: dict[str, Any] = {"ask": "resolve", "property": "signature"}
    assert put("cosine_similarity", expect={"aliases": ["faulty.wrong_sign"]}, **asked).verdict == "conforms"
    assert diverging(
        put("cosine_similarity", expect={"aliases": ["faulty.nothing_here"]}, **asked), "configuration"
    )


# --- silence ---


@pytest.mark.parametrize("silent", ["axis", "error"])
def test_a_divergence_on_what_the_page_is_silent_about_is_undocumented(put: Put, silent: Any) -> None:
    asked: dict[str, Any] = {"property": silent, "options": {"axis": 7}, "expect": {"raises": ["ValueError"]}}
    outcome = put("lenient", edition={"silent": [silent]}, **asked)
    assert outcome.verdict == "undocumented"
    assert outcome.observed["outcome"] == "value"
    assert put("lenient", **asked).verdict == "diverges"
