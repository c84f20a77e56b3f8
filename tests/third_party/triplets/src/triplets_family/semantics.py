"""The semantic parameters that a page on a triplet loss fixes."""

from lossproof.specs.semantics import Semantics


class TripletSemantics(Semantics):
    """Nothing but those of every family: the margin is an option."""

    roles = ("positives", "negatives")
    parameters = ("margin",)
