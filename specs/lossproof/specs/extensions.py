"""Specs, ledgers and frameworks that other installed packages bring: entry points of the group `lossproof.extensions`.

An entry point names a package, as in

    [project.entry-points."lossproof.extensions"]
    tinyframe = "tinyframe_lossproof"

in whose folder lie `apis/*.yaml` (specs), `ledger/*.yaml` (known findings) and `frameworks/NAME/` (a framework, laid
out as lossproof's own in `lossproof.specs.frameworks`); each of the three may be missing. Nothing of the package is
imported: what is read is data, and its adapter runs in a worker.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from lossproof.specs.problems import Problem, SpecError

GROUP = "lossproof.extensions"


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


def _folder_of(point: metadata.EntryPoint) -> Path:
    """The folder of the package that an entry point names, found without importing it or what it lies in."""
    first, *others = point.value.split(".")
    spec = find_spec(first)
    places = [
        Path(place).joinpath(*others) for place in (spec.submodule_search_locations if spec else None) or ()
    ]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        brings = f" of {point.dist.name}" if point.dist else ""
        raise SpecError(
            [
                Problem(
                    f"entry point {point.name}{brings}",
                    0,
                    GROUP,
                    f"{point.value!r} is no package with a folder",
                )
            ]
        )
    return found
