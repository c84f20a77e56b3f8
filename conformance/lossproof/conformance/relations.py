"""Relations between answers: the same question asked in another way must give the same value.

Two answers to questions with one exact value may differ by the bound of each, 2 E (design, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.asker import Asker, Reply
from lossproof.conformance.batches import Batch
from lossproof.conformance.judge import reach
from lossproof.conformance.property import Failure, Mask, Outcome, conclude, refusal
from lossproof.conformance.subject import Key, Subject

Arrays = Mapping[str, NDArray[Any]]
Change = Callable[[Subject, Batch], Batch | None]
"""The same question in another way, or None where there is no other way."""
Index = Callable[[Subject, Batch, NDArray[Any]], NDArray[Any]]


def by_relation(
    subject: Subject, key: Key, asker: Asker, kind: str, says: str, change: Change, pick: Index | None = None
) -> Outcome:
    """Ask every batch of a cell a second time, changed, and compare the two answers.

    `pick` takes from the first answer the values that the changed question is about; all of them without it.
    Two answers that differ by more than 2 E cannot both be within E of the exact value: the failure is that of the
    wrong one.
    """
    replies = asker.replies(subject, key)
    failures = []
    compared = False
    for reply in replies:
        first, expected = reply.judged.observed, reply.judged.expected
        changed = change(subject, reply.batch)
        if first is None or expected is None or changed is None or reply.judged.size_differs:
            continue
        second = asker.judged(subject, changed, key.region)
        compared = True
        if second.judged.observed is None or second.judged.size_differs:
            note = second.answer.error.type if second.answer.error else "another number of values"
            failures.append(
                Failure(
                    second, np.ones(1, dtype=np.bool_), kind, f"{says}: the changed question gives {note}"
                )
            )
            continue
        a, twice, undefined = first.reshape(expected.shape), 2 * reach(expected), reply.judged.undefined
        if pick is not None:
            a, twice, undefined = (pick(subject, reply.batch, values) for values in (a, twice, undefined))
        apart = _apart(a, second.judged.observed.reshape(a.shape), twice) & ~undefined
        if not apart.any():
            continue
        wrong = next((r for r in (reply, second) if r.judged.wrong.any()), None)
        if wrong is not None:
            failures.append(Failure(wrong, wrong.judged.wrong, kind))
        else:  # the exact values themselves differ: rows at a jump
            failures.append(Failure(reply, np.ones(1, dtype=np.bool_), kind, says))
    if replies and not compared:
        return _nothing(subject, key, replies)
    return conclude(subject, key, replies, tuple(failures), kind)


def _nothing(subject: Subject, key: Key, replies: tuple[Reply, ...]) -> Outcome:
    for reply in replies:
        if reply.judged.broken_off:
            failure = refusal(reply)
            return Outcome("diverges", failure.kind, (failure,))
        if reply.judged.size_differs:
            failure = Failure(reply, reply.judged.wrong, "shape")
            return Outcome("diverges", "shape", (failure,))
    note = next(
        (r.answer.error.type for r in replies if r.answer.error), "no question of this cell can be changed so"
    )
    return Outcome("unsupported", note=note)


def _apart(a: NDArray[Any], b: NDArray[Any], reach: NDArray[np.float64]) -> Mask:
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        return np.asarray(~(np.abs(a - b) <= reach) & ~(np.isnan(a) & np.isnan(b)) & ~(a == b))


def names(subject: Subject) -> dict[str, str]:
    """Parameter names by role."""
    return {a.role: a.name for a in subject.edition.call.arrays}


def swapped(subject: Subject, batch: Batch) -> Batch:
    """x and y change places."""
    by_role = names(subject)
    x, y = batch.arrays[by_role["x"]], batch.arrays[by_role["y"]]
    return replace(batch, arrays={**batch.arrays, by_role["x"]: y, by_role["y"]: x})


def scaled(subject: Subject, batch: Batch) -> Batch:
    """x times 4 and y divided by 8: exact in every binary format, and the cosine stays."""
    by_role = names(subject)
    x, y = batch.arrays[by_role["x"]], batch.arrays[by_role["y"]]
    four, eighth = x.dtype.type(4), y.dtype.type(0.125)
    return replace(batch, arrays={**batch.arrays, by_role["x"]: x * four, by_role["y"]: y * eighth})


def permuted(subject: Subject, batch: Batch) -> Batch:
    """The elements of both rows in reverse order."""
    by_role = names(subject)
    turned = {
        by_role[r]: np.ascontiguousarray(np.flip(batch.arrays[by_role[r]], batch.axis)) for r in ("x", "y")
    }
    return replace(batch, arrays={**batch.arrays, **turned})


def one_each(subject: Subject) -> bool:
    """Whether the row-wise variant gives each sample a value of its own."""
    reduction = subject.option("reduction")
    chosen = dict(subject.row_wise.options).get(reduction.name, reduction.default) if reduction else None
    return subject.meaning(chosen) == "none"


def turned(subject: Subject, batch: Batch) -> Batch:
    """Pairs that are no more than a label and a distance, in reverse order."""
    return replace(batch, arrays={n: np.ascontiguousarray(np.flip(a, 0)) for n, a in batch.arrays.items()})


def of_turned(subject: Subject, batch: Batch, values: NDArray[Any]) -> NDArray[Any]:
    """The values in the order of the pairs that `turned` asks for."""
    return np.flip(values, 0)


def first_half(subject: Subject, batch: Batch) -> Batch | None:
    """Only some of the batch: what a row gives must not depend on its neighbours."""
    by_role = names(subject)
    lead = _lead(batch)
    reference = batch.arrays[by_role.get("x", by_role.get("distances", ""))]
    if reference.ndim <= 1 and "x" in by_role:
        return None
    keep = kept(reference.shape[lead])
    arrays = {
        name: np.ascontiguousarray(np.take(a, np.arange(keep), axis=lead if role in ("x", "y") else 0))
        for role, name in by_role.items()
        if name in batch.arrays
        for a in [batch.arrays[name]]
    }
    return replace(batch, arrays=arrays)


def of_first_half(subject: Subject, batch: Batch, values: NDArray[Any]) -> NDArray[Any]:
    """The values of the samples that `first_half` keeps."""
    along = _lead(batch) if subject.semantics.keepdims else 0
    return np.take(values, np.arange(kept(values.shape[along])), axis=along) if values.ndim else values


def _lead(batch: Batch) -> int:
    """The first axis that is not the embedding axis."""
    some = next(iter(batch.arrays.values()))
    return 1 if some.ndim > 1 and batch.axis % some.ndim == 0 else 0


def kept(size: int) -> int:
    """How many of the samples stay: an odd number near half, so that vector lanes fall elsewhere."""
    return max(1, size // 2 - 1 + size // 2 % 2)
