"""dtype: the result has the documented dtype, and mixed and integer inputs give what the documentation says.

Where it says nothing of integers, what comes back is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossproof.conformance.families.regions.model import ORDINARY
from lossproof.conformance.families.regions.registry import asked
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Mask, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject, Variant

MIXED = (("float32", "float64"), ("float64", "float32"), ("float16", "float32"), ("bfloat16", "float32"))
WITH_INTEGERS = (("int8", "float32"), ("float32", "int8"), ("uint8", "float32"), ("int8", "float64"))
"""Integers whose products leave their own dtype unless they are promoted first, beside a float."""
INTEGERS = ("int32", "int64", "int8", "uint8")


def cells(subject: Subject) -> Iterator[CellKey]:
    """Every floating dtype, pairs of them, integers beside floats, and integers alone."""
    for dtype in FLOATS:
        for region in asked("dtype", subject, dtype):
            yield CellKey("dtype", region, dtype, subject.row_wise)
    if not family_of(subject).mixes_dtypes(subject.semantics):
        return
    for pair in (*MIXED, *WITH_INTEGERS):
        options = subject.row_wise.options
        yield CellKey("dtype", ORDINARY, pair[0], Variant(options, dtypes=pair))
    for name in INTEGERS:
        yield CellKey("dtype", ORDINARY, name, subject.row_wise)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The dtype; of mixed and integer inputs the values too."""
    plain = key.dtype in FLOATS and not key.variant.dtypes

    def differs(judged: Judged) -> Mask:
        marks = np.full(judged.wrong.shape or (1,), judged.dtype_differs)
        return marks if plain else marks | judged.wrong

    return by_aspect(subject, key, executor, "dtype", differs)


PROPERTY = Property("dtype", "dtype", "the documented dtype of the result", cells, verdict_on)
