"""reduction: each documented reduction divides by what the documentation says."""

from __future__ import annotations

from collections.abc import Iterator

from lossproof.conformance.families.regions.model import ORDINARY
from lossproof.conformance.families.regions.registry import asked, possible
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, by_aspect
from lossproof.conformance.model.subject import CellKey, Subject, Variant


def documented(subject: Subject) -> Iterator[Variant]:
    """The default and every documented value of the reduction option."""
    option = subject.option("reduction")
    if option is None:
        if subject.semantics.reduction != "none":
            yield subject.base
        return
    yield subject.base
    yield from subject.reductions


def cells(subject: Subject) -> Iterator[CellKey]:
    """Every documented reduction in every dtype, of parallel rows and of none; and reduced with another margin.

    Where the value is undocumented, a margin that is given and not used shows in the reduced value alone.
    """
    reduced = tuple(documented(subject))
    for variant in reduced:
        for dtype in FLOATS:
            for region in asked("reduction", subject, dtype):
                yield CellKey("reduction", region, dtype, variant)
    margin = subject.option("margin")
    if reduced and margin is not None and possible(ORDINARY, subject, "float32"):
        for value in margin.ask:
            yield CellKey("reduction", ORDINARY, "float32", subject.base.having(**{margin.name: value}))


def verdict_on(subject: Subject, key: CellKey, executor: Executor) -> Outcome:
    """The reduced value within its bound; with another margin it is the loss that is judged, not the divisor."""
    margin = subject.option("margin")
    given = margin is not None and margin.name in dict(key.variant.options)
    return by_aspect(subject, key, executor, "formula" if given else "reduction")


PROPERTY = Property("reduction", "reduction", "the documented divisor of every reduction", cells, verdict_on)
