"""Gradients: no cell accepts everything, and fakes whose gradient is wrong get the verdict that they deserve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lossproof import oracle
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging.comparison import judge_answer, reach
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo
from lossproof.conformance.properties.registry import cells
from lossproof.conformance.questions.batches import batches
from lossproof.conformance.runs.run import Plan, TargetResult, judge_session
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Array
from lossproof.specs import load_specs

from .fake_sessions import documented, session_of
from .test_verdicts import size, the_finding, verdicts

DEFINITE = (
    "ordinary",
    "nearly_orthogonal",
    "mixed_scale",
    "length_1",
    "long",
    "zero",
    "below_eps",
    "tiny_norm",
)
"""Regions of rows whose gradient is not zero, where the formula has one."""
APIS = (
    "mlx.nn.losses.cosine_similarity_loss",
    "tf.compat.v1.losses.cosine_distance",
    "tf.keras.losses.CosineSimilarity",
    "torch.nn.functional.cosine_embedding_loss",
    "torch.nn.functional.cosine_similarity",
)


def latest(api: str) -> Subject:
    """The newest edition of a packaged spec."""
    spec = next(s for s in load_specs() if s.api == api)
    facts = TargetInfo("test", spec.framework, "1", packages={spec.editions[-1].package: "1"})
    return Subject(facts, spec, spec.editions[-1])


def definite(subject: Subject) -> Iterator[CellKey]:
    """Gradient cells in which a wrong gradient must be seen."""
    for key in cells(subject, ["gradient"]):
        if key.region in DEFINITE and not subject.is_silent(key):
            yield key


# --- a bound that accepts everything proves nothing ---


@pytest.mark.parametrize("api", APIS)
def test_no_gradient_cell_accepts_everything(api: str) -> None:
    """0, the negated and the doubled gradient are rejected somewhere in every such cell, as answers are."""
    subject = latest(api)
    for key in definite(subject):
        rejected = {"zero": False, "negated": False, "doubled": False}
        defined = False
        for batch in batches(subject, key.region, key.dtype, key.variant, 4, 0):
            try:
                expected = expect(subject, batch.arrays, batch.options, wrt=batch.wrt)
            except Undocumented:
                continue
            defined = defined or not expected.value.undefined.all()
            exact, bound = np.asarray(expected.value.lower), reach(expected)
            for wrong, factor in (("zero", 0.0), ("negated", -1.0), ("doubled", 2.0)):
                with np.errstate(over="ignore"):
                    near = oracle.within(exact * factor, expected.value, bound, expected.compute)
                rejected[wrong] |= not np.all(near | expected.value.undefined)
            if all(rejected.values()):
                break
        # One element a row: the gradient of a cosine is 0 but at zero vectors.
        flat = key.region == "length_1" and subject.semantics.fixed("norm_rule") != "raw"
        assert all(rejected.values()) or not defined or flat, (str(key), rejected)


@pytest.mark.parametrize("api", APIS)
def test_the_rounded_gradient_is_right(api: str) -> None:
    subject = latest(api)
    for key in [k for k in definite(subject) if k.dtype == "float32"][:12]:
        (batch,) = batches(subject, key.region, key.dtype, key.variant, 1, 0)
        expected = expect(subject, batch.arrays, batch.options, wrt=batch.wrt)
        answer = Answer("value", Array.of(expected.value.rounded("float32")))
        judged = judge_answer(subject, batch.arrays, batch.options, answer, wrt=batch.wrt)
        assert not judged.wrong.any(), str(key)
        assert expected.shape == batch.arrays[batch.wrt].shape


def test_an_infinity_is_right_where_the_gradient_leaves_the_range() -> None:
    """The derivative at a zero vector is y / eps: 1e8 is beyond float16, whatever the sign."""
    subject = latest("mlx.nn.losses.cosine_similarity_loss")
    arrays = {"x1": np.zeros((1, 2), np.float16), "x2": np.array([[1, -1]], np.float16)}
    for signs, right in (([1, -1], True), ([-1, -1], False), ([1, 1], False)):
        answer = Answer("value", Array.of(np.array([signs], np.float16) * np.float16(np.inf)))
        judged = judge_answer(subject, arrays, {}, answer, wrt="x1")
        assert judged.wrong.any() != right


def test_the_metric_and_formulas_that_are_not_documented_are_asked_once() -> None:
    for api in ("tf.keras.metrics.CosineSimilarity", "tfa.losses.contrastive_loss"):
        keys = cells(latest(api), ["gradient"])
        assert {(k.region, k.dtype) for k in keys} == {("ordinary", "float32")}
        assert all(latest(api).is_silent(k) for k in keys)


# --- fakes ---


@pytest.fixture
def judging(worker: Worker) -> Any:
    """Judges the gradients of a fake of `gradients`."""

    def judge_fake(name: str, *dtypes: str) -> TargetResult:
        spec = documented("faulty.cosine_similarity")
        edition = spec.editions[0]
        semantics = edition.semantics.model_copy(update={"dtypes": dtypes or ("float32",)})
        editions = (edition.model_copy(update={"semantics": semantics}),)
        fake = spec.model_copy(update={"api": f"gradients.{name}", "editions": editions})
        plan = Plan(properties=("gradient",), examples=1)
        return judge_session(session_of(worker, [fake]), plan, lambda *_: None)

    return judge_fake


def test_the_right_gradient_conforms_everywhere(judging: Any) -> None:
    result = judging("cosine_similarity", "float32", "float64", "float16")
    assert not result.findings
    assert verdicts(result) == {"conforms", "undocumented"}
    for row in result.rows:
        assert (row.verdict == "undocumented") == (row.region in ("nonfinite", "empty")), row
    inputs = {variant.rpartition("wrt=")[2] for variant in (row.variant for row in result.rows)}
    assert inputs == {"x1", "x2"}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("doubled", {"gradient_factor": 2.0}),
        ("zeros", {"gradient_factor": 0.0}),
        ("of_the_other", {"gradient_of": "other"}),
    ],
)
def test_a_wrong_gradient_is_named(judging: Any, name: str, parameters: dict[str, Any]) -> None:
    result = judging(name)
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == ("gradient", "S1")
    assert finding.behaves_as == {"parameters": parameters}
    assert finding.witness["wrt"] in ("x1", "x2")
    assert size(finding) <= 4, finding.witness
    plain = [r for r in result.rows if r.region == "ordinary"]
    assert {r.verdict for r in plain} == {"diverges"}


def test_no_gradient_comes_back(judging: Any) -> None:
    result = judging("detached")
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == ("gradient", "S1")
    assert "no gradient comes back for x1" in finding.title
    assert "conforms" not in verdicts(result)


def test_nan_at_zero_vectors(judging: Any) -> None:
    finding = the_finding(judging("nan_at_zero"))
    assert (finding.kind, finding.severity, finding.regions) == (
        "gradient",
        "S2",
        ("zero",),
    )  # the value is right
    assert finding.behaves_as == {"parameters": {"norm_rule": "plain", "zero": None}}
    assert finding.observed["value"] == [["nan"]]


def test_a_norm_that_is_followed_below_its_floor(judging: Any) -> None:
    result = judging("past_the_floor")
    finding = next(f for f in result.findings if f.kind == "gradient")
    assert finding.behaves_as == {"parameters": {"norm_rule": "floor_norm", "clamp": "followed"}}
    assert "below_eps" in finding.regions
    assert not set(finding.regions) & {"ordinary", "parallel", "opposite", "orthogonal", "zero"}
