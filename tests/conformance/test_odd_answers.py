"""Answers that are right in another order of bytes, or that are no array of real numbers."""

from __future__ import annotations

from typing import Any

import pytest

from lossproof.conformance.model.results import Finding
from lossproof.conformance.runs.run import TargetResult


def the_finding(result: TargetResult) -> Finding:
    (finding,) = result.findings
    return finding


def test_the_order_of_bytes_is_no_divergence(judging: Any) -> None:
    result = judging("big_endian", "value", "dtype", "determinism")
    assert not result.findings
    assert "conforms" in {r.verdict for r in result.rows}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("of_objects", "object"), ("of_complex", "complex64"), ("of_long_doubles", "float128"), ("of_text", "str"),
        ("of_records", "void"), ("of_dates", "datetime64"),
    ],
)  # fmt: skip
def test_a_dtype_that_holds_no_real_numbers_is_a_finding_of_kind_dtype(
    judging: Any, name: str, dtype: str
) -> None:
    finding = the_finding(judging(name, "value", "dtype", "shape", "determinism", "batch"))
    assert (finding.kind, finding.severity) == ("dtype", "S2")
    assert f"returned an array of dtype {dtype}" in finding.title


def test_an_array_that_cannot_be_read_is_told_as_such(judging: Any) -> None:
    finding = the_finding(judging("masked", "value", "shape"))
    assert finding.kind == "shape"
    assert "which cannot be read as an array: some of its values are masked" in finding.title
