"""A judged cell, and the row of results that tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import as_mapping
from lossproof.conformance.model.results import Row, Status
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.runs.evidence import Evidence

JSON_COLUMNS = ("expected", "observed", "witness")
NOTED = ("unsupported", "undocumented")
"""Verdicts whose reason stands in the row where there is one; that of `broken` always does."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on one cell with the causes of its failures, worst first.

    `status` and `evidence` are those of the worst cause; a cell without a cause has neither.
    """

    subject: Subject
    key: CellKey
    outcome: Outcome
    causes: tuple[Explained, ...] = ()
    status: Status = ""
    evidence: Evidence | None = None
    seconds: float = 0.0

    @property
    def slugs(self) -> tuple[str, ...]:
        """The findings that the cell belongs to, worst first."""
        return tuple(e.cause.slug for e in self.causes)

    @property
    def citation(self) -> str:
        """The sentence that documents the cell."""
        return str(self.subject.citation(self.key)[1])

    @property
    def sample(self) -> dict[str, Any]:
        """The part of the cell's answers that the run keeps, see `samples`."""
        key = self.key
        cell = {
            "target": self.subject.facts.target, "api": self.subject.api, "property": key.property,
            "region": key.region, "dtype": key.dtype, "variant": key.variant.slug,
        }  # fmt: skip
        return {**cell, **(self.outcome.sample or {"answers": [as_mapping(self.outcome.observed)]})}


def row_of(judgement: Judgement, reproducer: str = "") -> Row:
    """The row of a judged cell; `reproducer` is the script of its worst finding."""
    subject, key, outcome = judgement.subject, judgement.key, judgement.outcome
    facts, (claim, citation) = subject.facts, subject.citation(key)
    told = _told(judgement)
    worst = judgement.causes[0].cause if judgement.causes else None
    return Row(
        target=facts.target, framework=facts.framework, version=facts.version, companions=facts.companions,
        python=facts.python, backend=facts.backend, mode=facts.mode, device=facts.device,
        api=subject.api,
        property=key.property, region=key.region, dtype=key.dtype, variant=key.variant.slug,
        verdict=outcome.verdict, kind=worst.kind if worst else "", severity=worst.severity if worst else "",
        status=judgement.status, finding=";".join(judgement.slugs), claim=claim, citation=str(citation),
        expected=_data(told.get("expected")), observed=_data(told.get("observed")),
        error_ulp=outcome.error, error_over_bound=outcome.ratio, grade=outcome.grade, rows=outcome.rows,
        witness=_data(told.get("witness")), reproducer=reproducer,
        upstream=(worst.known.upstream or "") if worst and worst.known else "", seconds=judgement.seconds,
    )  # fmt: skip


def _told(judgement: Judgement) -> Mapping[str, Any]:
    """The documented and the given answer with their question: those of the evidence, else the worst that was seen."""
    outcome = judgement.outcome
    if judgement.evidence is not None:
        shown = judgement.evidence.shown
        return {"expected": shown.expected, "observed": shown.observed, "witness": shown.question}
    observed = outcome.observed
    if outcome.verdict == "broken" or (outcome.note and outcome.verdict in NOTED):
        observed = {**as_mapping(observed), "note": outcome.note}
    return {"expected": outcome.expected, "observed": observed}


def _data(value: Any) -> Any:
    """A value as JSON data, which another process can be sent; None where it is empty."""
    return None if value is None or value == {} else json.loads(json.dumps(value, default=str))


def columns_of(row: Row) -> dict[str, Any]:
    """A row as the tables hold it: `expected`, `observed` and `witness` as JSON text, "" for none."""
    return {**asdict(row), **{name: _text(getattr(row, name)) for name in JSON_COLUMNS}}


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)
