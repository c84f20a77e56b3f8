"""Batches drawn again: the seed and the cell give every question of a run back, and samples hold the answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossproof.conformance.changes.answers import Told, allowed, numbers
from lossproof.conformance.changes.model import Asking, RowKey
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.properties.registry import cells
from lossproof.conformance.questions.batches import Batch, batches
from lossproof.specs import edition_for


@dataclass(frozen=True, eq=False)
class Replay:
    """The batches of a cell as they were asked."""

    subject: Subject
    key: CellKey
    batches: Sequence[Batch]


def replayed(asked: Asking, key: RowKey, count: int) -> Replay | None:
    """The first `count` batches of a cell, drawn again; None for a case, and where no spec has such a cell."""
    api, *rest = key
    spec = next((s for s in asked.specs if s.api == api), None)
    edition = edition_for(spec, asked.facts.packages) if spec else None
    if spec is None or edition is None:
        return None
    subject = Subject(asked.facts, spec, edition)
    cell = next((k for k in cells(subject) if k.sort == tuple(rest)), None)
    if cell is None or cell.variant.case:
        return None
    drawn = tuple(batches(subject, cell.region, cell.dtype, cell.variant, count, asked.seed))
    return Replay(subject, cell, drawn)


def alike(one: Batch, other: Batch) -> bool:
    """Whether both are the same arrays: the pages of two editions may draw different rows."""
    return one.arrays.keys() == other.arrays.keys() and all(
        (a.dtype, a.shape, a.tobytes())
        == (other.arrays[n].dtype, other.arrays[n].shape, other.arrays[n].tobytes())
        for n, a in one.arrays.items()
    )


def recorded(answer: Told, loose: bool) -> dict[str, Any]:
    """A sample's answer to a batch as a witness has it; of a large one the `first` values alone were recorded."""
    told, values = _kept(answer), numbers(answer)
    if not values.size or "shape" not in answer:
        return told
    shape = tuple(answer["shape"])
    as_hex = [[float(v).hex() for v in part] for part in (values, allowed(answer, loose))]
    if values.size == int(np.prod(shape, dtype=np.int64)):
        nested = [_nested(part, shape) for part in as_hex]
        return {**told, "value": nested[0], "tolerance": nested[1]}
    return {**told, "first": values.size, "value": as_hex[0], "tolerance": as_hex[1]}


def _kept(answer: Told) -> dict[str, Any]:
    return {n: answer[n] for n in ("outcome", "error", "dtype", "shape") if answer.get(n) not in (None, "")}


def _nested(flat: Sequence[str], shape: Sequence[int]) -> Any:
    return np.asarray(flat, dtype=object).reshape(tuple(shape)).tolist()
