"""The documented answer to the question that shows a change, beside what the two releases give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.changes.compare import Change
from lossproof.conformance.changes.model import Asking, Side
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.judging.serialize import SHOWN, enclosed, literal
from lossproof.conformance.model.subject import Subject
from lossproof.specs import edition_for
from lossproof.specs.models import ArrayValues

BY_PAGE = ("newly diverging", "fixed")
"""The classes of change that a page decides, so that its answer is told beside both others."""


def documented_answer(change: Change, old: Side, new: Side) -> Mapping[str, Any]:
    """Return the new side's documented answer to the change's question; empty where the documentation gives none.

    It is what a run kept with that question, else the value of the documented formula.
    """
    if change.kind_of_change not in BY_PAGE or not change.witness:
        return {}
    for side in (new, old):
        for key, row in side.rows.items():
            if key[0] in change.apis and row["witness"] and json.loads(row["witness"]) == change.witness:
                kept: Mapping[str, Any] = json.loads(row["expected"] or "{}")
                return kept
    asking = new.asking or old.asking
    shown = max((int(answer.get("first") or 0) for answer in (change.old, change.new)), default=0)
    return {} if asking is None else _by_formula(asking, change.witness, shown)


def _by_formula(asking: Asking, question: Mapping[str, Any], first: int) -> Mapping[str, Any]:
    """The value of the documented formula; of a large answer the first values, as many as were recorded."""
    spec = next((s for s in asking.specs if s.api == question.get("api")), None)
    edition = edition_for(spec, asking.facts.packages) if spec else None
    if spec is None or edition is None or question.get("probe"):
        return {}
    options = {**(question.get("init") or {}), **(question.get("options") or {})}
    try:
        arrays = {name: _array(given) for name, given in (question.get("arrays") or {}).items()}
        expected = expect(
            Subject(asking.facts, spec, edition), arrays, options, wrt=question.get("wrt") or ""
        )
    except (Undocumented, ValueError, KeyError):
        return {}
    return {
        "shape": list(expected.shape),
        **({"dtype": expected.dtype} if expected.dtype else {}),
        **_values(expected, first),
    }


def _values(expected: Expected, first: int) -> Mapping[str, Any]:
    size = int(np.prod(expected.shape, dtype=np.int64))
    if first and first < size:
        return {"value": np.asarray(enclosed(expected), dtype=object).ravel()[:first].tolist()}
    return {"value": enclosed(expected)} if size <= SHOWN else {}


def _array(given: Mapping[str, Any]) -> NDArray[Any]:
    shape = tuple(given["shape"]) if given.get("shape") is not None else None
    return literal(ArrayValues(values=given["values"], dtype=given["dtype"], shape=shape))
