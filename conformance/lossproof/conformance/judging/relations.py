"""Relations between answers: the same question asked in another way must give the same value.

Two answers to questions with one exact value may differ by the bound of each, 2 E (design, section 4). Where the
documentation states no formula there is no E: they may differ by some ulp of the answers themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import reach
from lossproof.conformance.judging.executor import Executor, Reply
from lossproof.conformance.judging.expectation import Expected
from lossproof.conformance.judging.outcome import Failure, Mask, Outcome, conclude, refusal
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch

Rephrasing = Callable[[Subject, Batch], Batch | None]
"""The same question in another way, or None where there is no other way."""
Index = Callable[[Subject, Batch, NDArray[Any]], NDArray[Any]]
ULPS = 64.0
"""By so many units of the larger one two answers may differ where no formula is stated.

A function computed in vector lanes and past their end differs by a few ulp, and a formula may call several.
"""


@dataclass(frozen=True)
class Apart(Failure):
    """Two answers that should agree and do not: `first` to the question, `second` to the changed one.

    `reply` is the one that is wrong by the documentation, if one is.
    """

    first: Reply | None = None
    second: Reply | None = None
    told: str = ""
    """what the two answers contradict"""
    sample: int | None = None
    """the first sample whose value is another beside fewer samples"""


def by_relation(
    subject: Subject,
    key: CellKey,
    executor: Executor,
    kind: str,
    says: str,
    change: Rephrasing,
    pick: Index | None = None,
    beside: bool = False,
) -> Outcome:
    """Ask every batch of a cell a second time, changed, and compare the two answers.

    `pick` takes from the first answer the values that the changed question is about; all of them without it. `beside`
    says that the changed question is the first samples alone.
    Two answers that differ by more than 2 E cannot both be within E of the exact value: the failure is that of the
    wrong one. What the outcome shows is the distance of the two answers, not that from the documented value.
    """
    replies = executor.replies(subject, key)
    failures: list[Failure] = []
    farthest: _Pair | None = None
    compared = False
    for reply in replies:
        first, expected = reply.judged.observed, reply.judged.expected
        changed = change(subject, reply.batch)
        if first is None or expected is None or changed is None or reply.judged.size_differs:
            continue
        second = executor.judged(subject, changed, key.region)
        compared = True
        if second.judged.observed is None or second.judged.size_differs:
            note = second.answer.error.type if second.answer.error else "another number of values"
            failures.append(
                Failure(
                    second, np.ones(1, dtype=np.bool_), kind, f"{says}: the changed question gives {note}"
                )
            )
            continue
        a, twice = first.reshape(expected.shape), allowed(subject, expected, first.reshape(expected.shape))
        undefined = reply.judged.undefined & subject.states_values
        if pick is not None:
            a, twice, undefined = (pick(subject, reply.batch, values) for values in (a, twice, undefined))
        b = second.judged.observed.reshape(a.shape)
        farthest = max((p for p in (farthest, _farthest(a, b, twice, undefined)) if p), default=None)
        apart = differs(a, b, twice) & ~undefined
        if not apart.any():
            continue
        sample = int(np.argwhere(apart)[0][along(subject, reply.batch)]) if beside and apart.ndim else None
        wrong = next((r for r in (reply, second) if r.judged.wrong.any()), None)
        if wrong is not None and subject.states_values:
            failures.append(
                Apart(
                    reply=wrong,
                    wrong=wrong.judged.wrong,
                    kind=kind,
                    says="",
                    first=reply,
                    second=second,
                    told=says,
                    sample=sample,
                )
            )
        else:  # no value is documented, or the exact values themselves differ: rows at a jump
            failures.append(
                Apart(
                    reply=reply,
                    wrong=np.ones(1, dtype=np.bool_),
                    kind=kind,
                    says=says,
                    first=reply,
                    second=second,
                    told=says,
                    sample=sample,
                )
            )
    if replies and not compared:
        return _nothing(subject, key, replies)
    return _of_pair(conclude(subject, key, replies, tuple(failures), kind), farthest, replies)


def allowed(subject: Subject, expected: Expected, values: NDArray[Any]) -> NDArray[np.float64]:
    """By how much two answers to one question may differ: the bound of each, or ulps where no formula is stated."""
    if subject.states_values:
        return 2 * reach(expected)
    format_ = FORMATS[expected.compute]
    with np.errstate(all="ignore"):
        size = np.abs(values.astype(np.float64))
        return np.asarray(2 * ULPS * format_.unit * np.maximum(size, format_.smallest_normal))


@dataclass(frozen=True, order=True)
class _Pair:
    """The two values of a relation whose distance is largest beside what is allowed."""

    ratio: float
    ulps: float
    first: float
    second: float


def _farthest(a: NDArray[Any], b: NDArray[Any], twice: NDArray[np.float64], undefined: Mask) -> _Pair | None:
    unit = FORMATS[str(b.dtype)].unit if str(b.dtype) in FORMATS else FORMATS["float64"].unit
    one, other = (v.astype(np.float64).ravel() for v in (a, b))
    if not one.size or undefined.all():
        return None
    with np.errstate(all="ignore"):
        far = np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0.0, np.abs(one - other))
        ratio = np.where(far == 0, 0.0, far / twice.ravel())
    ratio = np.where(undefined.ravel(), -1.0, np.nan_to_num(ratio, nan=np.inf))
    at = int(np.argmax(ratio))
    distance = float(np.nan_to_num(far[at], nan=np.inf))
    size = max(abs(one[at]), abs(other[at]), 2.0**-1022)
    ulps = (
        0.0
        if distance == 0
        else distance / (2 * unit * 2.0 ** np.floor(np.log2(size)))
        if np.isfinite(size)
        else np.inf
    )
    return _Pair(float(ratio[at]), float(ulps), float(one[at]), float(other[at]))


def _of_pair(outcome: Outcome, pair: _Pair | None, replies: tuple[Reply, ...]) -> Outcome:
    """The outcome with the distance of the two answers, and with these in the place of documented values."""
    if pair is None or outcome.verdict not in ("conforms", "diverges"):
        return outcome
    return replace(
        outcome,
        error=pair.ulps,
        ratio=pair.ratio,
        grade="",
        expected={"value": pair.first.hex()},
        observed={"value": pair.second.hex()},
    )


def _nothing(subject: Subject, key: CellKey, replies: tuple[Reply, ...]) -> Outcome:
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


def differs(a: NDArray[Any], b: NDArray[Any], reach: NDArray[np.float64]) -> Mask:
    """Where two answers are farther apart than that; NaN agrees with NaN, and an infinity with itself."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        return np.asarray(~(np.abs(a - b) <= reach) & ~(np.isnan(a) & np.isnan(b)) & ~(a == b))


