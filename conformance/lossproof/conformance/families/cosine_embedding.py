"""The family cosine_embedding: a hinge over the cosine of two vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossproof import oracle
from lossproof.conformance.families.cosine import OfPairs, documented_rule
from lossproof.conformance.families.formula import Arrays, Chosen, Formula
from lossproof.conformance.families.lines import hinge
from lossproof.conformance.families.lines.model import Line, Numbers, Rows
from lossproof.conformance.families.model import Labels
from lossproof.specs.semantics import CosineEmbeddingSemantics, Semantics


class CosineEmbedding(OfPairs):
    """One loss a pair of vectors with a label."""

    name = "cosine_embedding"
    labels = Labels((-1.0, 1.0), ("-5", "0", "0.5", "4"))

    def formula(self, chosen: Chosen, by_role: Arrays) -> Formula:
        """1 - c for label 1, max(0, c - margin) for label -1."""
        assert isinstance(chosen.semantics, CosineEmbeddingSemantics)
        return Formula(
            values=oracle.cosine_embedding,
            slopes=oracle.cosine_embedding_gradient,
            arrays=(by_role["x"], by_role["y"], by_role["labels"]),
            parameters={"margin": chosen.of("margin", 0.0), **documented_rule(chosen)},
            roles={"x": "x1", "y": "x2"},
            shaping={"zero": chosen.semantics.zero},
        )

    def interval(self, semantics: Semantics) -> tuple[float, float]:
        """From 0 to 2: margins lie between -1 and 1."""
        return 0.0, 2.0

    def lines(self, semantics: Semantics, rows: Rows) -> Iterator[Line]:
        """Other labels and margins, then other cosines."""
        found = self.over_cosine(semantics, _ending, _undo)
        if found:
            yield from hinge.lines(found.cosines)
            yield from found.lines(rows)


def _ending(c: Numbers, rows: Rows) -> Numbers:
    return hinge.hinge(c, rows["label"], rows["margin"])


def _undo(loss: Numbers, rows: Rows) -> Numbers:
    """The cosine that a loss shows; none where the hinge is 0."""
    dissimilar = np.where(loss > 0, loss + rows["margin"], np.nan)
    return np.where(rows["label"] == 1, 1 - loss, dissimilar)


FAMILY = CosineEmbedding()
