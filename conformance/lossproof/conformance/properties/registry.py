"""The registry: every property that a module of this room defines, and the cells of an API."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from lossproof.conformance import properties as room
from lossproof.conformance.cases.cases import case_keys, judge_case
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome, Property
from lossproof.conformance.model.subject import CellKey, Subject

BESIDES = ("registry", "selection")
"""Modules of the room that define no property."""


@cache
def properties() -> dict[str, Property]:
    """The properties by name, in alphabetical order."""
    found = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(room.__path__) if m.name not in BESIDES):
        definition = getattr(importlib.import_module(f"{room.__name__}.{module}"), "PROPERTY", None)
        if definition is not None:
            found[definition.name] = definition
    return found


def cells(subject: Subject, names: Iterable[str] | None = None) -> list[CellKey]:
    """The cells of an API, those of the spec's cases among them, in the order of `CellKey.sort`."""
    keys: dict[tuple[str, ...], CellKey] = {}
    for name in names if names is not None else properties():
        for key in (*properties()[name].cells(subject), *case_keys(subject, name)):
            keys.setdefault(key.sort, key)
    return [keys[k] for k in sorted(keys)]


def judge_cell(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The verdict on one cell."""
    if key.variant.case:
        return judge_case(subject, key, executor)
    return properties()[key.property].verdict_on(subject, key, executor)
