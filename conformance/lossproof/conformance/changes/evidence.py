"""How a change is shown: one question with both sides' answers to it, plain and small where there is a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lossproof.conformance.changes.answers import Difference, bounded, difference
from lossproof.conformance.changes.model import CellRow, Seen, Side, same_question
from lossproof.conformance.changes.replay import alike, recorded, replayed
from lossproof.conformance.families import kinds
from lossproof.conformance.families.regions.registry import named
from lossproof.conformance.judging.executor import question_of
from lossproof.conformance.judging.serialize import serialized
from lossproof.reports import stored

Evidence = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
"""A question, and the answers of the old and of the new side to it."""


def shown(old: Side, new: Side, seen: Sequence[Seen]) -> tuple[Seen, Evidence]:
    """The cell that shows a change best, and how.

    By a question that the run kept, by the reduced witness of the side that diverges, by a batch drawn again, by a
    question that one side alone answered, or by the first answers to none.
    """
    ordered = sorted(seen, key=_rank)
    for way in (_kept, _reduced, _drawn, _of_one_side):
        for one in ordered:
            if found := way(old, new, one):
                return one, found
    first = ordered[0]
    a, b = (dict((s.samples.get(first.key, {}).get("answers") or [{}])[0]) for s in (old, new))
    return first, ({}, a, b)


def _rank(seen: Seen) -> tuple[Any, ...]:
    """Plain regions, float32 and few options first."""
    key = seen.key
    return not named(key[2]).plainest, key[3] != "float32", seen.severity, len(key[4]), key


def _kept(old: Side, new: Side, seen: Seen) -> Evidence | None:
    """The question that the samples of a cell hold, where the answers to it show the change."""
    a, b = (side.samples.get(seen.key, {}) for side in (old, new))
    if not all(s.get("question") and s.get("answer") for s in (a, b)) or not same_question(a, b):
        return None
    found = difference([a["answer"]], [b["answer"]])
    if found is None or (seen.moved is not None and found.kind != seen.moved.kind):
        return None
    return dict(b["question"]), bounded(a["answer"]), bounded(b["answer"])


def _reduced(old: Side, new: Side, seen: Seen) -> Evidence | None:
    """The witness of the one side that diverges.

    The other one, of the same edition, conforms in that cell, so its answer is the documented value.
    """
    found = _of_one_side(old, new, seen)
    wanted = _told(_diverging(old, new, seen).get("expected"), stored.EXPECTATION)
    if (
        found is None
        or old.editions.get(seen.key[0]) != new.editions.get(seen.key[0])
        or not _answers(wanted)
    ):
        return None
    question, before, after = found
    return question, before or dict(wanted), after or dict(wanted)


def _of_one_side(old: Side, new: Side, seen: Seen) -> Evidence | None:
    """The witness of the one side that diverges with its answer, and none of the other."""
    row = _diverging(old, new, seen)
    question = stored.question(str(row.get("witness") or ""))
    got = _told(row.get("observed"), stored.ANSWER)
    if not question.get("api") or not _answers(got):
        return None
    return (question, {}, bounded(got)) if row is new.rows[seen.key] else (question, bounded(got), {})


def _diverging(old: Side, new: Side, seen: Seen) -> CellRow:
    """The row of the side that diverges; nothing where both do, or none."""
    before, after = old.rows[seen.key], new.rows[seen.key]
    wrong = [row for row in (before, after) if row["verdict"] == "diverges"]
    return wrong[0] if len(wrong) == 1 else {}


def _answers(told: Mapping[str, Any]) -> bool:
    return any(told.get(name) is not None for name in ("value", "error", "data", "moves"))


def _drawn(old: Side, new: Side, seen: Seen) -> Evidence | None:
    """The smallest batch of the cell whose recorded answers differ, drawn again from the seed.

    It is the whole batch: what a row gives may depend on its place, where kernels take several at a time.
    """
    a, b = (side.samples.get(seen.key, {}) for side in (old, new))
    if seen.moved is None or not (a.get("answers") and b.get("answers")) or not same_question(a, b):
        return None
    if old.asking is None or new.asking is None:
        return None
    pairs = list(zip(a["answers"], b["answers"], strict=False))
    mine, theirs = (replayed(side, seen.key, len(pairs)) for side in (old.asking, new.asking))
    if mine is None or theirs is None:
        return None
    loose = old.rows[seen.key]["verdict"] == new.rows[seen.key]["verdict"] == "diverges"
    differing = [
        (batch, pair)
        for batch, other, pair in zip(mine.batches, theirs.batches, pairs, strict=True)
        if _moved(difference([pair[0]], [pair[1]], loose), seen.moved) and alike(batch, other)
    ]
    if not differing:
        return None
    batch, (before, after) = min(differing, key=lambda found: sum(a.size for a in found[0].arrays.values()))
    return serialized(question_of(mine.subject, batch)), recorded(before, loose), recorded(after, loose)


def _moved(one: Difference | None, cell: Difference) -> bool:
    """Whether the answers to one batch differ as those of the cell do: by an error, or otherwise."""
    return one is not None and kinds.named(one.kind).raises == kinds.named(cell.kind).raises


def _told(text: Any, model: Any) -> Mapping[str, Any]:
    """Return the answer that a column of a row holds; an empty mapping where it holds none."""
    found = stored.told(str(text or ""), model)
    return found if isinstance(found, Mapping) else {}
