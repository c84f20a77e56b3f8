"""A release against itself: nothing changes, and what does change between two processes is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import self_comparison as command
from lossproof.conformance.runs.run import Plan
from lossproof.conformance.targets.model import Target, catalogue_of
from tests.conformance.fake_sessions import DATA, DOCUMENTED, FAKES, target

PLAN = Plan((DOCUMENTED["function"],), ("value", "sign"), examples=1, specs=DATA)


def having(name: str) -> Target:
    """A release with this fake behind the documented name."""
    return replace(target(COMPARED_AS=name), adapter=FAKES / "compared_adapter.py")


@pytest.mark.parametrize(("name", "unchanged"), [("wrong_sign", True), ("of_this_process", False)])
def test_what_differs_between_two_processes_is_a_change(name: str, unchanged: bool) -> None:
    found = command.compared("fake", having(name), PLAN)
    assert found.cells > 10
    assert found.broken == 0
    assert found.unchanged is unchanged
    assert ("nothing changed" in found.words) is unchanged


def test_a_target_that_does_not_start_is_not_unchanged() -> None:
    found = command.compared("fake", target(FAKE_START="refuse"), PLAN)
    assert not found.unchanged
    assert "too small for fakes" in found.words


def test_every_release_is_named_on_each_of_its_backends() -> None:
    names = list(command.catalogued())
    keras = catalogue_of("keras")
    assert len(set(names)) == len(names)
    assert sum(n.startswith("keras") for n in names) == len(keras.backends) * len(keras.releases)
    assert "keras[jax]==3.0.0" in names
    assert "tensorflow==1.15.5" in names
