"""Exact values of documented formulas, with proof.

    from lossproof import oracle
    e = oracle.cosine(x, y)
    e.lower, e.upper, e.rounded("float32"), oracle.bound(e, "float32", "G2"), oracle.within(answer, e,
    tolerance)

The oracle knows no framework, no spec and no report. docs/oracle.md is its manual, docs/bounds.md its
mathematics.
"""

from lossproof.oracle.arithmetic.self_test import FloatEnvironmentError, faults
from lossproof.oracle.enclosure import Alternative, Enclosure
from lossproof.oracle.errors import UnsupportedInput
from lossproof.oracle.formats import FLOAT_DTYPES
from lossproof.oracle.grading import error_bounds, error_limit, error_unit, excess, grade, ulp_error, within
from lossproof.oracle.losses.contrastive import contrastive, contrastive_gradient
from lossproof.oracle.losses.hinge import cosine_embedding, cosine_embedding_gradient
from lossproof.oracle.norm_rules.model import NormRule
from lossproof.oracle.norm_rules.registry import NORM_RULES, norm_rule, norm_rules
from lossproof.oracle.reduction import REDUCTIONS, reduce
from lossproof.oracle.rounding import GRADES, bound
from lossproof.oracle.scores.cosine import BROADCASTS, SCORES, cosine
from lossproof.oracle.scores.gradient import cosine_gradient
from lossproof.oracle.scores.matrix import cosine_matrix
from lossproof.oracle.screening import accepts
from lossproof.oracle.tallies import Tally, WorstAnswer
from lossproof.oracle.tallying import tally

__all__ = [
    "BROADCASTS",
    "FLOAT_DTYPES",
    "GRADES",
    "NORM_RULES",
    "REDUCTIONS",
    "SCORES",
    "Alternative",
    "Enclosure",
    "FloatEnvironmentError",
    "NormRule",
    "Tally",
    "UnsupportedInput",
    "WorstAnswer",
    "accepts",
    "bound",
    "contrastive",
    "contrastive_gradient",
    "cosine",
    "cosine_embedding",
    "cosine_embedding_gradient",
    "cosine_gradient",
    "cosine_matrix",
    "error_bounds",
    "error_limit",
    "error_unit",
    "excess",
    "faults",
    "grade",
    "norm_rule",
    "norm_rules",
    "reduce",
    "tally",
    "ulp_error",
    "within",
]
