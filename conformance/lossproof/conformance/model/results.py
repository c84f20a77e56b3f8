"""Result rows: what a run says of every cell, every claim and every cause.

The field names of `Row` are the columns of results.parquet (design, section 6); reports read nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["conforms", "diverges", "undocumented", "unsupported", "broken"]
Status = Literal["", "new", "known", "changed", "fixed", "carried"]


@dataclass(frozen=True)
class Row:
    """The verdict on one cell. `expected`, `observed` and `witness` are JSON data with hex floats; None for none."""

    target: str
    framework: str
    version: str
    companions: str
    python: str
    backend: str
    mode: str
    device: str
    api: str
    property: str
    region: str
    dtype: str
    variant: str
    verdict: Verdict
    kind: str = ""
    severity: str = ""
    status: Status = ""
    finding: str = ""
    claim: str = ""
    citation: str = ""
    expected: Any = None
    observed: Any = None
    error_ulp: float | None = None
    error_over_bound: float | None = None
    grade: str = ""
    rows: int = 0
    witness: Any = None
    reproducer: str = ""
    upstream: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class ClaimRow:
    """The verdict on one claim of one target and the cells that decide it ("property/region/dtype/variant", by ";")."""

    target: str
    api: str
    edition: str
    claim: str
    says: str
    citation: str
    verdict: Verdict
    findings: str
    cells: str


@dataclass(frozen=True)
class Drift:
    """An API whose documentation changed since its spec was written.

    `written_from` is the newest version whose docstring the edition records, `version` the target's.
    """

    api: str
    edition: str
    written_from: str
    version: str


@dataclass(frozen=True)
class Finding:
    """One cause behind diverging cells of one target."""

    slug: str
    title: str
    target: str
    framework: str
    version: str
    apis: tuple[str, ...]
    kind: str
    severity: str
    status: Status
    behaves_as: Mapping[str, Any]
    reason: str
    upstream: str
    citation: str
    witness: Mapping[str, Any]
    """api, init, arrays {name: {values (nested hex floats), dtype, shape}}, options, mode, probe; and device."""
    expected: Mapping[str, Any]
    """one of value (nested hex floats), error, shape, dtype, says; `exact` may give a decimal enclosure."""
    observed: Mapping[str, Any]
    """outcome, and value, error, message, shape, dtype or note."""
    error_ulp: float | None
    error_over_bound: float | None
    cells: int
    properties: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    statements: tuple[str, ...] = field(default=())
    """for kind documentation: the two statements that contradict each other."""
    reproducer: str = ""
    """path of the script inside the run folder"""
    cut_short: bool = False
    """whether the emergency stop ended the search for its cause or its witness: the run is comparable to no other"""
