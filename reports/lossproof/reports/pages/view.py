"""The contents of every rendering, counted and put in order once: verdicts, matrices, undocumented behaviours."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossproof.reports import words
from lossproof.reports.columns import JUDGED_BY_OLDER, PROPERTIES, VERDICTS
from lossproof.reports.pages import gaps
from lossproof.reports.run import Run

_WORST = ("broken", "diverges", "conforms", "undocumented", "unsupported")
"""A square shows the first of these that occurs. One judged cell says more than a silent one."""


@dataclass(frozen=True)
class Lead:
    """Where a square leads: a finding or a reason, and how many of the square's cells it is behind."""

    anchor: str
    text: str
    cells: int


@dataclass(frozen=True)
class Square:
    """One API and one property of a matrix: the verdict that matters most, and how many cells have which."""

    anchor: str
    """the fragment of the list of its leads"""
    verdict: str
    counts: Mapping[str, int]
    fresh: bool
    """whether a diverging cell is new or changed"""
    leads: tuple[Lead, ...]
    """the findings of its diverging cells, worst first, then the reasons of its broken ones"""

    @property
    def marks(self) -> tuple[tuple[str, str, int], ...]:
        """(verdict, sign, cells) of what it shows: its broken and its diverging cells, else its one verdict."""
        bad = [verdict for verdict in _WORST[:2] if self.counts.get(verdict)]
        return tuple((v, words.VERDICT_SIGNS[v], self.counts.get(v, 0)) for v in bad or [self.verdict])

    @property
    def href(self) -> str:
        """The fragment that it links to: its one lead, the list of several, or "" for none."""
        return self.leads[0].anchor if len(self.leads) == 1 else self.anchor if self.leads else ""

    @property
    def text(self) -> str:
        """The counts in words: "40 cells: 37 conforms, 3 diverges"."""
        total = sum(self.counts.values())
        parts = [f"{n} {verdict}" for verdict in VERDICTS if (n := self.counts.get(verdict, 0))]
        return f"{words.count(total, 'cell')}: {', '.join(parts)}"


@dataclass(frozen=True)
class Matrix:
    """APIs x properties of one target; None where a property means nothing for an API."""

    target: str
    about: str
    properties: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Square | None, ...]], ...]

    @property
    def behind(self) -> tuple[tuple[str, str, Square], ...]:
        """(API, property, square) of the squares that lead to several places."""
        return tuple(
            (api, prop, square)
            for api, squares in self.rows
            for prop, square in zip(self.properties, squares, strict=True)
            if square is not None and len(square.leads) > 1
        )


def verdicts(run: Run) -> dict[str, dict[str, Counter[str]]]:
    """target -> API -> how many cells have which verdict."""
    found: dict[str, dict[str, Counter[str]]] = {}
    columns = (run.results[name].tolist() for name in ("target", "api", "verdict"))
    for target, api, verdict in zip(*columns, strict=True):
        found.setdefault(target, {}).setdefault(api, Counter())[verdict] += 1
    return found


def totals(verdict_column: Sequence[str]) -> dict[str, int]:
    """How many have which verdict, every verdict named, in their order."""
    counted = Counter(verdict_column)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def matrices(run: Run) -> tuple[Matrix, ...]:
    """One matrix per target, in the order of the table."""
    squares: dict[str, dict[str, dict[str, list[Mapping[str, str]]]]] = {}
    for cell in gaps.records(run, "target", "api", "property", "verdict", "status", "finding", "observed"):
        of_api = squares.setdefault(cell["target"], {}).setdefault(cell["api"], {})
        of_api.setdefault(cell["property"], []).append(cell)
    described = about(run)
    ranked = {(f["slug"], f["target"]): (rank, f) for rank, f in enumerate(run.findings)}
    result = []
    for target, apis in squares.items():
        seen = {prop for props in apis.values() for prop in props}
        properties = tuple(p for p in PROPERTIES if p in seen) + tuple(sorted(seen - set(PROPERTIES)))
        rows = tuple(
            (api, tuple(_square(props[p], ranked) if p in props else None for p in properties))
            for api, props in apis.items()
        )
        result.append(Matrix(target, described.get(target, ""), properties, rows))
    return tuple(result)


def _square(
    cells: Sequence[Mapping[str, str]], ranked: Mapping[tuple[str, str], tuple[int, Mapping[str, Any]]]
) -> Square:
    counts = Counter(cell["verdict"] for cell in cells)
    worst = next((verdict for verdict in _WORST if counts[verdict]), "broken")
    diverging = [cell for cell in cells if cell["verdict"] == "diverges"]
    causes = Counter(
        (slug, cell["target"]) for cell in diverging for slug in dict.fromkeys(cell["finding"].split(";"))
    )  # several causes of a cell are joined by ";"
    carded = sorted((cause for cause in causes if cause in ranked), key=lambda cause: ranked[cause][0])
    leads = [
        Lead(anchor(*c), f"{ranked[c][1]['severity']} {ranked[c][1]['title']}", causes[c]) for c in carded
    ]
    why = Counter(words.broken_reason(cell["observed"]) for cell in cells if cell["verdict"] == "broken")
    leads += [Lead(gaps.reason_anchor(reason), reason, n) for reason, n in why.most_common()]
    fresh = any(cell["status"] in ("new", "changed") for cell in diverging)
    place = anchor(f"square-{cells[0]['api']}-{cells[0]['property']}", cells[0]["target"])
    return Square(place, worst, counts, fresh, tuple(leads))


