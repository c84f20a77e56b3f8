"""Run folders from a stranger: hostile text runs nothing and is shown as nothing but text."""

from __future__ import annotations

import ast
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports
from lossproof.conformance.cli import main as cli
from lossproof.reports import tables

from ..reports import make
from .stored_runs import FINDINGS_JSON, RUN_JSON, in_table, judge_nothing, question, sample, two_runs, written


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return two_runs(tmp_path_factory.mktemp("good"))


@pytest.fixture(autouse=True)
def _nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_nothing(monkeypatch)


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
