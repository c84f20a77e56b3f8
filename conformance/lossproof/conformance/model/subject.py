"""The subject of a judgement: an API at the edition that documents the target's version, and the cells asked of it."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from lossproof.conformance.model.dtypes import promoted
from lossproof.specs.models import Case, Citation, Claim, Edition, KnownFinding, Option, Spec
from lossproof.specs.semantics import Semantics


@dataclass(frozen=True)
class TargetInfo:
    """The facts that a running target reports about itself: the columns of a result row that belong to the target."""

    target: str
    framework: str
    version: str
    companions: str = ""
    python: str = ""
    backend: str = ""
    mode: str = "eager"
    device: str = "cpu"
    packages: Mapping[str, str] = field(default_factory=dict, hash=False)
    usercode: bool = False
    """whether a user's own code is judged, in the place of a framework's"""

    def may_show(self, known: KnownFinding) -> bool:
        """Whether a finding of the ledger is about this backend, mode and device."""
        return (
            (not known.backends or self.backend in known.backends)
            and (not known.modes or self.mode in known.modes)
            and (not known.devices or self.device in known.devices)
        )


@dataclass(frozen=True)
class Variant:
    """The options and arrangements a cell asks with; everything unset is the default."""

    options: tuple[tuple[str, Any], ...] = ()
    weights: str = ""
    broadcast: str = ""
    dtypes: tuple[str, ...] = ()
    rank: int | None = None
    case: str = ""
    wrt: str = ""
    """the array that the gradient is asked for; "": the value is"""
    label: str = ""
    """the label that every row has, one that the documentation does not name; "": documented ones are drawn"""

    @property
    def slug(self) -> str:
        """`axis=0,reduction=sum`, or `-` where all is default."""
        parts = [f"{name}={_shown(value)}" for name, value in self.options]
        for name in ("weights", "broadcast", "rank", "case", "wrt", "label"):
            if value := getattr(self, name):
                parts.append(f"{name}={value}")
        if self.dtypes:
            parts.append("dtypes=" + "+".join(self.dtypes))
        return ",".join(parts) or "-"

    def having(self, **options: Any) -> Variant:
        """This variant with further options, in the order given."""
        return replace(self, options=tuple({**dict(self.options), **options}.items()))


def _shown(value: Any) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class CellKey:
    """A cell of one API, before the target is named: property x region x dtype x variant."""

    property: str
    region: str = "-"
    dtype: str = "-"
    variant: Variant = Variant()

    @builtins.property  # the field above has the design's word for its name
    def sort(self) -> tuple[str, ...]:
        """Order of cells in a run and in a table."""
        return (self.property, self.region, self.dtype, self.variant.slug)

    def __str__(self) -> str:
        return "/".join(self.sort)


@dataclass(frozen=True)
class Subject:
    """An API of a target, at the edition whose versions hold the target's version."""

    facts: TargetInfo
    spec: Spec
    edition: Edition

    @property
    def api(self) -> str:
        """Full name of the API."""
        return self.spec.api

    @property
    def semantics(self) -> Semantics:
        """The semantic parameters that the edition fixes."""
        return self.edition.semantics

    def option(self, role: str) -> Option | None:
        """The option of the API with this role."""
        return self.edition.call.option(role)

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """The role of each array by its name, in the order of the signature."""
        return {a.name: a.role for a in self.edition.call.arrays}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The name of each array by its role, in the order of the signature."""
        return {a.role: a.name for a in self.edition.call.arrays}

    def has(self, role: str) -> bool:
        """Whether the API takes an array of this role."""
        return self.edition.call.array(role) is not None

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The cases that belong to the edition."""
        return tuple(c for c in self.spec.cases if not c.editions or self.edition.slug in c.editions)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The claims that belong to the edition."""
        return tuple(c for c in self.spec.claims if not c.editions or self.edition.slug in c.editions)

    def case(self, slug: str) -> Case:
        """The case with this slug."""
        return next(c for c in self.cases if c.slug == slug)

    @cached_property
    def base(self) -> Variant:
        """The defaults, and a value for each option that has none."""
        required = (o for o in self.edition.call.options if o.required and o.ask)
        return Variant(tuple((o.name, o.ask[0]) for o in required))

    @cached_property
    def row_wise(self) -> Variant:
        """The variant that gives one value per row: reduction none where the API reduces by default."""
        reduction = self.option("reduction")
        if reduction is None or self.meaning(reduction.default) == "none":
            return self.base
        means = zip(self.reductions, reduction.means.values(), strict=True)
        return next((variant for variant, meaning in means if meaning == "none"), self.base)

    @cached_property
    def reductions(self) -> tuple[Variant, ...]:
        """A variant for each documented value of the reduction option."""
        option = self.option("reduction")
        if option is None:
            return ()
        return tuple(self.base.having(**{option.name: None if v == "null" else v}) for v in option.means)

    def meaning(self, reduction: Any) -> str:
        """The meaning of a documented value of the reduction option."""
        option = self.option("reduction")
        if option is None:
            return self.semantics.reduction
        return option.means[_shown(reduction)]

    def reduces_not(self, options: Mapping[str, Any]) -> bool:
        """Whether each row has a value of its own under these options."""
        option = self.option("reduction")
        return self.meaning(options.get(option.name, option.default) if option else None) == "none"

    def eps(self, options: Mapping[str, Any] | None = None) -> float | None:
        """The eps that the documentation fixes for these options; None where there is none."""
        option = self.option("eps")
        if option is None:
            fixed: float | None = self.semantics.fixed("eps")
            return fixed
        value = (options or {}).get(option.name, option.default)
        return None if value is None else float(value)

    def is_silent(self, key: CellKey) -> bool:
        """Whether the documentation says nothing on the cell's property or region."""
        return key.property in self.edition.silent or key.region in self.edition.silent

    @property
    def states_values(self) -> bool:
        """Whether the documentation says which value comes; else the semantic parameters are an assumption."""
        return "value" not in self.edition.silent

    def compute_dtype(self, *inputs: str) -> str:
        """The dtype in which the documentation lets the API compute for inputs of these dtypes."""
        fixed = self.semantics.compute_dtype
        return promoted(inputs) if fixed == "input" else fixed

    def claims_of(self, key: CellKey) -> Iterator[Claim]:
        """The claims that the cell decides, in the spec's order."""
        return (claim for claim in self.claims if any(selects(d, key) for d in claim.decided_by))

    def citation(self, key: CellKey) -> tuple[str, Citation]:
        """The claim (slug, or "") that the cell decides first, and where it is documented."""
        claim = next(self.claims_of(key), None)
        return (claim.slug, claim.citation(self.edition)) if claim else ("", self.edition.source)


def selects(decides: Any, key: CellKey) -> bool:
    """Whether a claim's `decided_by` entry selects a cell."""
    if decides.case is not None:
        return bool(key.variant.case == decides.case)
    return (
        decides.property == key.property
        and decides.region in (None, key.region)
        and decides.dtype in (None, key.dtype)
        and (decides.variant is None or fnmatchcase(key.variant.slug, decides.variant))
    )
