"""Damaged run folders are refused in one line by every command."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lossproof.conformance.cli import main as cli

from .stored_runs import FINDINGS_JSON, RUN_JSON, in_table, judge_nothing, question, two_runs


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return two_runs(tmp_path_factory.mktemp("good"))


@pytest.fixture
def run(good: tuple[Path, Path], tmp_path: Path) -> Path:
    """A run to damage."""
    return Path(shutil.copytree(good[0], tmp_path / "run"))


@pytest.fixture(autouse=True)
def _nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_nothing(monkeypatch)


def commands(run: Path, other: Path, out: Path) -> dict[str, list[str]]:
    """Every command that reads a run folder."""
    return {
        "report": ["report", str(run)],
        "report as JSON": ["report", str(run), "--json"],
        "compare from": ["compare", str(run), str(other), "--out", str(out)],
        "compare to": ["compare", str(other), str(run), "--out", str(out)],
        "baseline": ["check", "--target", "mlx", "--baseline", str(run), "--out", str(out / "run")],
    }


def put(name: str, content: bytes | str) -> Callable[[Path], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda run: (run / name).write_bytes(data)


def changed(name: str, change: Callable[[Any], object]) -> Callable[[Path], object]:
    """A JSON file in which something was changed in place."""

    def damage(run: Path) -> None:
        data = json.loads((run / name).read_text())
        data = change(data) or data
        (run / name).write_text(json.dumps(data))

    return damage


def in_rows(column: str, value: Any) -> Callable[[Path], object]:
    return in_table(lambda frame: frame.assign(**{column: [value] * len(frame)}))


def folder_instead(name: str) -> Callable[[Path], object]:
    def damage(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return damage


def link_instead(name: str) -> Callable[[Path], object]:
    def damage(run: Path) -> None:
        target = run.parent / "elsewhere"
        (run / name).rename(target)
        (run / name).symlink_to(target)

    return damage


def pipe_instead(name: str) -> Callable[[Path], object]:
    def damage(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return damage


def first(field: str, value: Any) -> Callable[[Any], object]:
    return lambda items: items[0].update({field: value})


PARQUET, CLAIMS_CSV = "results.parquet", "claims.csv"
DEEP, DIGITS = "[" * 100_000, "9" * 100_000
DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty run.json": put(RUN_JSON, ""),
    "run.json is a list": put(RUN_JSON, '[{"complete": true}]'),
    "run.json nests deep": put(RUN_JSON, '{"complete": true, "x": ' + DEEP),
    "run.json nests deep and ends": put(RUN_JSON, f'{{"complete": true, "x": {"[" * 20_000}{"]" * 20_000}}}'),
    "an integer without end": put(RUN_JSON, f'{{"complete": true, "seed": {DIGITS}}}'),
    "a name given twice": put(RUN_JSON, '{"complete": true, "seed": 0, "seed": 1}'),
    "invalid UTF-8": put(RUN_JSON, b'{"complete": true, "lossproof": "\xff\xfe"}'),
    "a byte order mark of UTF-16": put(RUN_JSON, '{"complete": true}'.encode("utf-16")),
    "NaN": put(RUN_JSON, '{"complete": true, "seed": NaN}'),
    "a float beyond all": put(RUN_JSON, '{"complete": true, "x": 1e999}'),
    "complete is a text": put(RUN_JSON, '{"complete": "true"}'),
    "targets is a number": changed(RUN_JSON, lambda run: run.update(targets=7)),
    "targets is a mapping": changed(RUN_JSON, lambda run: run.update(targets={"torch": {}})),
    "a target is a text": changed(RUN_JSON, lambda run: run.update(targets=["torch"])),
    "a target without name": changed(RUN_JSON, lambda run: run["targets"][0].pop("name") and None),
    "a target is twice there": changed(RUN_JSON, lambda run: run.update(targets=run["targets"] * 2)),
    "companions without versions": changed(
        RUN_JSON, lambda run: run["targets"][0].update(companions="numpy")
    ),
    "documentation is a text": changed(
        RUN_JSON, lambda run: run["targets"][0].update(documentation="changed")
    ),
    "a drift without api": changed(RUN_JSON, lambda run: run["targets"][0].update(documentation=[{}])),
    "the seed is a text": changed(RUN_JSON, lambda run: run.update(seed="0")),
    "a format of the future": changed(RUN_JSON, lambda run: run.update(format=2)),
    "run.json is a folder": folder_instead(RUN_JSON),
    "run.json is a pipe": pipe_instead(RUN_JSON),
    "run.json is a link": link_instead(RUN_JSON),
    "findings is an object": put(FINDINGS_JSON, "{}"),
    "findings holds null": put(FINDINGS_JSON, "[null]"),
    "findings nests deep": put(FINDINGS_JSON, DEEP),
    "findings is binary": put(FINDINGS_JSON, bytes(range(256)) * 40),
    "a finding without slug": changed(FINDINGS_JSON, lambda found: found[0].pop("slug") and None),
    "a slug with a path": changed(FINDINGS_JSON, first("slug", "../../etc/passwd")),
    "a severity of its own": changed(FINDINGS_JSON, first("severity", "S0")),
    "cells is a text": changed(FINDINGS_JSON, first("cells", "many")),
    "apis is a text": changed(FINDINGS_JSON, first("apis", "torch.relu")),
    "apis is empty": changed(FINDINGS_JSON, first("apis", [])),
    "an error is a list": changed(FINDINGS_JSON, first("error_ulp", ["x"])),
    "a witness is a list": changed(FINDINGS_JSON, first("witness", [1])),
    "expected is null": changed(FINDINGS_JSON, first("expected", None)),
    "a shape of texts": changed(FINDINGS_JSON, first("observed", {"outcome": "value", "shape": ["a"]})),
    "a shape is a number": changed(FINDINGS_JSON, first("observed", {"shape": 5})),
    "a shape of too many": changed(FINDINGS_JSON, first("observed", {"shape": [2**40] * 40})),
    "another number of values": changed(
        FINDINGS_JSON, first("observed", {"outcome": "value", "shape": [3], "value": ["0x1p0"]})
    ),
    "a value of words": changed(FINDINGS_JSON, first("expected", {"value": ["three"]})),
    "a reproducer elsewhere": changed(FINDINGS_JSON, first("reproducer", "javascript:alert(1)")),
    "a text without end": changed(FINDINGS_JSON, first("title", "x" * 3_000_000)),
    "behaves_as is a text": changed(FINDINGS_JSON, first("behaves_as", "badly")),
    "parameters is a list": changed(FINDINGS_JSON, first("behaves_as", {"parameters": [1]})),
    "missing is a number": changed(FINDINGS_JSON, first("observed", {"missing": 5})),
    "parquet cut short": lambda run: put(PARQUET, (run / PARQUET).read_bytes()[:-40])(run),
    "parquet is garbage": put(PARQUET, b"PAR1" + os.urandom(500) + b"PAR1"),
    "parquet is empty": put(PARQUET, b""),
    "parquet is a folder": folder_instead(PARQUET),
    "parquet is a link": link_instead(PARQUET),
    "other columns": in_table(lambda frame: frame.drop(columns="verdict")),
    "columns in another order": in_table(lambda frame: frame[sorted(frame.columns)]),
    "numbers in place of text": in_rows("verdict", 1),
    "missing text": in_rows("api", None),
    "text in place of numbers": in_rows("rows", "many"),
    "floats in place of integers": in_rows("rows", float("nan")),
    "a verdict of its own": in_rows("verdict", "perfect"),
    "an api that is none": in_rows("api", "torch.nn;"),
    "a cell twice": in_table(lambda frame: pd.concat([frame, frame])),
    "a witness that nests deep": in_rows("witness", DEEP),
    "a witness that is no JSON": in_rows("witness", "{'api'}"),
    "an observation that nests deep": in_rows("observed", "[" * 20_000 + "]" * 20_000),
    "an observation of another shape": in_rows("observed", '{"outcome": "value", "shape": 3}'),
    "claims without columns": put(CLAIMS_CSV, "a,b\n1,2\n"),
    "claims are empty": put(CLAIMS_CSV, ""),
    "claims are binary": put(CLAIMS_CSV, b"\x00\xff" * 400),
    "claims of another width": lambda run: put(
        CLAIMS_CSV, (run / CLAIMS_CSV).read_text() + "1,2,3,4,5,6,7,8,9,10,11\n"
    )(run),
    "claims is a folder": folder_instead(CLAIMS_CSV),
    "a script is a link": lambda run: (run / "reproducers/evil.py").symlink_to("/etc/passwd"),
    "a script is a link that leads nowhere": lambda run: (run / "reproducers/evil.py").symlink_to("nowhere"),
    "a script is a folder": lambda run: (run / "reproducers/evil.py").mkdir(),
    "a script is a pipe": lambda run: os.mkfifo(run / "reproducers/evil.py"),
    "a script is no text": put("reproducers/evil.py", b"\xff\xfe\x00"),
    "the scripts are a link": lambda run: (
        shutil.rmtree(run / "reproducers"),
        (run / "reproducers").symlink_to("/etc"),
    ),
    "the scripts are a file": lambda run: (shutil.rmtree(run / "reproducers"), put("reproducers", "x")(run)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_refused_in_one_line_by_every_command(
    damage: str, run: Path, good: tuple[Path, Path], tmp_path: Path, capsys: Any
) -> None:
    DAMAGES[damage](run)
    for name, arguments in commands(run, good[1], tmp_path / "out").items():
        assert cli.run(arguments) == cli.USAGE, (name, capsys.readouterr())
        shown, told = capsys.readouterr()
        assert shown == "", name
        assert len(told.splitlines()) == 1, (name, told)
        assert str(run) in told, name
        assert len(told) < 1000, name
        assert "root:" not in told, "nothing of the file behind a link is told"
    assert not (tmp_path / "out").exists()


SAMPLE_DAMAGES: dict[str, Callable[[Path], object]] = {
    "samples is an object": put("samples.json", "{}"),
    "samples holds numbers": put("samples.json", "[1]"),
    "samples nests deep": put("samples.json", DEEP),
    "samples is no JSON": put("samples.json", "samples"),
    "samples is empty": put("samples.json", ""),
    "samples is a folder": folder_instead("samples.json"),
    "samples is a link": link_instead("samples.json"),
    "a sample without its cell": changed("samples.json", lambda found: found[0].pop("region") and None),
    "a sample twice": changed("samples.json", lambda found: found + found),
    "answers is a number": changed("samples.json", first("answers", 5)),
    "an answer is a text": changed("samples.json", first("answers", ["0.5"])),
    "values without a shape": changed(
        "samples.json", first("answers", [{"outcome": "value", "values": ["0x1p0"]}])
    ),
    "a question to another api": changed("samples.json", first("question", question("torch.load"))),
    "an array without values": changed("samples.json", first("question", question(arrays={"x1": {}}))),
    "an array of another shape": changed(
        "samples.json", first("question", question(arrays={"x1": {"values": [1.0], "shape": [4]}}))
    ),
    "an array of code": changed(
        "samples.json", first("question", question(arrays={"x1": {"values": ["__import__('os')"]}}))
    ),
    "a dtype of code": changed(
        "samples.json", first("question", question(arrays={"x1": {"values": [1.0], "dtype": "float32; f()"}}))
    ),
}


@pytest.mark.parametrize("damage", SAMPLE_DAMAGES)
def test_damaged_samples_are_refused_by_compare(
    damage: str, run: Path, good: tuple[Path, Path], tmp_path: Path, capsys: Any
) -> None:
    SAMPLE_DAMAGES[damage](run)
    for arguments in (["compare", str(run), str(good[1])], ["compare", str(good[1]), str(run)]):
        assert cli.run([*arguments, "--out", str(tmp_path / "out")]) == cli.USAGE
        shown, told = capsys.readouterr()
        assert (shown, len(told.splitlines())) == ("", 1)
        assert str(run) in told
    assert not (tmp_path / "out").exists()
