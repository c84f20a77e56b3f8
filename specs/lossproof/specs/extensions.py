"""Everything that other installed packages bring, found through their entry points.

The group `lossproof.extensions` brings data. An entry point names a package, as in

    [project.entry-points."lossproof.extensions"]
    tinyframe = "tinyframe_lossproof"

in whose folder lie `apis/*.yaml` (specs), `ledger/*.yaml` (known findings) and `frameworks/NAME/` (a framework, laid
out as lossproof's own in `lossproof.specs.frameworks`); each of the three may be missing. Nothing of the package is
imported: what is read is data, and its adapter runs in a worker.

Other groups bring one Python object an entry point: `lossproof.properties`, `lossproof.regions`,
`lossproof.norm_rules` and `lossproof.modes`. The entry point's name is that of the object, and its value is
`module:OBJECT`. An object is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from lossproof.specs.problems import Problem, SpecError

GROUP = "lossproof.extensions"
T = TypeVar("T")


@cache
def names(group: str) -> tuple[str, ...]:
    """The names of a group's entry points, in alphabetical order; nothing is imported."""
    return tuple(sorted({point.name for point in metadata.entry_points(group=group)}))


@cache
def objects(group: str) -> Mapping[str, Any]:
    """The objects of a group by name, in alphabetical order.

    Raises:
        SpecError: an object cannot be imported, calls itself something else, or has the name of another.
    """
    found: dict[str, Any] = {}
    for point in sorted(metadata.entry_points(group=group), key=lambda point: point.name):
        if point.name in found:
            raise _fault(point, "another installed package brings this name, too")
        found[point.name] = _loaded(point)
    return MappingProxyType(found)


def beside(built_in: Mapping[str, T], group: str, sort: type[T]) -> dict[str, T]:
    """The built-in objects by name, then those of a group, all of one type.

    Raises:
        SpecError: an installed package brings something else, or an object of a name that is taken.
    """
    found = dict(built_in)
    for name, brought in objects(group).items():
        if not isinstance(brought, sort):
            raise fault(group, name, f"it is no {sort.__name__}")
        if name in found:
            raise fault(group, name, f"lossproof has a {sort.__name__} of that name")
        found[name] = brought
    return found


@cache
def folders(kind: str) -> tuple[tuple[str, Path], ...]:
    """(name of the entry point, folder) of the folders called `kind` that extensions bring, in order of name.

    Raises:
        SpecError: an entry point names no folder.
    """
    found = {}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        if (folder := _folder_of(point) / kind).is_dir():
            found[folder] = point.name
    return tuple((name, folder) for folder, name in found.items())


def fault(group: str, name: str, message: str) -> SpecError:
    """The error for an object of a group that cannot be taken, with the package that brings it."""
    return _fault(next(point for point in metadata.entry_points(group=group) if point.name == name), message)


def _loaded(point: metadata.EntryPoint) -> Any:
    try:
        found = point.load()
    except (
        Exception
    ) as error:  # the code of others: whatever it raises, the user is told which package to mend
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise _fault(point, f"{point.value!r} cannot be loaded: {reason}") from error
    if (name := getattr(found, "name", point.name)) != point.name:
        raise _fault(point, f"{point.value!r} is called {name!r}")
    return found


def _folder_of(point: metadata.EntryPoint) -> Path:
    """The folder of the package that an entry point names, found without importing it or what it lies in."""
    first, *others = point.value.split(".")
    spec = find_spec(first)
    places = [
        Path(place).joinpath(*others) for place in (spec.submodule_search_locations if spec else None) or ()
    ]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise _fault(point, f"{point.value!r} is no package with a folder")
    return found


def _fault(point: metadata.EntryPoint, message: str) -> SpecError:
    brings = f" of {point.dist.name}" if point.dist else ""
    return SpecError([Problem(f"entry point {point.name}{brings}", 0, point.group, message)])
