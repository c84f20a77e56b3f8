"""The leading causes of an API: what explains the wrong answers to a fixed set of questions, weighed all at once.

The questions are the same whatever is selected, and in whatever order cells are judged. So one mistake has one name in
every cell, and neither a table nor a finding depends on what was asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from lossproof.conformance.diagnosis.inaccuracy import Left, missed_by_little, one_sided, signs_of
from lossproof.conformance.diagnosis.matching import case_explained, explained
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.lines import model
from lossproof.conformance.families.lines.model import Line, Mask, Numbers, Rows, Wide
from lossproof.conformance.families.regions.model import ORDINARY, Region
from lossproof.conformance.families.regions.registry import of, of_inputs, possible
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import reach
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import FLOATS, Failure
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.workers.protocol import Answer

FEWEST = 3
"""Wrong rows that a cause must explain, unless it explains all there are."""
MOST = 3
"""Causes that an API is told to have before the rest goes without one."""
CONTRADICTED = 0.02
"""The share of right rows that a line may contradict: a rare row lies at a decision."""
VALUES = ("value", "zero_vector", "eps")
"""The properties of values, each of which names its regions."""


@dataclass(frozen=True)
class Leading:
    """A cause of wrong answers of an API, and where it holds."""

    kind: str
    says: str = ""
    """"": nothing explains the answers"""
    name: str = ""
    """a few words"""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """the semantic parameters under which answers come out as observed, if some do"""
    line: Line | None = None
    """the line under which they do"""
    ordinary: bool = False
    """whether it shows on ordinary input: then whatever else is wrong is counted under it"""
    regions: frozenset[str] = frozenset()
    """the regions where it shows"""
    gradient: bool = False
    """whether it is about gradients alone"""

    def gathers(self, key: CellKey) -> bool:
        """Whether values of a cell that nothing explains are counted under this cause."""
        if self.gradient and not key.variant.wrt:
            return False
        return self.ordinary or key.region in self.regions

    def explains(self, subject: Subject, failure: Failure) -> Mask:
        """The wrong values of a failure that come out as observed under it."""
        nothing = np.zeros_like(failure.wrong)
        if failure.reply.judged.observed is None:
            return nothing
        if failure.reply.judged.expected is None:
            return failure.wrong & bool(self.parameters and case_explained(subject, failure, self.parameters))
        if self.parameters:
            return failure.wrong & explained(subject, failure, self.parameters)
        if self.line is None:
            return nothing
        rows = rows_of(subject, [(failure.reply, failure.wrong)])
        if rows is None or rows.size != failure.wrong.size:
            return nothing
        return failure.wrong & model.explained(self.line, rows).reshape(failure.wrong.shape)


@dataclass(frozen=True)
class Asking:
    """The means by which the causes of an API are found."""

    first: Callable[[CellKey], Reply]
    """the answer to the first batch of a cell"""
    again: Callable[[Reply], Answer]
    """the answer to a question that is asked once more"""
    known: Callable[[CellKey, Failure], Mask]
    """the wrong values of a failure that the ledger explains"""

    def wrong(self, reply: Reply, key: CellKey) -> Mask:
        """The wrong values of an answer that the ledger does not explain."""
        judged = reply.judged
        if judged.expected is None or judged.size_differs:
            return np.zeros(0, np.bool_)
        if not judged.wrong.any():
            return judged.wrong
        return judged.wrong & ~self.known(key, Failure(reply, judged.wrong, "formula"))


def pilot(subject: Subject) -> Iterator[CellKey]:
    """The cells whose first batch shows whether an API is right at all: ordinary rows in each dtype."""
    for dtype in FLOATS:
        if possible(ORDINARY, subject, dtype):
            yield CellKey("value", ORDINARY, dtype, subject.row_wise)


def suspicious(subject: Subject, asking: Asking) -> bool:
    """Whether the pilot finds wrong values that the ledger does not know."""
    return any(asking.wrong(asking.first(key), key).any() for key in pilot(subject))


def questions(subject: Subject) -> Iterator[CellKey]:
    """The cells whose first batches tell a cause: regions of moderate size, and margins."""
    dtypes = [d for d in FLOATS if possible(ORDINARY, subject, d)]
    for dtype in dtypes[:2]:
        for region in of_inputs(subject):
            asked = [
                p for p in VALUES if dtype in region.asked_by.get(p, ()) and region.possible(subject, dtype)
            ]
            if asked and _moderate(region) and (dtype == dtypes[0] or region.plainest or region.special):
                yield CellKey(asked[0], region.name, dtype, subject.row_wise)
    margin = subject.option("margin")
    if margin and dtypes:
        for value in margin.ask:
            yield CellKey("value", ORDINARY, dtypes[0], subject.row_wise.having(**{margin.name: value}))


def _moderate(region: Region) -> bool:
    return not (region.extreme or region.refusable or region.lengths)


def leading(subject: Subject, asking: Asking) -> tuple[Leading, ...]:
    """The causes of an API's wrong answers, the one that explains most of them first."""
    if not subject.states_values:
        return ()
    found = _of_values(subject, asking)
    return (*found, *_of_gradients(subject, asking)) if not any(c.ordinary for c in found) else found


