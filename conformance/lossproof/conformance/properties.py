"""The registry: every property that a file of the suite defines, and the cells of an API."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from lossproof.conformance import suite
from lossproof.conformance.asker import Asker
from lossproof.conformance.cases import case_keys, judge_case
from lossproof.conformance.property import Outcome, Property
from lossproof.conformance.sampling import sample, sample_of_case
from lossproof.conformance.subject import Key, Subject


@cache
def properties() -> dict[str, Property]:
    """The properties by name, in alphabetical order."""
    found = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(suite.__path__) if m.name.startswith("test_")):
        definition = getattr(importlib.import_module(f"{suite.__name__}.{module}"), "PROPERTY", None)
        if definition is not None:
            found[definition.name] = definition
    return found


def cells(subject: Subject, names: Iterable[str] | None = None) -> list[Key]:
    """The cells of an API, those of the spec's cases among them, in the order of `Key.sort`."""
    keys: dict[tuple[str, ...], Key] = {}
    for name in names if names is not None else properties():
        for key in (*properties()[name].cells(subject), *case_keys(subject, name)):
            keys.setdefault(key.sort, key)
    return [keys[k] for k in sorted(keys)]


def judge(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """The verdict on one cell."""
    if key.variant.case:
        outcome = judge_case(subject, key, asker)
        return replace(outcome, sample=sample_of_case(subject, outcome))
    outcome = properties()[key.property].judge(subject, key, asker)
    return replace(outcome, sample=sample(subject, key, asker))
