"""The families by name: those built in, and those of installed packages (entry points of `lossproof.families`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from lossproof.conformance.families import contrastive, cosine, cosine_embedding
from lossproof.conformance.families.model import Family
from lossproof.conformance.model.subject import Subject
from lossproof.specs import extensions
from lossproof.specs.semantics import GROUP as SEMANTICS
from lossproof.specs.semantics import families as documented

GROUP = "lossproof.families"
BUILT_IN: Mapping[str, Family] = MappingProxyType(
    {module.FAMILY.name: module.FAMILY for module in (cosine, cosine_embedding, contrastive)}
)


@cache
def families() -> Mapping[str, Family]:
    """Every family by name.

    Raises:
        SpecError: a package brings a family that there is already, one that cannot be loaded, or half of one.
    """
    found = extensions.beside(BUILT_IN, GROUP, Family)  # type: ignore[type-abstract]
    for name in documented():
        if name not in found:
            raise extensions.fault(SEMANTICS, name, f"no entry point of {GROUP} brings a Family of that name")
    return MappingProxyType(found)


def family_of(subject: Subject) -> Family:
    """The family of an API."""
    return families()[subject.spec.family]
