"""docs/columns.md: its tables are those of the code, and its recipes read what was written."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lossproof import reports
from lossproof.conformance.model import results
from lossproof.reports import columns, reference, tables

from . import make

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


def test_the_tables_are_those_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert page == reference.with_reference(page), (
        "run: python -m lossproof.reports.reference docs/columns.md"
    )


def test_the_command_finds_a_page_out_of_date_and_mends_it(tmp_path: Path, capsys: Any) -> None:
    page = tmp_path / "columns.md"
    page.write_text(
        PAGE.read_text("utf-8").replace("| `seed", "").replace("| `seconds` | float64", "| `seconds` | text")
    )
    assert reference.main(["--check", str(page)]) == 1
    assert "out of date" in capsys.readouterr().out
    assert reference.main([str(page)]) == 0
    assert page.read_text("utf-8") == PAGE.read_text("utf-8")
    assert reference.main(["--check", str(page)]) == 0
    page.write_text("no markers")
    assert reference.main(["--check", str(page)]) == 2
    assert reference.main([str(tmp_path / "none.md")]) == 2


def test_the_columns_are_the_fields_of_the_rows() -> None:
    for described, row in (
        (columns.RESULT_COLUMNS, results.Row),
        (columns.CLAIM_TABLE, results.ClaimRow),
        (columns.FINDING_TABLE, results.Finding),
    ):
        assert [c.name for c in described] == [field.name for field in dataclasses.fields(row)]
        assert all(c.says for c in described)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every text that pandas takes for a missing value, and every kind of number."""
    texts = [
        "",
        "NA",
        "nan",
        "null",
        "None",
        "N/A",
        "inf",
        "007",
        "1.10",
        " padded ",
        "two\nlines",
        '"q"',
        make.HOSTILE,
    ]
    numbers = [None, math.inf, -0.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308]
    rows = [
        make.row(
            variant=f"{i}", observed=text, version=text, upstream="", companions="", error_ulp=numbers[i % 7]
        )
        for i, text in enumerate(texts)
    ]
    claims = [make.claim(claim=f"c{i}", says=text) for i, text in enumerate(texts)]
    return make.write(tmp_path_factory.mktemp("columns") / "lossproof-run", rows=rows, claims=claims)


def recipes() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_recipes_read_the_tables_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    parquet, csv = recipes()
    names: dict[str, Any] = {}
    exec(parquet, names)
    whole = names["results"]
    exec(csv, names)
    pd.testing.assert_frame_equal(names["results"], whole, check_exact=True)
    assert names["results"]["error_ulp"].isna().sum() == 2
    assert (names["results"]["error_ulp"] == math.inf).sum() == 2
    read = reports.read_run(folder)
    assert names["claims"].to_dict("records") == read.claims.to_dict("records")
    assert whole.to_dict("list").keys() == read.results.to_dict("list").keys()
    assert whole["observed"].tolist() == read.results["observed"].tolist()


def test_read_csv_alone_does_not(folder: Path) -> None:
    """The reason for the recipe: were this to pass, the page could drop it."""
    plain = pd.read_csv(folder / "results.csv")
    assert plain["upstream"].isna().all()
    assert not tables.read_parquet(folder / "results.parquet", reports.COLUMNS)["upstream"].isna().any()
