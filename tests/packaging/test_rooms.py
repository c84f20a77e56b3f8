"""The rooms of the house: a module imports from its own room and from those below it, and no circle is left."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ROOMS as ROOTS
from .conftest import ROOT

FLOORS = {
    "conformance": (
        "model", "targets", "workers", "families", "questions", "judging", "diagnosis", "cases", "properties", "runs",
        "changes", "usercode", "suite", "cli",
    ),
    "oracle": (
        "errors", "formats", "arithmetic", "norm_rules", "enclosure", "rounding", "kernels", "reduction",
        "summed_gradients", "loss_over_score", "scores", "losses", "grading", "screening", "tallies",
        "surveying", "tallying",
    ),
    "reports": (
        "errors", "numbers", "words", "guarded", "atomic", "columns", "stored", "schema", "reference", "tables", "run",
        "store", "places", "templating", "reproducers", "pages", "write",
    ),
}  # fmt: skip
"""The floors of each root, from the ground up: rooms, and modules that lie in none; the root itself is on top."""


def modules() -> dict[str, Path]:
    """The modules of the four roots by full name."""
    found = {}
    for root in ROOTS:
        for file in sorted((ROOT / root / "lossproof").rglob("*.py")):
            name = ".".join(file.relative_to(ROOT / root).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


MODULES = modules()
ROOF = ""
"""The floor of a root's own `__init__`."""


def root_of(module: str) -> str:
    """The root that a module belongs to; the package itself and its public faces belong to none."""
    return (*module.split("."), "")[1]


def floor_of(module: str) -> str:
    """The floor that a module lies on: its room, or itself at the top level of its root."""
    return (*module.split(".")[2:], ROOF)[0]


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """The modules of lossproof that a file imports, imports inside functions and for types included, with the line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lossproof":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in MODULES else node.module), node.lineno


@pytest.mark.parametrize("root", sorted(FLOORS))
def test_a_room_imports_only_from_rooms_below_it(root: str) -> None:
    floors, wrong = (*FLOORS[root], ROOF), []
    for name, file in MODULES.items():
        if root_of(name) != root:
            continue
        floor = floor_of(name)
        assert floor in floors, f"{name} has no floor"
        for other, line in imports(file):
            if root_of(other) == root and floors.index(floor_of(other)) > floors.index(floor):
                wrong.append(f"{file.relative_to(ROOT)}:{line}: {floor} imports {other}")
    assert wrong == []


@pytest.mark.parametrize("root", sorted(FLOORS))
def test_every_floor_holds_a_module(root: str) -> None:
    held = {floor_of(name) for name in MODULES if root_of(name) == root}
    assert held == {*FLOORS[root], ROOF}


@pytest.mark.parametrize("root", ROOTS)
def test_no_circle_of_imports_is_left(root: str) -> None:
    found = [sorted(circle) for circle in circles() if root_of(circle[0]) == root]
    assert found == []


def circles() -> list[list[str]]:
    """The groups of modules that import one another, directly or not; what is imported for types alone is left out."""
    edges = {name: set(needed(file)) - {name} for name, file in MODULES.items()}
    reached = {name: closure(name, edges) for name in edges}
    groups = {frozenset(m for m in reached[n] if n in reached[m]) for n in edges if n in reached[n]}
    return [sorted(group) for group in groups]


def needed(file: Path) -> Iterator[str]:
    """The modules that a file imports when it runs."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        node.lineno
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    return (name for name, line in imports(file) if line not in for_types)


def closure(name: str, edges: dict[str, set[str]]) -> set[str]:
    """Everything that a module reaches by imports; itself only through a circle."""
    found: set[str] = set()
    left = list(edges[name])
    while left:
        other = left.pop()
        if other not in found:
            found.add(other)
            left += edges.get(other, ())
    return found
