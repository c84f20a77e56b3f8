"""Histories: in which release did each behaviour change, found by bisection between releases whose answers differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from lossproof.conformance.changes.compare import Change, compare
from lossproof.conformance.changes.model import CELL, Asking, Side
from lossproof.conformance.runs.judgement import columns_of
from lossproof.conformance.runs.run import Plan, TargetResult
from lossproof.specs import load_specs

TOLD = ("newly diverging", "changed", "changed but undocumented", "error appeared", "error disappeared", "fixed",
        "API removed", "API added")  # fmt: skip
"""The classes of change that a history tells; accuracy and pages change without a change of behaviour."""


@dataclass(frozen=True)
class Step:
    """Two releases next to each other among those looked at, and what changed from the first to the second.

    `adjacent`: whether no catalogued release lies between them.
    """

    before: str
    after: str
    adjacent: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class History:
    """The steps of a framework's releases in order, and the releases that could not be judged."""

    framework: str
    releases: tuple[str, ...]
    visited: tuple[str, ...]
    failed: dict[str, str]
    steps: tuple[Step, ...]


Visit = Callable[[Sequence[str]], Sequence[TargetResult]]
"""Judges releases, side by side where it can."""


def trace(framework: str, releases: Sequence[str], visit: Visit, plan: Plan, every: bool = False) -> History:
    """The releases in which behaviours changed. `releases` oldest first; `every` visits all instead of bisecting.

    `plan` is that by which `visit` judges.
    """
    seen: dict[str, Side | None] = {}
    failed: dict[str, str] = {}

    def look(wanted: Sequence[str]) -> None:
        new = [release for release in wanted if release not in seen]
        for release, result in zip(new, visit(new) if new else (), strict=True):
            seen[release] = None if result.failed else side(release, result, plan)
            if result.failed:
                failed[release] = result.failed

    order = list(releases)
    look(order if every else [order[0], order[-1]])
    if not every:
        open_ = [(0, len(order) - 1)]
        while open_:
            spans = [(a, b) for a, b in open_ if b - a > 1 and _differ(seen[order[a]], seen[order[b]])]
            look([order[(a + b) // 2] for a, b in spans])
            open_ = [half for a, b in spans for half in ((a, (a + b) // 2), ((a + b) // 2, b))]
    visited = [release for release in order if release in seen]
    good = [release for release in visited if seen[release] is not None]
    steps = []
    for before, after in pairwise(good):
        changes = _told(seen[before], seen[after])
        steps.append(Step(before, after, order.index(after) - order.index(before) == 1, tuple(changes)))
    return History(framework, tuple(order), tuple(visited), failed, tuple(steps))


def side(name: str, result: TargetResult, plan: Plan) -> Side:
    """A target judged by a plan as a side of a comparison."""
    rows = {tuple(str(getattr(row, n)) for n in CELL): columns_of(row) for row in result.rows}
    samples = {tuple(str(s[n]) for n in CELL): s for s in result.samples}
    editions = {c.api: c.edition for c in result.claims}
    findings = {f.slug: asdict(f) for f in result.findings}
    asking = Asking(result.facts, plan.seed, load_specs(plan.specs)) if result.facts else None
    return Side(name, result.target, rows, samples, editions, findings=findings, asking=asking)


def _differ(a: Side | None, b: Side | None) -> bool:
    """Whether it pays to look between two releases; a release that could not be judged says nothing."""
    return a is None or b is None or bool(_told(a, b))


def _told(a: Side | None, b: Side | None) -> list[Change]:
    return [] if a is None or b is None else [c for c in compare(a, b) if c.kind_of_change in TOLD]
