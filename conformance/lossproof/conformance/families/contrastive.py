"""The family contrastive: two terms over a given distance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossproof import oracle
from lossproof.conformance.families.formula import Arrays, Chosen, Formula
from lossproof.conformance.families.given import Given
from lossproof.conformance.families.lines import pairs
from lossproof.conformance.families.lines.model import Line, Rows
from lossproof.conformance.families.model import Family, Hypothesis, Labels
from lossproof.specs.semantics import ContrastiveSemantics, Semantics

TERMS = ("similar", "squared", "half")


class Contrastive(Family):
    """One loss a label with a distance."""

    name = "contrastive"
    inputs = Given(("distances",))
    labels = Labels((0.0, 1.0), ("-1", "2", "5"), whole=True)

    def formula(self, chosen: Chosen, by_role: Arrays) -> Formula:
        """The documented terms of each label and distance."""
        return Formula(
            values=oracle.contrastive,
            slopes=oracle.contrastive_gradient,
            arrays=(by_role["labels"], by_role["distances"]),
            parameters={
                "margin": chosen.of("margin", 1.0),
                **{name: getattr(chosen.semantics, name) for name in TERMS},
            },
            roles={"distances": ""},
        )

    def interval(self, semantics: Semantics) -> tuple[float, float]:
        """From 0 up."""
        return 0.0, np.inf

    def other_terms(self, semantics: Semantics) -> Iterator[Hypothesis]:
        """The other label taken for similar, terms squared or not, halved or not."""
        assert isinstance(semantics, ContrastiveSemantics)
        yield "formula", {"similar": 1 - semantics.similar}
        yield "formula", {"squared": not semantics.squared}
        yield "formula", {"half": not semantics.half}

    def lines(self, semantics: Semantics, rows: Rows) -> Iterator[Line]:
        """Terms with another margin, maximum or square."""
        assert isinstance(semantics, ContrastiveSemantics)
        return pairs.lines(semantics.similar, semantics.squared, semantics.half)


FAMILY = Contrastive()
