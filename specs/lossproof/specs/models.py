"""The form of a spec: validated, frozen models of a YAML file.

A spec is data and can run nothing. `lossproof.specs.load` reads the files and reports errors with file, line
and field; docs/vocabulary.md explains the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from lossproof.specs.fields import (
    DeviceName,
    Dotted,
    DtypeName,
    Frozen,
    KindName,
    ModeName,
    Name,
    NameOrNone,
    PropertyName,
    Reduction,
    RegionName,
    Slug,
)
from lossproof.specs.semantics import Semantics

Severity = Literal["S1", "S2", "S3", "S4"]


def _versions(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier as problem:
        raise ValueError(f"{text!r} is no version range; write for example '>=2.4,<2.16'") from problem
    return text


class Citation(Frozen):
    """Where a statement stands: the document, the version it belongs to and the part of it."""

    document: Literal["page", "docstring", "tutorial", "paper"] = Field(description="what it stands in")
    where: str = Field(description="URL of a page, or full name of the documented object")
    version: str = Field(description="release that the document belongs to")
    section: str = Field(description="for example 'Args: axis', 'formula', 'example 2'")

    def __str__(self) -> str:
        return f"{self.where} ({self.document}, {self.version}): {self.section}"


class ArrayParameter(Frozen):
    """An array argument and its role in the family."""

    name: Name = Field(description="name of the parameter")
    role: str = Field(
        description="one of its family's, or `weights`; x is the first vector or the true one, y the second or the "
        "predicted one"
    )
    optional: bool = Field(False, description="whether a call may leave it out")
    dtype: DtypeName | None = Field(None, description="documented dtype where it is not that of x and y")


class Option(Frozen):
    """An option, its role, its documented default and the values worth asking for."""

    name: Name = Field(description="name of the parameter")
    role: str = Field(
        description="one of its family's parameters, `reduction`, `name` or `dtype`; `other` where it means nothing to "
        "the family"
    )
    at: Literal["init", "call"] = Field("call", description="init: given to the constructor of a class")
    default: Any = Field(None, description="documented default")
    required: bool = Field(False, description="whether it has no default")
    means: Mapping[str, Reduction] = Field(
        default_factory=dict,
        description="for a reduction: documented value -> divisor; None is written 'null'",
    )
    ask: tuple[Any, ...] = Field((), description="values to ask with besides the default")


class Call(Frozen):
    """How the API is called. A `class` is constructed with the options `at: init`, then called."""

    style: Literal["function", "class"] = Field(description="class: constructed, then called")
    arrays: tuple[ArrayParameter, ...] = Field(description="in the order of the signature")
    options: tuple[Option, ...] = Field((), description="in the order of the signature")

    def array(self, role: str) -> ArrayParameter | None:
        """The array parameter with this role, or None."""
        return next((a for a in self.arrays if a.role == role), None)

    def option(self, role: str) -> Option | None:
        """The first option with this role, or None."""
        return next((o for o in self.options if o.role == role), None)


class ArrayValues(Frozen):
    """A literal array of a case. Numbers, or strings such as '0x1p-3', 'nan' and 'inf' for special values."""

    values: Any = Field(description="nested lists, or one number")
    dtype: DtypeName = Field("float32", description="dtype of the array")
    form: Literal["tensor", "list"] = Field("tensor", description="list: given as nested Python lists")
    shape: tuple[int, ...] | None = Field(
        None, description="only for empty arrays, whose shape a list cannot say"
    )


class Expect(Frozen):
    """The expectation of a case: exactly one field is set."""

    printed: Any = Field(None, description="digits as the document prints them: nested lists of strings")
    oracle: Literal[True] | None = Field(None, description="the exact value of the documented formula")
    value: Any = Field(None, description="exact value: number, hex string, or nested lists of them")
    raises: tuple[Dotted, ...] | None = Field(
        None, description="any one of these classes; [] accepts any exception"
    )
    shape: tuple[int, ...] | None = Field(None, description="shape of the result")
    dtype: DtypeName | None = Field(None, description="dtype of the result")
    returns: Dotted | None = Field(None, description="name of a class that the result is an instance of")
    data: Any = Field(None, description="what a probe must return; of a mapping, the named entries")
    aliases: tuple[Dotted, ...] | None = Field(None, description="each resolves and answers as the API does")
    moves: Literal["closer", "apart"] | None = Field(
        None, description="a step of gradient descent moves the pair so"
    )
    runs: Literal[True] | None = Field(None, description="completes without an error")

    @model_validator(mode="after")
    def _exactly_one(self) -> Expect:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"exactly one expectation is needed, {len(given)} are given: {', '.join(given) or 'none'}"
            )
        return self


class Case(Frozen):
    """Given inputs with their expectation, by a slug that never changes."""

    slug: Slug = Field(description="its name for ever")
    says: str = Field(description="what is asked and why, in one line")
    property: PropertyName = Field("example", description="what is asserted")
    kind: KindName | None = Field(
        None, description="kind of a divergence where it is not the property's usual one"
    )
    editions: tuple[Slug, ...] = Field((), description="empty: all editions")
    ask: Literal[
        "call", "signature", "config", "attribute", "bases", "resolve", "descend", "fit", "strategy", "script"
    ] = Field("call", description="how it is asked, see the ways to ask")  # fmt: skip
    arrays: Mapping[Name, ArrayValues] = Field(
        default_factory=dict, description="by parameter; a bare nested list is a float32 tensor"
    )
    options: Mapping[Name, Any] = Field(
        default_factory=dict, description="options by name, wherever they are given"
    )
    arguments: Mapping[Name, Any] = Field(default_factory=dict, description="further arguments of a probe")
    mode: ModeName | None = Field(None, description="left out: the target's")
    positional: bool = Field(False, description="give the arrays by position")
    expect: Expect = Field(description="what must come of it")
    contradicts: str | None = Field(
        None, description="the other statement of the same document, where it contradicts itself"
    )

    @field_validator("arrays", mode="before")
    @classmethod
    def _short_form(cls, arrays: Any) -> Any:
        """A bare nested list is a float32 tensor."""
        if not isinstance(arrays, Mapping):
            return arrays
        return {k: v if isinstance(v, Mapping) else {"values": v} for k, v in arrays.items()}


class Decides(Frozen):
    """Cells that decide a claim: those of a case, or of a property (and region, dtype, variant)."""

    case: Slug | None = Field(None, description="the cell of this case")
    property: PropertyName | None = Field(None, description="the cells of this property")
    region: RegionName | None = Field(None, description="only those of this region")
    dtype: DtypeName | None = Field(None, description="only those of this dtype")
    variant: str | None = Field(None, description="glob over the variant's slug")

    @model_validator(mode="after")
    def _case_or_property(self) -> Decides:
        if (self.case is None) == (self.property is None):
            raise ValueError("name either a case or a property")
        return self


class Claim(Frozen):
    """One documented statement that can be checked, in our own words, with the cells that decide it."""

    slug: Slug = Field(description="its name for ever")
    says: str = Field(description="the statement, in your own words, in one line")
    cite: Citation = Field(description="where it stands")
    also: Mapping[Slug, Citation | str] = Field(
        default_factory=dict,
        description="edition -> where it is stated there, if not at `cite`; a text: a section of its source",
    )
    editions: tuple[Slug, ...] = Field((), description="empty: all editions")
    decided_by: tuple[Decides, ...] = Field(min_length=1, description="the cells that decide it")

    def citation(self, edition: Edition) -> Citation:
        """Where the statement stands in that edition."""
        found = self.also.get(edition.slug, self.cite)
        return edition.source.model_copy(update={"section": found}) if isinstance(found, str) else found


class Edition(Frozen):
    """The documentation over a range of versions of `package`."""

    slug: Slug = Field(description="its name for ever")
    package: str = Field(description="distribution whose version counts")
    versions: str = Field(description="range of versions, such as '>=2.4,<2.16'")
    source: Citation = Field(description="the document that the edition was written from")
    semantics: SerializeAsAny[Semantics] = Field(
        description="what the documentation fixes, in the family's parameters"
    )
    call: Call = Field(description="how the API is called")
    silent: tuple[PropertyName | RegionName, ...] = Field(
        (), description="properties and regions on which the documentation says nothing"
    )
    docstrings: Mapping[str, str] = Field(
        default_factory=dict, description="version -> SHA-256 of the docstring it was written from"
    )

    _check_versions = field_validator("versions")(_versions)


class Spec(Frozen):
    """One API: how it is called, its editions, claims and cases."""

    api: Dotted = Field(description="full name, as the documentation writes it; also the name of the file")
    framework: Name = Field(description="name of a file in `specs/lossproof/specs/frameworks`")
    family: str = Field(
        description="its definition: `cosine`, `cosine_embedding`, `contrastive`, or an installed one"
    )
    summary: str = Field(description="what the API gives, in one line of your own")
    editions: tuple[Edition, ...] = Field(min_length=1, description="at most one for a version")
    claims: tuple[Claim, ...] = Field((), description="what the documentation states")
    cases: tuple[Case, ...] = Field((), description="given inputs with what they must give")

    @model_validator(mode="after")
    def _consistent(self) -> Spec:
        names = {e.slug for e in self.editions}
        for slugs in (
            [e.slug for e in self.editions],
            [c.slug for c in self.claims],
            [c.slug for c in self.cases],
        ):
            if twice := sorted({s for s in slugs if slugs.count(s) > 1}):
                raise ValueError(f"slug used twice: {', '.join(twice)}")
        restricted: tuple[Claim | Case, ...] = (*self.claims, *self.cases)
        for item in restricted:
            if unknown := sorted(set(item.editions) - names):
                raise ValueError(
                    f"{item.slug}: unknown edition {', '.join(unknown)}; there are {', '.join(sorted(names))}"
                )
        cases = {c.slug for c in self.cases}
        for claim in self.claims:
            if unknown := sorted(set(claim.also) - (set(claim.editions) or names)):
                raise ValueError(
                    f"claim {claim.slug}: `also` names {', '.join(unknown)}, not among its editions"
                )
            if unknown := sorted({d.case for d in claim.decided_by if d.case} - cases):
                raise ValueError(f"claim {claim.slug}: unknown case {', '.join(unknown)}")
        return self


class BehavesAs(Frozen):
    """A rule that reproduces the wrong answers: other oracle parameters, a predicate on the inputs, or cases."""

    parameters: Mapping[Name, Any] = Field(
        default_factory=dict,
        description="semantic parameters in place of the documented ones, e.g. norm_rule, eps, score",
    )
    predicate: Literal[
        "squared_norm_underflows", "squared_norm_overflows", "product_underflows", "product_overflows",
        "squared_product_underflows", "squared_product_overflows", "cubed_product_overflows", "eps_vanishes",
        "zero_norm", "integer_input", "empty", "nonfinite", "weights_need_expansion",
    ] | None = Field(None, description="what the inputs have in common whose answers are wrong")  # fmt: skip
    cases: tuple[Slug, ...] = Field((), description="the cases that show it")

    @model_validator(mode="after")
    def _something(self) -> BehavesAs:
        if not (self.parameters or self.predicate or self.cases):
            raise ValueError("name parameters, a predicate or cases")
        return self


class Pinned(Frozen):
    """The smallest known input that shows a finding, and the answer it got."""

    api: Dotted = Field(description="full name")
    case: Slug | None = Field(None, description="a case of the spec, in place of arrays and options")
    arrays: Mapping[Name, ArrayValues] = Field(default_factory=dict, description="by parameter")
    options: Mapping[Name, Any] = Field(default_factory=dict, description="by name")
    wrt: NameOrNone = Field("", description="the array whose gradient is asked for; left out: the value is")
    answer: Mapping[str, Any] = Field(
        description="value (hex floats), dtype, shape, error or data as it came back"
    )

    _short_form = field_validator("arrays", mode="before")(Case._short_form.__func__)  # type: ignore[attr-defined]


class KnownFinding(Frozen):
    """A finding of the ledger: one cause behind diverging cells, looked at by a person."""

    slug: Slug = Field(description="its name for ever")
    title: str = Field(description="the cause, in one line")
    framework: Name = Field(description="name of the framework")
    apis: tuple[Dotted, ...] = Field(min_length=1, description="full names")
    package: str = Field(description="distribution whose version counts")
    versions: str = Field(description="range of versions that show it")
    kind: KindName = Field(description="what is wrong")
    severity: Severity = Field(description="S1 silent wrong values on ordinary input, to S4 notes")
    properties: tuple[PropertyName, ...] = Field((), description="empty: any")
    regions: tuple[RegionName, ...] = Field((), description="empty: any")
    dtypes: tuple[DtypeName, ...] = Field((), description="empty: any")
    backends: tuple[str, ...] = Field((), description="empty: any")
    modes: tuple[ModeName, ...] = Field((), description="empty: any")
    devices: tuple[DeviceName, ...] = Field((), description="empty: any")
    behaves_as: BehavesAs = Field(description="what reproduces the wrong answers")
    witness: Pinned = Field(description="what is asked first, and answered as pinned")
    reason: str = Field(description="why it comes to that, and what it means to a user")
    upstream: str | None = Field(None, description="link to the framework's own thread, where one exists")

    _check_versions = field_validator("versions")(_versions)


class Ledger(Frozen):
    """A file of known findings."""

    findings: tuple[KnownFinding, ...]

    @model_validator(mode="after")
    def _unique(self) -> Ledger:
        slugs = [f.slug for f in self.findings]
        if twice := sorted({s for s in slugs if slugs.count(s) > 1}):
            raise ValueError(f"slug used twice: {', '.join(twice)}")
        return self
