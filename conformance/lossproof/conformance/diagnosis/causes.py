"""Causes: why an answer diverges. Ledger findings first, then a catalogue of ways in which implementations go wrong.

A cause is semantic parameters under which the wrong answers come out right, or a predicate that holds of the inputs,
or the case or error itself. Failing rows that share a cause belong to one finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lossproof.conformance.diagnosis.disambiguation import alternatives, separating_batch
from lossproof.conformance.diagnosis.effort import Budget, Stop, to_explain
from lossproof.conformance.diagnosis.hypotheses import EPS, floors, hypotheses
from lossproof.conformance.diagnosis.inaccuracy import FEWEST, Left, missed_by_little, one_sided, signs_of
from lossproof.conformance.diagnosis.leading import Leading
from lossproof.conformance.diagnosis.matching import (
    BY_ROW,
    Mask,
    at_extremes,
    explained,
    few_rows,
    holding,
    on_ordinary_input,
    rows_of,
)
from lossproof.conformance.diagnosis.model import Behaviour, Cause, Explained
from lossproof.conformance.families import kinds
from lossproof.conformance.families.kinds import severity
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.judging.comparison import LOW_PRECISION, explains
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import Failure, Outcome
from lossproof.conformance.judging.relations import Apart
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch
from lossproof.specs import covers
from lossproof.specs.models import KnownFinding

PREDICATES = {
    "squared_norm_overflows": "overflow",
    "squared_norm_underflows": "underflow",
    "product_overflows": "overflow",
    "product_underflows": "underflow",
    "squared_product_overflows": "overflow",
    "squared_product_underflows": "underflow",
    "eps_vanishes": "eps",
    "nonfinite": "formula",
}


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
    for finding in _applicable(subject, key, ledger):
        found += _take(left, _known(subject, finding), lambda f, k=finding: _matches(subject, key, f, k))
    if any(_is_value(key, item) and item.mask.any() for item in left):
        for lead in leading():
            found += _led(subject, key, left, lead)
    found += _diagnose(subject, key, left, budget)
    found += _coarser(subject, key, left)
    return _merged(subject, [*found, *_unexplained(subject, key, left)])


def unexplained(subject: Subject, key: CellKey, outcome: Outcome) -> list[Explained]:
    """The failures of a cell as what they are, without a search for causes."""
    left = [Left(f, f.wrong) for f in outcome.failures]
    return _merged(subject, _unexplained(subject, key, left))


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


def _merged(subject: Subject, found: list[Explained]) -> list[Explained]:
    merged: dict[tuple[str, str, Behaviour], Explained] = {}
    for item in (_tempered(subject, each) for each in found):
        name = (item.cause.slug, item.cause.kind, item.cause.behaves_as)
        if name in merged:
            first = merged[name]
            order = (first.counted, first.cause.severity), (item.counted, item.cause.severity)
            if order[0] > order[1]:  # shown on the input that it explains, and where it matters most
                first, item = item, first
            item = replace(first, rows=first.rows + item.rows)
        merged[name] = item
    return list(merged.values())


def _tempered(subject: Subject, item: Explained) -> Explained:
    """The severity of what is wrong on no ordinary input: S2, or S3 where squares leave the range of the dtype."""
    cause = item.cause
    if cause.known or cause.severity > "S2" or on_ordinary_input(subject, item.failure, item.mask):
        return item
    severest = "S3" if at_extremes(subject, item.failure, item.mask) else "S2"
    return replace(item, cause=replace(cause, severity=severest))


# --- the ledger ---


def _applicable(subject: Subject, key: CellKey, ledger: Sequence[KnownFinding]) -> Iterator[KnownFinding]:
    facts = subject.facts
    dtypes = (key.dtype, *key.variant.dtypes)
    for finding in ledger:
        if (
            subject.api in finding.apis
            and (not finding.properties or key.property in finding.properties)
            and (not finding.regions or key.region in finding.regions)
            and (not finding.dtypes or any(d in finding.dtypes for d in dtypes))
            and facts.may_show(finding)
            and finding.package in facts.packages
        ):
            yield finding


def in_range(finding: KnownFinding, packages: Mapping[str, str]) -> bool:
    """Whether the target's version lies in the range in which the finding was seen."""
    return finding.package in packages and covers(finding.versions, packages[finding.package])


