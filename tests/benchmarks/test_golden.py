"""Golden lines: what differs is found, unless a step means it to differ."""

from __future__ import annotations

from pathlib import Path

from benchmarks.golden.model import SAID, VALUES, Allowed, allowed, differences, digest, read, write

BEFORE = {"row\x1fa": ("1", "2"), "row\x1fb": ("3", "4"), "finding\x1fc": ("5", "6")}
AFTER = {"row\x1fa": ("1", "9"), "row\x1fd": ("3", "4"), "finding\x1fc": ("7", "6")}


def test_every_difference_is_told() -> None:
    assert differences(BEFORE, BEFORE, ()) == []
    assert differences(BEFORE, AFTER, ()) == [
        "said   finding|c", "values row|a", "gone   row|b", "new    row|d",
    ]  # fmt: skip


def test_a_difference_that_a_step_means_to_make_is_allowed_where_it_is_meant() -> None:
    granted = (Allowed("row|*", ("values", "new"), "columns of relations"),)
    assert differences(BEFORE, AFTER, granted) == ["said   finding|c", "gone   row|b"]


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "t.tsv", BEFORE)
    assert read(tmp_path / "t.tsv") == BEFORE


def test_a_digest_depends_on_the_named_fields_alone() -> None:
    row = dict.fromkeys((*SAID, *VALUES), "x")
    assert digest(row, SAID) == digest({**row, "observed": "y", "seconds": 3.0}, SAID)
    assert digest(row, VALUES) != digest({**row, "observed": "y"}, VALUES)


def test_the_differences_allowed_today_have_reasons(tmp_path: Path) -> None:
    file = tmp_path / "allowed.yaml"
    file.write_text("- {lines: 'row|*', what: [new], reason: a new column}\n")
    assert allowed(file) == (Allowed("row|*", ("new",), "a new column"),)
    assert all(item.reason for item in allowed(Path("benchmarks/golden/allowed.yaml")))
