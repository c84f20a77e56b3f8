"""Records of a run of the zoo: every base and mutant with its cells, and the readings of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.zoo.judging import Cell, Found, JudgedFile
from benchmarks.zoo.model import Base, Mutant
from benchmarks.zoo.naming import names_line


@dataclass(frozen=True)
class Record:
    """One file judged: a base, or a mutant of it with the kind that it deserves."""

    slug: str
    base: str
    api: str
    arrays: str
    category: str
    kind: str
    """"" for a base"""
    says: str
    cells: tuple[Cell, ...]
    failed: str = ""
    names: tuple[str, ...] = ()
    """the words that name the line"""
    findings: tuple[Found, ...] | None = None
    """all of them, worst first; None in a file of before they were recorded"""

    @property
    def killers(self) -> tuple[str, ...]:
        """The properties that diverge in some cell, in the order in which they first do."""
        return tuple(dict.fromkeys(c.property for c in self.diverging))

    @property
    def diverging(self) -> tuple[Cell, ...]:
        """The cells that diverge."""
        return tuple(c for c in self.cells if c.verdict == "diverges")

    @property
    def first(self) -> Cell | None:
        """The first cell that diverges."""
        return next(iter(self.diverging), None)

    @property
    def broken(self) -> tuple[Cell, ...]:
        """The cells in which the harness failed."""
        return tuple(c for c in self.cells if c.verdict == "broken")

    @property
    def causes(self) -> tuple[tuple[str, str], ...]:
        """The (severity, kind) of what was found, worst first."""
        return tuple(sorted({cause for c in self.diverging for cause in c.causes}))

    @property
    def worst(self) -> tuple[str, ...]:
        """The kinds of the findings of the worst severity: what a reader sees first."""
        return tuple(kind for severity, kind in self.causes if severity == self.causes[0][0])

    @property
    def right(self) -> bool:
        """Whether a finding has the kind that it deserves."""
        return self.kind in {kind for _, kind in self.causes}

    @property
    def named(self) -> bool:
        """Whether the first finding's sentence names the line."""
        return any(names_line(f.title, self.names) for f in (self.findings or ())[:1])

    @property
    def foremost(self) -> bool:
        """Whether one of the worst findings has it."""
        return self.kind in self.worst


def record(base: Base, mutant: Mutant | None, judged: JudgedFile, failed: str = "") -> Record:
    """The record of a base or a mutant."""
    return Record(
        slug=mutant.slug if mutant else base.slug,
        base=base.slug,
        api=base.api,
        arrays=base.arrays,
        category=mutant.category if mutant else "",
        kind=mutant.kind if mutant else "",
        says=mutant.says if mutant else "right",
        cells=judged.cells,
        failed=failed,
        names=mutant.names if mutant else (),
        findings=judged.findings,
    )


Order = Callable[[str, str, str, str], Any]
"""The place of a cell, by property, region, dtype and variant."""


def in_order(item: Record, order: Order) -> Record:
    """The record as if its cells had been asked in another order, which changes what each of them had cost by its end.

    The cells of a group share their answers, so the first of them bears the cost: in any order that keeps groups
    together, and within them the properties in one order, that is the same cell.
    """
    spent = [(0, 0.0, 0.0), *((c.questions, c.seconds, c.cost) for c in item.cells)]
    own = {
        id(c): [b - a for a, b in zip(*pair, strict=True)]
        for c, pair in zip(item.cells, pairwise(spent), strict=True)
    }
    asked, seconds, cost, cells = 0, 0.0, 0.0, []
    for c in sorted(item.cells, key=lambda c: order(c.property, c.region, c.dtype, c.variant)):
        asked, seconds, cost = asked + int(own[id(c)][0]), seconds + own[id(c)][1], cost + own[id(c)][2]
        cells.append(replace(c, questions=asked, seconds=seconds, cost=cost))
    return replace(item, cells=tuple(cells))


@dataclass(frozen=True)
class Run:
    """All records of a run, and how they were asked."""

    examples: int
    properties: tuple[str, ...]
    bases: tuple[Record, ...]
    mutants: tuple[Record, ...]
    platform: str = ""
    versions: str = ""

    @property
    def accused(self) -> tuple[Record, ...]:
        """Right implementations in which something was found, or that could not be judged."""
        return tuple(b for b in self.bases if b.diverging or b.broken or b.failed)

    @property
    def survivors(self) -> tuple[Record, ...]:
        """Mutants in which nothing was found."""
        return tuple(m for m in self.mutants if not m.diverging)

    @property
    def mistaken(self) -> tuple[Record, ...]:
        """Mutants in which something was found, but not of the kind that they deserve."""
        return tuple(m for m in self.mutants if m.diverging and not m.right)

    @property
    def told(self) -> tuple[Record, ...]:
        """Mutants whose findings are recorded."""
        return tuple(m for m in self.mutants if m.findings is not None)

    def of(self, mutants: Mapping[str, Mutant]) -> Run:
        """The run without mutants that are gone since, and with the kinds and words that the others deserve today."""
        left = tuple(
            replace(r, kind=m.kind, category=m.category, says=m.says, names=m.names)
            for r in self.mutants
            if (m := mutants.get(r.slug)) is not None
        )
        return replace(self, mutants=left)

    def in_order(self, order: Order) -> Run:
        """The run as if cells had been asked in another order; no verdict depends on it."""
        bases, mutants = (tuple(in_order(r, order) for r in part) for part in (self.bases, self.mutants))
        return replace(self, bases=bases, mutants=mutants)

    def write(self, path: Path) -> None:
        """Write it as JSON, for `read` and for other programs."""
        path.write_text(json.dumps(asdict(self), indent=None, separators=(",", ":")), encoding="utf-8")


def read(paths: Sequence[Path]) -> Run:
    """The run that was written to files, in parts; of what several hold the last counts.

    Raises ValueError where they were not asked alike.
    """
    parts = [_read(path) for path in paths]
    if len(asked := {(p.examples, p.properties) for p in parts}) > 1:
        raise ValueError(f"parts of different runs: batches a cell and properties {sorted(asked)}")
    bases, mutants = ({r.slug: r for p in parts for r in getattr(p, which)} for which in ("bases", "mutants"))
    return replace(parts[0], bases=tuple(bases.values()), mutants=tuple(mutants.values()))


def _read(path: Path) -> Run:
    raw = json.loads(path.read_text(encoding="utf-8"))

    def one(data: dict[str, Any]) -> Record:
        cells = (Cell(**{**c, "causes": tuple(map(tuple, c["causes"]))}) for c in data["cells"])
        told = data.get("findings")
        findings = None if told is None else tuple(Found(**f) for f in told)
        names = tuple(data.get("names", ()))
        return Record(**{**data, "cells": tuple(cells), "names": names, "findings": findings})

    return Run(
        raw["examples"], tuple(raw["properties"]), tuple(map(one, raw["bases"])), tuple(map(one, raw["mutants"])),
        raw["platform"], raw["versions"],
    )  # fmt: skip
