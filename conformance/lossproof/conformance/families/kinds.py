"""The kinds of divergence: one object for each, with what the suite must know of it.

The words that pages use for a kind are its name with spaces. Installed packages bring further kinds as entry points of
the group `lossproof.kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from lossproof.conformance.families.regions.model import Region
from lossproof.conformance.families.regions.registry import named as region_named
from lossproof.specs import extensions
from lossproof.specs.problems import Problem, SpecError

GROUP: Final = "lossproof.kinds"


@dataclass(frozen=True)
class Kind:
    """A kind of divergence, by what is wrong."""

    name: str
    gravest: str = "S1"
    """its severity on ordinary input: S1 a wrong number, S2 seen by who looks, S3 at the extremes, S4 cosmetic"""

    def severity(self, region: Region) -> str:
        """How much a divergence of this kind matters in a region: the milder of what both say."""
        return max(self.gravest, region.gravest)


SIGN = Kind("sign")
FORMULA = Kind("formula")
ZERO_VECTOR = Kind("zero_vector", "S2")
EPS = Kind("eps", "S2")
REDUCTION = Kind("reduction")
WEIGHTS = Kind("weights")
AXIS = Kind("axis")
BROADCASTING = Kind("broadcasting")
SHAPE = Kind("shape")
DTYPE = Kind("dtype", "S2")
OVERFLOW = Kind("overflow", "S3")
UNDERFLOW = Kind("underflow", "S3")
ACCURACY = Kind("accuracy")
RANGE = Kind("range", "S4")
GRADIENT = Kind("gradient")
ERROR = Kind("error", "S2")
CRASH = Kind("crash", "S2")
HANG = Kind("hang", "S2")
MUTATION = Kind("mutation", "S2")
NONDETERMINISM = Kind("nondeterminism", "S2")
CONFIGURATION = Kind("configuration", "S2")
TRAINING = Kind("training")
DOCUMENTATION = Kind("documentation", "S4")
OUTPUT = Kind("output", "S4")

BUILT_IN: Final = (
    SIGN, FORMULA, ZERO_VECTOR, EPS, REDUCTION, WEIGHTS, AXIS, BROADCASTING, SHAPE, DTYPE, OVERFLOW, UNDERFLOW,
    ACCURACY, RANGE, GRADIENT, ERROR, CRASH, HANG, MUTATION, NONDETERMINISM, CONFIGURATION, TRAINING, DOCUMENTATION,
    OUTPUT,
)  # fmt: skip


@cache
def kinds() -> dict[str, Kind]:
    """The kinds by name: the suite's own, then those that installed packages bring.

    Raises:
        SpecError: an entry point names no kind, or one that is there already.
    """
    found = {kind.name: kind for kind in BUILT_IN}
    for name, kind in extensions.objects(GROUP).items():
        if not isinstance(kind, Kind) or name in found:
            what = "there is such a kind already" if name in found else "it is no Kind"
            raise SpecError([Problem(f"entry point {name}", 0, GROUP, what)])
        found[name] = kind
    return found


def named(name: str) -> Kind:
    """The kind of this name; a plain one of a name that no kind has."""
    return kinds().get(name) or Kind(name)


def severity(kind: str, region: str) -> str:
    """How much a divergence of a kind matters in a region (design, section 6)."""
    return named(kind).severity(region_named(region))
