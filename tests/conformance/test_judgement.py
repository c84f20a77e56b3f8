"""Rows and scripts: a judged cell becomes a row once, with the evidence and the script of its worst finding."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.diagnosis.model import Cause, Explained
from lossproof.conformance.diagnosis.reducing import Shown
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import Failure, Outcome
from lossproof.conformance.model.results import Finding
from lossproof.conformance.model.subject import CellKey
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.runs.evidence import Evidence
from lossproof.conformance.runs.judgement import JSON_COLUMNS, Judgement, columns_of, row_of
from lossproof.conformance.runs.scripts import scripted
from lossproof.conformance.workers.protocol import Answer
from lossproof.reports.columns import COLUMNS

from .test_expectation import COSINE, OPTIONS, documented

SUBJECT = documented(arrays=COSINE, options=OPTIONS[:1], broadcasting="expand")
KEY = CellKey("value", "ordinary", "float32", SUBJECT.row_wise)
SHOWN = Shown({"api": SUBJECT.api}, {"value": ["0x1p0"]}, {"outcome": "value"})


def judged(verdict: Any, **more: Any) -> Judgement:
    return Judgement(SUBJECT, KEY, Outcome(verdict, **more))


def diverging(*slugs: str) -> Judgement:
    answer = Answer("value")
    failure = Failure(Reply(Batch({}, {}), answer, Judged.unmeasured(answer)), np.ones(1, dtype=np.bool_))
    causes = tuple(Explained(Cause("sign", "S1", slug=slug), 1, failure, failure.wrong) for slug in slugs)
    outcome = Outcome("diverges", "sign", (failure,), expected={"lower": "0x0p0"})
    return Judgement(SUBJECT, KEY, outcome, causes, "new", Evidence(SHOWN))


def test_a_row_has_the_columns_of_the_tables() -> None:
    assert set(columns_of(row_of(judged("conforms")))) == set(COLUMNS)


def test_a_row_without_a_cause_shows_what_was_seen() -> None:
    row = row_of(judged("conforms", expected={"lower": "0x0p0"}, observed={"value": "0x0p0"}, note="unread"))
    assert (row.expected, row.observed, row.witness) == ({"lower": "0x0p0"}, {"value": "0x0p0"}, None)
    assert (row.finding, row.status, row.kind, row.reproducer) == ("", "", "", "")
    assert columns_of(row)["witness"] == ""


@pytest.mark.parametrize(
    ("verdict", "note", "observed"),
    [
        ("broken", "", {"note": ""}),
        ("unsupported", "no such dtype", {"note": "no such dtype"}),
        ("undocumented", "no formula", {"note": "no formula"}),
        ("unsupported", "", None),
    ],
)
def test_the_reason_of_a_verdict_stands_in_its_row(verdict: str, note: str, observed: Any) -> None:
    assert row_of(judged(verdict, note=note)).observed == observed


def test_a_diverging_row_shows_the_evidence_and_the_script_of_its_worst_finding() -> None:
    row = row_of(diverging("worst", "other"), "reproducers/worst.py")
    assert (row.finding, row.status, row.severity) == ("worst;other", "new", "S1")
    assert (row.expected, row.observed, row.witness) == (SHOWN.expected, SHOWN.observed, SHOWN.question)
    assert row.reproducer == "reproducers/worst.py"


def test_a_row_is_data_that_another_process_can_be_sent() -> None:
    row = row_of(judged("conforms", observed={"data": [np.float32, (1, 2)]}))
    assert pickle.loads(pickle.dumps(row)) == row
    assert json.loads(columns_of(row)["observed"])["data"][1] == [1, 2]
    assert all(isinstance(columns_of(row)[name], str) for name in JSON_COLUMNS)


# --- scripts ---


def finding(slug: str, **more: Any) -> Finding:
    return replace(
        Finding(
            slug=slug, title="", target="torch==2.13.0", framework="torch", version="2.13.0", apis=(SUBJECT.api,),
            kind="sign", severity="S1", status="new", behaves_as={}, reason="", upstream="", citation="",
            witness={}, expected={"says": "a value"}, observed={"outcome": "value"}, error_ulp=None,
            error_over_bound=None, cells=1,
        ),
        **more,
    )  # fmt: skip


def test_a_finding_that_no_script_can_be_written_of_has_none() -> None:
    def refuses(_: Finding) -> Any:
        raise ValueError("no Python name")

    found = scripted([finding("one")], refuses)
    assert (found.findings, found.scripts, found.faults, found.paths) == (
        (finding("one"),),
        {},
        (),
        {"one": ""},
    )


def test_a_fault_costs_one_script_and_is_told() -> None:
    def breaks(item: Finding) -> Any:
        if item.slug == "two":
            raise IndexError("inside")
        return {}, {}

    found = scripted([finding("two")], breaks)
    assert found.faults == ("two: no script could be written: IndexError: inside",)
    assert found.scripts == {}
