"""Puts the questions of real frameworks to right implementations, and judges them by the same bounds.

The documents are those of the packaged specs, the cells those of the suite's properties, the rows those that the suite
draws for them. Each batch's expectation is asked for once, and every answer to it is measured as `judge_answer` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.allowed.ways import Way, ways
from lossproof import oracle
from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.families.regions.registry import named, of
from lossproof.conformance.judging.comparison import measured, reach
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo
from lossproof.conformance.properties.registry import properties
from lossproof.conformance.questions.batches import ROWS, Batch, batches
from lossproof.specs import load_specs

BY_VALUE = ("value", "zero_vector", "eps", "reduction", "weights", "axis", "broadcasting", "gradient")
"""Properties whose cells are judged value by value."""
ROOTS = ("parallel", "opposite", "long")
"""Regions whose gradients the oracle decides by integers or over thousands of elements: milliseconds a row."""
RANGES = ("tiny_norm", "below_eps", "underflow", "overflow", "mixed_scale", "subnormal")
"""The same in float64."""
SELDOM, SOMETIMES = 64, 8
"""Rounds for each time that such cells, other gradients, or float64 values of these regions are asked."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Alarm:
    """An accusation of a right implementation: the cell, the row and the expected answer."""

    way: str
    document: str
    label: tuple[str, ...]
    says: str
    row: dict[str, Any]
    """inputs, answer, expected interval and bound of the value, as hexadecimal floats"""


@dataclass(frozen=True)
class Measured:
    """The answers of one way to one batch."""

    way: str
    region: str
    dtype: str
    gradient: bool
    rows: int
    margin: float
    """largest error over bound; rows at a kink or jump, where two values are right, and infinities left out"""
    alarm: Alarm | None = None


def documents(pattern: str = "*") -> list[Subject]:
    """The documented APIs whose name matches, with one edition for each meaning."""
    found: dict[str, Subject] = {}
    for spec in load_specs():
        if not fnmatchcase(spec.api, pattern):
            continue
        for edition in spec.editions:
            meaning = edition.semantics.model_dump_json() + repr(edition.call.options)
            facts = TargetInfo("allowed", spec.framework, edition.slug)
            found.setdefault(spec.api + meaning, Subject(facts, spec, edition))
    return list(found.values())


def groups(subject: Subject, region: str = "*", dtype: str = "*") -> list[CellKey]:
    """A cell for each region, dtype and variant in which the value is documented."""
    found: dict[tuple[str, str, str], CellKey] = {}
    for name in BY_VALUE:
        for key in properties()[name].cells_of(subject):
            silent = key.region in subject.edition.silent or key.dtype not in FORMATS
            if silent or named(key.region).refusable:
                continue
            if fnmatchcase(key.region, region) and fnmatchcase(key.dtype, dtype):
                found.setdefault((key.region, key.dtype, key.variant.slug), key)
    return list(found.values())


def rarity(key: CellKey) -> int:
    """The number of rounds in which a cell is asked once: more where its rows cost the oracle more."""
    far = key.dtype == "float64" and key.region in RANGES
    if key.variant.wrt and (far or key.region in ROOTS):
        return SELDOM
    return SOMETIMES if key.variant.wrt or far or key.region == "long" else 1


def cells(pattern: str = "*", region: str = "*", dtype: str = "*") -> list[tuple[Subject, CellKey, int]]:
    """All cells, each with its number of rounds; of the most costly ones one for each meaning, whoever documents it."""
    found, met = [], set()
    for subject in documents(pattern):
        of = subject.semantics
        for key in groups(subject, region, dtype):
            rarely = rarity(key)
            if rarely == SELDOM:
                sides = [a.role for a in subject.edition.call.arrays if a.name == key.variant.wrt]
                same = (subject.spec.family, of.norm_rule, of.compute_dtype, key.region, key.dtype, *sides)
                if same in met:
                    continue
                met.add(same)
            found.append((subject, key, rarely))
    return found


