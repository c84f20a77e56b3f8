"""The run folder: whole or absent, the same bytes for the same input, read back as it was written."""

from __future__ import annotations

import json
import os
import random
import stat
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lossproof import reports
from lossproof.reports import atomic, tables

from . import make

FILES = {
    "claims.csv", "divergences.csv", "findings.json", "report.html", "report.md", "reproducers",
    "results.csv", "results.parquet", "run.json", "samples.json",
}  # fmt: skip


def contents(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_a_text_that_is_too_long_to_be_read_back_is_left_out(tmp_path: Path) -> None:
    rows = make.rows()
    rows[0] = {**rows[0], "witness": json.dumps({"values": "x" * (1 << 20)})}
    run = reports.read_run(make.write(tmp_path / "run", rows=rows))
    left_out = run.results["witness"].str.contains("left out, since it is longer")
    assert left_out.sum() == 1


def test_a_run_holds_every_file_of_the_contract_and_says_complete_last(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run")
    assert run == tmp_path / "run"
    assert {p.name for p in run.iterdir()} == FILES
    facts = json.loads((run / "run.json").read_text())
    judged = sum(row["verdict"] not in ("broken", "unsupported") for row in make.rows())
    assert facts == {"format": 1, "judged": judged, **make.RUN, "complete": True}
    assert list(facts)[-1] == "complete"
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


def test_reproducers_are_executable_under_the_users_umask(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((run / "reproducers/hostile.py").stat().st_mode) == 0o777 & ~umask
    assert stat.S_IMODE((run / "run.json").stat().st_mode) == 0o666 & ~umask


def test_the_same_input_in_any_order_gives_the_same_bytes(tmp_path: Path) -> None:
    first = contents(make.write(tmp_path / "first"))
    shuffled = {"rows": make.rows(), "claims": make.claims(), "findings": make.findings()}
    for rows in shuffled.values():
        random.Random(3).shuffle(rows)
    assert contents(make.write(tmp_path / "second", **shuffled)) == first


def test_tables_have_the_columns_order_and_dtypes_of_the_contract(tmp_path: Path) -> None:
    run = reports.read_run(make.write(tmp_path / "run"))
    assert tuple(run.results.columns) == reports.COLUMNS
    assert tuple(run.claims.columns) == reports.CLAIM_COLUMNS
    kinds = {name: str(run.results[name].dtype) for name in reports.COLUMNS}
    floats = {"error_ulp", "error_over_bound", "seconds"}
    assert {n for n, k in kinds.items() if k == "float64"} == floats
    assert {n for n, k in kinds.items() if k == "int64"} == {"rows"}
    assert {k for n, k in kinds.items() if n not in {*floats, "rows"}} == {"string"}
    key = ["target", "api", "property", "region", "dtype", "variant"]
    cells = list(run.results[key].itertuples(index=False, name=None))
    assert cells == sorted(cells)
    assert len(cells) == len(make.rows())


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    texts = [
        make.HOSTILE,
        "a,b",
        '"quoted"',
        "two\nlines",
        "NA",
        "null",
        "nan",
        " padded ",
        "",
        "=1+1",
        "\ud800\0",
    ]
    numbers = [
        None,
        0.0,
        -0.0,
        0.1,
        5e-324,
        1.7976931348623157e308,
        float("inf"),
        float("nan"),
        1 / 3,
        2.0,
        -1.5,
    ]
    rows = [
        make.row(variant=f"{i}", observed=text, error_ulp=number)
        for i, (text, number) in enumerate(zip(texts, numbers, strict=True))
    ]
    run = make.write(tmp_path / "run", rows=rows)
    parquet = tables.read_parquet(run / "results.parquet", reports.COLUMNS)
    csv = tables.read_csv(run / "results.csv", reports.COLUMNS)
    pd.testing.assert_frame_equal(parquet, csv, check_exact=True)
    order = sorted(range(len(texts)), key=str)
    assert parquet["observed"].tolist() == [tables.clean(texts[i]) for i in order]
    back = parquet["error_ulp"].tolist()
    for i, number in zip(order, back, strict=True):
        given = numbers[i]
        assert pd.isna(number) if given is None or given != given else number == given
    assert "�" in parquet["observed"].tolist()[order.index(10)]


def test_parquet_carries_no_metadata_of_its_making(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    schema = pq.read_schema(make.write(tmp_path / "run") / "results.parquet")
    assert not schema.metadata
    assert schema.names == list(reports.COLUMNS)


def test_divergences_are_the_rows_that_diverge(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run")
    table = tables.read_csv(run / "divergences.csv", reports.COLUMNS)
    results = reports.read_run(run).results
    assert 0 < len(table) == (results["verdict"] == "diverges").sum()
    assert set(table["verdict"]) == {"diverges"}


def test_findings_come_worst_first_and_fixed_ones_last(tmp_path: Path) -> None:
    run = reports.read_run(make.write(tmp_path / "run"))
    slugs = [finding["slug"] for finding in run.findings]
    assert slugs == [
        "keras-mean-over-batch",
        "no-error",
        "torch-zero-vector",
        "hostile",
        "two-defaults",
        "gone",
    ]


def test_nonfinite_errors_survive_json(tmp_path: Path) -> None:
    given = [make.finding(error_ulp=float("inf"), error_over_bound=float("nan"))]
    run = make.write(tmp_path / "run", findings=given)
    json.loads((run / "findings.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    (finding,) = reports.read_run(run).findings
    assert float(finding["error_ulp"]) == float("inf")
    assert finding["error_over_bound"] is None


def test_an_empty_run_is_a_run(tmp_path: Path) -> None:
    run = reports.read_run(make.write(tmp_path / "run", rows=[], claims=[], findings=[], run={}, scripts={}))
    assert len(run.results) == len(run.claims) == len(run.findings) == 0
    assert str(run.results["rows"].dtype) == "int64"


def test_a_complete_run_is_replaced_whole(tmp_path: Path) -> None:
    out = make.write(tmp_path / "run")
    make.write(out, rows=[make.row()], scripts={})
    run = reports.read_run(out)
    assert len(run.results) == 1
    assert list((out / "reproducers").iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


def test_a_run_is_replaced_where_folders_cannot_be_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lossproof.reports.atomic._exchange", lambda one, other: False)
    out = make.write(tmp_path / "run")
    make.write(out, rows=[make.row()])
    assert len(reports.read_run(out).results) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


@pytest.mark.parametrize(
    "files", [{"notes.txt": "mine"}, {"run.json": '{"complete": false}'}, {"run.json": "{"}]
)
def test_a_folder_that_is_no_run_is_refused_and_kept(tmp_path: Path, files: dict[str, str]) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    for name, text in files.items():
        (out / name).write_text(text)
    before = contents(out)
    with pytest.raises(reports.OutRefused, match="Name another folder") as refused:
        make.write(out)
    assert str(out) in refused.value.what
    assert contents(out) == before
    assert {p.name for p in tmp_path.iterdir()} == {"mine"}


def test_a_run_beside_a_users_own_files_is_refused_and_kept(tmp_path: Path) -> None:
    out = make.write(tmp_path / "run")
    (out / "thesis.tex").write_text("years of work")
    before = contents(out)
    with pytest.raises(reports.OutRefused, match=r"thesis\.tex"):
        make.write(out, rows=[])
    assert contents(out) == before


def test_a_file_in_the_place_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.write_text("a file")
    with pytest.raises(reports.OutRefused, match="a file of that name"):
        reports.check_out(out)


def test_an_empty_folder_and_missing_parents_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert len(reports.read_run(make.write(tmp_path / "empty")).results) > 0
    assert len(reports.read_run(make.write(tmp_path / "a/b/run")).results) > 0


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("nth", [1, 5, 8])
def test_a_fault_while_writing_leaves_nothing_that_looks_like_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, nth: int
) -> None:
    calls: list[Path] = []
    write = atomic.write_file

    def faulty(path: Path, data: bytes, **how: Any) -> None:
        calls.append(path)
        if len(calls) == nth:
            raise fault
        write(path, data, **how)

    monkeypatch.setattr("lossproof.reports.store.write_file", faulty)
    expected = KeyboardInterrupt if isinstance(fault, KeyboardInterrupt) else reports.WriteFailed
    with pytest.raises(expected, match=None if isinstance(fault, KeyboardInterrupt) else "No space left"):
        make.write(tmp_path / "run")
    assert len(calls) == nth
    assert list(tmp_path.iterdir()) == []


def test_a_fault_while_replacing_keeps_the_old_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = make.write(tmp_path / "run")
    before = contents(out)
    monkeypatch.setattr("lossproof.reports.atomic._exchange", lambda one, other: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make.write(out, rows=[make.row()])
    assert contents(out) == before
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda run: (run / "run.json").unlink(), "run.json is missing"),
        (lambda run: (run / "run.json").write_text('{"seed": 1}'), '"complete": true'),
        (lambda run: (run / "findings.json").unlink(), "findings.json is missing"),
        (lambda run: (run / "results.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (lambda run: (run / "findings.json").write_text("[{}]"), "cannot be read"),
    ],
)
def test_what_is_no_complete_run_is_not_read(tmp_path: Path, damage: Any, why: str) -> None:
    run = make.write(tmp_path / "run")
    damage(run)
    with pytest.raises(reports.NoRun) as refused:
        reports.read_run(run)
    assert why in refused.value.why
    assert "lossproof check" in refused.value.todo


@pytest.mark.parametrize("name", ["nowhere", "x" * 300, "a\0b", "file/run"])
def test_no_folder_is_no_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(reports.NoRun, match="no such folder"):
        reports.read_run(tmp_path / name)


@pytest.mark.parametrize("name", ["../evil.py", "a/b.py", ".hidden.py", "", "script.sh", "x\n.py"])
def test_scripts_need_plain_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no file name"):
        make.write(tmp_path / "run", scripts={name: ""})
    assert list(tmp_path.iterdir()) == []


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    row = make.row()
    del row["grade"]
    with pytest.raises(ValueError, match=r"missing: grade; unknown: grad\b"):
        make.write(tmp_path / "run", rows=[row | {"grad": ""}])
    with pytest.raises(ValueError, match="lacks severity"):
        make.write(tmp_path / "run", findings=[{k: v for k, v in make.finding().items() if k != "severity"}])


def test_render_makes_the_pages_again_from_the_tables(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run")
    before = contents(run)
    (run / "report.html").unlink()
    (run / "report.md").write_text("old")
    assert reports.render(run) == (run / "report.md", run / "report.html")
    assert contents(run) == before


def test_logs_of_targets_are_kept(tmp_path: Path) -> None:
    out = make.write(tmp_path / "run", logs={"torch==2.13.0.log": "said this\n"})
    assert (out / "logs/torch==2.13.0.log").read_text() == "said this\n"
    make.write(out)
    assert not (out / "logs").exists()
