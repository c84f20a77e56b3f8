"""From judged cells to findings and claims: rows are gathered by cause, claims by the cells that decide them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lossproof import oracle
from lossproof.conformance.diagnosis.model import Behaviour, Explained
from lossproof.conformance.families import kinds
from lossproof.conformance.families.regions.registry import NOWHERE, named
from lossproof.conformance.model.results import ClaimRow, Finding, Status, Verdict
from lossproof.conformance.model.subject import CellKey, Subject, selects
from lossproof.conformance.properties.selection import could_show
from lossproof.conformance.runs.evidence import FINDING_CALLS
from lossproof.conformance.runs.judgement import Judgement
from lossproof.conformance.runs.session import Session
from lossproof.conformance.workers.protocol import ErrorInfo
from lossproof.reports import words
from lossproof.reports.columns import JUDGED_BY_OLDER
from lossproof.specs.models import KnownFinding

WORST: tuple[Verdict, ...] = ("broken", "diverges", "undocumented", "unsupported", "conforms")


def findings(session: Session, judged: Sequence[Judgement], partial: bool = False) -> list[Finding]:
    """One finding for each cause among the diverging cells, and the ledger's that no longer diverge, sorted by slug.

    Of a `partial` run, the ledger's that the cells asked could have shown. Those that the session's policy adds
    come last.
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
        if known.slug in groups or not mine or not session.ledger.applies(known):
            continue
        asks = not partial or could_show(known, mine[0].subject, [j.key for j in mine])
        if asks and session.ledger.today(known).outcome.verdict != "unsupported":
            found.append(_of_ledger(session, known))
    found.sort(key=lambda f: f.slug)
    return [*found, *session.policy.more_findings(found)]


def _finding(session: Session, slug: str, group: Sequence[tuple[Judgement, Explained]]) -> Finding:
    judgement, item = min(group, key=lambda pair: _plainness(pair[0].key, pair[1]))
    cause = item.cause
    evidence = session.evidence.of(judgement.subject, judgement.key, judgement.outcome, item, FINDING_CALLS)
    status = session.ledger.status_of(cause)
    keys = [j.key for j, _ in group]
    known = cause.known
    case = judgement.outcome.case
    statements = (case.says, case.contradicts) if case is not None and case.contradicts else ()
    facts = session.facts
    return Finding(
        slug=slug,
        title=_known_title(known, status) if known else _title(group, judgement, item),
        target=facts.target,
        framework=facts.framework,
        version=facts.version,
        apis=tuple(sorted({j.subject.api for j, _ in group})),
        kind=cause.kind,
        severity=min(i.cause.severity for _, i in _own(group)),
        status=status,
        behaves_as=_in_words(_of_all(cause.behaves_as, [i for _, i in group]).as_json()),
        reason=known.reason if known else evidence.fault,
        upstream=(known.upstream or "") if known else "",
        citation=judgement.citation,
        witness=evidence.shown.question,
        expected=evidence.shown.expected,
        observed=evidence.shown.observed,
        error_ulp=judgement.outcome.error,
        error_over_bound=judgement.outcome.ratio,
        cells=len({(j.subject.api, j.key) for j, _ in group}),
        properties=tuple(sorted({k.property for k in keys})),
        regions=tuple(sorted({k.region for k in keys} - {"-"})),
        dtypes=tuple(sorted({k.dtype for k in keys} - {"-"})),
        statements=tuple(s for s in statements if s),
        cut_short=session.stop.cut,
    )


def _own(group: Sequence[tuple[Judgement, Explained]]) -> Sequence[tuple[Judgement, Explained]]:
    """The cells whose rows the cause explains; all of them where it explains none."""
    return [(j, i) for j, i in group if not i.counted] or group


def _of_all(behaves: Behaviour, items: Sequence[Explained]) -> Behaviour:
    """The behaviour with the cases of all cells."""
    more = (case for item in items for case in item.cause.behaves_as.cases)
    return replace(behaves, cases=tuple(dict.fromkeys((*behaves.cases, *more)))) if behaves.cases else behaves


def _in_words(behaves: dict[str, Any]) -> dict[str, Any]:
    """The behaviour, with the words of its norm rule where an installed package brings it: reports know their own."""
    name = behaves.get("parameters", {}).get("norm_rule")
    unknown = name is not None and name not in words.NORM_RULES
    return {**behaves, "says": oracle.norm_rule(name).says} if unknown else behaves


