"""The mutation of our own source: what is changed, which tests are shown it, and that a kill is one."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import source_mutants
from benchmarks.mutation import covering, operators

ROOT = Path(__file__).resolve().parents[2]
TEXT = '''
"""Not changed: 1 + 1."""
from __future__ import annotations

LIMIT: int = 3


def clipped(x: int | None, low: float = -1.0) -> float:
    """Nor is this."""
    if x is None or not x < LIMIT:
        raise ValueError(f"{x + 1} is too large")
    for _ in range(2):
        x += 1
        print(x)
        break
    return x * 2 if x > low else -x
'''


def made() -> dict[str, str]:
    return {c.what: ast.unparse(operators.changed(TEXT, c.spot)) for c in operators.changes("m", TEXT)}


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("or to and", "if x is None and (not x < LIMIT):"),
        ("is to is not", "if x is not None or not x < LIMIT:"),
        ("< to <=", "if x is None or not x <= LIMIT:"),
        ("not dropped", "if x is None or x < LIMIT:"),
        ("3 to 4", "LIMIT: int = 4"),
        ("sign dropped", "return x * 2 if x > low else x"),
        ("* to /", "return x / 2 if x > low else -x"),
        ("+ to -", "x -= 1"),
        ("assignment left out", "pass"),
        ("call left out", "pass"),
        ("jump left out", "pass"),
    ],
)
def test_each_change_changes_its_line_and_no_other(what: str, line: str) -> None:
    before, after = ast.unparse(ast.parse(TEXT)).splitlines(), made()[what].splitlines()
    differing = [new.strip() for old, new in zip(before, after, strict=True) if old != new]
    assert differing == [line]


def test_every_change_differs_from_the_source_and_from_every_other() -> None:
    trees = [ast.unparse(operators.changed(TEXT, c.spot)) for c in operators.changes("m", TEXT)]
    keys = [change.key for change in operators.changes("m", TEXT)]
    assert len(set(trees)) == len(trees) == operators.count(TEXT) > 15
    assert len(set(keys)) == len(keys)
    assert ast.unparse(ast.parse(TEXT)) not in trees


def test_what_no_run_can_notice_is_left_alone() -> None:
    lines = {change.line: change for change in operators.changes("m", TEXT)}
    text = TEXT.splitlines()
    assert not any("raise" in text[n - 1] or '"""' in text[n - 1] for n in lines)
    assert not any("None" in c.what and "annotations" in c.source for c in lines.values())


def test_tests_of_a_line_come_quickest_first_and_else_those_of_the_module() -> None:
    cover = covering.Covering(
        {"slow": 2.0, "quick": 0.1, "other": 1.0}, {"m": {"3": ["slow", "quick"], "5": ["other"]}}
    )
    assert cover.tests("m", 3) == ["quick", "slow"]
    assert cover.tests("m", 4) == ["quick", "other", "slow"]
    assert cover.tests("n", 1) == []
    assert cover.tests("m", 4, seconds=1.5) == ["quick", "other"]
    assert cover.tests("m", 3, seconds=0.01) == ["quick"]


def test_a_file_of_tests_names_the_modules_that_it_asks() -> None:
    """Compiled code leaves no trace: a test that calls it and nothing else would belong to no line."""
    text = """from lossproof.oracle.kernels import choice, fused
from lossproof.oracle.formats import FORMATS
pytest.importorskip("lossproof.oracle.kernels.compiled")
"""
    names = {"kernels.fused", "kernels.choice", "formats", "kernels.compiled"}
    modules = {name for name in covering.named(text) if covering.file_of(name, ROOT).is_file()}
    assert modules == {f"lossproof.oracle.{name}" for name in names}
    lines = {"3": ["enters"], covering.NAMED: ["names"]}
    cover = covering.Covering(
        {"enters": 0.2, "names": 0.1}, {"m": lines, "lossproof.oracle.kernels.lanes": lines}
    )
    assert cover.tests("m", 3) == ["enters"]
    assert cover.tests("m", 4) == ["names", "enters"]
    assert cover.tests("lossproof.oracle.kernels.lanes", 3) == ["names", "enters"]


def test_every_change_that_is_said_to_change_nothing_can_still_be_made() -> None:
    known = yaml.safe_load(source_mutants.EQUIVALENT.read_text())
    names = source_mutants.modules()
    made = {c.key for n in names for c in operators.changes(n, covering.file_of(n, ROOT).read_text())}
    assert sorted(set(known) - made) == []
    assert all(len(why) > len("equivalent") for why in known.values())


SCRIPT = """
import ast, json, sys
from pathlib import Path
from benchmarks.mutation import covering, operators, trying
trying.preload()
root, module, what, *tests = Path(sys.argv[1]), *sys.argv[2:]
file = covering.file_of(module, root)
text = file.read_text()
real = next(operators.changed(text, c.spot) for c in operators.changes("m", text) if c.what == what)
same = trying.attempt(root, module, file, ast.parse(text), tests, 10, root / "no kernels")
wrong = trying.attempt(root, module, file, real, tests, 10, root / "no kernels")
print(json.dumps([same.fate, wrong.fate, wrong.killer]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(
    ("module", "what", "tests"),
    [
        ("lossproof.oracle.errors", "or to and", "tests/oracle/test_bad_input.py"),
        (
            "lossproof.conformance.families.regions.held",
            "sign dropped",
            "tests/conformance/test_predicates.py",
        ),
    ],
)
def test_the_source_as_it_is_survives_and_a_wrong_one_is_killed(module: str, what: str, tests: str) -> None:
    """In both rooms: pytest has a loader of its own for the modules of its plugins."""
    pytest.importorskip("numba", reason="the tests of compiled kernels need numba")
    command = [sys.executable, "-c", SCRIPT, str(ROOT), module, what, tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    same, wrong, killer = json.loads(done.stdout)
    assert (same, wrong) == ("survived", "killed")
    assert killer.startswith(tests)
