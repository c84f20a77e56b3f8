"""No module asks for the name of a region or a kind: what it wants to know is a field of the object."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lossproof.specs import vocabulary

from .conftest import ROOT

ROOTS = ("conformance", "reports", "specs")
OWN = ("families/regions/", "families/kinds.py", "specs/vocabulary.py")
"""The files of the objects themselves, and the list of their names."""
REGIONS, KINDS = set(vocabulary.REGIONS.built_in), set(vocabulary.KINDS.built_in)
CLEAR = REGIONS - {"zero", "empty", "nonfinite", "overflow", "underflow", "long"}
"""Names of regions that are no words for anything else."""
KNOWN = {
    "specs/lossproof/specs/rules.py": "the region below eps needs an eps: specs import no object of conformance",
    "reports/lossproof/reports/reproducers/choice.py": "the form of a script: reports import no object of conformance",
    "reports/lossproof/reports/reproducers/script.py": "the expectation of a script: as above",
}
"""Files that may, each with the reason."""


def files() -> Iterator[Path]:
    for root in ROOTS:
        for file in sorted((ROOT / root).rglob("*.py")):
            name = file.as_posix()
            if "/remote/" not in name and not any(own in name for own in OWN):
                yield file


def strings(node: ast.AST) -> set[str]:
    """The strings that are written in a node."""
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def asks(node: ast.AST, field: str, words: set[str]) -> bool:
    """Whether a comparison sets a field of this name against one of the words."""
    if not isinstance(node, ast.Compare):
        return False
    sides = (node.left, *node.comparators)
    named = any(_name(part).startswith(field) for side in sides for part in ast.walk(side))
    return named and bool(strings(node) & words)


def _name(node: ast.AST) -> str:
    return str(getattr(node, "attr", "") or getattr(node, "id", ""))


def tables(tree: ast.AST) -> Iterator[int]:
    """The lines of the sequences, sets and mappings that hold the names of several regions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict) and len(strings(node) & CLEAR) > 1:
            yield node.lineno


def faults(text: str) -> list[int]:
    """The lines that ask for the name of a region or kind, or hold a table of regions."""
    tree = ast.parse(text)
    found = {
        getattr(node, "lineno", 0)
        for node in ast.walk(tree)
        if asks(node, "region", REGIONS) or asks(node, "kind", KINDS)
    }
    return sorted(found | set(tables(tree)))


def test_no_module_asks_for_a_name() -> None:
    found = {file.relative_to(ROOT).as_posix(): faults(file.read_text(encoding="utf-8")) for file in files()}
    assert {name: lines for name, lines in found.items() if lines and name not in KNOWN} == {}


@pytest.mark.parametrize("file", sorted(KNOWN))
def test_an_exception_is_needed(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    compared = [strings(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert any(words & (REGIONS | KINDS) for words in compared)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('x = 1\nif key.region == "zero": pass', [2]),
        ('if region in ("tiny_norm", other): pass', [1]),
        ('if cause.kind != "accuracy": pass', [1]),
        ('FAR = {"tiny_norm": 1, "subnormal": 2}', [1]),
        ('key = CellKey("value", "ordinary", "float32")', []),
        ('if semantics.zero == "zero": pass', []),
    ],
)
def test_what_is_found(text: str, lines: list[int]) -> None:
    assert faults(text) == lines
