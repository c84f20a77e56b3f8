"""The published schemas are those of the models, and runs are as they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossproof.reports import schema
from lossproof.reports.columns import FINDING_FIELDS, SEVERITIES, STATUSES, VERDICTS
from lossproof.reports.stored import ARRAY_DTYPES, FORMAT, Finding, Severity, Status, Verdict
from lossproof.specs.fields import DtypeName

from . import make

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", schema.schemas())
def test_the_published_schema_is_that_of_the_models(name: str) -> None:
    published = (ROOT / "docs" / "schema" / name).read_text("utf-8")
    assert published == schema.texts()[name], "run: python -m lossproof.reports.schema docs/schema"


def test_a_run_says_its_format_and_has_the_fields_that_the_schemas_require(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run")
    made = schema.schemas()
    facts = json.loads((run / "run.json").read_text())
    assert facts["format"] == FORMAT
    assert set(made["run.schema.json"]["required"]) <= set(facts)
    required = set(made["findings.schema.json"]["$defs"]["Finding"]["required"])
    assert all(required <= set(found) for found in json.loads((run / "findings.json").read_text()))


def test_models_and_columns_have_one_vocabulary() -> None:
    assert set(Finding.model_fields) == set(FINDING_FIELDS)
    pairs = ((Verdict, VERDICTS), (Severity, SEVERITIES), (Status, STATUSES))
    assert all(set(model.__args__) == set(column) for model, column in pairs)
    assert set(DtypeName.__args__) <= set(ARRAY_DTYPES)


def test_the_schemas_are_checked_and_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["--check", str(tmp_path)]) == 1
    assert schema.main([str(tmp_path)]) == 0
    assert schema.main(["--check", str(tmp_path)]) == 0
    assert "out of date" in capsys.readouterr().out
