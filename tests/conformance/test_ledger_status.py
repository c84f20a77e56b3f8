"""How a ledger finding stands on a target: known, changed, fixed, carried, or about another backend; and what it takes
from the catalogue of causes.
"""

from __future__ import annotations

from typing import Any

import pytest

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.results import Finding
from lossproof.conformance.model.subject import TargetInfo
from lossproof.conformance.runs.run import Plan, TargetResult, judge_session
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.workers.client import Worker
from lossproof.specs.models import KnownFinding

from .fake_sessions import in_place_of, judged_by

FUNCTION = "faulty.cosine_similarity"
MINUS = {"value": ["-0x1.0000000000000p+0"], "dtype": "float32", "shape": [1]}


def known(name: str, **changed: Any) -> KnownFinding:
    """A ledger finding: `faulty.<name>` has the sign wrong, shown on [[1, 0]] against itself."""
    api = f"faulty.{name}"
    return KnownFinding.model_validate(
        {
            "slug": "fake-known", "title": "The sign is wrong", "framework": "fake", "apis": [api], "package": "fake",
            "versions": ">=1,<2", "kind": "sign", "severity": "S1", "behaves_as": {"parameters": {"score": "negated"}},
            "witness": {"api": api, "arrays": {"x1": [[1, 0]], "x2": [[1, 0]]}, "answer": MINUS},
            "reason": "It is a fake.", "upstream": "https://example.org/1", **changed,
        }
    )  # fmt: skip


def witness(name: str, **changed: Any) -> dict[str, Any]:
    base = {"api": f"faulty.{name}", "arrays": {"x1": [[1, 0]], "x2": [[1, 0]]}, "answer": MINUS}
    return {"witness": {**base, **changed}}


def one(result: TargetResult) -> Finding:
    (finding,) = result.findings
    return finding


def statuses(result: TargetResult) -> set[str]:
    return {r.status for r in result.rows if r.verdict == "diverges"}


def test_known_where_the_witness_answers_as_pinned(judging: Any) -> None:
    result = judging("wrong_sign", "sign", ledger=[known("wrong_sign")])
    finding = one(result)
    assert (finding.slug, finding.status, finding.title) == ("fake-known", "known", "The sign is wrong")
    assert (finding.kind, finding.severity, finding.reason) == ("sign", "S1", "It is a fake.")
    assert finding.upstream == "https://example.org/1"
    assert finding.witness["arrays"]["x1"]["values"] == [["0x1.0000000000000p+0", "0x0.0p+0"]]
    assert finding.observed["value"] == ["-0x1.0000000000000p+0"]
    assert finding.expected["value"] == ["0x1.0000000000000p+0"]
    assert finding.cells > 0
    rows = [r for r in result.rows if r.verdict == "diverges"]
    assert {(r.finding, r.status, r.upstream) for r in rows} == {
        ("fake-known", "known", "https://example.org/1")
    }


def test_a_pinned_answer_may_be_rounded_the_other_way(judging: Any) -> None:
    near = {**MINUS, "value": ["-0x1.00001p+0"]}
    ledger = [known("wrong_sign", **witness("wrong_sign", answer=near))]
    assert one(judging("wrong_sign", "sign", ledger=ledger)).status == "known"


@pytest.mark.parametrize(
    "answer",
    [
        {**MINUS, "value": ["-0x1.1000000000000p+0"]},
        {**MINUS, "value": ["nan"]},
        {**MINUS, "dtype": "float64"},
        {**MINUS, "shape": []},
        {"error": "ValueError"},
    ],
)
def test_changed_where_the_witness_answers_otherwise_and_is_still_wrong(
    judging: Any, answer: dict[str, Any]
) -> None:
    result = judging(
        "wrong_sign", "sign", ledger=[known("wrong_sign", **witness("wrong_sign", answer=answer))]
    )
    assert (one(result).status, statuses(result)) == ("changed", {"changed"})


def test_changed_where_the_witness_is_right_and_other_rows_still_match(judging: Any) -> None:
    """Half fixed: the pinned rows are right today, and others answer as the finding says."""
    ledger = [
        known("eps_default", kind="eps", severity="S2",
              behaves_as={"parameters": {"norm_rule": "floor_norm", "eps": 1e-6}},
              **witness("eps_default", answer={**MINUS, "value": ["0x1p+0"]})),
    ]  # fmt: skip
    result = judging("eps_default", "eps", ledger=ledger)
    assert (one(result).slug, one(result).status) == ("fake-known", "changed")


