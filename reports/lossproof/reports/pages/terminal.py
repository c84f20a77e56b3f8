"""The terminal's summary of a run: verdicts by target and API, findings worst first, where the report is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from lossproof.reports import words
from lossproof.reports.columns import SEVERITIES, VERDICTS
from lossproof.reports.pages import gaps, view
from lossproof.reports.pages.console import new_console
from lossproof.reports.run import Run

MOST_FINDINGS = 15
MOST_TARGETS = 4
MOST_SLUGS = 5
MOST_REASONS = 5
MOST_UNJUDGED = 3
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
    return Group(*_verdicts(run), *_findings(run), *_closing(run))


def show(run: Run, stream: TextIO | None = None) -> None:
    """Print the summary."""
    new_console(stream).print(summary(run))


def summary_json(run: Run) -> dict[str, Any]:
    """The summary as JSON data, for --json.

    `verdicts` counts cells by target, API and verdict, `cells` and `claims` by verdict, `judged` the cells that are
    not broken; `findings` are those of findings.json, `new` the slugs of the new and changed ones; `unjudged` are the
    APIs none of whose values was judged, `broken` the reasons why cells could not be; `path` and `report` say where
    things lie.
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
        "unjudged": [
            {"target": item.target, "api": item.api, "why": item.why, "checked": list(item.checked)}
            for item in gaps.unjudged(run)
        ],
        "broken": [{"reason": item.reason, "cells": item.cells} for item in gaps.broken(run)],
    }


def plain(text: object) -> str:
    """One line without control characters: text of a framework must not steer the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def _verdicts(run: Run) -> list[RenderableType]:
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
        parts += [Counts(apis, shown, width), Text()]
    return parts


@dataclass(frozen=True)
class Counts:
    """The cells of a target by API and verdict: a table where it fits, else each API with its counts below it."""

    apis: Mapping[str, Counter[str]]
    shown: Sequence[str]
    width: int
    """of the longest name of an API in the run, so that the tables of all targets have one layout"""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, or the list where the table is too wide, for rich to print."""
        needed = self.width + 2 + sum(self._width(verdict) + 1 for verdict in self.shown)
        yield self._table() if needed <= options.max_width else self._list()

    def _width(self, verdict: str) -> int:
        return max(len(_HEADS[verdict]), *(len(f"{counts[verdict]:,}") for counts in self.apis.values()))

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
        table.add_column("cells", no_wrap=True, min_width=self.width + 1)
        for verdict in self.shown:
            table.add_column(_HEADS[verdict], justify="right", no_wrap=True)
        for api, counts in self.apis.items():
            numbers = [
                Text(f"{n:,}", style=_STYLES[verdict]) if (n := counts[verdict]) else Text(".", style="dim")
                for verdict in self.shown
            ]
            table.add_row(Text(plain(api)), *numbers)
        return table

    def _list(self) -> Group:
        parts: list[RenderableType] = []
        for api, counts in self.apis.items():
            said = [Text(f"{n:,} {_HEADS[v]}", style=_STYLES[v]) for v in self.shown if (n := counts[v])]
            parts += [Text(plain(api), overflow="fold"), Hanging("  ", Text(", ").join(said))]
        return Group(*parts)


def _findings(run: Run) -> list[RenderableType]:
    gathered = _gathered(run)
    parts: list[RenderableType] = []
    for finding, targets in gathered[:MOST_FINDINGS]:
        severity, status = plain(finding["severity"]), plain(finding["status"])
        head = Text(overflow="fold")
        head.append(f"{severity} ", style=_SEVERITY_STYLES.get(severity, ""))
        head.append(f"{status:<8}", style=_STATUS_STYLES.get(status, ""))
        head.append(plain(finding["slug"]), style="bold")
        head.append(f"  {words.label(plain(finding['kind']))}")
        if len(targets) > 1:
            head.append(f"  on {_few(targets, MOST_TARGETS)}", style="dim")
        parts += [head, Hanging("   ", Text(_in_words(finding)))]
    if (more := len(gathered) - MOST_FINDINGS) > 0:
        parts.append(Text(f"and {words.count(more, 'finding')} more in the report", style="dim"))
    return [*parts, Text()] if parts else []


