"""Run folders from a stranger: damaged ones are refused in one line, hostile ones run nothing and show nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lossproof import reports
from lossproof.conformance.cli import main as cli
from lossproof.reports import tables
from lossproof.specs import load_specs, specs_digest
from lossproof.specs.models import Spec

from ..reports import make

VALUE = {"outcome": "value", "dtype": "float32", "shape": [1]}


@cache
def known_specs(path: Path | None = None) -> tuple[Spec, ...]:
    return load_specs(path)


@cache
def known_digest() -> str:
    return specs_digest()


def question(api: str = make.TORCH, **fields: Any) -> dict[str, Any]:
    return {**make.witness(api=api), "arguments": {}, "wrt": "", "positional": False, **fields}


def sample(value: str, **fields: Any) -> dict[str, Any]:
    """A cell whose answer was `value`, with a question that a script can ask."""
    batch = {**VALUE, "values": [value], "reach": ["0x1p-20"]}
    answer = {**VALUE, "value": [value], "tolerance": ["0x1p-20"]}
    key = {
        "target": "torch",
        "api": make.TORCH,
        "property": "value",
        "region": "ordinary",
        "dtype": "float32",
    }
    return {**key, "variant": "-", "answers": [batch], "question": question(), "answer": answer, **fields}


def written(out: Path, value: str = "0x1p-1", **parts: Any) -> Path:
    """A run whose one API answers `value`: comparing two of them finds a change, and writes scripts of it."""
    target = {
        "name": "torch", "failed": "", "questions": 3, "framework": "torch", "version": "2.13.0",
        "companions": "numpy=2.0", "python": "3.11", "backend": "torch", "mode": "eager", "device": "cpu",
        "documentation": [
            {"api": make.TORCH, "edition": "torch-2", "written_from": "2.12", "version": "2.13.0"}
        ],
    }  # fmt: skip
    run = {
        "lossproof": version("lossproof"), "command": "check", "seed": 0, "examples": 1,
        "specs_digest": known_digest(), "ledger_digest": "e3b0c442", "python": "3.11", "platform": "Linux",
        "targets": [target], "apis": [],
        "packages": {"numpy": "2.0"},
    }  # fmt: skip
    diverging = make.row(
        region="zero", verdict="diverges", kind="zero_vector", severity="S2", status="known",
        finding="torch-zero-vector", expected=json.dumps(make.finding()["expected"]),
        observed=json.dumps(make.finding()["observed"]), witness=json.dumps(question()),
        reproducer="reproducers/torch-zero-vector.py",
    )  # fmt: skip
    given: dict[str, Any] = {
        "rows": [make.row(), diverging], "claims": [make.claim()],
        "findings": [make.finding(witness=question(), statements=("one", "two"))], "run": run,
        "scripts": {"torch-zero-vector.py": "print(1)\n"},
        "samples": [sample(value), sample(value, region="zero")],
    }  # fmt: skip
    return reports.write_run(out, **(given | parts))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("good")
    return written(folder / "old"), written(folder / "new", "-0x1p-1")


@pytest.fixture
def run(good: tuple[Path, Path], tmp_path: Path) -> Path:
    """A run to damage."""
    return Path(shutil.copytree(good[0], tmp_path / "run"))


@pytest.fixture(autouse=True)
def _nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A baseline is read before a target is looked for. The specs are read once for all tests."""
    monkeypatch.setattr("lossproof.specs.load_specs", known_specs)
    monkeypatch.setattr("lossproof.specs.specs_digest", known_digest)
    monkeypatch.setattr(
        "lossproof.conformance.cli.commands.check.find_targets",
        lambda *_: pytest.fail("a target was asked for"),
    )


def commands(run: Path, other: Path, out: Path) -> dict[str, list[str]]:
    """Every command that reads a run folder."""
    return {
        "report": ["report", str(run)],
        "report as JSON": ["report", str(run), "--json"],
        "compare from": ["compare", str(run), str(other), "--out", str(out)],
        "compare to": ["compare", str(other), str(run), "--out", str(out)],
        "baseline": ["check", "--target", "mlx", "--baseline", str(run), "--out", str(out / "run")],
    }


