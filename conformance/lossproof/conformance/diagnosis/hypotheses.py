"""The catalogue of ways in which implementations go wrong: other semantic parameters that may explain an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lossproof import oracle
from lossproof.conformance.diagnosis.matching import holding
from lossproof.conformance.diagnosis.weighing import rows_of
from lossproof.conformance.families.regions.model import Region
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.outcome import Failure
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.oracle.norm_rules.rules import PLAIN as PLAIN_RULE
from lossproof.oracle.norm_rules.rules import RAW as RAW_RULE

EPS = (1e-12, 9.999999960041972e-13, 1e-8, 1e-7, 1e-6, 1e-16, 1e-24)
"""Floors seen in implementations; the second is 1e-12 as a float32 constant."""


def floors() -> tuple[str, ...]:
    """The norm rules with an eps, simplest first: implementations use one in the place of another.

    Those that treat one vector otherwise than the other are found over all answers of an API, see `families.lines`.
    """
    return tuple(rule.name for rule in oracle.norm_rules() if rule.eps is not None and rule.symmetric)


def hypotheses(subject: Subject, key: CellKey, failure: Failure) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways in which implementations go wrong, as (kind, semantic parameters), simplest first."""
    family, semantics, judged = family_of(subject), subject.semantics, failure.reply.judged
    region = of(subject, key.region)
    assert judged.expected is not None
    observed = str(judged.observed.dtype) if judged.observed is not None else ""
    if judged.dtype_differs and observed in FORMATS:
        yield "dtype", {"result_dtype": observed}
    if judged.shape_differs and not judged.size_differs:
        yield "shape", {"keepdims": not semantics.fixed("keepdims")}
    if region.zero_rows and family.inputs.vectors:  # 1 - 0 is 1, but so is a rule of its own
        yield from _zeros(subject, failure)
    yield from family.other_scores(semantics)
    if failure.reply.batch.wrt:
        yield from _gradients(subject)
    if family.inputs.vectors:
        if region.flush_counts:
            yield "underflow", {"subnormals": "zero"}
        yield from _rules(subject, region, failure)
    for reduction in ("none", "sum", "mean", "mean_by_weight", "mean_by_nonzero"):
        if key.variant.weights or reduction in ("none", "sum", "mean"):
            yield "reduction", {"reduction": reduction}
    if key.variant.weights:
        yield "weights", {"ignore_weights": True}
        yield "weights", {"weights": "numpy" if semantics.weights == "per_sample" else "per_sample"}
    if subject.option("axis") is not None and region.plain:
        for axis in (-1, 0, 1, -2):
            yield "axis", {"axis": axis}
    if key.variant.broadcast:
        yield (
            "broadcasting",
            {"broadcasting": "normalise" if semantics.fixed("broadcasting") == "expand" else "expand"},
        )
    yield from family.other_terms(semantics)
    # Last, since the wide bound of a narrow dtype accepts much.
    given = [
        str(a.dtype) for n, a in failure.reply.batch.arrays.items() if subject.roles[n] in family.inputs.roles
    ]
    if len(set(given)) > 1:
        yield "dtype", {"compute_dtype": "narrowest"}
    elif judged.expected.compute == "float64" and not region.extreme:
        yield "dtype", {"compute_dtype": "float32"}


def _gradients(subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways in which the gradient of a right value is wrong: none, by a factor, of the other input, past a floor."""
    for factor in (0.0, 2.0, 0.5):
        yield "gradient", {"gradient_factor": factor}
    family = family_of(subject)
    if family.inputs.vectors:
        yield "gradient", {"gradient_of": "other"}
    if family.follows_clamps and subject.eps():
        for rule in oracle.norm_rules():
            if rule.followed is not None:
                yield "gradient", {"norm_rule": rule.name, "clamp": "followed"}


def _rules(subject: Subject, region: Region, failure: Failure) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = "zero_vector" if region.zero_rows else "eps"
    if subject.eps() is not None:  # another rule with whatever eps is given
        assert failure.reply.judged.expected is not None
        if failure.reply.judged.expected.compute == "float64":
            yield "eps", {"eps_dtype": "float32"}
        for rule in floors():
            if rule != subject.semantics.fixed("norm_rule"):
                yield kind, {"norm_rule": rule}
        if not region.zero_rows:
            yield kind, {"norm_rule": PLAIN_RULE.name}
    documented = str(subject.semantics.fixed("norm_rule"))
    for eps in EPS if documented in floors() else ():
        yield kind, {"norm_rule": documented, "eps": eps}
    rows = rows_of(subject, [(failure.reply, failure.wrong)])
    for line in family_of(subject).lines(subject.semantics, rows) if rows is not None else ():
        if "eps" in line.parameters:
            yield kind, dict(line.parameters)
    if region.directed:
        yield "formula", {"norm_rule": RAW_RULE.name}


def _zeros(subject: Subject, failure: Failure) -> Iterator[tuple[str, dict[str, Any]]]:
    """A value of its own for zero vectors; None: 0/0, where no eps that vanishes explains it."""
    for value in () if failure.reply.batch.wrt else (0.0, 1.0, -1.0):
        yield "zero_vector", {"norm_rule": PLAIN_RULE.name, "zero": value}
    if not holding(subject, failure, "eps_vanishes").any():
        yield "zero_vector", {"norm_rule": PLAIN_RULE.name, "zero": None}