def _title(group: Sequence[tuple[Judgement, Explained]], judgement: Judgement, item: Explained) -> str:
    """The finding in one line; of several cells that go wrong alike, the first stands for all."""
    case, error = judgement.outcome.case, item.failure.reply.answer.error
    name = judgement.subject.api.rsplit(".", 1)[-1]
    alike = [(j, i) for j, i in group if (i.failure.reply.answer.error is None) == (error is None)]
    said, others = f"{name}: {item.cause.words}", len(group) - len(alike)
    if kinds.named(item.cause.kind).raises and error is not None:
        raised = [e for _, i in alike if (e := i.failure.reply.answer.error) is not None]
        said = f"{name}: {_raised(raised)} ({words.count(len(alike), 'cell')})"
    elif case is not None and not item.cause.weighed:
        cases = {j.outcome.case.slug for j, _ in alike if j.outcome.case is not None}
        more = f", and {len(cases) - 1} more" if len(cases) > 1 else ""
        said = f"{said} ({case.says.rstrip('.')}{more})"
    if kinds.named(item.cause.kind).raises and others:
        return (
            f"{said}; {'raises' if error is None else 'accepts bad input'} in {words.count(others, 'cell')}"
        )
    ulps = judgement.outcome.error
    digits = kinds.named(item.cause.kind).of_digits
    return said if not digits or ulps is None or not math.isfinite(ulps) else f"{said}, {ulps:.3g} ulp off"


def _raised(errors: Sequence[ErrorInfo]) -> str:
    """The exceptions that came, by class; with the message where there is one class."""
    classes = sorted({e.type.rsplit(".", 1)[-1] for e in errors})
    message = " ".join(errors[0].message.split())[:48]
    return f"raises {' or '.join(classes)}{f': {message}' if message and len(classes) == 1 else ''}"


def _known_title(known: KnownFinding, status: Status) -> str:
    """The ledger's title; where the witness answers otherwise now, its words may not be those of this answer."""
    return f"{known.title} (as pinned; the answer is another now)" if status == "changed" else known.title


def _plainness(key: CellKey, item: Explained) -> tuple[Any, ...]:
    """The cell that shows a cause best: plain regions, float32 and defaults first."""
    dtypes = ("float32", "float64", "float16", "bfloat16")
    region = named(key.region)
    return (
        item.counted,
        item.cause.severity,
        not (region.plain or region is NOWHERE),
        dtypes.index(key.dtype) if key.dtype in dtypes else 9,
        len(key.variant.slug),
        key.sort,
    )


def _of_ledger(session: Session, known: KnownFinding) -> Finding:
    """A ledger finding that no cell shows: its witness decides how it stands."""
    now = session.ledger.today(known)
    facts = session.facts
    behaves = {k: v for k, v in known.behaves_as.model_dump(mode="json").items() if v}
    return Finding(
        slug=known.slug, title=known.title, target=facts.target, framework=facts.framework, version=facts.version,
        apis=known.apis, kind=known.kind, severity=known.severity, status=now.status, behaves_as=_in_words(behaves),
        reason=known.reason, upstream=known.upstream or "", citation="", witness=now.shown.question,
        expected=now.shown.expected, observed=now.shown.observed, error_ulp=None, error_over_bound=None, cells=0,
    )  # fmt: skip


def claims(
    subject: Subject, judged: Sequence[Judgement], older: bool = False, partial: bool = False
) -> list[ClaimRow]:
    """A row for each claim of the edition: the worst verdict of the cells that decide it.

    A claim that no cell decides is broken, unless the run was `partial`: then it was not asked. `older` says that
    the target's docstring is not the one that the claims were written from.
    """
    found = []
    for claim in subject.claims:
        deciding = [j for j in judged if any(selects(d, j.key) for d in claim.decided_by)]
        if partial and not deciding:
            continue
        verdicts = {j.outcome.verdict for j in deciding}
        verdict: Verdict = next((v for v in WORST if v in verdicts), "broken")
        slugs = sorted({slug for j in deciding for slug in j.slugs})
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
                cells=";".join(str(j.key) for j in deciding),
            )
        )
    return found
