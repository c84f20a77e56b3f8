"""gradient: the derivative of the summed results is that of the documented formula, with respect to every input.

No documentation speaks of gradients, so the derivative of the documented formula is what is asked for, inside clamps
too, and at kinks any of the subgradients. Where the formula has no derivative, what comes back is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossproof.conformance.families.regions.model import ORDINARY
from lossproof.conformance.families.regions.registry import asked, possible
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject, Variant
from lossproof.conformance.properties.reduction import documented

WEIGHTS = ("per_sample", "full")
BROADCASTS = ("left", "right")


def cells(subject: Subject) -> Iterator[CellKey]:
    """Every input, region and dtype; in float32 on ordinary rows each reduction, weights, axes, margins, broadcasting.

    Where the documentation has nothing to differentiate, one cell for each input records what comes back.
    """
    for array in subject.edition.call.arrays:
        if array.role not in family_of(subject).inputs.roles:
            continue
        row_wise = replace(subject.row_wise, wrt=array.name)
        if "gradient" in subject.edition.silent:
            yield CellKey("gradient", ORDINARY, "float32", row_wise)
            continue
        for dtype in FLOATS:
            for region in asked("gradient", subject, dtype):
                yield CellKey("gradient", region, dtype, row_wise)
        for variant in _variants(subject):
            if possible(ORDINARY, subject, "float32"):
                yield CellKey("gradient", ORDINARY, "float32", replace(variant, wrt=array.name))


def _variants(subject: Subject) -> Iterator[Variant]:
    """Yield the variants a derivative passes through: reductions, weights, axes, margins, and broadcast shapes."""
    reductions = tuple(documented(subject)) or (subject.base,)
    yield from reductions
    if subject.has("weights"):
        for variant in reductions:
            for kind in WEIGHTS:
                yield replace(variant, weights=kind)
    for role in ("axis", "margin"):
        option = subject.option(role)
        for value in option.ask if option else ():
            if option and value != option.default:
                yield subject.row_wise.having(**{option.name: value})
    if family_of(subject).broadcasts(subject.semantics):
        for kind in BROADCASTS:
            yield replace(subject.row_wise, broadcast=kind)


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """Each element within its bound, each row at one point between the sides of a kink."""
    return by_aspect(subject, key, executor, "gradient")


PROPERTY = Property(
    "gradient",
    "gradient",
    "the derivative of the documented formula with respect to every input",
    cells,
    verdict_on,
)
