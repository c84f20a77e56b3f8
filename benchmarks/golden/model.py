"""Golden lines: the key of a row, claim, finding or change, and digests of its words and of its values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

SAID = ("verdict", "kind", "severity", "status", "finding", "claim", "citation")
VALUES = ("expected", "observed", "error_ulp", "error_over_bound", "grade", "rows", "witness")
CELL = ("framework", "backend", "mode", "api", "property", "region", "dtype", "variant")
FINDING = ("title", "apis", "kind", "severity", "status", "behaves_as", "citation", "cells", "reproducer")
SHOWN = ("witness", "expected", "observed", "error_ulp", "error_over_bound")

Lines = dict[str, tuple[str, str]]
"""key -> (digest of the words, digest of the values)"""


def digest(record: Mapping[str, Any], names: Iterable[str]) -> str:
    """Eight digits that depend on these fields alone."""
    text = json.dumps([record.get(name) for name in names], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def of_run(run: Any) -> Lines:
    """The lines of a run folder that was read back (`lossproof.reports.Run`)."""
    lines: Lines = {}
    for row in run.results.to_dict("records"):
        lines["\x1f".join(("row", *(str(row[name]) for name in CELL)))] = (
            digest(row, SAID),
            digest(row, VALUES),
        )
    for claim in run.claims.to_dict("records"):
        key = "\x1f".join(("claim", *(str(claim[name]) for name in ("target", "api", "edition", "claim"))))
        lines[key] = (digest(claim, ("verdict", "findings")), digest(claim, ("cells",)))
    for finding in run.findings:
        key = "\x1f".join(("finding", str(finding["target"]), str(finding["slug"])))
        lines[key] = (digest(finding, FINDING), digest(finding, SHOWN))
    return lines


def of_comparison(told: Mapping[str, Any]) -> Lines:
    """The lines of a comparison (`lossproof compare --json`)."""
    lines = {"comparison\x1fcells": (str(told["cells"]), str(len(told["changes"])))}
    for change in told["changes"]:
        said = {name: value for name, value in change.items() if name not in ("old", "new", "scripts")}
        lines["\x1f".join(("change", str(change["slug"])))] = (
            digest(said, sorted(said)),
            digest(change, ("old", "new")),
        )
    return lines


def write(path: Path, lines: Lines) -> None:
    """Write lines as a table, sorted by key."""
    text = "".join(
        f"{key.replace(chr(0x1F), '|')}\t{said}\t{values}\n" for key, (said, values) in sorted(lines.items())
    )
    path.write_text(text, encoding="utf-8")


def read(path: Path) -> Lines:
    """The lines of a table."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {key.replace("|", "\x1f"): (said, values) for key, said, values in rows}


@dataclass(frozen=True)
class Allowed:
    """An intended difference with its reason: in `what` of the keys that match the glob `lines`."""

    lines: str
    what: tuple[str, ...]
    reason: str


def allowed(path: Path) -> tuple[Allowed, ...]:
    """The differences that are allowed today."""
    found = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return tuple(Allowed(item["lines"], tuple(item["what"]), item["reason"]) for item in found)


def differences(before: Lines, after: Lines, granted: Iterable[Allowed]) -> list[str]:
    """The differences that are not allowed, a line each: gone, new, said or values."""
    granted = tuple(granted)
    found = []
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            what = ["gone"]
        elif key not in before:
            what = ["new"]
        else:
            pairs = zip(("said", "values"), before[key], after[key], strict=True)
            what = [name for name, old, new in pairs if old != new]
        shown = key.replace("\x1f", "|")
        found += [
            f"{name:<7}{shown}"
            for name in what
            if not any(name in item.what and fnmatchcase(shown, item.lines) for item in granted)
        ]
    return found