def about(run: Run) -> dict[str, str]:
    """A description of each target, from its first row: "torch 2.13.0, Python 3.11, cpu, eager"."""
    if run.results.empty:
        return {}
    found = {}
    for row in run.results.drop_duplicates("target").to_dict("records"):
        parts = [
            f"{row['framework']} {row['version']}",
            row["companions"],
            row["python"] and f"Python {row['python']}",
        ]
        device = "" if row["device"] == "cpu" else row["device"]
        parts += [row["backend"], row["mode"], device]
        found[str(row["target"])] = ", ".join(str(part) for part in parts if part)
    return found


def contradicted(run: Run, finding: Mapping[str, Any], most: int = 3) -> list[tuple[str, str]]:
    """(statement, citation) of the claims that a finding contradicts, that of its own citation first."""
    names = ("target", "says", "citation", "findings")
    found = {
        says: citation
        for target, says, citation, slugs in zip(*(run.claims[n].tolist() for n in names), strict=True)
        if target == finding["target"] and finding["slug"] in slugs.split(";")
    }
    own = finding["citation"]
    return sorted(found.items(), key=lambda claim: claim[1].removesuffix(JUDGED_BY_OLDER) != own)[:most]


@dataclass(frozen=True)
class Drifted:
    """An API whose documentation changed since its spec was written, on one target."""

    target: str
    api: str
    written_from: str
    version: str

    @property
    def text(self) -> str:
        """The line that says so, after the name of the API."""
        return (
            f"documentation changed since the spec was written (from {self.written_from}, now {self.version})"
        )


def drifted(run: Run) -> tuple[Drifted, ...]:
    """The changed documentation of every target, as run.json has it; none for a run written without it."""
    return tuple(
        Drifted(str(target["name"]), str(d["api"]), str(d["written_from"]), str(d["version"]))
        for target in run.run.get("targets") or ()
        for d in target.get("documentation") or ()
    )


def suspected(run: Run) -> tuple[str, ...]:
    """A line for each API that is wrong on ordinary input, of whose cells one batch each was asked."""
    return tuple(
        f"{api} on {target['name']} is wrong on ordinary input, so one batch of each cell was asked"
        for target in run.run.get("targets") or ()
        for api in target.get("suspected") or ()
    )


@dataclass(frozen=True)
class Behaviour:
    """An API's behaviour where its documentation is silent: a property and region, over dtypes and variants."""

    target: str
    api: str
    property: str
    region: str
    dtypes: str
    cells: int
    observed: tuple[str, ...]


def undocumented(run: Run, most: int = 3) -> tuple[Behaviour, ...]:
    """Undocumented cells by target, API, property and region, with up to `most` different answers each."""
    names = ("target", "api", "property", "region", "dtype", "observed", "verdict")
    groups: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for *key, dtype, observed, verdict in zip(*(run.results[n].tolist() for n in names), strict=True):
        if verdict == "undocumented":
            target, api, prop, region = key
            groups.setdefault((target, api, prop, region), []).append((dtype, observed))
    result = []
    for (target, api, prop, region), cells in groups.items():
        answers = list(dict.fromkeys(words.cell_answer(observed) for _, observed in cells if observed))
        shown = tuple(answers[:most]) + (
            (f"and {len(answers) - most} other answers",) if len(answers) > most else ()
        )
        dtypes = ", ".join(dict.fromkeys(dtype for dtype, _ in cells))
        result.append(Behaviour(target, api, prop, region, dtypes, len(cells), shown))
    return tuple(result)


def facts(run: Run) -> list[tuple[str, str]]:
    """The facts of run.json as (name, text), the ones that people look for first."""
    first = (
        "lossproof",
        "version",
        "command",
        "started",
        "seconds",
        "seed",
        "digest",
        "specs",
        "platform",
        "python",
    )
    names = [n for n in first if n in run.run] + sorted(
        n for n in run.run if n not in (*first, "complete", "format", "judged")
    )
    shown = {name: run.run[name] for name in names}
    if isinstance(targets := shown.get("targets"), (list, tuple)):  # `drifted` has their documentation
        shown["targets"] = [{k: v for k, v in t.items() if k != "documentation"} for t in targets]
    return [(words.label(name), text) for name, value in shown.items() if (text := _fact(value))]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{words.label(str(k))} {text}" for k, v in value.items() if (text := _fact(v)))
    if isinstance(value, (list, tuple)):
        between = "; " if any(isinstance(item, (Mapping, list)) for item in value) else ", "
        return between.join(text for item in value if (text := _fact(item)))
    return (
        "" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    )


def fresh(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The findings that nobody has looked at: new or changed."""
    return [finding for finding in findings if finding["status"] in ("new", "changed")]


def anchor(slug: str, target: str) -> str:
    """The fragment of a finding in the pages: a slug may occur once per target, which may be a path.

    Some digits of a digest tell apart what would be the same fragment without the characters that none can hold.
    """
    whole = f"{slug}--{target}"
    safe = re.sub(r"[^A-Za-z0-9_.=-]+", "-", whole)
    return safe if safe == whole else f"{safe}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"