def _in_words(finding: Mapping[str, Any]) -> str:
    """A finding's title, and the expected and observed answer to its witness: a line or two."""
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
    claims = view.totals(run.claims["verdict"].tolist())
    said = ", ".join(f"{n} {_HEADS[verdict]}" for verdict, n in claims.items() if n)
    gathered = _gathered(run)
    severities = Counter(finding["severity"] for finding, _ in gathered if finding["status"] != "fixed")
    by_severity = ", ".join(f"{severities[s]} {s}" for s in SEVERITIES if severities[s])
    lines: list[RenderableType] = [
        *_unjudged(run),
        _line("claims", said or "none"),
        _line("findings", f"{sum(severities.values())}{f': {by_severity}' if by_severity else ''}"),
    ]
    for item in view.drifted(run):
        named = f"{plain(item.api)} on {plain(item.target)}"
        lines.append(_line("page", f"{named}: {plain(item.text)}", "yellow"))
    lines += [_line("pilot", plain(text)) for text in view.suspected(run)]
    lines += _broken(run)
    if slugs := _new_slugs(run):
        lines.append(_line("new", f"{len(slugs)}: {_few(slugs, MOST_SLUGS)}", "bold red"))
    elif gaps.nothing_judged(run):
        lines.append(_line("new", "unknown; nothing was judged", "bold magenta"))
    else:
        known = "; every finding is in the ledger" if severities else ""
        known = known or (" in what was judged" if gaps.unjudged(run) else "")
        lines.append(_line("new", f"nothing{known}", "green"))
    lines.append(Text(f"report    {Path(run.path) / 'report.html'}", overflow="fold"))
    return lines


def _line(name: str, text: str, style: str = "") -> Hanging:
    """One of the closing lines: a word, and what it is about."""
    return Hanging(f"{name:<10}", Text(text), style)


@dataclass(frozen=True)
class Hanging:
    """Text behind a word, or an indent, under which its further lines begin; nothing in it is cut."""

    head: str
    body: Text
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the wrapped lines, the head before the first, for rich to print."""
        indent = len(self.head)
        wrapped = self.body.wrap(console, max(options.max_width - indent, 1), overflow="fold")
        for number, line in enumerate(wrapped):
            yield Text(" " * indent if number else self.head, style=self.style) + line


def _unjudged(run: Run) -> list[RenderableType]:
    """The APIs none of whose values was judged: said before anything that sounds like a pass."""
    if not (found := gaps.unjudged(run)):
        return []
    several = len({item.target for item in found}) > 1
    lines: list[RenderableType] = []
    for item in found[:MOST_UNJUDGED]:
        on = f" on {plain(item.target)}" if several else ""
        lines.append(_line("no value", f"was judged by a formula{on}: {plain(item.why)}", "bold yellow"))
        lines.append(_line("", f"judged instead: {plain(item.instead)}"))
    if (more := len(found) - MOST_UNJUDGED) > 0:
        lines.append(_line("", f"and so for {words.count(more, 'other API')}; the report names them"))
    return [*lines, _line("", f"what to do: {gaps.UNJUDGED_ADVICE}")]


def _broken(run: Run) -> list[RenderableType]:
    """How many cells could not be judged, and why: the most frequent reasons with their counts."""
    if not (found := gaps.broken(run)):
        return []
    cells = sum(item.cells for item in found)
    lines: list[RenderableType] = [
        _line("broken", f"{words.count(cells, 'cell')} could not be judged", "bold magenta")
    ]
    lines += [_line("", f"{item.cells:,}: {_cut(plain(item.reason), 140)}") for item in found[:MOST_REASONS]]
    if (more := len(found) - MOST_REASONS) > 0:
        lines.append(_line("", f"and {words.count(more, 'reason')} more in the report"))
    return lines


def _few(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(plain, names[:most]))}{more}"


def _new_slugs(run: Run) -> list[str]:
    return list(dict.fromkeys(plain(finding["slug"]) for finding in view.fresh(run.findings)))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
