"""Which cells a run asks, and whether a known finding could have shown in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, get_args

from lossproof.conformance.families.regions.registry import confined
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.model.suggestions import nearest
from lossproof.conformance.properties.registry import cells, properties
from lossproof.conformance.targets.model import UsageError
from lossproof.specs import vocabulary
from lossproof.specs.fields import DtypeName
from lossproof.specs.models import KnownFinding


@dataclass(frozen=True)
class Selection:
    """The cells that are asked: of these APIs (globs), properties, dtypes and regions; empty: of all."""

    apis: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether cells of the chosen APIs are left out, so that claims may lack those that decide them."""
        return bool(self.properties or self.dtypes or self.regions)

    def takes_api(self, api: str) -> bool:
        """Whether anything of an API is asked."""
        return not self.apis or any(fnmatchcase(api, glob) for glob in self.apis)

    def takes(self, key: CellKey) -> bool:
        """Whether a cell is asked. A case belongs to no region."""
        return (
            (not self.properties or key.property in self.properties)
            and (not self.dtypes or not {key.dtype, *key.variant.dtypes}.isdisjoint(self.dtypes))
            and (not self.regions or key.region in self.regions)
        )

    def __str__(self) -> str:
        """The options that say so."""
        named = {
            "--api": self.apis, "--property": self.properties, "--dtype": self.dtypes, "--region": self.regions,
        }  # fmt: skip
        return " ".join(f"{option} {name}" for option, names in named.items() for name in names)

    def covers(self, other: Selection) -> bool:
        """Whether all that the other selection asks is asked here. Globs are compared as they are written."""
        mine, theirs = asdict(self), asdict(other)
        return all(not mine[name] or (theirs[name] and set(theirs[name]) <= set(mine[name])) for name in mine)

    @classmethod
    def of_run(cls, run: Mapping[str, Any]) -> Selection:
        """The selection that run.json records; runs of older versions record APIs alone."""
        return cls(*(tuple(run.get(name) or ()) for name in ("apis", "properties", "dtypes", "regions")))


def known_properties(names: Sequence[str]) -> tuple[str, ...]:
    """The names; UsageError with the nearest ones for an unknown property."""
    return _known("property", names, properties() if names else ())


def known_dtypes(names: Sequence[str]) -> tuple[str, ...]:
    """The names; UsageError with the nearest ones for an unknown dtype."""
    return _known("dtype", names, get_args(DtypeName))


def known_regions(names: Sequence[str]) -> tuple[str, ...]:
    """The names; UsageError with the nearest ones for an unknown region."""
    return _known("region", names, vocabulary.REGIONS.words() if names else ())


def _known(what: str, names: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise UsageError(f"there is no {what} {name!r}; {nearest(str(name), known)}")
    return tuple(dict.fromkeys(names))


def could_show(known: KnownFinding, subject: Subject, keys: Iterable[CellKey]) -> bool:
    """Whether these cells of the API of its witness ask for what a known finding is about.

    One that shows in other cells, too, is found there; this says which are missed where they do not show it.
    """
    homes, cases = _homes(known, subject), {*known.behaves_as.cases, known.witness.case}
    regions = known.regions or confined(known.kind)
    by_rule = bool(known.behaves_as.parameters or known.behaves_as.predicate)
    for key in keys:
        if key.variant.case:
            if key.variant.case in cases:
                return True
        elif (
            by_rule
            and key.property in homes
            and (not regions or key.region in regions)
            and (not known.dtypes or not {key.dtype, *key.variant.dtypes}.isdisjoint(known.dtypes))
        ):
            return True
    return False


def _homes(known: KnownFinding, subject: Subject) -> set[str]:
    """The properties that a known finding is about."""
    if known.properties:
        return set(known.properties)
    if known.witness.wrt:
        return {"gradient"}
    of_cases = {c.property for c in subject.cases if c.slug in {*known.behaves_as.cases, known.witness.case}}
    of_kind = {p.name for p in properties().values() if p.kind == known.kind and cells(subject, [p.name])}
    return of_cases | of_kind or {"value"}
