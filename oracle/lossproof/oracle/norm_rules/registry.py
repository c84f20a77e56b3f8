"""Finds a norm rule by its name: a built-in one, or that of an installed package.

A package brings rules as entry points of the group `lossproof.norm_rules`. An entry point has the name of its rule, its
value is `module:OBJECT`, and the object is a `NormRule`. No package is looked for while the names are built in.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lossproof.oracle.errors import unknown
from lossproof.oracle.norm_rules.model import NormRule
from lossproof.oracle.norm_rules.rules import RULES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "lossproof.norm_rules"
NORM_RULES = tuple(rule.name for rule in RULES)
"""The names of the built-in norm rules."""
_BUILT_IN = dict(zip(NORM_RULES, RULES, strict=True))


def norm_rule(given: object) -> NormRule:
    """A norm rule by its name; a `NormRule` is one already.

    Raises:
        ValueError: no rule has this name, or the package that brings it is at fault.
    """
    if isinstance(given, NormRule):
        return given
    if isinstance(given, str) and given in _BUILT_IN:
        return _BUILT_IN[given]
    if isinstance(given, str) and given in _points():
        return _loaded(given)
    raise unknown("norm_rule", given, (*_BUILT_IN, *_points()))


@cache
def norm_rules() -> tuple[NormRule, ...]:
    """Every norm rule: those built in, then those of installed packages by name."""
    return (*RULES, *(_loaded(name) for name in _points() if name not in _BUILT_IN))


@cache
def _points() -> dict[str, EntryPoint]:
    # it takes a quarter as long to import as NumPy, for what few have
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in found:
            raise _fault(point, "another installed package brings this name, too")
        found[point.name] = point
    return found


@cache
def _loaded(name: str) -> NormRule:
    point = _points()[name]
    try:
        rule = point.load()
    except Exception as error:  # the code of others: whatever it raises, the package to mend is named
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise _fault(point, f"{point.value!r} cannot be loaded: {reason}") from error
    if not isinstance(rule, NormRule) or rule.name != name:
        raise _fault(point, f"{point.value!r} is no norm rule called {name!r}")
    return rule


def _fault(point: EntryPoint, message: str) -> ValueError:
    brings = f" of {point.dist.name}" if point.dist else ""
    return ValueError(f"entry point {point.name}{brings}: {GROUP}: {message}")
