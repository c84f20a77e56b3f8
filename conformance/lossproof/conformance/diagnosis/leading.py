"""The leading causes of an API: what explains the wrong answers to a fixed set of questions, weighed all at once.

The questions are the same whatever is selected, and in whatever order cells are judged. So one mistake has one name in
every cell, and neither a table nor a finding depends on what was asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from lossproof.conformance.diagnosis.inaccuracy import (
    Left,
    coarser_dtype,
    errs_like_rounding,
    missed_by_little,
)
from lossproof.conformance.diagnosis.matching import case_explained, explained
from lossproof.conformance.diagnosis.model import in_words
from lossproof.conformance.diagnosis.weighing import rows_of, weighed
from lossproof.conformance.families import kinds
from lossproof.conformance.families.lines import model
from lossproof.conformance.families.lines.model import Line, Mask
from lossproof.conformance.families.regions.model import ORDINARY, Region
from lossproof.conformance.families.regions.registry import asked as asked_regions
from lossproof.conformance.families.regions.registry import named, of, of_inputs, possible
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.judging.outcome import FLOATS, Failure
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.conformance.workers.protocol import UNANSWERED, Answer

REMAINDER = 0.1
"""The share of the wrong rows on ordinary input that may stay unexplained beside a cause that explains the others."""
VALUES = ("value", "zero_vector", "eps")
"""The properties of values, each of which names its regions."""


Parameters = Mapping[str, Any]


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
    base: Mapping[str, Any] = field(default_factory=dict)
    """those of another cause that hold besides"""
    line: Line | None = None
    """the line under which they do"""
    grave: bool = False
    """whether it shows on ordinary input in the first dtype: then whatever else is wrong is counted under it"""
    places: frozenset[tuple[str, str]] = frozenset()
    """the regions where it shows, each with a dtype"""
    gradient: bool = False
    """whether it is about gradients alone"""
    aspect: str = ""
    """the property that it is about, where it shows in its variants alone: axis, broadcasting, reduction, weights"""

    @property
    def all(self) -> dict[str, Any]:
        """The parameters with those of the cause that holds besides."""
        return {**self.base, **self.parameters}

    def gathers(self, subject: Subject, key: CellKey) -> bool:
        """Whether values of a cell that nothing explains are counted under this cause."""
        if self.gradient and not key.variant.wrt:
            return False
        return (
            self.grave or self.concerns(subject, key) or any(self._near(key, *place) for place in self.places)
        )

    def concerns(self, subject: Subject, key: CellKey) -> bool:
        """Whether a cell asks for what the cause is about: arrays that are reduced too early may fit no more."""
        if not self.aspect:
            return False
        option = subject.option(self.aspect)
        plain, asked = dict(subject.row_wise.options), dict(key.variant.options)
        chosen = option is not None and asked.get(option.name) != plain.get(option.name)
        arranged = {"broadcasting": key.variant.broadcast, "weights": key.variant.weights}.get(self.aspect)
        return key.property == self.aspect or chosen or bool(arranged)

    def _near(self, key: CellKey, region: str, dtype: str) -> bool:
        """Whether a cell lies where the cause shows; on ordinary input a dtype says nothing of others."""
        return region == key.region and (dtype == key.dtype or not named(region).plain)

    def explains(self, subject: Subject, failure: Failure) -> Mask:
        """The wrong values of a failure that come out as observed under it."""
        nothing = np.zeros_like(failure.wrong)
        if failure.reply.judged.observed is None:
            return nothing
        if failure.reply.judged.expected is None:
            return failure.wrong & bool(self.parameters and case_explained(subject, failure, self.all))
        if self.parameters:
            return failure.wrong & explained(subject, failure, self.all)
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
        if judged.expected is None:
            return np.zeros(0, np.bool_)
        if not judged.wrong.any():
            return judged.wrong
        return judged.wrong & ~self.known(key, Failure(reply, judged.wrong, "formula"))


def pilot(subject: Subject) -> Iterator[CellKey]:
    """The cells whose first batch shows whether an API is right at all: ordinary rows in each dtype."""
    for dtype in _dtypes(subject):
        yield CellKey("value", ORDINARY, dtype, subject.row_wise)


def _dtypes(subject: Subject) -> Iterator[str]:
    """The dtypes in which ordinary rows can be asked, the commonest first."""
    return (dtype for dtype in FLOATS if possible(ORDINARY, subject, dtype))


def suspicious(subject: Subject, asking: Asking) -> bool:
    """Whether the pilot finds wrong values that the ledger does not know; what ends the worker is asked no more."""
    for key in pilot(subject):
        reply = asking.first(key)
        if reply.answer.outcome in UNANSWERED:
            return False
        if asking.wrong(reply, key).any():
            return True
    return False


def questions(subject: Subject) -> Iterator[CellKey]:
    """The cells whose first batches tell a cause: regions of moderate size, and margins."""
    dtypes = [*_dtypes(subject)]
    for dtype in dtypes[:2]:
        for region in of_inputs(subject):
            asked = [
                p for p in VALUES if dtype in region.asked_by.get(p, ()) and region.possible(subject, dtype)
            ]
            if asked and _moderate(region) and (dtype == dtypes[0] or region.plainest or region.special):
                yield CellKey(asked[0], region.name, dtype, subject.row_wise)
    margin, eps = subject.option("margin"), subject.option("eps")
    if margin and dtypes:
        for value in margin.ask:
            yield CellKey("value", ORDINARY, dtypes[0], subject.row_wise.having(**{margin.name: value}))
    if eps and dtypes:  # a number that is written in the code is told from the one that is given
        for place, value in product(asked_regions("eps", subject, dtypes[0]), filter(None, eps.ask)):
            yield CellKey("eps", place, dtypes[0], subject.row_wise.having(**{eps.name: value}))


def _moderate(region: Region) -> bool:
    return not (region.extreme or region.refusable or region.lengths)


def leading(subject: Subject, asking: Asking) -> tuple[Leading, ...]:
    """The causes of an API's wrong answers, the one that explains most of them first."""
    if not subject.states_values:
        return ()
    changed = {name for key in pilot(subject) for name in asking.first(key).answer.changed}
    if changed:
        says = f"changes its input {' and '.join(sorted(changed))}"
        return (Leading("mutation", says, "changes-inputs", grave=True),)
    found = _of_values(subject, asking)
    if any(c.grave and not c.parameters for c in found):
        return found
    bases = [{}, *(c.parameters for c in found if c.parameters)]
    found += tuple(_of_aspects(subject, asking, bases))
    return found if any(c.grave for c in found) else (*found, *_of_gradients(subject, asking))


