"""A run as it is held in memory: its facts, its tables and its findings, worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossproof.reports.columns import FINDING_FIELDS, SEVERITIES, STATUSES
from lossproof.reports.guarded import json_safe

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A complete run: its facts, its tables (DESIGN section 6) and its findings, worst first."""

    path: Path
    run: Mapping[str, Any]
    results: pd.DataFrame
    claims: pd.DataFrame
    findings: tuple[Mapping[str, Any], ...]
    scripts: Mapping[str, str] = field(default_factory=dict)
    """reproducers by file name"""

    @property
    def judged(self) -> int:
        """How many cells were judged: all but those that are broken or unsupported. A run may have none."""
        return int((~self.results["verdict"].isin(("broken", "unsupported"))).sum())


def sort_findings(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Worst first: by severity, the new before the known, by how many cells, by slug; fixed ones last."""

    def rank(values: tuple[str, ...], value: Any) -> int:
        return values.index(value) if value in values else len(values)

    return sorted(
        findings,
        key=lambda f: (
            f["status"] == "fixed",
            rank(SEVERITIES, f["severity"]),
            rank(STATUSES, f["status"]),
            -int(f["cells"]),
            str(f["slug"]),
            str(f["target"]),
        ),
    )


def whole_finding(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    """A finding with every field of findings.json. Raises ValueError where it lacks a needed one."""
    missing = [name for name in FINDING_FIELDS[:19] if name not in finding]
    if missing:
        raise ValueError(f"finding {finding.get('slug', '?')!r} lacks {', '.join(missing)}")
    absent = {
        "properties": [],
        "regions": [],
        "dtypes": [],
        "statements": [],
        "reproducer": "",
        "cut_short": False,
    }
    whole = {**absent, **finding}
    safe: dict[str, Any] = json_safe({name: whole[name] for name in FINDING_FIELDS})
    for name in ("error_ulp", "error_over_bound"):
        if isinstance(whole[name], float) and math.isnan(whole[name]):
            safe[name] = None
    return safe
