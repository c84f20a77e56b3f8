"""The facts that report.md and report.html both show, worked out once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lossproof.reports import words
from lossproof.reports.columns import SEVERITIES, VERDICTS
from lossproof.reports.numbers import exact, measure, pretty
from lossproof.reports.pages import gaps, view
from lossproof.reports.run import Run

SECTIONS = ("apis", "findings", "broken", "claims", "undocumented", "facts")
"""Fragments of the page's sections."""
MOST_CELLS = 30
"""Broken cells of one API, property and reason that a page lists; the tables have all."""


def context(run: Run) -> dict[str, Any]:
    """The variables that both report templates show."""
    return {
        "run": run,
        "facts": view.facts(run),
        "cells": view.totals(run.results["verdict"].tolist()),
        "claim_totals": view.totals(run.claims["verdict"].tolist()),
        "matrices": view.matrices(run),
        "findings": cards(run),
        "anchors": {view.anchor(finding["slug"], finding["target"]) for finding in run.findings},
        "fresh": len(view.fresh(run.findings)),
        "claims": run.claims.to_dict("records"),
        "undocumented": view.undocumented(run),
        "drifted": view.drifted(run),
        "suspected": view.suspected(run),
        "most_cells": MOST_CELLS,
        "broken": gaps.broken(run),
        "failed": gaps.failed(run),
        "unjudged": gaps.unjudged(run),
        "advice": gaps.UNJUDGED_ADVICE,
        "nothing_judged": gaps.nothing_judged(run),
        "verdicts": VERDICTS,
        "severities": SEVERITIES,
        "words": words,
        "anchor": view.anchor,
    }


def cards(run: Run) -> list[dict[str, Any]]:
    """The findings for reading; the first of each slug can be linked to by its slug alone, too."""
    shown = [card(run, finding) for finding in run.findings]
    taken = {*SECTIONS, *(item["anchor"] for item in shown)}
    for item in shown:
        slug = str(item["slug"])
        item["alias"] = slug if slug not in taken and view.anchor(slug, "") == f"{slug}--" else ""
        taken.add(slug)
    return shown


def card(run: Run, finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding with everything that is worked out of it for reading."""
    expected, observed = words.both(finding)
    script = str(finding["reproducer"]).removeprefix("reproducers/")
    return {
        **finding,
        "anchor": view.anchor(finding["slug"], finding["target"]),
        "says": finding["expected"].get("says") or "",
        "claims": view.contradicted(run, finding),
        "first": words.first_difference(finding),
        "want": expected,
        "got": observed,
        "exact": finding["expected"].get("exact"),
        "ulp": measure(finding["error_ulp"]),
        "ratio": measure(finding["error_over_bound"]),
        "behaviour": words.behaves_as(finding["behaves_as"]),
        "call": call(finding["witness"], finding["apis"]),
        "inputs": inputs(finding["witness"]),
        "hex": hexes(finding),
        "script": script if script in run.scripts else "",
        "script_text": run.scripts.get(script, ""),
        "where": where(finding),
    }


def where(finding: Mapping[str, Any]) -> str:
    """Properties; regions; dtypes of the cells that the finding explains, in one line."""
    parts = (
        ", ".join(words.label(str(item)) for item in finding[name] if str(item) not in ("", "-"))
        for name in ("properties", "regions", "dtypes")
    )
    return "; ".join(part for part in parts if part)


def call(witness: Mapping[str, Any], apis: Any) -> str:
    """The call of a witness, as one writes it: `F(x1, x2, dim=1)` or `C(axis=0)(y_true, y_pred)`."""
    api = str(witness.get("api") or (apis[0] if apis else ""))
    arrays = list(witness.get("arrays") or {})
    options = [f"{name}={_option(value)}" for name, value in (witness.get("options") or {}).items()]
    made = witness.get("init")
    constructed = "" if made is None else f"({', '.join(f'{k}={_option(v)}' for k, v in made.items())})"
    if probe := witness.get("probe"):
        return f"{probe} of {api}{constructed}" + (f" with {', '.join(options)}" if options else "")
    return f"{api}{constructed}({', '.join([*arrays, *options])})"


def inputs(witness: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, values in short decimals, dtype and shape) of the arrays of a witness."""
    rows = []
    for name, given in (witness.get("arrays") or {}).items():
        dtype, shape = str(given.get("dtype") or "float32"), given.get("shape")
        about = dtype if shape is None else f"{dtype}, shape {words.shape(shape)}"
        rows.append((str(name), pretty(given.get("values"), dtype), about))
    return rows


def hexes(finding: Mapping[str, Any], most: int = 4000) -> list[tuple[str, str]]:
    """(name, exact values) of a witness' arrays, of what was expected and of what came back."""
    given = [
        (str(name), array.get("values")) for name, array in (finding["witness"].get("arrays") or {}).items()
    ]
    given += [(name, finding[name].get("value")) for name in ("expected", "observed")]
    texts = [(name, exact(value)) for name, value in given if value is not None]
    return [(name, text if len(text) <= most else text[:most] + " ...") for name, text in texts]


def link(text: object) -> str:
    """The web address that `text` begins with; "" otherwise (javascript: and the like are none)."""
    found = re.match(r"https?://[^\s<>\"']+", str(text))
    return found.group(0).rstrip(".,;:)") if found else ""


def _option(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"$name"}:
        return str(value["$name"])
    return pretty(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
