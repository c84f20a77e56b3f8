"""Every fake gets exactly the verdict that it deserves: one cause, one finding, one readable witness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossproof.conformance.diagnosis.model import Behaviour
from lossproof.conformance.model.results import Finding
from lossproof.conformance.model.subject import CellKey
from lossproof.conformance.runs.run import TargetResult

from .fake_sessions import in_place_of, session_of

LOSS = "faulty.CosineLoss"


def verdicts(result: TargetResult) -> set[str]:
    return {row.verdict for row in result.rows}


def the_finding(result: TargetResult) -> Finding:
    """The one finding there is, new, in every diverging row and no other."""
    (finding,) = result.findings
    assert finding.status == "new"
    assert "broken" not in verdicts(result)
    for row in result.rows:
        assert (row.finding == finding.slug) == (row.verdict == "diverges"), row
    assert finding.cells == sum(row.verdict == "diverges" for row in result.rows) > 0
    return finding


def size(finding: Finding) -> int:
    """How many numbers the witness holds."""
    return sum(int(np.prod(a["shape"])) for a in finding.witness["arrays"].values())


# --- right ---


@pytest.mark.parametrize("seed", [0, 1])
def test_a_correctly_rounded_implementation_conforms_everywhere(judging: Any, seed: int) -> None:
    result = judging("cosine_similarity", seed=seed)
    assert not result.findings
    assert verdicts(result) == {"conforms", "undocumented", "unsupported"}
    for row in result.rows:
        if row.verdict == "undocumented":
            assert row.region in ("nonfinite", "empty")
        if row.verdict == "unsupported":  # the fakes have no bfloat16, and refuse integers as documented
            integers = {"int32", "int64", "int8", "uint8"} & {
                row.dtype,
                *row.variant.replace("+", "=").split("="),
            }
            assert "bfloat16" in row.variant or integers or row.property == "gradient"
        if (
            row.property == "value"
            and row.verdict == "conforms"
            and row.region not in ("subnormal", "underflow")
        ):
            assert row.grade == "G0", row
    # Of the formula, what nonfinite and empty input gives is undocumented.
    assert {c.claim: c.verdict for c in result.claims} == {
        "formula": "undocumented", "axis": "conforms", "printed": "conforms",
    }  # fmt: skip


def test_a_right_loss_conforms_everywhere(judging: Any) -> None:
    result = judging("CosineLoss", api=LOSS)
    assert not result.findings
    assert verdicts(result) == {"conforms", "undocumented", "unsupported"}


@pytest.mark.parametrize("name", ["pairwise", "forward", "backward", "strided_lanes"])
def test_any_order_of_summation_conforms(judging: Any, name: str) -> None:
    result = judging(name, "value", "eps", "zero_vector", "range")
    assert not result.findings
    assert verdicts(result) <= {"conforms", "undocumented"}
    assert {"G1", "G2"} & {row.grade for row in result.rows}, "the fake is meant to round on the way"


# --- another formula ---


@pytest.mark.parametrize(
    ("name", "kind", "parameters"),
    [
        ("wrong_sign", "sign", {"score": "negated"}),
        ("distance", "formula", {"score": "distance"}),
    ],
)
def test_another_score(judging: Any, name: str, kind: str, parameters: dict[str, Any]) -> None:
    result = judging(name, "value", "sign", "axis")
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == (kind, "S1")
    assert finding.behaves_as == {"parameters": parameters}
    assert size(finding) == 2, finding.witness
    assert all(
        r.verdict == "diverges" for r in result.rows if r.region in ("ordinary", "parallel", "opposite")
    )


@pytest.mark.parametrize(
    ("name", "properties", "kind", "severity", "parameters"),
    [
        ("floor_squared_norm", ("eps",), "eps", "S2", {"norm_rule": "floor_squared_norm"}),
        ("floor_product", ("eps",), "eps", "S2", {"norm_rule": "floor_product"}),
        ("threshold", ("eps",), "eps", "S2", {"norm_rule": "threshold"}),
        ("floor_squared_product", ("eps", "axis"), "eps", "S2", {"norm_rule": "floor_squared_product"}),
        ("add_squared", ("eps",), "eps", "S2", {"norm_rule": "add_squared"}),
        ("unnormalised", ("range", "axis", "scale"), "formula", "S1", {"norm_rule": "raw"}),
        ("eps_default", ("eps",), "eps", "S2", {"norm_rule": "floor_norm", "eps": 1e-6}),
        ("single_eps", ("value", "gradient"), "eps", "S2", {"eps_dtype": "float32"}),
        ("one_for_zero", ("zero_vector", "axis"), "zero_vector", "S2", {"norm_rule": "plain", "zero": 1.0}),
        ("last_axis", ("axis", "sign"), "axis", "S1", {"axis": -1}),
        ("negative_axis", ("axis", "sign"), "axis", "S1", {"axis": -1}),
        ("first_axis", ("axis",), "axis", "S1", {"axis": 0}),
        ("keeping_dims", ("shape", "axis"), "shape", "S1", {"keepdims": True}),
        ("one_number", ("shape", "axis"), "reduction", "S1", {"reduction": "mean"}),
        ("always_float64", ("dtype", "sign"), "dtype", "S2", {"result_dtype": "float64"}),
    ],
)
def test_a_wrong_rule_is_named(
    judging: Any, name: str, properties: tuple[str, ...], kind: str, severity: str, parameters: dict[str, Any]
) -> None:
    result = judging(name, *properties)
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == (kind, severity)
    assert finding.behaves_as == {"parameters": parameters}
    assert size(finding) <= 4, finding.witness


def test_a_floor_is_named_on_rows_where_others_agree_with_it(judging: Any) -> None:
    """Where every square underflows, floors of squares agree; one more question tells which it is."""
    finding = the_finding(judging("floor_squared_product", "value", "zero_vector"))
    assert {"underflow", "subnormal", "tiny_norm"} <= set(finding.regions)
    assert finding.behaves_as == {"parameters": {"norm_rule": "floor_squared_product"}}


def test_a_floor_is_named_by_all_answers_of_the_api(judging: Any) -> None:
    """In float16 no normal number tells 1e-8 that is added from a floor; the answers in float32 do."""
    finding = the_finding(judging("add_squared", "value"))
    assert finding.slug == "fake-eps-add-squared"
    assert "float16" in finding.dtypes
    assert "adds to each squared norm: sum x^2 + eps" in finding.title


def test_an_eps_that_is_taken_and_ignored(judging: Any) -> None:
    """Where the eps given is 0.001 and no norm lies below 1e-6, any small eps explains the values: 1e-6 is found."""
    finding = the_finding(judging("eps_ignored", "eps", "axis"))
    assert (finding.kind, finding.severity) == ("eps", "S2")
    assert finding.behaves_as == {"parameters": {"norm_rule": "floor_norm", "eps": 1e-6}}
    assert set(finding.dtypes) == {"float16", "float32", "float64"}


def test_only_long_rows_wrong(judging: Any) -> None:
    """No rule explains it, and no narrower dtype whose wide bound happens to accept a row."""
    finding = the_finding(judging("long_rows", "value", "sign", "axis"))
    assert (finding.kind, finding.severity, finding.regions) == ("formula", "S1", ("long",))
    assert finding.behaves_as == {}
    assert finding.dtypes == ("float32", "float64")


def test_a_value_that_depends_on_its_neighbours(judging: Any) -> None:
    """No rule and no condition explains it; in float16 the shift is as small as rounding, but to one side.

    There a few rows lie where a squared norm may underflow, and are told so.
    """
    result = judging("neighbours", "batch")
    (finding,) = (f for f in result.findings if f.dtypes != ("float16",))
    assert (finding.kind, finding.severity, finding.properties) == ("formula", "S1", ("batch",))
    assert (finding.behaves_as, finding.dtypes) == ({}, ("float16", "float32", "float64"))
    assert {r.verdict for r in result.rows} == {"diverges"}


def test_nan_for_zero_vectors(judging: Any) -> None:
    result = judging("nan_for_zero", "zero_vector", "sign", "axis")
    finding = the_finding(result)
    assert finding.behaves_as == {"parameters": {"norm_rule": "plain", "zero": None}}
    # In float16 the documented eps of 1e-8 is zero, which gives the same NaN.
    assert set(finding.dtypes) == {"float16", "float32", "float64"}
    assert (finding.kind, finding.severity, finding.status, size(finding)) == ("zero_vector", "S2", "new", 2)
    assert finding.observed["value"] == ["nan"]
    assert {r.verdict for r in result.rows if r.property != "zero_vector"} == {"conforms"}


def test_overflow_on_the_way_is_judged_apart(judging: Any) -> None:
    finding = the_finding(judging("overflowing", "value", "range"))
    assert (finding.kind, finding.severity, finding.regions) == ("overflow", "S3", ("overflow",))
    assert finding.behaves_as == {"predicate": "squared_norm_overflows"}
    assert size(finding) == 2


def test_underflow_on_the_way_is_judged_apart(judging: Any) -> None:
    result = judging("underflowing", "value", "sign")
    assert {f.severity for f in result.findings} == {"S3"}
    assert {r.region for r in result.rows if r.verdict == "diverges"} == {"underflow", "subnormal"}
    assert "underflow" in {f.kind for f in result.findings}


def test_plain_float32_diverges_only_where_squares_overflow(judging: Any) -> None:
    finding = the_finding(judging("naive", "value", "eps", "zero_vector", "axis", "scale", "permutation"))
    assert (finding.kind, finding.severity, finding.regions) == ("overflow", "S3", ("overflow",))


def test_another_score_is_that_of_a_whole_call(worker: Any) -> None:
    """Rows that happen to answer as 1 - c would are no other score, where most of the wrong rows deny it."""
    session = session_of(worker, [in_place_of("faulty.cosine_similarity", "partly_distance")])
    (subject,) = session.subjects
    judgement = session.judge_cell(subject, CellKey("value", "ordinary", "float32", subject.row_wise))
    causes = [item.cause for item in judgement.causes]
    assert {cause.kind for cause in causes} == {"formula"}
    assert not [cause.behaves_as for cause in causes if "score" in cause.behaves_as.parameters]


def test_float64_computed_in_float32(judging: Any) -> None:
    result = judging("single_inside", "value", "range")
    first = min(result.findings, key=lambda f: f.severity)
    assert (first.kind, first.severity, first.dtypes) == ("dtype", "S2", ("float64",))
    assert first.behaves_as == {"parameters": {"compute_dtype": "float32"}}
    assert {r.dtype for r in result.rows if r.verdict == "diverges"} == {"float64"}
    others = {(f.kind, f.severity) for f in result.findings if f is not first}
    assert others <= {("overflow", "S3"), ("underflow", "S3")}


def causes_of(worker: Any, name: str, region: str, dtype: str = "float32") -> list[Any]:
    """The causes that one cell of a fake is put down to."""
    session = session_of(worker, [in_place_of("faulty.cosine_similarity", name)])
    (subject,) = session.subjects
    return [
        e.cause for e in session.judge_cell(subject, CellKey("value", region, dtype, subject.row_wise)).causes
    ]


def test_fewer_bits_inside_err_to_both_sides(worker: Any) -> None:
    (cause,) = causes_of(worker, "half_inside", "ordinary")
    assert (cause.kind, cause.severity, cause.words) == ("accuracy", "S1", "no more accurate than float16")
    assert cause.behaves_as.parameters == {"compute_dtype": "float16"}
    (other,) = causes_of(worker, "too_small", "ordinary")
    assert other.kind == "formula"  # as near, but always on one side


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_an_error_as_large_as_the_value_is_no_inaccuracy_in_a_narrow_dtype(worker: Any, dtype: str) -> None:
    for region in ("ordinary", "opposite", *(("long",) if dtype == "float32" else ())):
        kinds = {c.kind for c in causes_of(worker, "clipped", region, dtype)}
        assert "formula" in kinds
        assert "accuracy" not in kinds


@pytest.mark.parametrize("region", ["subnormal", "underflow"])
def test_subnormal_numbers_taken_for_zero(worker: Any, region: str) -> None:
    (cause,) = causes_of(worker, "flushing", region, "float16")
    assert (cause.kind, cause.severity) == ("underflow", "S3")
    assert cause.behaves_as == Behaviour.of({"subnormals": "zero"})


def test_missing_error(judging: Any) -> None:
    finding = the_finding(judging("lenient", "error", "axis"))
    assert (finding.kind, finding.severity) == ("error", "S2")
    assert finding.behaves_as == {"cases": ["axis-out-of-range"]}
    assert finding.expected == {"error": ["ValueError"]} or "raises" in finding.expected


def test_another_default_in_the_signature(judging: Any) -> None:
    finding = the_finding(judging("eps_default", "signature"))
    assert (finding.kind, finding.severity) == ("configuration", "S2")
    assert {"name": "eps", "default": 1e-6} in finding.observed["data"]


def test_a_missing_api(judging: Any) -> None:
    result = judging("no_such_name")
    (row,) = result.rows
    finding = the_finding(result)
    assert (row.verdict, row.property, finding.kind) == ("diverges", "signature", "error")
    assert "no_such_name" in row.observed["says"]
    assert {c.verdict for c in result.claims} == {"broken"}  # nothing was left that could decide them


# --- reductions, weights, configuration ---


@pytest.mark.parametrize(
    ("name", "properties", "kind", "parameters"),
    [
        ("PositiveLoss", ("value", "sign"), "sign", {"score": "similarity"}),
        ("MeanForSumLoss", ("reduction",), "reduction", {"reduction": "mean"}),
        ("MeanOfWeightsLoss", ("weights", "reduction"), "reduction", {"reduction": "mean_by_weight"}),
        ("WeightlessLoss", ("weights", "reduction"), "weights", {"ignore_weights": True}),
    ],
)
def test_a_wrong_loss_is_named(
    judging: Any, name: str, properties: tuple[str, ...], kind: str, parameters: dict[str, Any]
) -> None:
    finding = the_finding(judging(name, *properties, api=LOSS))
    assert (finding.kind, finding.severity) == (kind, "S1")
    assert finding.behaves_as == {"parameters": parameters}


def test_weights_broadcast_as_numpy_does(judging: Any) -> None:
    """Silently wrong where the batch is square, an error where it is not."""
    result = judging("BroadcastingLoss", "weights", "reduction", api=LOSS, examples=3)
    found = {f.kind: f for f in result.findings}
    assert set(found) == {"weights", "error"}
    assert (found["weights"].severity, found["weights"].properties) == ("S1", ("weights",))
    assert found["weights"].behaves_as == {"parameters": {"weights": "numpy"}}
    assert "ValueError" in found["error"].title
    for row in result.rows:
        if row.verdict == "diverges":
            assert "weights=per_sample" in row.variant or "weights=zeros" in row.variant, row


def test_a_configuration_that_says_otherwise(judging: Any) -> None:
    finding = the_finding(judging("ForgetfulLoss", "configuration", "sign", api=LOSS))
    assert (finding.kind, finding.severity) == ("configuration", "S2")


# --- no value at all ---


@pytest.mark.parametrize(
    ("name", "kind", "severity", "words"),
    [
        ("nothing", "shape", "S1", "returned None, not an array"),
        ("a_string", "shape", "S1", "returned a str, not an array"),
        ("a_list", "shape", "S1", "returned a list, not an array"),
        ("exiting", "error", "S2", "raises SystemExit: enough"),
        ("raising", "error", "S2", "raises RuntimeError: out of luck"),
        ("crashing", "crash", "S2", "the worker died: signal 6 (SIGABRT)"),
    ],
)
def test_what_gives_no_value_is_one_finding(
    judging: Any, name: str, kind: str, severity: str, words: str
) -> None:
    result = judging(name, "value", "shape", "zero_vector")
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == (kind, severity)
    assert words in finding.title
    assert "\n" not in finding.title
    assert "conforms" not in verdicts(result)
    plain = [r for r in result.rows if r.dtype == "float32" and r.region not in ("nonfinite", "empty")]
    assert {r.verdict for r in plain} == {"diverges"}
    assert {r.kind for r in plain} == {kind}
    if kind == "error":
        assert size(finding) <= 2, "one element each raises as well"


def test_a_crash_costs_few_workers(judging: Any) -> None:
    assert judging("crashing", "value", "eps", "determinism").questions <= 4


# --- beside the value ---


def test_output_is_no_answer(judging: Any) -> None:
    result = judging("shouting", "sign", "axis")
    assert not result.findings
    assert verdicts(result) == {"conforms"}


def test_changed_inputs(judging: Any) -> None:
    result = judging("changing", "mutation", "sign", "axis")
    finding = the_finding(result)
    assert (finding.kind, finding.severity, finding.properties) == ("mutation", "S2", ("mutation",))
    assert "x1" in finding.title


def test_nondeterminism(judging: Any) -> None:
    result = judging("nondeterministic", "determinism", "sign", "axis")
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == ("nondeterminism", "S2")
    assert finding.properties == ("determinism",)
