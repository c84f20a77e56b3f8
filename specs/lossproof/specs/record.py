"""The record of slugs: `slugs.txt` beside the specs lists every slug that was ever given out.

A slug is the name of a case or claim in reports, in the ledger and in people's notes, so it never changes and
is never given to something else. The record makes that a rule which a program can check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lossproof.specs.models import Spec

FILE = "slugs.txt"
_HEAD = """\
# Slugs given out, which never change: API, kind, slug. Remade by
#     python -m lossproof.specs.lint --record PATHS
# A line is removed by hand only, where a spec was wrong to name the thing at all.
"""


def slugs_of(specs: Iterable[Spec]) -> set[str]:
    """Lines of the record for these specs."""
    return {line for spec in specs for line in _lines(spec)}


def _lines(spec: Spec) -> Iterator[str]:
    parts: Sequence[tuple[str, Iterable[str]]] = (
        ("edition", (e.slug for e in spec.editions)),
        ("claim", (c.slug for c in spec.claims)),
        ("case", (c.slug for c in spec.cases)),
    )
    for kind, slugs in parts:
        yield from (f"{spec.api} {kind} {slug}" for slug in slugs)


def read_record(folder: Path) -> set[str]:
    """Recorded lines of a folder; empty where it has no record."""
    file = folder / FILE
    if not file.is_file():
        return set()
    return {
        line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    }


def write_record(folder: Path, lines: Iterable[str]) -> None:
    """Write the record, sorted."""
    (folder / FILE).write_text(_HEAD + "".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
