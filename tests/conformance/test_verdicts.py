"""Every fake gets exactly the verdict that it deserves: one cause, one finding, one readable witness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossproof.conformance.results import Finding
from lossproof.conformance.run import TargetResult

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
            assert "bfloat16" in row.variant or row.dtype in ("int32", "int64")
        if (
            row.property == "value"
            and row.verdict == "conforms"
            and row.region not in ("subnormal", "underflow")
        ):
            assert row.grade == "G0", row
    assert {c.verdict for c in result.claims} == {"conforms"}


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
