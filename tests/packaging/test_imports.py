"""The imports and their time: help at once, a framework never, and no arrow that runs back."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from lossproof.conformance.cli.main import COMMANDS

from .conftest import FRAMEWORKS, ROOMS, ROOT, Run

AFTERWARDS = "\nimport json, sys; print('\\n' + json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
HELP = (
    "import sys; from lossproof.conformance.cli.main import run; assert run(sys.argv[1:]) == 0" + AFTERWARDS
)
EVERYTHING = """
import importlib, pkgutil, lossproof
import importlib.util
left_out = ['lossproof.conformance.workers.remote.']
if not importlib.util.find_spec('numba'):
    left_out.append('lossproof.oracle.kernels.compiled')
found = [m.name for m in pkgutil.walk_packages(lossproof.__path__, 'lossproof.')]
assert len(found) > 60, found
for name in found:
    if not name.startswith(tuple(left_out)):
        importlib.import_module(name)
"""

MAY_IMPORT = {
    "oracle": {"oracle"},
    "specs": {"specs"},
    "conformance": {"conformance", "oracle", "specs", "reports"},
    "reports": {"reports"},
}
"""The one way through the house: oracle, specs -> conformance -> reports. The command line writes the report."""


def loaded(output: str) -> set[str]:
    return set(json.loads(output.splitlines()[-1])) - set(sys.stdlib_module_names)


def test_help_imports_click_alone(here: Run) -> None:
    done = here(HELP, "--help")
    assert done.returncode == 0, done.stderr
    assert "lossproof" in loaded(done.stdout)
    assert not loaded(done.stdout) & {
        "numpy",
        "pandas",
        "pyarrow",
        "hypothesis",
        "pydantic",
        "rich",
        "yaml",
        "jinja2",
    }


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_of_a_command_waits_for_nothing(here: Run, command: str) -> None:
    done = here(HELP, command, "--help")
    assert done.returncode == 0, done.stderr
    heavy = {"numpy", "pandas", "pyarrow", "hypothesis", "flint", *FRAMEWORKS}
    assert not loaded(done.stdout) & heavy


def test_no_module_imports_a_framework(here: Run) -> None:
    done = here(EVERYTHING + AFTERWARDS)
    assert done.returncode == 0, done.stderr
    assert "numpy" in loaded(done.stdout)
    assert not loaded(done.stdout) & set(FRAMEWORKS)


def test_importing_the_oracle_brings_no_other_room(here: Run) -> None:
    code = "import sys, lossproof.oracle; print([m for m in sys.modules if m.startswith('lossproof.')])"
    found = ast.literal_eval(here(code).stdout)
    assert {name.split(".")[1] for name in found} == {"oracle"}


@pytest.mark.parametrize("room", ROOMS)
def test_no_arrow_runs_back(room: str) -> None:
    wrong = []
    for file in sorted((ROOT / room / "lossproof" / room).rglob("*.py")):
        wrong += [f"{file.relative_to(ROOT)}: {other}" for other in rooms_of(file) - MAY_IMPORT[room]]
    assert wrong == []


def test_an_import_inside_a_function_has_its_reason() -> None:
    """The reason is a comment on the line or above the block, or the ImportError that the function awaits."""
    wrong = []
    for root in ROOMS:
        for file in sorted((ROOT / root / "lossproof").rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            wrong += [f"{file.relative_to(ROOT)}:{line}" for line in without_reason(text)]
    assert wrong == []


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("import os", [2]),
        ("import os  # the reason", []),
        ("# the reason\n    import os\n    import sys", []),
        ("# the reason\n    x = 1\n    import os", [4]),
        ("if True:\n        import os", [3]),
        ("try:\n        import os\n    except ImportError:\n        import sys", []),
        ("try:\n        import os\n    except OSError:\n        pass", [3]),
    ],
)
def test_what_counts_as_a_reason(body: str, lines: list[int]) -> None:
    assert without_reason(f"def function():\n    {body}\n") == lines


def without_reason(text: str) -> list[int]:
    """The lines of the imports inside functions that no comment explains."""
    lines, tree = text.splitlines(), ast.parse(text)
    inside = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    awaited = {
        inner
        for node in inside
        if isinstance(node, ast.Try) and any("ImportError" in ast.dump(h) for h in node.handlers)
        for inner in ast.walk(node)
    }
    imported = sorted(
        (n for n in inside - awaited if isinstance(n, (ast.Import, ast.ImportFrom))), key=lambda n: n.lineno
    )
    found: list[int] = []
    explained = 0  # the last line of a block that a comment stands above
    for node in imported:
        line, end = node.lineno, node.end_lineno or node.lineno
        above = lines[line - 2].strip()
        if above.startswith("#") or (explained and not "".join(lines[explained : line - 1]).strip()):
            explained = end
        elif not any("#" in text for text in lines[line - 1 : end]):
            found.append(line)
    return found


def rooms_of(file: Path) -> set[str]:
    """The rooms that a module imports from, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = (name.split(".") for name in found)
    return {name[1] for name in parts if name[0] == "lossproof" and len(name) > 1}
