"""The registry: every property that a module of this room defines or an installed package brings; an API's cells."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from lossproof import oracle
from lossproof.conformance import properties as room
from lossproof.conformance.cases.cases import case_keys, judge_case
from lossproof.conformance.families.kinds import kinds
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import Outcome, Property
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.specs import extensions
from lossproof.specs.vocabulary import NORM_RULES, PROPERTIES


@cache
def properties() -> dict[str, Property]:
    """The properties by name, in alphabetical order.

    Raises:
        SpecError: an installed package brings something else, or a property of a name that is taken.
    """
    found: dict[str, Property] = {}
    for module in pkgutil.iter_modules(room.__path__):
        definition = getattr(importlib.import_module(f"{room.__name__}.{module.name}"), "PROPERTY", None)
        if definition is not None:
            found[definition.name] = definition
    _check_words()
    return dict(sorted(extensions.beside(found, PROPERTIES.group, Property).items()))


def _check_words() -> None:
    """Raise SpecError where an installed package brings no norm rule or kind: here, before a cell counts as broken."""
    kinds()
    for name, rule in extensions.objects(NORM_RULES.group).items():
        if not isinstance(rule, oracle.NormRule):
            raise extensions.fault(NORM_RULES.group, name, "it is no NormRule")


def cells(subject: Subject, names: Iterable[str] | None = None) -> list[CellKey]:
    """The cells of an API, those of the spec's cases among them, in the order of `CellKey.sort`."""
    keys: dict[tuple[str, ...], CellKey] = {}
    for name in names if names is not None else properties():
        for key in (*properties()[name].cells_of(subject), *case_keys(subject, name)):
            keys.setdefault(key.sort, key)
    return [keys[k] for k in sorted(keys)]


def judge_cell(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The verdict on one cell."""
    if key.variant.case:
        return judge_case(subject, key, executor)
    return properties()[key.property].verdict_on(subject, key, executor)