# --- damaged ---


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


def in_table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    def damage(run: Path) -> None:
        frame = change(pd.read_parquet(run / "results.parquet"))
        frame.to_parquet(run / "results.parquet", index=False)

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


RUN_JSON, FINDINGS_JSON, PARQUET, CLAIMS_CSV = "run.json", "findings.json", "results.parquet", "claims.csv"
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


# --- hostile ---

MARK = "PWNED"
CALL = f'__import__("pathlib").Path("{MARK}").touch()'
PAYLOADS = {
    "call": CALL,
    "sum": f"3 + {CALL}",
    "line": f"x\n{CALL}\n#",
    "quotes": f'"""\n{CALL}\n"""',
    "quote": f"' + {CALL} + '",
    "bracket": f")]\n{CALL}\n([",
    "template": f"{{{{ {CALL} }}}}{{% if 1 %}}",
    "escape": f'\\" + {CALL} # \x1b[31m\x9b\x07',
    "page": f"<script>{MARK}</script>\x1b]0;x\x07",
}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of every leaf, and of every name, in JSON data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))
        if isinstance(key, str):
            yield (*path, key, NAME)
    if not items:
        yield path


NAME = object()


def some_payloads(place: str) -> list[tuple[str, str]]:
    """Three of the payloads, others at each place: all of them everywhere would take too long."""
    found, at = list(PAYLOADS.items()), zlib.crc32(place.encode())
    return [found[(at + step) % len(found)] for step in (0, 2, 5)]


def replaced(value: Any, path: tuple[Any, ...], by: str) -> Any:
    if not path:
        return by
    if path[1:] == (NAME,):
        return {by if key == path[0] else key: item for key, item in value.items()}
    if isinstance(value, dict):
        return {k: replaced(v, path[1:], by) if k == path[0] else v for k, v in value.items()}
    return [replaced(v, path[1:], by) if i == path[0] else v for i, v in enumerate(value)]


def places() -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Every leaf of every JSON file that a run has."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        run = written(Path(scratch) / "run")
        for name in (RUN_JSON, FINDINGS_JSON, "samples.json"):
            for path in leaves(json.loads((run / name).read_text())):
                words = ".".join("(name)" if part is NAME else str(part) for part in path)
                found[f"{name}:{words}"] = (name, path)
    return found


PLACES = places()


def only_in_texts(source: str) -> None:
    """The script compiles, and the payload is a part of texts and comments alone."""
    tree = ast.parse(source)
    assert "Path(" not in ast.unparse(_WithoutTexts().visit(tree))
    assert MARK not in ast.unparse(tree)
    assert "\x1b" not in source


