"""A new finding of a user's own code as the entry of a ledger, to paste and to give a reason."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from packaging.version import InvalidVersion, Version
from ruamel.yaml import YAML

from lossproof.conformance.runs.judgement import Judgement
from lossproof.conformance.runs.pin import kept

SHOWN = 24
"""Numbers of a question that a person can read."""


def entry(judgement: Judgement) -> str:
    """The worst cause of a diverging cell as YAML; "" where nothing says when it shows, or its question is long."""
    facts = judgement.subject.facts
    if not judgement.causes or judgement.evidence is None:
        return ""
    cause = judgement.causes[0].cause
    behaves = cause.behaves_as.as_json()
    shown = judgement.evidence.shown
    witness = _witness(shown.question, shown.observed, behaves)
    if not behaves or not witness:
        return ""
    found = {
        "slug": cause.slug,
        "title": cause.words,
        "framework": facts.framework,
        "apis": [judgement.subject.api],
        "package": facts.framework,
        "versions": _from(facts.version),
        "kind": cause.kind,
        "severity": cause.severity,
        "behaves_as": behaves,
        "witness": {"api": judgement.subject.api, **witness},
        "reason": "Say here why it stays.",
    }
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.width = 100
    yaml.default_flow_style = None  # lists of numbers on a line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump({"findings": [found]}, text)
    return text.getvalue()


def _witness(
    put: Mapping[str, Any], observed: Mapping[str, Any], behaves: Mapping[str, Any]
) -> dict[str, Any]:
    """The pinned witness: a case by its slug, else the arrays and options of the question."""
    answer = kept(observed)
    if not answer:
        return {}
    if behaves.get("cases"):
        return {"case": behaves["cases"][0], "answer": answer}
    if not put.get("arrays"):
        return {}
    if sum(int(np.prod(a["shape"])) for a in put["arrays"].values()) > SHOWN:
        return {}
    arrays = {name: {k: a[k] for k in ("values", "dtype")} for name, a in put["arrays"].items()}
    options = {**(put.get("init") or {}), **put.get("options", {})}
    wrt = {"wrt": put["wrt"]} if put.get("wrt") else {}
    return {"arrays": arrays, **({"options": options} if options else {}), **wrt, "answer": answer}


def _from(version: str) -> str:
    """The range of versions from this one on."""
    try:
        return f">={Version(version).base_version}"
    except InvalidVersion:
        return ">=0"
