"""What the terminal shows of a run: verdicts per target and API, findings worst first, where the report is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lossproof.reports import view, words
from lossproof.reports.columns import SEVERITIES, VERDICTS
from lossproof.reports.folder import Run

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

MOST_FINDINGS = 15
_STYLES = {
    "conforms": "green",
    "diverges": "red",
    "undocumented": "blue",
    "unsupported": "dim",
    "broken": "bold magenta",
}
_HEADS = {
    "conforms": "conforms",
    "diverges": "diverges",
    "undocumented": "undoc.",
    "unsupported": "unsupp.",
    "broken": "broken",
}
_SEVERITY_STYLES = {"S1": "bold red", "S2": "red", "S3": "yellow", "S4": "dim"}
_STATUS_STYLES = {
    "new": "bold red",
    "changed": "bold yellow",
    "known": "dim",
    "carried": "dim",
    "fixed": "green",
}


def summary(run: Run) -> Group:
    """The verdict table, at most 15 findings, and the closing lines, for printing with rich."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [_verdicts(run), Text(), *_findings(run), *_closing(run)]
    return Group(*parts)


def show(run: Run, stream: TextIO | None = None) -> None:
    """Print the summary. Colour only on a terminal and without NO_COLOR (rich sees to both)."""
    from rich.console import Console

    Console(file=stream, highlight=False, markup=False, emoji=False).print(summary(run))


def summary_json(run: Run) -> dict[str, Any]:
    """The summary as JSON data, for --json: counts by target and API, claims, findings, what is new, paths."""
    return {
        "path": str(run.path),
        "report": str(Path(run.path) / "report.html"),
        "run": dict(run.run),
        "verdicts": {
            target: {api: view.totals(list(counts.elements())) for api, counts in apis.items()}
            for target, apis in view.verdicts(run).items()
        },
        "cells": view.totals(run.results["verdict"].tolist()),
        "claims": view.totals(run.claims["verdict"].tolist()),
        "findings": [dict(finding) for finding in run.findings],
        "new": [finding["slug"] for finding in view.fresh(run.findings)],
    }


def plain(text: object) -> str:
    """One line without control characters: text of a framework must not steer the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def _verdicts(run: Run) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    counted = view.verdicts(run)
    shown = [
        v
        for v in VERDICTS
        if v in ("conforms", "diverges") or any(c[v] for a in counted.values() for c in a.values())
    ]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("cells by verdict", overflow="fold")
    for verdict in shown:
        table.add_column(_HEADS[verdict], justify="right", no_wrap=True)
    about = {matrix.target: matrix.about for matrix in view.matrices(run)}
    for target, apis in counted.items():
        described = about.get(target, "")
        head = plain(target) if not described else f"{plain(target)} ({plain(described)})"
        table.add_row(Text(head, style="bold"))
        for api, counts in apis.items():
            numbers = [
                Text(f"{counts[v]:,}" if counts[v] else ".", style=_STYLES[v] if counts[v] else "dim")
                for v in shown
            ]
            table.add_row(Text("  " + plain(api)), *numbers)
    if not counted:
        table.add_row(Text("no cells", style="dim"))
    return table


def _findings(run: Run) -> list[Text]:
    from rich.text import Text

    gathered = _by_slug(run)
    lines: list[Text] = []
    for finding, targets in gathered[:MOST_FINDINGS]:
        severity, status = plain(finding["severity"]), plain(finding["status"])
        head = Text.assemble(
            (severity, _SEVERITY_STYLES.get(severity, "")), " ",
            (status.ljust(8), _STATUS_STYLES.get(status, "")),
            (plain(finding["slug"]), "bold"), f"  {words.label(plain(finding['kind']))}",
            (f"  on {', '.join(map(plain, targets))}" if len(targets) > 1 else "", "dim"),
            no_wrap=True, overflow="ellipsis",
        )  # fmt: skip
        expected, observed = (plain(text) for text in words.both(finding))
        comparison = (
            f"expected {_cut(expected, 60)}, observed {_cut(observed, 60)}" if expected or observed else ""
        )
        lines += [head, Text(f"   {plain(finding['title'])}"), Text(f"   {comparison}", style="dim")]
    if len(gathered) > MOST_FINDINGS:
        lines.append(
            Text(
                f"and {words.count(len(gathered) - MOST_FINDINGS, 'finding')} more in the report", style="dim"
            )
        )
    if lines:
        lines.append(Text())
    return lines


def _by_slug(run: Run) -> list[tuple[Mapping[str, Any], list[str]]]:
    """Findings worst first; one that several targets share, with the same status, is listed once."""
    gathered: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for finding in run.findings:
        gathered.setdefault((finding["slug"], finding["status"]), (finding, []))[1].append(finding["target"])
    return list(gathered.values())


def _closing(run: Run) -> list[Text]:
    from rich.text import Text

    claims = view.totals(run.claims["verdict"].tolist())
    said = ", ".join(f"{n} {verdict}" for verdict, n in claims.items() if n)
    by_severity = ", ".join(
        f"{n} {severity}"
        for severity in SEVERITIES
        if (n := sum(f["severity"] == severity for f in run.findings))
    )
    found = len(_by_slug(run))
    lines = [
        Text(f"Claims    {said or 'none'}"),
        Text(f"Findings  {found}{f' ({by_severity})' if by_severity else ''}"),
    ]
    slugs = list(dict.fromkeys(plain(f["slug"]) for f in view.fresh(run.findings)))
    if slugs:
        more = f" and {len(slugs) - 5} more" if len(slugs) > 5 else ""
        lines.append(Text(f"New       {len(slugs)}: {', '.join(slugs[:5])}{more}", style="bold red"))
    else:
        lines.append(
            Text("New       nothing" + (": every finding is in the ledger" if found else ""), style="green")
        )
    if broken := int((run.results["verdict"] == "broken").sum()):
        lines.append(
            Text(f"Broken    {words.count(broken, 'cell')} could not be judged", style="bold magenta")
        )
    lines.append(Text(f"Report    {Path(run.path) / 'report.html'}", overflow="fold"))
    return lines


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