def test_fixed_where_nothing_diverges_any_more(judging: Any) -> None:
    finding = one(judging("cosine_similarity", "sign", ledger=[known("cosine_similarity")]))
    assert (finding.slug, finding.status, finding.cells) == ("fake-known", "fixed", 0)
    assert finding.observed["value"] == ["0x1.0000000000000p+0"]


def test_a_finding_that_the_selection_could_not_have_shown_is_not_told(judging: Any) -> None:
    assert not judging("wrong_sign", "determinism", ledger=[known("wrong_sign")]).findings
    assert one(judging("wrong_sign", "determinism", "sign", ledger=[known("wrong_sign")])).status == "known"


def test_a_finding_that_no_cell_shows_is_told_by_its_witness(judging: Any) -> None:
    """It holds of a predicate that none of the cells' rows meet, and still of its own."""
    ledger = [known("wrong_sign", behaves_as={"predicate": "squared_norm_overflows"})]
    found = {f.slug: f for f in judging("wrong_sign", "sign", ledger=ledger).findings}
    assert (found["fake-known"].status, found["fake-known"].cells) == ("known", 0)
    assert found["fake-sign-negated"].cells > 0


def test_carried_outside_the_range_of_versions(judging: Any) -> None:
    result = judging("wrong_sign", "sign", ledger=[known("wrong_sign", versions="<1.2")])
    finding = one(result)
    assert (finding.slug, finding.status, statuses(result)) == ("fake-known", "carried", {"carried"})
    assert finding.cells > 0


def test_outside_its_versions_a_finding_that_nothing_shows_is_not_told(judging: Any) -> None:
    assert not judging(
        "cosine_similarity", "sign", ledger=[known("cosine_similarity", versions=">=2")]
    ).findings


def test_a_finding_of_another_package_is_none_of_this_target(judging: Any) -> None:
    finding = one(judging("wrong_sign", "sign", ledger=[known("wrong_sign", package="torch")]))
    assert (finding.status, finding.behaves_as) == ("new", {"parameters": {"score": "negated"}})


def test_a_finding_about_another_api_leaves_this_one_new(judging: Any) -> None:
    assert one(judging("wrong_sign", "sign", ledger=[known("distance")])).status == "new"


def judged_on(
    worker: Worker, backend: str, ledger: list[KnownFinding], name: str = "wrong_sign"
) -> TargetResult:
    """The fakes as if they ran on a backend."""
    facts = TargetInfo("fake", "fake", "1.2.3", backend=backend, packages={"fake": "1.2.3"})
    subjects = documented_here(facts, [in_place_of(FUNCTION, name)])
    session = Session(facts, Executor(worker, 0, 1), subjects, ledger)
    return judge_session(session, Plan(properties=("sign",), examples=1), lambda *_: None)


def test_a_finding_of_another_backend(worker: Worker) -> None:
    ledger = [known("wrong_sign", backends=["jax"])]
    assert one(judged_on(worker, "jax", ledger)).status == "known"
    assert one(judged_on(worker, "torch", ledger)).status == "new"
    right = [known("cosine_similarity", backends=["jax"])]
    assert one(judged_on(worker, "jax", right, "cosine_similarity")).status == "fixed"
    assert not judged_on(worker, "torch", right, "cosine_similarity").findings


@pytest.mark.parametrize(
    ("field", "here", "elsewhere"),
    [("properties", "sign", "eps"), ("regions", "opposite", "long"), ("dtypes", "float64", "bfloat16")],
)
def test_a_finding_of_some_cells_explains_no_other(
    judging: Any, field: str, here: str, elsewhere: str
) -> None:
    found = judging("wrong_sign", "sign", ledger=[known("wrong_sign", **{field: [elsewhere]})])
    assert statuses(found) == {"new"}
    found = judging("wrong_sign", "sign", ledger=[known("wrong_sign", **{field: [here]})])
    column = {"properties": "property", "regions": "region", "dtypes": "dtype"}[field]
    for row in found.rows:
        if row.verdict == "diverges":
            assert row.status == ("known" if getattr(row, column) == here else "new"), row


# --- ledger and catalogue ---


def test_the_ledger_comes_before_the_catalogue(judging: Any) -> None:
    """The catalogue would call it the sign; the ledger says what people agreed on."""
    ledger = [known("wrong_sign", kind="formula", severity="S2")]
    result = judging("wrong_sign", "sign", ledger=ledger)
    assert (one(result).kind, one(result).severity) == ("formula", "S2")
    assert {(r.kind, r.severity) for r in result.rows if r.verdict == "diverges"} == {("formula", "S2")}


