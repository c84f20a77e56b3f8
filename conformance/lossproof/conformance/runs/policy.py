"""The policy of a session: its decisions about one cell, cause or finding, handed in as functions.

The defaults are those for a framework's own API. A user's code needs others (`usercode.policy`), and a benchmark that
wants verdicts alone leaves the search for causes or witnesses out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lossproof.conformance.diagnosis.causes import explain
from lossproof.conformance.diagnosis.effort import Budget
from lossproof.conformance.diagnosis.leading import Leading
from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.diagnosis.reducing import Reducing, Shown
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.model.results import Finding
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.targets.model import facts_of
from lossproof.specs.models import KnownFinding

NotAsked = Callable[[Subject, CellKey], str]
Excused = Callable[[Subject, CellKey, Outcome], Outcome]
Lead = Callable[[], Sequence[Leading]]
"""The leading causes of the API, found where they are asked for."""
Explain = Callable[[Subject, CellKey, Outcome, Sequence[KnownFinding], Budget, Lead], Sequence[Explained]]
Reduce = Callable[[Reducing], Shown]
MoreFindings = Callable[[Sequence[Finding]], Sequence[Finding]]
ScriptParts = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A finding as data, and the snippets that its script is written with."""


def every_cell(subject: Subject, key: CellKey) -> str:
    """Leave no cell out."""
    return ""


def as_judged(subject: Subject, key: CellKey, outcome: Outcome) -> Outcome:
    """Let every outcome stand."""
    return outcome


def no_more(found: Sequence[Finding]) -> Sequence[Finding]:
    """Add no finding to those of the cells and the ledger."""
    return ()


def in_framework_words(finding: Finding) -> ScriptParts:
    """A finding as data, and its framework's snippets."""
    return asdict(finding), facts_of(finding.framework).reproducer.model_dump()


def no_causes(
    subject: Subject,
    key: CellKey,
    outcome: Outcome,
    ledger: Sequence[KnownFinding],
    budget: Budget,
    leading: Lead,
) -> Sequence[Explained]:
    """Look for no cause, where the verdict is enough."""
    return ()


def no_witness(reducing: Reducing) -> Shown:
    """Look for no witness, where the cause is enough."""
    return Shown({}, {}, {})


@dataclass(frozen=True)
class Policy:
    """How a session judges."""

    not_asked: NotAsked = every_cell
    """Why a cell is not asked, which makes it unsupported; "" where it is asked."""
    excused: Excused = as_judged
    """The outcome of a cell, unsupported where a divergence is not held against the target."""
    explain: Explain = explain
    """The causes of a diverging cell within a budget."""
    reduce: Reduce = Reducing.witness
    """The smallest question found that shows a cause."""
    more_findings: MoreFindings = no_more
    """The findings to add to those of the cells and the ledger."""
    script_parts: Callable[[Finding], ScriptParts] = in_framework_words
    """The material of a finding's script."""


VERDICTS_ALONE = Policy(explain=no_causes, reduce=no_witness)
"""A policy for runs that need to know which cells diverge and not why."""
