"""The family cosine: the cosine of two vectors itself, negated, or as a distance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lossproof import oracle
from lossproof.conformance.families.formula import Arrays, Chosen, Formula, Undocumented
from lossproof.conformance.families.lines.cosine import Ending
from lossproof.conformance.families.lines.cosine import OverCosine as OverCosineLines
from lossproof.conformance.families.lines.model import Line, Rows
from lossproof.conformance.families.model import Family, Hypothesis
from lossproof.conformance.families.vectors import Vectors
from lossproof.conformance.model.subject import Subject
from lossproof.specs.semantics import CosineSemantics, OverCosine, Semantics

PAIRS = Vectors(("x", "y"))
SCORES = {
    "similarity": "returns the similarity c",
    "negated": "returns the negated similarity -c",
    "distance": "returns the distance 1 - c",
}


def documented_rule(chosen: Chosen) -> dict[str, Any]:
    """The norm rule and its eps, as the oracle takes them.

    Raises:
        Undocumented: the page gives no formula.
    """
    semantics = chosen.semantics
    assert isinstance(semantics, OverCosine)
    if semantics.norm_rule is None:
        raise Undocumented("the documentation gives no formula")
    rule: dict[str, Any] = {"norm_rule": semantics.norm_rule}
    if oracle.norm_rule(semantics.norm_rule).eps is not None:
        rule["eps"] = chosen.eps()
    return rule


class OfPairs(Family):
    """A family whose score is the cosine of two vectors."""

    inputs = PAIRS

    def over_cosine(self, semantics: Semantics, ending: Ending, undo: Ending) -> OverCosineLines | None:
        """The lines of a cosine of which the API makes `ending`; None where the page gives no formula."""
        assert isinstance(semantics, OverCosine)
        if semantics.norm_rule is None:
            return None
        return OverCosineLines(ending, undo, oracle.norm_rule(semantics.norm_rule), semantics.eps)

    def symmetric(self, semantics: Semantics) -> bool:
        """Every cosine is, but under a rule that treats one vector otherwise than the other."""
        assert isinstance(semantics, OverCosine)
        return semantics.norm_rule is None or oracle.norm_rule(semantics.norm_rule).symmetric

    def scale_free(self, semantics: Semantics) -> bool:
        """Under a rule that divides by the norms, of vectors of any norm."""
        assert isinstance(semantics, OverCosine)
        if semantics.inputs == "unit_norm" or semantics.norm_rule is None:
            return False
        return oracle.norm_rule(semantics.norm_rule).scale_free

    def mixes_dtypes(self, semantics: Semantics) -> bool:
        """Unless the page asks for unit norms, which integers do not have."""
        assert isinstance(semantics, OverCosine)
        return semantics.inputs != "unit_norm"

    def lone(self, subject: Subject) -> bool:
        """Where rank 1 is documented and has the axis."""
        option = subject.option("axis")
        return 1 in subject.semantics.ranks and (option is None or option.default in (-1, 0))


class Cosine(OfPairs):
    """One score a pair of vectors."""

    name = "cosine"
    follows_clamps = True

    def formula(self, chosen: Chosen, by_role: Arrays) -> Formula:
        """The cosine under the documented norm rule."""
        semantics = chosen.semantics
        assert isinstance(semantics, CosineSemantics)
        rule = documented_rule(chosen)
        if semantics.score is None:
            raise Undocumented("the documentation gives no sign")
        x, y = by_role["x"], by_role["y"]
        if x.shape != y.shape and semantics.broadcasting in (None, "refused"):
            raise Undocumented("the documentation does not say what inputs of different shapes give")
        broadcast = "normalise" if semantics.broadcasting == "normalise" else "expand"
        axis = chosen.of("axis", -1)
        stretched = broadcast == "normalise" and x.shape[axis] != y.shape[axis]
        return Formula(
            values=oracle.cosine,
            slopes=oracle.cosine_gradient,
            arrays=(x, y),
            parameters={"axis": axis, "score": semantics.score, **rule},
            roles={"x": "x", "y": "y"},
            shaping={"zero": semantics.zero, "keepdims": semantics.keepdims, "broadcast": broadcast},
            axis=axis,
            no_gradient="no gradient is derived for norms that are taken before the axis is broadcast"
            if stretched
            else "",
        )

    def interval(self, semantics: Semantics) -> tuple[float, float]:
        """From -1 to 1, of a distance from 0 to 2."""
        assert isinstance(semantics, CosineSemantics)
        return (0.0, 2.0) if semantics.score == "distance" else (-1.0, 1.0)

    def signed(self, semantics: Semantics) -> bool:
        """Where the page gives a score."""
        assert isinstance(semantics, CosineSemantics)
        return semantics.score is not None

    def broadcasts(self, semantics: Semantics) -> bool | None:
        """Where the page says how, or does not refuse it."""
        assert isinstance(semantics, CosineSemantics)
        return None if semantics.broadcasting is None else semantics.broadcasting != "refused"

    def lines(self, semantics: Semantics, rows: Rows) -> Iterator[Line]:
        """Other signs and the distance, then other cosines."""
        assert isinstance(semantics, CosineSemantics)
        forms = {"similarity": lambda c, _: c, "negated": lambda c, _: -c, "distance": lambda c, _: 1 - c}
        found = semantics.score and self.over_cosine(
            semantics, forms[semantics.score], forms[semantics.score]
        )
        if not found:
            return
        for kind, parameters in self.other_scores(semantics):
            other = replace(found, ending=forms[parameters["score"]])
            yield Line(kind, parameters["score"], SCORES[parameters["score"]], other.documented, parameters)
        yield from found.lines(rows)

    def other_scores(self, semantics: Semantics) -> Iterator[Hypothesis]:
        """Other signs, and the distance."""
        assert isinstance(semantics, CosineSemantics)
        for score in ("similarity", "negated", "distance"):
            if score != semantics.score:
                of_sign = {score, semantics.score} == {"similarity", "negated"}
                yield ("sign" if of_sign else "formula"), {"score": score}


FAMILY = Cosine()