class _WithoutTexts(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node


CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(folder: Path) -> None:
    """Scripts are code without the payload, pages text without control characters or foreign elements."""
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix in (".py", ".md", ".html", ".json", ".csv"):
            text = file.read_text()
            assert not CONTROLS.search(text), file
            if file.parent.name == "scripts":
                only_in_texts(text)
            if file.suffix == ".html":
                assert f"<script>{MARK}" not in text
    assert not Path(MARK).exists()


@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_anywhere_is_refused_or_shown_as_text(
    place: str, good: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    name, path = PLACES[place]
    data = json.loads((good[0] / name).read_text())
    for which, payload in some_payloads(place):
        run, out = tmp_path / which / "run", tmp_path / which / "out"
        shutil.copytree(good[0], run)
        (run / name).write_text(json.dumps(replaced(data, path, payload)))
        for arguments in (["report", str(run)], ["compare", str(run), str(good[1]), "--out", str(out)]):
            code = cli.run(arguments)
            shown, told = capsys.readouterr()
            assert code in (cli.OK, cli.FINDINGS, cli.USAGE, cli.BROKEN), (arguments, told)
            assert code not in (cli.USAGE, cli.BROKEN) or len(told.splitlines()) == 1, told
            assert not CONTROLS.search(shown + told)
            harmless(tmp_path / which)


@pytest.mark.parametrize("column", [*reports.COLUMNS])
def test_hostile_text_in_a_column_is_refused_or_shown_as_text(
    column: str, good: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for which, payload in some_payloads(column):
        run, out = tmp_path / which / "run", tmp_path / which / "out"
        shutil.copytree(good[0], run)
        in_table(
            lambda frame, value=payload: frame.assign(**{column: [value, *frame[column].astype(str)[1:]]})
        )(run)
        for arguments in (["report", str(run)], ["compare", str(run), str(good[1]), "--out", str(out)]):
            code = cli.run(arguments)
            shown, told = capsys.readouterr()
            assert code in (cli.OK, cli.FINDINGS, cli.USAGE, cli.BROKEN), (arguments, told)
            assert not CONTROLS.search(shown + told)
            harmless(tmp_path / which)


def test_the_good_runs_differ_and_their_scripts_ask(
    good: tuple[Path, Path], tmp_path: Path, capsys: Any
) -> None:
    """Without it the tests above would show nothing."""
    assert cli.run(["compare", *map(str, good), "--out", str(tmp_path / "out")]) == cli.FINDINGS
    scripts = sorted((tmp_path / "out/scripts").iterdir())
    assert len(scripts) >= 2
    assert all(make.TORCH in script.read_text() for script in scripts)


@pytest.mark.parametrize(
    "put_",
    [
        {"api": "torch.load"},
        {"api": "os.system", "options": {"command": f"touch {MARK}"}},
        {"options": {"dim": {"$name": "os.system"}}},
        {"probe": "resolve", "arguments": {"names": ["antigravity.x"]}},
    ],
)
def test_a_script_calls_and_imports_nothing_but_the_documented_api(
    put_: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    api = put_.get("api", make.TORCH)
    old, new = (
        written(
            tmp_path / name, value, rows=[make.row(api=api)], findings=[],
            samples=[sample(value, api=api, question=question(**put_))],
        )
        for name, value in (("old", "0x1p-1"), ("new", "-0x1p-1"))
    )  # fmt: skip
    assert cli.run(["compare", str(old), str(new), "--out", str(tmp_path / "out")]) == cli.FINDINGS
    assert list((tmp_path / "out/scripts").iterdir()) == []


# --- the text of a framework, on its way in ---


def test_control_characters_enter_no_file_of_a_run(tmp_path: Path) -> None:
    hostile = "a\x1b[31mb\x9b\x00\x7f\u202ec\ud800\r\nd"
    row = make.row(
        verdict="diverges", observed=json.dumps({"outcome": "error", "error": hostile}), citation=hostile
    )
    run = make.write(
        tmp_path / "run", rows=[row], findings=[make.finding(title=hostile, reason=hostile)],
        claims=[make.claim(says=hostile)], run={**make.RUN, "platform": hostile},
        scripts={"torch-zero-vector.py": f"# {hostile}\n"}, logs={"torch.log": hostile},
    )  # fmt: skip
    files = [file for file in run.rglob("*") if file.is_file() and file.suffix != ".parquet"]
    assert len(files) >= 10
    for file in files:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", file.read_text()), file
    assert "�" in (run / "report.html").read_text()
    columns = tables.read_parquet(run / "results.parquet", reports.COLUMNS)
    assert "\x1b" not in columns["citation"][0]


def test_what_is_written_can_be_read_whatever_a_framework_said(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    said = {"data": {"deep": deep, "large": 10**500, "long": "x" * 2_000_000, "list": [float("nan")]}}
    run = make.write(tmp_path / "run", findings=[make.finding(observed=said)])
    (finding,) = reports.read_run(run).findings
    assert finding["observed"]["data"]["large"] == "an integer of 1661 bits"
