"""Names of causes: the kind, the severity, the words and the slug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossproof.conformance.diagnosis.inaccuracy import Left, errs_like_rounding, missed_by_little
from lossproof.conformance.diagnosis.matching import at_extremes, on_ordinary_input
from lossproof.conformance.diagnosis.model import Behaviour, Cause, Explained, in_words
from lossproof.conformance.families import kinds
from lossproof.conformance.families.kinds import severity
from lossproof.conformance.judging.outcome import Failure
from lossproof.conformance.judging.relations import Apart
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.reports import words


def named_cause(
    subject: Subject, key: CellKey, kind: str, parameters: Mapping[str, Any], predicate: str = ""
) -> Cause:
    """The cause that parameters or a predicate name, as a region shows it."""
    if not parameters:
        return _where(subject, key, kind, predicate)
    behaves = Behaviour.of(parameters)
    if "result_dtype" in parameters:
        slug = slugged(subject.facts.framework, kind, subject.api.rsplit(".", 1)[-1], "result")
        return Cause(kind, severity(kind, key.region), behaves, in_words(parameters), slug=slug)
    short = "-".join(f"{v:g}" if isinstance(v, float) else str(v) for v in parameters.values())
    slug = slugged(subject.facts.framework, kind, short)
    return Cause(kind, severity(kind, key.region), behaves, in_words(parameters), slug=slug)


def _where(subject: Subject, key: CellKey, kind: str, predicate: str) -> Cause:
    """The cause that a predicate names; a quantity leaves the range of its dtype at both ends for one reason."""
    behaves = Behaviour.of(predicate=predicate)
    quantity, _, end = predicate.rpartition("_")
    leaves = end in ("overflows", "underflows")
    slug = slugged(subject.facts.framework, *(("range", quantity) if leaves else (kind, predicate)))
    where = f"wherever the {words.label(quantity)} leaves the range of the dtype"
    title = f"wrong {where if leaves else words.behaves_as(behaves.as_json())}"
    return Cause(kind, severity(kind, key.region), behaves, title, slug=slug)


def as_they_are(subject: Subject, key: CellKey, left: Sequence[Left]) -> list[Explained]:
    """Failures that nothing explains, as what they are: inaccurate, if they err by little and to both sides."""
    open_ = [item for item in left if item.mask.any()]
    valued = [i for i in open_ if i.failure.reply.judged.expected is not None and not i.failure.says]
    rounded = errs_like_rounding(valued)
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
    said = failure.says or told or f"{key.property} beyond its bound ({key.region})"
    place, what = f"{key.property}-{name}", _what(failure)
    if failure.reply.judged.refused or kinds.named(kind).raises:
        place, what = name, ""  # what is refused and what is not, in whatever words, is checked in one place
    elif kinds.named(kind).told_apart:  # a form of the answer: of one array, in whatever words
        place, what = name, "result"
        judged = failure.reply.judged
        if judged.dtype_differs and judged.expected is not None and judged.observed is not None:
            said = f"returns {judged.observed.dtype}, not {judged.expected.dtype}"
    elif failure.reply.judged.broken_off or (case and failure.says):
        place = name
    elif case:
        place, what = case.slug, ""
    slug = slugged(subject.facts.framework, kind, place, what[:24])
    cause = Cause(kind, severity(kind, key.region), behaves, said, slug=slug)
    return Explained(cause, int(item.mask.sum()), failure, item.mask)


def _what(failure: Failure) -> str:
    """Name the fault in a word or two: the class of an exception, else the beginning of what the failure says."""
    error = failure.reply.answer.error
    told = (
        error.type if kinds.named(failure.kind).raises and error is not None else failure.says.split(":")[0]
    )
    return told.rsplit(".", 1)[-1]


def slugged(*parts: str) -> str:
    """Words as a slug: lower case, one hyphen between them, at most 72 characters."""
    text = "-".join(part for part in parts if part).lower().replace("_", "-")
    kept = "".join(c if c.isalnum() or c in "-." else "-" for c in text)
    trimmed = [p.strip(".") for p in kept.split("-")]
    return "-".join(p for p in trimmed if p)[:72].rstrip("-.")


def merged(subject: Subject, found: list[Explained]) -> list[Explained]:
    """The causes of a cell, each once, with the severity that its inputs deserve."""
    causes: dict[tuple[str, str, Behaviour], Explained] = {}
    for item in (_tempered(subject, each) for each in found):
        name = (item.cause.slug, item.cause.kind, item.cause.behaves_as)
        if name in causes:
            first = causes[name]
            order = (first.counted, first.cause.severity), (item.counted, item.cause.severity)
            if order[0] > order[1]:  # shown on the input that it explains, and where it matters most
                first, item = item, first
            item = replace(first, rows=first.rows + item.rows)
        causes[name] = item
    return list(causes.values())


def _tempered(subject: Subject, item: Explained) -> Explained:
    """The severity of what is wrong on no ordinary input: S2, or S3 where squares leave the range of the dtype."""
    cause = item.cause
    if cause.known or cause.severity > "S2" or on_ordinary_input(subject, item.failure, item.mask):
        return item
    severest = "S3" if at_extremes(subject, item.failure, item.mask) else "S2"
    return replace(item, cause=replace(cause, severity=severest))
