"""The kinds of divergence: one object for each, with what the suite must know of it.

The words that pages use for a kind are its name with spaces. Installed packages bring further kinds as entry points of
the group `lossproof.kinds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lossproof.conformance.families.regions.model import Region
from lossproof.conformance.families.regions.registry import named as region_named
from lossproof.conformance.workers.protocol import Answer
from lossproof.specs import extensions

GROUP: Final = "lossproof.kinds"


@dataclass(frozen=True)
class Kind:
    """A kind of divergence, by what is wrong.

    Severities: S1 is a wrong number on ordinary input, S2 one on special input or a fault that shows itself, S3 one at
    the extremes, S4 is cosmetic.
    """

    name: str
    gravest: str = "S1"
    """its severity on ordinary input"""
    gravest_change: str = "S1"
    """the severity of a change of this kind between two releases, on ordinary input"""
    expected: str = "a value"
    """what is expected in its place, in words, where no number says it"""
    kept: Callable[[Answer], Any] | None = None
    """the part of an answer without a wrong value that the answer to a smaller question must share"""
    ends: str = ""
    """what the code does, in words, where it ends the process or its time"""
    raises: bool = False
    """whether the difference is an exception"""
    vague: bool = False
    """whether a more telling kind takes its place where one fits"""
    of_digits: bool = False
    """whether only the last digits are wrong: their distance is told, and a few values do not tell the dtype"""
    of_norm_rule: bool = False
    """whether a rule for norms is behind it: a gradient may follow another one than its value does"""
    of_form: bool = False
    """whether the array is wrong and not its numbers"""
    of_page: bool = False
    """whether the documentation contradicts itself"""
    beside_value: bool = False
    """whether a right value says nothing of it"""
    one_cause: bool = False
    """whether all changes of this kind between two releases are one, wherever they show"""
    told_by_region: bool = False
    """whether a change of this kind is of the kind that the region where it shows is about"""
    told_apart: bool = False
    """whether changes of this kind have their words in their names"""

    def severity(self, region: Region) -> str:
        """How much a divergence of this kind matters in a region: the milder of what both say."""
        return max(self.gravest, region.gravest)


SIGN = Kind("sign", one_cause=True)
FORMULA = Kind("formula", vague=True)
ZERO_VECTOR = Kind("zero_vector", "S2", of_norm_rule=True)
EPS = Kind("eps", "S2", of_norm_rule=True)
REDUCTION = Kind("reduction", one_cause=True)
WEIGHTS = Kind("weights")
AXIS = Kind("axis")
BROADCASTING = Kind("broadcasting")
SHAPE = Kind("shape", of_form=True)
DTYPE = Kind("dtype", "S2", gravest_change="S2", of_form=True, one_cause=True, told_apart=True)
OVERFLOW = Kind("overflow", "S3")
UNDERFLOW = Kind("underflow", "S3")
ACCURACY = Kind("accuracy", of_digits=True)
RANGE = Kind("range", "S4", one_cause=True, told_by_region=True)
GRADIENT = Kind("gradient")
ERROR = Kind(
    "error", "S2", kept=lambda answer: answer.error and answer.error.type, raises=True,
    one_cause=True, told_apart=True,
)  # fmt: skip
CRASH = Kind("crash", "S2", expected="an answer", ends="crashes", one_cause=True)
HANG = Kind("hang", "S2", expected="an answer in time", ends="hangs", one_cause=True)
MUTATION = Kind(
    "mutation", "S2", expected="inputs unchanged", kept=lambda answer: answer.changed, beside_value=True
)
NONDETERMINISM = Kind("nondeterminism", "S2", expected="the same bits when asked again")
CONFIGURATION = Kind("configuration", "S2", gravest_change="S2")
TRAINING = Kind("training")
DOCUMENTATION = Kind("documentation", "S4", of_page=True)
OUTPUT = Kind("output", "S4", expected="nothing printed", kept=lambda answer: bool(answer.printed))

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
    return extensions.beside({kind.name: kind for kind in BUILT_IN}, GROUP, Kind)


def named(name: str) -> Kind:
    """The kind of this name; a plain one of a name that no kind has."""
    return kinds().get(name) or Kind(name)


def no_value(name: str) -> bool:
    """Whether answers that differ by this kind are none: an exception or the end of the process."""
    kind = named(name)
    return kind.raises or bool(kind.ends)


def severity(kind: str, region: str) -> str:
    """How much a divergence of a kind matters in a region (design, section 6)."""
    return named(kind).severity(region_named(region))
