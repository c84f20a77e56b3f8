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