def _of_values(subject: Subject, asking: Asking) -> tuple[Leading, ...]:
    asked, regions, left = [], [], []
    for key in questions(subject):
        reply = asking.first(key)
        judged = reply.judged
        if judged.expected is None or judged.observed is None or judged.size_differs:
            continue
        wrong = asking.wrong(reply, key)
        asked.append((reply, wrong))
        left.append(Left(Failure(reply, wrong, "formula"), wrong))
        regions += [key.region] * judged.wrong.size
    if not any(wrong.any() for _, wrong in asked):
        return ()
    rows = rows_of(subject, asked)
    where = np.asarray(regions)
    plain = np.asarray([of(subject, name).plain for name in regions])
    found, open_ = [], np.concatenate([wrong.ravel() for _, wrong in asked])
    if rows is not None:
        for line, mask in _weighed(subject, replace(rows, plain=plain)):
            shown = frozenset(map(str, where[mask]))
            ordinary = bool((mask & plain).any())
            found.append(Leading(line.kind, line.says, line.name, line.parameters, line, ordinary, shown))
            open_ = open_ & ~mask
    if (open_ & plain).any() and not any(c.ordinary for c in found):
        found.append(_unexplained(asking, left, open_ & plain))
    return tuple(found)


def _unexplained(asking: Asking, left: Sequence[Left], open_: Mask) -> Leading:
    """The cause of values on ordinary input that no line explains: chance, rounding, or another formula."""
    for item in left[:1]:
        first = item.failure.reply
        if asking.again(first).value != first.answer.value:
            return Leading(
                "nondeterminism", "gives another answer when it is asked again", "asked again", ordinary=True
            )
    return Leading(_kind(left, open_), ordinary=True)


def _kind(left: Sequence[Left], open_: Mask) -> str:
    """`accuracy` where rounding may have left the values where they are, else `formula`."""
    start, some = 0, []
    for item in left:
        stop = start + item.mask.size
        mask = open_[start:stop].reshape(item.mask.shape)
        start = stop
        if mask.any():
            some.append(Left(item.failure, mask))
    rounded = not one_sided(signs_of(some)) and all(missed_by_little(i.failure, i.mask) for i in some)
    return "accuracy" if rounded else "formula"


def _of_gradients(subject: Subject, asking: Asking) -> tuple[Leading, ...]:
    """The cause of gradients that are wrong on ordinary input: one of the catalogue if it explains them all."""
    dtype = next((d for d in FLOATS if possible(ORDINARY, subject, d)), None)
    names = [n for n, role in subject.roles.items() if role in family_of(subject).inputs.roles]
    if dtype is None or "gradient" in subject.edition.silent:
        return ()
    failures = []
    for name in names:
        key = CellKey("gradient", ORDINARY, dtype, replace(subject.row_wise, wrt=name))
        reply = asking.first(key)
        wrong = asking.wrong(reply, key)
        if wrong.any():
            failures.append(Failure(reply, wrong, "gradient"))
    if not failures:
        return ()
    for parameters, says in _gradients(subject, failures):
        if all(explained(subject, f, parameters)[f.wrong].all() for f in failures):
            return (Leading("gradient", says, "", parameters, ordinary=True, gradient=True),)
    return (Leading("gradient", ordinary=True, gradient=True),)


