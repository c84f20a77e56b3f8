"""Finds the edition of a spec that holds for the versions that a target reports."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from lossproof.specs.models import Edition, Spec


def covers(versions: str, version: str) -> bool:
    """Whether a release lies in a version range such as '>=2.4,<2.16'.

    A local part is ignored ('2.13.0+cpu' is 2.13.0), and a pre-release or development build counts as the
    release it leads to: '2.16.0rc0' lies in '>=2.16' and not in '<2.16'. A version that cannot be read
    lies in no range.
    """
    try:
        release = Version(Version(version).base_version)
    except InvalidVersion:
        return False
    return SpecifierSet(versions).contains(release, prereleases=True)


def edition_for(spec: Spec, versions: Mapping[str, str]) -> Edition | None:
    """The first edition whose package is in `versions` (package -> version) within its range, else None."""
    for edition in spec.editions:
        version = versions.get(edition.package)
        if version is not None and covers(edition.versions, version):
            return edition
    return None
