"""How a change is shown: one question with both sides' answers to it, plain and small where there is a choice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lossproof.conformance.differences import bounded, difference
from lossproof.conformance.redrawn import redrawn
from lossproof.conformance.sides import Row, Seen, Side, same_question

Shown = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
"""A question, and the answers of the old and of the new side to it."""


def shown(old: Side, new: Side, seen: Sequence[Seen]) -> tuple[Seen, Shown]:
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
    return key[2] != "ordinary", key[3] != "float32", seen.severity, len(key[4]), key


def _kept(old: Side, new: Side, seen: Seen) -> Shown | None:
    """The question that the samples of a cell hold, where the answers to it show the change."""
    a, b = (side.samples.get(seen.key, {}) for side in (old, new))
    if not all(s.get("question") and s.get("answer") for s in (a, b)) or not same_question(a, b):
        return None
    found = difference([a["answer"]], [b["answer"]])
    if found is None or (seen.moved is not None and found.kind != seen.moved.kind):
        return None
    return dict(b["question"]), bounded(a["answer"]), bounded(b["answer"])


def _reduced(old: Side, new: Side, seen: Seen) -> Shown | None:
    """The witness of the one side that diverges.

    The other one, of the same edition, conforms in that cell, so its answer is the documented value.
    """
    found = _of_one_side(old, new, seen)
    wanted = _json(_diverging(old, new, seen).get("expected"))
    if (
        found is None
        or old.editions.get(seen.key[0]) != new.editions.get(seen.key[0])
        or not _answers(wanted)
    ):
        return None
    question, before, after = found
    return question, before or dict(wanted), after or dict(wanted)


def _of_one_side(old: Side, new: Side, seen: Seen) -> Shown | None:
    """The witness of the one side that diverges with its answer, and none of the other."""
    row = _diverging(old, new, seen)
    question, got = (_json(row.get(n)) for n in ("witness", "observed"))
    if not (isinstance(question, Mapping) and question.get("api") and isinstance(got, Mapping)):
        return None
    if not _answers(got):
        return None
    return (question, {}, bounded(got)) if row is new.rows[seen.key] else (question, bounded(got), {})


def _diverging(old: Side, new: Side, seen: Seen) -> Row:
    """The row of the side that diverges; nothing where both do, or none."""
    before, after = old.rows[seen.key], new.rows[seen.key]
    wrong = [row for row in (before, after) if row["verdict"] == "diverges"]
    return wrong[0] if len(wrong) == 1 else {}


def _answers(told: Mapping[str, Any]) -> bool:
    return any(told.get(name) is not None for name in ("value", "error", "data", "moves"))


def _drawn(old: Side, new: Side, seen: Seen) -> Shown | None:
    """The smallest batch of the cell whose recorded answers differ, drawn again from the seed."""
    a, b = (side.samples.get(seen.key, {}) for side in (old, new))
    if seen.moved is None or not (a.get("answers") and b.get("answers")) or not same_question(a, b):
        return None
    loose = old.rows[seen.key]["verdict"] == new.rows[seen.key]["verdict"] == "diverges"
    found = list(_redrawn(old, new, seen, loose))
    return min(found, key=lambda s: _size(s[0]), default=None)


def _redrawn(old: Side, new: Side, seen: Seen, loose: bool) -> Iterator[Shown]:
    assert seen.moved is not None
    pairs = zip(*(side.samples[seen.key]["answers"] for side in (old, new)), strict=False)
    for number, (a, b) in enumerate(pairs):
        moved = difference([a], [b], loose)
        if moved is None or (moved.kind == "error") != (seen.moved.kind == "error"):
            continue
        found = redrawn((old.asking, new.asking), seen.key, number, (a, b), loose)
        if found is not None:
            yield found


def _size(question: Mapping[str, Any]) -> int:
    total = 0
    for array in question["arrays"].values():
        size = 1
        for length in array["shape"]:
            size *= length
        total += size
    return total


def _json(text: Any) -> Any:
    return json.loads(text) if text else {}
