"""The habits of the repository: hooks that run what CI runs, a matrix of Pythons, and forms that load."""

from __future__ import annotations

import ast
import configparser
import itertools
from typing import Any

import pytest
import yaml

from .conftest import ROOMS, ROOT

GITHUB = ROOT / ".github"


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_hooks_are_the_commands_of_lint() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    lint = tox["testenv:lint"]["commands"].split("\n")
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == [line for line in lint if line]
    assert all(hook["pass_filenames"] is False for hook in local["hooks"])


def test_ci_asks_every_python_that_is_supported(pyproject: dict[str, Any]) -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    setup = next(step for step in jobs["full"]["steps"] if "with" in step)
    light = jobs["light"]["strategy"]["matrix"]["include"]
    asked = {setup["with"]["python-version"], *(cell["python"] for cell in light)}
    oldest = pyproject["project"]["requires-python"].removeprefix(">=3.")
    assert sorted(int(version.removeprefix("3.")) for version in asked) == list(range(int(oldest), 15))
    assert {cell["os"] for cell in light} == {"ubuntu-latest", "macos-latest"}
    assert all(job["timeout-minutes"] <= 45 for job in jobs.values())


@pytest.mark.parametrize(
    "form", sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_a_form_asks_different_questions_and_needs_an_answer(form: Any) -> None:
    asked = [field for field in read(str(form.relative_to(ROOT)))["body"] if field["type"] != "markdown"]
    assert all(a["id"] != b["id"] for a, b in itertools.combinations(asked, 2))
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_benchmarks_patch_nothing() -> None:
    """A benchmark hands in a policy or a memory where it judges otherwise."""
    files = sorted((ROOT / "benchmarks").rglob("*.py"))
    assert files
    assert [f.name for f in files if "unittest" in f.read_text(encoding="utf-8")] == []


def test_no_docstring_opens_with_a_clause() -> None:
    """A docstring names the thing; "What the target said" makes the reader look for it."""
    folders = (*ROOMS, "benchmarks", "tests")
    wrong = []
    for file in (f for folder in folders for f in sorted((ROOT / folder).rglob("*.py"))):
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        texts = (n for n in nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
        wrong += [
            f"{file.relative_to(ROOT)}:{n.lineno}"
            for n in texts
            if isinstance(n.value, ast.Constant) and str(n.value.value).lstrip().startswith("What ")
        ]
    assert wrong == []