def _of_values(subject: Subject, asking: Asking) -> tuple[Leading, ...]:
    asked: list[Left] = []
    places: list[tuple[str, str]] = []
    for key in questions(subject):
        reply = asking.first(key)
        judged = reply.judged
        if judged.expected is None or judged.observed is None or judged.size_differs:
            continue
        wrong = asking.wrong(reply, key)
        asked.append(Left(Failure(reply, wrong, "formula"), wrong))
        places += [(key.region, key.dtype)] * judged.wrong.size
    if not any(item.mask.any() for item in asked):
        return ()
    first = next(item for item in asked if item.mask.any()).failure.reply
    if asking.again(first).value != first.answer.value:
        says = "gives another answer when it is asked again"
        return (Leading("nondeterminism", says, "asked again", grave=True),)
    common = np.asarray([of(subject, name).plain and dtype == places[0][1] for name, dtype in places])
    open_ = np.concatenate([item.mask.ravel() for item in asked])
    before = int((open_ & common).sum())
    found = []
    rows = rows_of(subject, [(item.failure.reply, item.mask) for item in asked])
    for line, mask in weighed(subject, rows) if rows is not None else ():
        grave, shown = bool((mask & common).any()), frozenset(places[i] for i in np.flatnonzero(mask))
        found.append(
            Leading(line.kind, line.says, line.name, line.parameters, line=line, grave=grave, places=shown)
        )
        open_ = open_ & ~mask
    if int((open_ & common).sum()) > REMAINDER * before:
        other = _unexplained(subject, asked, open_ & common)
        found = [other, *(replace(cause, grave=False) for cause in found)]
    return tuple(found)


def _unexplained(subject: Subject, asked: Sequence[Left], open_: Mask) -> Leading:
    """The cause of values on ordinary input that no line explains: fewer bits, rounding, or another formula."""
    start, left = 0, []
    for item in asked:
        stop = start + item.mask.size
        mask = open_[start:stop].reshape(item.mask.shape)
        start = stop
        if mask.any():
            left.append(Left(item.failure, mask))
    if name := coarser_dtype(subject, left):
        says = f"no more accurate than {name}"
        return Leading("accuracy", says, "", {"compute_dtype": name}, grave=True)
    rounded = errs_like_rounding(left) and all(missed_by_little(i.failure, i.mask) for i in left)
    return Leading("accuracy" if rounded else "formula", grave=True)


