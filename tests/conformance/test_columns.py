"""Statements of docs/columns.md on empty and infinite values hold in runs over fakes that are wrong in many a way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports
from lossproof.conformance.cli.commands.judging import write
from lossproof.conformance.runs.run import Plan, RunResult, judge_session
from lossproof.reports import columns
from lossproof.reports.columns import (
    CLAIM_TABLE,
    FINDING_TABLE,
    NO_CAUSE,
    RESULT_COLUMNS,
    TEXT,
    VALUE_PROPERTIES,
)
from lossproof.specs import vocabulary

from .fake_sessions import DOCUMENTED, in_place_of, running, session_of

PROPERTIES = ("value", "zero_vector", "sign", "dtype", "shape", "batch", "error", "signature")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("run")
    plan = Plan(properties=PROPERTIES, examples=1)
    specs = [
        in_place_of(DOCUMENTED["function"], name)
        for name in ("wrong_sign", "nan_for_zero", "naive", "raising")
    ]
    with running(folder) as worker:
        judged = judge_session(session_of(worker, specs), plan, lambda *_: None)
    return reports.read_run(write(folder / "out", RunResult((judged,)), plan, "check"))


def test_what_is_never_empty_is_not(run: Any) -> None:
    assert {"conforms", "diverges"} <= set(run.results["verdict"])
    for table, described in ((run.results, RESULT_COLUMNS), (run.claims, CLAIM_TABLE)):
        for column in described:
            if not column.empty:
                assert not table[column.name].isna().any(), column.name
                assert column.dtype != TEXT or (table[column.name] != "").all(), column.name
    for finding in run.findings:
        empty = [c.name for c in FINDING_TABLE if not c.empty and finding[c.name] in (None, "", [], {})]
        assert empty == []


def test_the_words_of_a_table_are_those_of_specs(run: Any) -> None:
    assert vocabulary.PROPERTIES.built_in == columns.PROPERTIES
    assert set(VALUE_PROPERTIES) <= set(columns.PROPERTIES)
    named = [
        (vocabulary.PROPERTIES, run.results["property"]),
        (vocabulary.REGIONS, run.results["region"]),
        (vocabulary.KINDS, run.results["kind"]),
        (vocabulary.PROPERTIES, [name for finding in run.findings for name in finding["properties"]]),
        (vocabulary.REGIONS, [name for finding in run.findings for name in finding["regions"]]),
        (vocabulary.KINDS, [finding["kind"] for finding in run.findings]),
    ]
    for words, used in named:
        assert set(used) - {"", "-"}, words.sort
        assert set(used) - {"", "-"} <= set(words.built_in)


def test_causes_stand_in_diverging_cells_and_in_no_others(run: Any) -> None:
    diverging = run.results["verdict"] == "diverges"
    for column in RESULT_COLUMNS:
        if column.empty == NO_CAUSE:
            assert ((run.results[column.name] != "") == diverging).all(), column.name


def test_nothing_measured_is_missing_and_a_wrong_nan_is_infinite(run: Any) -> None:
    table = run.results
    assert (table["error_ulp"].isna() == table["error_over_bound"].isna()).all()
    assert not table.loc[table["rows"] == 0, "error_ulp"].notna().any()
    values = table[table["property"].isin(["value", "sign", "zero_vector"])]
    within = values[(values["verdict"] == "conforms") & values["error_ulp"].notna()]
    assert len(within)
    assert (within["error_over_bound"] <= 1).all()
    nan = [
        row
        for row in values[values["verdict"] == "diverges"].to_dict("records")
        if json.loads(row["observed"]).get("value") == ["nan"]
    ]
    assert nan
    assert all(row["error_ulp"] == row["error_over_bound"] == math.inf for row in nan)


def test_infinities_of_findings_are_text_in_json(run: Any) -> None:
    found = json.loads((Path(run.path) / "findings.json").read_text())
    given = [finding[name] for finding in found for name in ("error_ulp", "error_over_bound")]
    assert "inf" in given
    assert all(value is None or value == "inf" or isinstance(value, float) for value in given)
