"""No module asks for the name of a framework, family, region or norm rule but the object's own file: objects answer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lossproof import oracle
from lossproof.conformance.families.regions.registry import names as region_names
from lossproof.conformance.families.registry import families
from lossproof.specs.frameworks import adapter_folders, load_catalogues, load_frameworks

from .conftest import ROOMS, ROOT, of_a_framework

FILES = sorted(
    file for root in ROOMS for file in (ROOT / root / "lossproof").rglob("*.py") if not of_a_framework(file)
)
TEMPLATES = sorted((ROOT / "reports").rglob("*.j2"))
NAMES = {
    name
    for facts in load_frameworks().values()
    for name in (facts.name, facts.import_name, *facts.distributions, *facts.prefixes)
} | {*adapter_folders(), *load_catalogues()}
NAMES -= {"numpy"}  # lossproof computes with it, and a user may ask for its arrays


OBJECTS = {*families(), *region_names(), *(rule.name for rule in oracle.norm_rules())}
OBJECTS -= {"zero", "empty", "nonfinite"}  # also semantic parameters, and predicates of the inputs
OWN_FILES = (
    "conformance/lossproof/conformance/families/",
    "oracle/lossproof/oracle/norm_rules/",
    "specs/lossproof/specs/semantics.py",
    "specs/lossproof/specs/vocabulary.py",
    "reports/lossproof/reports/words.py",  # the words of each rule and predicate, looked up by name
)


def compared(source: str) -> Iterator[tuple[str, int]]:
    """The texts that a module compares with, matches, looks up, or looks for at an end of another, by line."""
    for node in ast.walk(ast.parse(source)):
        for asked in _asked(node):
            for part in ast.walk(asked):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value, part.lineno


def _asked(node: ast.AST) -> list[ast.AST]:
    """The parts of a node whose texts decide something."""
    if isinstance(node, (ast.Compare, ast.MatchValue)):
        return [node]
    if isinstance(node, ast.Dict):
        return [key for key in node.keys if key is not None]
    if isinstance(node, ast.Subscript):
        return [node.slice]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return [*node.args] if node.func.attr in LOOKS else []
    return []


LOOKS = ("startswith", "endswith", "removeprefix", "removesuffix", "get")


def wrong(source: str) -> list[tuple[str, int]]:
    return [(text, line) for text, line in compared(source) if text.rstrip(".") in NAMES]


def test_the_files_of_four_roots_are_read() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in FILES} == set(ROOMS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_module_asks_for_the_name_of_a_framework(file: Path) -> None:
    assert wrong(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if not f.relative_to(ROOT).as_posix().startswith(OWN_FILES)],
    ids=lambda file: file.relative_to(ROOT).as_posix(),
)
def test_no_module_asks_for_the_name_of_a_family_region_or_norm_rule(file: Path) -> None:
    found = compared(file.read_text(encoding="utf-8"))
    assert [(text, line) for text, line in found if text in OBJECTS] == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
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
        'words = {"jax": 1}',
        'facts = frameworks["torch"]',
        'facts = frameworks.get("tensorflow-addons")',
        'rest = api.removeprefix("tf.")',
    ],
)
def test_a_comparison_with_the_name_of_a_framework_is_seen(source: str) -> None:
    assert len(wrong(source)) == 1


@pytest.mark.parametrize("name", ["cosine", "below_eps", "floor_norm"])
def test_a_comparison_with_the_name_of_an_object_is_seen(name: str) -> None:
    assert name in OBJECTS
    assert [text for text, _ in compared(f"asked = key.region in ('{name}', 'other')")] == [name, "other"]