def _known(subject: Subject, finding: KnownFinding) -> Cause:
    behaves = finding.behaves_as
    carried = not in_range(finding, subject.facts.packages)
    return Cause(
        kind=finding.kind,
        severity=finding.severity,
        behaves_as=Behaviour.of(behaves.parameters, behaves.predicate or "", behaves.cases),
        words=finding.title,
        known=finding,
        slug=finding.slug,
        carried=carried,
    )


def _matches(subject: Subject, key: CellKey, failure: Failure, finding: KnownFinding) -> Mask:
    """Which of the failing rows answer as the ledger finding says."""
    behaves = finding.behaves_as
    if key.variant.case:
        return np.full_like(failure.wrong, key.variant.case in behaves.cases)
    match = np.ones_like(failure.wrong)
    if not (behaves.parameters or behaves.predicate):
        return ~match
    if (
        failure.reply.judged.expected is None or failure.says
    ):  # an error, a crash, changed inputs: no value to explain
        if behaves.parameters or failure.kind != finding.kind or not behaves.predicate:
            return ~match
        return match & holding(subject, failure, behaves.predicate)
    if behaves.parameters:
        match = match & explained(subject, failure, behaves.parameters)
    if behaves.predicate:
        match = match & holding(subject, failure, behaves.predicate)
    return match


def known_to(subject: Subject, key: CellKey, failure: Failure, ledger: Sequence[KnownFinding]) -> Mask:
    """The wrong values of a failure that findings of the ledger explain."""
    found = np.zeros_like(failure.wrong)
    for finding in _applicable(subject, key, ledger):
        found |= _matches(subject, key, failure, finding)
    return found


# --- the leading causes of an API ---


def _is_value(key: CellKey, item: Left) -> bool:
    """Whether a failure is about values of the documented shape and dtype."""
    failure, judged = item.failure, item.failure.reply.judged
    if judged.expected is None or failure.of_value:
        return failure.of_value
    form = kinds.named(failure.kind).of_form and (judged.shape_differs or judged.dtype_differs)
    return not (failure.says or judged.size_differs or form)


def _led(subject: Subject, key: CellKey, left: Sequence[Left], lead: Leading) -> list[Explained]:
    """The rows of a cell that a leading cause explains; where it holds, those that nothing explains are counted too."""
    open_ = [item for item in left if item.mask.any() and _is_value(key, item)]
    found: list[Explained] = []
    cause = _leading_cause(subject, key, lead)
    for item in open_:
        match = item.mask & lead.explains(subject, item.failure)
        if match.any():
            shown = lead if lead.line and not lead.parameters else None
            found.append(Explained(cause, int(match.sum()), item.failure, match, lead=shown))
            item.mask = item.mask & ~match
    if not (found or lead.gathers(key)):
        return found
    for item in open_:
        judged = item.failure.reply.judged
        taken = item.mask & judged.wrong if judged.wrong.shape == item.mask.shape else item.mask
        if taken.any():
            found.append(Explained(cause, int(taken.sum()), item.failure, taken, counted=True))
            item.mask = item.mask & ~taken
    return found


def _leading_cause(subject: Subject, key: CellKey, lead: Leading) -> Cause:
    """A leading cause as a cell shows it."""
    framework, name = subject.facts.framework, subject.api.rsplit(".", 1)[-1]
    if lead.parameters:
        return replace(_cause(subject, key, lead.kind, lead.parameters), words=lead.says, weighed=True)
    what = "gradient" if lead.gradient else "value"
    slug = _slug(framework, lead.kind, lead.name.replace(" ", "-") or f"{what}-{name}")
    words = lead.says or f"{what} beyond its bound on ordinary input, for no known reason"
    behaves = Behaviour(says=lead.says)
    return Cause(lead.kind, severity(lead.kind, key.region), behaves, words, slug=slug, weighed=True)


# --- the catalogue ---

WHOLE_CALL = {"compute_dtype", "score"}
"""The parameters that hold for a whole call or not at all: no cause where most of its wrong rows deny them."""


def _diagnose(subject: Subject, key: CellKey, left: Sequence[Left], budget: Budget) -> list[Explained]:
    """Causes of the catalogue: the one that explains most rows of the first failure is tried on all, and so on.

    A walk through the catalogue that finds nothing is the last one of the cell.
    """
    found: list[Explained] = []
    open_ = [i for i in left if i.failure.reply.judged.expected is not None and not i.failure.says]
    for item in open_:
        while item.mask.any():
            best = _best(subject, key, item, budget)
            if best is None:
                return found
            cause, parameters, predicate = best
            for other in open_:
                if not other.mask.any():
                    continue
                match = (
                    explained(subject, other.failure, parameters)
                    if parameters
                    else holding(subject, other.failure, predicate)
                )
                both = other.mask & match
                if both.any():
                    found.append(Explained(cause, int(both.sum()), other.failure, both))
                    other.mask = other.mask & ~both
    return found


