"""Reports ask no framework's name: a framework's own words come from its snippets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lossproof.specs.frameworks import load_frameworks

from .conftest import ROOT

REPORTS = ROOT / "reports" / "lossproof" / "reports"
NAMES = {
    name
    for facts in load_frameworks().values()
    for name in (facts.name, facts.import_name, *facts.distributions, *facts.prefixes)
}


def compared(source: str) -> Iterator[tuple[str, int]]:
    """The texts that a module compares with, matches, or looks for at the start or the end of another, by line."""
    for node in ast.walk(ast.parse(source)):
        asks = isinstance(node, (ast.Compare, ast.MatchValue)) or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith")
        )
        for part in ast.walk(node) if asks else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value, part.lineno


def wrong(source: str) -> list[tuple[str, int]]:
    return [(text, line) for text, line in compared(source) if text.rstrip(".") in NAMES]


@pytest.mark.parametrize("file", sorted(REPORTS.rglob("*.py")), ids=lambda file: file.stem)
def test_no_module_of_reports_compares_with_the_name_of_a_framework(file: Path) -> None:
    assert wrong(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", sorted(REPORTS.rglob("*.j2")), ids=lambda file: file.stem)
def test_no_template_names_a_framework(file: Path) -> None:
    assert not NAMES & set(re.findall(r"[A-Za-z_]\w*", file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        'if framework == "torch": pass',
        'keras = name in ("keras", "other")',
        'asked = "tf." in text',
        'asked = api.startswith("mlx.")',
        "match name:\n    case 'tensorflow':\n        pass",
    ],
)
def test_a_comparison_with_the_name_of_a_framework_is_seen(source: str) -> None:
    assert len(wrong(source)) == 1
