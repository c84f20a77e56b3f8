"""Witnesses: a failing question reduced to the smallest that still fails in the same way.

The shrinker is deterministic and has a budget of calls and rows. It drops rows, axes and elements, sets elements to
zero and replaces numbers by small integers times powers of two, as long as region and cause of the failure stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.diagnosis.effort import Budget
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.regions.held import Held
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor, Reply, twice
from lossproof.conformance.judging.outcome import Failure
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Unrepeated

Inputs = dict[str, NDArray[Any]]
Same = Callable[[Reply], Failure | None]
"""The failure of a reduced question if it is the same failure, else None."""


@dataclass(frozen=True)
class Witness:
    """A reduced question with its answer, and the failure it shows."""

    batch: Batch
    failure: Failure


def reduce(
    subject: Subject,
    key: CellKey,
    failure: Failure,
    mask: NDArray[np.bool_],
    same: Same,
    executor: Executor,
    budget: Budget,
) -> tuple[Witness, ...]:
    """The questions found within the budget that fail in the same way, each smaller than the one before.

    The first is the original one.
    """
    best = Witness(failure.reply.batch, failure)
    steps = [best]

    def attempt(arrays: Inputs) -> bool:
        nonlocal best
        if not stays(key.region, subject, arrays, best.batch.options) or not budget.spend(_rows(arrays)):
            return False
        batch = replace(best.batch, arrays=arrays, order="C", axis=-1)
        try:
            reply = twice(lambda: executor.judged(subject, batch, key.region))
        except (ValueError, Unrepeated):
            return (
                False  # the documented formula does not accept these shapes, or workers die here now and then
            )
        found = same(reply)
        if found is None:
            return False
        best = Witness(batch, found)
        steps.append(best)
        return True

    if best.batch.wrt and family_of(subject).inputs.vectors:
        mask = _of_rows(mask, subject, best.batch)
    _one_row(subject, best.batch, mask, attempt)
    _flatten(subject, lambda: best.batch, attempt)
    _fewer(subject, lambda: best.batch, attempt)
    for change in (_rounded, _zeroed, _simpler):
        for inputs in change(lambda: dict(best.batch.arrays), subject):
            if budget.calls <= 0 or budget.rows <= 0:
                break
            attempt(inputs)
    return tuple(steps)


def _rows(arrays: Inputs) -> int:
    """How many rows the largest array has, a vector of any length being one."""
    return max((int(np.prod(a.shape[:-1], dtype=np.int64)) for a in arrays.values()), default=1) or 1


def _of_rows(mask: NDArray[np.bool_], subject: Subject, batch: Batch) -> NDArray[np.bool_]:
    """The rows that hold a wrong element of a gradient; where no gradient came, the mask itself."""
    rank = max((a.ndim for a in batch.arrays.values()), default=0)
    axis = axis_of(subject, batch.options)
    from_last = axis - rank if axis >= 0 else axis  # in the common shape: the array may have fewer axes
    if mask.shape != batch.arrays[batch.wrt].shape or mask.ndim < -from_last:
        return mask
    return np.asarray(mask.any(axis=from_last))


def _one_row(
    subject: Subject, batch: Batch, mask: NDArray[np.bool_], attempt: Callable[[Inputs], bool]
) -> None:
    """Only the first failing row, where the result has a value for each row."""
    inputs = family_of(subject).inputs
    shapes = [a.shape for n, a in batch.arrays.items() if subject.roles[n] in inputs.roles]
    if not shapes or not mask.size or not mask.any():
        return
    full = np.broadcast_shapes(*shapes)
    axis = axis_of(subject, batch.options) % len(full) if inputs.vectors else -1
    outer = tuple(s for i, s in enumerate(full) if i != axis)
    if int(np.prod(outer, dtype=np.int64)) != mask.size:
        _halves(subject, batch, axis, attempt)
        return
    index = np.unravel_index(int(np.argmax(mask.ravel())), outer) if outer else ()
    arrays: Inputs = {}
    for name, values in batch.arrays.items():
        place = [int(i) for i in index]
        if subject.roles[name] in inputs.vectors:
            place.insert(axis, -1)
        if values.ndim != len(place):
            place = place[: values.ndim]
        for position, at in enumerate(place):
            if at >= 0 and values.shape[position] > 1:
                values = np.take(values, [at], axis=position)
        arrays[name] = np.ascontiguousarray(values)
    attempt(arrays)


def first_value(subject: Subject, batch: Batch) -> Batch:
    """The question about the first value alone, where the result has a value for each row; else the batch itself."""
    found = [batch]

    def keep(arrays: Inputs) -> bool:
        found.append(replace(batch, arrays=arrays, order="C", axis=-1))
        return True

    inputs = family_of(subject).inputs
    main = batch.arrays.get(subject.names.get(inputs.roles[0], ""))
    if main is not None and main.size:
        axis = axis_of(subject, batch.options)
        shape = np.delete(main.shape, axis % main.ndim) if inputs.vectors else main.shape
        _one_row(subject, batch, np.arange(int(np.prod(shape))) == 0, keep)
    return found[-1]


def _halves(subject: Subject, batch: Batch, axis: int, attempt: Callable[[Inputs], bool]) -> None:
    """Fewer samples of a reduced result, by bisection from the front."""
    vectors = _vectors(subject, batch)
    lead = 1 if axis == 0 else 0
    sizes = [batch.arrays[n].shape[lead] for n in vectors[:1] if batch.arrays[n].ndim > lead]
    size = sizes[0] if sizes else max((a.shape[0] for a in batch.arrays.values() if a.ndim), default=0)
    for keep in (1, 2, 3, 4, 8, 16, 32):
        if keep >= size:
            return
        arrays = {}
        for name, values in batch.arrays.items():
            along = lead if name in vectors else 0
            cut = values.ndim > along and values.shape[along] == size
            arrays[name] = (
                np.ascontiguousarray(np.take(values, np.arange(keep), axis=along)) if cut else values
            )
        if attempt(arrays):
            return


def _flatten(subject: Subject, current: Callable[[], Batch], attempt: Callable[[Inputs], bool]) -> None:
    """One row as a matrix of one row, where its rank is higher."""
    batch = current()
    pair = _vectors(subject, batch)
    if not pair or any(batch.arrays[n].ndim <= 2 or 1 not in batch.arrays[n].shape for n in pair):
        return
    if any(np.prod(batch.arrays[n].shape) != max(batch.arrays[n].shape) for n in pair):
        return
    row = (-1, 1) if axis_of(subject, batch.options) == 0 else (1, -1)
    attempt(
        {
            n: a.reshape(row) if n in pair else a.reshape(a.shape[:1]) if a.ndim else a
            for n, a in batch.arrays.items()
        }
    )


def _fewer(subject: Subject, current: Callable[[], Batch], attempt: Callable[[Inputs], bool]) -> None:
    """Fewer elements: halves, then one by one."""
    pair = _vectors(subject, current())
    axis = axis_of(subject, current().options)
    if not pair or any(not -current().arrays[n].ndim <= axis < current().arrays[n].ndim for n in pair):
        return

    def length() -> int:
        batch = current()
        return max(int(batch.arrays[n].shape[axis_of(subject, batch.options)]) for n in pair)

    def without(start: int, stop: int) -> Inputs:
        batch = current()
        axis = axis_of(subject, batch.options)
        drop = np.arange(start, stop)
        return {
            n: np.ascontiguousarray(np.delete(a, drop, axis=axis)) if n in pair and a.shape[axis] > 1 else a
            for n, a in batch.arrays.items()
        }

    size = length() // 2
    while size >= 1:
        start = 0
        while start < length() and length() > 1:
            stop = min(start + size, length())
            if stop - start >= length() or not attempt(without(start, stop)):
                start += size
        size //= 2


def _vectors(subject: Subject, batch: Batch) -> list[str]:
    """The names of the arrays that have an embedding axis, in the order of the signature."""
    vectors = family_of(subject).inputs.vectors
    return [n for n in batch.arrays if subject.roles[n] in vectors]


def _positions(arrays: Mapping[str, NDArray[Any]], subject: Subject) -> Iterator[tuple[str, int]]:
    numbers = family_of(subject).inputs.roles
    for name, values in arrays.items():
        if subject.roles[name] in numbers and str(values.dtype) in FORMATS:
            for position in range(min(values.size, 64)):
                yield name, position


def _rounded(current: Callable[[], Inputs], subject: Subject) -> Iterator[Inputs]:
    """All numbers at once with few bits."""
    numbers = family_of(subject).inputs.roles
    for bits in (1, 2, 4):
        yield {n: _few_bits(a, bits) if subject.roles[n] in numbers else a for n, a in current().items()}


def _few_bits(values: NDArray[Any], bits: int) -> NDArray[Any]:
    if str(values.dtype) not in FORMATS:
        return values
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(values.astype(np.float64))
        return np.asarray(np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent).astype(values.dtype))


def _zeroed(current: Callable[[], Inputs], subject: Subject) -> Iterator[Inputs]:
    """One number at a time set to zero."""
    for name, position in list(_positions(current(), subject)):
        yield from _with(current(), name, position, 0.0)


def _simpler(current: Callable[[], Inputs], subject: Subject) -> Iterator[Inputs]:
    """One number at a time replaced by 1, then by a power of two near it."""
    for name, position in list(_positions(current(), subject)):
        value = float(current()[name].ravel()[position])
        if value in (0.0, 1.0) or not np.isfinite(value):
            continue
        yield from _with(current(), name, position, 1.0)
        yield from _with(
            current(), name, position, float(np.ldexp(np.copysign(1.0, value), int(np.frexp(value)[1]) - 1))
        )


def _with(arrays: Inputs, name: str, position: int, value: float) -> Iterator[Inputs]:
    old = arrays[name]
    if float(old.ravel()[position]) != value:
        new = old.copy()
        new.reshape(-1)[position] = value
        yield {**arrays, name: new}


def stays(
    region: str, subject: Subject, arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any]
) -> bool:
    """Whether reduced arrays still lie in the region they were drawn from."""
    numbers = family_of(subject).inputs.roles
    drawn = tuple(a for n, a in arrays.items() if subject.roles[n] in numbers)
    return not drawn or of(subject, region).contains(Held(drawn, axis_of(subject, options)))