def asked(
    subject: Subject,
    key: CellKey,
    seed: int,
    more: Sequence[Way] = (),
    above: Any = None,
    rows: int = ROWS,
    some: slice = slice(None),
) -> Iterator[Measured]:
    """The answers of every way that is right for a cell (or of `some` of them), and of `more`, to one batch.

    `above` says of a way, region, dtype and kind which margin is known already: only what exceeds it is sharpened.
    """
    for batch in batches(subject, key.region, key.dtype, key.variant, 1, seed, rows):
        try:
            expected = expect(subject, batch.arrays, batch.options, wrt=batch.wrt)
        except Undocumented:
            return
        for way in (*ways(subject, key.region, key.dtype, key.variant)[some], *more):
            known = above(way.name, key) if above else 0.0
            yield measure(subject, key, batch, expected, way, known)


def measure(
    subject: Subject, key: CellKey, batch: Batch, expected: Expected, way: Way, known: float = 0.0
) -> Measured:
    """One way's answer to a batch, judged."""
    values = way.answer(subject, batch.arrays, batch.options, batch.wrt, expected)
    head = (way.name, key.region, key.dtype, bool(batch.wrt))
    flush = not of(subject, key.region).flush_counts
    if values.shape != expected.shape or expected.dtype not in (None, str(values.dtype)):
        says = f"{values.dtype}{list(values.shape)} for {expected.dtype}{list(expected.shape)}"
        return Measured(
            *head, values.size, np.inf, _alarm(subject, batch, expected, way, values, (), says, flush)
        )
    wrong, ratio = measured(values, expected, flush)
    defined = ~np.asarray(expected.value.undefined)
    alarm = None
    if (wrong & defined).any():
        at = tuple(int(i) for i in np.argwhere(wrong & defined)[0])
        says = f"{int((wrong & defined).sum())} of {wrong.size} values"
        alarm = _alarm(subject, batch, expected, way, values, at, says, flush)
    clear = defined & np.isfinite(values.astype(np.float64)) & ~_divided(expected)
    margin = float(np.max(ratio, where=clear, initial=0.0))
    if margin > known and not alarm:
        errors = np.asarray(oracle.error_bounds(values, expected.value, expected.compute))
        bound = reach(expected, flush)
        margin = float(np.max(errors / bound, where=clear, initial=0.0))
    return Measured(*head, _rows(subject, expected, defined), margin, alarm)


def _divided(expected: Expected) -> NDArray[np.bool_]:
    """Where a kink or jump leaves more than one value right."""
    out = np.zeros(expected.shape, dtype=np.bool_)
    for other in expected.value.alternatives(expected.compute):
        out = out | np.reshape(other.mask, expected.shape if np.ndim(other.mask) else ())
    return out


def _rows(subject: Subject, expected: Expected, defined: NDArray[np.bool_]) -> int:
    """The number of values judged; for a gradient, of rows."""
    if expected.axis is None or subject.spec.family == "contrastive" or not defined.ndim:
        return int(defined.sum())
    return int(defined.any(axis=expected.axis).sum())


def _alarm(
    subject: Subject,
    batch: Batch,
    expected: Expected,
    way: Way,
    values: NDArray[Any],
    at: tuple[int, ...],
    says: str,
    flush: bool,
) -> Alarm:
    shown: dict[str, Any] = {"options": dict(batch.options)}
    for name, array in batch.arrays.items():
        shown[name] = _hex(_part(array, batch, expected, at))
    if values.shape == expected.shape:
        shown["answer"] = _hex(values[at] if at else values)
        for name, of in (
            ("lower", expected.value.lower),
            ("upper", expected.value.upper),
            ("bound", reach(expected, flush)),
        ):
            shown[name] = _hex(np.asarray(of)[at])
    return Alarm(way.name, f"{subject.api} {subject.edition.slug}", (*batch.label, batch.wrt), says, shown)


def _part(array: NDArray[Any], batch: Batch, expected: Expected, at: tuple[int, ...]) -> NDArray[Any]:
    """The row of an input that a value depends on, or the whole input where they do not correspond."""
    if not at or array.ndim != 2 or batch.axis % 2 != 1 or array.shape[0] <= at[0]:
        return array
    return np.asarray(array[at[0]])


def _hex(values: Any) -> Any:
    array = np.asarray(values).astype(np.float64)
    return float(array).hex() if not array.ndim else [_hex(v) for v in array]