def swapped(subject: Subject, batch: Batch) -> Batch:
    """The two vectors change places."""
    x, y = _vectors(subject)
    return replace(batch, arrays={**batch.arrays, x: batch.arrays[y], y: batch.arrays[x]})


def scaled(subject: Subject, batch: Batch) -> Batch:
    """x times 4 and y divided by 8: exact in every binary format, and the cosine stays."""
    factors = zip(_vectors(subject), (4, 0.125), strict=True)
    changed = {n: batch.arrays[n] * batch.arrays[n].dtype.type(factor) for n, factor in factors}
    return replace(batch, arrays={**batch.arrays, **changed})


def permuted(subject: Subject, batch: Batch) -> Batch:
    """The elements of both rows in reverse order."""
    turned = {n: np.ascontiguousarray(np.flip(batch.arrays[n], batch.axis)) for n in _vectors(subject)}
    return replace(batch, arrays={**batch.arrays, **turned})


def _vectors(subject: Subject) -> list[str]:
    """The names of the arrays of vectors."""
    return [subject.names[role] for role in family_of(subject).inputs.vectors]


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


def samples(subject: Subject, batch: Batch, chosen: list[int]) -> Batch:
    """Some of the samples of a batch."""
    vectors, lead = _vectors(subject), _lead(batch)
    arrays = {
        name: np.ascontiguousarray(np.take(a, chosen, axis=lead if name in vectors else 0))
        for name, a in batch.arrays.items()
    }
    return replace(batch, arrays=arrays)


def of_sample(subject: Subject, batch: Batch, values: NDArray[Any], at: int) -> NDArray[Any]:
    """The values of one sample of a batch."""
    return np.asarray(np.take(values, at, axis=along(subject, batch)))


def first_half(subject: Subject, batch: Batch) -> Batch | None:
    """Only some of the batch: what a row gives must not depend on its neighbours."""
    inputs = family_of(subject).inputs
    reference = batch.arrays[subject.names[inputs.roles[0]]]
    lead = _lead(batch)
    if reference.ndim <= 1 and inputs.vectors:
        return None
    return samples(subject, batch, list(range(kept(reference.shape[lead]))))


def of_first_half(subject: Subject, batch: Batch, values: NDArray[Any]) -> NDArray[Any]:
    """The values of the samples that `first_half` keeps."""
    axis = along(subject, batch)
    return np.take(values, np.arange(kept(values.shape[axis])), axis=axis) if values.ndim else values


def along(subject: Subject, batch: Batch) -> int:
    """The axis of the result along which the samples lie."""
    return _lead(batch) if subject.semantics.fixed("keepdims") else 0


def _lead(batch: Batch) -> int:
    """The first axis that is not the embedding axis."""
    some = next(iter(batch.arrays.values()))
    return 1 if some.ndim > 1 and batch.axis % some.ndim == 0 else 0


def kept(size: int) -> int:
    """How many of the samples stay: an odd number near half, so that vector lanes fall elsewhere."""
    return max(1, size // 2 - 1 + size // 2 % 2)
