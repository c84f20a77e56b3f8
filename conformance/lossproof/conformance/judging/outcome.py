"""The definition of a property: the cells that it means something in, and the way a cell is judged.

A property is defined in one file of `properties`. The verdict on a cell is a function of
the target, the seed and the cell alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.regions.registry import asked, of, possible
from lossproof.conformance.judging.comparison import Judged, grade, ulps
from lossproof.conformance.judging.executor import Executor, Reply
from lossproof.conformance.judging.expectation import Expected
from lossproof.conformance.model.results import Verdict
from lossproof.conformance.model.subject import CellKey, Subject

FLOATS = ("float32", "float64", "float16", "bfloat16")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Failure:
    """Wrong values of one answer: `wrong` marks them among the values of the documented result."""

    reply: Reply
    wrong: Mask
    kind: str = ""
    says: str = ""
    """what is wrong, where it is not a value beyond its bound"""
    of_value: bool = False
    """whether it is about values that a case states, or that follow from values"""


@dataclass(frozen=True)
class Outcome:
    """The verdict on a cell with what a row of results needs."""

    verdict: Verdict
    kind: str = ""
    failures: tuple[Failure, ...] = ()
    rows: int = 0
    error: float | None = None
    ratio: float | None = None
    grade: str = ""
    expected: Any = None
    observed: Any = None
    note: str = ""
    case: Any = None
    sample: Any = None


Cells = Callable[[Subject], Iterable[CellKey]]
VerdictOn = Callable[[Subject, CellKey, Executor], Outcome]
Aspect = Callable[[Judged], Mask]


@dataclass(frozen=True)
class Property:
    """A property: what is asserted of an API's answers, where, and how it is judged."""

    name: str
    kind: str
    """of its divergences, unless they tell another"""
    asserts: str
    """what holds where it is not violated, in words"""
    cells: Cells
    """those in which it means something, of an API that has what it needs; the cases of a spec come besides"""
    verdict_on: VerdictOn
    """the outcome of one of these cells"""
    needs: tuple[str, ...] = ()
    """roles of arrays and options without which an API has none of its cells"""

    def cells_of(self, subject: Subject) -> Iterable[CellKey]:
        """The cells of an API: none where it lacks what the property needs."""
        fits = all(subject.has(role) or subject.option(role) is not None for role in self.needs)
        return self.cells(subject) if fits else ()


def row_wise(name: str, *regions: str) -> Cells:
    """The cells of rows with a value each, in every dtype: in regions that name the property, and in the ones given."""

    def cells(subject: Subject) -> Iterator[CellKey]:
        for dtype in FLOATS:
            more = (region for region in regions if possible(region, subject, dtype))
            for region in dict.fromkeys((*asked(name, subject, dtype), *more)):
                yield CellKey(name, region, dtype, subject.row_wise)

    return cells


def nowhere(subject: Subject) -> Iterator[CellKey]:
    """The cells of a property that has none but those of the spec's cases."""
    return iter(())


def wrong_values(judged: Judged) -> Mask:
    """Values beyond their bound."""
    return judged.wrong


def by_aspect(
    subject: Subject, key: CellKey, executor: Executor, kind: str, aspect: Aspect = wrong_values
) -> Outcome:
    """Judge a cell by one aspect of the answers to its batches."""
    replies = executor.replies(subject, key)
    if early := _no_values(subject, key, replies):
        return early
    failures = []
    for reply in replies:
        if reply.judged.refused or reply.judged.broken_off:
            failures.append(refusal(reply))
        elif (wrong := aspect(reply.judged)).any():
            failures.append(Failure(reply, wrong, "shape" if reply.judged.size_differs else kind))
    return conclude(subject, key, replies, tuple(failures), kind)


def conclude(
    subject: Subject, key: CellKey, replies: Sequence[Reply], failures: tuple[Failure, ...], kind: str
) -> Outcome:
    """The outcome of a cell from its replies and failures."""
    judged = [r.judged for r in replies if r.judged.expected is not None]
    rows = sum(int(j.wrong.size) for j in judged)
    defined = sum(int((~j.undefined).sum()) for j in judged)
    error, ratio, grade = _worst(judged)
    expected, observed = _shown(judged)
    valueless = any(r.judged.broken_off for r in replies)  # no documentation allows a crash or a None
    silent = subject.is_silent(key) or (rows > 0 and defined == 0) or not (judged or valueless)
    verdict: Verdict = "undocumented" if silent else "diverges" if failures else "conforms"
    note = next((r.judged.silent for r in replies if r.judged.silent), "")
    if verdict == "undocumented" and observed is None:
        observed = behaviour(replies)
    return Outcome(
        verdict,
        kind=failures[0].kind if failures and verdict == "diverges" else "",
        failures=failures if verdict == "diverges" else (),
        rows=rows,
        error=error,
        ratio=ratio,
        grade=grade,
        expected=expected,
        observed=observed,
        note=note,
    )


