"""The regions that there are, by name, by the input of an API, and by the property that asks them."""

from __future__ import annotations

from functools import cache
from typing import Final

from lossproof.conformance.families.regions import distances, vectors
from lossproof.conformance.families.regions.model import ORDINARY, Region
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.model.subject import Subject
from lossproof.specs import extensions
from lossproof.specs.problems import Problem, SpecError

GROUP: Final = "lossproof.regions"
SHARED: Final = tuple(Region.__dataclass_fields__)[tuple(Region.__dataclass_fields__).index("place") :]
"""The fields in which regions of one name agree, whatever their input."""

NOWHERE: Final = Region(name="-", draw=vectors.ORDINARY.draw, place=-1)
"""The region of a case, whose arrays the spec writes out."""


@cache
def regions() -> tuple[Region, ...]:
    """All regions: the suite's own, then those that installed packages bring, in the order of their entry points.

    Raises:
        SpecError: an entry point names no region, or one that contradicts another of its name.
    """
    found = [*vectors.REGIONS, *distances.REGIONS]
    for name, brought in extensions.objects(GROUP).items():
        for region in brought if isinstance(brought, tuple) else (brought,):
            found.append(_fitting(name, region, found))
    return tuple(found)


def _fitting(name: str, region: object, others: list[Region]) -> Region:
    """The object of an entry point, if it is a region of that name that fits with all others."""
    if not isinstance(region, Region) or region.name != name:
        raise _fault(name, f"is no Region, or a tuple of Regions, whose name is {name!r}")
    for other in others:
        if (other.name, other.space) == (name, region.space):
            raise _fault(name, f"a region of that name in the space {region.space!r} is there already")
        differ = [f for f in SHARED if other.name == name and getattr(other, f) != getattr(region, f)]
        if differ:
            raise _fault(name, f"another region of that name differs in {', '.join(differ)}")
    return region


def _fault(name: str, what: str) -> SpecError:
    return SpecError([Problem(f"entry point {name}", 0, GROUP, what)])


def names() -> tuple[str, ...]:
    """The names of all regions, each once."""
    return tuple(dict.fromkeys(region.name for region in regions()))


@cache
def named(name: str) -> Region:
    """A region of this name, whatever its input: for the fields that all of them share. Cases have `NOWHERE`."""
    return next((region for region in regions() if region.name == name), NOWHERE)


def of_inputs(subject: Subject) -> tuple[Region, ...]:
    """The regions of the arrays that an API takes."""
    return in_space(family_of(subject).inputs.space)


def in_space(space: str) -> tuple[Region, ...]:
    """The regions of a space."""
    return tuple(region for region in regions() if region.space == space)


def of(subject: Subject, name: str) -> Region:
    """The region of this name for the arrays that the API takes."""
    return next((r for r in of_inputs(subject) if r.name == name), named(name))


def asked(property_: str, subject: Subject, dtype: str) -> tuple[str, ...]:
    """The names of the regions in which a property asks an API in a dtype."""
    return tuple(
        region.name
        for region in of_inputs(subject)
        if dtype in region.asked_by.get(property_, ()) and region.possible(subject, dtype)
    )


def possible(name: str, subject: Subject, dtype: str) -> bool:
    """Whether the API has a region of this name that means something in a dtype."""
    return any(region.possible(subject, dtype) for region in of_inputs(subject) if region.name == name)


def shows(name: str) -> Region:
    """The region whose differences are of this kind, or else that of ordinary rows."""
    return next((region for region in regions() if region.kind == name), named(ORDINARY))


def confined(kind: str) -> tuple[str, ...]:
    """The names of the regions outside of which findings of this kind do not show; (): they may show in any."""
    return tuple(dict.fromkeys(region.name for region in regions() if kind in region.kinds))
