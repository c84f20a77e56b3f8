"""The tables of a run of the zoo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from benchmarks.zoo.records import Record, Run
from lossproof.conformance.properties.registry import properties
from lossproof.conformance.questions.schedule import asked_at, reported_at

MOST = 5
"""Mutants of which a table gives all findings."""
BUDGETS = (1, 10, 60)
"""Seconds of a run at which the share of mutants that are killed is read."""


def matrix(run: Run) -> pd.DataFrame:
    """A row for each mutant: what kills it, first where, after how many questions and seconds, under which kind."""
    rows = []
    for m in run.mutants:
        first = m.first
        rows.append(
            {
                "mutant": m.slug, "deserves": m.kind, "found": ", ".join(m.worst),
                "first killer": f"{first.property}, {first.region}" if first else "",
                "questions": first.questions if first else None,
                "seconds": round(seconds(run, m), 1) if first else None,
                "killed by": ", ".join(sorted(m.killers)),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def seconds(run: Run, mutant: Record) -> float:
    """Seconds of questions and judging up to the first kill, as the run over the base took for the same cells.

    The base is judged without any memory of earlier answers, as a user's code is.
    """
    base = next(b for b in run.bases if b.slug == mutant.base)
    first = mutant.first
    if first is None:
        return float("inf")
    name = (first.property, first.region, first.dtype, first.variant)
    same = next(c for c in base.cells if (c.property, c.region, c.dtype, c.variant) == name)
    return same.cost + same.seconds


def curve(run: Run, clock: Callable[[Run, Record], float] = seconds) -> pd.Series[float]:
    """Share of the mutants killed after each number of seconds, and in all."""
    times = [clock(run, m) for m in run.mutants]
    shares = {f"{b} s": sum(t <= b for t in times) / len(times) for b in BUDGETS}
    shares["in all"] = sum(t < float("inf") for t in times) / len(times)
    return pd.Series(shares)


def alone(run: Run) -> dict[str, list[str]]:
    """For each property the mutants that it kills and no other property does."""
    found: dict[str, list[str]] = {name: [] for name in properties()}
    for m in run.mutants:
        if len(m.killers) == 1:
            found[m.killers[0]].append(m.slug)
    return found


def by_property(run: Run) -> pd.DataFrame:
    """The numbers of mutants that each property kills, kills first, and kills alone; one of those, by name."""
    kills = Counter(name for m in run.mutants for name in m.killers)
    firsts = Counter(m.first.property for m in run.mutants if m.first)
    sole = alone(run)
    rows = [
        {
            "property": p,
            "kills": kills[p],
            "first": firsts[p],
            "alone": len(sole[p]),
            "for example": (sole[p] or [""])[0],
        }
        for p in properties()
    ]
    return pd.DataFrame(rows)


def of_findings(run: Run) -> pd.DataFrame:
    """The number of findings of a mutant, and how many mutants' first finding names the line; by kind, and in all."""
    kinds = sorted({m.kind for m in run.told})
    groups = {kind: [m for m in run.told if m.kind == kind] for kind in kinds} | {"in all": list(run.told)}
    rows = []
    for kind, mutants in groups.items():
        counts, named = [len(m.findings or ()) for m in mutants], sum(m.named for m in mutants)
        rows.append(
            {
                "kind": kind, "mutants": len(mutants), "median": median(counts), "90th percentile": ninetieth(counts),
                "most": max(counts), "first names the line": named, "share": f"{named / len(mutants):.0%}",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def ninetieth(counts: Sequence[int]) -> int:
    """The least number that no more than a tenth of the counts exceed."""
    return int(np.percentile(counts, 90, method="inverted_cdf"))


def most_findings(run: Run) -> pd.DataFrame:
    """The mutants with the most findings, and which they are."""
    worst = sorted(run.told, key=lambda m: -len(m.findings or ()))[:MOST]
    return pd.DataFrame(
        [
            {
                "mutant": m.slug, "findings": len(m.findings or ()),
                "which": ", ".join(f.slug for f in m.findings or ()),
            }
            for m in worst
        ]
    )  # fmt: skip


def unnamed(run: Run) -> pd.DataFrame:
    """The mutants whose first finding does not name the line: what they do, and what the finding says."""
    rows = [
        {
            "mutant": m.slug, "says": m.says, "words": ", ".join(m.names),
            "first finding": m.findings[0].title if m.findings else "none",
        }
        for m in run.told
        if not m.named
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["mutant", "says", "words", "first finding"])


def told(run: Run) -> str:
    """The findings of a mutant in one line."""
    if not run.told:
        return "findings: not recorded in this run"
    counts, named = [len(m.findings or ()) for m in run.told], sum(m.named for m in run.told)
    return (
        f"findings of a mutant: median {median(counts):g}, 90th percentile {ninetieth(counts)}, most {max(counts)}; "
        f"the first names the line for {named} of {len(run.told)} mutants"
    )


def text(run: Run) -> str:
    """The printed text."""
    parts = [matrix(run).to_string(index=False), by_property(run).to_string(index=False), _curve_words(run)]
    return "\n\n".join([*parts, told(run)])


def curves(run: Run) -> pd.DataFrame:
    """The share killed against seconds, as cells are asked and as they stand in tables."""
    orders = {"as asked": asked_at, "by region, dtype and variant, cases last": reported_at}
    return (
        pd.DataFrame(
            {name: curve(run.in_order(order)).map("{:.1%}".format) for name, order in orders.items()}
        )
        .T.rename_axis("order")
        .reset_index()
    )


def budgets(runs: Sequence[Run]) -> pd.DataFrame:
    """The kills for each number of batches a cell, and the median cost of judging a right implementation."""
    rows = []
    for run in sorted(runs, key=lambda r: r.examples):
        costs = [max((c.cost + c.seconds for c in b.cells), default=0.0) for b in run.bases]
        rows.append(
            {
                "batches": run.examples, "mutants": len(run.mutants),
                "killed": sum(bool(m.diverging) for m in run.mutants),
                "right kind": sum(m.right for m in run.mutants),
                "seconds": round(median(costs), 1),
                "missed": ", ".join(m.slug for m in run.survivors),
                "another kind": ", ".join(m.slug for m in run.mistaken),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _curve_words(run: Run) -> str:
    foremost = sum(m.foremost for m in run.mutants)
    count = f"{len(run.mutants)} mutants of {len(run.bases)} right implementations"
    count += f"; {foremost} with the kind that they deserve among the worst findings; killed after"
    return f"{count}\n{curves(run).to_string(index=False)}"


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown; what a mutant's answer says may hold a bar."""
    rows = [list(table.columns), ["---"] * len(table.columns), *table.astype(object).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(_shown, row)) + " |" for row in rows)


def _shown(value: object) -> str:
    if value is None or value != value:  # NaN: no kill
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).replace("|", r"\|").replace("\n", " ")


def into_page(run: Run, page: Path, others: Sequence[Run] = ()) -> None:
    """Write the tables between the markers of a page; `others` are runs with other numbers of batches.

    Those of the findings stay as they are where the run did not record them.
    """
    parts = {
        "matrix": matrix(run).pipe(markdown),
        "properties": by_property(run).pipe(markdown),
        "curves": curves(run).pipe(markdown),
    }
    if run.told:
        parts |= {
            "findings": of_findings(run).pipe(markdown),
            "most findings": most_findings(run).pipe(markdown),
            "unnamed": unnamed(run).pipe(markdown),
        }
    if others:
        parts["budgets"] = budgets([run, *others]).pipe(markdown)
    text_ = page.read_text(encoding="utf-8")
    for name, table in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, _, rest = text_.partition(begin)
        _, found, tail = rest.partition(end)
        if not found:
            raise ValueError(f"{page} has no place for the table: write the lines {begin} and {end}")
        text_ = f"{head}{begin}\n{table}\n{end}{tail}"
    page.write_text(text_, encoding="utf-8")
