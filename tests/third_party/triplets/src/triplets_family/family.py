"""The suite's side of the family: which arrays it takes, its formula, its range, and how it is mistaken."""

import numpy as np

from lossproof.conformance.families.formula import Formula
from lossproof.conformance.families.given import Given
from lossproof.conformance.families.model import Family
from triplets_family.oracle import triplet, triplet_gradient


class Triplet(Family):
    """One loss a triplet, of the distances to its positive and to its negative."""

    name = "triplet"
    inputs = Given(("positives", "negatives"))

    def formula(self, chosen, by_role):
        """The ramp over the difference of the distances."""
        return Formula(
            values=triplet,
            slopes=triplet_gradient,
            arrays=(by_role["positives"], by_role["negatives"]),
            parameters={"margin": chosen.of("margin", 1.0)},
            roles={"positives": "positives", "negatives": "negatives"},
        )

    def interval(self, semantics):
        """From 0 up."""
        return 0.0, np.inf


TRIPLET = Triplet()