def _of_aspects(subject: Subject, asking: Asking, bases: Sequence[Parameters]) -> Iterator[Leading]:
    """The causes that show on other axes, in reductions, under weights, and on inputs of different shapes."""
    dtype = next(_dtypes(subject), None)
    if dtype is None:
        return
    for aspect, variants, others in _aspects(subject):
        failures = []
        for variant in variants:
            key = CellKey(aspect, ORDINARY, dtype, variant)
            reply = asking.first(key)
            wrong = asking.wrong(reply, key)
            if reply.judged.observed is not None and wrong.any():
                failures.append(Failure(reply, wrong, aspect))
        if failures:
            yield from _explaining(subject, failures, bases, others, Leading(aspect, aspect=aspect))


def _aspects(subject: Subject) -> Iterator[tuple[str, list[Variant], list[Parameters]]]:
    """An aspect of the call, the variants that ask for it, and the parameters of code that has it wrong."""
    plain, semantics = subject.row_wise, subject.semantics
    axis = subject.option("axis")
    if axis is not None:
        asked = [plain.having(**{axis.name: value}) for value in axis.ask]
        yield "axis", asked, [{"axis": value} for value in (-1, 0, 1, -2)]
    if family_of(subject).broadcasts(semantics):
        early = "normalise" if semantics.fixed("broadcasting") == "expand" else "expand"
        asked = [replace(plain, broadcast=kind) for kind in ("axis", "left")]
        yield "broadcasting", asked, [{"broadcasting": early}]
    reductions: list[Parameters] = [{"reduction": name} for name in ("sum", "mean")]
    if subject.reductions:
        yield "reduction", [*subject.reductions], [*reductions, {"reduction": "none"}]
    if subject.has("weights"):
        other = "numpy" if semantics.weights == "per_sample" else "per_sample"
        by_weights = [{"reduction": name} for name in ("mean_by_weight", "mean_by_nonzero")]
        asked = [replace(v, weights="per_sample") for v in (plain, subject.base)]
        yield "weights", asked, [{"ignore_weights": True}, {"weights": other}, *reductions, *by_weights]


def _explaining(
    subject: Subject,
    failures: Sequence[Failure],
    bases: Sequence[Parameters],
    others: Sequence[Parameters],
    cause: Leading,
) -> Iterator[Leading]:
    """The cause with the first parameters under which all wrong answers come out as observed; without, if none do.

    A cause of values accounts for what comes out under it alone.
    """
    left = {}
    for number, base in enumerate(bases):
        rest = [replace(f, wrong=f.wrong & ~explained(subject, f, base)) if base else f for f in failures]
        left[number] = [f for f in rest if f.wrong.any()]
        if not left[number]:
            return
    for (number, rest), parameters in product(left.items(), others):
        if all(explained(subject, f, {**bases[number], **parameters})[f.wrong].all() for f in rest):
            kind = next((name for name in parameters if name in kinds.kinds()), cause.kind)
            says = in_words(parameters)
            yield replace(cause, kind=kind, says=says, parameters=parameters, base=bases[number])
            return
    if not all(missed_by_little(f, f.wrong) for f in failures):  # else fewer bits may be the reason
        yield cause


def _of_gradients(subject: Subject, asking: Asking) -> tuple[Leading, ...]:
    """The cause of gradients that are wrong on ordinary input: one of the catalogue if it explains them all."""
    dtype = next(_dtypes(subject), None)
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
    for parameters in _gradients(subject, failures):
        if all(explained(subject, f, parameters)[f.wrong].all() for f in failures):
            return (Leading("gradient", in_words(parameters), "", parameters, grave=True, gradient=True),)
    return (Leading("gradient", grave=True, gradient=True),)


def _gradients(subject: Subject, failures: Sequence[Failure]) -> Iterator[Parameters]:
    """Ways in which a gradient is wrong as a whole."""
    for factor in (0.0, *_factors(failures), 2.0, 0.5, -1.0):
        yield {"gradient_factor": factor}
    if family_of(subject).inputs.vectors:
        yield {"gradient_of": "other"}


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
