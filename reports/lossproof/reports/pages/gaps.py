"""The gaps of a run: cells that could not be judged, targets that did not start, values nobody documents."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lossproof.reports import words
from lossproof.reports.columns import PLAIN_VALUE, PROPERTIES, VALUE_PROPERTIES
from lossproof.reports.run import Run

UNJUDGED_ADVICE: Final = (
    "judge by an API whose page states a formula; lossproof explain API shows what a page states"
)
"""Advice for values that were not judged."""


def records(run: Run, *names: str) -> list[dict[str, str]]:
    """These columns of the results, a mapping a row."""
    columns = (run.results[name].tolist() for name in names)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def nothing_judged(run: Run) -> bool:
    """Whether no cell of the run was judged, so that it says nothing of any API."""
    return run.judged == 0


def failed(run: Run) -> list[tuple[str, str]]:
    """(target, why) of the targets that could not be started, as run.json has them."""
    targets = run.run.get("targets") or ()
    return [(str(t.get("name") or "?"), str(t["failed"])) for t in targets if t.get("failed")]


@dataclass(frozen=True)
class Place:
    """Broken cells of one API and one property: the other parts of their keys."""

    target: str
    api: str
    property: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """A reason why cells could not be judged, and where these cells are."""

    reason: str
    places: tuple[Place, ...]

    @property
    def cells(self) -> int:
        """How many cells could not be judged for it."""
        return sum(len(place.cells) for place in self.places)

    @property
    def anchor(self) -> str:
        """Its fragment in the page."""
        return reason_anchor(self.reason)


def broken(run: Run) -> tuple[Broken, ...]:
    """The cells that could not be judged, by reason, the most frequent first."""
    names = ("target", "api", "property", "region", "dtype", "variant", "verdict", "observed")
    reasons: dict[str, dict[tuple[str, str, str], list[str]]] = {}
    for cell in records(run, *names):
        if cell["verdict"] == "broken":
            places = reasons.setdefault(words.broken_reason(cell["observed"]), {})
            place = (cell["target"], cell["api"], cell["property"])
            places.setdefault(place, []).append(f"{cell['region']}/{cell['dtype']}/{cell['variant']}")
    found = [
        Broken(reason, tuple(Place(*key, tuple(cells)) for key, cells in places.items()))
        for reason, places in reasons.items()
    ]
    return tuple(sorted(found, key=lambda item: (-item.cells, item.reason)))


def reason_anchor(reason: str) -> str:
    """The fragment of a reason why cells could not be judged."""
    return f"broken-{hashlib.sha256(reason.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Unjudged:
    """An API of a target none of whose values was judged, since its documentation does not say what they are."""

    target: str
    api: str
    formula: bool
    """whether it leaves even plain values open, so that it states no formula"""
    recorded: int
    """cells whose values were recorded and not judged"""
    checked: tuple[str, ...]
    """the other properties, which were judged"""
    cells: int
    """cells of these"""

    @property
    def page(self) -> str:
        """The gap in its page: "states none", of the formula by which no value was judged, or what was asked."""
        return "states none" if self.formula else "does not say what the values asked for are"

    @property
    def why(self) -> str:
        """Why no value was judged by a formula."""
        return f"the page of {self.api} {self.page}"

    @property
    def instead(self) -> str:
        """The properties judged in place of the values, and how many cells were recorded."""
        checked = f"{', '.join(map(words.label, self.checked))} ({words.count(self.cells, 'cell')})"
        return f"{checked if self.checked else 'nothing'}; {words.count(self.recorded, 'cell')} recorded"


def unjudged(run: Run) -> tuple[Unjudged, ...]:
    """The APIs none of whose values was judged because the documentation is silent, in the order of the table."""
    apis: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for cell in records(run, "target", "api", "property", "region", "verdict"):
        apis.setdefault((cell["target"], cell["api"]), []).append(cell)
    result = []
    for (target, api), cells in apis.items():
        judged = Counter(c["property"] for c in cells if c["verdict"] in ("conforms", "diverges"))
        values = [cell for cell in cells if cell["property"] in VALUE_PROPERTIES]
        silent = [cell for cell in values if cell["verdict"] == "undocumented"]
        if not silent or VALUE_PROPERTIES & judged.keys():
            continue
        formula = any((cell["property"], cell["region"]) == PLAIN_VALUE for cell in silent)
        checked = tuple(p for p in PROPERTIES if p in judged) + tuple(sorted(judged.keys() - set(PROPERTIES)))
        result.append(Unjudged(target, api, formula, len(silent), checked, sum(judged.values())))
    return tuple(result)