def _coarser(subject: Subject, key: CellKey, left: Sequence[Left]) -> list[Explained]:
    """Trace what nothing else explains to arithmetic of fewer bits, if it lies on both sides of the documented values.

    It must lie no farther from them than such arithmetic would leave it: a wide bound accepts much, but another formula
    errs to one side.
    """
    open_ = [i for i in left if i.mask.any() and i.failure.reply.judged.expected and not i.failure.says]
    signs = signs_of(open_)
    if signs.size < FEWEST or one_sided(signs):
        return []
    for name in LOW_PRECISION:
        parameters = {"compute_dtype": name}
        match = [i.mask & explained(subject, i.failure, parameters) for i in open_]
        if 2 * sum(int(m.sum()) for m in match) >= signs.size:
            cause = replace(
                _cause(subject, key, "accuracy", parameters), words=f"no more accurate than {name}"
            )
            found = [Explained(cause, int(m.sum()), i.failure, m) for i, m in zip(open_, match, strict=True)]
            for item, taken in zip(open_, match, strict=True):
                item.mask = item.mask & ~taken
            return [e for e in found if e.rows]
    return []


def _best(
    subject: Subject, key: CellKey, item: Left, budget: Budget
) -> tuple[Cause, dict[str, Any], str] | None:
    """The hypothesis, or else the predicate, that explains most of the rows left.

    A rule that explains none of a few wrong rows is not tried on all.

    Among equals the one wins under which most of the other rows come out as observed too (two rules may agree on the
    wrong rows and differ on the right ones), and then the first.
    """
    best, most = None, (0, 0)
    whole, wrong = (int(item.mask.sum()), int(item.mask.size)), item.failure.wrong
    few = few_rows(subject, item.failure, item.mask)
    asked = rows_of(few or item.failure)
    for kind, parameters in hypotheses(subject, key, item.failure):
        if not budget.spend(asked):
            break
        if few and set(parameters) <= BY_ROW and not (few.wrong & explained(subject, few, parameters)).any():
            continue
        match = explained(subject, item.failure, parameters)
        rows = (int((item.mask & match).sum()), int(match.sum()))
        if WHOLE_CALL & set(parameters) and 2 * int((wrong & match).sum()) < int(wrong.sum()):
            continue  # some rows may look so by chance
        if rows[0] and rows > most:
            best, most = (_cause(subject, key, kind, parameters), parameters, ""), rows
        if most == whole:
            return best
    # At the extremes many a rule gives the 0 that underflow gives: the range is the simpler reason.
    doubtful = int(of(subject, key.region).extreme and best is not None)
    if most[0] == whole[0] and not doubtful:
        return best
    for predicate, kind in PREDICATES.items():
        holds = holding(subject, item.failure, predicate)
        rows = (int((item.mask & holds).sum()), 0)
        if 2 * int((item.mask & ~holds).sum()) > int((~holds).sum()):
            continue  # what else is wrong shows that the predicate is not the reason
        if rows[0] > most[0] - doubtful:
            best, most = (_cause(subject, key, kind, {}, predicate), {}, predicate), rows
            doubtful = 0
    return best


def settled(
    subject: Subject, key: CellKey, found: Sequence[Explained], ask: Callable[[Batch], Reply]
) -> list[Explained]:
    """The causes after one more question for each that has alternatives which explain its rows as well."""

    def told(item: Explained) -> Explained:
        parameters = item.cause.behaves_as.parameters
        if item.cause.known or item.cause.weighed or not parameters:
            return item
        batch = item.failure.reply.batch
        if batch.wrt and kinds.named(item.cause.kind).of_norm_rule:
            value = ask(replace(batch, wrt="")).judged
            return item if value.expected is None or value.wrong.any() else _of_gradient(subject, key, item)
        others = [
            alternative
            for alternative in alternatives(parameters, bool(key.variant.weights), floors(), EPS)
            if explained(subject, item.failure, alternative)[item.mask].all()
        ]
        left = [parameters, *others]
        for batch in separating_batch(subject, item.failure.reply.batch, parameters) if others else ():
            judged = ask(batch).judged
            found = [explains(subject, batch.arrays, batch.options, judged, chosen) for chosen in left]
            left = [chosen for chosen, m in zip(left, found, strict=True) if m.size and m.all()] or left
        kind_of = {"ignore_weights": "weights", "reduction": "reduction"}
        if left == [parameters]:
            return item
        named = [_cause(subject, key, kind_of.get(next(iter(p)), item.cause.kind), p) for p in left]
        if len(named) == 1:
            return replace(item, cause=named[0])
        words = " or ".join(map(_in_words, left))
        both = replace(named[0], words=f"behaves as with {words}", slug=named[0].slug[:60] + "-among-others")
        return replace(item, cause=both)

    return _merged(subject, [told(item) for item in found])


