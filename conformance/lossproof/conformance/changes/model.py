"""The two sides of a comparison, a run of one target each as tables and samples keep it, and a cell that changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossproof.conformance.changes.answers import Difference
from lossproof.conformance.model.subject import TargetInfo
from lossproof.specs.models import Spec

CELL = ("api", "property", "region", "dtype", "variant")

RowKey = tuple[str, ...]
CellRow = Mapping[str, Any]
Sample = Mapping[str, Any]


@dataclass(frozen=True)
class Asking:
    """By whom and how a side was asked: enough to draw its batches again."""

    facts: TargetInfo
    seed: int
    specs: Sequence[Spec] = field(repr=False)


@dataclass(frozen=True)
class Side:
    """One of the two runs of one target: cells and samples by `CELL`, and what is known of APIs and findings."""

    name: str
    version: str
    rows: Mapping[RowKey, CellRow]
    samples: Mapping[RowKey, Sample]
    editions: Mapping[str, str] = field(default_factory=dict)
    """API -> edition that it was judged by"""
    drifted: frozenset[str] = frozenset()
    """APIs whose docstring is none of those that the edition was written from"""
    findings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """slug -> finding"""
    asking: Asking | None = None
    """None where it is not known, or another lossproof asked"""

    @property
    def absent(self) -> frozenset[str]:
        """The documented APIs that the target does not have: nothing was asked but whether they exist."""
        count = Counter(key[0] for key in self.rows)
        lone = (k for k in self.rows if count[k[0]] == 1 and k[1:] == ("signature", "-", "-", "-"))
        return frozenset(k[0] for k in lone if self.rows[k]["kind"] == "error")

    @property
    def apis(self) -> frozenset[str]:
        """The APIs that the run judged."""
        return frozenset(key[0] for key in self.rows) - self.absent


@dataclass(frozen=True)
class Seen:
    """One changed cell: its class and severity, the cause it belongs to, and how its answers differ, if sampled."""

    key: RowKey
    kind_of_change: str
    severity: str
    cause: tuple[str, ...]
    kind: str
    title: str
    moved: Difference | None
    behaves: tuple[Mapping[str, Any], ...] = ()
    """The semantic parameters of the old and of the new side, those that differ; () where they are not known."""


def same_question(old: Sample, new: Sample) -> bool:
    """Whether two samples were asked the same; the mode and the way of passing arrays may differ."""
    a, b = old.get("question"), new.get("question")
    names = ("init", "arrays", "options", "probe", "arguments")
    return not a or not b or all((a.get(n) or {}) == (b.get(n) or {}) for n in names)