def _gradients(subject: Subject, failures: Sequence[Failure]) -> Iterator[tuple[dict[str, Any], str]]:
    """Ways in which a gradient is wrong as a whole."""
    yield {"gradient_factor": 0.0}, "gives a gradient of 0"
    for factor in (*_factors(failures), 2.0, 0.5, -1.0):
        yield {"gradient_factor": factor}, f"multiplies the gradient by {factor:g}"
    if family_of(subject).inputs.vectors:
        yield {"gradient_of": "other"}, "gives the gradient with respect to the other input"


def _factors(failures: Sequence[Failure]) -> list[float]:
    """The factor between the gradients that came and the documented ones, if it is a simple fraction."""
    judged = failures[0].reply.judged
    assert judged.expected is not None
    assert judged.observed is not None
    with np.errstate(all="ignore"):
        wanted = np.asarray(judged.expected.value.lower)
        ratios = (judged.observed.astype(np.float64).reshape(wanted.shape) / wanted)[failures[0].wrong]
    kept = ratios[np.isfinite(ratios)]
    near = Fraction(float(np.median(kept))).limit_denominator(64) if kept.size else Fraction(0)
    return [float(near)] if near else []


def _weighed(subject: Subject, rows: Rows) -> Iterator[tuple[Line, Mask]]:
    """Each line that explains most of what is left, with the wrong rows that it explains."""
    for _ in range(MOST):
        best, most = None, 0
        for line in family_of(subject).lines(subject.semantics, rows):
            match = model.explained(line, rows)
            taken = match & rows.wrong
            count = int(taken.sum())
            if count <= most:
                continue
            # a line without a floor says nothing of the zero vectors that a floor beside it may take care of
            contradicted = int((rows.right & ~match & np.isfinite(line.value(rows)[0])).sum())
            if contradicted <= CONTRADICTED * max(int(rows.right.sum()), count):
                best, most = (line, taken), count
        if best is None or most < min(FEWEST, int(rows.wrong.sum())):
            return
        yield best
        rows = replace(rows, wrong=rows.wrong & ~best[1])
        if not rows.wrong.any():
            return


def rows_of(subject: Subject, replies: Sequence[tuple[Reply, Mask]]) -> Rows | None:
    """Answers with one value a row as rows, those in the masks being wrong; None where they are none."""
    parts = [_rows(subject, reply, wrong) for reply, wrong in replies]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    sums = {name: np.concatenate([p.sums[name] for p in whole]) for name in whole[0].sums}
    fields = ("documented", "observed", "bound", "unit", "wrong", "right", "plain")
    return Rows(sums, *(np.concatenate([getattr(p, f) for p in whole]) for f in fields))


def _rows(subject: Subject, reply: Reply, wrong: Mask) -> Rows | None:
    batch, judged = reply.batch, reply.judged
    expected, observed = judged.expected, judged.observed
    if batch.wrt or expected is None or observed is None or judged.size_differs:
        return None
    if not subject.reduces_not(batch.options):
        return None
    by_role = {subject.roles[n]: a for n, a in batch.arrays.items()}
    inputs = family_of(subject).inputs
    if not set(inputs.roles) <= set(by_role):
        return None
    sums = dict(inputs.sums(by_role, axis_of(subject, batch.options)))
    size = judged.wrong.size
    if not sums or len(sums["length"]) != size:
        return None
    eps, margin = subject.eps(batch.options), subject.option("margin")
    asked = batch.options.get(margin.name, margin.default) if margin else 0.0
    sums["eps"] = np.full(size, eps or 0.0, Wide)
    sums["margin"] = np.full(size, float(asked or 0.0), Wide)
    if "labels" in by_role:
        sums["label"] = np.broadcast_to(by_role["labels"].astype(np.float64), judged.wrong.shape).ravel()
    value = expected.value
    with np.errstate(all="ignore"):
        middle: Numbers = (np.asarray(value.lower, Wide) + np.asarray(value.upper, Wide)) / 2
    return Rows(
        sums,
        documented=np.where(judged.undefined, np.nan, middle).ravel(),
        observed=observed.astype(np.float64).astype(Wide).ravel(),
        bound=reach(expected, judged.flush).ravel(),
        unit=np.full(size, FORMATS[expected.compute].unit),
        wrong=wrong.ravel(),
        right=(~judged.wrong & ~judged.undefined).ravel(),
        plain=np.zeros(size, np.bool_),
    )