def _no_values(subject: Subject, key: CellKey, replies: Sequence[Reply]) -> Outcome | None:
    """The outcome where no reply holds a value: every dtype refused."""
    if not all(r.judged.refused for r in replies):
        return None
    observed = behaviour(replies)
    if subject.is_silent(key) or of(subject, key.region).refusable or key.variant.label:
        return Outcome("undocumented", observed=observed, rows=0)
    declined = any(r.answer.error and r.answer.error.declined for r in replies)
    if key.dtype in ("float32", "float64", "-") and not key.variant.dtypes and not declined:
        failures = tuple(refusal(r) for r in replies[:1])
        return Outcome("diverges", "error", failures, observed=observed)
    return Outcome("unsupported", observed=observed, note=str(observed.get("message", "")))


def refusal(reply: Reply) -> Failure:
    """The failure of a reply without a value: an error, a crash, a hang, or what is no array."""
    answer = reply.answer
    if answer.outcome == "error":
        says = f"raises {answer.error.type}: {answer.error.message}" if answer.error else "raises"
        return Failure(reply, np.ones(1, dtype=np.bool_), "error", says)
    if answer.unreadable:
        return Failure(reply, np.ones(1, dtype=np.bool_), "dtype", answer.note)
    if answer.outcome == "value" and reply.batch.wrt:
        says = f"no gradient comes back for {reply.batch.wrt}: {answer.note}"
        return Failure(reply, np.ones(1, dtype=np.bool_), "gradient", says)
    if answer.outcome == "value":
        return Failure(reply, np.ones(1, dtype=np.bool_), "shape", answer.note)
    return Failure(reply, np.ones(1, dtype=np.bool_), answer.outcome, answer.note)


def behaviour(replies: Sequence[Reply]) -> dict[str, Any]:
    """Describe the outcomes seen where nothing is documented, in words that do not depend on the numbers drawn."""
    seen: dict[str, Any] = {}
    for reply in replies:
        answer = reply.answer
        if answer.error is not None:
            seen.setdefault("error", answer.error.type)
            seen.setdefault(
                "message", answer.error.message.splitlines()[0][:200] if answer.error.message else ""
            )
        elif answer.value is not None:
            values = answer.value.numpy()
            kinds = seen.setdefault("values", [])
            for word in _words(values):
                if word not in kinds:
                    kinds.append(word)
            seen.setdefault("dtype", answer.value.dtype)
        else:
            seen.setdefault("outcome", answer.outcome)
            if answer.outcome == "value":
                seen.setdefault("note", answer.note)
    if "values" in seen:
        seen["values"] = sorted(seen["values"])
    return seen


def _words(values: NDArray[Any]) -> list[str]:
    flat = values.astype(np.float64).ravel() if values.dtype.kind not in "OUS" else np.zeros(0)
    tests = {
        "nan": np.isnan(flat),
        "inf": np.isposinf(flat),
        "-inf": np.isneginf(flat),
        "zero": flat == 0,
        "finite": np.isfinite(flat) & (flat != 0),
    }
    return [word for word, mask in tests.items() if mask.any()] or ["nothing"]


def _worst(judged: Sequence[Judged]) -> tuple[float | None, float | None, str]:
    """Error in ulp where distance over bound is largest, that ratio, and the grade that every answer reaches."""
    found = _farthest(judged)
    if found is None:
        return None, None, ""
    at, j = found
    return float(ulps(j).ravel()[at]), float(j.ratio.ravel()[at]), grade(judged)


def _farthest(judged: Sequence[Judged]) -> tuple[int, Judged] | None:
    """The value whose distance over the bound is largest: its index in C order, and the answer it belongs to.

    The answers are those that something is documented of; of equal distances the first counts.
    """
    best: tuple[float, int, Judged] | None = None
    for j in judged:
        if j.size_differs or j.undefined.all():
            continue
        ratio = np.where(j.undefined, -np.inf, np.nan_to_num(j.ratio, nan=np.inf)).ravel()
        at = int(np.argmax(ratio))
        if best is None or ratio[at] > best[0]:
            best = (float(ratio[at]), at, j)
    return None if best is None else best[1:]


def _shown(judged: Sequence[Judged]) -> tuple[Any, Any]:
    """Expected and observed value where the distance over the bound is largest."""
    found = _farthest(judged)
    if found is None:
        return None, None
    at, j = found
    assert j.expected is not None
    assert j.observed is not None
    lower, upper = bounds_at(j.expected, at)
    return {"lower": lower.hex(), "upper": upper.hex()}, {"value": float(j.observed.reshape(-1)[at]).hex()}


def bounds_at(expected: Expected, at: int) -> tuple[float, float]:
    """Lower and upper bound of one value of the documented result, by its index in C order."""
    lower, upper = np.asarray(expected.value.lower), np.asarray(expected.value.upper)
    return float(lower.ravel()[at]), float(upper.ravel()[at])
