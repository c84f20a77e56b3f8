"""Batches drawn again: the seed and the cell give every question of a run back, and samples hold the answers to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from lossproof.conformance.asker import question_of
from lossproof.conformance.batches import Batch, batches
from lossproof.conformance.differences import Told, allowed, numbers
from lossproof.conformance.properties import cells
from lossproof.conformance.sides import Asking, CellKey
from lossproof.conformance.spelling import spelled
from lossproof.conformance.subject import Subject
from lossproof.specs import edition_for


def redrawn(
    asked: Sequence[Asking | None], key: CellKey, number: int, answers: tuple[Told, Told], loose: bool
) -> tuple[Mapping[str, Any], dict[str, Any], dict[str, Any]] | None:
    """The question of batch `number` of a cell, and both sides' recorded answers to it; None where it cannot be known.

    It is the whole batch: what a row gives may depend on its place, where kernels take several at a time. Of larger
    answers only the first values are recorded: `first` says so.
    """
    drawn = [_batch(one, key, number) for one in asked if one is not None]
    if len(drawn) != len(asked) or any(one is None for one in drawn):
        return None
    (subject, batch), *others = (one for one in drawn if one is not None)
    question = spelled(question_of(subject, batch))
    if any(spelled(question_of(*other))["arrays"] != question["arrays"] for other in others):
        return None  # the pages draw different rows
    told = [_recorded(answer, loose) for answer in answers]
    return question, told[0], told[1]


def _batch(asked: Asking, key: CellKey, number: int) -> tuple[Subject, Batch] | None:
    api, *rest = key
    spec = next((s for s in asked.specs if s.api == api), None)
    edition = edition_for(spec, asked.facts.packages) if spec else None
    if spec is None or edition is None:
        return None
    subject = Subject(asked.facts, spec, edition)
    cell = next((k for k in cells(subject) if k.sort == tuple(rest)), None)
    if cell is None or cell.variant.case:
        return None
    drawn: Iterator[Batch] = batches(subject, cell.region, cell.dtype, cell.variant, number + 1, asked.seed)
    return subject, next(islice(drawn, number, None))


def _recorded(answer: Told, loose: bool) -> dict[str, Any]:
    """An answer as a witness has it, as far as it was recorded."""
    told, values = _kept(answer), numbers(answer)
    if not values.size:
        return told
    shape = tuple(answer["shape"])
    spelled_out = [[float(v).hex() for v in part] for part in (values, allowed(answer, loose))]
    if values.size == int(np.prod(shape, dtype=np.int64)):
        nested = [_nested(part, shape) for part in spelled_out]
        return {**told, "value": nested[0], "tolerance": nested[1]}
    return {**told, "first": values.size, "value": spelled_out[0], "tolerance": spelled_out[1]}


def _kept(answer: Told) -> dict[str, Any]:
    return {n: answer[n] for n in ("outcome", "error", "dtype", "shape") if answer.get(n) not in (None, "")}


def _nested(flat: Sequence[str], shape: Sequence[int]) -> Any:
    return np.asarray(flat, dtype=object).reshape(tuple(shape)).tolist()
