"""Changed cells as both sides were asked them: batches drawn again, with the values that came back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.changes.answers import Told, differing, numbers
from lossproof.conformance.changes.model import RowKey, Side
from lossproof.conformance.changes.naming import Parameters
from lossproof.conformance.changes.replay import alike, replayed
from lossproof.conformance.diagnosis import predicates
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.judging.comparison import LOW_PRECISION, expected_of, judge_answer, measured
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import Failure
from lossproof.conformance.model.dtypes import FORMATS, cast
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Answer, Array

Mask = NDArray[np.bool_]
BATCHES = 2
"""Batches of a cell whose answers are looked at: the first that differ."""


@dataclass(frozen=True, eq=False)
class Put:
    """A batch as a side was asked it, the first values that came back, and which of them the other side has not."""

    subject: Subject
    key: CellKey
    batch: Batch
    answer: Told
    differs: Mask

    @property
    def flush(self) -> bool:
        """Whether products flushed to zero are allowed for."""
        return not of(self.subject, self.key.region).flush_counts

    def ordinary(self) -> bool:
        """Whether one of the values that differ comes of inputs of ordinary size; of a reduced value, all."""
        batch = self.batch
        try:
            found = self._of_values(predicates.ordinary(self.subject, batch.arrays, batch.options))
        except (ValueError, LookupError, TypeError):  # inputs that no formula takes
            return True
        return bool((found & self.differs).any())

    def holds(self, predicate: str) -> bool:
        """Whether a predicate holds of the inputs of every value that differs."""
        batch = self.batch
        compute = str(self.answer["dtype"])
        try:
            found = predicates.holds(predicate, self.subject, batch.arrays, batch.options, compute)
            return bool(self._of_values(found)[self.differs].all())
        except (ValueError, LookupError, TypeError):  # inputs that no formula takes
            return False

    def _of_values(self, rows: Mask) -> Mask:
        """A mask of rows for the recorded values; of a reduced value all rows count."""
        shape = tuple(self.answer["shape"])
        if self.batch.wrt:
            rows = predicates.of_elements(rows, self.subject, self.batch, shape)
        if rows.size != int(np.prod(shape, dtype=np.int64)):
            return np.full_like(self.differs, bool(rows.all()))
        return np.asarray(rows.ravel()[: self.differs.size])

    def comes_out(self, parameters: Parameters, answer: Told) -> Mask:
        """Which of the first values of an answer come out under these semantic parameters.

        An implementation may hold its eps in the dtype of its inputs, which matters where that has few bits.
        """
        found, dtype = self._right(parameters, answer), str(answer["dtype"])
        if parameters.get("eps") is None or dtype not in LOW_PRECISION or found[self.differs].all():
            return found
        rounded = self._right({"eps_dtype": dtype, **parameters}, answer)
        return rounded if rounded[self.differs].all() else found

    def _right(self, parameters: Parameters, answer: Told) -> Mask:
        batch, shape = self.batch, tuple(answer["shape"])
        try:
            other = expected_of(
                self.subject, batch.arrays, batch.options, dict(parameters) or None, batch.wrt
            )
        except (Undocumented, ValueError, TypeError, LookupError):  # no such formula takes these inputs
            return np.zeros_like(self.differs)
        if other.shape != shape:
            return np.zeros_like(self.differs)
        observed = whole(answer)
        wrong, _ = measured(observed, other, self.flush)
        nan = np.isnan(observed.astype(np.float64))
        right = np.where(np.asarray(other.value.undefined), nan, ~wrong)
        return np.asarray(right.ravel()[: self.differs.size])


def whole(answer: Told) -> NDArray[Any]:
    """An answer in its shape and dtype, with NaN where no value was kept."""
    values, shape = numbers(answer), tuple(answer["shape"])
    whole = np.full(int(np.prod(shape, dtype=np.int64)), np.nan)
    whole[: values.size] = values
    return cast(whole.reshape(shape), str(answer["dtype"]))


Puts = tuple[tuple[Put, Put], ...]
"""The first batches of a cell whose answers differ, as the old and the new side were asked them."""


def puts_of(old: Side, new: Side, key: RowKey) -> Puts:
    """The first batches of a cell whose recorded values differ; none where they cannot be had again."""
    if old.asking is None or new.asking is None:
        return ()
    a, b = (side.samples.get(key, {}).get("answers") or () for side in (old, new))
    pairs = list(zip(a, b, strict=False))
    mine, theirs = (replayed(side, key, len(pairs)) for side in (old.asking, new.asking))
    if mine is None or theirs is None:
        return ()
    loose = old.rows[key]["verdict"] == new.rows[key]["verdict"] == "diverges"
    found = []
    for (x, y), batch, other in zip(pairs, mine.batches, theirs.batches, strict=True):
        differs = differing(x, y, loose)
        if differs.any() and alike(batch, other) and all(_fits(answer, batch) for answer in (x, y)):
            put = Put(mine.subject, mine.key, batch, x, differs)
            found.append((put, Put(theirs.subject, theirs.key, other, y, differs)))
    return tuple(found[:BATCHES])


def _fits(answer: Told, batch: Batch) -> bool:
    """Whether an answer is one of numbers, no more of them than the inputs have."""
    shape = answer.get("shape")
    if shape is None or str(answer.get("dtype")) not in FORMATS:
        return False
    size = int(np.prod([int(n) for n in shape], dtype=np.float64))
    return numbers(answer).size <= size <= max((a.size for a in batch.arrays.values()), default=0)


def as_failure(put: Put) -> Failure | None:
    """The recorded values as a failure, which the catalogue is asked about; None where no formula is documented."""
    answer, batch = Answer("value", Array.of(whole(put.answer))), put.batch
    judged = judge_answer(put.subject, batch.arrays, batch.options, answer, flush=put.flush, wrt=batch.wrt)
    if judged.expected is None or judged.size_differs:
        return None
    return Failure(Reply(batch, answer, judged), judged.wrong)
