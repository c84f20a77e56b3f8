"""From judged cells to findings and claims: rows are gathered by cause, claims by the cells that decide them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lossproof import oracle
from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.families import kinds
from lossproof.conformance.families.regions.registry import NOWHERE, named
from lossproof.conformance.model.results import ClaimRow, Finding, Row, Status, Verdict
from lossproof.conformance.model.subject import CellKey, Subject, selects
from lossproof.conformance.properties.selection import could_show
from lossproof.conformance.runs.session import FINDING_CALLS, Judgement, Session
from lossproof.reports import words
from lossproof.reports.columns import JUDGED_BY_OLDER
from lossproof.specs.models import KnownFinding

WORST: tuple[Verdict, ...] = ("broken", "diverges", "undocumented", "unsupported", "conforms")


def findings(session: Session, judged: Sequence[Judgement], partial: bool = False) -> list[Finding]:
    """One finding for each cause among the diverging cells, and the ledger's that no longer diverge, sorted by slug.

    Of a `partial` run, the ledger's that the cells asked could have shown.
    """
    groups: dict[str, list[tuple[Judgement, Explained]]] = defaultdict(list)
    for judgement in judged:
        for item in judgement.causes:
            groups[item.cause.slug].append((judgement, item))
    found = [_finding(session, slug, groups[slug]) for slug in sorted(groups)]
    asked: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judged:
        asked[judgement.subject.api].append(judgement)
    for known in session.ledger:
        mine = asked.get(known.witness.api, [])
        if known.slug in groups or not mine or not session.applies(known):
            continue
        asks = not partial or could_show(known, mine[0].subject, [j.key for j in mine])
        if asks and session.ledger_status(known).outcome.verdict != "unsupported":
            found.append(_of_ledger(session, known))
    return sorted(found, key=lambda f: f.slug)


def _finding(session: Session, slug: str, group: Sequence[tuple[Judgement, Explained]]) -> Finding:
    judgement, item = min(group, key=lambda pair: _plainness(pair[0].key, pair[1]))
    cause = item.cause
    shown = session.show(judgement.subject, judgement.key, judgement.outcome, item, FINDING_CALLS)
    keys = [j.key for j, _ in group]
    known = cause.known
    case = judgement.outcome.case
    statements = (case.says, case.contradicts) if case is not None and case.contradicts else ()
    facts = session.facts
    return Finding(
        slug=slug,
        title=_known_title(known, session.status(judgement.subject, cause))
        if known
        else _title(judgement, item),
        target=facts.target,
        framework=facts.framework,
        version=facts.version,
        apis=tuple(sorted({j.subject.api for j, _ in group})),
        kind=cause.kind,
        severity=min(i.cause.severity for _, i in group),
        status=session.status(judgement.subject, cause),
        behaves_as=_in_words(cause.behaves_as.as_json()),
        reason=known.reason if known else shown.fault,
        upstream=(known.upstream or "") if known else "",
        citation=judgement.row.citation,
        witness=shown.question,
        expected=shown.expected,
        observed=shown.observed,
        error_ulp=judgement.outcome.error,
        error_over_bound=judgement.outcome.ratio,
        cells=len({(j.subject.api, j.key) for j, _ in group}),
        properties=tuple(sorted({k.property for k in keys})),
        regions=tuple(sorted({k.region for k in keys} - {"-"})),
        dtypes=tuple(sorted({k.dtype for k in keys} - {"-"})),
        statements=tuple(s for s in statements if s),
        cut_short=session.stop.cut,
    )


def _in_words(behaves: dict[str, Any]) -> dict[str, Any]:
    """The behaviour, with the words of its norm rule where an installed package brings it: reports know their own."""
    name = behaves.get("parameters", {}).get("norm_rule")
    unknown = name is not None and name not in words.NORM_RULES
    return {**behaves, "says": oracle.norm_rule(name).says} if unknown else behaves


def _title(judgement: Judgement, item: Explained) -> str:
    case = judgement.outcome.case
    name = judgement.subject.api.rsplit(".", 1)[-1]
    if case is not None:
        return f"{name}: {item.cause.words} ({case.says.rstrip('.')})"
    error = judgement.outcome.error
    digits = kinds.named(item.cause.kind).of_digits
    if not digits or error is None or not math.isfinite(error):
        return f"{name}: {item.cause.words}"
    return f"{name}: {item.cause.words}, {error:.3g} ulp off"


def _known_title(known: KnownFinding, status: Status) -> str:
    """The ledger's title; where the witness answers otherwise now, its words may not be those of this answer."""
    return f"{known.title} (as pinned; the answer is another now)" if status == "changed" else known.title


def _plainness(key: CellKey, item: Explained) -> tuple[Any, ...]:
    """The cell that shows a cause best: plain regions, float32 and defaults first."""
    dtypes = ("float32", "float64", "float16", "bfloat16")
    region = named(key.region)
    return (
        item.cause.severity,
        not (region.plain or region is NOWHERE),
        dtypes.index(key.dtype) if key.dtype in dtypes else 9,
        len(key.variant.slug),
        key.sort,
    )


def _of_ledger(session: Session, known: KnownFinding) -> Finding:
    """A ledger finding that no cell shows: its witness decides how it stands."""
    now = session.ledger_status(known)
    facts = session.facts
    behaves = {k: v for k, v in known.behaves_as.model_dump(mode="json").items() if v}
    return Finding(
        slug=known.slug, title=known.title, target=facts.target, framework=facts.framework, version=facts.version,
        apis=known.apis, kind=known.kind, severity=known.severity, status=now.status, behaves_as=_in_words(behaves),
        reason=known.reason, upstream=known.upstream or "", citation="", witness=now.question,
        expected=now.expected, observed=now.observed, error_ulp=None, error_over_bound=None, cells=0,
    )  # fmt: skip


def claims(
    subject: Subject, rows: Sequence[tuple[CellKey, Row]], older: bool = False, partial: bool = False
) -> list[ClaimRow]:
    """A row for each claim of the edition: the worst verdict of the cells that decide it.

    A claim that no cell decides is broken, unless the run was `partial`: then it was not asked. `older` says that
    the target's docstring is not the one that the claims were written from.
    """
    found = []
    for claim in subject.claims:
        deciding = [(k, r) for k, r in rows if any(selects(d, k) for d in claim.decided_by)]
        if partial and not deciding:
            continue
        verdict: Verdict = next((v for v in WORST if any(r.verdict == v for _, r in deciding)), "broken")
        slugs = sorted({s for _, r in deciding for s in r.finding.split(";") if s})
        cited = claim.citation(subject.edition)
        mark = JUDGED_BY_OLDER if older and cited.document == "docstring" else ""
        found.append(
            ClaimRow(
                target=subject.facts.target,
                api=subject.api,
                edition=subject.edition.slug,
                claim=claim.slug,
                says=claim.says,
                citation=f"{cited}{mark}",
                verdict=verdict,
                findings=";".join(slugs),
                cells=";".join(str(k) for k, _ in deciding),
            )
        )
    return found


def with_scripts(rows: Sequence[Row], paths: dict[tuple[str, str], str]) -> list[Row]:
    """Rows with the path of the reproducer of their first finding."""
    return [replace(r, reproducer=paths.get((r.target, r.finding.split(";")[0]), "")) for r in rows]