def test_rows_that_the_ledger_does_not_explain_are_new_in_the_same_cell(judging: Any) -> None:
    """Of one floor too large, a known one of 1e-6, nothing else is known."""
    eps = {
        "kind": "eps",
        "severity": "S2",
        "behaves_as": {"parameters": {"norm_rule": "floor_norm", "eps": 1e-6}},
    }
    known_zero = known(
        "one_for_zero", kind="zero_vector", behaves_as={"predicate": "zero_norm"},
        **witness("one_for_zero", arrays={"x1": [[0, 0]], "x2": [[1, 0]]}, answer={**MINUS, "value": ["0x1p+0"]}),
    )  # fmt: skip
    assert one(judging("one_for_zero", "zero_vector", ledger=[known_zero])).status == "known"
    both = judging("eps_default", "eps", "sign", ledger=[known("eps_default", **eps)])
    assert one(both).slug == "fake-known"
    other = {**eps, "behaves_as": {"parameters": {"norm_rule": "floor_norm", "eps": 1e-3}}}
    found = judging("eps_default", "eps", ledger=[known("eps_default", **other)])
    assert {f.slug: f.status for f in found.findings}.pop("fake-eps-floor-norm-1e-06") == "new"


def test_a_cell_with_a_known_and_a_new_cause_is_new_first(worker: Worker) -> None:
    """In its zero region every row is one; the ledger knows rows whose first vector is zero in float32 alone."""
    ledger = [
        known("one_for_zero", kind="zero_vector", severity="S2", dtypes=["float32"],
              behaves_as={"predicate": "zero_norm"},
              **witness("one_for_zero", arrays={"x1": [[0, 0]], "x2": [[1, 0]]},
                        answer={**MINUS, "value": ["0x1p+0"]})),
    ]  # fmt: skip
    result = judged_by(worker, "one_for_zero", "zero_vector", ledger=ledger)
    by_dtype = {r.dtype: (r.finding, r.status) for r in result.rows if r.verdict == "diverges"}
    assert by_dtype["float32"] == ("fake-known", "known")
    assert by_dtype["float64"][1] == "new"
    assert {f.status for f in result.findings} == {"known", "new"}


def test_of_two_ledger_findings_the_first_that_matches_takes_the_rows(judging: Any) -> None:
    first = known("wrong_sign", slug="fake-a", behaves_as={"parameters": {"score": "distance"}})
    second = known("wrong_sign", slug="fake-b")
    result = judging("wrong_sign", "sign", ledger=[first, second])
    assert {f.slug: f.cells > 0 for f in result.findings} == {"fake-a": False, "fake-b": True}


def test_parameters_and_predicate_must_both_hold(judging: Any) -> None:
    behaves = {"parameters": {"score": "negated"}, "predicate": "squared_norm_overflows"}
    result = judging("wrong_sign", "sign", ledger=[known("wrong_sign", behaves_as=behaves)])
    assert statuses(result) == {"new"}


def test_a_case_is_known_by_its_slug(judging: Any) -> None:
    ledger = [
        known("lenient", kind="error", severity="S2", behaves_as={"cases": ["axis-out-of-range"]},
              witness={"api": "faulty.lenient", "case": "axis-out-of-range", "answer": {"dtype": "float32"}}),
    ]  # fmt: skip
    result = judging("lenient", "error", ledger=ledger)
    assert (one(result).status, one(result).witness["options"]) == ("known", {"axis": 7})
    fixed = judging("cosine_similarity", "error", ledger=[
        known("cosine_similarity", kind="error", behaves_as={"cases": ["axis-out-of-range"]},
              witness={"api": "faulty.cosine_similarity", "case": "axis-out-of-range", "answer": {"dtype": "float32"}}),
    ])  # fmt: skip
    assert one(fixed).status == "fixed"


def test_an_eps_that_vanishes_hides_nothing_on_ordinary_rows(judging: Any) -> None:
    """In float16 the eps of 1e-8 is zero for every row; that explains zero vectors, not a wrong sign."""
    ledger = [
        known("wrong_sign", kind="eps", dtypes=["float16"], behaves_as={"predicate": "eps_vanishes"},
              **witness("wrong_sign", arrays={n: {"values": [[0, 0]], "dtype": "float16"} for n in ("x1", "x2")})),
    ]  # fmt: skip
    result = judging("wrong_sign", "sign", ledger=ledger)
    assert {f.slug for f in result.findings if f.cells} == {"fake-sign-negated"}
    assert "float16" in {d for f in result.findings if f.cells for d in f.dtypes}
