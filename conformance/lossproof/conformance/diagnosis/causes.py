"""Causes: why an answer diverges. The ledger's come first, then those that lead in the API, then the catalogue's.

A cause is semantic parameters or a line under which the wrong answers come out right, or a predicate that holds of the
inputs, or the case or error itself. Failing rows that share a cause belong to one finding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lossproof.conformance.diagnosis.catalogue import coarser, diagnosed
from lossproof.conformance.diagnosis.effort import Budget, Stop, to_explain
from lossproof.conformance.diagnosis.inaccuracy import Left
from lossproof.conformance.diagnosis.known import applicable, cause_of, matches
from lossproof.conformance.diagnosis.leading import Leading
from lossproof.conformance.diagnosis.model import Behaviour, Cause, Explained
from lossproof.conformance.diagnosis.naming import as_they_are, merged, named_cause, slugged
from lossproof.conformance.families import kinds
from lossproof.conformance.families.kinds import severity
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.specs.models import KnownFinding


def explain(
    subject: Subject,
    key: CellKey,
    outcome: Outcome,
    ledger: Sequence[KnownFinding],
    budget: Budget | None = None,
    leading: Callable[[], Sequence[Leading]] = tuple,
) -> list[Explained]:
    """The causes of a cell's failures, ledger findings first; every failing row belongs to exactly one.

    The `leading` causes of the API come before the catalogue; they are asked for where the ledger leaves something.
    What the budget of the catalogue does not reach stays unexplained.
    """
    budget = budget or to_explain(Stop())
    left = [Left(f, f.wrong.copy()) for f in outcome.failures]
    found: list[Explained] = []
    for finding in applicable(subject, key, ledger):
        found += _take(left, cause_of(subject, finding), lambda f, k=finding: matches(subject, key, f, k))
    leads = leading() if any(item.mask.any() and _may_lead(item) for item in left) else ()
    found += _led(subject, key, left, budget, leads)
    found += [_joined(subject, key, item, leads) for item in diagnosed(subject, key, left, budget)]
    found += coarser(subject, key, left)
    return merged(subject, [*found, *as_they_are(subject, key, left)])


def unexplained(subject: Subject, key: CellKey, outcome: Outcome) -> list[Explained]:
    """The failures of a cell as what they are, without a search for causes."""
    left = [Left(f, f.wrong) for f in outcome.failures]
    return merged(subject, as_they_are(subject, key, left))


def _take(left: Sequence[Left], cause: Cause, matching: Any) -> list[Explained]:
    taken = []
    for item in left:
        if not item.mask.any():
            continue
        match = matching(item.failure)
        both = item.mask & match if match.shape == item.mask.shape else item.mask & bool(np.all(match))
        if both.any():
            taken.append(Explained(cause, int(both.sum()), item.failure, both))
            item.mask = item.mask & ~both
    return taken


def _is_value(item: Left) -> bool:
    """Whether a failure is about values of the documented shape and dtype."""
    failure, judged = item.failure, item.failure.reply.judged
    if judged.expected is None or failure.of_value:
        return failure.of_value
    form = kinds.named(failure.kind).of_form and (judged.shape_differs or judged.dtype_differs)
    return not (failure.says or judged.size_differs or form)


def _may_lead(item: Left) -> bool:
    """Whether a leading cause of the API may account for a failure: its values, or that none came."""
    judged = item.failure.reply.judged
    return judged.refused or item.failure.of_value or (judged.expected is not None and not item.failure.says)


def _led(
    subject: Subject, key: CellKey, left: Sequence[Left], budget: Budget, leading: Sequence[Leading]
) -> list[Explained]:
    """The rows of a cell that leading causes explain; where one holds, those that nothing explains are counted too."""
    found: list[Explained] = []
    holding = []
    for lead in leading:
        items = _explained_by(subject, key, left, lead)
        found += items
        stated = any(item.failure.of_value and item.failure.kind == lead.kind for item in left)
        if items or stated or lead.gathers(subject, key):
            holding.append(lead)
    base = next((lead.all for lead in holding if lead.parameters), {})
    if base:
        found += diagnosed(subject, key, left, budget, base)
    for lead in holding:
        cause = _leading_cause(subject, key, lead)
        for item in left:
            judged = item.failure.reply.judged
            counts = _is_value(item) or (judged.refused and lead.concerns(subject, key))
            taken = item.mask & judged.wrong if judged.wrong.shape == item.mask.shape else item.mask
            if counts and taken.any():
                found.append(Explained(cause, int(taken.sum()), item.failure, taken, counted=True))
                item.mask = item.mask & ~taken
    return found


def _joined(subject: Subject, key: CellKey, item: Explained, leading: Sequence[Leading]) -> Explained:
    """The rows of a predicate under a leading cause of its kind: a dtype in which a wrong eps vanishes is that eps."""
    of_kind = [lead for lead in leading if lead.kind == item.cause.kind]
    if not of_kind or not item.cause.behaves_as.predicate:
        return item
    return replace(item, cause=_leading_cause(subject, key, of_kind[0]), counted=True)


def _explained_by(subject: Subject, key: CellKey, left: Sequence[Left], lead: Leading) -> list[Explained]:
    found = []
    shown = lead if lead.line and not lead.parameters else None
    cause = _leading_cause(subject, key, lead)
    for item in left:
        sized = lead.parameters and item.failure.reply.judged.size_differs
        if item.mask.any() and (_is_value(item) or sized):
            match = item.mask & lead.explains(subject, item.failure)
            if match.any():
                found.append(Explained(cause, int(match.sum()), item.failure, match, lead=shown))
                item.mask = item.mask & ~match
    return found


def _leading_cause(subject: Subject, key: CellKey, lead: Leading) -> Cause:
    """A leading cause as a cell shows it."""
    framework, name = subject.facts.framework, subject.api.rsplit(".", 1)[-1]
    rule = kinds.named(lead.kind).of_norm_rule  # of which ordinary input shows nothing, as a rule
    grave = "S1" if lead.grave and rule else severity(lead.kind, key.region)
    if lead.parameters:
        cause = named_cause(subject, key, lead.kind, lead.parameters)
        return replace(cause, words=lead.says, weighed=True, severity=grave)
    what = lead.aspect or ("gradient" if lead.gradient else "value")
    slug = slugged(framework, lead.kind, lead.name or f"{what}-{name}")
    said = lead.says or f"gets the {what} wrong on ordinary input; no known cause explains it"
    behaves = Behaviour(says=lead.says)
    return Cause(lead.kind, grave, behaves, said, slug=slug, weighed=True)
