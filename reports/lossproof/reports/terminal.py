"""What the terminal shows of a run: verdicts by target and API, findings worst first, where the report is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lossproof.reports import view, words
from lossproof.reports.columns import SEVERITIES, VERDICTS
from lossproof.reports.folder import Run

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

MOST_FINDINGS = 15
_STYLES = {
    "conforms": "green", "diverges": "red", "undocumented": "blue", "unsupported": "dim",
    "broken": "bold magenta",
}  # fmt: skip
_HEADS = {
    "conforms": "conform", "diverges": "diverge", "undocumented": "undoc", "unsupported": "unsup",
    "broken": "broken",
}  # fmt: skip
"""Short enough that the longest API name fits beside five counts in 80 columns."""
_SEVERITY_STYLES = {"S1": "bold red", "S2": "red", "S3": "yellow", "S4": "dim"}
_STATUS_STYLES = {
    "new": "bold red",
    "changed": "bold yellow",
    "known": "dim",
    "carried": "dim",
    "fixed": "green",
}


def summary(run: Run) -> Group:
    """The verdict tables, at most 15 findings, and the closing lines, for printing with rich."""
    from rich.console import Group

    return Group(*_verdicts(run), *_findings(run), *_closing(run))


def show(run: Run, stream: TextIO | None = None) -> None:
    """Print the summary. Colour only on a terminal and without NO_COLOR (rich sees to both)."""
    from rich.console import Console

    Console(file=stream, highlight=False, markup=False, emoji=False).print(summary(run))


def summary_json(run: Run) -> dict[str, Any]:
    """The summary as JSON data, for --json.

    `verdicts` counts cells by target, API and verdict, `cells` and `claims` by verdict, `judged` the cells that are
    not broken; `findings` are those of findings.json, `new` the slugs of the new and changed ones; `path` and
    `report` say where things lie.
    """
    return {
        "path": str(run.path),
        "report": str(Path(run.path) / "report.html"),
        "run": dict(run.run),
        "verdicts": {
            target: {api: {verdict: counts[verdict] for verdict in VERDICTS} for api, counts in apis.items()}
            for target, apis in view.verdicts(run).items()
        },
        "judged": run.judged,
        "cells": view.totals(run.results["verdict"].tolist()),
        "claims": view.totals(run.claims["verdict"].tolist()),
        "findings": [dict(finding) for finding in run.findings],
        "new": _new_slugs(run),
    }


def plain(text: object) -> str:
    """One line without control characters: text of a framework must not steer the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def _verdicts(run: Run) -> list[RenderableType]:
    from rich.text import Text

    counted = view.verdicts(run)
    if not counted:
        return [Text("No cell was judged.\n")]
    always = ("conforms", "diverges")
    found = {verdict for apis in counted.values() for counts in apis.values() for verdict in counts}
    shown = [verdict for verdict in VERDICTS if verdict in always or verdict in found]
    about = view.about(run)
    width = max(len(plain(api)) for apis in counted.values() for api in apis)
    parts: list[RenderableType] = []
    for target, apis in counted.items():
        described = plain(about[target])
        name = plain(target)
        parts.append(Text.assemble((name, "bold"), (f"  {described}" if described != name else "", "dim")))
        parts += [_target_table(apis, shown, width), Text()]
    return parts


def _target_table(apis: Mapping[str, Counter[str]], shown: Sequence[str], width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("cells", overflow="fold", min_width=min(width, 41) + 1)
    for verdict in shown:
        table.add_column(_HEADS[verdict], justify="right", no_wrap=True, min_width=len(_HEADS[verdict]))
    for api, counts in apis.items():
        numbers = [
            Text(f"{n:,}", style=_STYLES[verdict]) if (n := counts[verdict]) else Text(".", style="dim")
            for verdict in shown
        ]
        table.add_row(Text(plain(api)), *numbers)
    return table


def _findings(run: Run) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    gathered = _gathered(run)
    parts: list[RenderableType] = []
    for finding, targets in gathered[:MOST_FINDINGS]:
        severity, status = plain(finding["severity"]), plain(finding["status"])
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(f"{severity} ", style=_SEVERITY_STYLES.get(severity, ""))
        head.append(f"{status:<8}", style=_STATUS_STYLES.get(status, ""))
        head.append(plain(finding["slug"]), style="bold")
        head.append(f"  {words.label(plain(finding['kind']))}")
        if len(targets) > 1:
            head.append(f"  on {', '.join(map(plain, targets))}", style="dim")
        parts += [head, Padding(Text(_in_words(finding)), (0, 0, 0, 3))]
    if (more := len(gathered) - MOST_FINDINGS) > 0:
        parts.append(Text(f"and {words.count(more, 'finding')} more in the report", style="dim"))
    return [*parts, Text()] if parts else []


def _in_words(finding: Mapping[str, Any]) -> str:
    """What a finding does, and the expected and observed answer to its witness: a line or two."""
    title = _cut(plain(finding["title"]).rstrip("."), 110)
    place, expected, observed = words.first_difference(finding)
    if place:
        return f"{title}: expected {expected}, got {observed} at {place}"
    expected, observed = (_cut(plain(text), 44) for text in words.both(finding))
    return f"{title}: expected {expected}, got {observed}" if expected and observed else title


def _gathered(run: Run) -> list[tuple[Mapping[str, Any], list[str]]]:
    """Findings worst first, with their targets; one of several targets, with one status, is listed once."""
    gathered: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for finding in run.findings:
        gathered.setdefault((finding["slug"], finding["status"]), (finding, []))[1].append(finding["target"])
    return list(gathered.values())


def _closing(run: Run) -> list[RenderableType]:
    from rich.text import Text

    claims = view.totals(run.claims["verdict"].tolist())
    said = ", ".join(f"{n} {_HEADS[verdict]}" for verdict, n in claims.items() if n)
    gathered = _gathered(run)
    severities = Counter(finding["severity"] for finding, _ in gathered if finding["status"] != "fixed")
    by_severity = ", ".join(f"{severities[s]} {s}" for s in SEVERITIES if severities[s])
    lines: list[RenderableType] = [
        Text(f"claims    {said or 'none'}"),
        Text(f"findings  {sum(severities.values())}{f': {by_severity}' if by_severity else ''}"),
    ]
    for item in view.drifted(run):
        named = f"{plain(item.api)} on {plain(item.target)}"
        lines.append(Text(f"page      {named}: {plain(item.text)}", style="yellow"))
    if broken := int((run.results["verdict"] == "broken").sum()):
        lines.append(
            Text(f"broken    {words.count(broken, 'cell')} could not be judged", style="bold magenta")
        )
    if slugs := _new_slugs(run):
        more = f" and {len(slugs) - 5} more" if len(slugs) > 5 else ""
        lines.append(Text(f"new       {len(slugs)}: {', '.join(slugs[:5])}{more}", style="bold red"))
    elif not run.judged:
        lines.append(Text("new       unknown: nothing was judged", style="bold magenta"))
    else:
        known = "; every finding is in the ledger" if severities else ""
        lines.append(Text(f"new       nothing{known}", style="green"))
    lines.append(Text(f"report    {Path(run.path) / 'report.html'}", overflow="fold"))
    return lines


def _new_slugs(run: Run) -> list[str]:
    return list(dict.fromkeys(plain(finding["slug"]) for finding in view.fresh(run.findings)))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
