"""The metadata declares every package that is imported, every extra that is advised, every version that was tested."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lossproof.conformance.cli.entry import SUITE
from lossproof.specs.frameworks import load_frameworks

from .conftest import BASE, FRAMEWORKS, ROOMS, ROOT, read_metadata, runs_in_a_worker

CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PINS = {
    canonicalize_name(pin.name): pin
    for pin in (Requirement(line) for line in CONSTRAINTS.splitlines() if line and not line.startswith("#"))
}


def requirements(pyproject: dict[str, Any]) -> Iterator[Requirement]:
    project = pyproject["project"]
    for text in [
        *project["dependencies"],
        *(t for extra in project["optional-dependencies"].values() for t in extra),
    ]:
        if Requirement(text).name != "lossproof":
            yield Requirement(text)


def imported(*rooms: str) -> set[str]:
    """Top-level modules imported by lossproof itself; what runs inside a worker is not its own."""
    found = set()
    for room in rooms:
        for file in (ROOT / room / "lossproof").rglob("*.py"):
            if runs_in_a_worker(file):
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    found.add(str(node.module).split(".")[0])
    return found - set(sys.stdlib_module_names) - {"lossproof", *FRAMEWORKS}


def test_every_package_that_is_imported_is_declared(pyproject: dict[str, Any]) -> None:
    by_module = metadata.packages_distributions()
    declared = {canonicalize_name(r.name) for r in requirements(pyproject)}
    missing = {
        module
        for module in imported(*ROOMS)
        if not {canonicalize_name(name) for name in by_module.get(module, [module])} & declared
    }
    assert missing == set()


def names(texts: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in texts}


def test_the_oracle_needs_the_base_alone(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    assert names(project["dependencies"]) == {canonicalize_name(name) for name in BASE}
    by_module = metadata.packages_distributions()
    wanted = {name for module in imported("oracle") for name in by_module.get(module, [module])}
    assert names(wanted) <= names([*project["dependencies"], *project["optional-dependencies"]["fast"]])


def test_every_extra_but_fast_brings_the_suite(wheel: Path) -> None:
    declared = [Requirement(text) for text in read_metadata(wheel).get_all("Requires-Dist")]
    extras = set(read_metadata(wheel).get_all("Provides-Extra"))
    assert {"suite", "torch", "tensorflow", "keras", "mlx", "frameworks", "test", "dev"} <= extras

    def of(extra: str) -> set[str]:
        marked = (r for r in declared if r.marker and r.marker.evaluate({"extra": extra}))
        return {canonicalize_name(r.name) for r in marked}

    assert len(of("suite")) == len(SUITE)
    assert [extra for extra in sorted(extras) if not of("suite") <= of(extra)] == ["fast"]


def test_the_command_knows_the_packages_of_the_suite(pyproject: dict[str, Any]) -> None:
    assert names(SUITE.values()) == names(pyproject["project"]["optional-dependencies"]["suite"])
    by_module = metadata.packages_distributions()
    for module, package in SUITE.items():
        assert canonicalize_name(package) in names(by_module[module.split(".")[0]])


def test_how_to_get_a_framework_leaves_out_the_suite(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: read_metadata(wheel).get_all("Requires-Dist"))
    assert load_frameworks()["keras"].got_with == "python -m pip install 'keras>=3'"
    assert load_frameworks()["torch"].got_with == "python -m pip install 'torch>=2.0'"


def test_every_extra_that_a_message_advises_exists(pyproject: dict[str, Any]) -> None:
    extras = set(pyproject["project"]["optional-dependencies"])
    assert {facts.extra for facts in load_frameworks().values()} <= extras


def test_constraints_pin_every_requirement_within_its_bounds(pyproject: dict[str, Any]) -> None:
    wrong = []
    for requirement in requirements(pyproject):
        pin = PINS.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(version(pin), prereleases=True):
            wrong.append(f"{requirement} is pinned as {pin}")
    assert wrong == []


def test_constraints_pin_one_public_version_each() -> None:
    for pin in PINS.values():
        assert re.fullmatch(r"==[^,]+", str(pin.specifier)), pin
        assert version(pin).local is None, f"{pin}: a local version is found in one place only"


def test_constraints_leave_the_build_of_torch_open() -> None:
    assert str(PINS["torch"]) == "torch==2.13.0"
    assert [name for name in PINS if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_constraints_say_how_they_are_made_and_nothing_of_a_machine() -> None:
    header = "\n".join(line for line in CONSTRAINTS.splitlines() if line.startswith("#"))
    assert "uv pip compile pyproject.toml" in header
    assert not re.search(r"://|--hash|--index|--find-links|(^|\s)/\w+/", CONSTRAINTS)


def version(pin: Requirement) -> Version:
    (only,) = pin.specifier
    return Version(only.version)