def _of_gradient(subject: Subject, key: CellKey, item: Explained) -> Explained:
    """The cause where the value is right: no other rule, but a gradient that is that of one."""
    cause = item.cause
    slug = _slug(subject.facts.framework, "gradient", cause.slug.partition(cause.kind.replace("_", "-"))[2])
    words = f"the value is right, the gradient {cause.words}"
    named = replace(cause, kind="gradient", severity=severity("gradient", key.region), words=words, slug=slug)
    return replace(item, cause=named)


def _cause(
    subject: Subject, key: CellKey, kind: str, parameters: Mapping[str, Any], predicate: str = ""
) -> Cause:
    behaves = Behaviour.of(parameters) if parameters else Behaviour.of(predicate=predicate)
    words = _in_words(parameters) or predicate.replace("_", " ")
    short = "-".join(f"{v:g}" if isinstance(v, float) else str(v) for v in parameters.values()) or predicate
    slug = _slug(subject.facts.framework, kind, short)
    title = f"behaves as with {words}" if parameters else f"wrong where {words}"
    return Cause(kind, severity(kind, key.region), behaves, title, slug=slug)


def _in_words(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _unexplained(subject: Subject, key: CellKey, left: Sequence[Left]) -> list[Explained]:
    """Failures that nothing explains, as what they are: inaccurate, if they err by little and to both sides."""
    open_ = [item for item in left if item.mask.any()]
    valued = [i for i in open_ if i.failure.reply.judged.expected is not None and not i.failure.says]
    rounded = not one_sided(signs_of(valued))
    return [_as_it_is(subject, key, item, rounded) for item in open_]


def _as_it_is(subject: Subject, key: CellKey, item: Left, rounded: bool) -> Explained:
    """Group a failure by API, property and what went wrong; cases and exceptions by API and what went wrong alone."""
    failure = item.failure
    kind = failure.kind or "formula"
    little = rounded and not failure.says and kinds.named(kind).vague
    if little and missed_by_little(failure, item.mask):
        kind = "accuracy"
    name = subject.api.rsplit(".", 1)[-1]
    case = subject.case(key.variant.case) if key.variant.case else None
    behaves = Behaviour.of(cases=[case.slug] if case else ())
    told = failure.told if isinstance(failure, Apart) else ""
    words = failure.says or told or f"{key.property} beyond its bound ({key.region})"
    place, what = f"{key.property}-{name}", _what(failure)
    if failure.reply.judged.refused and not (case and case.expect.raises is not None):
        place, what = name, ""  # in whatever way it raises, the documentation gives a value
    elif failure.reply.judged.broken_off or (case and failure.says):
        place = name
    elif case:
        place, what = case.slug, ""
    slug = _slug(subject.facts.framework, kind, place, what[:24])
    cause = Cause(kind, severity(kind, key.region), behaves, words, slug=slug)
    return Explained(cause, int(item.mask.sum()), failure, item.mask)


def _what(failure: Failure) -> str:
    """Name the fault in a word or two: the class of an exception, else the beginning of what the failure says."""
    error = failure.reply.answer.error
    told = (
        error.type if kinds.named(failure.kind).raises and error is not None else failure.says.split(":")[0]
    )
    return told.rsplit(".", 1)[-1]


def _slug(*words: str) -> str:
    text = "-".join(w for w in words if w).lower().replace("_", "-")
    kept = "".join(c if c.isalnum() or c in "-." else "-" for c in text)
    parts = [p.strip(".") for p in kept.split("-")]
    return "-".join(p for p in parts if p)[:72].rstrip("-.")
