"""The catalogue tried on one cell: what explains most of its wrong values first, then the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from lossproof.conformance.diagnosis.disambiguation import alternatives, separating_batch
from lossproof.conformance.diagnosis.effort import Budget
from lossproof.conformance.diagnosis.hypotheses import EPS, floors, hypotheses
from lossproof.conformance.diagnosis.inaccuracy import Left, coarser_dtype
from lossproof.conformance.diagnosis.matching import (
    BY_ROW,
    explained,
    few_rows,
    holding,
    rows_of,
)
from lossproof.conformance.diagnosis.model import Cause, Explained, in_words
from lossproof.conformance.diagnosis.naming import merged, named_cause, slugged
from lossproof.conformance.families import kinds
from lossproof.conformance.families.kinds import severity
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.judging.comparison import explains
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch

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


WHOLE_CALL = {"compute_dtype", "score"}
"""The parameters that hold for a whole call or not at all: no cause where most of its wrong rows deny them."""


BESIDE = {
    "reduction", "ignore_weights", "weights", "axis", "broadcasting", "keepdims", "gradient_factor", "gradient_of",
}  # fmt: skip
"""The parameters that are tried beside those of a cause that holds of the whole API."""


def diagnosed(
    subject: Subject,
    key: CellKey,
    left: Sequence[Left],
    budget: Budget,
    base: Mapping[str, Any] = MappingProxyType({}),
) -> list[Explained]:
    """Causes of the catalogue: the one that explains most rows of the first failure is tried on all, and so on.

    Where another cause holds of the API, those that its parameters, the `base`, leave open are tried beside them.

    A walk through the catalogue that finds nothing is the last one of the cell.
    """
    found: list[Explained] = []
    open_ = [i for i in left if i.failure.reply.judged.expected is not None and not i.failure.says]
    for item in open_:
        while item.mask.any():
            best = _best(subject, key, item, budget, base)
            if best is None:
                return found
            cause, parameters, predicate = best
            for other in open_:
                if not other.mask.any():
                    continue
                match = (
                    explained(subject, other.failure, {**base, **parameters})
                    if parameters
                    else holding(subject, other.failure, predicate)
                )
                both = other.mask & match
                if both.any():
                    found.append(Explained(cause, int(both.sum()), other.failure, both))
                    other.mask = other.mask & ~both
    return found


def coarser(subject: Subject, key: CellKey, left: Sequence[Left]) -> list[Explained]:
    """Trace what nothing else explains to arithmetic of fewer bits, if it may be the reason."""
    open_ = [i for i in left if i.mask.any() and i.failure.reply.judged.expected and not i.failure.says]
    name = coarser_dtype(subject, open_)
    if not name:
        return []
    parameters = {"compute_dtype": name}
    cause = replace(named_cause(subject, key, "accuracy", parameters), words=f"no more accurate than {name}")
    found = []
    for item in open_:
        taken = item.mask & explained(subject, item.failure, parameters)
        item.mask = item.mask & ~taken
        found.append(Explained(cause, int(taken.sum()), item.failure, taken))
    return [e for e in found if e.rows]


def _best(
    subject: Subject, key: CellKey, item: Left, budget: Budget, base: Mapping[str, Any]
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
        if base and not set(parameters) <= BESIDE:
            continue
        if not budget.spend(asked):
            break
        tried = {**base, **parameters}
        if few and set(parameters) <= BY_ROW and not (few.wrong & explained(subject, few, tried)).any():
            continue
        match = explained(subject, item.failure, tried)
        rows = (int((item.mask & match).sum()), int(match.sum()))
        if WHOLE_CALL & set(parameters) and 2 * int((wrong & match).sum()) < int(wrong.sum()):
            continue  # some rows may look so by chance
        if rows[0] and rows > most:
            best, most = (named_cause(subject, key, kind, parameters), parameters, ""), rows
        if most == whole:
            return best
    if base:
        return best if most[0] == whole[0] else None
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
            best, most = (named_cause(subject, key, kind, {}, predicate), {}, predicate), rows
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
        named = [named_cause(subject, key, kind_of.get(next(iter(p)), item.cause.kind), p) for p in left]
        if len(named) == 1:
            return replace(item, cause=named[0])
        words = " or ".join(map(in_words, left))
        both = replace(named[0], words=words, slug=named[0].slug[:60] + "-among-others")
        return replace(item, cause=both)

    return merged(subject, [told(item) for item in found])


def _of_gradient(subject: Subject, key: CellKey, item: Explained) -> Explained:
    """The cause where the value is right: no other rule, but a gradient that is that of one."""
    cause = item.cause
    slug = slugged(subject.facts.framework, "gradient", cause.slug.partition(cause.kind.replace("_", "-"))[2])
    words = f"the value is right, the gradient {cause.words}"
    named = replace(cause, kind="gradient", severity=severity("gradient", key.region), words=words, slug=slug)
    return replace(item, cause=named)
